#include "report.h"

enum { HEADER_SIZE = 8, ENTRY_SIZE = 2 };

static void show_entry(const inspect_report *report, const pe_reloc_block *block, uint32_t index)
{
    uint16_t entry = pe_reloc_entry(block, index);
    unsigned type = entry >> 12;
    uint64_t target = (uint64_t)block->page.value + (entry & 0xFFF);
    const char *name = pe_reloc_type_name(report->image->file.machine, type);
    cli_json *json = report->json;
    if (json == NULL) {
        printf("    0x%08llx  %2u %s\n", (unsigned long long)target, type, name ? name : "");
        return;
    }
    uint64_t at = (uint64_t)block->at.value + HEADER_SIZE + (uint64_t)ENTRY_SIZE * index;
    cli_json_open(json, NULL, '{');
    inspect_json_range(json, "rva", at, ENTRY_SIZE);
    cli_json_number(json, "rva", target);
    cli_json_number(json, "type", type);
    cli_json_text(json, "type_name", name);
    cli_json_close(json, '}');
}

/* Shows the entries of one block and adds their number to *count. */
static pe_status show_entries(inspect_report *report, const pe_reloc_block *block, uint64_t *count)
{
    for (uint32_t i = 0; i < block->count; i++) {
        if (!inspect_charge(report, (pe_span){0}))
            return PE_OUT_OF_BOUNDS;
        show_entry(report, block, i);
        *count += 1;
    }
    return PE_OK;
}

static pe_status show_block(inspect_report *report, const pe_reloc_block *block, uint64_t *count)
{
    cli_json *json = report->json;
    if (!inspect_charge(report, (pe_span){0}))
        return PE_OUT_OF_BOUNDS;
    if (json == NULL) {
        printf("  0x%08x: %u entries\n", block->page.value, block->count);
        return show_entries(report, block, count);
    }
    cli_json_open(json, NULL, '{');
    inspect_json_range(json, "rva", block->at.value,
                       HEADER_SIZE + (uint64_t)ENTRY_SIZE * block->count);
    cli_json_number(json, "page", block->page.value);
    cli_json_open(json, "entries", '[');
    pe_status status = show_entries(report, block, count);
    cli_json_close(json, ']');
    cli_json_close(json, '}');
    return status;
}

void inspect_relocations(inspect_report *report)
{
    pe_reloc_iter blocks;
    pe_reloc_block block;
    pe_status status;
    uint64_t count = 0;

    inspect_open_table(report, "relocations");
    pe_relocs(report->image, &blocks);
    while ((status = pe_reloc_next(&blocks, &block)) == PE_OK) {
        status = show_block(report, &block, &count);
        if (status != PE_OK)
            break;
    }
    inspect_close_table(report, count, status);
}
