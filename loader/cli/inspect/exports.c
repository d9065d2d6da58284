#include "report.h"

#include <stdlib.h>

enum { SLOT_SIZE = 4 };

static void export_json(cli_json *json, const pe_exports *exports, const pe_export *export)
{
    uint64_t slot = export->ordinal - exports->ordinal_base;
    cli_json_open(json, NULL, '{');
    inspect_json_range(json, "rva", exports->slots.value + SLOT_SIZE * slot, SLOT_SIZE);
    cli_json_number(json, "ordinal", export->ordinal);
    cli_json_number(json, "rva", export->rva.value);
    if (export->name.size > 0)
        inspect_json_span(json, "name", export->name);
    if (export->is_forwarder)
        inspect_json_span(json, "forwarder", export->forwarder);
    cli_json_close(json, '}');
}

static void show_export(const inspect_report *report, const pe_exports *exports,
                        const pe_export *export)
{
    if (report->json != NULL) {
        export_json(report->json, exports, export);
        return;
    }
    printf("  %7u  0x%08x  ", export->ordinal, export->rva.value);
    inspect_print_span(export->name);
    if (export->is_forwarder) {
        printf(" -> ");
        inspect_print_span(export->forwarder);
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

void inspect_exports(inspect_report *report)
{
    pe_exports exports = {0};
    pe_status status = pe_exports_open(report->image, &exports);

    inspect_open_table(report, "exports");
    if (status == PE_OK)
        status = show_exports(report, &exports);
    inspect_close_table(report, exports.slot_count, status == PE_NOT_PRESENT ? PE_OK : status);
}
