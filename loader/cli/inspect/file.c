#include "report.h"

static void show_checksum(inspect_report *report)
{
    uint32_t checksum, stored = report->image->optional.checksum;
    if (pe_checksum(report->image, &checksum) != PE_OK)
        return;
    inspect_open_record(report, "checksum", INSPECT_ROW);
    inspect_hex(report, "stored", stored, 8);
    inspect_hex(report, "computed", checksum, 8);
    inspect_bool(report, "is_valid", stored == checksum);
    inspect_close_record(report);
}

static void show_overlay(inspect_report *report)
{
    pe_span overlay;
    if (pe_overlay(report->image, &overlay) != PE_OK)
        return;
    inspect_open_record(report, "overlay", INSPECT_ROW);
    inspect_range(report, "offset", pe_offset_of_span(report->image, overlay).value, overlay.size);
    inspect_number(report, "size", overlay.size);
    if (!report->without_contents)
        inspect_real(report, "entropy", (double)pe_entropy(overlay) / PE_ENTROPY_BIT);
    inspect_close_record(report);
}

void inspect_file(inspect_report *report)
{
    inspect_open_record(report, "file_facts", INSPECT_BLOCK);
    inspect_number(report, "size", report->image->bytes.size);
    if (!report->without_contents)
        show_checksum(report);
    show_overlay(report);
    inspect_close_record(report);
}
