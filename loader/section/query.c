/* query.c: what the pages of a view are. */
#include "section/view.h"

#define CHUNK 256

/*
 * How many bytes from `rva` on are all this view's own copies, or all not. Only what can be copied
 * on write is asked for; the answer is the same for pages that nothing can touch.
 */
static ldr_status measure(const ldr_view *view, uint64_t rva, uint64_t end, bool *ret_private,
                          uint64_t *ret_end)
{
    bool own[CHUNK];
    bool first = false;
    for (uint64_t at = rva; at < end;) {
        uint64_t left = (end - at) / LDR__PAGE;
        uint64_t count = left < CHUNK ? left : CHUNK;
        ldr_status status = ldr__os_pages_private(view->base + at, count, own);
        if (status != LDR_OK)
            return status;
        if (at == rva)
            first = own[0];
        uint64_t same = 0;
        while (same < count && own[same] == first)
            same++;
        at += same * LDR__PAGE;
        if (same < count)
            end = at;
    }
    *ret_private = first;
    *ret_end = end;
    return LDR_OK;
}

static bool can_be_copied(const ldr__subsection *subsection)
{
    return subsection->backing != LDR_BACKING_NONE && subsection->backing != LDR_BACKING_SHARED;
}

ldr_status ldr_view_query(const ldr_view *view, uint64_t rva, ldr_region *ret_region)
{
    const ldr__plan *plan = ldr__view_plan(view);
    if (rva >= plan->size)
        return LDR_INVALID_ARGUMENT;
    uint64_t start = rva & ~(LDR__PAGE - 1);
    const ldr__subsection *subsection = &plan->subsections[ldr__plan_find(plan, start)];
    uint64_t end = subsection->rva + subsection->size;
    bool own = false;
    if (can_be_copied(subsection)) {
        ldr_status status = measure(view, start, end, &own, &end);
        if (status != LDR_OK)
            return status;
    }
    *ret_region = (ldr_region){.rva = start,
                               .size = end - start,
                               .protect = own ? ldr__protect_after_write(subsection->protect)
                                              : subsection->protect,
                               .committed = subsection->backing != LDR_BACKING_NONE,
                               .backing = own ? LDR_BACKING_PRIVATE : subsection->backing,
                               .pe_section = subsection->pe_section};
    return LDR_OK;
}
