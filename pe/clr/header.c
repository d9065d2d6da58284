#include "pe/image/address.h"
#include "pe/image/bytes.h"

/* [ECMA II.25.3.3] */
enum {
    CLR_SIZE = 0,
    CLR_RUNTIME_MAJOR = 4,
    CLR_RUNTIME_MINOR = 6,
    CLR_METADATA = 8,
    CLR_FLAGS = 16,
    CLR_ENTRY_POINT = 20,
    CLR_RESOURCES = 24,
    CLR_STRONG_NAME = 32,
    CLR_CODE_MANAGER = 40,
    CLR_VTABLE_FIXUPS = 48,
    CLR_EXPORT_JUMPS = 56,
    CLR_NATIVE_HEADER = 64,
    CLR_HEADER_SIZE = 72,
    VTABLE_SIZE = 8,
};

const char *pe_clr_flag_name(uint32_t bit)
{
    switch (bit) {
#define X(name, value) \
    case value:        \
        return #name;
        PE_CLR_FLAG_LIST(X)
#undef X
    default:
        return NULL;
    }
}

const char *pe_clr_vtable_flag_name(uint32_t bit)
{
    switch (bit) {
#define X(name, value) \
    case value:        \
        return #name;
        PE_CLR_VTABLE_FLAG_LIST(X)
#undef X
    default:
        return NULL;
    }
}

static pe_directory load_directory(const uint8_t *at)
{
    return (pe_directory){{pe__load_u32(at)}, pe__load_u32(at + 4)};
}

pe_status pe_clr_open(const pe_image *image, pe_clr *ret_clr)
{
    uint8_t raw[CLR_HEADER_SIZE];
    pe_directory directory = pe_directory_at(image, PE_DIRECTORY_CLR);
    if (directory.rva.value == 0)
        return PE_NOT_PRESENT;
    pe_status status = pe_read(image, directory.rva, raw, sizeof raw);
    if (status == PE_OK)
        *ret_clr = (pe_clr){
            .directory = directory,
            .size = pe__load_u32(raw + CLR_SIZE),
            .runtime_major = pe__load_u16(raw + CLR_RUNTIME_MAJOR),
            .runtime_minor = pe__load_u16(raw + CLR_RUNTIME_MINOR),
            .metadata = load_directory(raw + CLR_METADATA),
            .flags = pe__load_u32(raw + CLR_FLAGS),
            .entry_point = pe__load_u32(raw + CLR_ENTRY_POINT),
            .resources = load_directory(raw + CLR_RESOURCES),
            .strong_name_signature = load_directory(raw + CLR_STRONG_NAME),
            .code_manager_table = load_directory(raw + CLR_CODE_MANAGER),
            .vtable_fixups = load_directory(raw + CLR_VTABLE_FIXUPS),
            .export_address_jumps = load_directory(raw + CLR_EXPORT_JUMPS),
            .managed_native_header = load_directory(raw + CLR_NATIVE_HEADER),
        };
    return status;
}

void pe_clr_vtables(const pe_image *image, const pe_clr *clr, pe_clr_vtable_iter *ret_iter)
{
    pe_directory table = clr->vtable_fixups;
    bool is_there = table.rva.value != 0 && table.size != 0;
    *ret_iter = (pe_clr_vtable_iter){
        .image = image,
        .table = table,
        .count = table.size / VTABLE_SIZE,
        .status = is_there ? PE_OK : PE_NOT_PRESENT,
    };
}

/* A count of any size is safe: the image ends before the table does. */
pe_status pe_clr_vtable_next(pe_clr_vtable_iter *iter, pe_clr_vtable *ret_vtable)
{
    uint8_t raw[VTABLE_SIZE];
    uint64_t offset = (uint64_t)iter->next * VTABLE_SIZE;
    if (iter->status != PE_OK)
        return iter->status;
    iter->status = iter->next == iter->count
                       ? PE_END
                       : pe__read_within(iter->image, iter->table, offset, raw, sizeof raw);
    if (iter->status != PE_OK)
        return iter->status;
    iter->next++;
    *ret_vtable = (pe_clr_vtable){
        .at = {(uint32_t)(iter->table.rva.value + offset)},
        .slots = {pe__load_u32(raw)},
        .count = pe__load_u16(raw + 4),
        .type = pe__load_u16(raw + 6),
    };
    return PE_OK;
}

pe_status pe_clr_vtable_slot(const pe_image *image, const pe_clr_vtable *vtable, uint32_t index,
                             uint64_t *ret_value)
{
    uint8_t raw[8] = {0};
    uint32_t width = (vtable->type & PE_CLR_VTABLE_64BIT) != 0 ? 8 : 4;
    pe_directory slots = {vtable->slots, vtable->count * width};
    if (index >= vtable->count)
        return PE_NOT_FOUND;
    pe_status status = pe__read_within(image, slots, (uint64_t)index * width, raw, width);
    if (status == PE_OK)
        *ret_value = pe__load_u64(raw);
    return status;
}
