#include "report.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Letters of ASCII in lower case, other bytes as they are. */
static void put_lower(FILE *text, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size; i++)
        fputc(at[i] >= 'A' && at[i] <= 'Z' ? at[i] + 0x20 : at[i], text);
}

/* The length of a DLL's name without .dll, .ocx or .sys. */
static size_t stem_length(pe_span dll)
{
    static const char *const extensions[] = {".dll", ".ocx", ".sys"};
    size_t size = (size_t)dll.size;
    for (size_t i = 0; size >= 4 && i < sizeof extensions / sizeof extensions[0]; i++) {
        if (strncasecmp((const char *)dll.data + size - 4, extensions[i], 4) == 0)
            return size - 4;
    }
    return size;
}

static void put_function(FILE *text, pe_span dll, const pe_import *import)
{
    const char *name = import->by_ordinal ? cli_ordinal_name(dll, import->ordinal) : NULL;
    if (ftell(text) > 0)
        fputc(',', text);
    put_lower(text, dll.data, stem_length(dll));
    fputc('.', text);
    if (name != NULL)
        put_lower(text, name, strlen(name));
    else if (import->by_ordinal)
        fprintf(text, "ord%u", import->ordinal);
    else
        put_lower(text, import->name.data, (size_t)import->name.size);
}

/* Writes what is hashed; PE_END for imports that could be read to their end. */
static pe_status put_imports(inspect_report *report, FILE *text)
{
    pe_import_iter dlls;
    pe_import_dll dll;
    pe_thunk_iter thunks;
    pe_import import;

    pe_imports(report->image, &dlls);
    while (pe_import_next(&dlls, &dll) == PE_OK) {
        pe_thunks(report->image, &dll, &thunks);
        while (pe_thunk_next(&thunks, &import) == PE_OK) {
            if (!inspect_charge(report, dll.name) || !inspect_charge(report, import.name))
                return PE_OUT_OF_BOUNDS;
            put_function(text, dll.name, &import);
        }
        if (thunks.status != PE_END)
            return thunks.status;
    }
    return dlls.status;
}

/*
 * The import hash as pefile defines it: the MD5 of "dll.function" for all imported functions in the
 * order of the tables, joined by commas, in lower case; DLLs without .dll, .ocx or .sys; ordinals
 * of three DLLs by their names, others as "ord7". False if there is none.
 */
static bool import_hash(inspect_report *report, uint8_t ret_digest[CLI_MD5_SIZE])
{
    char *bytes = NULL;
    size_t size = 0;
    if (pe_directory_at(report->image, PE_DIRECTORY_IMPORT).rva.value == 0)
        return false;
    FILE *text = open_memstream(&bytes, &size);
    if (text == NULL)
        return false;
    pe_status status = put_imports(report, text);
    bool is_whole = fclose(text) == 0 && status == PE_END;
    bool is_hashed = is_whole && size > 0 && cli_md5(bytes, size, ret_digest);
    free(bytes);
    return is_hashed;
}

void inspect_hashes(inspect_report *report)
{
    uint8_t digest[CLI_MD5_SIZE];
    bool is_hashed = import_hash(report, digest);
    cli_json *json = report->json;
    if (json == NULL) {
        putchar('\n');
        inspect_paint(report, INSPECT_TITLE, "hashes");
        printf("\n  %-28s", "imphash");
        if (is_hashed)
            cli_print_hex(stdout, digest, sizeof digest);
        printf("%s\n", is_hashed ? "" : "-");
        return;
    }
    cli_json_open(json, "hashes", '{');
    if (is_hashed)
        cli_json_dump(json, "imphash", digest, sizeof digest);
    else
        cli_json_null(json, "imphash");
    cli_json_close(json, '}');
}
