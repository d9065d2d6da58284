/* page_rights.c: what the pages of an image's view may do, as the system tells it. */
#include "os/native.h"
#include "section/view.h"

/* All pages with content are the file's own, however it is aligned. */
static ldr_backing backing_of(const ldr_view *view, const ldr__subsection *subsection,
                              bool is_committed)
{
    if (!is_committed)
        return LDR_BACKING_NONE;
    if (view->is_native_image && subsection->backing == LDR_BACKING_SEGMENT)
        return LDR_BACKING_FILE;
    if (!view->is_native_image && subsection->backing != LDR_BACKING_ZERO)
        return LDR_BACKING_SEGMENT;
    return subsection->backing;
}

ldr_status ldr__view_page_rights(const ldr_view *view, uint64_t rva, ldr__page_rights *ret_rights)
{
    const ldr__plan *plan = ldr__view_plan(view);
    const ldr__subsection *subsection = &plan->subsections[ldr__plan_find(plan, rva)];
    ldr__native_region region;
    if (ldr__native_query(view->base + rva, &region) >= PE_NT_UNSUCCESSFUL)
        return LDR_OS_ERROR;
    *ret_rights = (ldr__page_rights){
        .end = region.start + region.size - (uintptr_t)view->base,
        .protect = region.protect,
        .allocation_protect = region.allocation_protect,
        .is_committed = region.is_committed,
        .backing = backing_of(view, subsection, region.is_committed),
        .type = region.type,
    };
    return LDR_OK;
}
