#include "pe/image/bytes.h"

/* IMAGE_VOLATILE_METADATA */
enum {
    VOLATILE_SIZE = 0,
    VOLATILE_MINIMUM_VERSION = 4,
    VOLATILE_MAXIMUM_VERSION = 6,
    VOLATILE_ACCESSES = 8,
    VOLATILE_RANGES = 16,
    VOLATILE_HEADER = 24,
    ACCESS_SIZE = 4,
    RANGE_SIZE = 8,
};

static pe_directory load_directory(const uint8_t *at)
{
    return (pe_directory){{pe__load_u32(at)}, pe__load_u32(at + 4)};
}

pe_status pe_volatile_open(const pe_image *image, const pe_load_config *config,
                           pe_volatile *ret_volatile)
{
    uint8_t raw[VOLATILE_HEADER];
    pe_rva at;
    pe_status status = pe_load_config_target(image, config, PE_LC_VOLATILE_METADATA, &at);
    if (status == PE_OK)
        status = pe_read(image, at, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    if (pe__load_u32(raw + VOLATILE_SIZE) < VOLATILE_HEADER)
        return PE_BAD_FORMAT;
    *ret_volatile = (pe_volatile){
        .at = at,
        .size = pe__load_u32(raw + VOLATILE_SIZE),
        .minimum_version = pe__load_u16(raw + VOLATILE_MINIMUM_VERSION),
        .maximum_version = pe__load_u16(raw + VOLATILE_MAXIMUM_VERSION),
        .accesses = load_directory(raw + VOLATILE_ACCESSES),
        .ranges = load_directory(raw + VOLATILE_RANGES),
    };
    return PE_OK;
}

static void start(const pe_image *image, pe_directory table, uint32_t entry_size,
                  pe_volatile_iter *ret_iter)
{
    *ret_iter = (pe_volatile_iter){
        .image = image,
        .table = table,
        .count = table.size / entry_size,
        .status = table.rva.value != 0 && table.size != 0 ? PE_OK : PE_NOT_PRESENT,
    };
}

void pe_volatile_accesses(const pe_image *image, const pe_volatile *metadata,
                          pe_volatile_iter *ret_iter)
{
    start(image, metadata->accesses, ACCESS_SIZE, ret_iter);
}

void pe_volatile_ranges(const pe_image *image, const pe_volatile *metadata,
                        pe_volatile_iter *ret_iter)
{
    start(image, metadata->ranges, RANGE_SIZE, ret_iter);
}

/* A size of any number is safe: the image ends before the table does. */
static pe_status next_raw(pe_volatile_iter *iter, uint8_t *ret_bytes, uint32_t size, pe_rva *ret_at)
{
    if (iter->status != PE_OK)
        return iter->status;
    if (iter->next == iter->count)
        iter->status = PE_END;
    else if (!pe__element(iter->table.rva, iter->next, size, ret_at))
        iter->status = PE_OUT_OF_BOUNDS;
    else
        iter->status = pe_read(iter->image, *ret_at, ret_bytes, size);
    if (iter->status == PE_OK)
        iter->next++;
    return iter->status;
}

pe_status pe_volatile_access_next(pe_volatile_iter *iter, pe_rva *ret_instruction)
{
    uint8_t raw[ACCESS_SIZE];
    pe_rva at = {0};
    pe_status status = next_raw(iter, raw, sizeof raw, &at);
    if (status == PE_OK)
        *ret_instruction = (pe_rva){pe__load_u32(raw)};
    return status;
}

pe_status pe_volatile_range_next(pe_volatile_iter *iter, pe_volatile_range *ret_range)
{
    uint8_t raw[RANGE_SIZE];
    pe_rva at = {0};
    pe_status status = next_raw(iter, raw, sizeof raw, &at);
    if (status == PE_OK)
        *ret_range = (pe_volatile_range){
            .at = at,
            .rva = {pe__load_u32(raw)},
            .size = pe__load_u32(raw + 4),
        };
    return status;
}
