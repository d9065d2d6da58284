/* image_view.c: the pages of an image's view, each run of them by a call of its own. */
#include "section/demand.h"
#include "section/diag.h"
#include "section/place.h"
#include "section/view.h"

/* Neighbours that one call can map: same source going on, same access. */
static bool continues(const ldr__subsection *a, const ldr__subsection *b)
{
    return a->backing == b->backing &&
           ldr__protect_access(a->protect) == ldr__protect_access(b->protect) &&
           (a->backing != LDR_BACKING_FILE || a->source + a->size == b->source);
}

static ldr_status map_run(const ldr_view *view, const ldr__subsection *first, uint64_t size)
{
    const ldr_section *section = view->section;
    uint8_t *address = view->base + first->rva;
    int access = ldr__protect_access(first->protect);
    switch (first->backing) {
    case LDR_BACKING_FILE:
        return ldr__os_map_private(address, size, section->file, first->source, access);
    case LDR_BACKING_SEGMENT:
        return section->demand != NULL
                   ? LDR_OK
                   : ldr__os_map_private(address, size, section->segment, first->rva, access);
    case LDR_BACKING_SHARED:
        return ldr__os_map_shared(address, size, section->shared, first->rva, access);
    case LDR_BACKING_ZERO:
        /* The reservation already is memory of zeros without access. */
        return access == LDR__NO_ACCESS ? LDR_OK : ldr__os_map_zero(address, size, access);
    default:
        return LDR_OK;
    }
}

static ldr_status map_subsections(ldr_view *view)
{
    const ldr__plan *plan = &view->section->plan;
    ldr_status demanded = view->section->demand != NULL ? ldr__demand_map(view) : LDR_OK;
    if (demanded != LDR_OK)
        return demanded;
    for (uint32_t i = 0; i < plan->count;) {
        const ldr__subsection *first = &plan->subsections[i];
        uint64_t size = first->size;
        for (i++; i < plan->count && continues(&plan->subsections[i - 1], &plan->subsections[i]);
             i++)
            size += plan->subsections[i].size;
        ldr_status status = map_run(view, first, size);
        if (status != LDR_OK)
            return status;
    }
    return LDR_OK;
}

void ldr__image_view_unmap(ldr_view *view)
{
    if (view->section->demand != NULL)
        ldr__demand_unmap(view);
    else
        ldr__os_unmap(view->base, view->size);
}

ldr_status ldr__image_view_map(ldr_view *view, uint64_t base, ldr_diag *diag)
{
    ldr_section *section = view->section;
    void *address = NULL;
    ldr_status status = ldr__place(section, base, &address, diag);
    if (status != LDR_OK)
        return status;
    view->base = address;
    view->size = section->plan.size;
    status = map_subsections(view);
    if (status != LDR_OK) {
        ldr__image_view_unmap(view);
        return ldr__fail(diag, status, ldr__nt_status_of(status), section->name);
    }
    view->image = pe_image_mapped(&section->image, (pe_span){view->base, view->size});
    return LDR_OK;
}
