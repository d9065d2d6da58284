#include "pe/image/bytes.h"

#include <string.h>

/* IMAGE_ENCLAVE_CONFIG: what follows ENCLAVE_SIZE, which is as wide as a pointer, counts from its
 * end. */
enum {
    ENCLAVE_STRUCT_SIZE = 0,
    ENCLAVE_MINIMUM_SIZE = 4,
    ENCLAVE_POLICY = 8,
    ENCLAVE_IMPORT_COUNT = 12,
    ENCLAVE_IMPORTS = 16,
    ENCLAVE_IMPORT_SIZE = 20,
    ENCLAVE_FAMILY_ID = 24,
    ENCLAVE_IMAGE_ID = 40,
    ENCLAVE_IMAGE_VERSION = 56,
    ENCLAVE_SECURITY_VERSION = 60,
    ENCLAVE_SIZE = 64,
    ENCLAVE_MAX = 80,
};

/* IMAGE_ENCLAVE_IMPORT */
enum {
    IMPORT_MATCH = 0,
    IMPORT_MINIMUM_SECURITY_VERSION = 4,
    IMPORT_UNIQUE_ID = 8,
    IMPORT_FAMILY_ID = 40,
    IMPORT_IMAGE_ID = 56,
    IMPORT_NAME = 72,
    IMPORT_SIZE = 80,
};

const char *pe_enclave_policy_name(uint32_t bit)
{
    switch (bit) {
#define X(name, value) \
    case value:        \
        return #name;
        PE_ENCLAVE_POLICY_LIST(X)
#undef X
    default:
        return NULL;
    }
}

const char *pe_enclave_match_name(uint32_t match)
{
    switch (match) {
#define X(name, number) \
    case number:        \
        return #name;
        PE_ENCLAVE_MATCH_LIST(X)
#undef X
    default:
        return NULL;
    }
}

static pe_enclave decode_enclave(const pe_image *image, pe_rva at, const uint8_t *raw)
{
    bool is_64 = pe_is_64(image);
    const uint8_t *tail = raw + ENCLAVE_SIZE + (is_64 ? 8 : 4);
    pe_enclave enclave = {
        .at = at,
        .size = pe__load_u32(raw + ENCLAVE_STRUCT_SIZE),
        .minimum_size = pe__load_u32(raw + ENCLAVE_MINIMUM_SIZE),
        .policy = pe__load_u32(raw + ENCLAVE_POLICY),
        .import_count = pe__load_u32(raw + ENCLAVE_IMPORT_COUNT),
        .imports = {pe__load_u32(raw + ENCLAVE_IMPORTS)},
        .import_size = pe__load_u32(raw + ENCLAVE_IMPORT_SIZE),
        .image_version = pe__load_u32(raw + ENCLAVE_IMAGE_VERSION),
        .security_version = pe__load_u32(raw + ENCLAVE_SECURITY_VERSION),
        .enclave_size = is_64 ? pe__load_u64(raw + ENCLAVE_SIZE) : pe__load_u32(raw + ENCLAVE_SIZE),
        .threads = pe__load_u32(tail),
        .flags = pe__load_u32(tail + 4),
    };
    memcpy(enclave.family_id, raw + ENCLAVE_FAMILY_ID, PE_ENCLAVE_ID_SIZE);
    memcpy(enclave.image_id, raw + ENCLAVE_IMAGE_ID, PE_ENCLAVE_ID_SIZE);
    return enclave;
}

/* The flags came later than the rest; what Size does not cover stays 0. */
pe_status pe_enclave_open(const pe_image *image, const pe_load_config *config,
                          pe_enclave *ret_enclave)
{
    uint8_t raw[ENCLAVE_MAX] = {0};
    uint32_t size, least = ENCLAVE_SIZE + (pe_is_64(image) ? 12 : 8);
    pe_rva at;
    pe_status status = pe_load_config_target(image, config, PE_LC_ENCLAVE_CONFIGURATION, &at);
    if (status == PE_OK)
        status = pe_read_u32(image, at, &size);
    if (status != PE_OK)
        return status;
    if (size < least)
        return PE_BAD_FORMAT;
    status = pe_read(image, at, raw, size < least + 4 ? least : least + 4);
    if (status == PE_OK)
        *ret_enclave = decode_enclave(image, at, raw);
    return status;
}

void pe_enclave_imports(const pe_image *image, const pe_enclave *enclave, pe_enclave_iter *ret_iter)
{
    pe_enclave_iter iter = {
        .image = image,
        .table = enclave->imports,
        .count = enclave->import_count,
        .entry_size = enclave->import_size,
    };
    if (enclave->imports.value == 0 || enclave->import_count == 0)
        iter.status = PE_NOT_PRESENT;
    else
        iter.status = enclave->import_size < IMPORT_SIZE ? PE_BAD_FORMAT : PE_OK;
    *ret_iter = iter;
}

static pe_enclave_import decode_import(const pe_image *image, pe_rva at, const uint8_t *raw)
{
    pe_enclave_import import = {
        .at = at,
        .match = pe__load_u32(raw + IMPORT_MATCH),
        .minimum_security_version = pe__load_u32(raw + IMPORT_MINIMUM_SECURITY_VERSION),
        .name_rva = {pe__load_u32(raw + IMPORT_NAME)},
    };
    memcpy(import.unique_or_author_id, raw + IMPORT_UNIQUE_ID, PE_ENCLAVE_AUTHOR_SIZE);
    memcpy(import.family_id, raw + IMPORT_FAMILY_ID, PE_ENCLAVE_ID_SIZE);
    memcpy(import.image_id, raw + IMPORT_IMAGE_ID, PE_ENCLAVE_ID_SIZE);
    import.name_status = pe_string(image, import.name_rva, &import.name);
    return import;
}

/* A count of any size is safe: the image ends before the table does. */
pe_status pe_enclave_import_next(pe_enclave_iter *iter, pe_enclave_import *ret_import)
{
    uint8_t raw[IMPORT_SIZE];
    pe_rva at = {0};
    if (iter->status != PE_OK)
        return iter->status;
    if (iter->next == iter->count)
        iter->status = PE_END;
    else if (!pe__element(iter->table, iter->next, iter->entry_size, &at))
        iter->status = PE_OUT_OF_BOUNDS;
    else
        iter->status = pe_read(iter->image, at, raw, sizeof raw);
    if (iter->status != PE_OK)
        return iter->status;
    iter->next++;
    *ret_import = decode_import(iter->image, at, raw);
    return PE_OK;
}
