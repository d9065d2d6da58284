/* What is odd about the image as a whole. */
#include "pe/findings/checks.h"
#include "pe/image/bytes.h"
#include "pe/image/headers.h"
#include "pe/image/layout.h"

enum { USUAL_DIRECTORIES = 16, CERTIFICATE_ALIGNMENT = 8, SYMBOL_SIZE = 18 };

static uint64_t optional_field(const pe_image *image, uint32_t field)
{
    return image->optional.offset.value + field;
}

bool pe__check_LFANEW_IN_DOS_HEADER(const pe_image *image, pe__evidence *ret_evidence)
{
    *ret_evidence = (pe__evidence){DOS_LFANEW, image->file.offset.value, DOS_SIZE};
    return image->file.offset.value < DOS_SIZE;
}

bool pe__check_RICH_CHECKSUM_WRONG(const pe_image *image, pe__evidence *ret_evidence)
{
    pe_rich rich;
    if (pe_rich_open(image, &rich) != PE_OK)
        return false;
    *ret_evidence = (pe__evidence){rich.offset.value, rich.key, rich.checksum};
    return rich.key != rich.checksum;
}

bool pe__check_CHECKSUM_WRONG(const pe_image *image, pe__evidence *ret_evidence)
{
    uint32_t checksum, stored = image->optional.checksum;
    if (stored == 0 || pe_checksum(image, &checksum) != PE_OK)
        return false;
    *ret_evidence = (pe__evidence){optional_field(image, OPT_CHECKSUM), stored, checksum};
    return stored != checksum;
}

bool pe__check_DIRECTORY_COUNT_UNUSUAL(const pe_image *image, pe__evidence *ret_evidence)
{
    uint32_t field = pe_is_64(image) ? OPT_DIRECTORY_COUNT_64 : OPT_DIRECTORY_COUNT;
    *ret_evidence = (pe__evidence){optional_field(image, field), image->optional.directory_count,
                                   USUAL_DIRECTORIES};
    return image->optional.directory_count != USUAL_DIRECTORIES;
}

bool pe__check_OPTIONAL_HEADER_SIZE_UNUSUAL(const pe_image *image, pe__evidence *ret_evidence)
{
    uint64_t fixed = pe_is_64(image) ? OPT_DIRECTORIES_64 : OPT_DIRECTORIES;
    uint64_t size = fixed + DIRECTORY_SIZE * (uint64_t)image->optional.directory_count;
    *ret_evidence = (pe__evidence){image->file.offset.value + FILE_OPTIONAL_SIZE,
                                   image->file.optional_header_size, size};
    return image->file.optional_header_size != size;
}

static uint64_t end_of_sections(const pe_image *image)
{
    pe_section section;
    uint64_t end = image->optional.size_of_headers;
    for (uint32_t i = 0; pe_section_at(image, i, &section) == PE_OK; i++)
        end = pe__max(end, section.rva.value + (uint64_t)pe__memory_size(&section));
    return end;
}

/* An alignment that is no power of two is pe_accept's matter. */
bool pe__check_SIZE_OF_IMAGE_WRONG(const pe_image *image, pe__evidence *ret_evidence)
{
    uint32_t alignment = image->optional.section_alignment;
    if (alignment == 0 || (alignment & (alignment - 1)) != 0)
        return false;
    uint64_t end = pe__round_up(end_of_sections(image), alignment);
    uint64_t size = image->optional.size_of_image;
    *ret_evidence = (pe__evidence){optional_field(image, OPT_SIZE_OF_IMAGE), size, end};
    return pe__round_up(size, alignment) != end;
}

bool pe__check_SIZE_OF_HEADERS_SMALL(const pe_image *image, pe__evidence *ret_evidence)
{
    uint32_t size = image->optional.size_of_headers;
    *ret_evidence =
        (pe__evidence){optional_field(image, OPT_SIZE_OF_HEADERS), size, pe__table_end(image)};
    return size < pe__table_end(image);
}

bool pe__check_RELOCS_STRIPPED_BUT_DYNAMIC_BASE(const pe_image *image, pe__evidence *ret_evidence)
{
    uint16_t flags = image->optional.dll_characteristics;
    *ret_evidence =
        (pe__evidence){.offset = optional_field(image, OPT_DLL_CHARACTERISTICS), .value = flags};
    return (image->file.characteristics & PE_FILE_RELOCS_STRIPPED) != 0 &&
           (flags & PE_DLL_DYNAMIC_BASE) != 0;
}

/* The section of the entry point; false where there is no entry point, or none inside the image. */
static bool entry_section(const pe_image *image, pe_section *ret_section, bool *ret_is_found,
                          pe__evidence *ret_evidence)
{
    pe_rva entry = image->optional.entry_point;
    *ret_evidence =
        (pe__evidence){.offset = optional_field(image, OPT_ENTRY_POINT), .value = entry.value};
    if (entry.value == 0 || entry.value >= image->optional.size_of_image)
        return false;
    *ret_is_found = pe_section_of(image, entry, ret_section) == PE_OK;
    return true;
}

bool pe__check_ENTRY_POINT_OUTSIDE_CODE(const pe_image *image, pe__evidence *ret_evidence)
{
    pe_section section;
    bool is_found;
    if (!entry_section(image, &section, &is_found, ret_evidence))
        return false;
    return !is_found || (section.characteristics & PE_SCN_MEM_EXECUTE) == 0;
}

bool pe__check_ENTRY_POINT_WRITABLE(const pe_image *image, pe__evidence *ret_evidence)
{
    pe_section section;
    bool is_found;
    if (!entry_section(image, &section, &is_found, ret_evidence))
        return false;
    return is_found && (section.characteristics & PE_SCN_MEM_WRITE) != 0;
}

bool pe__check_ENTRY_POINT_OUTSIDE_IMAGE(const pe_image *image, pe__evidence *ret_evidence)
{
    uint32_t entry = image->optional.entry_point.value, size = image->optional.size_of_image;
    *ret_evidence = (pe__evidence){optional_field(image, OPT_ENTRY_POINT), entry, size};
    return entry != 0 && entry >= size;
}

/* Managed EXEs of 64 bits have none, nor need they one. */
bool pe__check_ENTRY_POINT_MISSING(const pe_image *image, pe__evidence *ret_evidence)
{
    *ret_evidence = (pe__evidence){.offset = optional_field(image, OPT_ENTRY_POINT)};
    return image->optional.entry_point.value == 0 &&
           (image->file.characteristics & PE_FILE_DLL) == 0 &&
           pe_directory_at(image, PE_DIRECTORY_CLR).rva.value == 0;
}

/* What linkers and signers put behind the sections, with padding. */
static uint64_t known_overlay(const pe_image *image)
{
    pe_coff_strings strings;
    uint64_t size = pe_directory_at(image, PE_DIRECTORY_CERTIFICATE).size;
    if (pe_coff_strings_open(image, &strings) == PE_OK)
        size += (uint64_t)SYMBOL_SIZE * image->file.symbol_count + strings.bytes.size;
    return size + image->optional.file_alignment;
}

bool pe__check_OVERLAY(const pe_image *image, pe__evidence *ret_evidence)
{
    pe_span overlay;
    if (pe_overlay(image, &overlay) != PE_OK)
        return false;
    *ret_evidence =
        (pe__evidence){.offset = pe_offset_of_span(image, overlay).value, .value = overlay.size};
    return overlay.size > known_overlay(image);
}

bool pe__check_CERTIFICATES_NOT_LAST(const pe_image *image, pe__evidence *ret_evidence)
{
    pe_directory table = pe_directory_at(image, PE_DIRECTORY_CERTIFICATE);
    uint64_t end = (uint64_t)table.rva.value + table.size;
    if (table.size == 0 || image->layout != PE_LAYOUT_FILE || end >= image->bytes.size)
        return false;
    *ret_evidence = (pe__evidence){end, image->bytes.size - end, CERTIFICATE_ALIGNMENT - 1};
    return image->bytes.size - end >= CERTIFICATE_ALIGNMENT;
}
