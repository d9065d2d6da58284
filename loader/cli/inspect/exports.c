#include "report.h"

#include <stdlib.h>

enum { SLOT_SIZE = 4, DIRECTORY_SIZE = 40 };

static void show_forwarder(inspect_report *report, pe_span text)
{
    pe_forwarder forwarder;
    inspect_span(report, "forwarder", text);
    if (report->json == NULL || pe_forwarder_parse(text, &forwarder) != PE_OK)
        return;
    inspect_span(report, "forwarder_dll", forwarder.dll);
    if (forwarder.by_ordinal)
        inspect_number(report, "forwarder_ordinal", forwarder.ordinal);
    else
        inspect_span(report, "forwarder_name", forwarder.name);
}

static void show_export(inspect_report *report, const pe_exports *exports, const pe_export *export)
{
    uint64_t slot = export->ordinal - exports->ordinal_base;
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_range(report, "rva", exports->slots.value + SLOT_SIZE * slot, SLOT_SIZE);
    inspect_number(report, "ordinal", export->ordinal);
    inspect_rva(report, "rva", export->rva);
    if (export->name.size > 0)
        inspect_span(report, "name", export->name);
    if (export->is_forwarder)
        show_forwarder(report, export->forwarder);
    inspect_close_record(report);
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
        show_export(report, exports, &export);
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
        show_export(report, exports, &export);
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

static void show_directory(inspect_report *report, const pe_exports *exports)
{
    pe_span name;
    inspect_open_record(report, "directory", INSPECT_ROW);
    inspect_range(report, "rva", exports->directory.rva.value, DIRECTORY_SIZE);
    if (pe_string(report->image, exports->name, &name) == PE_OK)
        inspect_span(report, "name", name);
    inspect_hex(report, "time_date_stamp", exports->time_date_stamp, 8);
    inspect_number(report, "ordinal_base", exports->ordinal_base);
    inspect_number(report, "slot_count", exports->slot_count);
    inspect_number(report, "name_count", exports->name_count);
    inspect_rva(report, "slots", exports->slots);
    inspect_rva(report, "names", exports->names);
    inspect_rva(report, "name_ordinals", exports->name_ordinals);
    inspect_close_record(report);
}

void inspect_exports(inspect_report *report)
{
    pe_exports exports = {0};
    pe_status status = pe_exports_open(report->image, &exports);
    bool is_there = status == PE_OK;

    inspect_open_table(report, "exports");
    if (is_there)
        status = show_exports(report, &exports);
    inspect_close_items(report, exports.slot_count);
    if (is_there)
        show_directory(report, &exports);
    inspect_end_table(report, status == PE_NOT_PRESENT ? PE_OK : status);
}
