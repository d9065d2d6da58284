#include "pe/image/address.h"
#include "pe/image/layout.h"

enum {
    CERTIFICATE_REVISION = 4,
    CERTIFICATE_TYPE = 6,
    CERTIFICATE_HEADER = 8,
    CERTIFICATE_UNIT = 8
};

const char *pe_certificate_type_name(uint16_t type)
{
    switch (type) {
#define X(name, number) \
    case number:        \
        return #name;
        PE_CERTIFICATE_TYPE_LIST(X)
#undef X
    default:
        return NULL;
    }
}

/* The table, whose directory holds a file offset instead of an RVA. */
static pe_status find_table(const pe_image *image, uint64_t *ret_start, uint64_t *ret_end)
{
    pe_directory directory = pe_directory_at(image, PE_DIRECTORY_CERTIFICATE);
    if (image->layout == PE_LAYOUT_MAPPED || directory.rva.value == 0 || directory.size == 0)
        return PE_NOT_PRESENT;
    if (!pe_range_ok(image->bytes.size, directory.rva.value, directory.size))
        return PE_OUT_OF_BOUNDS;
    *ret_start = directory.rva.value;
    *ret_end = *ret_start + directory.size;
    return PE_OK;
}

void pe_certificates(const pe_image *image, pe_certificate_iter *ret_iter)
{
    pe_certificate_iter iter = {.image = image};
    iter.status = find_table(image, &iter.next, &iter.end);
    *ret_iter = iter;
}

static pe_status read_certificate(const pe_certificate_iter *iter, pe_certificate *ret_certificate)
{
    if (!pe_range_ok(iter->end, iter->next, CERTIFICATE_HEADER))
        return PE_OUT_OF_BOUNDS;
    if (!pe__pay(iter->image->budget, iter->next, PE__COST_RECORD))
        return PE_BUDGET_SPENT;
    const uint8_t *at = iter->image->bytes.data + iter->next;
    uint32_t length = pe__load_u32(at);
    if (length < CERTIFICATE_HEADER)
        return PE_BAD_FORMAT;
    if (!pe_range_ok(iter->end, iter->next, length))
        return PE_OUT_OF_BOUNDS;
    *ret_certificate = (pe_certificate){
        .at = {iter->next},
        .length = length,
        .revision = pe__load_u16(at + CERTIFICATE_REVISION),
        .type = pe__load_u16(at + CERTIFICATE_TYPE),
        .content = {at + CERTIFICATE_HEADER, length - CERTIFICATE_HEADER},
    };
    return PE_OK;
}

pe_status pe_certificate_next(pe_certificate_iter *iter, pe_certificate *ret_certificate)
{
    if (iter->status != PE_OK)
        return iter->status;
    iter->status = iter->next >= iter->end ? PE_END : read_certificate(iter, ret_certificate);
    if (iter->status == PE_OK)
        iter->next += pe__round_up(ret_certificate->length, CERTIFICATE_UNIT);
    return iter->status;
}

/* Range `index` is [start, end) of the file. */
static void add_range(pe_authenticode *ranges, uint32_t index, uint64_t start, uint64_t end)
{
    ranges->ranges[index] = (pe_file_range){{start}, end - start};
}

pe_status pe_authenticode_ranges(const pe_image *image, pe_authenticode *ret_ranges)
{
    pe_authenticode ranges = {0};
    uint64_t size = image->bytes.size, table = size, table_end = size;
    uint64_t optional = image->optional.offset.value, checksum = optional + OPT_CHECKSUM;
    uint64_t hole = checksum + 4, hole_end = hole;
    if (image->layout == PE_LAYOUT_MAPPED)
        return PE_NOT_PRESENT;
    if (image->optional.directory_count > PE_DIRECTORY_CERTIFICATE) {
        hole = optional + (pe_is_64(image) ? OPT_DIRECTORIES_64 : OPT_DIRECTORIES) +
               DIRECTORY_SIZE * PE_DIRECTORY_CERTIFICATE;
        hole_end = hole + DIRECTORY_SIZE;
    }
    pe_status status = find_table(image, &table, &table_end);
    if (status == PE_NOT_PRESENT)
        ranges.padding = (uint32_t)(pe__round_up(size, CERTIFICATE_UNIT) - size);
    else if (status != PE_OK)
        return status;
    if (table < hole_end)
        return PE_BAD_FORMAT;
    add_range(&ranges, 0, 0, checksum);
    add_range(&ranges, 1, checksum + 4, hole);
    add_range(&ranges, 2, hole_end, table);
    add_range(&ranges, 3, table_end, size);
    *ret_ranges = ranges;
    return PE_OK;
}
