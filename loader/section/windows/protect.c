/* protect.c: VirtualProtect on views, and MEM_COMMIT. */
#include "os/native.h"
#include "section/diag.h"
#include "section/pages.h"
#include "section/rights.h"
#include "section/view.h"

static ldr_status fail(const ldr_view *view, uint32_t nt_status, ldr_diag *diag)
{
    return ldr__fail(diag, ldr__native_status(nt_status), nt_status, view->section->name);
}

/* The system knows by itself which pages of an image are copied when they are written to; of other
 * views it may not. */
static uint32_t protect_of(const ldr_view *view, uint32_t protect)
{
    bool copies =
        view->section->is_data ? ldr__protect_is_copy(view->protect) : !view->is_native_image;
    return copies ? ldr__protect_copying(protect) : protect;
}

/* The system takes the right away when it maps such an image, but may give it back. */
static bool is_allowed(const ldr_view *view, uint32_t protect)
{
    const ldr_section *section = view->section;
    return section->is_data || !section->no_execute || !ldr__protect_executes(protect);
}

/* Not all systems tell of copies by the protection. */
static uint32_t current(const ldr_view *view, uint64_t offset, uint32_t told)
{
    bool is_own = false;
    uint64_t end = offset + LDR__PAGE;
    if (ldr__protect_is_copy(ldr__protect_base(told)))
        ldr__pages_measure(view, offset, end, false, &is_own, &end);
    return is_own ? ldr__protect_after_write(told) : told;
}

ldr_status ldr_view_protect(ldr_view *view, uint64_t offset, uint64_t size, uint32_t protect,
                            uint32_t *ret_old, ldr_diag *diag)
{
    ldr__page_range range;
    uint32_t told;
    if (!ldr__protect_is_valid(protect))
        return fail(view, PE_NT_INVALID_PAGE_PROTECTION, diag);
    if (!ldr__pages_of(view, offset, size, &range))
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_CONFLICTING_ADDRESSES,
                         view->section->name);
    if (!is_allowed(view, protect))
        return fail(view, PE_NT_SECTION_PROTECTION, diag);
    uint32_t nt_status = ldr__native_protect(view->base + range.start, range.end - range.start,
                                             protect_of(view, protect), &told);
    if (nt_status >= PE_NT_UNSUCCESSFUL)
        return fail(view, nt_status, diag);
    if (ret_old != NULL)
        *ret_old = current(view, range.start, told);
    return LDR_OK;
}

ldr_status ldr_view_commit(ldr_view *view, uint64_t offset, uint64_t size, uint32_t protect,
                           ldr_diag *diag)
{
    const ldr_section *section = view->section;
    ldr__page_range range;
    if (protect != 0 && !ldr__protect_is_valid(protect))
        return fail(view, PE_NT_INVALID_PAGE_PROTECTION, diag);
    if (!ldr__pages_of(view, offset, size, &range))
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_CONFLICTING_ADDRESSES,
                         view->section->name);
    if (!section->is_data || section->data.is_file)
        return fail(view, PE_NT_ALREADY_COMMITTED, diag);
    uint32_t nt_status = ldr__native_commit(view->base + range.start, range.end - range.start,
                                            protect != 0 ? protect : view->protect);
    return nt_status >= PE_NT_UNSUCCESSFUL ? fail(view, nt_status, diag) : LDR_OK;
}
