#include "section/pages.h"
#include "section/rights.h"

/* ---- The list of an image ---- */

static ldr__run run_of(const ldr__subsection *subsection)
{
    return (ldr__run){.end = subsection->rva + subsection->size,
                      .protect = subsection->protect,
                      .is_private = subsection->backing != LDR_BACKING_SHARED};
}

ldr_status ldr__pages_list(ldr_view *view)
{
    const ldr__plan *plan = &view->section->plan;
    if (view->runs != NULL)
        return LDR_OK;
    ldr__runs *runs = ldr__os_alloc(sizeof *runs);
    if (runs == NULL)
        return LDR_NO_MEMORY;
    ldr_status status = ldr__runs_reserve(runs, plan->count);
    if (status != LDR_OK) {
        ldr__runs_free(runs);
        return status;
    }
    for (uint32_t i = 0; i < plan->count; i++) {
        ldr__run run = run_of(&plan->subsections[i]);
        ldr__runs_append(runs, &run);
    }
    view->runs = runs;
    return LDR_OK;
}

/* ---- Changing ---- */

static ldr_status map_as(const ldr_view *view, uint64_t start, uint64_t end, bool is_private,
                         int access)
{
    const ldr_section *section = view->section;
    ldr__handle source = section->is_data ? section->data.backing : section->shared;
    uint64_t offset = (section->is_data ? view->offset : 0) + start;
    return is_private ? ldr__os_map_private(view->base + start, end - start, source, offset, access)
                      : ldr__os_map_shared(view->base + start, end - start, source, offset, access);
}

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
        return map_as(view, start, to->end, to->is_private, access);
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
    status = turn_all(view, first, last, protect, only_reserved);
    for (uint32_t i = first; i < last && status == LDR_OK; i++) {
        if (!is_left(&runs->items[i], only_reserved))
            runs->items[i] = changed(&runs->items[i], protect);
    }
    ldr__runs_merge(runs);
    return status;
}

bool ldr__pages_of(const ldr_view *view, uint64_t offset, uint64_t size, ldr__page_range *ret_range)
{
    if (size == 0 || !pe_range_ok(view->size, offset, size))
        return false;
    *ret_range = (ldr__page_range){offset & ~(LDR__PAGE - 1),
                                   (offset + size + LDR__PAGE - 1) & ~(LDR__PAGE - 1)};
    return true;
}
