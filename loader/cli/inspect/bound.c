#include "report.h"

enum { BOUND_SIZE = 8 };

static void show_bound(const inspect_report *report, const pe_bound_import *bound)
{
    cli_json *json = report->json;
    if (json == NULL) {
        printf("  %s0x%08x  ", bound->is_reference ? "  forwards to  " : "",
               bound->time_date_stamp);
        inspect_print_span(bound->name);
        putchar('\n');
        return;
    }
    cli_json_open(json, NULL, '{');
    inspect_json_range(json, "rva", bound->at.value, BOUND_SIZE);
    inspect_json_span(json, "dll", bound->name);
    cli_json_hex(json, "time_date_stamp", bound->time_date_stamp, 8);
    cli_json_bool(json, "is_reference", bound->is_reference);
    cli_json_number(json, "reference_count", bound->reference_count);
    cli_json_close(json, '}');
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
