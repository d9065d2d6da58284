#include "image/shared_pages.h"

/* ---- Sets of pages ---- */

ldr_status ldr__page_set_create(const ldr_view *view, ldr__page_set *ret_set)
{
    uint8_t *bits = ldr__os_alloc(ldr__view_plan(view)->size / LDR__PAGE / 8 + 1);
    if (bits == NULL)
        return LDR_NO_MEMORY;
    ret_set->bits = bits;
    return LDR_OK;
}

void ldr__page_set_release(ldr__page_set *set)
{
    ldr__os_free(set->bits);
}

static bool has_page(const ldr__page_set *set, uint64_t rva)
{
    return ldr__bit_is_set(set->bits, rva / LDR__PAGE);
}

/* ---- Which pages can be shared ---- */

static bool is_stored(const ldr__subsection *subsection)
{
    return subsection->backing == LDR_BACKING_FILE || subsection->backing == LDR_BACKING_SEGMENT ||
           subsection->backing == LDR_BACKING_SHARED;
}

ldr_status ldr__shared_pages_untouched(const ldr_view *view, bool *ret_untouched)
{
    const ldr__plan *plan = ldr__view_plan(view);
    bool is_touched = false;
    for (uint32_t i = 0; i < plan->count && !is_touched; i++) {
        const ldr__subsection *first = &plan->subsections[i];
        if (!is_stored(first))
            continue;
        while (i + 1 < plan->count && is_stored(&plan->subsections[i + 1]))
            i++;
        const ldr__subsection *last = &plan->subsections[i];
        ldr_status status = ldr__os_any_private(view->base + first->rva,
                                                last->rva + last->size - first->rva, &is_touched);
        if (status != LDR_OK)
            return status;
    }
    *ret_untouched = !is_touched;
    return LDR_OK;
}

/* The first run of changed pages from `rva` on, in one subsection; empty at the end of the view. */
static struct ldr__page_run next_run(const ldr_view *view, const ldr__page_set *changed,
                                     uint64_t rva)
{
    const ldr__plan *plan = ldr__view_plan(view);
    while (rva < plan->size) {
        const ldr__subsection *s = &plan->subsections[ldr__plan_find(plan, rva)];
        uint64_t end = s->rva + s->size;
        while (rva < end && !has_page(changed, rva))
            rva += LDR__PAGE;
        uint64_t start = rva;
        while (rva < end && has_page(changed, rva))
            rva += LDR__PAGE;
        if (start < rva)
            return (struct ldr__page_run){start, rva};
    }
    return (struct ldr__page_run){rva, rva};
}

/* Of zero fill nobody can tell whether a later view has written to it. */
static bool can_share(const ldr_view *view, struct ldr__page_run run)
{
    const ldr__plan *plan = ldr__view_plan(view);
    return is_stored(&plan->subsections[ldr__plan_find(plan, run.start)]);
}

/* ---- Making the copy ---- */

/* How many runs there are; 0 if one of them cannot be shared. */
static uint32_t count_runs(const ldr_view *view, const ldr__page_set *changed)
{
    uint32_t count = 0;
    struct ldr__page_run run = next_run(view, changed, 0);
    for (; run.start < run.end; run = next_run(view, changed, run.end)) {
        if (!can_share(view, run))
            return 0;
        count++;
    }
    return count;
}

/* The system makes the copies: pages of the file may be gone (patch.h). Pages without access are
 * opened for it. */
static ldr_status keep_run(ldr_view *view, struct ldr__page_run run, ldr__handle segment)
{
    uint8_t bytes[LDR__PAGE];
    uint64_t size = run.end - run.start;
    ldr_status status = ldr__view_write_begin(view, run.start, size);
    if (status != LDR_OK)
        return status;
    for (uint64_t at = run.start; at < run.end && status == LDR_OK; at += LDR__PAGE) {
        status = ldr__os_peek(view->base + at, bytes, sizeof bytes);
        if (status == LDR_OK)
            status = ldr__os_segment_write(segment, at, bytes, sizeof bytes);
    }
    ldr_status closed = ldr__view_write_end(view, run.start, size);
    return status == LDR_OK ? closed : status;
}

static ldr_status fill(ldr_view *view, const ldr__page_set *changed, ldr__relocated *copy)
{
    ldr_status status = ldr__os_segment_create(ldr__view_plan(view)->size, &copy->segment);
    struct ldr__page_run run = {0, 0};
    for (uint32_t i = 0; i < copy->run_count && status == LDR_OK; i++) {
        run = next_run(view, changed, run.end);
        copy->runs[i] = run;
        status = keep_run(view, run, copy->segment);
    }
    return status == LDR_OK ? ldr__os_segment_seal(copy->segment) : status;
}

/* Another thread may have been quicker: there is one copy. */
static const ldr__relocated *publish(ldr_section *section, ldr__relocated *copy)
{
    ldr__relocated *first = NULL;
    if (atomic_compare_exchange_strong(&section->relocated, &first, copy))
        return copy;
    ldr__relocated_release(copy);
    return first;
}

const ldr__relocated *ldr__shared_pages_make(ldr_view *view, const ldr__page_set *changed)
{
    uint32_t count = count_runs(view, changed);
    if (count == 0)
        return NULL;
    ldr__relocated *copy = ldr__os_alloc(sizeof *copy + count * sizeof copy->runs[0]);
    if (copy == NULL)
        return NULL;
    copy->segment = LDR__NO_HANDLE;
    copy->run_count = count;
    if (fill(view, changed, copy) == LDR_OK)
        return publish(view->section, copy);
    ldr__relocated_release(copy);
    return NULL;
}

/* ---- Showing it ---- */

/* `access` is that of the plan. */
static ldr_status show_run(const ldr_view *view, ldr__handle segment, struct ldr__page_run run,
                           int access)
{
    uint64_t size = run.end - run.start;
    bool is_changed = view->runs != NULL;
    ldr_status status = ldr__os_map_private(view->base + run.start, size, segment, run.start,
                                            is_changed ? LDR__NO_ACCESS : access);
    return status == LDR_OK && is_changed ? ldr__view_give_access(view, run.start, size) : status;
}

ldr_status ldr__shared_pages_show(ldr_view *view, const ldr__relocated *copy)
{
    const ldr__plan *plan = ldr__view_plan(view);
    for (uint32_t i = 0; i < copy->run_count; i++) {
        struct ldr__page_run run = copy->runs[i];
        const ldr__subsection *s = &plan->subsections[ldr__plan_find(plan, run.start)];
        ldr_status status = show_run(view, copy->segment, run, ldr__protect_access(s->protect));
        if (status == LDR_OK && s->backing == LDR_BACKING_SHARED)
            status = ldr__view_own(view, run.start, run.end - run.start);
        if (status != LDR_OK)
            return status;
    }
    view->shared_pages = copy;
    return LDR_OK;
}
