/* view.c: a section at an address. */
#include "section/view.h"
#include "section/data.h"
#include "section/diag.h"
#include "section/options.h"
#include "section/rights.h"
#include "section/snapshot.h"

/* What of the options is for data has no effect on an image, but for the right to the section. */
static ldr_status judge(const ldr_section *section, const ldr_view_options *options, ldr_diag *diag)
{
    uint32_t protect = options->protect != 0 ? options->protect : LDR_PAGE_READONLY;
    if (!ldr__protect_is_valid(protect))
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_INVALID_PAGE_PROTECTION, section->name);
    if ((ldr__protect_section_access(protect) & ~section->access) != 0)
        return ldr__fail(diag, LDR_ACCESS_DENIED, PE_NT_ACCESS_DENIED, section->name);
    if (options->offset != 0 || options->length > section->plan.size)
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_INVALID_VIEW_SIZE, section->name);
    return LDR_OK;
}

static ldr_status map_image(ldr_section *section, const ldr_view_options *options,
                            ldr_view **ret_view, ldr_diag *diag)
{
    ldr_status status = judge(section, options, diag);
    if (status != LDR_OK)
        return status;
    ldr_view *view = ldr__os_alloc(sizeof *view);
    if (view == NULL)
        return ldr__fail(diag, LDR_NO_MEMORY, PE_NT_NO_MEMORY, section->name);
    view->section = section;
    view->machine = options->machine != section->image.file.machine ? options->machine : 0;
    status = ldr__image_view_map(view, options->base, diag);
    if (status != LDR_OK) {
        ldr__os_free(view);
        return status;
    }
    *ret_view = view;
    return LDR_OK;
}

ldr_status ldr_view_map(ldr_section *section, const ldr_view_options *options, ldr_view **ret_view,
                        ldr_diag *diag)
{
    ldr_view_options all;
    ldr__options_read(options, &all, sizeof all);
    ldr_status status = section->is_data ? ldr__data_view_map(section, &all, ret_view, diag)
                                         : map_image(section, &all, ret_view, diag);
    if (status != LDR_OK)
        return status;
    atomic_fetch_add(&section->references, 1);
    atomic_fetch_add(&section->views, 1);
    return LDR_OK;
}

void ldr_view_unmap(ldr_view *view)
{
    if (view == NULL)
        return;
    if (view->section->is_data)
        ldr__data_view_unmap(view);
    else
        ldr__image_view_unmap(view);
    atomic_fetch_sub(&view->section->views, 1);
    ldr__section_release(view->section);
    ldr__runs_free(view->runs);
    ldr__os_free(view->own);
    ldr__snapshot_release(view->snapshot);
    ldr__os_free(view);
}

void *ldr_view_base(const ldr_view *view)
{
    return view->base;
}

uint32_t ldr_view_nt_status(const ldr_view *view)
{
    uint64_t base = (uintptr_t)view->base;
    bool is_at_base = base == view->section->image.optional.image_base ||
                      base == atomic_load(&view->section->aslr_base);
    return is_at_base || view->section->is_data ? PE_NT_SUCCESS : PE_NT_IMAGE_NOT_AT_BASE;
}

size_t ldr_view_size(const ldr_view *view)
{
    return view->size;
}

ldr_section *ldr_view_section(const ldr_view *view)
{
    return view->section;
}

const pe_image *ldr_view_image(const ldr_view *view)
{
    return view->section->is_data ? NULL : &view->image;
}
