#include "pe/image/bytes.h"

enum { KIND_U16, KIND_U32, KIND_SIZE, KIND_VA };

typedef struct field_place {
    uint8_t kind;
    uint16_t offset_32, offset_64;
} field_place;

static const field_place fields[] = {
#define X(name, kind, offset_32, offset_64) {KIND_##kind, offset_32, offset_64},
    PE_LOAD_CONFIG_FIELDS(X)
#undef X
};

const char *pe_load_config_field_name(pe_load_config_field field)
{
    static const char *const names[] = {
#define X(name, kind, offset_32, offset_64) #name,
        PE_LOAD_CONFIG_FIELDS(X)
#undef X
    };
    return (uint32_t)field < PE_LC_COUNT ? names[field] : "UNKNOWN";
}

const char *pe_guard_flag_name(uint32_t bit)
{
    switch (bit) {
#define X(name, value) \
    case value:        \
        return #name;
        PE_GUARD_FLAG_LIST(X)
#undef X
    default:
        return NULL;
    }
}

static uint32_t offset_of(const pe_load_config *config, pe_load_config_field field)
{
    return config->is_64 ? fields[field].offset_64 : fields[field].offset_32;
}

static uint32_t width_of(const pe_load_config *config, pe_load_config_field field)
{
    if (fields[field].kind == KIND_U16)
        return 2;
    return fields[field].kind == KIND_U32 || !config->is_64 ? 4 : 8;
}

static uint32_t known_size(const pe_load_config *config)
{
    return offset_of(config, PE_LC_UMA_FUNCTIONS) + width_of(config, PE_LC_UMA_FUNCTIONS);
}

/* The structure's Size is read with the rest of it: it is not looked at twice. */
pe_status pe_load_config_open(const pe_image *image, pe_load_config *ret_config)
{
    uint32_t size;
    pe_rva rest;
    pe_load_config config = {
        .directory = pe_directory_at(image, PE_DIRECTORY_LOAD_CONFIG),
        .is_64 = pe_is_64(image),
        .base = image->optional.image_base,
    };
    if (config.directory.rva.value == 0)
        return PE_NOT_PRESENT;
    pe_status status = pe_read(image, config.directory.rva, config.raw, sizeof size);
    if (status != PE_OK)
        return status;
    config.size = pe__load_u32(config.raw);
    config.raw_size = (uint32_t)pe__min(pe__max(config.size, sizeof size), known_size(&config));
    if (config.raw_size > sizeof size) {
        if (!pe__element(config.directory.rva, sizeof size, 1, &rest))
            return PE_OUT_OF_BOUNDS;
        status = pe_read(image, rest, config.raw + sizeof size, config.raw_size - sizeof size);
    }
    if (status == PE_OK)
        *ret_config = config;
    return status;
}

pe_status pe_load_config_value(const pe_load_config *config, pe_load_config_field field,
                               uint64_t *ret_value)
{
    if ((uint32_t)field >= PE_LC_COUNT)
        return PE_NOT_FOUND;
    uint32_t offset = offset_of(config, field), width = width_of(config, field);
    if (!pe_range_ok(config->raw_size, offset, width))
        return PE_NOT_PRESENT;
    const uint8_t *at = config->raw + offset;
    *ret_value = width == 2 ? pe__load_u16(at) : width == 4 ? pe__load_u32(at) : pe__load_u64(at);
    return PE_OK;
}

pe_status pe_load_config_target(const pe_image *image, const pe_load_config *config,
                                pe_load_config_field field, pe_rva *ret_rva)
{
    uint64_t address;
    if (pe_load_config_value(config, field, &address) != PE_OK || address == 0)
        return PE_NOT_PRESENT;
    return pe_va_to_rva(image, config->base, address, ret_rva);
}

pe_status pe_load_config_place(const pe_load_config *config, pe_load_config_field field,
                               pe_rva *ret_rva, uint32_t *ret_size)
{
    if ((uint32_t)field >= PE_LC_COUNT)
        return PE_NOT_FOUND;
    *ret_rva = (pe_rva){config->directory.rva.value + offset_of(config, field)};
    *ret_size = width_of(config, field);
    return PE_OK;
}
