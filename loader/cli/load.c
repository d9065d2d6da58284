#include "cli.h"
#include "system.h"

#include <stdlib.h>
#include <string.h>

/* One import that nobody provides; strings are owned. */
typedef struct cli_missing {
    struct cli_missing *next;
    char *importer, *dll, *function; /* function NULL: by ordinal, or all of the DLL */
    uint32_t ordinal;
    bool dll_missing;
} missing;

static char *copy_text(const char *text)
{
    return text != NULL ? strdup(text) : NULL;
}

static void note_missing(void *user, const ldr_missing_import *import)
{
    cli_session *session = user;
    missing *entry = calloc(1, sizeof *entry);
    if (entry == NULL)
        return;
    *entry = (missing){
        .importer = copy_text(import->importer),
        .dll = copy_text(import->dll),
        .function = copy_text(import->function),
        .ordinal = import->ordinal,
        .dll_missing = import->dll_missing,
    };
    *session->missing_end = entry;
    session->missing_end = &entry->next;
}

static void free_missing(missing *entry)
{
    while (entry != NULL) {
        missing *next = entry->next;
        free(entry->importer);
        free(entry->dll);
        free(entry->function);
        free(entry);
        entry = next;
    }
}

static void print_text(FILE *out, const char *text)
{
    cli_print_bytes(out, text, strlen(text));
}

/* "  DLL!function (for IMPORTER)", "  DLL!#ordinal (no such DLL, for IMPORTER)" */
static void print_missing(const missing *entry)
{
    fputs("  ", stderr);
    print_text(stderr, entry->dll != NULL ? entry->dll : "?");
    fputc('!', stderr);
    if (entry->function != NULL)
        print_text(stderr, entry->function);
    else
        fprintf(stderr, "#%u", entry->ordinal);
    fputs(entry->dll_missing ? " (no such DLL, for " : " (for ", stderr);
    print_text(stderr, entry->importer != NULL ? entry->importer : "?");
    fputs(")\n", stderr);
}

static void print_missing_json(cli_json *json, const missing *entry)
{
    cli_json_open(json, "missing", '[');
    for (; entry != NULL; entry = entry->next) {
        cli_json_open(json, NULL, '{');
        cli_json_text(json, "importer", entry->importer);
        cli_json_text(json, "dll", entry->dll);
        cli_json_bool(json, "dll_missing", entry->dll_missing);
        if (entry->function == NULL)
            cli_json_number(json, "ordinal", entry->ordinal);
        else
            cli_json_text(json, "function", entry->function);
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
}

static void report_json(const cli_session *session, const ldr_diag *diag)
{
    cli_json json = {.out = stdout};
    cli_json_open(&json, NULL, '{');
    cli_json_text(&json, "file", session->path);
    cli_json_diag(&json, diag);
    print_missing_json(&json, session->missing_first);
    cli_json_close(&json, '}');
    cli_json_end_line(&json);
}

static void report(const cli_session *session, const ldr_diag *diag)
{
    cli_report(diag);
    for (const missing *entry = session->missing_first; entry != NULL; entry = entry->next)
        print_missing(entry);
    if (session->as_json)
        report_json(session, diag);
}

/* The guest cannot go on without what it called: a made-up result would be worse than an end. */
static void end_at_stub(void *user, const char *dll, const char *function)
{
    const cli_session *session = user;
    ldr_diag diag;
    cli_fail(&diag, LDR_IMPORTS_MISSING, PE_NT_ENTRYPOINT_NOT_FOUND, function);
    fputs("peload: the image called ", stderr);
    print_text(stderr, dll);
    fputc('!', stderr);
    print_text(stderr, function);
    fputs(", which nobody provides\n", stderr);
    if (session->as_json)
        report_json(session, &diag);
    fflush(stdout);
    cli_program_tell(CLI_PLACE_FAILED);
    _Exit(CLI_FAILED);
}

/* An option with two values, the first of which is the default. */
static bool choose(const char *option, const char *value, const char *usual, const char *other,
                   bool *ret_is_other)
{
    *ret_is_other = value != NULL && strcmp(value, other) == 0;
    if (value == NULL || *ret_is_other || strcmp(value, usual) == 0)
        return true;
    fprintf(stderr, "peload: %s: not %s or %s: %s\n", option, usual, other, value);
    return false;
}

static bool read_load_options(const cli_session *session, ldr_load_options *load)
{
    bool is_stub, is_eager;
    if (!choose("--missing", session->missing, "refuse", "stub", &is_stub) ||
        !choose("--delay", session->delay, "lazy", "eager", &is_eager))
        return false;
    load->missing = is_stub ? LDR_MISSING_STUB : LDR_MISSING_REFUSE;
    load->delay = is_eager ? LDR_DELAY_EAGER : LDR_DELAY_LAZY;
    return cli_base(session->base, &load->base);
}

/*
 * The command that runs another program of the guest: this one, with the options of this run that
 * are not about its image. /proc/self is the new process, but its program the same.
 */
static size_t process_command(const cli_session *session, const char **ret_words)
{
    size_t count = 0;
    ret_words[count++] = "/proc/self/exe";
    ret_words[count++] = "run";
    count += cli_folders_words(&session->folders, ret_words + count);
    if (session->missing != NULL) {
        ret_words[count++] = "--missing";
        ret_words[count++] = session->missing;
    }
    if (session->delay != NULL) {
        ret_words[count++] = "--delay";
        ret_words[count++] = session->delay;
    }
    if (session->trace_path != NULL) {
        ret_words[count++] = "--trace";
        ret_words[count++] = session->trace_path;
    }
    if (session->gdb)
        ret_words[count++] = "--gdb";
    if (session->perf_map)
        ret_words[count++] = "--perf-map";
    ret_words[count++] = "--process";
    return count;
}

/* The descriptor of --process; it is this command itself that gives that option. */
static bool process_start(const char *text, int *ret_start)
{
    uint64_t value = 0;
    if (text != NULL && (!cli_number(text, &value) || value == 0 || value > INT32_MAX)) {
        fprintf(stderr, "peload: --process: not a descriptor: %s\n", text);
        return false;
    }
    *ret_start = (int)value;
    return true;
}

static ldr_status open_context(cli_session *session, ldr_context_options *context)
{
    const char *words[CLI_FOLDER_WORDS + 11];
    if (!cli_trace_open(session, context))
        return LDR_IO_ERROR;
    context->debug = (session->gdb ? LDR_DEBUG_GDB : 0) | (session->perf_map ? LDR_DEBUG_PERF : 0);
    context->process_command = words;
    context->process_command_count = process_command(session, words);
    return ldr_context_create(context, &session->ctx);
}

static ldr_status load_memory(cli_session *session, const char *path, const ldr_load_options *load,
                              ldr_diag *diag)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    ldr_status status = cli_read_file(path, &bytes, &size, diag);
    if (status == LDR_OK)
        status = ldr_load_memory(session->ctx, cli_base_name(path), bytes, size, load,
                                 &session->module, diag);
    free(bytes);
    return status;
}

int cli_session_open(cli_session *session, const char *path)
{
    ldr_load_options load = {
        .size = sizeof load,
        .on_missing = note_missing,
        .on_stub_call = end_at_stub,
        .user = session,
    };
    ldr_context_options context = {.size = sizeof context};
    ldr_diag diag;

    session->path = path;
    session->missing_end = &session->missing_first;
    if (!cli_session_allowed(session) || !read_load_options(session, &load) ||
        !process_start(session->process, &context.process_start) ||
        !cli_folders_apply(&session->folders, session->policy, &context))
        return CLI_USAGE;
    cli_catch_crashes();
    ldr_status status = open_context(session, &context);
    cli_locate_crashes(session->ctx);
    if (status != LDR_OK)
        cli_fail(&diag, status, PE_NT_UNSUCCESSFUL, path);
    else if (session->from_memory)
        status = load_memory(session, path, &load, &diag);
    else
        status = ldr_load(session->ctx, path, &load, &session->module, &diag);
    if (status == LDR_OK)
        return CLI_DONE;
    report(session, &diag);
    return CLI_FAILED;
}

void cli_session_close(cli_session *session)
{
    cli_locate_crashes(NULL);
    ldr_context_destroy(session->ctx);
    cli_trace_close(session);
    free_missing(session->missing_first);
}
