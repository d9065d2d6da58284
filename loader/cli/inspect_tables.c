#include "inspect_report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool inspect_charge(inspect_report *report, pe_span name)
{
    uint64_t cost = 1 + name.size;
    if (cost > report->budget) {
        report->budget = 0;
        return false;
    }
    report->budget -= cost;
    return true;
}

void inspect_table_status(inspect_report *report, pe_status status)
{
    bool is_whole = status == PE_OK || status == PE_END;
    const char *text = report->budget == 0 ? "too much to show" : pe_status_text(status);
    if (report->json != NULL)
        cli_json_text(report->json, "status", is_whole ? pe_status_text(PE_OK) : text);
    else if (!is_whole)
        printf("  ... %s\n", text);
}

static void open_table(inspect_report *report, const char *name)
{
    if (report->json == NULL) {
        printf("\n%s\n", name);
        return;
    }
    cli_json_open(report->json, name, '{');
    cli_json_open(report->json, "items", '[');
}

static void close_table(inspect_report *report, uint64_t count, pe_status status)
{
    if (report->json != NULL) {
        cli_json_close(report->json, ']');
        cli_json_number(report->json, "count", count);
    }
    inspect_table_status(report, status);
    if (report->json != NULL)
        cli_json_close(report->json, '}');
}

static void json_span(cli_json *json, const char *key, pe_span span)
{
    cli_json_bytes(json, key, span.data, span.size);
}

static void print_span(pe_span span)
{
    cli_print_bytes(stdout, span.data, span.size);
}

/* ---- Sections ---- */

static void section_json(cli_json *json, const pe_section *section)
{
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "name", section->name);
    cli_json_number(json, "offset", section->offset.value);
    cli_json_number(json, "rva", section->rva.value);
    cli_json_number(json, "virtual_size", section->virtual_size);
    cli_json_number(json, "raw", section->raw.value);
    cli_json_number(json, "raw_size", section->raw_size);
    cli_json_hex(json, "characteristics", section->characteristics, 8);
    cli_json_close(json, '}');
}

static void section_text(const pe_section *section)
{
    uint32_t flags = section->characteristics;
    printf("  0x%08x  0x%08x  0x%08" PRIx64 "  0x%08x  0x%08x  %c%c%c%c%c  ", section->rva.value,
           section->virtual_size, section->raw.value, section->raw_size, flags,
           flags & PE_SCN_MEM_READ ? 'r' : '-', flags & PE_SCN_MEM_WRITE ? 'w' : '-',
           flags & PE_SCN_MEM_EXECUTE ? 'x' : '-', flags & PE_SCN_MEM_SHARED ? 's' : '-',
           flags & PE_SCN_MEM_DISCARDABLE ? 'd' : '-');
    cli_print_bytes(stdout, section->name, strlen(section->name));
    putchar('\n');
}

static bool is_cut_off(const pe_image *image, const pe_section *section)
{
    uint64_t size = image->bytes.size;
    return section->raw_size > 0 && !pe_range_ok(size, section->raw.value, section->raw_size);
}

void inspect_sections(inspect_report *report)
{
    pe_status status = PE_OK;
    pe_section section;
    uint32_t count = 0;

    open_table(report, "sections");
    if (report->json == NULL)
        printf("  %-10s  %-10s  %-10s  %-10s  %-10s  %-5s  %s\n", "rva", "virtual", "raw at",
               "raw size", "flags", "rwxsd", "name");
    for (; count < report->image->file.section_count; count++) {
        status = pe_section_at(report->image, count, &section);
        if (status != PE_OK || is_cut_off(report->image, &section))
            report->is_cut_off = true;
        if (status != PE_OK)
            break;
        if (report->json != NULL)
            section_json(report->json, &section);
        else
            section_text(&section);
    }
    close_table(report, count, status);
}

/* ---- Imports ---- */

static void show_import(const inspect_report *report, const pe_import *import)
{
    cli_json *json = report->json;
    if (json != NULL) {
        cli_json_open(json, NULL, '{');
        cli_json_number(json, "slot", import->slot.value);
        if (import->by_ordinal)
            cli_json_number(json, "ordinal", import->ordinal);
        else
            cli_json_number(json, "hint", import->hint);
        if (!import->by_ordinal)
            json_span(json, "name", import->name);
        cli_json_close(json, '}');
    } else if (import->by_ordinal) {
        printf("    0x%08x  %5s  #%u\n", import->slot.value, "", import->ordinal);
    } else {
        printf("    0x%08x  %5u  ", import->slot.value, import->hint);
        print_span(import->name);
        putchar('\n');
    }
}

/* Shows the functions of one DLL and adds their number to *count. */
static pe_status show_thunks(inspect_report *report, const pe_import_dll *dll, uint64_t *count)
{
    pe_thunk_iter thunks;
    pe_import import;
    pe_status status;

    pe_thunks(report->image, dll, &thunks);
    while ((status = pe_thunk_next(&thunks, &import)) == PE_OK) {
        if (!inspect_charge(report, import.by_ordinal ? (pe_span){0} : import.name))
            return PE_OUT_OF_BOUNDS;
        show_import(report, &import);
        *count += 1;
    }
    return status;
}

static pe_status show_import_dll(inspect_report *report, const pe_import_dll *dll, uint64_t *count)
{
    cli_json *json = report->json;
    if (!inspect_charge(report, dll->name))
        return PE_OUT_OF_BOUNDS;
    if (json != NULL) {
        cli_json_open(json, NULL, '{');
        json_span(json, "dll", dll->name);
        cli_json_open(json, "functions", '[');
    } else {
        printf("  ");
        print_span(dll->name);
        putchar('\n');
    }
    pe_status status = show_thunks(report, dll, count);
    if (json != NULL)
        cli_json_close(json, ']');
    inspect_table_status(report, status);
    if (json != NULL)
        cli_json_close(json, '}');
    return PE_OK;
}

void inspect_imports(inspect_report *report)
{
    pe_import_iter dlls;
    pe_import_dll dll;
    pe_status status;
    uint64_t count = 0;

    open_table(report, "imports");
    pe_imports(report->image, &dlls);
    while ((status = pe_import_next(&dlls, &dll)) == PE_OK) {
        status = show_import_dll(report, &dll, &count);
        if (status != PE_OK)
            break;
    }
    close_table(report, count, status == PE_NOT_PRESENT ? PE_OK : status);
}

/* ---- Exports ---- */

static void show_export(const inspect_report *report, const pe_export *export)
{
    cli_json *json = report->json;
    if (json != NULL) {
        cli_json_open(json, NULL, '{');
        cli_json_number(json, "ordinal", export->ordinal);
        cli_json_number(json, "rva", export->rva.value);
        if (export->name.size > 0)
            json_span(json, "name", export->name);
        if (export->is_forwarder)
            json_span(json, "forwarder", export->forwarder);
        cli_json_close(json, '}');
        return;
    }
    printf("  %7u  0x%08x  ", export->ordinal, export->rva.value);
    print_span(export->name);
    if (export->is_forwarder) {
        printf(" -> ");
        print_span(export->forwarder);
    }
    putchar('\n');
}

/* Shows the named exports in the order of the name table, and marks their slots in `is_named`. */
static pe_status show_named(inspect_report *report, const pe_exports *exports, bool *is_named)
{
    for (uint32_t i = 0; i < exports->name_count; i++) {
        pe_export export;
        pe_status status = pe_export_name_at(report->image, exports, i, &export);
        if (status != PE_OK)
            return status;
        if (!inspect_charge(report, export.name))
            return PE_OUT_OF_BOUNDS;
        uint32_t slot = export.ordinal - exports->ordinal_base;
        if (slot < exports->slot_count)
            is_named[slot] = true;
        show_export(report, &export);
    }
    return PE_OK;
}

/* Shows the used slots that have no name. */
static pe_status show_unnamed(inspect_report *report, const pe_exports *exports,
                              const bool *is_named)
{
    for (uint32_t slot = 0; slot < exports->slot_count; slot++) {
        pe_export export;
        if (is_named[slot])
            continue;
        uint32_t ordinal = exports->ordinal_base + slot;
        pe_status status = pe_export_by_ordinal(report->image, exports, ordinal, &export);
        if (status == PE_NOT_FOUND)
            continue;
        if (status != PE_OK)
            return status;
        show_export(report, &export);
    }
    return PE_OK;
}

static pe_status show_exports(inspect_report *report, const pe_exports *exports)
{
    if (exports->slot_count > report->budget) {
        report->budget = 0;
        return PE_OUT_OF_BOUNDS;
    }
    report->budget -= exports->slot_count;
    bool *is_named = calloc((size_t)exports->slot_count + 1, sizeof *is_named);
    if (is_named == NULL)
        return PE_OUT_OF_BOUNDS;
    pe_status status = show_named(report, exports, is_named);
    if (status == PE_OK)
        status = show_unnamed(report, exports, is_named);
    free(is_named);
    return status;
}

void inspect_exports(inspect_report *report)
{
    pe_exports exports = {0};
    pe_status status = pe_exports_open(report->image, &exports);

    open_table(report, "exports");
    if (status == PE_OK)
        status = show_exports(report, &exports);
    close_table(report, exports.slot_count, status == PE_NOT_PRESENT ? PE_OK : status);
}
