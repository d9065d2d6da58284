/*
 * image_view.c: an image's pages, mapped by the system in one call: a section object of SEC_IMAGE,
 * or a copy of the image, whose pages get their protections then.
 */
#include "os/native.h"
#include "section/diag.h"
#include "section/place.h"
#include "section/rights.h"
#include "section/view.h"
#include "section/windows/copy.h"

#include <string.h>

/* Bytes from the start of the optional header. */
enum { IMAGE_BASE_64 = 24, IMAGE_BASE_32 = 28, WIDTH_64 = 8, WIDTH_32 = 4 };

static ldr_status fail(const ldr_view *view, uint32_t nt_status, ldr_diag *diag)
{
    return ldr__fail(diag, ldr__native_status(nt_status), nt_status, view->section->name);
}

/* ---- Where ---- */

static uint32_t protect_of_view(const ldr_view *view)
{
    if (view->is_native_image)
        return LDR_PAGE_READONLY;
    return view->section->no_execute ? LDR_PAGE_WRITECOPY : LDR_PAGE_EXECUTE_WRITECOPY;
}

/* Not all systems say no where the base is taken. */
static uint32_t map_at(ldr_view *view, ldr__handle native, uint64_t base)
{
    uint64_t size = view->section->plan.size;
    if (!pe_range_ok(LDR__USER_END, base, size)) /* Wine says yes, and means nothing by it */
        return PE_NT_INVALID_PARAMETER_3;
    ldr__native_place place = {
        .base = base, .size = view->is_native_image ? 0 : size, .protect = protect_of_view(view)};
    uint32_t nt_status = ldr__native_map(native, &place);
    if (nt_status >= PE_NT_UNSUCCESSFUL)
        return nt_status;
    view->base = (uint8_t *)(uintptr_t)place.base;
    view->size = size;
    uint32_t wrong = place.size < size                 ? PE_NT_IN_PAGE_ERROR
                     : base != 0 && place.base != base ? PE_NT_CONFLICTING_ADDRESSES
                                                       : PE_NT_SUCCESS;
    if (wrong == PE_NT_SUCCESS)
        return nt_status;
    ldr__image_view_unmap(view);
    return wrong;
}

/* The first base of ASLR that can be had becomes the section's. */
static bool map_by_aslr(ldr_view *view, ldr__handle native)
{
    ldr_section *section = view->section;
    uint_fast64_t chosen = atomic_load(&section->aslr_base);
    if (chosen != 0)
        return map_at(view, native, chosen) < PE_NT_UNSUCCESSFUL;
    for (unsigned i = 0; i < LDR__ASLR_ATTEMPTS; i++) {
        uint64_t base = ldr__aslr_base(&section->image, &section->aslr, i);
        if (map_at(view, native, base) < PE_NT_UNSUCCESSFUL) {
            atomic_store(&section->aslr_base, base);
            return true;
        }
    }
    return false;
}

/* The system knows where images prefer to be, but not of copies. */
static uint32_t map_anywhere(ldr_view *view, ldr__handle native)
{
    const ldr_section *section = view->section;
    if (view->is_native_image)
        return map_at(view, native, 0);
    if (section->aslr.applies && map_by_aslr(view, native))
        return PE_NT_SUCCESS;
    uint64_t preferred = section->image.optional.image_base;
    if (preferred != 0 && map_at(view, native, preferred) < PE_NT_UNSUCCESSFUL)
        return PE_NT_SUCCESS;
    return map_at(view, native, 0);
}

/* ---- What ---- */

/* Pages of a copy that nobody is to touch stay reserved; the others come into use with the first
 * view. */
static uint32_t give_access(const ldr_view *view, const ldr__subsection *part)
{
    uint32_t protect = view->is_native_image ? part->protect : ldr__protect_copying(part->protect);
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

/* Where the header says its base, and how long that is. */
static pe_span find_image_base(const ldr_view *view)
{
    bool is_64 = pe_is_64(&view->image);
    uint64_t at = view->image.optional.offset.value + (is_64 ? IMAGE_BASE_64 : IMAGE_BASE_32);
    return (pe_span){view->base + at, is_64 ? WIDTH_64 : WIDTH_32};
}

/*
 * The system has judged the file a moment later than we have; since then nobody can have written to
 * it. What it shows has to be what was judged, but for the base: the kernel may have relocated the
 * image for all processes, and then that is the new one (rule B8).
 */
static bool is_as_judged(const ldr_view *view, uint64_t size, const uint8_t *now)
{
    const uint8_t *judged = view->section->headers;
    pe_span base = find_image_base(view);
    uint64_t at = (uint64_t)(base.data - view->base);
    uint64_t end = at + base.size;
    if (end > size)
        return memcmp(now, judged, size) == 0;
    return memcmp(now, judged, at) == 0 && memcmp(now + end, judged + end, size - end) == 0;
}

/* The first bytes of a view that come from the headers, whatever Windows the plan is for: XP showed
 * what is behind them in the file as well (rule B4). */
static uint64_t size_of_headers(const ldr_view *view)
{
    const ldr_section *section = view->section;
    const uint64_t sizes[] = {section->plan.subsections[0].content, section->image.headers.size,
                              ldr__plan_headers(&section->image)};
    uint64_t smallest = sizes[0];
    for (size_t i = 1; i < sizeof sizes / sizeof sizes[0]; i++)
        smallest = sizes[i] < smallest ? sizes[i] : smallest;
    return smallest;
}

/*
 * The base that the view's header says is the one that the kernel has relocated the pages for, for
 * all processes, wherever this view has come to be.
 */
static void take_base(ldr_view *view, uint64_t size, const uint8_t *now)
{
    pe_span field = find_image_base(view);
    uint64_t at = (uint64_t)(field.data - view->base), base = 0;
    if (at + field.size > size)
        return;
    memcpy(&base, now + at, field.size);
    view->image.optional.image_base = base;
    atomic_store(&view->section->aslr_base, base);
}

static ldr_status read_headers(ldr_view *view)
{
    uint64_t size = size_of_headers(view);
    uint8_t *now = ldr__os_alloc(size);
    if (now == NULL)
        return LDR_NO_MEMORY;
    ldr_status status = ldr__os_peek(view->base, now, size);
    if (status == LDR_OK && !is_as_judged(view, size, now))
        status = LDR_IO_ERROR;
    if (status == LDR_OK)
        take_base(view, size, now);
    ldr__os_free(now);
    return status;
}

/* ---- Both ---- */

/* Nothing stays mapped if it fails. */
static uint32_t map_copy(ldr_view *view, ldr__handle copy, uint64_t base)
{
    view->is_native_image = false;
    uint32_t nt_status = base != 0 ? map_at(view, copy, base) : map_anywhere(view, copy);
    if (nt_status >= PE_NT_UNSUCCESSFUL)
        return nt_status;
    nt_status = give_access_to_all(view);
    if (nt_status >= PE_NT_UNSUCCESSFUL)
        ldr__image_view_unmap(view);
    return nt_status;
}

static uint32_t map_image(ldr_view *view, uint64_t base)
{
    ldr__handle native = view->section->native;
    view->is_native_image = true;
    uint32_t nt_status = base != 0 ? map_at(view, native, base) : map_anywhere(view, native);
    if (nt_status >= PE_NT_UNSUCCESSFUL)
        return nt_status;
    view->image = pe_image_mapped(&view->section->image, (pe_span){view->base, view->size});
    ldr_status status = read_headers(view);
    /* Not all systems take the right to execute from the pages of an image. */
    if (status == LDR_OK && view->section->no_execute)
        status = ldr__native_status(give_access_to_all(view));
    if (status == LDR_OK)
        return nt_status;
    ldr__image_view_unmap(view);
    return ldr__nt_status_of(status);
}

static bool is_free(uint64_t base, uint64_t size)
{
    ldr__native_region region;
    const void *address = (const void *)(uintptr_t)base;
    return ldr__native_query(address, &region) < PE_NT_UNSUCCESSFUL && region.type == 0 &&
           region.size >= size;
}

/*
 * A system may map something else than the file (Wine: a DLL that it has itself, of the same name),
 * or not where it is asked to, although nothing is there (Wine as well). Then there is a copy.
 */
static uint32_t map(ldr_view *view, uint64_t base)
{
    ldr_section *section = view->section;
    ldr__handle copy = section->native;
    if (section->is_native_image) {
        uint32_t nt_status = map_image(view, base);
        bool is_lacking =
            nt_status == PE_NT_IN_PAGE_ERROR ||
            (nt_status == PE_NT_CONFLICTING_ADDRESSES && is_free(base, section->plan.size));
        if (!is_lacking || ldr__copy_of(section, &copy) != LDR_OK)
            return nt_status;
    }
    return map_copy(view, copy, base);
}

ldr_status ldr__image_view_map(ldr_view *view, uint64_t base, ldr_diag *diag)
{
    uint32_t nt_status = map(view, base);
    if (nt_status >= PE_NT_UNSUCCESSFUL)
        return fail(view, nt_status, diag);
    if (!view->is_native_image)
        view->image = pe_image_mapped(&view->section->image, (pe_span){view->base, view->size});
    return LDR_OK;
}

void ldr__image_view_unmap(ldr_view *view)
{
    ldr__native_unmap(view->base);
}
