#include "cli.h"

/* An exit status has 8 bits, a Windows exit code 32: what is not 0 must not become 0. */
static int exit_status(uint32_t exit_code)
{
    int low = (int)(exit_code & 0xFF);
    return exit_code != 0 && low == 0 ? CLI_FAILED : low;
}

static int run_module(const cli_session *session, int argc, char **argv)
{
    uint32_t exit_code;
    ldr_diag diag;
    fflush(stdout);
    if (ldr_run(session->module, argc, (const char *const *)argv, &exit_code, &diag) != LDR_OK) {
        cli_report(&diag);
        if (session->as_json)
            cli_json_failure(session->path, &diag);
        return CLI_FAILED;
    }
    cli_report_exit(session->ctx, exit_code);
    if (session->as_json) {
        cli_json json = {.out = stdout};
        cli_json_open(&json, NULL, '{');
        cli_json_text(&json, "file", session->path);
        cli_json_number(&json, "exit_code", exit_code);
        cli_json_close(&json, '}');
        putchar('\n');
    }
    return exit_status(exit_code);
}

int cli_run(int argc, char **argv)
{
    cli_session session = {.policy = LDR_POLICY_WINDOWS};
    const cli_option table[] = {
        {"--json", CLI_FLAG, &session.as_json},      CLI_FOLDER_OPTIONS(&session.folders),
        {"--missing", CLI_TEXT, &session.missing},   {"--base", CLI_TEXT, &session.base},
        {"--process", CLI_TEXT, &session.process},   {"--delay", CLI_TEXT, &session.delay},
        {"--trace", CLI_TEXT, &session.trace},       {"--gdb", CLI_FLAG, &session.gdb},
        {"--perf-map", CLI_FLAG, &session.perf_map},
    };
    const cli_syntax syntax = {table, sizeof table / sizeof table[0], true, 1, argc};

    int words = cli_parse(&syntax, argc, argv);
    if (words < 0)
        return CLI_USAGE;
    int result = cli_session_open(&session, argv[1]);
    if (result == CLI_DONE)
        result = run_module(&session, words, argv + 1);
    cli_session_close(&session);
    return result;
}
