#include "pe/image/bytes.h"

enum { TLS_POINTERS = 4, TLS_SIZE_64 = TLS_POINTERS * 8 + 8 };

static uint64_t load_pointer(const uint8_t *raw, uint32_t index, uint32_t width)
{
    const uint8_t *at = raw + (size_t)index * width;
    return width == 8 ? pe__load_u64(at) : pe__load_u32(at);
}

/* The directory's own size is not looked at (rule F.1). */
pe_status pe_tls_open(const pe_image *image, pe_tls *ret_tls)
{
    uint8_t raw[TLS_SIZE_64];
    pe_directory directory = pe_directory_at(image, PE_DIRECTORY_TLS);
    uint32_t width = pe_is_64(image) ? 8 : 4;
    uint32_t numbers = TLS_POINTERS * width;
    if (directory.rva.value == 0)
        return PE_NOT_PRESENT;
    pe_status status = pe_read(image, directory.rva, raw, numbers + 8);
    if (status != PE_OK)
        return status;
    *ret_tls = (pe_tls){
        .directory = directory.rva,
        .data_start = load_pointer(raw, 0, width),
        .data_end = load_pointer(raw, 1, width),
        .index = load_pointer(raw, 2, width),
        .callbacks = load_pointer(raw, 3, width),
        .zero_fill = pe__load_u32(raw + numbers),
        .characteristics = pe__load_u32(raw + numbers + 4),
    };
    return PE_OK;
}

pe_status pe_va_to_rva(const pe_image *image, uint64_t base, uint64_t va, pe_rva *ret_rva)
{
    if (va < base || va - base >= image->optional.size_of_image)
        return PE_OUT_OF_BOUNDS;
    *ret_rva = (pe_rva){(uint32_t)(va - base)};
    return PE_OK;
}
