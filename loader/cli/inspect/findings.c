#include "report.h"

static void show_finding(inspect_report *report, const pe_finding *finding)
{
    pe_section section;
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_text(report, "severity", pe_severity_name(finding->severity));
    inspect_number(report, "code", finding->code);
    inspect_text(report, "name", pe_finding_name(finding->code));
    inspect_hex(report, "offset", finding->offset.value, 1);
    inspect_hex(report, "value", finding->value, 1);
    inspect_hex(report, "expected", finding->expected, 1);
    if (finding->subject == PE_ABOUT_SECTION)
        inspect_number(report, "section", finding->index);
    if (finding->subject == PE_ABOUT_SECTION &&
        pe_section_at(report->image, finding->index, &section) == PE_OK)
        inspect_text(report, "section_name", section.name);
    if (finding->subject == PE_ABOUT_DIRECTORY)
        inspect_text(report, "directory", pe_directory_name((pe_directory_index)finding->index));
    if (finding->code == PE_FINDING_TABLE_BROKEN)
        inspect_text(report, "reason", pe_status_text((pe_status)finding->value));
    inspect_text(report, "text", pe_finding_text(finding->code));
    inspect_close_record(report);
}

void inspect_findings(inspect_report *report)
{
    pe_finding_iter findings;
    pe_finding finding;
    uint64_t count = 0;

    inspect_open_table(report, "findings");
    pe_findings(report->image, &findings);
    findings.without_contents = report->without_contents;
    while (pe_finding_next(&findings, &finding) == PE_OK) {
        show_finding(report, &finding);
        count++;
    }
    inspect_close_table(report, count, findings.status);
}
