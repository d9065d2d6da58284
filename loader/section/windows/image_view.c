/*
 * image_view.c: an image's pages, mapped by the system in one call: a section object of SEC_IMAGE,
 * or a copy of the image, whose pages get their protections then.
 */
#include "os/native.h"
#include "section/diag.h"
#include "section/rights.h"
#include "section/view.h"

/* Bytes from the start of the optional header. */
enum { IMAGE_BASE_64 = 24, IMAGE_BASE_32 = 28, WIDTH_64 = 8, WIDTH_32 = 4 };

static ldr_status fail(const ldr_view *view, uint32_t nt_status, ldr_diag *diag)
{
    return ldr__fail(diag, ldr__native_status(nt_status), nt_status, view->section->name);
}

/* ---- Where ---- */

/* Not all systems say no where the base is taken. */
static uint32_t map_at(ldr_view *view, uint64_t base)
{
    ldr_section *section = view->section;
    ldr__native_place place = {.base = base,
                               .size = section->is_native_image ? 0 : section->plan.size,
                               .protect = section->is_native_image ? LDR_PAGE_READONLY
                                          : section->no_execute    ? LDR_PAGE_WRITECOPY
                                                                   : LDR_PAGE_EXECUTE_WRITECOPY};
    uint32_t nt_status = ldr__native_map(section->native, &place);
    if (nt_status >= PE_NT_UNSUCCESSFUL)
        return nt_status;
    view->base = (uint8_t *)(uintptr_t)place.base;
    view->size = section->plan.size;
    uint32_t wrong = place.size < view->size           ? PE_NT_INVALID_IMAGE_FORMAT
                     : base != 0 && place.base != base ? PE_NT_CONFLICTING_ADDRESSES
                                                       : PE_NT_SUCCESS;
    if (wrong == PE_NT_SUCCESS)
        return nt_status;
    ldr__image_view_unmap(view);
    return wrong;
}

/* The first base of ASLR that can be had becomes the section's. */
static bool map_by_aslr(ldr_view *view)
{
    ldr_section *section = view->section;
    uint_fast64_t chosen = atomic_load(&section->aslr_base);
    if (chosen != 0)
        return map_at(view, chosen) < PE_NT_UNSUCCESSFUL;
    for (unsigned i = 0; i < LDR__ASLR_ATTEMPTS; i++) {
        uint64_t base = ldr__aslr_base(&section->image, &section->aslr, i);
        if (map_at(view, base) < PE_NT_UNSUCCESSFUL) {
            atomic_store(&section->aslr_base, base);
            return true;
        }
    }
    return false;
}

/* The system knows where images prefer to be, but not of copies. */
static uint32_t map_anywhere(ldr_view *view)
{
    const ldr_section *section = view->section;
    if (section->is_native_image)
        return map_at(view, 0);
    if (section->aslr.applies && map_by_aslr(view))
        return PE_NT_SUCCESS;
    uint64_t preferred = section->image.optional.image_base;
    if (preferred != 0 && map_at(view, preferred) < PE_NT_UNSUCCESSFUL)
        return PE_NT_SUCCESS;
    return map_at(view, 0);
}

/* ---- What ---- */

/* Pages of a copy that nobody is to touch stay reserved; the others come into use with the first
 * view. */
static uint32_t give_access(const ldr_view *view, const ldr__subsection *part)
{
    uint32_t protect = ldr__protect_copying(part->protect);
    uint32_t old;
    return part->backing == LDR_BACKING_NONE
               ? PE_NT_SUCCESS
               : ldr__native_protect(view->base + part->rva, part->size, protect, &old);
}

static uint32_t give_access_to_all(const ldr_view *view)
{
    const ldr__plan *plan = &view->section->plan;
    uint32_t nt_status = PE_NT_SUCCESS;
    for (uint32_t i = 0; i < plan->count && nt_status < PE_NT_UNSUCCESSFUL; i++)
        nt_status = give_access(view, &plan->subsections[i]);
    return nt_status;
}

/*
 * The base that the view's own header says. The kernel may have relocated the image for the whole
 * system, and then it says that one (rule B8): nothing is left to do there.
 */
static void read_base(ldr_view *view)
{
    bool is_64 = pe_is_64(&view->image);
    size_t width = is_64 ? WIDTH_64 : WIDTH_32;
    uint64_t at = view->image.optional.offset.value + (is_64 ? IMAGE_BASE_64 : IMAGE_BASE_32);
    uint64_t base = 0;
    if (!pe_range_ok(view->size, at, width) ||
        ldr__os_peek(view->base + at, &base, width) != LDR_OK || base != (uintptr_t)view->base)
        return;
    view->image.optional.image_base = base;
    atomic_store(&view->section->aslr_base, base);
}

ldr_status ldr__image_view_map(ldr_view *view, uint64_t base, ldr_diag *diag)
{
    const ldr_section *section = view->section;
    uint32_t nt_status = base != 0 ? map_at(view, base) : map_anywhere(view);
    if (nt_status >= PE_NT_UNSUCCESSFUL)
        return fail(view, nt_status, diag);
    if (!section->is_native_image)
        nt_status = give_access_to_all(view);
    if (nt_status >= PE_NT_UNSUCCESSFUL) {
        ldr__image_view_unmap(view);
        return fail(view, nt_status, diag);
    }
    view->image = pe_image_mapped(&section->image, (pe_span){view->base, view->size});
    if (section->is_native_image)
        read_base(view);
    return LDR_OK;
}

void ldr__image_view_unmap(ldr_view *view)
{
    ldr__native_unmap(view->base);
}
