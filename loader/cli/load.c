#include "cli.h"

#include <stdlib.h>
#include <string.h>

/* One import that nobody provides; strings are owned. */
typedef struct missing {
    struct missing *next;
    char *importer, *dll, *function; /* function NULL: by ordinal, or all of the DLL */
    uint32_t ordinal;
    bool dll_missing;
} missing;

/* The missing imports of one load, in the order in which they were reported. */
typedef struct missing_list {
    missing *first;
    missing **end;
} missing_list;

static char *copy_text(const char *text)
{
    return text != NULL ? strdup(text) : NULL;
}

static void note_missing(void *user, const ldr_missing_import *import)
{
    missing_list *list = user;
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
    *list->end = entry;
    list->end = &entry->next;
}

static void free_missing(missing_list *list)
{
    while (list->first != NULL) {
        missing *next = list->first->next;
        free(list->first->importer);
        free(list->first->dll);
        free(list->first->function);
        free(list->first);
        list->first = next;
    }
}

static void print_text(FILE *out, const char *text)
{
    cli_print_bytes(out, text, strlen(text));
}

/* "  DLL!function (for IMPORTER)" */
static void print_missing(const missing *entry)
{
    fputs("  ", stderr);
    print_text(stderr, entry->dll != NULL ? entry->dll : "?");
    if (entry->function != NULL) {
        fputc('!', stderr);
        print_text(stderr, entry->function);
    } else if (!entry->dll_missing) {
        fprintf(stderr, "!#%u", entry->ordinal);
    }
    fputs(entry->dll_missing ? " not found (for " : " (for ", stderr);
    print_text(stderr, entry->importer != NULL ? entry->importer : "?");
    fputs(")\n", stderr);
}

static void print_missing_json(cli_json *json, const missing_list *list)
{
    cli_json_open(json, "missing", '[');
    for (const missing *entry = list->first; entry != NULL; entry = entry->next) {
        cli_json_open(json, NULL, '{');
        cli_json_text(json, "importer", entry->importer);
        cli_json_text(json, "dll", entry->dll);
        cli_json_bool(json, "dll_missing", entry->dll_missing);
        if (entry->function == NULL && !entry->dll_missing)
            cli_json_number(json, "ordinal", entry->ordinal);
        else
            cli_json_text(json, "function", entry->function);
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
}

static void report(const cli_load_options *options, const char *path, const ldr_diag *diag,
                   const missing_list *list)
{
    cli_report(diag);
    for (const missing *entry = list->first; entry != NULL; entry = entry->next)
        print_missing(entry);
    if (!options->as_json)
        return;
    cli_json json = {.out = stdout};
    cli_json_open(&json, NULL, '{');
    cli_json_text(&json, "file", path);
    cli_json_diag(&json, diag);
    print_missing_json(&json, list);
    cli_json_close(&json, '}');
    putchar('\n');
}

/* The guest cannot go on without what it called: a made-up result would be worse than an end. */
static void end_at_stub(void *user, const char *dll, const char *function)
{
    (void)user;
    fflush(stdout);
    fputs("peload: the image called ", stderr);
    print_text(stderr, dll);
    fputc('!', stderr);
    print_text(stderr, function);
    fputs(", which nobody provides\n", stderr);
    _Exit(CLI_FAILED);
}

static bool missing_policy(const char *name, ldr_missing *ret_policy)
{
    bool is_stub = name != NULL && strcmp(name, "stub") == 0;
    if (name != NULL && !is_stub && strcmp(name, "refuse") != 0) {
        fprintf(stderr, "peload: --missing: not refuse or stub: %s\n", name);
        return false;
    }
    *ret_policy = is_stub ? LDR_MISSING_STUB : LDR_MISSING_REFUSE;
    return true;
}

int cli_load(const cli_load_options *options, const char *path, ldr_context **ret_ctx,
             ldr_module **ret_module)
{
    missing_list list = {.end = &list.first};
    ldr_load_options load = {
        .size = sizeof load,
        .on_missing = note_missing,
        .on_stub_call = end_at_stub,
        .user = &list,
    };
    ldr_context_options context = {
        .size = sizeof context,
        .search_folders = options->search.items,
        .search_folder_count = options->search.count,
    };
    ldr_context *ctx = NULL;
    ldr_diag diag;

    if (!missing_policy(options->missing, &load.missing))
        return CLI_USAGE;
    ldr_status status = ldr_context_create(&context, &ctx);
    if (status != LDR_OK)
        cli_fail(&diag, status, PE_NT_UNSUCCESSFUL, path);
    else
        status = ldr_load(ctx, path, &load, ret_module, &diag);
    if (status != LDR_OK) {
        report(options, path, &diag, &list);
        ldr_context_destroy(ctx);
    } else {
        *ret_ctx = ctx;
    }
    free_missing(&list);
    return status == LDR_OK ? CLI_DONE : CLI_FAILED;
}
