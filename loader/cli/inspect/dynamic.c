#include "report.h"

enum { BLOCK_HEADER = 8, OVERRIDE_HEADER = 16, RVA_SIZE = 4 };

static void show_record(inspect_report *report, const pe_dynamic_block *block,
                        const pe_dynamic_record *record)
{
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_range(report, "rva", record->at.value, record->size);
    inspect_hex(report, "target", record->target, 8);
    inspect_hex(report, "raw", record->raw, 4);
    inspect_number(report, "type", record->type);
    if (block->symbol == PE_DYNAMIC_ARM64X) {
        inspect_text(report, "type_name", pe_arm64x_type_name(record->type));
        inspect_number(report, "width", record->width);
        inspect_hex(report, "value", record->value, 1);
        inspect_signed(report, "delta", record->delta);
    } else {
        inspect_bool(report, "is_call", record->is_call);
        inspect_number(report, "register", record->register_no);
        inspect_number(report, "iat_index", record->iat_index);
    }
    inspect_close_record(report);
}

static pe_status show_records(inspect_report *report, const pe_dynamic_block *block)
{
    pe_dynamic_record_iter records;
    pe_dynamic_record record;
    pe_status status;
    inspect_open_list(report, "records");
    pe_dynamic_records(report->image, block, &records);
    while ((status = pe_dynamic_record_next(&records, &record)) == PE_OK) {
        if (!inspect_charge(report, (pe_span){0}))
            break;
        show_record(report, block, &record);
    }
    inspect_close_list(report);
    return status;
}

static pe_status show_blocks(inspect_report *report, pe_dynamic_block_iter *blocks)
{
    pe_dynamic_block block;
    pe_status status;
    inspect_open_list(report, "blocks");
    while ((status = pe_dynamic_block_next(blocks, &block)) == PE_OK) {
        if (!inspect_charge(report, (pe_span){0}))
            break;
        inspect_open_record(report, NULL, INSPECT_ROW);
        inspect_range(report, "rva", block.at.value, BLOCK_HEADER + (uint64_t)block.records.size);
        inspect_rva(report, "page", block.page);
        inspect_table_status(report, show_records(report, &block));
        inspect_close_record(report);
    }
    inspect_close_list(report);
    return status;
}

static void show_replacements(inspect_report *report, const pe_override *override)
{
    pe_rva rva;
    inspect_open_list(report, "replacements");
    for (uint32_t i = 0; pe_override_rva(report->image, override, i, &rva) == PE_OK; i++) {
        if (!inspect_charge(report, (pe_span){0}))
            break;
        inspect_rva(report, NULL, rva);
    }
    inspect_close_list(report);
}

static void show_override(inspect_report *report, const pe_override *override)
{
    pe_dynamic_block_iter blocks;
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_range(report, "rva", override->at.value,
                  OVERRIDE_HEADER + (uint64_t) override->rvas.size + override->relocs.size);
    inspect_rva(report, "original", override->original);
    inspect_number(report, "bdd_offset", override->bdd_offset);
    show_replacements(report, override);
    pe_override_blocks(report->image, override, &blocks);
    inspect_table_status(report, show_blocks(report, &blocks));
    inspect_close_record(report);
}

static pe_status show_overrides(inspect_report *report, const pe_dynamic_entry *entry)
{
    pe_override_iter overrides;
    pe_override override;
    pe_status status;
    inspect_open_list(report, "overrides");
    pe_overrides(report->image, entry, &overrides);
    while ((status = pe_override_next(&overrides, &override)) == PE_OK) {
        if (!inspect_charge(report, (pe_span){0}))
            break;
        show_override(report, &override);
    }
    inspect_close_list(report);
    return status;
}

/* What the symbol of an entry makes of its fixups; PE_NOT_FOUND where that is not public. */
static pe_status show_fixups(inspect_report *report, const pe_dynamic_entry *entry)
{
    pe_dynamic_block_iter blocks;
    if (entry->symbol == PE_DYNAMIC_FUNCTION_OVERRIDE)
        return show_overrides(report, entry);
    pe_dynamic_blocks(report->image, entry, &blocks);
    return show_blocks(report, &blocks);
}

static void show_entry(inspect_report *report, const pe_dynamic_entry *entry)
{
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_range(report, "rva", entry->at.value,
                  entry->header_size + (uint64_t)entry->fixups.size);
    inspect_hex(report, "symbol", entry->symbol, 1);
    inspect_text(report, "symbol_name", pe_dynamic_symbol_name(entry->symbol));
    inspect_rva(report, "fixups", entry->fixups.rva);
    inspect_number(report, "fixups_size", entry->fixups.size);
    inspect_number(report, "group", entry->group);
    inspect_hex(report, "flags", entry->flags, 8);
    pe_status status = show_fixups(report, entry);
    inspect_table_status(report, status == PE_NOT_FOUND ? PE_OK : status);
    inspect_close_record(report);
}

static uint64_t show_entries(inspect_report *report, const pe_dynamic_table *table,
                             pe_status *ret_status)
{
    pe_dynamic_iter entries;
    pe_dynamic_entry entry;
    uint64_t count = 0;
    pe_dynamic_entries(report->image, table, &entries);
    while ((*ret_status = pe_dynamic_next(&entries, &entry)) == PE_OK) {
        if (!inspect_charge(report, (pe_span){0})) {
            *ret_status = PE_OUT_OF_BOUNDS;
            break;
        }
        show_entry(report, &entry);
        count++;
    }
    return count;
}

void inspect_dynamic_relocations(inspect_report *report)
{
    pe_load_config config;
    pe_dynamic_table table;
    uint64_t count = 0;
    pe_status status = pe_load_config_open(report->image, &config);
    if (status == PE_OK)
        status = pe_dynamic_table_open(report->image, &config, &table);
    bool is_there = status == PE_OK;

    inspect_open_table(report, "dynamic_relocations");
    if (is_there)
        count = show_entries(report, &table, &status);
    inspect_close_items(report, count);
    if (is_there) {
        inspect_range(report, "rva", table.at.value, 2 * RVA_SIZE + (uint64_t)table.entries.size);
        inspect_number(report, "version", table.version);
    }
    inspect_end_table(report, status == PE_NOT_PRESENT ? PE_OK : status);
}
