#include "call_values.h"
#include "cli.h"
#include "system.h"

#include <string.h>

enum { SLOTS_MIN = 4 };

uint64_t cli_call_guest(void *function, const uint64_t *slots, size_t count, double *ret_real);

/* What one call is made of and what came of it. */
typedef struct call_job {
    cli_session session;
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
    cli_guest_enters();
    job->result.integer = cli_call_guest(function, slots, count, &job->result.real);
    cli_guest_leaves();
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
    cli_json_end_line(&json);
}

static int call_export(call_job *job)
{
    void *function = find_export(job->session.module, job->export);
    if (function == NULL) {
        ldr_diag diag;
        cli_fail(&diag, LDR_EXPORT_NOT_FOUND, PE_NT_ENTRYPOINT_NOT_FOUND, job->export);
        cli_report(&diag);
        if (job->session.as_json)
            cli_json_failure(job->file, &diag);
        return CLI_FAILED;
    }
    make_call(job, function);
    if (job->session.as_json)
        print_json(job);
    else
        print_text(job);
    return CLI_DONE;
}

static int parse_values(call_job *job, char **words, size_t count)
{
    int result = CLI_DONE;
    while (job->count < count && result == CLI_DONE) {
        result = call_value_parse(words[job->count], &job->values[job->count]);
        job->count += result == CLI_DONE;
    }
    return result;
}

static int load_and_call(call_job *job)
{
    int result = cli_session_open(&job->session, job->file);
    if (result == CLI_DONE)
        result = call_export(job);
    cli_session_close(&job->session);
    return result;
}

int cli_call(int argc, char **argv)
{
    call_job job = {0};
    const char *ret = NULL;
    const cli_option table[] = {
        {"--json", CLI_FLAG, &job.session.as_json},
        {"--ret", CLI_TEXT, &ret},
        CLI_FOLDER_OPTIONS(&job.session.folders),
        {"--missing", CLI_TEXT, &job.session.missing},
        {"--base", CLI_TEXT, &job.session.base},
        {"--delay", CLI_TEXT, &job.session.delay},
        {"--trace", CLI_TEXT, &job.session.trace},
        {"--memory", CLI_FLAG, &job.session.from_memory},
        {"--gdb", CLI_FLAG, &job.session.gdb},
        {"--perf-map", CLI_FLAG, &job.session.perf_map},
    };
    const cli_syntax syntax = {table, sizeof table / sizeof table[0], false, 2,
                               2 + CALL_VALUES_MAX};

    int words = cli_parse(&syntax, argc, argv);
    if (words < 0 || !call_type_parse(ret, &job.type))
        return CLI_USAGE;
    job.file = argv[1];
    job.export = argv[2];
    int result = parse_values(&job, argv + 3, (size_t)words - 2);
    if (result == CLI_DONE)
        result = load_and_call(&job);
    for (size_t i = 0; i < job.count; i++)
        call_value_free(&job.values[i]);
    return result;
}
