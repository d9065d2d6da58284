/* page_rights.c: what the pages of an image's view may do, as the plan or ldr_view_protect says. */
#include "section/view.h"

static ldr_backing backing_of(const ldr_view *view, const ldr__subsection *subsection, uint64_t rva)
{
    uint64_t end = UINT64_MAX;
    return ldr__relocated_holds(view->shared_pages, rva, &end) ? LDR_BACKING_RELOCATED
                                                               : subsection->backing;
}

ldr_status ldr__view_page_rights(const ldr_view *view, uint64_t rva, ldr__page_rights *ret_rights)
{
    const ldr__plan *plan = ldr__view_plan(view);
    const ldr__subsection *subsection = &plan->subsections[ldr__plan_find(plan, rva)];
    const ldr__runs *runs = view->runs;
    const ldr__run *run = runs != NULL ? &runs->items[ldr__runs_find(runs, rva)] : NULL;
    *ret_rights = (ldr__page_rights){
        .end = run != NULL ? run->end : view->size,
        .protect = run != NULL ? run->protect : subsection->protect,
        .allocation_protect =
            view->section->no_execute ? LDR_PAGE_WRITECOPY : LDR_PAGE_EXECUTE_WRITECOPY,
        .is_committed = subsection->backing != LDR_BACKING_NONE,
        .backing = backing_of(view, subsection, rva),
        .type = LDR_MEM_IMAGE,
    };
    return LDR_OK;
}
