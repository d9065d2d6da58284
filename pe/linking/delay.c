#include "pe/image/bytes.h"
#include "thunk.h"

/* Eight numbers of 32 bits: [PE Delay-Load Import Tables]. */
enum {
    DELAY_ATTRIBUTES = 0,
    DELAY_NAME = 4,
    DELAY_MODULE_HANDLE = 8,
    DELAY_ADDRESS_TABLE = 12,
    DELAY_NAME_TABLE = 16,
    DELAY_BOUND_TABLE = 20,
    DELAY_UNLOAD_TABLE = 24,
    DELAY_TIME_DATE_STAMP = 28,
    DELAY_SIZE = 32,
};

/* An absent directory is an empty one; its size is not looked at. */
void pe_delay_imports(const pe_image *image, uint64_t base, pe_delay_iter *ret_iter)
{
    pe_directory directory = pe_directory_at(image, PE_DIRECTORY_DELAY_IMPORT);
    *ret_iter = (pe_delay_iter){
        .image = image,
        .base = base,
        .next = directory.rva,
        .status = directory.rva.value == 0 ? PE_END : PE_OK,
    };
}

/* Version 1 holds addresses. 0 means "none" in both versions. */
static pe_status place(const pe_delay_iter *iter, bool is_rva, uint32_t value, pe_rva *ret_rva)
{
    if (is_rva || value == 0) {
        *ret_rva = (pe_rva){value};
        return PE_OK;
    }
    return pe_va_to_rva(iter->image, iter->base, value, ret_rva);
}

static pe_status decode_places(const pe_delay_iter *iter, const uint8_t *raw, pe_delay_dll *dll,
                               pe_rva *ret_name)
{
    const struct {
        uint32_t field;
        pe_rva *rva;
    } places[] = {
        {DELAY_NAME, ret_name},
        {DELAY_MODULE_HANDLE, &dll->module_handle},
        {DELAY_ADDRESS_TABLE, &dll->address_table},
        {DELAY_NAME_TABLE, &dll->name_table},
        {DELAY_BOUND_TABLE, &dll->bound_table},
        {DELAY_UNLOAD_TABLE, &dll->unload_table},
    };
    pe_status status = PE_OK;
    for (size_t i = 0; status == PE_OK && i < sizeof places / sizeof places[0]; i++)
        status = place(iter, dll->is_rva, pe__load_u32(raw + places[i].field), places[i].rva);
    return status;
}

static pe_status read_descriptor(const pe_delay_iter *iter, pe_delay_dll *dll)
{
    uint8_t raw[DELAY_SIZE];
    pe_rva name = {0};
    pe_status status = pe_read(iter->image, iter->next, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    if (pe__load_u32(raw + DELAY_NAME) == 0)
        return PE_END;
    dll->descriptor = iter->next;
    dll->attributes = pe__load_u32(raw + DELAY_ATTRIBUTES);
    dll->is_rva = (dll->attributes & PE_DELAY_RVA) != 0;
    dll->time_date_stamp = pe__load_u32(raw + DELAY_TIME_DATE_STAMP);
    status = decode_places(iter, raw, dll, &name);
    return status == PE_OK ? pe_string(iter->image, name, &dll->name) : status;
}

pe_status pe_delay_next(pe_delay_iter *iter, pe_delay_dll *ret_dll)
{
    pe_delay_dll dll = {0};
    if (iter->status != PE_OK)
        return iter->status;
    iter->status = read_descriptor(iter, &dll);
    if (iter->status != PE_OK)
        return iter->status;
    iter->status = pe__advance(&iter->next, DELAY_SIZE);
    *ret_dll = dll;
    return PE_OK;
}

/* A DLL without a name table has no functions to name. */
void pe_delay_thunks(const pe_delay_iter *iter, const pe_delay_dll *dll,
                     pe_delay_thunk_iter *ret_iter)
{
    *ret_iter = (pe_delay_thunk_iter){
        .image = iter->image,
        .base = iter->base,
        .is_rva = dll->is_rva,
        .lookup = dll->name_table,
        .slot = dll->address_table,
        .status = dll->name_table.value == 0 ? PE_END : PE_OK,
    };
}

/* As stored, and as version 2 would have it: the name's address in version 1 becomes an RVA. */
static pe_status read_thunk(const pe_delay_thunk_iter *iter, uint64_t *ret_stored,
                            uint64_t *ret_thunk)
{
    uint64_t thunk;
    pe_rva name;
    pe_status status = pe_read_pointer(iter->image, iter->lookup, &thunk);
    if (status != PE_OK)
        return status;
    *ret_stored = thunk;
    if (!iter->is_rva && thunk != 0 && !pe__is_ordinal(iter->image, thunk)) {
        status = pe_va_to_rva(iter->image, iter->base, thunk, &name);
        if (status != PE_OK)
            return status;
        thunk = name.value;
    }
    *ret_thunk = thunk;
    return thunk == 0 ? PE_END : PE_OK;
}

pe_status pe_delay_thunk_next(pe_delay_thunk_iter *iter, pe_import *ret_import)
{
    uint64_t thunk = 0;
    pe_import import = {.lookup = iter->lookup, .slot = iter->slot};
    uint32_t width = pe_is_64(iter->image) ? 8 : 4;
    if (iter->status != PE_OK)
        return iter->status;
    iter->status = read_thunk(iter, &import.thunk, &thunk);
    if (iter->status == PE_OK)
        iter->status = pe__decode_thunk(iter->image, &iter->names, thunk, &import);
    if (iter->status != PE_OK)
        return iter->status;
    iter->status = pe__advance(&iter->lookup, width);
    if (iter->status == PE_OK)
        iter->status = pe__advance(&iter->slot, width);
    *ret_import = import;
    return PE_OK;
}
