#include "pe/image/address.h"
#include "pe/image/bytes.h"

/* [PE Debug Directory (Image Only)] */
enum {
    DEBUG_CHARACTERISTICS = 0,
    DEBUG_TIME_DATE_STAMP = 4,
    DEBUG_MAJOR = 8,
    DEBUG_MINOR = 10,
    DEBUG_TYPE = 12,
    DEBUG_DATA_SIZE = 16,
    DEBUG_DATA_RVA = 20,
    DEBUG_DATA_POINTER = 24,
    DEBUG_ENTRY_SIZE = 28,
};

const char *pe_debug_type_name(uint32_t type)
{
    switch (type) {
#define X(name, number) \
    case number:        \
        return #name;
        PE_DEBUG_TYPE_LIST(X)
#undef X
    default:
        return NULL;
    }
}

void pe_debug_entries(const pe_image *image, pe_debug_iter *ret_iter)
{
    pe_directory directory = pe_directory_at(image, PE_DIRECTORY_DEBUG);
    bool is_there = directory.rva.value != 0 && directory.size != 0;
    *ret_iter = (pe_debug_iter){
        .image = image,
        .count = directory.size / DEBUG_ENTRY_SIZE,
        .table = directory.rva,
        .status = is_there ? PE_OK : PE_NOT_PRESENT,
    };
}

/* Data without an RVA are in no section: debuggers read them from the file. */
static pe_status find_data(const pe_image *image, const pe_debug_entry *entry, pe_span *ret_data)
{
    if (entry->size == 0) {
        *ret_data = (pe_span){0};
        return PE_OK;
    }
    if (entry->rva.value != 0)
        return pe__borrow(image, entry->rva, entry->size, ret_data);
    if (image->layout == PE_LAYOUT_MAPPED || entry->raw.value == 0)
        return PE_NOT_PRESENT;
    if (!pe_range_ok(image->bytes.size, entry->raw.value, entry->size))
        return PE_OUT_OF_BOUNDS;
    if (!pe__pay(image->budget, entry->raw.value, entry->size * PE__COST_BYTE))
        return PE_BUDGET_SPENT;
    *ret_data = (pe_span){image->bytes.data + entry->raw.value, entry->size};
    return PE_OK;
}

static pe_debug_entry decode_entry(const pe_image *image, pe_rva at, const uint8_t *raw)
{
    pe_debug_entry entry = {
        .at = at,
        .characteristics = pe__load_u32(raw + DEBUG_CHARACTERISTICS),
        .time_date_stamp = pe__load_u32(raw + DEBUG_TIME_DATE_STAMP),
        .major = pe__load_u16(raw + DEBUG_MAJOR),
        .minor = pe__load_u16(raw + DEBUG_MINOR),
        .type = pe__load_u32(raw + DEBUG_TYPE),
        .size = pe__load_u32(raw + DEBUG_DATA_SIZE),
        .rva = {pe__load_u32(raw + DEBUG_DATA_RVA)},
        .raw = {pe__load_u32(raw + DEBUG_DATA_POINTER)},
        .budget = image->budget,
    };
    entry.status = find_data(image, &entry, &entry.data);
    return entry;
}

pe_status pe_debug_next(pe_debug_iter *iter, pe_debug_entry *ret_entry)
{
    uint8_t raw[DEBUG_ENTRY_SIZE];
    pe_rva at = {0};
    if (iter->status != PE_OK)
        return iter->status;
    if (iter->next == iter->count)
        iter->status = PE_END;
    else if (!pe__element(iter->table, iter->next, DEBUG_ENTRY_SIZE, &at))
        iter->status = PE_OUT_OF_BOUNDS;
    else
        iter->status = pe_read(iter->image, at, raw, sizeof raw);
    if (iter->status != PE_OK)
        return iter->status;
    iter->next++;
    *ret_entry = decode_entry(iter->image, at, raw);
    return PE_OK;
}
