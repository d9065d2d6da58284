#include "pe/image/bytes.h"

enum { TARGET_SIZE = 4, METADATA_SHIFT = 28, METADATA_MASK = 15 };

typedef struct table_fields {
    pe_load_config_field address, count;
} table_fields;

static const table_fields tables[PE_GUARD_TABLE_COUNT] = {
    [PE_GUARD_CF_FUNCTIONS] = {PE_LC_GUARD_CF_FUNCTION_TABLE, PE_LC_GUARD_CF_FUNCTION_COUNT},
    [PE_GUARD_ADDRESS_TAKEN_IAT] = {PE_LC_GUARD_ADDRESS_TAKEN_IAT_TABLE,
                                    PE_LC_GUARD_ADDRESS_TAKEN_IAT_COUNT},
    [PE_GUARD_LONG_JUMPS] = {PE_LC_GUARD_LONG_JUMP_TABLE, PE_LC_GUARD_LONG_JUMP_COUNT},
    [PE_GUARD_EH_CONTINUATIONS] = {PE_LC_GUARD_EH_CONTINUATION_TABLE,
                                   PE_LC_GUARD_EH_CONTINUATION_COUNT},
    [PE_GUARD_SE_HANDLERS] = {PE_LC_SE_HANDLER_TABLE, PE_LC_SE_HANDLER_COUNT},
};

static uint32_t entry_size(const pe_load_config *config, pe_guard_table table)
{
    uint64_t flags;
    if (table == PE_GUARD_SE_HANDLERS ||
        pe_load_config_value(config, PE_LC_GUARD_FLAGS, &flags) != PE_OK)
        return TARGET_SIZE;
    return TARGET_SIZE + ((uint32_t)flags >> METADATA_SHIFT & METADATA_MASK);
}

void pe_guard_entries(const pe_image *image, const pe_load_config *config, pe_guard_table table,
                      pe_guard_iter *ret_iter)
{
    uint64_t address, count;
    pe_rva rva;
    *ret_iter = (pe_guard_iter){.image = image, .status = PE_NOT_PRESENT};
    if ((uint32_t)table >= PE_GUARD_TABLE_COUNT ||
        pe_load_config_value(config, tables[table].address, &address) != PE_OK ||
        pe_load_config_value(config, tables[table].count, &count) != PE_OK || address == 0 ||
        count == 0)
        return;
    ret_iter->count = ret_iter->left = count;
    ret_iter->entry_size = entry_size(config, table);
    ret_iter->status = pe_va_to_rva(image, config->base, address, &rva);
    if (ret_iter->status == PE_OK)
        ret_iter->next = rva.value;
}

/* A count of any size is safe: the image ends before the table does. */
pe_status pe_guard_next(pe_guard_iter *iter, pe_guard_entry *ret_entry)
{
    uint8_t raw[TARGET_SIZE + PE_GUARD_MAX_METADATA] = {0};
    if (iter->status == PE_OK && iter->left == 0)
        iter->status = PE_END;
    else if (iter->status == PE_OK && iter->next > UINT32_MAX)
        iter->status = PE_OUT_OF_BOUNDS;
    if (iter->status != PE_OK)
        return iter->status;
    pe_guard_entry entry = {.at = {(uint32_t)iter->next}, .size = iter->entry_size};
    iter->status = pe_read(iter->image, entry.at, raw, entry.size);
    if (iter->status != PE_OK)
        return iter->status;
    entry.target = (pe_rva){pe__load_u32(raw)};
    for (uint32_t i = 0; i < PE_GUARD_MAX_METADATA; i++)
        entry.metadata[i] = raw[TARGET_SIZE + i];
    iter->left--;
    iter->next += entry.size;
    *ret_entry = entry;
    return PE_OK;
}
