/* facts.c: what the picture of a view shows. */
#include "cli/map/picture.h"
#include "cli/system.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_SIZE = 4096, SECTOR = 512, ENTRY_SIZE = 40 };

/* Bytes of the file, and where they go. */
typedef struct extent {
    uint64_t rva, offset, size;
} extent;

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t round_up(uint64_t value, uint64_t unit)
{
    return (value + unit - 1) / unit * unit;
}

bool map_is_flat(const pe_image *image)
{
    return image->optional.section_alignment < PAGE_SIZE;
}

/* ---- Which bytes are read ---- */

static uint64_t clip(const map_facts *facts, uint64_t offset, uint64_t size)
{
    return offset < facts->file_size ? smaller(size, facts->file_size - offset) : 0;
}

/* Rules B10 to B15. Of a flat image the raw data as they stand, since no sectors are read. */
static extent raw_data(const map_facts *facts, const pe_section *section)
{
    extent found = {.rva = section->rva.value};
    if (section->raw.value == 0 || section->raw_size == 0)
        return found;
    uint64_t unit = map_is_flat(facts->image) ? 1 : SECTOR;
    uint64_t end = round_up(section->raw.value + section->raw_size, unit);
    found.offset = section->raw.value / unit * unit;
    found.size = end - found.offset;
    uint64_t in_memory = section->virtual_size != 0 ? section->virtual_size : section->raw_size;
    if (!map_is_flat(facts->image))
        found.size = smaller(found.size, round_up(in_memory, PAGE_SIZE));
    found.size = clip(facts, found.offset, found.size);
    return found;
}

/* Rule B5: up to the end of the section table even if SizeOfHeaders ends before. */
static uint64_t header_size(const map_facts *facts)
{
    const pe_image *image = facts->image;
    uint64_t table_end =
        image->section_table.value + (uint64_t)ENTRY_SIZE * image->file.section_count;
    return clip(facts, 0, larger(image->optional.size_of_headers, table_end));
}

/* Rules B4 and B7: on XP the file goes on behind the headers, up to the end of their pages; a flat
 * image is the file. */
static extent outside_sections(const map_facts *facts)
{
    if (map_is_flat(facts->image))
        return (extent){.size = clip(facts, 0, facts->image->optional.size_of_image)};
    bool goes_on = facts->subject->profile == PE_WINXP;
    return (extent){.size = goes_on ? facts->file_size : header_size(facts)};
}

static extent extent_of(const map_facts *facts, int32_t index)
{
    pe_section section;
    if (index < 0 || pe_section_at(facts->image, (uint32_t)index, &section) != PE_OK)
        return outside_sections(facts);
    return raw_data(facts, &section);
}

/* ---- Regions ---- */

static map_region region_of(const map_facts *facts, const ldr_region *pages)
{
    map_region region = {.pages = *pages};
    if (!pages->committed)
        return region;
    extent from = extent_of(facts, pages->pe_section);
    uint64_t skipped = pages->rva - from.rva;
    if (skipped < from.size) {
        region.offset = from.offset + skipped;
        region.content = smaller(pages->size, from.size - skipped);
    }
    return region;
}

/* Makes room for one more element in an array that doubles: at the powers of 2. */
static bool grow(map_region **regions, size_t count)
{
    if ((count & (count - 1)) != 0)
        return true;
    map_region *larger_array = realloc(*regions, (count > 0 ? 2 * count : 1) * sizeof **regions);
    if (larger_array != NULL)
        *regions = larger_array;
    return larger_array != NULL;
}

static bool collect_regions(map_facts *facts)
{
    uint64_t size = ldr_view_size(facts->subject->view);
    ldr_region pages;
    for (uint64_t rva = 0; rva < size; rva = pages.rva + pages.size) {
        if (ldr_view_query(facts->subject->view, rva, &pages) != LDR_OK) {
            errno = EIO;
            return false;
        }
        if (!grow(&facts->regions, facts->region_count))
            return false;
        facts->regions[facts->region_count++] = region_of(facts, &pages);
    }
    return true;
}

/* ---- Ranges of the file ---- */

/* Ranges that somebody names: headers, raw data, certificates. They may overlap. */
static size_t named_ranges(const map_facts *facts, map_range *ranges)
{
    const pe_image *image = facts->image;
    size_t count = 0;
    ranges[count++] = (map_range){.size = header_size(facts), .pe_section = -1};
    for (uint32_t i = 0; i < image->file.section_count; i++) {
        pe_section section;
        if (pe_section_at(image, i, &section) != PE_OK)
            break;
        extent read = raw_data(facts, &section);
        ranges[count++] = (map_range){.offset = read.offset,
                                      .size = read.size,
                                      .part = MAP_RAW_DATA,
                                      .pe_section = (int32_t)i};
    }
    pe_directory table = pe_directory_at(image, PE_DIRECTORY_CERTIFICATE);
    ranges[count++] = (map_range){.offset = table.rva.value,
                                  .size = clip(facts, table.rva.value, table.size),
                                  .part = MAP_CERTIFICATES,
                                  .pe_section = -1};
    return count;
}

/* By offset, then as in named_ranges. */
static int compare_ranges(const void *left, const void *right)
{
    const map_range *a = left;
    const map_range *b = right;
    if (a->offset != b->offset)
        return a->offset < b->offset ? -1 : 1;
    if (a->part != b->part)
        return a->part < b->part ? -1 : 1;
    return a->pe_section < b->pe_section ? -1 : a->pe_section > b->pe_section;
}

/* Where the overlay starts: behind all that the section table claims (rule K4), read or not. */
static uint64_t claimed_end(const map_facts *facts)
{
    const pe_image *image = facts->image;
    uint64_t end = map_is_flat(image) ? image->optional.size_of_image : header_size(facts);
    pe_section section;
    for (uint32_t i = 0; pe_section_at(image, i, &section) == PE_OK; i++) {
        if (section.raw.value != 0 && section.raw_size != 0)
            end = larger(end, section.raw.value + section.raw_size);
    }
    return end;
}

static uint64_t end_of_ranges(const map_facts *facts)
{
    if (facts->range_count == 0)
        return 0;
    const map_range *last = &facts->ranges[facts->range_count - 1];
    return last->offset + last->size;
}

static void add_range(map_facts *facts, map_range range)
{
    if (range.size > 0)
        facts->ranges[facts->range_count++] = range;
}

/* What nobody names, up to `end`; cut where the overlay starts. */
static void add_unnamed(map_facts *facts, uint64_t end, uint64_t overlay)
{
    uint64_t start = end_of_ranges(facts);
    uint64_t middle = larger(start, smaller(end, overlay));
    map_range gap = {.offset = start, .size = middle - start, .part = MAP_GAP, .pe_section = -1};
    map_range rest = {
        .offset = middle, .size = end - middle, .part = MAP_OVERLAY, .pe_section = -1};
    add_range(facts, gap);
    add_range(facts, rest);
}

/* Of a range that starts inside the one before, the part behind it is shown. */
static void add_named(map_facts *facts, const map_range *named, uint64_t overlay)
{
    uint64_t end = end_of_ranges(facts);
    if (named->size == 0)
        return;
    if (named->offset > end)
        add_unnamed(facts, named->offset, overlay);
    else if (named->offset < end)
        facts->ranges[facts->range_count - 1].others++;
    map_range seen = *named;
    seen.offset = larger(named->offset, end);
    seen.hidden = seen.offset - named->offset;
    seen.size = named->offset + named->size > end ? named->offset + named->size - seen.offset : 0;
    add_range(facts, seen);
}

static bool collect_ranges(map_facts *facts)
{
    size_t named_max = (size_t)facts->image->file.section_count + 2;
    map_range *named = calloc(named_max, sizeof *named);
    /* Each with a gap and the start of the overlay before it, and what comes last. */
    facts->ranges = calloc(3 * named_max + 2, sizeof *facts->ranges);
    if (named != NULL && facts->ranges != NULL) {
        uint64_t overlay = claimed_end(facts);
        size_t count = named_ranges(facts, named);
        qsort(named, count, sizeof *named, compare_ranges);
        for (size_t i = 0; i < count; i++)
            add_named(facts, &named[i], overlay);
        add_unnamed(facts, larger(facts->file_size, end_of_ranges(facts)), overlay);
    }
    bool ok = named != NULL && facts->ranges != NULL;
    free(named);
    return ok;
}

bool map_facts_collect(const map_subject *subject, map_facts *ret_facts)
{
    cli_file_facts about;
    *ret_facts = (map_facts){.subject = subject,
                             .image = ldr_section_image(ldr_view_section(subject->view))};
    if (!cli_file_about(subject->path, &about))
        return false;
    ret_facts->file_size = about.size;
    if (about.size == 0) { /* cut off since it was mapped */
        errno = EIO;
        return false;
    }
    return collect_regions(ret_facts) && collect_ranges(ret_facts);
}

void map_facts_release(map_facts *facts)
{
    free(facts->regions);
    free(facts->ranges);
}
