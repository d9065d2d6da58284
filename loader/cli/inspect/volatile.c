#include "report.h"

enum { HEADER_SIZE = 24, ACCESS_SIZE = 4, RANGE_SIZE = 8 };

static pe_status show_accesses(inspect_report *report, const pe_volatile *metadata, uint64_t *count)
{
    pe_volatile_iter accesses;
    pe_rva instruction;
    pe_status status;
    pe_volatile_accesses(report->image, metadata, &accesses);
    while ((status = pe_volatile_access_next(&accesses, &instruction)) == PE_OK) {
        if (!inspect_charge(report, (pe_span){0}))
            return PE_OUT_OF_BOUNDS;
        inspect_open_record(report, NULL, INSPECT_ROW);
        inspect_range(report, "rva", metadata->accesses.rva.value + ACCESS_SIZE * *count,
                      ACCESS_SIZE);
        inspect_rva(report, "instruction", instruction);
        inspect_close_record(report);
        *count += 1;
    }
    return status;
}

static void show_ranges(inspect_report *report, const pe_volatile *metadata)
{
    pe_volatile_iter ranges;
    pe_volatile_range range;
    inspect_open_list(report, "ranges");
    pe_volatile_ranges(report->image, metadata, &ranges);
    while (pe_volatile_range_next(&ranges, &range) == PE_OK &&
           inspect_charge(report, (pe_span){0})) {
        inspect_open_record(report, NULL, INSPECT_ROW);
        inspect_range(report, "rva", range.at.value, RANGE_SIZE);
        inspect_rva(report, "start", range.rva);
        inspect_number(report, "length", range.size);
        inspect_close_record(report);
    }
    inspect_close_list(report);
}

void inspect_volatile(inspect_report *report)
{
    pe_load_config config;
    pe_volatile metadata;
    uint64_t count = 0;
    pe_status status = pe_load_config_open(report->image, &config);
    if (status == PE_OK)
        status = pe_volatile_open(report->image, &config, &metadata);
    bool is_there = status == PE_OK;

    inspect_open_table(report, "volatile_metadata");
    if (is_there)
        status = show_accesses(report, &metadata, &count);
    inspect_close_items(report, count);
    if (is_there) {
        inspect_range(report, "rva", metadata.at.value, HEADER_SIZE);
        inspect_hex(report, "minimum_version", metadata.minimum_version, 4);
        inspect_hex(report, "maximum_version", metadata.maximum_version, 4);
        show_ranges(report, &metadata);
    }
    inspect_end_table(report, status == PE_NOT_PRESENT ? PE_OK : status);
}
