#include "pe/image/address.h"
#include "pe/image/bytes.h"
#include "pe/image/headers.h"

/* The image as a file of this reading. What is mapped ends where the file would at the latest; the
 * size of a file that is not there is unlimited. */
static pe_image as_read(const pe_image *image, pe_reading reading)
{
    pe_image file = *image;
    file.layout = PE_LAYOUT_FILE;
    if (image->layout == PE_LAYOUT_MAPPED)
        file.bytes.size = UINT64_MAX;
    if (reading == PE_READING_SPECIFICATION)
        file.placement = PE_PLACED_EXACTLY;
    else
        file.placement = pe__is_flat(image) ? PE_PLACED_FLAT : PE_PLACED_BY_SECTOR;
    return file;
}

pe_status pe_rva_to_offset(const pe_image *image, pe_reading reading, pe_rva rva,
                           pe_offset *ret_offset)
{
    pe__region region;
    pe_image file = as_read(image, reading);
    if (!pe__region_at(&file, rva.value, &region) || rva.value - region.start >= region.stored)
        return PE_NOT_FOUND;
    *ret_offset = (pe_offset){region.at + (rva.value - region.start)};
    return PE_OK;
}

/* Lowers *best to the RVA of `offset` in the region that starts at `start`, if it is there. */
static void try_region(const pe_image *file, uint64_t start, uint64_t offset, uint64_t *best)
{
    pe__region region;
    if (!pe__region_at(file, start, &region) || region.start != start || offset < region.at ||
        offset - region.at >= region.stored)
        return;
    *best = pe__min(*best, start + (offset - region.at));
}

pe_status pe_offset_to_rva(const pe_image *image, pe_reading reading, pe_offset offset,
                           pe_rva *ret_rva)
{
    pe_section section;
    uint64_t best = UINT64_MAX;
    pe_image file = as_read(image, reading);
    try_region(&file, 0, offset.value, &best);
    for (uint32_t i = 0; pe_section_at(image, i, &section) == PE_OK; i++)
        try_region(&file, section.rva.value, offset.value, &best);
    if (best > UINT32_MAX)
        return PE_NOT_FOUND;
    *ret_rva = (pe_rva){(uint32_t)best};
    return PE_OK;
}
