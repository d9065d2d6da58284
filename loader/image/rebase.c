/* rebase.c: a view is made right for the process that looks at it and for its address. */
#include "image/arm64x.h"
#include "image/relocate.h"
#include "image/relocate_demand.h"
#include "image/shared_pages.h"
#include "section/demand.h"
#include "section/diag.h"

#include <string.h>

/* ---- As the kernel does it ---- */

/* Bytes from the start of the optional header. */
enum { IMAGE_BASE_64 = 24, IMAGE_BASE_32 = 28, WIDTH_64 = 8, WIDTH_32 = 4 };

/*
 * Rule B8. The field may lie where the first section has replaced the headers: then it is not
 * there. Its page is added to `changed`, unless that is NULL.
 */
static ldr_status set_image_base(ldr_view *view, ldr__page_set *changed)
{
    bool is_64 = pe_is_64(&view->image);
    size_t width = is_64 ? WIDTH_64 : WIDTH_32;
    uint64_t base = (uintptr_t)view->base, now = 0;
    uint64_t at = view->image.optional.offset.value + (is_64 ? IMAGE_BASE_64 : IMAGE_BASE_32);
    ldr_status status = ldr__view_write_begin(view, at, width);
    if (status != LDR_OK)
        return status == LDR_INVALID_ARGUMENT ? LDR_OK : status;
    status = ldr__os_peek(view->base + at, &now, width);
    if (status == LDR_OK && now == view->image.optional.image_base) {
        status = ldr__os_poke(view->base + at, &base, width);
        if (changed != NULL)
            ldr__page_set_add(changed, at, width);
    }
    ldr_status closed = ldr__view_write_end(view, at, width);
    return status == LDR_OK ? closed : status;
}

static bool is_at_aslr_base(const ldr_view *view)
{
    return (uintptr_t)view->base == atomic_load(&view->section->aslr_base);
}

/* Relocates the view's own pages, and makes the copy for those to come, if that is possible. */
static ldr_status relocate_first(ldr_view *view, uint64_t delta, const ldr__relocated **ret_copy,
                                 pe_diag *ret_why)
{
    ldr__page_set changed;
    ldr_status status = ldr__page_set_create(view, &changed);
    if (status != LDR_OK)
        return status;
    status = ldr__relocate(view, delta, &changed, ret_why);
    if (status == LDR_OK)
        status = set_image_base(view, &changed);
    if (status == LDR_OK)
        *ret_copy = ldr__shared_pages_make(view, &changed);
    ldr__page_set_release(&changed);
    return status;
}

/* A view that somebody has written to keeps its pages, and gives none to others. */
static ldr_status relocate_touched(ldr_view *view, uint64_t delta, pe_diag *ret_why)
{
    ldr_status status = ldr__relocate(view, delta, NULL, ret_why);
    return status == LDR_OK ? set_image_base(view, NULL) : status;
}

static ldr_status relocate_at_aslr_base(ldr_view *view, uint64_t delta, pe_diag *ret_why)
{
    const ldr__relocated *copy = atomic_load(&view->section->relocated);
    bool is_untouched = false;
    ldr_status status = ldr__shared_pages_untouched(view, &is_untouched);
    if (status != LDR_OK)
        return status;
    if (!is_untouched)
        return relocate_touched(view, delta, ret_why);
    if (copy == NULL)
        status = relocate_first(view, delta, &copy, ret_why);
    return status == LDR_OK && copy != NULL ? ldr__shared_pages_show(view, copy) : status;
}

/* ---- The stage ---- */

static ldr_status move(ldr_view *view, pe_diag *ret_why)
{
    const pe_image *image = &view->image;
    uint64_t delta = (uint64_t)(uintptr_t)view->base - image->optional.image_base;
    if (delta == 0 || view->relocated)
        return LDR_OK;
    if (!pe_has_relocs(image))
        return (image->file.characteristics & PE_FILE_RELOCS_STRIPPED) != 0 ? LDR_NOT_RELOCATABLE
                                                                            : LDR_OK;
    bool is_done = false;
    ldr_status status =
        view->section->demand != NULL ? ldr__relocate_on_demand(view, &is_done) : LDR_OK;
    if (status == LDR_OK && !is_done)
        status = is_at_aslr_base(view) ? relocate_at_aslr_base(view, delta, ret_why)
                                       : ldr__relocate(view, delta, NULL, ret_why);
    view->relocated = status == LDR_OK;
    if (view->relocated && is_at_aslr_base(view))
        view->image.optional.image_base = (uintptr_t)view->base;
    return status;
}

static ldr_status convert(ldr_view *view, pe_diag *ret_why)
{
    ldr_status status = LDR_OK;
    if (view->machine != 0 && view->section->demand != NULL)
        status = ldr__demand_complete(view);
    if (view->machine != 0 && status == LDR_OK)
        status = ldr__arm64x_apply(view, view->machine, ret_why);
    if (status == LDR_OK)
        view->machine = 0;
    return status;
}

ldr_status ldr_view_relocate(ldr_view *view, ldr_diag *diag)
{
    pe_diag why;
    const char *name = ldr__view_name(view);
    if (view->section->is_data)
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_INVALID_PARAMETER, name);
    ldr_status status = convert(view, &why);
    if (status == LDR_OK)
        status = move(view, &why);
    if (status == LDR_BAD_RELOCATIONS || status == LDR_WRONG_MACHINE)
        return ldr__fail_why(diag, status, &why, name);
    if (status == LDR_NOT_RELOCATABLE)
        return ldr__fail(diag, status, PE_NT_CONFLICTING_ADDRESSES, name);
    if (status != LDR_OK)
        return ldr__fail(diag, status, ldr__nt_status_of(status), name);
    return LDR_OK;
}
