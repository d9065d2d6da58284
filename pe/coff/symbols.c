#include "pe/coff/symbol.h"
#include "pe/image/address.h"

const char *pe_coff_class_name(uint8_t storage_class)
{
    switch (storage_class) {
#define X(name, number) \
    case number:        \
        return #name;
        PE_COFF_CLASS_LIST(X)
#undef X
    default:
        return NULL;
    }
}

void pe_coff_symbols(const pe_image *image, pe_coff_iter *ret_iter)
{
    bool is_there = image->layout == PE_LAYOUT_FILE && image->file.symbol_table != 0 &&
                    image->file.symbol_count != 0;
    *ret_iter = (pe_coff_iter){.image = image, .status = is_there ? PE_OK : PE_NOT_PRESENT};
    ret_iter->strings_status = pe_coff_strings_open(image, &ret_iter->strings);
}

/* Eight bytes of name, or four zeros and the offset in the string table. */
static void read_name(const pe_coff_iter *iter, const uint8_t *raw, pe_coff_symbol *symbol)
{
    if (pe__load_u32(raw) != 0) {
        symbol->name = pe__coff_short_name(raw, COFF_SHORT_NAME);
        return;
    }
    symbol->name_status = iter->strings_status;
    if (symbol->name_status == PE_OK)
        symbol->name_status = pe_coff_string(&iter->strings, pe__load_u32(raw + 4), &symbol->name);
}

static pe_coff_symbol decode(const pe_coff_iter *iter, uint64_t offset)
{
    const uint8_t *raw = iter->image->bytes.data + offset;
    uint16_t section = pe__load_u16(raw + 12);
    pe_coff_symbol symbol = {
        .offset = {offset},
        .index = (uint32_t)iter->next,
        .value = pe__load_u32(raw + 8),
        .section = section >= 0x8000 ? (int32_t)section - 0x10000 : section,
        .type = pe__load_u16(raw + 14),
        .storage_class = raw[16],
        .auxiliary_count = raw[17],
        .auxiliary = {raw + COFF_SYMBOL_SIZE, (uint64_t)COFF_SYMBOL_SIZE * raw[17]},
    };
    read_name(iter, raw, &symbol);
    return symbol;
}

pe_status pe_coff_next(pe_coff_iter *iter, pe_coff_symbol *ret_symbol)
{
    const pe_image *image = iter->image;
    uint64_t count = image->file.symbol_count;
    uint64_t offset = image->file.symbol_table + COFF_SYMBOL_SIZE * iter->next;
    if (iter->status == PE_OK && iter->next >= count)
        iter->status = PE_END;
    else if (iter->status == PE_OK && !pe_range_ok(image->bytes.size, offset, COFF_SYMBOL_SIZE))
        iter->status = PE_OUT_OF_BOUNDS;
    else if (iter->status == PE_OK && !pe__pay(image->budget, offset, PE__COST_RECORD))
        iter->status = PE_BUDGET_SPENT;
    if (iter->status != PE_OK)
        return iter->status;
    uint64_t records = 1 + (uint64_t)image->bytes.data[offset + COFF_SYMBOL_SIZE - 1];
    if (!pe_range_ok(count, iter->next, records) ||
        !pe_range_ok(image->bytes.size, offset, COFF_SYMBOL_SIZE * records))
        return iter->status = PE_OUT_OF_BOUNDS;
    *ret_symbol = decode(iter, offset);
    iter->next += records;
    return PE_OK;
}
