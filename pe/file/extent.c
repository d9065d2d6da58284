#include "pe/image/bytes.h"

pe_span pe_section_bytes(const pe_image *image, const pe_section *section)
{
    uint64_t start = section->raw.value;
    if (image->layout != PE_LAYOUT_FILE || start == 0 || start >= image->bytes.size)
        return (pe_span){0};
    return (pe_span){image->bytes.data + start,
                     pe__min(section->raw_size, image->bytes.size - start)};
}

pe_status pe_overlay(const pe_image *image, pe_span *ret_overlay)
{
    pe_section section;
    uint64_t end = image->optional.size_of_headers;
    if (image->layout != PE_LAYOUT_FILE)
        return PE_NOT_PRESENT;
    for (uint32_t i = 0; pe_section_at(image, i, &section) == PE_OK; i++) {
        if (section.raw.value != 0 && section.raw_size != 0)
            end = pe__max(end, section.raw.value + section.raw_size);
    }
    if (end >= image->bytes.size)
        return PE_NOT_PRESENT;
    *ret_overlay = (pe_span){image->bytes.data + end, image->bytes.size - end};
    return PE_OK;
}
