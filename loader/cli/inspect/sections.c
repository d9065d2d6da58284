#include "report.h"

#include <inttypes.h>
#include <string.h>

enum { ENTRY_SIZE = 40 };

static void section_json(cli_json *json, const pe_section *section)
{
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "name", section->name);
    inspect_json_range(json, "offset", section->offset.value, ENTRY_SIZE);
    cli_json_number(json, "rva", section->rva.value);
    cli_json_number(json, "virtual_size", section->virtual_size);
    cli_json_number(json, "raw", section->raw.value);
    cli_json_number(json, "raw_size", section->raw_size);
    cli_json_hex(json, "characteristics", section->characteristics, 8);
    cli_json_close(json, '}');
}

static void section_text(const pe_section *section)
{
    uint32_t flags = section->characteristics;
    printf("  0x%08x  0x%08x  0x%08" PRIx64 "  0x%08x  0x%08x  %c%c%c%c%c  ", section->rva.value,
           section->virtual_size, section->raw.value, section->raw_size, flags,
           flags & PE_SCN_MEM_READ ? 'r' : '-', flags & PE_SCN_MEM_WRITE ? 'w' : '-',
           flags & PE_SCN_MEM_EXECUTE ? 'x' : '-', flags & PE_SCN_MEM_SHARED ? 's' : '-',
           flags & PE_SCN_MEM_DISCARDABLE ? 'd' : '-');
    cli_print_bytes(stdout, section->name, strlen(section->name));
    putchar('\n');
}

void inspect_sections(inspect_report *report)
{
    pe_status status = PE_OK;
    pe_section section;
    uint32_t count = 0;

    inspect_open_table(report, "sections");
    if (report->json == NULL)
        printf("  %-10s  %-10s  %-10s  %-10s  %-10s  %-5s  %s\n", "rva", "virtual", "raw at",
               "raw size", "flags", "rwxsd", "name");
    for (; count < report->image->file.section_count; count++) {
        status = pe_section_at(report->image, count, &section);
        if (status != PE_OK)
            break;
        if (report->json != NULL)
            section_json(report->json, &section);
        else
            section_text(&section);
    }
    inspect_close_table(report, count, status);
}
