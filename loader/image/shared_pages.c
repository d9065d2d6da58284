#include "image/shared_pages.h"

#define CHUNK 256

const ldr__relocated *ldr__shared_pages_find(const ldr_view *view)
{
    const ldr__relocated *copy = atomic_load(&view->section->relocated);
    while (copy != NULL && copy->base != (uintptr_t)view->base)
        copy = copy->next;
    return copy;
}

/* ---- Which pages are the view's own ---- */

/* The first run of them from `rva` on, in one subsection; empty at the end of the view. */
static ldr_status next_run(const ldr_view *view, uint64_t rva, struct ldr__page_run *ret_run)
{
    const ldr__plan *plan = ldr__view_plan(view);
    while (rva < plan->size) {
        ldr__page_state state;
        ldr_status status = ldr__view_page_state(view, rva, &state);
        if (status != LDR_OK)
            return status;
        *ret_run = (struct ldr__page_run){rva, state.end};
        if (state.is_own)
            return LDR_OK;
        rva = state.end;
    }
    *ret_run = (struct ldr__page_run){rva, rva};
    return LDR_OK;
}

ldr_status ldr__shared_pages_untouched(const ldr_view *view, bool *ret_untouched)
{
    struct ldr__page_run run;
    ldr_status status = next_run(view, 0, &run);
    if (status == LDR_OK)
        *ret_untouched = run.start == run.end;
    return status;
}

/* ---- Making the copy ---- */

/* At most `limit` runs; only counts them if `runs` is NULL. */
static ldr_status list_runs(const ldr_view *view, struct ldr__page_run *runs, uint32_t limit,
                            uint32_t *ret_count)
{
    uint32_t count = 0;
    struct ldr__page_run run = {0, 0};
    while (count < limit) {
        ldr_status status = next_run(view, run.end, &run);
        if (status != LDR_OK)
            return status;
        if (run.start == run.end)
            break;
        if (runs != NULL)
            runs[count] = run;
        count++;
    }
    *ret_count = count;
    return LDR_OK;
}

/* Pages without access are opened for it. */
static ldr_status keep_run(ldr_view *view, struct ldr__page_run run, ldr__handle segment)
{
    uint64_t size = run.end - run.start;
    ldr_status status = ldr__view_write_begin(view, run.start, size);
    if (status != LDR_OK)
        return status;
    status = ldr__os_segment_write(segment, run.start, view->base + run.start, size);
    ldr_status closed = ldr__view_write_end(view, run.start, size);
    return status == LDR_OK ? closed : status;
}

static ldr_status fill(ldr_view *view, ldr__relocated *copy)
{
    ldr_status status = ldr__os_segment_create(ldr__view_plan(view)->size, &copy->segment);
    for (uint32_t i = 0; i < copy->run_count && status == LDR_OK; i++)
        status = keep_run(view, copy->runs[i], copy->segment);
    return status == LDR_OK ? ldr__os_segment_seal(copy->segment) : status;
}

static void add_to_section(ldr_section *section, ldr__relocated *copy)
{
    copy->next = atomic_load(&section->relocated);
    while (!atomic_compare_exchange_weak(&section->relocated, &copy->next, copy))
        continue;
}

ldr_status ldr__shared_pages_make(ldr_view *view, const ldr__relocated **ret_copy)
{
    uint32_t count;
    ldr_status status = list_runs(view, NULL, UINT32_MAX, &count);
    if (status != LDR_OK)
        return status;
    ldr__relocated *copy = ldr__os_alloc(sizeof *copy + count * sizeof copy->runs[0]);
    if (copy == NULL)
        return LDR_NO_MEMORY;
    copy->base = (uintptr_t)view->base;
    copy->segment = LDR__NO_HANDLE;
    status = list_runs(view, copy->runs, count, &copy->run_count);
    if (status == LDR_OK)
        status = fill(view, copy);
    if (status != LDR_OK) {
        ldr__os_close(copy->segment);
        ldr__os_free(copy);
        return status;
    }
    add_to_section(view->section, copy);
    *ret_copy = copy;
    return LDR_OK;
}

/* ---- Showing it ---- */

ldr_status ldr__shared_pages_show(ldr_view *view, const ldr__relocated *copy)
{
    const ldr__plan *plan = ldr__view_plan(view);
    for (uint32_t i = 0; i < copy->run_count; i++) {
        struct ldr__page_run run = copy->runs[i];
        uint32_t protect = plan->subsections[ldr__plan_find(plan, run.start)].protect;
        ldr_status status =
            ldr__os_map_private(view->base + run.start, run.end - run.start, copy->segment,
                                run.start, ldr__protect_access(protect));
        if (status != LDR_OK)
            return status;
    }
    view->shared_pages = copy;
    return LDR_OK;
}
