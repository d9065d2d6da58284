#include "image_bytes.h"

#include <stdlib.h>
#include <string.h>

enum { SECTION_HEADER = 40, FILE_HEADER = 24 };

/* mov eax, 42; ret */
static const uint8_t return_42[] = {0xB8, 0x2A, 0, 0, 0, 0xC3};

/* ---- Buffers ---- */

static void require(bool condition)
{
    if (!condition)
        abort();
}

void *img_grow(void *array, size_t count, size_t size)
{
    /* Capacities are powers of two: room is added when the count reaches one. */
    if (count != 0 && (count & (count - 1)) != 0)
        return array;
    void *grown = realloc(array, (count == 0 ? 1 : 2 * count) * size);
    require(grown != NULL);
    return grown;
}

/* A power of two: bytes are appended a few at a time. */
static size_t capacity_for(size_t size)
{
    size_t capacity = 64;
    while (capacity < size)
        capacity *= 2;
    return capacity;
}

size_t img_append(img_bytes *bytes, const void *data, size_t size)
{
    size_t start = bytes->size;
    if (size == 0)
        return start;
    if (start == 0 || capacity_for(start + size) != capacity_for(start)) {
        bytes->data = realloc(bytes->data, capacity_for(start + size));
        require(bytes->data != NULL);
    }
    bytes->size += size;
    if (data != NULL)
        memcpy(bytes->data + start, data, size);
    else
        memset(bytes->data + start, 0, size);
    return start;
}

void img_store_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

void img_store_u32(uint8_t *at, uint32_t value)
{
    img_store_u16(at, (uint16_t)value);
    img_store_u16(at + 2, (uint16_t)(value >> 16));
}

void img_store_u64(uint8_t *at, uint64_t value)
{
    img_store_u32(at, (uint32_t)value);
    img_store_u32(at + 4, (uint32_t)(value >> 32));
}

size_t img_append_u16(img_bytes *bytes, uint16_t value)
{
    uint8_t raw[2];
    img_store_u16(raw, value);
    return img_append(bytes, raw, sizeof raw);
}

size_t img_append_u32(img_bytes *bytes, uint32_t value)
{
    uint8_t raw[4];
    img_store_u32(raw, value);
    return img_append(bytes, raw, sizeof raw);
}

size_t img_append_text(img_bytes *bytes, const char *text)
{
    size_t start = img_append(bytes, text, strlen(text) + 1);
    img_append(bytes, NULL, bytes->size % 2);
    return start;
}

/* ---- Sections ---- */

static uint32_t round_up(uint32_t value, uint32_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

void img_start(img_builder *builder, img_kind kind)
{
    bool is_64 = kind == IMG_PE32_PLUS || kind == IMG_FLAT_PE32_PLUS;
    bool is_flat = kind == IMG_FLAT_PE32 || kind == IMG_FLAT_PE32_PLUS;
    *builder = (img_builder){
        .image_base = 0x400000,
        .section_alignment = is_flat ? 0x20 : 0x1000,
        .file_alignment = is_flat ? 0x20 : 0x200,
        .header_size = 0x200,
        .lfanew = 0x80,
        .optional_size = is_64 ? 0xF0 : 0xE0,
        .characteristics = is_64 ? 0x22 : 0x102,
        .machine = is_64 ? PE_MACHINE_AMD64 : PE_MACHINE_I386,
        .dll_name = "test.dll",
        .is_64 = is_64,
    };
}

static uint32_t memory_size(const img_section *section)
{
    return section->virtual_size != 0 ? section->virtual_size : (uint32_t)section->raw.size;
}

uint32_t img_next_rva(const img_builder *builder)
{
    uint32_t end = builder->header_size;
    if (builder->section_count != 0) {
        const img_section *last = &builder->sections[builder->section_count - 1];
        end = last->rva + memory_size(last);
    }
    return round_up(end, builder->section_alignment);
}

uint32_t img_add_section(img_builder *builder, const char *name, uint32_t characteristics,
                         const void *data, size_t size, uint32_t virtual_size)
{
    img_section section = {
        .rva = img_next_rva(builder),
        .virtual_size = virtual_size != 0 ? virtual_size : (uint32_t)size,
        .characteristics = characteristics,
    };
    for (size_t i = 0; i < sizeof section.name && name[i] != '\0'; i++)
        section.name[i] = name[i];
    img_append(&section.raw, data, size);
    img_append(&section.raw, NULL,
               round_up((uint32_t)size, builder->file_alignment) - (uint32_t)size);
    builder->sections = img_grow(builder->sections, builder->section_count, sizeof section);
    builder->sections[builder->section_count++] = section;
    return section.rva;
}

void img_put(img_builder *builder, uint32_t rva, const void *data, size_t size)
{
    for (size_t i = 0; i < builder->section_count; i++) {
        img_section *section = &builder->sections[i];
        if (rva >= section->rva &&
            pe_range_ok(section->raw.size, (uint64_t)rva - section->rva, size)) {
            memcpy(section->raw.data + (rva - section->rva), data, size);
            return;
        }
    }
    abort();
}

void img_put_pointer(img_builder *builder, uint32_t rva, uint32_t target)
{
    uint8_t raw[8];
    img_store_u64(raw, builder->image_base + target);
    img_put(builder, rva, raw, builder->is_64 ? 8 : 4);
    img_add_reloc(builder, rva, builder->is_64 ? PE_REL_DIR64 : PE_REL_HIGHLOW);
}

void img_set_directory(img_builder *builder, pe_directory_index index, uint32_t rva, uint32_t size)
{
    builder->directories[index] = (pe_directory){{rva}, size};
}

/* ---- Writing the image ---- */

static void add_default_sections(img_builder *builder)
{
    bool is_flat = builder->section_alignment < 0x1000;
    uint32_t memory = is_flat ? 0x200 : 0x1000;
    uint8_t text[0x200] = {0};
    memcpy(text, return_42, sizeof return_42);
    builder->entry_point = img_add_section(builder, ".text", IMG_RX, text, sizeof text, memory);
    img_add_section(builder, ".data", IMG_RW, NULL, 0x200, memory);
}

static void write_file_header(const img_builder *builder, img_image *image)
{
    img_set(image, IMG_DOS_MAGIC, 0x5A4D);
    img_set(image, IMG_LFANEW, builder->lfanew);
    img_set(image, IMG_SIGNATURE, 0x4550);
    img_set(image, IMG_MACHINE, builder->machine);
    img_set(image, IMG_SECTION_COUNT, builder->section_count);
    img_set(image, IMG_OPTIONAL_SIZE, builder->optional_size);
    img_set(image, IMG_CHARACTERISTICS, builder->characteristics);
}

static void write_optional_header(const img_builder *builder, img_image *image)
{
    img_set(image, IMG_MAGIC, builder->is_64 ? PE_MAGIC_PE32_PLUS : PE_MAGIC_PE32);
    img_set(image, IMG_ENTRY_POINT, builder->entry_point);
    img_set(image, IMG_IMAGE_BASE, builder->image_base);
    img_set(image, IMG_SECTION_ALIGNMENT, builder->section_alignment);
    img_set(image, IMG_FILE_ALIGNMENT, builder->file_alignment);
    img_set(image, IMG_SUBSYSTEM_MAJOR, builder->is_64 ? 5 : 4);
    img_set(image, IMG_SUBSYSTEM_MINOR, builder->is_64 ? 2 : 0);
    img_set(image, IMG_SIZE_OF_IMAGE, img_next_rva(builder));
    img_set(image, IMG_SIZE_OF_HEADERS, builder->header_size);
    img_set(image, IMG_SUBSYSTEM, 3);
    img_set(image, IMG_DLL_CHARACTERISTICS, builder->dll_characteristics);
    img_set(image, IMG_STACK_RESERVE, 0x100000);
    img_set(image, IMG_DIRECTORY_COUNT, PE_DIRECTORY_COUNT);
    for (unsigned i = 0; i < PE_DIRECTORY_COUNT; i++)
        img_set_directory_entry(image, i, builder->directories[i].rva.value,
                                builder->directories[i].size);
}

static void write_section(img_image *image, size_t index, const img_section *section, uint32_t raw)
{
    memcpy(image->bytes + img_section_at(image, index, IMG_SCN_NAME), section->name,
           sizeof section->name);
    img_set_section(image, index, IMG_SCN_VIRTUAL_SIZE, section->virtual_size);
    img_set_section(image, index, IMG_SCN_RVA, section->rva);
    img_set_section(image, index, IMG_SCN_RAW_SIZE, (uint32_t)section->raw.size);
    img_set_section(image, index, IMG_SCN_RAW, section->raw.size != 0 ? raw : 0);
    img_set_section(image, index, IMG_SCN_CHARACTERISTICS, section->characteristics);
    if (section->raw.size != 0)
        memcpy(image->bytes + raw, section->raw.data, section->raw.size);
}

static void release(img_builder *builder)
{
    for (size_t i = 0; i < builder->section_count; i++)
        free(builder->sections[i].raw.data);
    free(builder->sections);
    free(builder->exports);
    free(builder->imports);
    free(builder->resources);
    free(builder->relocs);
    *builder = (img_builder){0};
}

/* Headers may grow only while the first section stays where it is. */
static void fit_headers(img_builder *builder)
{
    uint32_t table = builder->lfanew + FILE_HEADER + builder->optional_size;
    uint32_t needed = table + SECTION_HEADER * (uint32_t)builder->section_count;
    if (needed > builder->header_size)
        builder->header_size = round_up(needed, builder->file_alignment);
    require(round_up(builder->header_size, builder->section_alignment) == builder->sections[0].rva);
}

static size_t file_size(const img_builder *builder)
{
    size_t size = builder->header_size;
    for (size_t i = 0; i < builder->section_count; i++)
        size += builder->sections[i].raw.size;
    return size;
}

img_image img_finish(img_builder *builder)
{
    if (builder->section_count == 0)
        add_default_sections(builder);
    img_write_exports(builder);
    img_write_imports(builder);
    img_write_resources(builder);
    img_write_relocs(builder);
    fit_headers(builder);

    img_image image = {
        .size = file_size(builder),
        .nt = builder->lfanew,
        .is_64 = builder->is_64,
        .optional_size = builder->optional_size,
    };
    image.bytes = calloc(1, image.size);
    require(image.bytes != NULL);
    write_file_header(builder, &image);
    write_optional_header(builder, &image);
    uint32_t raw = builder->header_size;
    for (size_t i = 0; i < builder->section_count; i++) {
        write_section(&image, i, &builder->sections[i], raw);
        raw += (uint32_t)builder->sections[i].raw.size;
    }
    release(builder);
    return image;
}

img_image img_plain(img_kind kind)
{
    img_builder builder;
    img_start(&builder, kind);
    return img_finish(&builder);
}

void img_free(img_image *image)
{
    free(image->bytes);
    *image = (img_image){0};
}
