/* query.c: what the pages of a view are. */
#include "section/data.h"
#include "section/pages.h"
#include "section/view.h"

#define CHUNK 256

/* Only what can be copied on write is asked for; the answer is the same for pages that nothing can
 * touch. */
ldr_status ldr__pages_measure(const ldr_view *view, uint64_t rva, uint64_t end, bool of_zero_fill,
                              bool *ret_private, uint64_t *ret_end)
{
    bool own[CHUNK];
    bool first = false;
    for (uint64_t at = rva; at < end;) {
        uint64_t left = (end - at) / LDR__PAGE;
        uint64_t count = left < CHUNK ? left : CHUNK;
        ldr_status status = ldr__pages_find_own(view, at, count, of_zero_fill, own);
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

/* What ldr_view_protect has made of the page at `rva`, or NULL. */
static const ldr__run *run_at(const ldr_view *view, uint64_t rva)
{
    return view->runs != NULL ? &view->runs->items[ldr__runs_find(view->runs, rva)] : NULL;
}

/* Of memory that is SHARED there are no copies, but pages that are the view's own from the start,
 * and those that ldr_view_protect has made so. */
static bool can_be_copied(const ldr__subsection *subsection, const ldr__page_state *state,
                          const ldr__run *run)
{
    return subsection->backing != LDR_BACKING_NONE &&
           (subsection->backing != LDR_BACKING_SHARED || state->is_relocated ||
            (run != NULL && run->is_private));
}

static void find_own(const ldr_view *view, uint64_t rva, ldr__page_state *state)
{
    uint64_t end = rva + LDR__PAGE;
    state->is_own = ldr__view_owns(view, rva);
    while (end < state->end && ldr__view_owns(view, end) == state->is_own)
        end += LDR__PAGE;
    state->end = end;
}

ldr_status ldr__view_page_state(const ldr_view *view, uint64_t rva, ldr__page_state *ret_state)
{
    const ldr__plan *plan = ldr__view_plan(view);
    const ldr__subsection *subsection = &plan->subsections[ldr__plan_find(plan, rva)];
    const ldr__run *run = run_at(view, rva);
    ldr__page_state state = {.end = subsection->rva + subsection->size};
    state.is_relocated = ldr__relocated_holds(view->shared_pages, rva, &state.end);
    if (run != NULL && run->end < state.end)
        state.end = run->end;
    if (can_be_copied(subsection, &state, run)) {
        ldr_status status =
            ldr__pages_measure(view, rva, state.end, subsection->backing == LDR_BACKING_ZERO,
                               &state.is_own, &state.end);
        if (status != LDR_OK)
            return status;
    } else if (subsection->backing == LDR_BACKING_SHARED) {
        find_own(view, rva, &state);
    }
    *ret_state = state;
    return LDR_OK;
}

ldr_status ldr_view_query(const ldr_view *view, uint64_t rva, ldr_region *ret_region)
{
    const ldr__plan *plan = ldr__view_plan(view);
    if (view->section->is_data)
        return ldr__data_view_query(view, rva, ret_region);
    if (rva >= plan->size)
        return LDR_INVALID_ARGUMENT;
    uint64_t start = rva & ~(LDR__PAGE - 1);
    const ldr__subsection *subsection = &plan->subsections[ldr__plan_find(plan, start)];
    ldr__page_state state;
    ldr__page_rights rights;
    ldr_status status = ldr__view_page_state(view, start, &state);
    if (status == LDR_OK)
        status = ldr__view_page_rights(view, start, &rights);
    if (status != LDR_OK)
        return status;
    uint64_t end = rights.end < state.end ? rights.end : state.end;
    *ret_region = (ldr_region){
        .rva = start,
        .size = end - start,
        .protect = state.is_own ? ldr__protect_after_write(rights.protect) : rights.protect,
        .allocation_protect = rights.allocation_protect,
        .committed = rights.is_committed,
        .private_bytes = state.is_own ? end - start : 0,
        .backing = state.is_own ? LDR_BACKING_PRIVATE : rights.backing,
        .pe_section = subsection->pe_section,
        .type = rights.type,
    };
    return LDR_OK;
}
