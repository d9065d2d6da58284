#include "pe/image/address.h"
#include "pe/image/bytes.h"

/* IMAGE_DYNAMIC_RELOCATION_TABLE, IMAGE_DYNAMIC_RELOCATION and IMAGE_DYNAMIC_RELOCATION_V2, whose
 * symbol is as wide as a pointer, and IMAGE_BASE_RELOCATION. */
enum {
    TABLE_HEADER = 8,
    V1_SIZE_32 = 8,
    V1_SIZE_64 = 12,
    V2_SIZE_32 = 20,
    V2_SIZE_64 = 24,
    V2_SYMBOL = 8,
    BLOCK_HEADER = 8,
};

const char *pe_dynamic_symbol_name(uint64_t symbol)
{
    switch (symbol) {
#define X(name, number) \
    case number:        \
        return #name;
        PE_DYNAMIC_SYMBOL_LIST(X)
#undef X
    default:
        return NULL;
    }
}

/* Where the fields with a section and an offset lead. */
static pe_status find_in_section(const pe_image *image, const pe_load_config *config,
                                 uint64_t number, pe_rva *ret_rva)
{
    uint64_t offset;
    pe_section section;
    pe_status status =
        pe_load_config_value(config, PE_LC_DYNAMIC_VALUE_RELOC_TABLE_OFFSET, &offset);
    if (status != PE_OK)
        return status;
    if (pe_section_at(image, (uint32_t)number - 1, &section) != PE_OK ||
        !pe__element(section.rva, offset, 1, ret_rva))
        return PE_OUT_OF_BOUNDS;
    return PE_OK;
}

static pe_status find_table(const pe_image *image, const pe_load_config *config, pe_rva *ret_rva)
{
    uint64_t number;
    if (pe_load_config_value(config, PE_LC_DYNAMIC_VALUE_RELOC_TABLE_SECTION, &number) == PE_OK &&
        number != 0)
        return find_in_section(image, config, number, ret_rva);
    return pe_load_config_target(image, config, PE_LC_DYNAMIC_VALUE_RELOC_TABLE, ret_rva);
}

pe_status pe_dynamic_table_open(const pe_image *image, const pe_load_config *config,
                                pe_dynamic_table *ret_table)
{
    uint8_t raw[TABLE_HEADER];
    pe_rva at, entries;
    pe_status status = find_table(image, config, &at);
    if (status == PE_OK)
        status = pe_read(image, at, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    if (!pe__element(at, TABLE_HEADER, 1, &entries))
        return PE_OUT_OF_BOUNDS;
    *ret_table = (pe_dynamic_table){
        .at = at,
        .version = pe__load_u32(raw),
        .entries = {entries, pe__load_u32(raw + 4)},
    };
    return PE_OK;
}

void pe_dynamic_entries(const pe_image *image, const pe_dynamic_table *table,
                        pe_dynamic_iter *ret_iter)
{
    *ret_iter = (pe_dynamic_iter){
        .image = image,
        .table = table->entries,
        .version = table->version,
        .status = table->version == 1 || table->version == 2 ? PE_OK : PE_BAD_FORMAT,
    };
}

static uint32_t entry_header_size(const pe_dynamic_iter *iter)
{
    if (iter->version == 1)
        return pe_is_64(iter->image) ? V1_SIZE_64 : V1_SIZE_32;
    return pe_is_64(iter->image) ? V2_SIZE_64 : V2_SIZE_32;
}

static uint64_t load_symbol(const pe_image *image, const uint8_t *at)
{
    return pe_is_64(image) ? pe__load_u64(at) : pe__load_u32(at);
}

/* The header at iter->next, without the place of the fixups. */
static pe_dynamic_entry decode_entry(const pe_dynamic_iter *iter, const uint8_t *raw)
{
    uint32_t known = entry_header_size(iter);
    pe_dynamic_entry entry = {.at = {iter->table.rva.value + iter->next}};
    if (iter->version == 1) {
        entry.symbol = load_symbol(iter->image, raw);
        entry.header_size = known;
        entry.fixups.size = pe__load_u32(raw + known - 4);
    } else {
        entry.header_size = pe__load_u32(raw);
        entry.fixups.size = pe__load_u32(raw + 4);
        entry.symbol = load_symbol(iter->image, raw + V2_SYMBOL);
        entry.group = pe__load_u32(raw + known - 8);
        entry.flags = pe__load_u32(raw + known - 4);
    }
    return entry;
}

static pe_status read_entry(const pe_dynamic_iter *iter, pe_dynamic_entry *ret_entry)
{
    uint8_t raw[V2_SIZE_64];
    uint32_t known = entry_header_size(iter);
    pe_status status = pe__read_within(iter->image, iter->table, iter->next, raw, known);
    if (status != PE_OK)
        return status;
    pe_dynamic_entry entry = decode_entry(iter, raw);
    if (entry.header_size < known)
        return PE_BAD_FORMAT;
    uint64_t start = (uint64_t)iter->next + entry.header_size;
    if (!pe_range_ok(iter->table.size, start, entry.fixups.size) ||
        !pe__element(iter->table.rva, start, 1, &entry.fixups.rva))
        return PE_OUT_OF_BOUNDS;
    *ret_entry = entry;
    return PE_OK;
}

/* An entry takes at least its header, so that the walk ends. */
pe_status pe_dynamic_next(pe_dynamic_iter *iter, pe_dynamic_entry *ret_entry)
{
    if (iter->status != PE_OK)
        return iter->status;
    iter->status = iter->next == iter->table.size ? PE_END : read_entry(iter, ret_entry);
    if (iter->status == PE_OK)
        iter->next += ret_entry->header_size + ret_entry->fixups.size;
    return iter->status;
}

static bool has_blocks(uint64_t symbol)
{
    return symbol >= PE_DYNAMIC_ADDRESS ||
           (symbol >= PE_DYNAMIC_GUARD_IMPORT_CONTROL_TRANSFER && symbol <= PE_DYNAMIC_ARM64X);
}

void pe_dynamic_blocks(const pe_image *image, const pe_dynamic_entry *entry,
                       pe_dynamic_block_iter *ret_iter)
{
    *ret_iter = (pe_dynamic_block_iter){
        .image = image,
        .fixups = entry->fixups,
        .symbol = entry->symbol,
        .status = has_blocks(entry->symbol) ? PE_OK : PE_NOT_FOUND,
    };
}

void pe_override_blocks(const pe_image *image, const pe_override *override,
                        pe_dynamic_block_iter *ret_iter)
{
    *ret_iter = (pe_dynamic_block_iter){
        .image = image,
        .fixups = override->relocs,
        .symbol = PE_DYNAMIC_FUNCTION_OVERRIDE,
        .status = PE_OK,
    };
}

static pe_status read_block(const pe_dynamic_block_iter *iter, pe_dynamic_block *ret_block)
{
    uint8_t raw[BLOCK_HEADER];
    pe_status status = pe__read_within(iter->image, iter->fixups, iter->next, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    uint32_t size = pe__load_u32(raw + 4);
    pe_rva at = {iter->fixups.rva.value + iter->next}, records;
    if (size < BLOCK_HEADER)
        return PE_BAD_FORMAT;
    if (!pe_range_ok(iter->fixups.size, iter->next, size) ||
        !pe__element(at, BLOCK_HEADER, 1, &records))
        return PE_OUT_OF_BOUNDS;
    *ret_block = (pe_dynamic_block){
        .at = at,
        .page = {pe__load_u32(raw)},
        .symbol = iter->symbol,
        .records = {records, size - BLOCK_HEADER},
    };
    return PE_OK;
}

/* A block takes at least its header, so that the walk ends. */
pe_status pe_dynamic_block_next(pe_dynamic_block_iter *iter, pe_dynamic_block *ret_block)
{
    if (iter->status != PE_OK)
        return iter->status;
    iter->status = iter->next == iter->fixups.size ? PE_END : read_block(iter, ret_block);
    if (iter->status == PE_OK)
        iter->next += BLOCK_HEADER + ret_block->records.size;
    return iter->status;
}
