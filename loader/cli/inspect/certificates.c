#include "report.h"

#include <inttypes.h>

static void show_certificate(const inspect_report *report, const pe_certificate *certificate)
{
    cli_json *json = report->json;
    const char *name = pe_certificate_type_name(certificate->type);
    if (json == NULL) {
        printf("  0x%08" PRIx64 "  0x%08x  revision 0x%04x  %u %s\n", certificate->at.value,
               certificate->length, certificate->revision, certificate->type,
               name != NULL ? name : "");
        return;
    }
    cli_json_open(json, NULL, '{');
    inspect_json_range(json, "offset", certificate->at.value, certificate->length);
    cli_json_hex(json, "revision", certificate->revision, 4);
    cli_json_number(json, "type", certificate->type);
    cli_json_text(json, "type_name", name);
    cli_json_close(json, '}');
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
