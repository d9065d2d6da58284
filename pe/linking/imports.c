#include "pe/image/address.h"
#include "thunk.h"

enum {
    IMPORT_LOOKUP_TABLE = 0,
    IMPORT_TIME_DATE_STAMP = 4,
    IMPORT_FORWARDER_CHAIN = 8,
    IMPORT_NAME = 12,
    IMPORT_ADDRESS_TABLE = 16,
    IMPORT_SIZE = 20,
    HINT_SIZE = 2,
};

/* Thunks hold an RVA in their low 31 bits (rule E7). */
#define THUNK_RVA_MASK 0x7FFFFFFFu

/* An absent directory is an empty one. */
void pe_imports(const pe_image *image, pe_import_iter *ret_iter)
{
    pe_directory directory = pe_directory_at(image, PE_DIRECTORY_IMPORT);
    *ret_iter = (pe_import_iter){
        .image = image,
        .next = directory.rva,
        .status = directory.rva.value == 0 ? PE_END : PE_OK,
    };
}

pe_status pe__advance(pe_rva *rva, uint32_t size)
{
    if (rva->value > UINT32_MAX - size)
        return PE_OUT_OF_BOUNDS;
    rva->value += size;
    return PE_OK;
}

/* Rule E5: a name table that points into the headers or out of the image counts as absent. */
static pe_rva usable_lookup_table(const pe_image *image, uint32_t lookup, uint32_t address)
{
    const pe_optional_header *optional = &image->optional;
    bool is_usable =
        lookup != 0 && lookup >= optional->size_of_headers && lookup < optional->size_of_image;
    return (pe_rva){is_usable ? lookup : address};
}

/* PE_END at the terminator: a descriptor without a name or an address table (rule E2). */
static pe_status read_descriptor(pe_import_iter *iter, pe_import_dll *ret_dll, pe_rva *ret_name)
{
    uint8_t raw[IMPORT_SIZE];
    pe_rva at = iter->next;
    pe_status status = pe__fetch(iter->image, &iter->window, at.value, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    uint32_t name = pe__load_u32(raw + IMPORT_NAME);
    uint32_t lookup = pe__load_u32(raw + IMPORT_LOOKUP_TABLE);
    uint32_t address = pe__load_u32(raw + IMPORT_ADDRESS_TABLE);
    if (name == 0 || address == 0)
        return PE_END;
    *ret_name = (pe_rva){name};
    *ret_dll = (pe_import_dll){
        .descriptor = at,
        .original_first_thunk = {lookup},
        .time_date_stamp = pe__load_u32(raw + IMPORT_TIME_DATE_STAMP),
        .forwarder_chain = pe__load_u32(raw + IMPORT_FORWARDER_CHAIN),
        .lookup_table = usable_lookup_table(iter->image, lookup, address),
        .address_table = {address},
    };
    return PE_OK;
}

pe_status pe_import_next(pe_import_iter *iter, pe_import_dll *ret_dll)
{
    while (iter->status == PE_OK) {
        pe_import_dll dll;
        pe_rva name;
        uint64_t first_thunk = 0;
        pe_status status = read_descriptor(iter, &dll, &name);
        if (status == PE_OK)
            status =
                pe__fetch_pointer(iter->image, &iter->window, dll.lookup_table.value, &first_thunk);
        /* Rule E4: without a thunk the DLL is not loaded, its name not even looked at. */
        if (status == PE_OK && first_thunk != 0)
            status = pe__fetch_string(iter->image, &iter->window, name.value, &dll.name);
        if (status != PE_OK) {
            iter->status = status;
            break;
        }
        iter->status = pe__advance(&iter->next, IMPORT_SIZE);
        if (first_thunk != 0) {
            dll.window = iter->window;
            *ret_dll = dll;
            return PE_OK;
        }
    }
    return iter->status;
}

void pe_thunks(const pe_image *image, const pe_import_dll *dll, pe_thunk_iter *ret_iter)
{
    *ret_iter = (pe_thunk_iter){
        .image = image,
        .thunks = dll->window,
        .names = dll->window,
        .lookup = dll->lookup_table,
        .slot = dll->address_table,
        .status = PE_OK,
    };
}

bool pe__is_ordinal(const pe_image *image, uint64_t thunk)
{
    uint64_t ordinal_flag = pe__is_64(image) ? UINT64_C(1) << 63 : UINT64_C(1) << 31;
    return (thunk & ordinal_flag) != 0;
}

/* The name is the last that can fail, so that it goes straight to its place. */
pe_status pe__decode_thunk(const pe_image *image, pe_window *names, uint64_t thunk,
                           pe_import *ret_import)
{
    uint16_t hint = 0;
    bool by_ordinal = pe__is_ordinal(image, thunk);
    if (by_ordinal) {
        ret_import->name = (pe_span){0};
    } else {
        uint64_t at = thunk & THUNK_RVA_MASK;
        pe_status status = pe__fetch_u16(image, names, at, &hint);
        if (status == PE_OK)
            status = pe__fetch_string(image, names, at + HINT_SIZE, &ret_import->name);
        if (status != PE_OK)
            return status;
    }
    ret_import->by_ordinal = by_ordinal;
    ret_import->ordinal = by_ordinal ? (uint16_t)(thunk & 0xFFFF) : 0;
    ret_import->hint = hint;
    return PE_OK;
}

pe_status pe_thunk_next(pe_thunk_iter *iter, pe_import *ret_import)
{
    const pe_image *image = iter->image;
    uint64_t thunk;
    uint32_t width = pe__is_64(image) ? 8 : 4;
    if (iter->status != PE_OK)
        return iter->status;
    iter->status = pe__fetch_pointer(image, &iter->thunks, iter->lookup.value, &thunk);
    if (iter->status == PE_OK && thunk == 0)
        iter->status = PE_END;
    if (iter->status == PE_OK)
        iter->status = pe__decode_thunk(image, &iter->names, thunk, ret_import);
    if (iter->status != PE_OK)
        return iter->status;
    ret_import->lookup = iter->lookup;
    ret_import->thunk = thunk;
    ret_import->slot = iter->slot;
    iter->status = pe__advance(&iter->lookup, width);
    if (iter->status == PE_OK)
        iter->status = pe__advance(&iter->slot, width);
    return PE_OK;
}
