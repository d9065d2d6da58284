#include "report.h"

static void show_certificate(inspect_report *report, const pe_certificate *certificate)
{
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_range(report, "offset", certificate->at.value, certificate->length);
    inspect_hex(report, "revision", certificate->revision, 4);
    inspect_number(report, "type", certificate->type);
    inspect_text(report, "type_name", pe_certificate_type_name(certificate->type));
    inspect_close_record(report);
}

void inspect_certificates(inspect_report *report)
{
    pe_certificate_iter certificates;
    pe_certificate certificate;
    pe_status status;
    uint64_t count = 0;

    inspect_open_table(report, "certificates");
    pe_certificates(report->image, &certificates);
    while ((status = pe_certificate_next(&certificates, &certificate)) == PE_OK) {
        if (!inspect_charge(report, (pe_span){0})) {
            status = PE_OUT_OF_BOUNDS;
            break;
        }
        show_certificate(report, &certificate);
        count++;
    }
    inspect_close_table(report, count, status == PE_NOT_PRESENT ? PE_OK : status);
}
