#include "pe/image/address.h"
#include "pe/image/bytes.h"

enum { WORD_SIZE = 2, IMPORT_SIZE = 4, DELTA_SIZE = 4, OFFSET_MASK = 0xFFF };

const char *pe_arm64x_type_name(uint32_t type)
{
    switch (type) {
#define X(name, number) \
    case number:        \
        return #name;
        PE_ARM64X_TYPE_LIST(X)
#undef X
    default:
        return NULL;
    }
}

const char *pe_override_type_name(uint32_t type)
{
    switch (type) {
#define X(name, number) \
    case number:        \
        return #name;
        PE_OVERRIDE_TYPE_LIST(X)
#undef X
    default:
        return NULL;
    }
}

void pe_dynamic_records(const pe_image *image, const pe_dynamic_block *block,
                        pe_dynamic_record_iter *ret_iter)
{
    *ret_iter = (pe_dynamic_record_iter){.image = image, .block = *block, .status = PE_OK};
}

static pe_status read_at(const pe_dynamic_record_iter *iter, uint32_t offset, void *ret_bytes,
                         size_t size)
{
    uint64_t at = (uint64_t)iter->next + offset;
    return pe__read_within(iter->image, iter->block.records, at, ret_bytes, size);
}

/* IMAGE_IMPORT_CONTROL_TRANSFER_DYNAMIC_RELOCATION: 12 bits of offset, the call, the index. */
static void decode_import(pe_dynamic_record *record)
{
    record->target += record->raw & OFFSET_MASK;
    record->is_call = (record->raw >> 12 & 1) != 0;
    record->iat_index = record->raw >> 13;
}

/* IMAGE_IMPORT_CONTROL_TRANSFER_ARM64_RELOCATION: the offset counts instructions. */
static void decode_import_arm64(pe_dynamic_record *record)
{
    record->target += (record->raw & 0x3FF) * 4;
    record->is_call = (record->raw >> 10 & 1) != 0;
    record->register_no = (uint8_t)(record->raw >> 11 & 0x1F);
    record->is_delay = (record->raw >> 16 & 1) != 0;
    record->iat_index = record->raw >> 17;
}

static pe_status read_import(const pe_dynamic_record_iter *iter, pe_dynamic_record *record)
{
    uint8_t raw[IMPORT_SIZE];
    pe_status status = read_at(iter, 0, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    record->size = IMPORT_SIZE;
    record->raw = pe__load_u32(raw);
    if (iter->image->file.machine == PE_MACHINE_ARM64)
        decode_import_arm64(record);
    else
        decode_import(record);
    return PE_OK;
}

/* The bytes of a value follow the record. */
static pe_status read_value(const pe_dynamic_record_iter *iter, pe_dynamic_record *record)
{
    uint8_t raw[8] = {0};
    if (record->width < WORD_SIZE)
        return PE_BAD_FORMAT;
    pe_status status = read_at(iter, WORD_SIZE, raw, record->width);
    if (status != PE_OK)
        return status;
    record->size += record->width;
    record->value = pe__load_u64(raw);
    return PE_OK;
}

/* A delta's own two bits are its sign and its scale; a word with the number follows. */
static pe_status read_delta(const pe_dynamic_record_iter *iter, pe_dynamic_record *record)
{
    uint8_t raw[WORD_SIZE];
    pe_status status = read_at(iter, WORD_SIZE, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    int32_t delta = pe__load_u16(raw) * ((record->raw >> 15 & 1) != 0 ? 8 : 4);
    record->size += WORD_SIZE;
    record->width = DELTA_SIZE;
    record->delta = (record->raw >> 14 & 1) != 0 ? -delta : delta;
    return PE_OK;
}

static pe_status read_arm64x(const pe_dynamic_record_iter *iter, pe_dynamic_record *record)
{
    record->type = record->raw >> 12 & 3;
    record->width = 1u << (record->raw >> 14);
    switch (record->type) {
    case PE_ARM64X_ZEROFILL:
        return PE_OK;
    case PE_ARM64X_VALUE:
        return read_value(iter, record);
    case PE_ARM64X_DELTA:
        return read_delta(iter, record);
    default:
        return PE_BAD_FORMAT;
    }
}

static pe_status decode_word(const pe_dynamic_record_iter *iter, pe_dynamic_record *record)
{
    record->target += record->raw & OFFSET_MASK;
    switch (iter->block.symbol) {
    case PE_DYNAMIC_GUARD_INDIR_CONTROL_TRANSFER:
        record->is_call = (record->raw >> 12 & 1) != 0;
        record->has_rex_w = (record->raw >> 13 & 1) != 0;
        record->has_cfg_check = (record->raw >> 14 & 1) != 0;
        return PE_OK;
    case PE_DYNAMIC_GUARD_SWITCHTABLE_BRANCH:
        record->register_no = (uint8_t)(record->raw >> 12);
        return PE_OK;
    case PE_DYNAMIC_ARM64X:
        return read_arm64x(iter, record);
    default:
        record->type = record->raw >> 12;
        return PE_OK;
    }
}

static pe_status read_word(const pe_dynamic_record_iter *iter, pe_dynamic_record *record)
{
    uint8_t raw[WORD_SIZE];
    pe_status status = read_at(iter, 0, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    record->size = WORD_SIZE;
    record->raw = pe__load_u16(raw);
    if (record->raw == 0 && iter->block.symbol == PE_DYNAMIC_ARM64X &&
        iter->block.records.size - iter->next == WORD_SIZE)
        return PE_END;
    return decode_word(iter, record);
}

static pe_status read_record(const pe_dynamic_record_iter *iter, pe_dynamic_record *ret_record)
{
    pe_dynamic_record record = {
        .at = {iter->block.records.rva.value + iter->next},
        .target = iter->block.page.value,
    };
    pe_status status = iter->block.symbol == PE_DYNAMIC_GUARD_IMPORT_CONTROL_TRANSFER
                           ? read_import(iter, &record)
                           : read_word(iter, &record);
    if (status == PE_OK)
        *ret_record = record;
    return status;
}

pe_status pe_dynamic_record_next(pe_dynamic_record_iter *iter, pe_dynamic_record *ret_record)
{
    if (iter->status != PE_OK)
        return iter->status;
    iter->status = iter->next == iter->block.records.size ? PE_END : read_record(iter, ret_record);
    if (iter->status == PE_OK)
        iter->next += ret_record->size;
    return iter->status;
}
