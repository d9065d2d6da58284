#include "section/view.h"
#include "section/diag.h"
#include "section/options.h"

/* Windows hands out address space in units of this. */
#define GRANULARITY UINT64_C(0x10000)

/* The end of user space on x64 Windows, a little below that of Linux. */
#define USER_END UINT64_C(0x7FFFFFFF0000)

/* ---- Where ---- */

static ldr_status place_at(uint64_t base, uint64_t size, const char *name, void **ret_address,
                           ldr_diag *diag)
{
    if (base % GRANULARITY != 0)
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_MAPPED_ALIGNMENT, name);
    if (!pe_range_ok(USER_END, base, size))
        return ldr__fail(diag, LDR_INVALID_ARGUMENT, PE_NT_INVALID_PARAMETER_3, name);
    ldr_status status = ldr__os_reserve(base, size, GRANULARITY, ret_address);
    return status == LDR_OK ? LDR_OK : ldr__fail(diag, status, ldr__nt_status_of(status), name);
}

/* A preferred base that cannot be had, in the kernel's half or at 0, is no reason to fail. */
static ldr_status place_anywhere(uint64_t preferred, uint64_t size, const char *name,
                                 void **ret_address, ldr_diag *diag)
{
    if (preferred != 0 && preferred % GRANULARITY == 0 && pe_range_ok(USER_END, preferred, size) &&
        ldr__os_reserve(preferred, size, GRANULARITY, ret_address) == LDR_OK)
        return LDR_OK;
    ldr_status status = ldr__os_reserve(0, size, GRANULARITY, ret_address);
    return status == LDR_OK ? LDR_OK : ldr__fail(diag, status, ldr__nt_status_of(status), name);
}

/* The section's base is the first that could be had; views that cannot have it go elsewhere. */
static ldr_status place_by_aslr(ldr_section *section, uint64_t size, void **ret_address,
                                ldr_diag *diag)
{
    uint_fast64_t chosen = atomic_load(&section->aslr_base);
    for (unsigned i = 0; chosen == 0 && i < LDR__ASLR_ATTEMPTS; i++) {
        uint64_t base = ldr__aslr_base(&section->image, &section->aslr, i);
        if (!pe_range_ok(USER_END, base, size) ||
            ldr__os_reserve(base, size, GRANULARITY, ret_address) != LDR_OK)
            continue;
        atomic_compare_exchange_strong(&section->aslr_base, &chosen, base);
        return LDR_OK;
    }
    return place_anywhere(chosen, size, section->name, ret_address, diag);
}

static ldr_status place(ldr_section *section, uint64_t base, void **ret_address, ldr_diag *diag)
{
    uint64_t size = section->plan.size;
    if (base != 0)
        return place_at(base, size, section->name, ret_address, diag);
    if (section->aslr.applies)
        return place_by_aslr(section, size, ret_address, diag);
    return place_anywhere(section->image.optional.image_base, size, section->name, ret_address,
                          diag);
}

/* ---- What ---- */

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
        return ldr__os_map_private(address, size, section->segment, first->rva, access);
    case LDR_BACKING_SHARED:
        return ldr__os_map_shared(address, size, section->shared, first->rva, access);
    case LDR_BACKING_ZERO:
        /* The reservation already is memory of zeros without access. */
        return access == LDR__NO_ACCESS ? LDR_OK : ldr__os_map_zero(address, size, access);
    default:
        return LDR_OK;
    }
}

static ldr_status map_subsections(const ldr_view *view)
{
    const ldr__plan *plan = &view->section->plan;
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

static ldr_status map_view(ldr_view *view, uint64_t base, ldr_diag *diag)
{
    ldr_section *section = view->section;
    uint64_t size = section->plan.size;
    void *address = NULL;
    ldr_status status = place(section, base, &address, diag);
    if (status != LDR_OK)
        return status;
    view->base = address;
    status = map_subsections(view);
    if (status != LDR_OK) {
        ldr__os_unmap(address, size);
        return ldr__fail(diag, status, ldr__nt_status_of(status), section->name);
    }
    view->image = pe_image_mapped(&section->image, (pe_span){view->base, size});
    return LDR_OK;
}

ldr_status ldr_view_map(ldr_section *section, const ldr_view_options *options, ldr_view **ret_view,
                        ldr_diag *diag)
{
    ldr_view_options all;
    ldr__options_read(options, &all, sizeof all);
    ldr_view *view = ldr__os_alloc(sizeof *view);
    if (view == NULL)
        return ldr__fail(diag, LDR_NO_MEMORY, PE_NT_NO_MEMORY, section->name);
    view->section = section;
    view->machine = all.machine != section->image.file.machine ? all.machine : 0;
    ldr_status status = map_view(view, all.base, diag);
    if (status != LDR_OK) {
        ldr__os_free(view);
        return status;
    }
    atomic_fetch_add(&section->references, 1);
    *ret_view = view;
    return LDR_OK;
}

void ldr_view_unmap(ldr_view *view)
{
    if (view == NULL)
        return;
    ldr__os_unmap(view->base, view->section->plan.size);
    ldr_section_close(view->section);
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
    return is_at_base ? PE_NT_SUCCESS : PE_NT_IMAGE_NOT_AT_BASE;
}

size_t ldr_view_size(const ldr_view *view)
{
    return view->section->plan.size;
}

ldr_section *ldr_view_section(const ldr_view *view)
{
    return view->section;
}

const pe_image *ldr_view_image(const ldr_view *view)
{
    return &view->image;
}

/* ---- Opening pages for writing ---- */

/* The part of the range that starts at `rva` and has one access. */
typedef struct access_run {
    uint64_t end;
    int access;
    bool reserved; /* no page of it can be used */
} access_run;

static access_run run_at(const ldr__plan *plan, uint64_t rva, uint64_t end)
{
    uint32_t i = ldr__plan_find(plan, rva);
    const ldr__subsection *first = &plan->subsections[i];
    access_run run = {.access = ldr__protect_access(first->protect),
                      .reserved = first->backing == LDR_BACKING_NONE};
    do {
        run.end = plan->subsections[i].rva + plan->subsections[i].size;
        i++;
    } while (run.end < end && ldr__protect_access(plan->subsections[i].protect) == run.access &&
             (plan->subsections[i].backing == LDR_BACKING_NONE) == run.reserved);
    if (run.end > end)
        run.end = end;
    return run;
}

static ldr_status set_access(const ldr_view *view, uint64_t rva, uint64_t end, int access)
{
    return ldr__os_protect(view->base + rva, end - rva, access);
}

static ldr_status restore(const ldr_view *view, uint64_t start, uint64_t end)
{
    ldr_status result = LDR_OK;
    for (uint64_t rva = start; rva < end;) {
        access_run run = run_at(&view->section->plan, rva, end);
        ldr_status status = LDR_OK;
        if (!run.reserved && (run.access & LDR__WRITE) == 0)
            status = set_access(view, rva, run.end, run.access);
        if (status != LDR_OK)
            result = status;
        rva = run.end;
    }
    return result;
}

static ldr_status open_run(const ldr_view *view, uint64_t rva, const access_run *run)
{
    if (run->reserved)
        return LDR_INVALID_ARGUMENT;
    if ((run->access & LDR__WRITE) != 0)
        return LDR_OK;
    return set_access(view, rva, run->end, LDR__READ | LDR__WRITE);
}

ldr_status ldr__view_write_begin(ldr_view *view, uint64_t rva, uint64_t size)
{
    if (!pe_range_ok(view->section->plan.size, rva, size))
        return LDR_INVALID_ARGUMENT;
    uint64_t start = rva & ~(LDR__PAGE - 1);
    uint64_t end = (rva + size + LDR__PAGE - 1) & ~(LDR__PAGE - 1);
    for (uint64_t at = start; at < end;) {
        access_run run = run_at(&view->section->plan, at, end);
        ldr_status status = open_run(view, at, &run);
        if (status != LDR_OK) {
            restore(view, start, run.end);
            return status;
        }
        at = run.end;
    }
    return LDR_OK;
}

ldr_status ldr__view_write_end(ldr_view *view, uint64_t rva, uint64_t size)
{
    if (!pe_range_ok(view->section->plan.size, rva, size))
        return LDR_INVALID_ARGUMENT;
    return restore(view, rva & ~(LDR__PAGE - 1), (rva + size + LDR__PAGE - 1) & ~(LDR__PAGE - 1));
}
