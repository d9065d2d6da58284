/* block.c: what a block of the column of memory holds. */
#include "cli/map/picture.h"

map_kinds map_block_kinds(const map_facts *facts, const map_block *block)
{
    map_kinds kinds = {0};
    for (size_t i = block->first; i < block->first + block->count; i++) {
        const ldr_region *pages = &facts->regions[i].pages;
        map_kind *kind = &kinds.of[map_protect_index(pages->protect)][pages->backing];
        kinds.count += kind->count == 0;
        kind->count++;
        kind->size += pages->size;
    }
    return kinds;
}

map_content map_block_content(const map_facts *facts, const map_block *block)
{
    map_content content = {.start = UINT64_MAX};
    for (size_t i = block->first; i < block->first + block->count; i++) {
        const map_region *region = &facts->regions[i];
        if (region->content == 0)
            continue;
        uint64_t end = region->offset + region->content;
        content.start = region->offset < content.start ? region->offset : content.start;
        content.end = end > content.end ? end : content.end;
        content.rva = content.ranges == 0 ? region->pages.rva : content.rva;
        content.rva_end = region->pages.rva + region->content;
        content.size += region->content;
        content.ranges++;
    }
    return content;
}

int32_t map_owner(const map_region *region)
{
    const int32_t reserved = -2; /* headers have -1 */
    return region->pages.committed ? region->pages.pe_section : reserved;
}

bool map_block_has_one_owner(const map_facts *facts, const map_block *block)
{
    int32_t first = map_owner(&facts->regions[block->first]);
    for (size_t i = block->first; i < block->first + block->count; i++) {
        if (map_owner(&facts->regions[i]) != first)
            return false;
    }
    return true;
}
