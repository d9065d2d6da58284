#include "address.h"
#include "bytes.h"
#include "headers.h"
#include "layout.h"

#include <string.h>

/* Tables that do not ascend (no Windows takes them) are searched one by one up to this length, so
 * that no lookup is ever long. It is the section limit of the specification. */
enum { LINEAR_SEARCH_LIMIT = 96 };

/* ---- Extents ---- */

/* Entries of the section table that lie inside the headers. */
static uint32_t stored_sections(const pe_image *image)
{
    uint64_t table = image->section_table.value;
    uint64_t size = table < image->headers.size ? image->headers.size - table : 0;
    return (uint32_t)pe__min(image->file.section_count, size / SCN_SIZE);
}

const uint8_t *pe__section_entry(const pe_image *image, uint32_t index)
{
    return image->headers.data + image->section_table.value + (uint64_t)SCN_SIZE * index;
}

static uint32_t start_of(const pe_image *image, uint32_t index)
{
    return pe__load_u32(pe__section_entry(image, index) + SCN_VIRTUAL_ADDRESS);
}

/* An entry of the section table with its RVAs, which are read once: the file may be changing. */
typedef struct placed_section {
    const uint8_t *entry;
    uint32_t index;
    uint64_t start, end;
} placed_section;

static placed_section place_section(const pe_image *image, uint32_t index)
{
    const uint8_t *entry = pe__section_entry(image, index);
    uint64_t start = pe__load_u32(entry + SCN_VIRTUAL_ADDRESS);
    uint64_t size = pe__load_u32(entry + SCN_VIRTUAL_SIZE);
    if (size == 0)
        size = pe__load_u32(entry + SCN_RAW_SIZE);
    if (!pe__is_flat(image))
        size = pe__round_up(size, PE__PAGE);
    uint64_t end = pe__min(start + size, image->extents.image_end);
    return (placed_section){entry, index, start, end};
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
    uint64_t end = pe__min(pages, image->extents.image_end);
    return image->extents.section_count == 0 ? end : pe__min(end, start_of(image, 0));
}

static bool are_apart(const pe_image *image)
{
    uint64_t end = 0;
    for (uint32_t i = 0; i < image->extents.section_count; i++) {
        placed_section section = place_section(image, i);
        if (section.start < end)
            return false;
        end = pe__max(section.start, section.end);
    }
    return true;
}

/* A step of the binary search misses the processor's caches in long tables only. */
static uint32_t lookup_cost(const pe_extents *extents)
{
    enum { FIXED = 16, STEP = 4 };
    uint32_t steps = extents->are_apart ? 0 : LINEAR_SEARCH_LIMIT;
    for (uint32_t rest = extents->section_count; rest != 0; rest /= 2)
        steps++;
    return FIXED + STEP * steps;
}

pe_extents pe__find_extents(const pe_image *image)
{
    pe_image found = *image;
    found.extents.image_end = pe__round_up(image->optional.size_of_image, PE__PAGE);
    found.extents.section_count = stored_sections(image);
    found.extents.header_end = header_end(&found);
    found.extents.are_apart = are_apart(&found);
    found.extents.lookup_cost = lookup_cost(&found.extents);
    return found.extents;
}

/* ---- Sections ---- */

/* How many sections start at or below `rva`, if the table ascends. */
static uint32_t sections_up_to(const pe_image *image, uint64_t rva)
{
    uint32_t low = 0, high = image->extents.section_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (start_of(image, middle) <= rva)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool section_holds(const pe_image *image, uint32_t index, uint64_t rva,
                          placed_section *ret_section)
{
    *ret_section = place_section(image, index);
    return rva >= ret_section->start && rva < ret_section->end;
}

static bool find_section(const pe_image *image, uint64_t rva, placed_section *ret_section)
{
    uint32_t below = sections_up_to(image, rva);
    if (below > 0 && section_holds(image, below - 1, rva, ret_section))
        return true;
    if (image->extents.are_apart)
        return false;
    for (uint32_t i = 0; i < image->extents.section_count && i < LINEAR_SEARCH_LIMIT; i++) {
        if (section_holds(image, i, rva, ret_section))
            return true;
    }
    return false;
}

/* ---- Regions ---- */

static bool is_readable(const uint8_t *entry)
{
    uint32_t any = PE_SCN_MEM_READ | PE_SCN_MEM_WRITE | PE_SCN_MEM_EXECUTE;
    return (pe__load_u32(entry + SCN_CHARACTERISTICS) & any) != 0;
}

/* Rules B10 to B12: whole sectors from the sector that holds the first byte. Rule H2: no more than
 * the bytes themselves. */
static void locate_in_file(const pe_image *image, const uint8_t *entry, pe__region *region)
{
    uint64_t raw = pe__load_u32(entry + SCN_RAW_POINTER), size = pe__load_u32(entry + SCN_RAW_SIZE);
    if (raw == 0 || size == 0)
        return;
    uint32_t unit = image->placement == PE_PLACED_EXACTLY ? 1 : PE__SECTOR;
    uint64_t skew = raw & (unit - 1);
    region->at = raw - skew;
    region->stored = pe__round_up(skew + size, unit);
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
        .end = image->extents.image_end, .stored = image->optional.size_of_image, .readable = true};
}

static pe__region header_region(const pe_image *image)
{
    return (pe__region){
        .end = image->extents.header_end, .stored = header_size(image), .readable = true};
}

static pe__region section_region(const pe_image *image, const placed_section *section)
{
    pe__region region = {
        .start = section->start,
        .end = section->end,
        .readable = image->layout != PE_LAYOUT_MAPPED || is_readable(section->entry),
    };
    locate_in_file(image, section->entry, &region);
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
    placed_section section;
    if (rva >= image->extents.image_end)
        return false;
    if (image->placement == PE_PLACED_FLAT) {
        region = flat_region(image);
    } else if (rva < image->extents.header_end) {
        region = header_region(image);
    } else if (find_section(image, rva, &section)) {
        region = section_region(image, &section);
    } else {
        return false;
    }
    clip(image, &region);
    if (image->layout == PE_LAYOUT_MAPPED && !lay_out_in_memory(image, rva, &region))
        return false;
    *ret_region = region;
    return true;
}

/* ---- The budget ---- */

bool pe__overspend(pe_budget *budget, uint64_t at)
{
    if (!budget->is_spent)
        budget->at = at;
    budget->is_spent = true;
    budget->left = 0;
    return false;
}

pe_budget pe_budget_for(uint64_t file_size)
{
    enum { FIXED = 1 << 20, PER_BYTE = 24 };
    return (pe_budget){.left = FIXED + PER_BYTE * pe__min(file_size, UINT32_MAX)};
}

pe_status pe_charge(const pe_image *image, pe_rva at, uint64_t units)
{
    return pe__pay(image->budget, at.value, units) ? PE_OK : PE_BUDGET_SPENT;
}

pe_status pe__readable_region(const pe_image *image, uint64_t rva, pe__region *ret_region)
{
    if (!pe__pay(image->budget, rva, PE__COST_RECORD + image->extents.lookup_cost))
        return PE_BUDGET_SPENT;
    if (!pe__region_at(image, rva, ret_region))
        return PE_OUT_OF_BOUNDS;
    return ret_region->readable ? PE_OK : PE_UNREADABLE;
}

/* ---- Reading ---- */

pe_status pe_section_of(const pe_image *image, pe_rva rva, pe_section *ret_section)
{
    placed_section section;
    bool in_headers = image->placement != PE_PLACED_FLAT && rva.value < image->extents.header_end;
    if (in_headers || !find_section(image, rva.value, &section))
        return PE_NOT_FOUND;
    *ret_section = pe__decode_section(image, section.index);
    return PE_OK;
}

pe_span pe__tail_of(const pe_image *image, const pe__region *region, uint64_t rva)
{
    uint64_t skip = rva - region->start;
    if (skip >= region->stored)
        return (pe_span){0};
    return (pe_span){image->bytes.data + region->at + skip, region->stored - skip};
}

pe_span pe_tail(const pe_image *image, pe_rva rva)
{
    pe__region region;
    if (!pe__region_at(image, rva.value, &region) || !region.readable)
        return (pe_span){0};
    return pe__tail_of(image, &region, rva.value);
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
        pe_status status = pe__readable_region(image, rva, &region);
        if (status != PE_OK)
            return status;
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
    if (size == 0)
        return PE_OK;
    if (!pe__pay(image->budget, rva.value, size * PE__COST_BYTE))
        return PE_BUDGET_SPENT;
    pe_status status = pe__readable_region(image, rva.value, &region);
    if (status == PE_OK && size <= region.end - rva.value) {
        copy_from(image, &region, rva.value, ret_bytes, size);
        return PE_OK;
    }
    if (status == PE_OK)
        status = copy_range(image, rva.value, NULL, size);
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

/* The stored bytes of a region; none where an RVA of it could belong to another section, too. */
static pe_window window_of(const pe_image *image, const pe__region *region)
{
    if (!image->extents.are_apart && image->placement != PE_PLACED_FLAT)
        return (pe_window){0};
    return (pe_window){region->start, {image->bytes.data + region->at, region->stored}};
}

pe_status pe__fetch_outside(const pe_image *image, pe_window *window, uint64_t rva, void *ret_bytes,
                            size_t size)
{
    pe__region region;
    pe_status status = pe__readable_region(image, rva, &region);
    if (status != PE_OK)
        return status;
    *window = window_of(image, &region);
    if (size > region.end - rva || !pe__pay(image->budget, rva, size * PE__COST_BYTE))
        return pe_read(image, (pe_rva){(uint32_t)rva}, ret_bytes, size);
    copy_from(image, &region, rva, ret_bytes, size);
    return PE_OK;
}

pe_status pe__string_outside(const pe_image *image, pe_window *window, uint64_t rva,
                             pe_span *ret_string)
{
    pe__region region;
    pe_status status = pe__readable_region(image, rva, &region);
    if (status != PE_OK)
        return status;
    *window = window_of(image, &region);
    pe_span tail = pe__tail_of(image, &region, rva);
    const uint8_t *nul = tail.size == 0 ? NULL : memchr(tail.data, 0, tail.size);
    if (nul != NULL)
        tail.size = (uint64_t)(nul - tail.data);
    if (!pe__pay(image->budget, rva, tail.size * PE__COST_BYTE))
        return PE_BUDGET_SPENT;
    if (nul == NULL && region.stored == region.end - region.start)
        return PE_OUT_OF_BOUNDS;
    *ret_string = tail;
    return PE_OK;
}

pe_status pe_string(const pe_image *image, pe_rva rva, pe_span *ret_string)
{
    pe_window unused = {0};
    return pe__string_outside(image, &unused, rva.value, ret_string);
}

pe_status pe__borrow(const pe_image *image, pe_rva rva, uint64_t size, pe_span *ret_bytes)
{
    pe__region region;
    if (size == 0)
        return PE_OK;
    pe_status status = pe__readable_region(image, rva.value, &region);
    if ((status == PE_OK || status == PE_UNREADABLE) && size > region.end - rva.value)
        return PE_OUT_OF_BOUNDS;
    if (status != PE_OK)
        return status;
    pe_span bytes = pe__tail_of(image, &region, rva.value);
    bytes.size = pe__min(bytes.size, size);
    if (!pe__pay(image->budget, rva.value, bytes.size * PE__COST_BYTE))
        return PE_BUDGET_SPENT;
    *ret_bytes = bytes;
    return PE_OK;
}
