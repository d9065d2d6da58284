/* pages_map.c: pages of shared memory, mapped anew. */
#include "section/pages.h"

ldr_status ldr__pages_map(const ldr_view *view, uint64_t start, uint64_t end, bool is_private,
                          int access)
{
    const ldr_section *section = view->section;
    ldr__handle source = section->is_data ? section->data.backing : section->shared;
    uint64_t offset = (section->is_data ? view->offset : 0) + start;
    return is_private ? ldr__os_map_private(view->base + start, end - start, source, offset, access)
                      : ldr__os_map_shared(view->base + start, end - start, source, offset, access);
}
