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

/* The offset of `rva` in `file`; false where no byte is stored for it. */
static bool place_of(const pe_image *file, uint64_t rva, uint64_t *ret_offset)
{
    pe__region region;
    if (!pe__region_at(file, rva, &region) || rva - region.start >= region.stored)
        return false;
    *ret_offset = region.at + (rva - region.start);
    return true;
}

pe_status pe_rva_to_offset(const pe_image *image, pe_reading reading, pe_rva rva,
                           pe_offset *ret_offset)
{
    pe_image file = as_read(image, reading);
    if (!pe__pay(image->budget, rva.value, image->extents.lookup_cost))
        return PE_BUDGET_SPENT;
    return place_of(&file, rva.value, &ret_offset->value) ? PE_OK : PE_NOT_FOUND;
}

/* Lowers *best to the RVA of `offset` in the region that starts at `start`, if it is there: where
 * sections overlap, an RVA may belong to another region than the one it was found by. */
static void try_region(const pe_image *file, uint64_t start, uint64_t offset, uint64_t *best)
{
    uint64_t at, again;
    if (!place_of(file, start, &at) || offset < at)
        return;
    uint64_t rva = start + (offset - at);
    if (place_of(file, rva, &again) && again == offset)
        *best = pe__min(*best, rva);
}

pe_status pe_offset_to_rva(const pe_image *image, pe_reading reading, pe_offset offset,
                           pe_rva *ret_rva)
{
    pe_section section;
    uint64_t best = UINT64_MAX;
    pe_image file = as_read(image, reading);
    uint64_t lookups = 2 * (1 + (uint64_t)image->extents.section_count);
    if (!pe__pay(image->budget, offset.value, lookups * image->extents.lookup_cost))
        return PE_BUDGET_SPENT;
    try_region(&file, 0, offset.value, &best);
    for (uint32_t i = 0; pe_section_at(image, i, &section) == PE_OK; i++)
        try_region(&file, section.rva.value, offset.value, &best);
    if (best > UINT32_MAX)
        return PE_NOT_FOUND;
    *ret_rva = (pe_rva){(uint32_t)best};
    return PE_OK;
}
