#include "report.h"

enum { DESCRIPTOR_SIZE = 20 };

static void show_import(const inspect_report *report, const pe_import *import)
{
    cli_json *json = report->json;
    if (json != NULL) {
        cli_json_open(json, NULL, '{');
        inspect_json_range(json, "rva", import->slot.value, pe_is_64(report->image) ? 8 : 4);
        cli_json_number(json, "slot", import->slot.value);
        if (import->by_ordinal)
            cli_json_number(json, "ordinal", import->ordinal);
        else
            cli_json_number(json, "hint", import->hint);
        if (!import->by_ordinal)
            inspect_json_span(json, "name", import->name);
        cli_json_close(json, '}');
    } else if (import->by_ordinal) {
        printf("    0x%08x  %5s  #%u\n", import->slot.value, "", import->ordinal);
    } else {
        printf("    0x%08x  %5u  ", import->slot.value, import->hint);
        inspect_print_span(import->name);
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
        inspect_json_range(json, "rva", dll->descriptor.value, DESCRIPTOR_SIZE);
        inspect_json_span(json, "dll", dll->name);
        cli_json_hex(json, "time_date_stamp", dll->time_date_stamp, 8);
        cli_json_number(json, "lookup_table", dll->lookup_table.value);
        cli_json_number(json, "address_table", dll->address_table.value);
        cli_json_open(json, "functions", '[');
    } else {
        printf("  ");
        inspect_print_span(dll->name);
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

    inspect_open_table(report, "imports");
    pe_imports(report->image, &dlls);
    while ((status = pe_import_next(&dlls, &dll)) == PE_OK) {
        status = show_import_dll(report, &dll, &count);
        if (status != PE_OK)
            break;
    }
    inspect_close_table(report, count, status);
}
