#include "report.h"

enum { DESCRIPTOR_SIZE = 32 };

/* Shows the functions of one DLL and adds their number to *count. */
static pe_status show_thunks(inspect_report *report, const pe_delay_iter *dlls,
                             const pe_delay_dll *dll, uint64_t *count)
{
    pe_delay_thunk_iter thunks;
    pe_import import;
    pe_status status;

    pe_delay_thunks(dlls, dll, &thunks);
    while ((status = pe_delay_thunk_next(&thunks, &import)) == PE_OK) {
        if (!inspect_charge(report, import.by_ordinal ? (pe_span){0} : import.name))
            return PE_OUT_OF_BOUNDS;
        inspect_show_import(report, &import);
        *count += 1;
    }
    return status;
}

static void show_fields(inspect_report *report, const pe_delay_dll *dll)
{
    inspect_range(report, "rva", dll->descriptor.value, DESCRIPTOR_SIZE);
    inspect_span(report, "dll", dll->name);
    inspect_hex(report, "attributes", dll->attributes, 8);
    inspect_number(report, "version", dll->is_rva ? 2 : 1);
    inspect_hex(report, "time_date_stamp", dll->time_date_stamp, 8);
    inspect_rva(report, "module_handle", dll->module_handle);
    inspect_rva(report, "address_table", dll->address_table);
    inspect_rva(report, "name_table", dll->name_table);
    inspect_rva(report, "bound_table", dll->bound_table);
    inspect_rva(report, "unload_table", dll->unload_table);
}

static pe_status show_dll(inspect_report *report, const pe_delay_iter *dlls,
                          const pe_delay_dll *dll, uint64_t *count)
{
    if (!inspect_charge(report, dll->name))
        return PE_OUT_OF_BOUNDS;
    inspect_open_record(report, NULL, INSPECT_ROW);
    show_fields(report, dll);
    inspect_open_list(report, "functions");
    pe_status status = show_thunks(report, dlls, dll, count);
    inspect_close_list(report);
    inspect_table_status(report, status);
    inspect_close_record(report);
    return PE_OK;
}

void inspect_delay_imports(inspect_report *report)
{
    pe_delay_iter dlls;
    pe_delay_dll dll;
    pe_status status;
    uint64_t count = 0;

    inspect_open_table(report, "delay_imports");
    pe_delay_imports(report->image, report->image->optional.image_base, &dlls);
    while ((status = pe_delay_next(&dlls, &dll)) == PE_OK) {
        status = show_dll(report, &dlls, &dll, &count);
        if (status != PE_OK)
            break;
    }
    inspect_close_table(report, count, status);
}
