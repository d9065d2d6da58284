/* write.c: opening pages of a view for writing. */
#include "section/pages.h"
#include "section/rights.h"
#include "section/view.h"

/* The part of the range that starts at `rva` and has one access. */
typedef struct access_run {
    uint64_t end;
    int access;
    bool reserved; /* no page of it can be used */
} access_run;

/* By what ldr_view_protect has made of the pages. */
static access_run run_of_list(const ldr__runs *runs, uint64_t rva, uint64_t end)
{
    const ldr__run *run = &runs->items[ldr__runs_find(runs, rva)];
    return (access_run){.end = run->end < end ? run->end : end,
                        .access = ldr__protect_mapping(run->protect),
                        .reserved = run->protect == 0};
}

static access_run run_of_plan(const ldr__plan *plan, uint64_t rva, uint64_t end)
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

static access_run run_at(const ldr_view *view, uint64_t rva, uint64_t end)
{
    return view->runs != NULL ? run_of_list(view->runs, rva, end)
                              : run_of_plan(&view->section->plan, rva, end);
}

static ldr_status set_access(const ldr_view *view, uint64_t rva, uint64_t end, int access)
{
    return ldr__os_protect(view->base + rva, end - rva, access);
}

static ldr_status restore(const ldr_view *view, uint64_t start, uint64_t end)
{
    ldr_status result = LDR_OK;
    for (uint64_t rva = start; rva < end;) {
        access_run run = run_at(view, rva, end);
        ldr_status status = LDR_OK;
        if (!run.reserved && (run.access & LDR__WRITE) == 0)
            status = set_access(view, rva, run.end, run.access);
        if (status != LDR_OK)
            result = status;
        rva = run.end;
    }
    return result;
}

ldr_status ldr__view_give_access(const ldr_view *view, uint64_t rva, uint64_t size)
{
    uint64_t end = rva + size;
    ldr_status status = LDR_OK;
    while (rva < end && status == LDR_OK) {
        access_run run = run_at(view, rva, end);
        if (run.access != LDR__NO_ACCESS)
            status = set_access(view, rva, run.end, run.access);
        rva = run.end;
    }
    return status;
}

/* ---- Pages that are SHARED ---- */

ldr_status ldr__view_own(ldr_view *view, uint64_t rva, uint64_t size)
{
    if (view->own == NULL)
        view->own = ldr__os_alloc(view->section->plan.size / LDR__PAGE / 8 + 1);
    if (view->own == NULL || ldr__pages_own(view, rva, rva + size) != LDR_OK)
        return LDR_NO_MEMORY;
    for (uint64_t page = rva / LDR__PAGE; page < (rva + size) / LDR__PAGE; page++)
        ldr__bit_set(view->own, page);
    return LDR_OK;
}

/* Because ldr_view_protect has made it so. */
static bool is_private(const ldr_view *view, uint64_t rva)
{
    const ldr__runs *runs = view->runs;
    return runs != NULL && runs->items[ldr__runs_find(runs, rva)].is_private;
}

/* A page that has been opened for writing. */
static ldr_status own_page(ldr_view *view, uint64_t rva)
{
    if (ldr__view_owns(view, rva) || is_private(view, rva))
        return LDR_OK;
    int access = run_at(view, rva, rva + LDR__PAGE).access;
    if ((access & LDR__WRITE) == 0)
        access = LDR__READ | LDR__WRITE;
    ldr_status status =
        ldr__os_map_private(view->base + rva, LDR__PAGE, view->section->segment, rva, access);
    return status == LDR_OK ? ldr__view_own(view, rva, LDR__PAGE) : status;
}

/* Where the system maps what is SHARED, the loader writes to it for all, as on Windows. */
static ldr_status own_pages(ldr_view *view, uint64_t start, uint64_t end)
{
    const ldr__plan *plan = &view->section->plan;
    ldr_status status = LDR_OK;
    if (view->section->native.value >= 0)
        return LDR_OK;
    for (uint64_t rva = start; rva < end && status == LDR_OK;) {
        const ldr__subsection *subsection = &plan->subsections[ldr__plan_find(plan, rva)];
        uint64_t next = subsection->rva + subsection->size;
        if (subsection->backing == LDR_BACKING_SHARED) {
            status = own_page(view, rva);
            next = rva + LDR__PAGE;
        }
        rva = next;
    }
    return status;
}

/* ---- All pages ---- */

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
    view->openings++;
    for (uint64_t at = start; at < end;) {
        access_run run = run_at(view, at, end);
        ldr_status status = open_run(view, at, &run);
        if (status != LDR_OK) {
            restore(view, start, run.end);
            return status;
        }
        at = run.end;
    }
    ldr_status status = own_pages(view, start, end);
    if (status != LDR_OK)
        restore(view, start, end);
    return status;
}

ldr_status ldr__view_write_end(ldr_view *view, uint64_t rva, uint64_t size)
{
    if (!pe_range_ok(view->section->plan.size, rva, size))
        return LDR_INVALID_ARGUMENT;
    return restore(view, rva & ~(LDR__PAGE - 1), (rva + size + LDR__PAGE - 1) & ~(LDR__PAGE - 1));
}
