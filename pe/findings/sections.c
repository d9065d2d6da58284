/* What is odd about a section. */
#include "pe/findings/checks.h"
#include "pe/image/address.h"
#include "pe/image/headers.h"
#include "pe/image/layout.h"

#include <string.h>

/* Sections before a section that it is compared with, and what that costs of a budget. */
enum { COMPARED = 96, COMPARISON_COST = 8 * COMPARED };
/* An entropy costs this for each byte. */
enum { ENTROPY_COST = 3 };
enum { CODE_ENTROPY = 7 * PE_ENTROPY_BIT + PE_ENTROPY_BIT / 4, SAMPLE = 0x1000 };

static uint64_t memory_end(const pe_section *section)
{
    return section->rva.value + (uint64_t)pe__memory_size(section);
}

static bool has_raw_data(const pe_section *section)
{
    return section->raw.value != 0 && section->raw_size != 0;
}

bool pe__check_SECTION_IN_HEADERS(const pe_image *image, uint32_t index, const pe_section *section,
                                  pe__evidence *ret_evidence)
{
    (void)index;
    ret_evidence->value = section->rva.value;
    ret_evidence->expected = image->optional.size_of_headers;
    return section->rva.value < image->optional.size_of_headers;
}

bool pe__check_SECTIONS_OVERLAP(const pe_image *image, uint32_t index, const pe_section *section,
                                pe__evidence *ret_evidence)
{
    pe_section before;
    if (index == 0 || pe_section_at(image, index - 1, &before) != PE_OK)
        return false;
    ret_evidence->value = section->rva.value;
    ret_evidence->expected = memory_end(&before);
    return section->rva.value < memory_end(&before);
}

bool pe__check_SECTION_OUTSIDE_IMAGE(const pe_image *image, uint32_t index,
                                     const pe_section *section, pe__evidence *ret_evidence)
{
    (void)index;
    ret_evidence->value = memory_end(section);
    ret_evidence->expected = image->optional.size_of_image;
    return memory_end(section) > pe__round_up(image->optional.size_of_image, PE__PAGE);
}

bool pe__check_RAW_DATA_OUTSIDE_FILE(const pe_image *image, uint32_t index,
                                     const pe_section *section, pe__evidence *ret_evidence)
{
    (void)index;
    ret_evidence->value = section->raw.value + section->raw_size;
    ret_evidence->expected = image->bytes.size;
    return image->layout == PE_LAYOUT_FILE && has_raw_data(section) &&
           ret_evidence->value > image->bytes.size;
}

bool pe__check_RAW_DATA_IN_HEADERS(const pe_image *image, uint32_t index, const pe_section *section,
                                   pe__evidence *ret_evidence)
{
    (void)index;
    ret_evidence->value = section->raw.value;
    ret_evidence->expected = pe__table_end(image);
    return has_raw_data(section) && section->raw.value < pe__table_end(image);
}

/* The first of the entries that a section is compared with; the last is that before it. */
static uint32_t first_compared(uint32_t index)
{
    return index > COMPARED ? index - COMPARED : 0;
}

static bool raw_data_meet(const pe_section *section, uint64_t raw, uint64_t size)
{
    return raw != 0 && size != 0 && has_raw_data(section) && section->raw.value < raw + size &&
           raw < section->raw.value + section->raw_size;
}

bool pe__check_RAW_DATA_OVERLAP(const pe_image *image, uint32_t index, const pe_section *section,
                                pe__evidence *ret_evidence)
{
    if (!pe__pay(image->budget, section->offset.value, COMPARISON_COST))
        return false;
    for (uint32_t i = first_compared(index); i < index; i++) {
        const uint8_t *entry = pe__section_entry(image, i);
        uint64_t raw = pe__load_u32(entry + SCN_RAW_POINTER);
        uint64_t size = pe__load_u32(entry + SCN_RAW_SIZE);
        if (!raw_data_meet(section, raw, size))
            continue;
        ret_evidence->value = section->raw.value;
        ret_evidence->expected = raw + size;
        return true;
    }
    return false;
}

bool pe__check_RAW_DATA_UNALIGNED(const pe_image *image, uint32_t index, const pe_section *section,
                                  pe__evidence *ret_evidence)
{
    (void)index;
    uint32_t alignment = image->optional.file_alignment;
    ret_evidence->value = section->raw.value;
    ret_evidence->expected = alignment;
    return alignment != 0 && has_raw_data(section) && section->raw.value % alignment != 0;
}

static bool has_all(const pe_section *section, uint32_t flags, pe__evidence *ret_evidence)
{
    ret_evidence->value = section->characteristics;
    return (section->characteristics & flags) == flags;
}

bool pe__check_SECTION_WRITE_EXECUTE(const pe_image *image, uint32_t index,
                                     const pe_section *section, pe__evidence *ret_evidence)
{
    (void)image, (void)index;
    return has_all(section, PE_SCN_MEM_WRITE | PE_SCN_MEM_EXECUTE, ret_evidence);
}

bool pe__check_SECTION_WRITE_SHARED(const pe_image *image, uint32_t index,
                                    const pe_section *section, pe__evidence *ret_evidence)
{
    (void)image, (void)index;
    return has_all(section, PE_SCN_MEM_WRITE | PE_SCN_MEM_SHARED, ret_evidence);
}

bool pe__check_SECTION_NAME_EMPTY(const pe_image *image, uint32_t index, const pe_section *section,
                                  pe__evidence *ret_evidence)
{
    (void)image, (void)index, (void)ret_evidence;
    return section->name[0] == '\0';
}

bool pe__check_SECTION_NAME_UNPRINTABLE(const pe_image *image, uint32_t index,
                                        const pe_section *section, pe__evidence *ret_evidence)
{
    (void)image, (void)index;
    for (const char *at = section->name; *at != '\0'; at++) {
        uint8_t byte = (uint8_t)*at;
        ret_evidence->value = byte;
        if (byte < 0x20 || byte > 0x7E)
            return true;
    }
    return false;
}

bool pe__check_SECTION_NAME_REPEATED(const pe_image *image, uint32_t index,
                                     const pe_section *section, pe__evidence *ret_evidence)
{
    if (section->name[0] == '\0' || !pe__pay(image->budget, section->offset.value, COMPARISON_COST))
        return false;
    for (uint32_t i = first_compared(index); i < index; i++) {
        ret_evidence->value = i;
        if (memcmp(section->name, pe__section_entry(image, i) + SCN_NAME, SCN_NAME_SIZE) == 0)
            return true;
    }
    return false;
}

/* Mapped layout has no string table. */
bool pe__check_SECTION_NAME_LOST(const pe_image *image, uint32_t index, const pe_section *section,
                                 pe__evidence *ret_evidence)
{
    pe_span name;
    (void)index;
    if (image->layout != PE_LAYOUT_FILE)
        return false;
    pe_status status = pe_section_name(image, section, &name);
    ret_evidence->value = (uint64_t)status;
    return status != PE_OK && status != PE_BUDGET_SPENT;
}

bool pe__check_SECTION_VIRTUAL_SIZE_ZERO(const pe_image *image, uint32_t index,
                                         const pe_section *section, pe__evidence *ret_evidence)
{
    (void)image, (void)index, (void)ret_evidence;
    return section->virtual_size == 0;
}

/* A few hundred bytes are too few to tell. */
bool pe__check_CODE_ENTROPY_HIGH(const pe_image *image, uint32_t index, const pe_section *section,
                                 pe__evidence *ret_evidence)
{
    (void)index;
    pe_span bytes = pe_section_bytes(image, section);
    if ((section->characteristics & PE_SCN_MEM_EXECUTE) == 0 || bytes.size < SAMPLE)
        return false;
    if (!pe__pay(image->budget, section->raw.value, bytes.size * ENTROPY_COST))
        return false;
    ret_evidence->value = pe_entropy(bytes);
    ret_evidence->expected = CODE_ENTROPY;
    return ret_evidence->value > CODE_ENTROPY;
}
