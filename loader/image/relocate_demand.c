#include "image/relocate_demand.h"
#include "image/fixup_index.h"
#include "image/shared_pages.h"

/* Bytes from the start of the optional header to ImageBase, and of it. */
enum { IMAGE_BASE_64 = 24, IMAGE_BASE_32 = 28, WIDTH_64 = 8, WIDTH_32 = 4 };

typedef struct base_field {
    uint64_t rva;
    uint32_t size; /* 0: it is left as it is */
} base_field;

static bool is_at_aslr_base(const ldr_view *view)
{
    return (uintptr_t)view->base == atomic_load(&view->section->aslr_base);
}

/* Rule B8, for the base of ASLR. False if the field is not where the headers are. */
static bool find_base_field(const ldr_view *view, base_field *ret_field)
{
    bool is_64 = pe_is_64(&view->image);
    const ldr__subsection *headers = &ldr__view_plan(view)->subsections[0];
    *ret_field = (base_field){0};
    if (!is_at_aslr_base(view))
        return true;
    ret_field->rva = view->image.optional.offset.value + (is_64 ? IMAGE_BASE_64 : IMAGE_BASE_32);
    ret_field->size = is_64 ? WIDTH_64 : WIDTH_32;
    return headers->backing == LDR_BACKING_SEGMENT &&
           pe_range_ok(LDR__PAGE, ret_field->rva, ret_field->size) &&
           pe_range_ok(headers->content, ret_field->rva, ret_field->size);
}

static ldr_status add_copy(ldr_view *view, base_field field, ldr__demand_copy **ret_copy)
{
    ldr__demand *demand = view->section->demand;
    struct ldr__page_run header = {0, field.size > 0 ? LDR__PAGE : 0};
    ldr__relocated *pages = ldr__fixup_index_pages(&demand->fixups, header);
    if (pages == NULL)
        return LDR_NO_MEMORY;
    ldr_status status = ldr__demand_copy_add(demand, (uintptr_t)view->base, pages, ret_copy);
    if (status != LDR_OK)
        return status;
    (*ret_copy)->field = field.rva;
    (*ret_copy)->field_size = field.size;
    return LDR_OK;
}

/* The lock is held. */
static ldr_status show(ldr_view *view, bool *ret_done)
{
    ldr__demand *demand = view->section->demand;
    base_field field;
    ldr_status status = LDR_OK;
    if (!find_base_field(view, &field))
        return LDR_OK;
    if (demand->fixups.self == NULL)
        status = ldr__fixup_index_make(view, &demand->fixups);
    if (status != LDR_OK || demand->fixups.self == NULL)
        return status;
    ldr__demand_copy *copy = ldr__demand_copy_find(demand, (uintptr_t)view->base);
    if (copy == NULL)
        status = add_copy(view, field, &copy);
    *ret_done = status == LDR_OK;
    return status == LDR_OK ? ldr__demand_copy_show(view, copy) : status;
}

/* Nothing has been shown when there is no copy: the eager way is still open. */
static ldr_status try(ldr_view *view, bool *ret_done)
{
    ldr__demand *demand = view->section->demand;
    bool is_untouched = false;
    if (!view->is_watched || view->is_converted)
        return LDR_OK;
    ldr_status status = ldr__shared_pages_untouched(view, &is_untouched);
    if (status == LDR_OK && is_untouched) {
        ldr__os_pager_lock(demand->pager);
        status = show(view, ret_done);
        ldr__os_pager_unlock(demand->pager);
    }
    return status == LDR_OK || demand->is_wanted || *ret_done ? status : LDR_OK;
}

ldr_status ldr__relocate_on_demand(ldr_view *view, bool *ret_done)
{
    bool done = false;
    ldr_status status = try(view, &done);
    if (status == LDR_OK && !done)
        status = ldr__demand_complete(view);
    if (status == LDR_OK)
        *ret_done = done;
    return status;
}
