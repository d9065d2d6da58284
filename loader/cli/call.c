#include "cli.h"

#include "call_values.h"

#include <string.h>

enum { SLOTS_MIN = 4 };

uint64_t cli_call_guest(void *function, const uint64_t *slots, size_t count, double *ret_real);

typedef struct call_options {
    cli_load_options load;
    const char *ret;
} call_options;

/* What one call is made of and what came of it. */
typedef struct call_job {
    const char *file;
    const char *export;
    call_type type;
    size_t count;
    call_value values[CALL_VALUES_MAX];
    call_result result;
} call_job;

/* The export that `text` names, as a name or as #ordinal. */
static void *find_export(ldr_module *module, const char *text)
{
    uint64_t ordinal;
    if (text[0] == '#' && cli_number(text + 1, &ordinal))
        return ordinal <= UINT32_MAX ? ldr_symbol_ordinal(module, (uint32_t)ordinal) : NULL;
    return ldr_symbol(module, text);
}

static void make_call(call_job *job, void *function)
{
    uint64_t slots[CALL_VALUES_MAX] = {0};
    size_t count = job->count < SLOTS_MIN ? SLOTS_MIN : job->count + job->count % 2;

    for (size_t i = 0; i < job->count; i++)
        slots[i] = call_value_slot(&job->values[i]);
    fflush(stdout);
    job->result.integer = cli_call_guest(function, slots, count, &job->result.real);
    fflush(stdout);
}

static void print_text(const call_job *job)
{
    call_result_print(&job->result, job->type);
    for (size_t i = 0; i < job->count; i++)
        call_value_print(&job->values[i], i + 1);
}

static void print_json(const call_job *job)
{
    cli_json json = {.out = stdout};
    cli_json_open(&json, NULL, '{');
    cli_json_text(&json, "file", job->file);
    cli_json_text(&json, "export", job->export);
    cli_json_diag(&json, &(ldr_diag){.status = LDR_OK});
    call_result_json(&json, &job->result, job->type);
    cli_json_open(&json, "arguments", '[');
    for (size_t i = 0; i < job->count; i++)
        call_value_json(&json, &job->values[i], i + 1);
    cli_json_close(&json, ']');
    cli_json_close(&json, '}');
    putchar('\n');
}

static int call_export(const call_options *options, call_job *job, ldr_module *module)
{
    void *function = find_export(module, job->export);
    if (function == NULL) {
        ldr_diag diag;
        cli_fail(&diag, LDR_EXPORT_NOT_FOUND, PE_NT_ENTRYPOINT_NOT_FOUND, job->export);
        cli_report(&diag);
        if (options->load.as_json)
            cli_json_failure(job->file, &diag);
        return CLI_FAILED;
    }
    make_call(job, function);
    if (options->load.as_json)
        print_json(job);
    else
        print_text(job);
    return CLI_DONE;
}

/* Parses the values, loads the image and calls the export. The caller releases the values. */
static int load_and_call(const call_options *options, call_job *job, char **words, size_t count)
{
    ldr_context *ctx;
    ldr_module *module;
    for (; job->count < count; job->count++) {
        int parsed = call_value_parse(words[job->count], &job->values[job->count]);
        if (parsed != CLI_DONE)
            return parsed;
    }
    int result = cli_load(&options->load, job->file, &ctx, &module);
    if (result != CLI_DONE)
        return result;
    result = call_export(options, job, module);
    ldr_context_destroy(ctx);
    return result;
}

int cli_call(int argc, char **argv)
{
    call_options options = {0};
    const cli_option table[] = {
        {"--json", CLI_FLAG, &options.load.as_json},
        {"--ret", CLI_TEXT, &options.ret},
        {"--search", CLI_LIST, &options.load.search},
        {"--missing", CLI_TEXT, &options.load.missing},
    };
    const cli_syntax syntax = {table, sizeof table / sizeof table[0], false, 2,
                               2 + CALL_VALUES_MAX};
    call_job job = {0};

    int words = cli_parse(&syntax, argc, argv);
    if (words < 0 || !call_type_parse(options.ret, &job.type))
        return CLI_USAGE;
    job.file = argv[1];
    job.export = argv[2];
    int result = load_and_call(&options, &job, argv + 3, (size_t)words - 2);
    for (size_t i = 0; i < job.count; i++)
        call_value_free(&job.values[i]);
    return result;
}
