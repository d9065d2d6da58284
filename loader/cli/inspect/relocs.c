#include "report.h"

enum { HEADER_SIZE = 8, ENTRY_SIZE = 2 };

/* True where the entry after this one is none, but belongs to it. */
static bool is_pair(const pe_reloc_block *block, uint32_t index)
{
    return pe_reloc_entry(block, index) >> 12 == PE_REL_HIGHADJ && index + 1 < block->count;
}

static void show_entry(inspect_report *report, const pe_reloc_block *block, uint32_t index)
{
    uint16_t entry = pe_reloc_entry(block, index);
    unsigned type = entry >> 12;
    uint64_t at = (uint64_t)block->at.value + HEADER_SIZE + (uint64_t)ENTRY_SIZE * index;
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_range(report, "rva", at, is_pair(block, index) ? 2 * ENTRY_SIZE : ENTRY_SIZE);
    inspect_rva(report, "rva", (pe_rva){block->page.value + (entry & 0xFFFu)});
    inspect_number(report, "type", type);
    inspect_text(report, "type_name", pe_reloc_type_name(report->image->file.machine, type));
    if (is_pair(block, index))
        inspect_hex(report, "low_half", pe_reloc_entry(block, index + 1), 4);
    inspect_close_record(report);
}

/* Shows the entries of one block and adds their number to *count. */
static pe_status show_entries(inspect_report *report, const pe_reloc_block *block, uint64_t *count)
{
    for (uint32_t i = 0; i < block->count; i += is_pair(block, i) ? 2 : 1) {
        if (!inspect_charge(report, (pe_span){0}))
            return PE_OUT_OF_BOUNDS;
        if (!report->without_items)
            show_entry(report, block, i);
        *count += 1;
    }
    return PE_OK;
}

static pe_status show_block(inspect_report *report, const pe_reloc_block *block, uint64_t *count)
{
    if (!inspect_charge(report, (pe_span){0}))
        return PE_OUT_OF_BOUNDS;
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_range(report, "rva", block->at.value,
                  HEADER_SIZE + (uint64_t)ENTRY_SIZE * block->count);
    inspect_rva(report, "page", block->page);
    inspect_open_list(report, "entries");
    pe_status status = show_entries(report, block, count);
    inspect_close_list(report);
    inspect_close_record(report);
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
