#include "pe/image/bytes.h"

enum { VALUE_SIZE = 4, RANGE_SIZE = 8, ENTRY_POINT_SIZE = 12, REDIRECTION_SIZE = 8 };

typedef struct field {
    const char *name;
    uint32_t since; /* version */
} field;

static const field arm64ec_fields[] = {
#define X(name, version) {#name, version},
    PE_CHPE_ARM64EC_LIST(X)
#undef X
};

static const field x86_fields[] = {
#define X(name, version) {#name, version},
    PE_CHPE_X86_LIST(X)
#undef X
};

static const field *field_at(const pe_chpe *chpe, uint32_t index)
{
    if (index >= (chpe->is_x86 ? (uint32_t)PE_CHPE_X86_VALUE_COUNT : PE_CHPE_VALUE_COUNT))
        return NULL;
    return chpe->is_x86 ? &x86_fields[index] : &arm64ec_fields[index];
}

const char *pe_chpe_value_name(const pe_chpe *chpe, uint32_t index)
{
    const field *found = field_at(chpe, index);
    return found != NULL ? found->name : NULL;
}

const char *pe_chpe_range_name(uint32_t kind)
{
    switch (kind) {
#define X(name, number) \
    case number:        \
        return #name;
        PE_CHPE_RANGE_LIST(X)
#undef X
    default:
        return NULL;
    }
}

/* Fields are added at the end only; any version has those of the first. */
static uint32_t count_values(const pe_chpe *chpe, uint32_t version)
{
    uint32_t count = 0;
    for (const field *at = field_at(chpe, 0); at != NULL; at = field_at(chpe, ++count)) {
        if (at->since > pe__max(version, 1))
            break;
    }
    return count;
}

/* The version is read with the rest of the fields, and again as one of them. */
pe_status pe_chpe_open(const pe_image *image, const pe_load_config *config, pe_chpe *ret_chpe)
{
    uint8_t raw[PE_CHPE_VALUE_COUNT * VALUE_SIZE];
    uint32_t version;
    pe_chpe chpe = {.is_x86 = image->file.machine == PE_MACHINE_I386};
    pe_status status = pe_load_config_target(image, config, PE_LC_CHPE_METADATA, &chpe.at);
    if (status == PE_OK)
        status = pe_read_u32(image, chpe.at, &version);
    if (status != PE_OK)
        return status;
    chpe.count = count_values(&chpe, version);
    status = pe_read(image, chpe.at, raw, (size_t)chpe.count * VALUE_SIZE);
    if (status != PE_OK)
        return status;
    for (uint32_t i = 0; i < chpe.count; i++)
        chpe.values[i] = pe__load_u32(raw + (size_t)i * VALUE_SIZE);
    *ret_chpe = chpe;
    return PE_OK;
}

static void start(const pe_image *image, const pe_chpe *chpe, uint32_t table, uint32_t count,
                  pe_chpe_iter *ret_iter)
{
    *ret_iter = (pe_chpe_iter){
        .image = image,
        .table = {table},
        .count = count,
        .is_x86 = chpe->is_x86,
        .status = table != 0 && count != 0 ? PE_OK : PE_NOT_PRESENT,
    };
}

void pe_chpe_ranges(const pe_image *image, const pe_chpe *chpe, pe_chpe_iter *ret_iter)
{
    if (chpe->is_x86)
        start(image, chpe, chpe->values[PE_CHPE_X86_CODE_ADDRESS_RANGE_OFFSET],
              chpe->values[PE_CHPE_X86_CODE_ADDRESS_RANGE_COUNT], ret_iter);
    else
        start(image, chpe, chpe->values[PE_CHPE_CODE_MAP], chpe->values[PE_CHPE_CODE_MAP_COUNT],
              ret_iter);
}

/* A table that only ARM64EC has. */
static void start_arm64ec(const pe_image *image, const pe_chpe *chpe, pe_chpe_arm64ec_field table,
                          pe_chpe_arm64ec_field count, pe_chpe_iter *ret_iter)
{
    if (chpe->is_x86)
        start(image, chpe, 0, 0, ret_iter);
    else
        start(image, chpe, chpe->values[table], chpe->values[count], ret_iter);
}

void pe_chpe_entry_points(const pe_image *image, const pe_chpe *chpe, pe_chpe_iter *ret_iter)
{
    start_arm64ec(image, chpe, PE_CHPE_CODE_RANGES_TO_ENTRY_POINTS,
                  PE_CHPE_CODE_RANGES_TO_ENTRY_POINTS_COUNT, ret_iter);
}

void pe_chpe_redirections(const pe_image *image, const pe_chpe *chpe, pe_chpe_iter *ret_iter)
{
    start_arm64ec(image, chpe, PE_CHPE_REDIRECTION_METADATA, PE_CHPE_REDIRECTION_METADATA_COUNT,
                  ret_iter);
}

/* A count of any size is safe: the image ends before the table does. */
static pe_status next_raw(pe_chpe_iter *iter, uint8_t *ret_bytes, uint32_t size, pe_rva *ret_at)
{
    if (iter->status != PE_OK)
        return iter->status;
    if (iter->next == iter->count)
        iter->status = PE_END;
    else if (!pe__element(iter->table, iter->next, size, ret_at))
        iter->status = PE_OUT_OF_BOUNDS;
    else
        iter->status = pe_read(iter->image, *ret_at, ret_bytes, size);
    if (iter->status == PE_OK)
        iter->next++;
    return iter->status;
}

/* The low bits of the start say the kind: two of them, or on x86 one that says ARM64. */
pe_status pe_chpe_range_next(pe_chpe_iter *iter, pe_chpe_range *ret_range)
{
    uint8_t raw[RANGE_SIZE];
    pe_rva at = {0};
    pe_status status = next_raw(iter, raw, sizeof raw, &at);
    if (status != PE_OK)
        return status;
    uint32_t start_and_kind = pe__load_u32(raw), mask = iter->is_x86 ? 1 : 3;
    uint32_t kind = start_and_kind & mask;
    if (iter->is_x86)
        kind = kind != 0 ? PE_CHPE_RANGE_ARM64 : PE_CHPE_RANGE_X86;
    *ret_range = (pe_chpe_range){
        .at = at,
        .start = {start_and_kind & ~mask},
        .length = pe__load_u32(raw + 4),
        .kind = kind,
    };
    return PE_OK;
}

pe_status pe_chpe_entry_point_next(pe_chpe_iter *iter, pe_chpe_entry_point *ret_entry_point)
{
    uint8_t raw[ENTRY_POINT_SIZE];
    pe_rva at = {0};
    pe_status status = next_raw(iter, raw, sizeof raw, &at);
    if (status == PE_OK)
        *ret_entry_point = (pe_chpe_entry_point){
            .at = at,
            .start = {pe__load_u32(raw)},
            .end = {pe__load_u32(raw + 4)},
            .entry_point = {pe__load_u32(raw + 8)},
        };
    return status;
}

pe_status pe_chpe_redirection_next(pe_chpe_iter *iter, pe_chpe_redirection *ret_redirection)
{
    uint8_t raw[REDIRECTION_SIZE];
    pe_rva at = {0};
    pe_status status = next_raw(iter, raw, sizeof raw, &at);
    if (status == PE_OK)
        *ret_redirection = (pe_chpe_redirection){
            .at = at,
            .source = {pe__load_u32(raw)},
            .destination = {pe__load_u32(raw + 4)},
        };
    return status;
}
