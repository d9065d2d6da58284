#include "report.h"

enum { ENTRY_SIZE = 8, MARK_AND_KEY = 8 };

static void show_entries(inspect_report *report, const pe_rich *rich)
{
    pe_rich_entry entry;
    for (uint32_t i = 0; pe_rich_at(rich, i, &entry) == PE_OK; i++) {
        inspect_open_record(report, NULL, INSPECT_ROW);
        inspect_range(report, "offset", entry.offset.value, ENTRY_SIZE);
        inspect_hex(report, "product", entry.product, 4);
        inspect_number(report, "build", entry.build);
        inspect_number(report, "count", entry.count);
        inspect_close_record(report);
    }
}

void inspect_rich(inspect_report *report)
{
    pe_rich rich;
    bool is_there = pe_rich_open(report->image, &rich) == PE_OK;
    inspect_open_table(report, "rich");
    if (is_there)
        show_entries(report, &rich);
    inspect_close_items(report, is_there ? rich.count : 0);
    if (is_there) {
        inspect_range(report, "offset", rich.offset.value, rich.bytes.size + MARK_AND_KEY);
        inspect_hex(report, "key", rich.key, 8);
        inspect_hex(report, "checksum", rich.checksum, 8);
        inspect_bool(report, "is_valid", rich.key == rich.checksum);
    }
    inspect_end_table(report, PE_OK);
}
