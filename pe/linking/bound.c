#include "pe/image/bytes.h"

/* IMAGE_BOUND_IMPORT_DESCRIPTOR; its forwarder references have the same shape. */
enum { BOUND_TIME_DATE_STAMP = 0, BOUND_NAME = 4, BOUND_REFERENCES = 6, BOUND_SIZE = 8 };

void pe_bound_imports(const pe_image *image, pe_bound_iter *ret_iter)
{
    pe_directory directory = pe_directory_at(image, PE_DIRECTORY_BOUND_IMPORT);
    *ret_iter = (pe_bound_iter){
        .image = image,
        .table = directory.rva,
        .status = directory.rva.value != 0 ? PE_OK : PE_NOT_PRESENT,
    };
}

/* Reads the entry `index`; its name is at an offset from the start of the table. */
static pe_status read_entry(const pe_bound_iter *iter, pe_bound_import *ret_bound, bool *ret_is_end)
{
    uint8_t raw[BOUND_SIZE];
    pe_rva at, name;
    pe_span text = {0};
    if (!pe__element(iter->table, iter->next, BOUND_SIZE, &at))
        return PE_OUT_OF_BOUNDS;
    pe_status status = pe_read(iter->image, at, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    uint16_t offset = pe__load_u16(raw + BOUND_NAME);
    *ret_is_end = pe__load_u32(raw + BOUND_TIME_DATE_STAMP) == 0 && offset == 0;
    if (*ret_is_end)
        return PE_OK;
    if (!pe__element(iter->table, offset, 1, &name))
        return PE_OUT_OF_BOUNDS;
    status = pe_string(iter->image, name, &text);
    if (status != PE_OK)
        return status;
    *ret_bound = (pe_bound_import){
        .at = at,
        .time_date_stamp = pe__load_u32(raw + BOUND_TIME_DATE_STAMP),
        .name = text,
        .is_reference = iter->references > 0,
        .reference_count = iter->references > 0 ? 0 : pe__load_u16(raw + BOUND_REFERENCES),
    };
    return PE_OK;
}

pe_status pe_bound_next(pe_bound_iter *iter, pe_bound_import *ret_bound)
{
    bool is_end = false;
    pe_bound_import bound;
    if (iter->status != PE_OK)
        return iter->status;
    iter->status = read_entry(iter, &bound, &is_end);
    if (iter->status == PE_OK && is_end)
        iter->status = PE_END;
    if (iter->status != PE_OK)
        return iter->status;
    iter->next++;
    iter->references = bound.is_reference ? iter->references - 1 : bound.reference_count;
    *ret_bound = bound;
    return PE_OK;
}
