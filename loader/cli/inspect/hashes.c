#include "report.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What an import hash is made of, as it grows. */
typedef struct hash_text {
    char *bytes;
    size_t size, capacity;
    bool has_failed; /* out of memory */
} hash_text;

static bool make_room(hash_text *text, size_t size)
{
    enum { CAPACITY_MIN = 4096 };
    size_t capacity = text->capacity != 0 ? text->capacity : CAPACITY_MIN;
    while (capacity - text->size < size)
        capacity *= 2;
    if (capacity == text->capacity)
        return true;
    char *grown = realloc(text->bytes, capacity);
    text->has_failed = grown == NULL;
    if (grown == NULL)
        return false;
    text->bytes = grown;
    text->capacity = capacity;
    return true;
}

/* Letters of ASCII in lower case, other bytes as they are. */
static void put_lower(hash_text *text, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    if (text->has_failed || !make_room(text, size))
        return;
    for (size_t i = 0; i < size; i++) {
        uint8_t letter = at[i];
        text->bytes[text->size++] = (char)(letter >= 'A' && letter <= 'Z' ? letter + 0x20 : letter);
    }
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

static void put_function(hash_text *text, pe_span dll, const pe_import *import)
{
    char number[16];
    const char *name = import->by_ordinal ? cli_ordinal_name(dll, import->ordinal) : NULL;
    int length = snprintf(number, sizeof number, "ord%u", import->ordinal);
    if (text->size > 0)
        put_lower(text, ",", 1);
    put_lower(text, dll.data, stem_length(dll));
    put_lower(text, ".", 1);
    if (name != NULL)
        put_lower(text, name, strlen(name));
    else if (import->by_ordinal)
        put_lower(text, number, (size_t)length);
    else
        put_lower(text, import->name.data, (size_t)import->name.size);
}

/* Writes what is hashed; PE_END for imports that could be read to their end. */
static pe_status put_imports(inspect_report *report, hash_text *text)
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
static bool import_hash(inspect_report *report, cli_hash *ret_hash)
{
    hash_text text = {0};
    if (pe_directory_at(report->image, PE_DIRECTORY_IMPORT).rva.value == 0)
        return false;
    bool is_whole = put_imports(report, &text) == PE_END && !text.has_failed;
    pe_span whole = {(const uint8_t *)text.bytes, text.size};
    bool is_hashed = is_whole && text.size > 0 && cli_digest("MD5", &whole, 1, ret_hash);
    free(text.bytes);
    return is_hashed;
}

/* What Authenticode signs (pe_authenticode_ranges), and what osslsigncode calls message digest. */
static bool authenticode_hash(const inspect_report *report, const char *algorithm,
                              cli_hash *ret_hash)
{
    static const uint8_t zeros[8];
    const pe_image *image = report->image;
    pe_authenticode all;
    pe_span parts[PE_AUTHENTICODE_RANGES + 1];
    if (pe_authenticode_ranges(image, &all) != PE_OK)
        return false;
    for (size_t i = 0; i < PE_AUTHENTICODE_RANGES; i++)
        parts[i] = (pe_span){image->bytes.data + all.ranges[i].offset.value, all.ranges[i].size};
    parts[PE_AUTHENTICODE_RANGES] = (pe_span){zeros, all.padding};
    return cli_digest(algorithm, parts, PE_AUTHENTICODE_RANGES + 1, ret_hash);
}

/* The MD5 of the Rich header's list in the clear, as pefile defines it. */
static bool rich_hash(const inspect_report *report, cli_hash *ret_hash)
{
    pe_rich rich;
    if (pe_rich_open(report->image, &rich) != PE_OK)
        return false;
    uint8_t *clear = malloc((size_t)rich.bytes.size);
    pe_span whole = {clear, rich.bytes.size};
    bool is_hashed = clear != NULL &&
                     pe_rich_clear(&rich, 0, clear, (size_t)rich.bytes.size) == PE_OK &&
                     cli_digest("MD5", &whole, 1, ret_hash);
    free(clear);
    return is_hashed;
}

static void show_hash(inspect_report *report, const char *name, bool is_there, const cli_hash *hash)
{
    if (is_there)
        inspect_dump(report, name, hash->bytes, hash->size);
    else
        inspect_text(report, name, NULL);
}

void inspect_hashes(inspect_report *report)
{
    cli_hash hash;
    inspect_open_record(report, "hashes", INSPECT_BLOCK);
    bool is_there = import_hash(report, &hash);
    show_hash(report, "imphash", is_there, &hash);
    is_there = rich_hash(report, &hash);
    show_hash(report, "richhash", is_there, &hash);
    if (!report->without_contents) {
        is_there = authenticode_hash(report, "SHA1", &hash);
        show_hash(report, "authenticode_sha1", is_there, &hash);
        is_there = authenticode_hash(report, "SHA256", &hash);
        show_hash(report, "authenticode_sha256", is_there, &hash);
    }
    inspect_close_record(report);
}
