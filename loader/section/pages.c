#include "section/pages.h"
#include "section/rights.h"
#include "section/view.h"

/* ---- The list of an image ---- */

/* How far the pages from `rva` on are alike; `subsection` is theirs. */
static ldr__run run_of(const ldr_view *view, const ldr__subsection *subsection, uint64_t rva)
{
    ldr__run run = {.end = subsection->rva + subsection->size,
                    .protect = subsection->protect,
                    .is_private = true};
    if (subsection->backing != LDR_BACKING_SHARED)
        return run;
    run.is_private = ldr__view_owns(view, rva);
    for (uint64_t page = rva; page < run.end; page += LDR__PAGE) {
        if (ldr__view_owns(view, page) != run.is_private)
            run.end = page;
    }
    return run;
}

static ldr_status append_subsection(const ldr_view *view, ldr__runs *runs,
                                    const ldr__subsection *subsection)
{
    uint64_t end = subsection->rva + subsection->size;
    ldr_status status = LDR_OK;
    for (uint64_t rva = subsection->rva; rva < end && status == LDR_OK;) {
        ldr__run run = run_of(view, subsection, rva);
        status = ldr__runs_reserve(runs, 1);
        if (status == LDR_OK)
            ldr__runs_append(runs, &run);
        rva = run.end;
    }
    return status;
}

ldr_status ldr__pages_list(ldr_view *view)
{
    const ldr__plan *plan = &view->section->plan;
    if (view->runs != NULL)
        return LDR_OK;
    ldr__runs *runs = ldr__os_alloc(sizeof *runs);
    ldr_status status = runs != NULL ? LDR_OK : LDR_NO_MEMORY;
    for (uint32_t i = 0; i < plan->count && status == LDR_OK; i++)
        status = append_subsection(view, runs, &plan->subsections[i]);
    if (status != LDR_OK) {
        ldr__runs_free(runs);
        return status;
    }
    view->runs = runs;
    return LDR_OK;
}

/* ---- Changing ---- */

static ldr__run changed(const ldr__run *run, uint32_t protect)
{
    return (ldr__run){.end = run->end,
                      .protect = run->is_private ? ldr__protect_copying(protect) : protect,
                      .is_private = run->is_private || ldr__protect_is_copy(protect)};
}

/* Nobody has written to pages that have just become private: they can become shared again. */
static ldr_status turn(const ldr_view *view, uint64_t start, const ldr__run *from,
                       const ldr__run *to)
{
    int access = ldr__protect_mapping(to->protect);
    if (from->is_private != to->is_private)
        return ldr__pages_map(view, start, to->end, to->is_private, access);
    return ldr__os_protect(view->base + start, to->end - start, access);
}

static bool is_left(const ldr__run *run, bool only_reserved)
{
    return only_reserved && run->protect != 0;
}

static void turn_back(const ldr_view *view, uint32_t first, uint32_t last, uint32_t protect,
                      bool only_reserved)
{
    for (uint32_t i = first; i < last; i++) {
        ldr__run to = changed(&view->runs->items[i], protect);
        if (!is_left(&view->runs->items[i], only_reserved))
            turn(view, ldr__run_start(view->runs, i), &to, &view->runs->items[i]);
    }
}

static ldr_status turn_all(const ldr_view *view, uint32_t first, uint32_t last, uint32_t protect,
                           bool only_reserved)
{
    for (uint32_t i = first; i < last; i++) {
        const ldr__run *from = &view->runs->items[i];
        ldr__run to = changed(from, protect);
        ldr_status status = is_left(from, only_reserved)
                                ? LDR_OK
                                : turn(view, ldr__run_start(view->runs, i), from, &to);
        if (status != LDR_OK) {
            turn_back(view, first, i, protect, only_reserved);
            return status;
        }
    }
    return LDR_OK;
}

ldr_status ldr__pages_change(const ldr_view *view, uint64_t start, uint64_t end, uint32_t protect,
                             bool only_reserved)
{
    ldr__runs *runs = view->runs;
    ldr_status status = ldr__runs_reserve(runs, 2);
    if (status != LDR_OK)
        return status;
    uint32_t first = ldr__runs_split(runs, start);
    uint32_t last = ldr__runs_split(runs, end);
    runs->changes++;
    status = turn_all(view, first, last, protect, only_reserved);
    for (uint32_t i = first; i < last && status == LDR_OK; i++) {
        if (!is_left(&runs->items[i], only_reserved))
            runs->items[i] = changed(&runs->items[i], protect);
    }
    ldr__runs_merge(runs);
    return status;
}

ldr_status ldr__pages_own(const ldr_view *view, uint64_t start, uint64_t end)
{
    ldr__runs *runs = view->runs;
    ldr_status status = runs != NULL ? ldr__runs_reserve(runs, 2) : LDR_OK;
    if (runs == NULL || status != LDR_OK)
        return status;
    uint32_t first = ldr__runs_split(runs, start);
    uint32_t last = ldr__runs_split(runs, end);
    for (uint32_t i = first; i < last; i++)
        runs->items[i].is_private = true;
    ldr__runs_merge(runs);
    return LDR_OK;
}

bool ldr__pages_of(const ldr_view *view, uint64_t offset, uint64_t size, ldr__page_range *ret_range)
{
    bool is_large = (view->section->data.attributes & LDR_SEC_LARGE_PAGES) != 0;
    uint64_t page = is_large ? LDR__LARGE_PAGE : LDR__PAGE;
    if (size == 0 || !pe_range_ok(view->size, offset, size))
        return false;
    *ret_range = (ldr__page_range){offset & ~(page - 1), (offset + size + page - 1) & ~(page - 1)};
    return true;
}
