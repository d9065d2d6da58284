#include "report.h"

enum { VALUE_SIZE = 4 };

static void show_values(inspect_report *report, const pe_chpe *chpe)
{
    for (uint32_t i = 0; i < chpe->count; i++) {
        inspect_open_record(report, NULL, INSPECT_ROW);
        inspect_range(report, "rva", chpe->at.value + VALUE_SIZE * (uint64_t)i, VALUE_SIZE);
        inspect_hex(report, "value", chpe->values[i], 8);
        inspect_text(report, "name", pe_chpe_value_name(chpe, i));
        inspect_close_record(report);
    }
}

static void show_ranges(inspect_report *report, const pe_chpe *chpe)
{
    pe_chpe_iter ranges;
    pe_chpe_range range;
    inspect_open_list(report, "code_map");
    pe_chpe_ranges(report->image, chpe, &ranges);
    while (pe_chpe_range_next(&ranges, &range) == PE_OK && inspect_charge(report, (pe_span){0})) {
        inspect_open_record(report, NULL, INSPECT_ROW);
        inspect_range(report, "rva", range.at.value, 2 * VALUE_SIZE);
        inspect_rva(report, "start", range.start);
        inspect_number(report, "length", range.length);
        inspect_text(report, "kind", pe_chpe_range_name(range.kind));
        inspect_close_record(report);
    }
    inspect_close_list(report);
}

static void show_entry_points(inspect_report *report, const pe_chpe *chpe)
{
    pe_chpe_iter points;
    pe_chpe_entry_point point;
    inspect_open_list(report, "entry_points");
    pe_chpe_entry_points(report->image, chpe, &points);
    while (pe_chpe_entry_point_next(&points, &point) == PE_OK &&
           inspect_charge(report, (pe_span){0})) {
        inspect_open_record(report, NULL, INSPECT_ROW);
        inspect_range(report, "rva", point.at.value, 3 * VALUE_SIZE);
        inspect_rva(report, "start", point.start);
        inspect_rva(report, "end", point.end);
        inspect_rva(report, "entry_point", point.entry_point);
        inspect_close_record(report);
    }
    inspect_close_list(report);
}

static void show_redirections(inspect_report *report, const pe_chpe *chpe)
{
    pe_chpe_iter redirections;
    pe_chpe_redirection redirection;
    inspect_open_list(report, "redirections");
    pe_chpe_redirections(report->image, chpe, &redirections);
    while (pe_chpe_redirection_next(&redirections, &redirection) == PE_OK &&
           inspect_charge(report, (pe_span){0})) {
        inspect_open_record(report, NULL, INSPECT_ROW);
        inspect_range(report, "rva", redirection.at.value, 2 * VALUE_SIZE);
        inspect_rva(report, "source", redirection.source);
        inspect_rva(report, "destination", redirection.destination);
        inspect_close_record(report);
    }
    inspect_close_list(report);
}

void inspect_chpe(inspect_report *report)
{
    pe_load_config config;
    pe_chpe chpe;
    pe_status status = pe_load_config_open(report->image, &config);
    if (status == PE_OK)
        status = pe_chpe_open(report->image, &config, &chpe);
    bool is_there = status == PE_OK;

    inspect_open_table(report, "chpe");
    if (is_there)
        show_values(report, &chpe);
    inspect_close_items(report, is_there ? chpe.count : 0);
    if (is_there) {
        inspect_bool(report, "is_x86", chpe.is_x86);
        show_ranges(report, &chpe);
        show_entry_points(report, &chpe);
        show_redirections(report, &chpe);
    }
    inspect_end_table(report, status == PE_NOT_PRESENT ? PE_OK : status);
}
