#include "address.h"
#include "bytes.h"
#include "headers.h"
#include "layout.h"

#include <string.h>

/* Tables that do not ascend (no Windows takes them) are searched one by one up to this length, so
 * that no lookup is ever long. It is the section limit of the specification. */
enum { LINEAR_SEARCH_LIMIT = 96 };

static uint64_t image_end(const pe_image *image)
{
    return pe__round_up(image->optional.size_of_image, PE__PAGE);
}

/* Entries of the section table that lie inside the headers. */
static uint32_t stored_sections(const pe_image *image)
{
    uint64_t table = image->section_table.value;
    uint64_t size = table < image->headers.size ? image->headers.size - table : 0;
    return (uint32_t)pe__min(image->file.section_count, size / SCN_SIZE);
}

static uint32_t section_start(const pe_image *image, uint32_t index)
{
    uint64_t entry = image->section_table.value + (uint64_t)SCN_SIZE * index;
    return pe__load_u32(image->headers.data + entry + SCN_VIRTUAL_ADDRESS);
}

static uint64_t section_end(const pe_image *image, const pe_section *section)
{
    uint64_t size = pe__memory_size(section);
    if (!pe__is_flat(image))
        size = pe__round_up(size, PE__PAGE);
    return pe__min(section->rva.value + size, image_end(image));
}

static bool section_holds(const pe_image *image, uint32_t index, uint64_t rva,
                          pe_section *ret_section)
{
    pe_section section = pe__decode_section(image, index);
    if (rva < section.rva.value || rva >= section_end(image, &section))
        return false;
    *ret_section = section;
    return true;
}

/* How many sections start at or below `rva`, if the table ascends. */
static uint32_t sections_up_to(const pe_image *image, uint32_t count, uint64_t rva)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (section_start(image, middle) <= rva)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool find_section(const pe_image *image, uint64_t rva, pe_section *ret_section)
{
    uint32_t count = stored_sections(image);
    uint32_t below = sections_up_to(image, count, rva);
    if (below > 0 && section_holds(image, below - 1, rva, ret_section))
        return true;
    for (uint32_t i = 0; i < count && i < LINEAR_SEARCH_LIMIT; i++) {
        if (section_holds(image, i, rva, ret_section))
            return true;
    }
    return false;
}

/* SizeOfHeaders as the first section's RVA follows it (rule B2); an alignment that no Windows takes
 * is taken for a page. */
static uint64_t aligned_headers(const pe_optional_header *optional)
{
    uint32_t alignment = optional->section_alignment;
    bool is_usable = alignment >= PE__PAGE && (alignment & (alignment - 1)) == 0;
    return pe__round_up(optional->size_of_headers, is_usable ? alignment : PE__PAGE);
}

/* The headers and the section table, wherever that ends (rule B5). */
static uint64_t header_size(const pe_image *image)
{
    return pe__max(image->optional.size_of_headers, pe__table_end(image));
}

/* The end of the header pages: the first section replaces what is beyond its start (rule B6). */
static uint64_t header_end(const pe_image *image)
{
    uint64_t pages =
        pe__max(aligned_headers(&image->optional), pe__round_up(header_size(image), PE__PAGE));
    uint64_t end = pe__min(pages, image_end(image));
    return stored_sections(image) == 0 ? end : pe__min(end, section_start(image, 0));
}

static bool is_readable(const pe_section *section)
{
    uint32_t any = PE_SCN_MEM_READ | PE_SCN_MEM_WRITE | PE_SCN_MEM_EXECUTE;
    return (section->characteristics & any) != 0;
}

/* Rules B10 to B12: whole sectors from the sector that holds the first byte. Rule H2: no more than
 * the bytes themselves. */
static void locate_in_file(const pe_image *image, const pe_section *section, pe__region *region)
{
    if (section->raw.value == 0 || section->raw_size == 0)
        return;
    uint32_t unit = image->placement == PE_PLACED_EXACTLY ? 1 : PE__SECTOR;
    uint64_t skew = section->raw.value % unit;
    region->at = section->raw.value - skew;
    region->stored = pe__round_up(skew + section->raw_size, unit);
}

/* The stored bytes of a region end with the region and with the bytes there are. */
static void clip(const pe_image *image, pe__region *region)
{
    uint64_t available = region->at < image->bytes.size ? image->bytes.size - region->at : 0;
    region->stored = pe__min(region->stored, region->end - region->start);
    region->stored = pe__min(region->stored, available);
}

static pe__region flat_region(const pe_image *image)
{
    return (pe__region){
        .end = image_end(image), .stored = image->optional.size_of_image, .readable = true};
}

static pe__region header_region(const pe_image *image)
{
    return (pe__region){.end = header_end(image), .stored = header_size(image), .readable = true};
}

static pe__region section_region(const pe_image *image, const pe_section *section)
{
    pe__region region = {
        .start = section->rva.value, .end = section_end(image, section), .readable = true};
    locate_in_file(image, section, &region);
    return region;
}

/* In memory every byte of a region is there, at its own RVA. */
static bool lay_out_in_memory(const pe_image *image, uint64_t rva, pe__region *region)
{
    region->at = region->start;
    region->end = pe__min(region->end, image->bytes.size);
    region->stored = region->end < region->start ? 0 : region->end - region->start;
    return rva < region->end;
}

bool pe__region_at(const pe_image *image, uint64_t rva, pe__region *ret_region)
{
    pe__region region;
    pe_section section;
    bool is_mapped = image->layout == PE_LAYOUT_MAPPED;
    if (rva >= image_end(image))
        return false;
    if (image->placement == PE_PLACED_FLAT) {
        region = flat_region(image);
    } else if (rva < header_end(image)) {
        region = header_region(image);
    } else if (find_section(image, rva, &section)) {
        region = section_region(image, &section);
        region.readable = !is_mapped || is_readable(&section);
    } else {
        return false;
    }
    clip(image, &region);
    if (is_mapped && !lay_out_in_memory(image, rva, &region))
        return false;
    *ret_region = region;
    return true;
}

pe_status pe_section_of(const pe_image *image, pe_rva rva, pe_section *ret_section)
{
    bool in_headers = image->placement != PE_PLACED_FLAT && rva.value < header_end(image);
    if (in_headers || !find_section(image, rva.value, ret_section))
        return PE_NOT_FOUND;
    return PE_OK;
}

pe_span pe_tail(const pe_image *image, pe_rva rva)
{
    pe__region region;
    if (!pe__region_at(image, rva.value, &region) || !region.readable)
        return (pe_span){0};
    uint64_t skip = rva.value - region.start;
    if (skip >= region.stored)
        return (pe_span){0};
    return (pe_span){image->bytes.data + region.at + skip, region.stored - skip};
}

/* Copies the part of `size` bytes at `rva` that lies in `region`, returns how much that is. */
static uint64_t copy_from(const pe_image *image, const pe__region *region, uint64_t rva,
                          uint8_t *ret_bytes, uint64_t size)
{
    uint64_t skip = rva - region->start;
    uint64_t length = pe__min(size, region->end - rva);
    uint64_t stored = skip < region->stored ? pe__min(length, region->stored - skip) : 0;
    if (ret_bytes == NULL)
        return length;
    if (stored != 0)
        memcpy(ret_bytes, image->bytes.data + region->at + skip, stored);
    memset(ret_bytes + stored, 0, length - stored);
    return length;
}

/* Copies a range that may span regions; with NULL it only checks that it could be copied. */
static pe_status copy_range(const pe_image *image, uint64_t rva, uint8_t *ret_bytes, uint64_t size)
{
    while (size != 0) {
        pe__region region;
        if (!pe__region_at(image, rva, &region))
            return PE_OUT_OF_BOUNDS;
        if (!region.readable)
            return PE_UNREADABLE;
        uint64_t length = copy_from(image, &region, rva, ret_bytes, size);
        rva += length;
        size -= length;
        ret_bytes = ret_bytes == NULL ? NULL : ret_bytes + length;
    }
    return PE_OK;
}

pe_status pe_read(const pe_image *image, pe_rva rva, void *ret_bytes, size_t size)
{
    pe__region region;
    if (size != 0 && pe__region_at(image, rva.value, &region) && region.readable &&
        size <= region.end - rva.value) {
        copy_from(image, &region, rva.value, ret_bytes, size);
        return PE_OK;
    }
    pe_status status = copy_range(image, rva.value, NULL, size);
    return status == PE_OK ? copy_range(image, rva.value, ret_bytes, size) : status;
}

pe_status pe_read_u16(const pe_image *image, pe_rva rva, uint16_t *ret_value)
{
    uint8_t bytes[2];
    pe_status status = pe_read(image, rva, bytes, sizeof bytes);
    if (status == PE_OK)
        *ret_value = pe__load_u16(bytes);
    return status;
}

pe_status pe_read_u32(const pe_image *image, pe_rva rva, uint32_t *ret_value)
{
    uint8_t bytes[4];
    pe_status status = pe_read(image, rva, bytes, sizeof bytes);
    if (status == PE_OK)
        *ret_value = pe__load_u32(bytes);
    return status;
}

pe_status pe_read_u64(const pe_image *image, pe_rva rva, uint64_t *ret_value)
{
    uint8_t bytes[8];
    pe_status status = pe_read(image, rva, bytes, sizeof bytes);
    if (status == PE_OK)
        *ret_value = pe__load_u64(bytes);
    return status;
}

pe_status pe_read_pointer(const pe_image *image, pe_rva rva, uint64_t *ret_value)
{
    if (pe_is_64(image))
        return pe_read_u64(image, rva, ret_value);
    uint32_t value;
    pe_status status = pe_read_u32(image, rva, &value);
    if (status == PE_OK)
        *ret_value = value;
    return status;
}

pe_status pe_string(const pe_image *image, pe_rva rva, pe_span *ret_string)
{
    pe__region region;
    if (!pe__region_at(image, rva.value, &region))
        return PE_OUT_OF_BOUNDS;
    if (!region.readable)
        return PE_UNREADABLE;
    pe_span tail = pe_tail(image, rva);
    const uint8_t *nul = tail.size == 0 ? NULL : memchr(tail.data, 0, tail.size);
    if (nul != NULL)
        tail.size = (uint64_t)(nul - tail.data);
    else if (region.stored == region.end - region.start)
        return PE_OUT_OF_BOUNDS;
    *ret_string = tail;
    return PE_OK;
}

pe_status pe__borrow(const pe_image *image, pe_rva rva, uint64_t size, pe_span *ret_bytes)
{
    pe__region region;
    if (size == 0)
        return PE_OK;
    if (!pe__region_at(image, rva.value, &region) || size > region.end - rva.value)
        return PE_OUT_OF_BOUNDS;
    if (!region.readable)
        return PE_UNREADABLE;
    *ret_bytes = pe_tail(image, rva);
    ret_bytes->size = pe__min(ret_bytes->size, size);
    return PE_OK;
}
