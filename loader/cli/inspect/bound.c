#include "report.h"

enum { BOUND_SIZE = 8 };

static void show_bound(inspect_report *report, const pe_bound_import *bound)
{
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_range(report, "rva", bound->at.value, BOUND_SIZE);
    inspect_hex(report, "time_date_stamp", bound->time_date_stamp, 8);
    inspect_bool(report, "is_reference", bound->is_reference);
    inspect_number(report, "reference_count", bound->reference_count);
    inspect_span(report, "dll", bound->name);
    inspect_close_record(report);
}

void inspect_bound_imports(inspect_report *report)
{
    pe_bound_iter entries;
    pe_bound_import bound;
    pe_status status;
    uint64_t count = 0;

    inspect_open_table(report, "bound_imports");
    pe_bound_imports(report->image, &entries);
    while ((status = pe_bound_next(&entries, &bound)) == PE_OK) {
        if (!inspect_charge(report, bound.name)) {
            status = PE_OUT_OF_BOUNDS;
            break;
        }
        show_bound(report, &bound);
        count++;
    }
    inspect_close_table(report, count, status == PE_NOT_PRESENT ? PE_OK : status);
}
