#include "cli.h"

/* An exit status has 8 bits, a Windows exit code 32: what is not 0 must not become 0. */
static int exit_status(uint32_t exit_code)
{
    int low = (int)(exit_code & 0xFF);
    return exit_code != 0 && low == 0 ? CLI_FAILED : low;
}

static int run_module(const cli_load_options *options, ldr_module *module, int argc, char **argv)
{
    uint32_t exit_code;
    ldr_diag diag;
    fflush(stdout);
    if (ldr_run(module, argc, (const char *const *)argv, &exit_code, &diag) != LDR_OK) {
        cli_report(&diag);
        if (options->as_json)
            cli_json_failure(argv[0], &diag);
        return CLI_FAILED;
    }
    if (options->as_json) {
        cli_json json = {.out = stdout};
        cli_json_open(&json, NULL, '{');
        cli_json_text(&json, "file", argv[0]);
        cli_json_number(&json, "exit_code", exit_code);
        cli_json_close(&json, '}');
        putchar('\n');
    }
    return exit_status(exit_code);
}

int cli_run(int argc, char **argv)
{
    cli_load_options options = {0};
    const cli_option table[] = {
        {"--json", CLI_FLAG, &options.as_json},
        {"--search", CLI_LIST, &options.search},
        {"--missing", CLI_TEXT, &options.missing},
    };
    const cli_syntax syntax = {table, sizeof table / sizeof table[0], true, 1, argc};
    ldr_context *ctx;
    ldr_module *module;

    int words = cli_parse(&syntax, argc, argv);
    if (words < 0)
        return CLI_USAGE;
    int result = cli_load(&options, argv[1], &ctx, &module);
    if (result != CLI_DONE)
        return result;
    result = run_module(&options, module, words, argv + 1);
    ldr_context_destroy(ctx);
    return result;
}
