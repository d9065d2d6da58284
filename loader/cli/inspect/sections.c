#include "report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { ENTRY_SIZE = 40 };

/* Where a long name cannot be found, the section has but its own. */
static pe_span full_name(const pe_image *image, const pe_section *section)
{
    pe_span name = {(const uint8_t *)section->name, strlen(section->name)};
    pe_section_name(image, section, &name);
    return name;
}

/* Paid for: sections may share their bytes. Not a number once the budget is spent. */
static double bits_per_byte(const pe_image *image, const pe_section *section)
{
    enum { COST = 3 };
    pe_span bytes = pe_section_bytes(image, section);
    if (pe_charge(image, section->rva, bytes.size * COST) != PE_OK)
        return NAN;
    return (double)pe_entropy(bytes) / PE_ENTROPY_BIT;
}

static void section_json(inspect_report *report, const pe_section *section)
{
    cli_json *json = report->json;
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "name", section->name);
    inspect_span(report, "full_name", full_name(report->image, section));
    inspect_json_range(json, "offset", section->offset.value, ENTRY_SIZE);
    cli_json_number(json, "rva", section->rva.value);
    cli_json_number(json, "virtual_size", section->virtual_size);
    cli_json_number(json, "raw", section->raw.value);
    cli_json_number(json, "raw_size", section->raw_size);
    cli_json_hex(json, "characteristics", section->characteristics, 8);
    inspect_flags(report, "characteristics_names", section->characteristics, pe_section_flag_name);
    if (!report->without_contents)
        cli_json_real(json, "entropy", bits_per_byte(report->image, section));
    cli_json_close(json, '}');
}

static void section_text(const pe_image *image, const pe_section *section)
{
    uint32_t flags = section->characteristics;
    printf("  0x%08x  0x%08x  0x%08" PRIx64 "  0x%08x  0x%08x  %c%c%c%c%c  %5.3f  ",
           section->rva.value, section->virtual_size, section->raw.value, section->raw_size, flags,
           flags & PE_SCN_MEM_READ ? 'r' : '-', flags & PE_SCN_MEM_WRITE ? 'w' : '-',
           flags & PE_SCN_MEM_EXECUTE ? 'x' : '-', flags & PE_SCN_MEM_SHARED ? 's' : '-',
           flags & PE_SCN_MEM_DISCARDABLE ? 'd' : '-', bits_per_byte(image, section));
    inspect_print_span(full_name(image, section));
    putchar('\n');
}

void inspect_sections(inspect_report *report)
{
    pe_status status = PE_OK;
    pe_section section;
    uint32_t count = 0;

    inspect_open_table(report, "sections");
    if (report->json == NULL)
        printf("  %-10s  %-10s  %-10s  %-10s  %-10s  %-5s  %-5s  %s\n", "rva", "virtual", "raw at",
               "raw size", "flags", "rwxsd", "bits", "name");
    for (; count < report->image->file.section_count; count++) {
        status = pe_section_at(report->image, count, &section);
        if (status != PE_OK)
            break;
        if (report->json != NULL)
            section_json(report, &section);
        else
            section_text(report->image, &section);
    }
    inspect_close_table(report, count, status);
}
