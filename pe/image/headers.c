#include "headers.h"
#include "address.h"
#include "bytes.h"
#include "layout.h"
#include "rules.h"

#include <string.h>

void pe__copy_at(pe_span bytes, uint64_t offset, void *ret_bytes, uint64_t size)
{
    uint64_t stored = offset < bytes.size ? pe__min(size, bytes.size - offset) : 0;
    if (stored != 0)
        memcpy(ret_bytes, bytes.data + offset, stored);
    if (stored < size)
        memset((uint8_t *)ret_bytes + stored, 0, size - stored);
}

uint16_t pe__u16_at(pe_span bytes, uint64_t offset)
{
    uint8_t field[2];
    pe__copy_at(bytes, offset, field, sizeof field);
    return pe__load_u16(field);
}

uint32_t pe__u32_at(pe_span bytes, uint64_t offset)
{
    uint8_t field[4];
    pe__copy_at(bytes, offset, field, sizeof field);
    return pe__load_u32(field);
}

uint64_t pe__u64_at(pe_span bytes, uint64_t offset)
{
    uint8_t field[8];
    pe__copy_at(bytes, offset, field, sizeof field);
    return pe__load_u64(field);
}

static uint64_t load_pointer(const uint8_t *at, bool is_64)
{
    return is_64 ? pe__load_u64(at) : pe__load_u32(at);
}

static pe_file_header decode_file_header(const uint8_t *raw, uint64_t nt)
{
    return (pe_file_header){
        .offset = {nt},
        .machine = pe__load_u16(raw + FILE_MACHINE),
        .section_count = pe__load_u16(raw + FILE_SECTION_COUNT),
        .time_date_stamp = pe__load_u32(raw + FILE_TIME_DATE_STAMP),
        .symbol_table = pe__load_u32(raw + FILE_SYMBOL_TABLE),
        .symbol_count = pe__load_u32(raw + FILE_SYMBOL_COUNT),
        .optional_header_size = pe__load_u16(raw + FILE_OPTIONAL_SIZE),
        .characteristics = pe__load_u16(raw + FILE_CHARACTERISTICS),
    };
}

/* The fields that differ in place or width. */
static void decode_wide_fields(const uint8_t *raw, pe_optional_header *optional)
{
    bool is_64 = optional->magic == PE_MAGIC_PE32_PLUS;
    uint32_t width = is_64 ? 8 : 4;
    optional->base_of_data.value = is_64 ? 0 : pe__load_u32(raw + OPT_BASE_OF_DATA);
    optional->image_base = load_pointer(raw + (is_64 ? OPT_IMAGE_BASE_64 : OPT_IMAGE_BASE), is_64);
    optional->stack_reserve = load_pointer(raw + OPT_STACK_RESERVE, is_64);
    optional->stack_commit = load_pointer(raw + OPT_STACK_RESERVE + width, is_64);
    optional->heap_reserve = load_pointer(raw + OPT_STACK_RESERVE + 2 * width, is_64);
    optional->heap_commit = load_pointer(raw + OPT_STACK_RESERVE + 3 * width, is_64);
    optional->loader_flags = pe__load_u32(raw + (is_64 ? OPT_LOADER_FLAGS_64 : OPT_LOADER_FLAGS));
    optional->directory_count =
        pe__load_u32(raw + (is_64 ? OPT_DIRECTORY_COUNT_64 : OPT_DIRECTORY_COUNT));
}

static void decode_directories(const uint8_t *raw, pe_optional_header *optional)
{
    uint32_t at = optional->magic == PE_MAGIC_PE32_PLUS ? OPT_DIRECTORIES_64 : OPT_DIRECTORIES;
    for (uint32_t i = 0; i < PE_DIRECTORY_COUNT && i < optional->directory_count; i++) {
        optional->directories[i].rva.value = pe__load_u32(raw + at + DIRECTORY_SIZE * i);
        optional->directories[i].size = pe__load_u32(raw + at + DIRECTORY_SIZE * i + 4);
    }
}

static pe_optional_header decode_optional_header(const uint8_t *raw, uint64_t offset)
{
    uint16_t linker = pe__load_u16(raw + OPT_LINKER_MAJOR);
    pe_optional_header optional = {
        .offset = {offset},
        .magic = pe__load_u16(raw + OPT_MAGIC),
        .linker_major = (uint8_t)(linker & 0xFF),
        .linker_minor = (uint8_t)(linker >> 8),
        .size_of_code = pe__load_u32(raw + OPT_SIZE_OF_CODE),
        .size_of_initialized_data = pe__load_u32(raw + OPT_SIZE_OF_INITIALIZED_DATA),
        .size_of_uninitialized_data = pe__load_u32(raw + OPT_SIZE_OF_UNINITIALIZED_DATA),
        .entry_point = {pe__load_u32(raw + OPT_ENTRY_POINT)},
        .base_of_code = {pe__load_u32(raw + OPT_BASE_OF_CODE)},
        .section_alignment = pe__load_u32(raw + OPT_SECTION_ALIGNMENT),
        .file_alignment = pe__load_u32(raw + OPT_FILE_ALIGNMENT),
        .os_major = pe__load_u16(raw + OPT_OS_MAJOR),
        .os_minor = pe__load_u16(raw + OPT_OS_MINOR),
        .image_major = pe__load_u16(raw + OPT_IMAGE_MAJOR),
        .image_minor = pe__load_u16(raw + OPT_IMAGE_MINOR),
        .subsystem_major = pe__load_u16(raw + OPT_SUBSYSTEM_MAJOR),
        .subsystem_minor = pe__load_u16(raw + OPT_SUBSYSTEM_MINOR),
        .win32_version = pe__load_u32(raw + OPT_WIN32_VERSION),
        .size_of_image = pe__load_u32(raw + OPT_SIZE_OF_IMAGE),
        .size_of_headers = pe__load_u32(raw + OPT_SIZE_OF_HEADERS),
        .checksum = pe__load_u32(raw + OPT_CHECKSUM),
        .subsystem = pe__load_u16(raw + OPT_SUBSYSTEM),
        .dll_characteristics = pe__load_u16(raw + OPT_DLL_CHARACTERISTICS),
    };
    decode_wide_fields(raw, &optional);
    decode_directories(raw, &optional);
    return optional;
}

pe_image pe__decode(pe_span bytes, pe_layout layout, uint64_t nt)
{
    uint8_t raw[NT_HEADERS_SIZE_64];
    pe__copy_at(bytes, nt, raw, sizeof raw);
    pe_image image = {
        .headers = bytes,
        .bytes = bytes,
        .layout = layout,
        .file = decode_file_header(raw, nt),
        .optional = decode_optional_header(raw + FILE_END, nt + FILE_END),
    };
    image.section_table.value = nt + FILE_END + image.file.optional_header_size;
    return image;
}

/* How much of the optional header is there to be read: its fixed part and what it counts. */
static uint64_t optional_size(const pe_optional_header *optional)
{
    uint64_t fixed = optional->magic == PE_MAGIC_PE32_PLUS ? OPT_DIRECTORIES_64 : OPT_DIRECTORIES;
    return fixed + DIRECTORY_SIZE * pe__min(optional->directory_count, PE_DIRECTORY_COUNT);
}

/* True if every section with raw data has them at its RVA, as a flat image must (rule A62). */
static bool lies_as_in_memory(const pe_image *image)
{
    for (uint32_t i = 0; i < image->file.section_count; i++) {
        pe_section section = pe__decode_section(image, i);
        if (section.raw_size != 0 && section.raw.value != section.rva.value)
            return false;
    }
    return true;
}

static pe_placement placement_of(const pe_image *image)
{
    const pe_optional_header *optional = &image->optional;
    bool by_sector = optional->file_alignment % PE__SECTOR == 0 ||
                     optional->file_alignment == optional->section_alignment;
    if (pe__is_flat(image))
        return lies_as_in_memory(image) ? PE_PLACED_FLAT : PE_PLACED_EXACTLY;
    return by_sector ? PE_PLACED_BY_SECTOR : PE_PLACED_EXACTLY;
}

pe_status pe_open(pe_span bytes, pe_layout layout, pe_image *ret_image, pe_diag *diag)
{
    uint16_t magic = pe__u16_at(bytes, DOS_MAGIC);
    if (bytes.size < DOS_SIZE || magic != DOS_MAGIC_MZ) {
        pe__violation(PE__RULE_A3, DOS_MAGIC, magic, DOS_MAGIC_MZ, diag);
        return PE_REFUSED;
    }
    uint64_t nt = pe__u32_at(bytes, DOS_LFANEW);
    if (!pe_range_ok(bytes.size, nt, FILE_END + OPT_DIRECTORIES)) {
        pe__violation(PE__RULE_H1, DOS_LFANEW, nt, bytes.size, diag);
        return PE_REFUSED;
    }
    uint32_t signature = pe__u32_at(bytes, nt);
    if (signature != NT_SIGNATURE) {
        pe__violation(PE__RULE_A6, nt, signature, NT_SIGNATURE, diag);
        return PE_REFUSED;
    }
    pe_image image = pe__decode(bytes, layout, nt);
    const pe_optional_header *optional = &image.optional;
    if (optional->magic != PE_MAGIC_PE32 && optional->magic != PE_MAGIC_PE32_PLUS) {
        pe__violation(PE__RULE_A10, nt + FILE_END, optional->magic, PE_MAGIC_PE32_PLUS, diag);
        return PE_REFUSED;
    }
    if (!pe_range_ok(bytes.size, optional->offset.value, optional_size(optional))) {
        pe__violation(PE__RULE_H1, nt, optional->offset.value + optional_size(optional), bytes.size,
                      diag);
        return PE_REFUSED;
    }
    image.placement = placement_of(&image);
    image.extents = pe__find_extents(&image);
    *ret_image = image;
    return PE_OK;
}

pe_image pe_image_mapped(const pe_image *image, pe_span mapped)
{
    pe_image result = *image;
    result.layout = PE_LAYOUT_MAPPED;
    result.bytes = mapped;
    return result;
}

uint64_t pe_header_extent(pe_span prefix, uint64_t file_size)
{
    uint64_t nt = pe__u32_at(prefix, DOS_LFANEW);
    if (prefix.size < DOS_SIZE || pe__u16_at(prefix, DOS_MAGIC) != DOS_MAGIC_MZ || nt >= file_size)
        return pe__min(DOS_SIZE, file_size);
    uint64_t extent = nt + NT_HEADERS_SIZE_64;
    if (pe_range_ok(prefix.size, nt, FILE_END)) {
        pe_image image = pe__decode(prefix, PE_LAYOUT_FILE, nt);
        extent = pe__max(extent, pe__table_end(&image));
    }
    return pe__min(extent, file_size);
}

bool pe_is_64(const pe_image *image)
{
    return image->optional.magic == PE_MAGIC_PE32_PLUS;
}

bool pe__is_flat(const pe_image *image)
{
    return image->optional.section_alignment < PE__PAGE;
}

uint64_t pe__table_end(const pe_image *image)
{
    return image->section_table.value + (uint64_t)SCN_SIZE * image->file.section_count;
}

/* In place, each field once: a structure that is filled and then copied costs several times that.
 */
static void decode_section(const uint8_t *raw, uint64_t offset, pe_section *ret_section)
{
    ret_section->offset.value = offset;
    memcpy(ret_section->name, raw + SCN_NAME, SCN_NAME_SIZE);
    ret_section->name[SCN_NAME_SIZE] = '\0';
    ret_section->virtual_size = pe__load_u32(raw + SCN_VIRTUAL_SIZE);
    ret_section->rva.value = pe__load_u32(raw + SCN_VIRTUAL_ADDRESS);
    ret_section->raw_size = pe__load_u32(raw + SCN_RAW_SIZE);
    ret_section->raw.value = pe__load_u32(raw + SCN_RAW_POINTER);
    ret_section->characteristics = pe__load_u32(raw + SCN_CHARACTERISTICS);
}

pe_section pe__decode_section(const pe_image *image, uint32_t index)
{
    uint8_t raw[SCN_SIZE];
    pe_section section;
    uint64_t at = image->section_table.value + (uint64_t)SCN_SIZE * index;
    pe__copy_at(image->headers, at, raw, sizeof raw);
    decode_section(raw, at, &section);
    return section;
}

pe_status pe_section_at(const pe_image *image, uint32_t index, pe_section *ret_section)
{
    if (index >= image->file.section_count)
        return PE_NOT_FOUND;
    uint64_t at = image->section_table.value + (uint64_t)SCN_SIZE * index;
    if (!pe_range_ok(image->headers.size, at, SCN_SIZE))
        return PE_OUT_OF_BOUNDS;
    decode_section(image->headers.data + at, at, ret_section);
    return PE_OK;
}

pe_directory pe_directory_at(const pe_image *image, pe_directory_index index)
{
    if ((unsigned)index >= PE_DIRECTORY_COUNT)
        return (pe_directory){0};
    return image->optional.directories[index];
}
