#include "image_bytes.h"

#include <stdlib.h>
#include <string.h>

/* Where a field counts from. */
enum origin { DOS_HEADER, NT_HEADERS, OPTIONAL_HEADER };

/* Offsets in PE32 and PE32+; a width of 0 is that of a pointer. */
static const struct {
    enum origin origin;
    uint8_t offset_32, offset_64, width;
} fields[IMG_FIELD_COUNT] = {
    [IMG_DOS_MAGIC] = {DOS_HEADER, 0, 0, 2},
    [IMG_LFANEW] = {DOS_HEADER, 60, 60, 4},
    [IMG_SIGNATURE] = {NT_HEADERS, 0, 0, 4},
    [IMG_MACHINE] = {NT_HEADERS, 4, 4, 2},
    [IMG_SECTION_COUNT] = {NT_HEADERS, 6, 6, 2},
    [IMG_OPTIONAL_SIZE] = {NT_HEADERS, 20, 20, 2},
    [IMG_CHARACTERISTICS] = {NT_HEADERS, 22, 22, 2},
    [IMG_MAGIC] = {OPTIONAL_HEADER, 0, 0, 2},
    [IMG_ENTRY_POINT] = {OPTIONAL_HEADER, 16, 16, 4},
    [IMG_IMAGE_BASE] = {OPTIONAL_HEADER, 28, 24, 0},
    [IMG_SECTION_ALIGNMENT] = {OPTIONAL_HEADER, 32, 32, 4},
    [IMG_FILE_ALIGNMENT] = {OPTIONAL_HEADER, 36, 36, 4},
    [IMG_SUBSYSTEM_MAJOR] = {OPTIONAL_HEADER, 48, 48, 2},
    [IMG_SUBSYSTEM_MINOR] = {OPTIONAL_HEADER, 50, 50, 2},
    [IMG_SIZE_OF_IMAGE] = {OPTIONAL_HEADER, 56, 56, 4},
    [IMG_SIZE_OF_HEADERS] = {OPTIONAL_HEADER, 60, 60, 4},
    [IMG_CHECKSUM] = {OPTIONAL_HEADER, 64, 64, 4},
    [IMG_SUBSYSTEM] = {OPTIONAL_HEADER, 68, 68, 2},
    [IMG_DLL_CHARACTERISTICS] = {OPTIONAL_HEADER, 70, 70, 2},
    [IMG_STACK_RESERVE] = {OPTIONAL_HEADER, 72, 72, 0},
    [IMG_DIRECTORY_COUNT] = {OPTIONAL_HEADER, 92, 108, 4},
    [IMG_DIRECTORIES] = {OPTIONAL_HEADER, 96, 112, 4},
};

uint64_t img_at(const img_image *image, img_field field)
{
    uint64_t offset = image->is_64 ? fields[field].offset_64 : fields[field].offset_32;
    if (fields[field].origin == DOS_HEADER)
        return offset;
    return image->nt + offset + (fields[field].origin == OPTIONAL_HEADER ? 24 : 0);
}

uint64_t img_section_at(const img_image *image, size_t index, img_section_field field)
{
    return (uint64_t)image->nt + 24 + image->optional_size + 40 * index + (unsigned)field;
}

uint64_t img_directory_at(const img_image *image, pe_directory_index index)
{
    return img_at(image, IMG_DIRECTORIES) + 8 * (uint64_t)index;
}

/* `width` bytes at `offset`, or abort: tests change what is there. */
static uint8_t *place(const img_image *image, uint64_t offset, uint64_t width)
{
    if (!pe_range_ok(image->size, offset, width))
        abort();
    return image->bytes + offset;
}

void img_set_u16(img_image *image, uint64_t offset, uint16_t value)
{
    img_store_u16(place(image, offset, 2), value);
}

void img_set_u32(img_image *image, uint64_t offset, uint32_t value)
{
    img_store_u32(place(image, offset, 4), value);
}

void img_set_u64(img_image *image, uint64_t offset, uint64_t value)
{
    img_store_u64(place(image, offset, 8), value);
}

uint32_t img_get_u32(const img_image *image, uint64_t offset)
{
    const uint8_t *at = place(image, offset, 4);
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

void img_set(img_image *image, img_field field, uint64_t value)
{
    uint8_t raw[8];
    uint64_t width = fields[field].width != 0 ? fields[field].width : image->is_64 ? 8 : 4;
    img_store_u64(raw, value);
    memcpy(place(image, img_at(image, field), width), raw, width);
}

void img_set_section(img_image *image, size_t index, img_section_field field, uint32_t value)
{
    img_set_u32(image, img_section_at(image, index, field), value);
}

void img_set_directory_entry(img_image *image, pe_directory_index index, uint32_t rva,
                             uint32_t size)
{
    img_set_u32(image, img_directory_at(image, index), rva);
    img_set_u32(image, img_directory_at(image, index) + 4, size);
}

uint64_t img_offset_of(const img_image *image, uint32_t rva)
{
    pe_image opened;
    pe_section section;
    pe_span bytes = {image->bytes, image->size};
    if (pe_open(bytes, PE_LAYOUT_FILE, &opened, NULL) != PE_OK ||
        pe_section_of(&opened, (pe_rva){rva}, &section) != PE_OK)
        abort();
    return section.raw.value + (rva - section.rva.value);
}

void img_resize(img_image *image, size_t size)
{
    image->bytes = realloc(image->bytes, size == 0 ? 1 : size);
    if (image->bytes == NULL)
        abort();
    if (size > image->size)
        memset(image->bytes + image->size, 0, size - image->size);
    image->size = size;
}

pe_span img_map(const pe_image *image)
{
    size_t size = ((size_t)image->optional.size_of_image + 0xFFF) & ~(size_t)0xFFF;
    uint8_t *memory = calloc(size == 0 ? 1 : size, 1);
    if (memory == NULL)
        abort();
    for (size_t at = 0; at < size; at += 0x1000) {
        uint8_t page[0x1000];
        if (pe_read(image, (pe_rva){(uint32_t)at}, page, sizeof page) == PE_OK)
            memcpy(memory + at, page, sizeof page);
    }
    return (pe_span){memory, size};
}
