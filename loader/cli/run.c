#include "cli.h"
#include "system.h"

#include <stdlib.h>
#include <string.h>

static int report_exit(const cli_session *session, uint32_t exit_code)
{
    if (session->as_json) {
        cli_json json = {.out = stdout};
        cli_json_open(&json, NULL, '{');
        cli_json_text(&json, "file", session->path);
        cli_json_number(&json, "exit_code", exit_code);
        cli_json_close(&json, '}');
        cli_json_end_line(&json);
    }
    return cli_program_status(exit_code);
}

static int load_and_run(cli_session *session, int argc, char **argv, uint32_t *ret_exit_code)
{
    ldr_diag diag;
    int result = cli_session_open(session, argv[0]);
    if (result != CLI_DONE)
        return result;
    cli_guest_enters();
    ldr_status status =
        ldr_run(session->module, argc, (const char *const *)argv, ret_exit_code, &diag);
    cli_guest_leaves();
    if (status == LDR_OK)
        return CLI_DONE;
    cli_report(&diag);
    if (session->as_json)
        cli_json_failure(session->path, &diag);
    return CLI_FAILED;
}

static int run_here(cli_session *session, int argc, char **argv)
{
    uint32_t exit_code;
    int result = load_and_run(session, argc, argv, &exit_code);
    if (result != CLI_DONE) {
        cli_program_tell(CLI_PLACE_FAILED);
        return result;
    }
    bool has_crashed = cli_report_exit(session->ctx, exit_code);
    if (cli_program_tell(has_crashed ? CLI_PLACE_CRASHED : CLI_PLACE_ENDED))
        return cli_program_status(exit_code);
    return report_exit(session, exit_code);
}

static int run(cli_session *session, int argc, char **argv, int words)
{
    uint32_t exit_code = CLI_FAILED;
    session->path = argv[argc - words];
    switch (cli_program_place(argc, argv, words, &exit_code)) {
    case CLI_PLACE_ENDED:
        cli_report_exit(NULL, exit_code);
        return report_exit(session, exit_code);
    case CLI_PLACE_CRASHED:
        return report_exit(session, exit_code);
    case CLI_PLACE_FAILED:
        return (int)exit_code;
    default:
        return run_here(session, words, argv + argc - words);
    }
}

/* As main gets it, of what main has got: parsing moves the words. */
static char **copy_words(int argc, char **argv)
{
    char **copy = calloc((size_t)argc + 1, sizeof *copy);
    if (copy != NULL)
        memcpy(copy, argv, (size_t)argc * sizeof *copy);
    else
        perror("peload: run");
    return copy;
}

int cli_run(int argc, char **argv)
{
    cli_session session = {.policy = LDR_POLICY_WINDOWS};
    const cli_option table[] = {
        {"--json", CLI_FLAG, &session.as_json},    CLI_FOLDER_OPTIONS(&session.folders),
        {"--missing", CLI_TEXT, &session.missing}, {"--base", CLI_TEXT, &session.base},
        {"--process", CLI_TEXT, &session.process}, {"--delay", CLI_TEXT, &session.delay},
        {"--trace", CLI_TEXT, &session.trace},     {"--memory", CLI_FLAG, &session.from_memory},
        {"--gdb", CLI_FLAG, &session.gdb},         {"--perf-map", CLI_FLAG, &session.perf_map},
    };
    const cli_syntax syntax = {table, sizeof table / sizeof table[0], true, 1, argc};

    char **given = copy_words(argc, argv);
    if (given == NULL)
        return CLI_FAILED;
    int words = cli_parse(&syntax, argc, argv);
    int result = words < 0 ? CLI_USAGE : run(&session, argc, given, words);
    cli_session_close(&session);
    free(given);
    return result;
}
