#include "report.h"

enum { DESCRIPTOR_SIZE = 20 };

/* What the IAT holds, which need not be what the ILT does. */
static void show_address(inspect_report *report, const pe_import *import)
{
    uint64_t address;
    if (pe_read_pointer(report->image, import->slot, &address) == PE_OK)
        inspect_hex(report, "iat_value", address, 1);
}

void inspect_show_import(inspect_report *report, const pe_import *import)
{
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_range(report, "rva", import->slot.value, pe_is_64(report->image) ? 8 : 4);
    if (report->json != NULL) {
        inspect_rva(report, "slot", import->slot);
        inspect_rva(report, "lookup", import->lookup);
        inspect_hex(report, "thunk", import->thunk, 1);
        show_address(report, import);
    }
    if (import->by_ordinal) {
        inspect_number(report, "ordinal", import->ordinal);
    } else {
        inspect_number(report, "hint", import->hint);
        inspect_span(report, "name", import->name);
    }
    inspect_close_record(report);
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
        inspect_show_import(report, &import);
        *count += 1;
    }
    return status;
}

static pe_status show_dll(inspect_report *report, const pe_import_dll *dll, uint64_t *count)
{
    if (!inspect_charge(report, dll->name))
        return PE_OUT_OF_BOUNDS;
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_range(report, "rva", dll->descriptor.value, DESCRIPTOR_SIZE);
    inspect_span(report, "dll", dll->name);
    inspect_hex(report, "time_date_stamp", dll->time_date_stamp, 8);
    if (report->json != NULL) {
        inspect_hex(report, "forwarder_chain", dll->forwarder_chain, 8);
        inspect_rva(report, "original_first_thunk", dll->original_first_thunk);
    }
    inspect_rva(report, "lookup_table", dll->lookup_table);
    inspect_rva(report, "address_table", dll->address_table);
    inspect_open_list(report, "functions");
    pe_status status = show_thunks(report, dll, count);
    inspect_close_list(report);
    inspect_table_status(report, status);
    inspect_close_record(report);
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
        status = show_dll(report, &dll, &count);
        if (status != PE_OK)
            break;
    }
    inspect_close_table(report, count, status);
}
