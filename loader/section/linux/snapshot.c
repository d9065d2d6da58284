/* snapshot.c: what the pages of an image's view hold at one moment, to come back to. */
#include "section/snapshot.h"
#include "section/pages.h"
#include "section/rights.h"
#include "section/view.h"

#include <string.h>

struct ldr__snapshot {
    const uint8_t *pages; /* by RVA; holds those that the view maps from it, the rest is zeros */
    uint64_t size;
    ldr__runs runs;    /* what pages may do */
    ldr__handle watch; /* of all writable pages, or LDR__NO_HANDLE: the system does not note it */
    uint64_t changes, openings; /* of the view, when they were looked at last */
};

/* Spans of pages that are asked for at once. */
#define SPANS 64

/* Copies between which there are less pages are mapped together: each mapping costs too. */
#define GAP (16 * LDR__PAGE)

void ldr__snapshot_release(ldr__snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    if (snapshot->pages != NULL)
        ldr__os_unmap((void *)(uintptr_t)snapshot->pages, snapshot->size);
    ldr__os_close(snapshot->watch);
    ldr__os_free(snapshot->runs.items);
    ldr__os_free(snapshot);
}

/* Pages that no other view shows once they are written to, and that are there at all. */
static bool is_kept(const ldr__run *run)
{
    return run->protect != 0 && run->is_private;
}

static bool is_writable(const ldr__run *run)
{
    return is_kept(run) && (ldr__protect_mapping(run->protect) & LDR__WRITE) != 0;
}

/* ---- Taking ---- */

/* A snapshot that is being taken: its segment, and a bit for each page that will be mapped from it.
 */
typedef struct draft {
    const ldr_view *view;
    ldr__handle segment, finder; /* LDR__NO_HANDLE: the system does not tell of pages */
    uint8_t *held;
} draft;

static void hold(draft *self, uint64_t start, uint64_t end)
{
    for (uint64_t page = start / LDR__PAGE; page < end / LDR__PAGE; page++)
        ldr__bit_set(self->held, page);
}

/* By a call of the system, because the file behind the pages may have been cut off. */
static ldr_status copy(draft *self, const ldr__run *run, uint64_t start, uint64_t end)
{
    uint8_t *address = self->view->base + start;
    int access = ldr__protect_mapping(run->protect);
    bool is_open = (access & LDR__READ) != 0;
    ldr_status status = is_open ? LDR_OK : ldr__os_protect(address, end - start, LDR__READ);
    if (status != LDR_OK)
        return status;
    status = ldr__os_segment_write(self->segment, start, address, end - start);
    if (!is_open && ldr__os_protect(address, end - start, access) != LDR_OK)
        status = LDR_OS_ERROR;
    if (status == LDR_OK)
        hold(self, start, end);
    return status;
}

/* `is_zero`: nothing is between copies, so that it need not be copied along. */
static ldr_status copy_found(draft *self, const ldr__run *run, const ldr__os_span *spans,
                             uint32_t count, bool is_zero)
{
    uint64_t base = (uintptr_t)self->view->base;
    ldr_status status = LDR_OK;
    for (uint32_t i = 0; i < count && status == LDR_OK;) {
        uint64_t start = spans[i].start, end = spans[i].end;
        for (i++; !is_zero && i < count && spans[i].start - end < GAP; i++)
            end = spans[i].end;
        status = copy(self, run, start - base, end - base);
    }
    return status;
}

static ldr_status copy_own(draft *self, const ldr__run *run, uint64_t start, uint64_t end,
                           bool is_zero)
{
    ldr__os_span spans[SPANS];
    uint64_t at = (uintptr_t)self->view->base + start, stop = (uintptr_t)self->view->base + end;
    ldr_status status = LDR_OK;
    if (self->finder.value < 0)
        return copy(self, run, start, end);
    while (at < stop && status == LDR_OK) {
        uint32_t count;
        status = ldr__os_copies_find(self->finder, &at, stop, spans, SPANS, &count);
        if (status == LDR_OK)
            status = copy_found(self, run, spans, count, is_zero);
    }
    return status;
}

static ldr_status copy_part(draft *self, const ldr__run *run, const ldr__subsection *subsection,
                            uint64_t start, uint64_t end)
{
    bool is_zero = subsection->backing == LDR_BACKING_ZERO;
    if (is_writable(run) && !is_zero)
        return copy(self, run, start, end);
    ldr_status status = copy_own(self, run, start, end, is_zero);
    if (is_writable(run))
        hold(self, start, end);
    return status;
}

static ldr_status copy_run(draft *self, const ldr__run *run, uint64_t start)
{
    const ldr__plan *plan = ldr__view_plan(self->view);
    ldr_status status = LDR_OK;
    for (uint64_t rva = start; rva < run->end && status == LDR_OK;) {
        const ldr__subsection *subsection = &plan->subsections[ldr__plan_find(plan, rva)];
        uint64_t end = subsection->rva + subsection->size;
        end = end < run->end ? end : run->end;
        status = copy_part(self, run, subsection, rva, end);
        rva = end;
    }
    return status;
}

static ldr_status copy_all(draft *self, const ldr__runs *runs)
{
    ldr_status status = LDR_OK;
    for (uint32_t i = 0; i < runs->count && status == LDR_OK; i++) {
        if (is_kept(&runs->items[i]))
            status = copy_run(self, &runs->items[i], ldr__run_start(runs, i));
    }
    return status;
}

/* ---- Mapping it in place of the pages ---- */

static ldr_status map_run(const draft *self, const ldr__run *run, uint64_t start)
{
    int access = ldr__protect_mapping(run->protect);
    for (uint64_t rva = start; rva < run->end;) {
        bool is_held = ldr__bit_is_set(self->held, rva / LDR__PAGE);
        uint64_t end = rva + LDR__PAGE;
        while (end < run->end && ldr__bit_is_set(self->held, end / LDR__PAGE) == is_held)
            end += LDR__PAGE;
        ldr_status status = is_held ? ldr__os_map_private(self->view->base + rva, end - rva,
                                                          self->segment, rva, access)
                                    : LDR_OK;
        if (status != LDR_OK)
            return status;
        rva = end;
    }
    return LDR_OK;
}

static ldr_status map_all(const draft *self, const ldr__runs *runs)
{
    ldr_status status = LDR_OK;
    for (uint32_t i = 0; i < runs->count && status == LDR_OK; i++)
        status = map_run(self, &runs->items[i], ldr__run_start(runs, i));
    return status;
}

static ldr_status map_reference(ldr__snapshot *snapshot, ldr__handle segment)
{
    void *pages;
    ldr_status status = ldr__os_reserve(0, snapshot->size, LDR__PAGE, &pages);
    if (status != LDR_OK)
        return status;
    snapshot->pages = pages;
    return ldr__os_map_private(pages, snapshot->size, segment, 0, LDR__READ);
}

/* Without it the pages that are copies are looked for, which takes longer, the more are present. */
static void watch_writable(const draft *self, ldr__snapshot *snapshot)
{
    const ldr__runs *runs = &snapshot->runs;
    if (self->finder.value < 0 || ldr__os_watch_create(&snapshot->watch) != LDR_OK)
        return;
    ldr_status status = LDR_OK;
    for (uint32_t i = 0; i < runs->count && status == LDR_OK; i++) {
        uint64_t start = ldr__run_start(runs, i);
        if (is_writable(&runs->items[i]))
            status = ldr__os_watch_add(snapshot->watch, self->finder, self->view->base + start,
                                       runs->items[i].end - start);
    }
    if (status == LDR_OK)
        return;
    ldr__os_close(snapshot->watch);
    snapshot->watch = LDR__NO_HANDLE;
}

static ldr_status copy_list(ldr__snapshot *snapshot, const ldr__runs *runs)
{
    ldr_status status = ldr__runs_reserve(&snapshot->runs, runs->count);
    if (status != LDR_OK)
        return status;
    memcpy(snapshot->runs.items, runs->items, runs->count * sizeof *runs->items);
    snapshot->runs.count = runs->count;
    return LDR_OK;
}

static ldr_status fill_in(ldr__snapshot *snapshot, draft *self)
{
    const ldr__runs *runs = self->view->runs;
    self->held = ldr__os_alloc(snapshot->size / LDR__PAGE / 8 + 1);
    ldr_status status = self->held != NULL ? copy_list(snapshot, runs) : LDR_NO_MEMORY;
    if (status == LDR_OK)
        status = ldr__os_segment_create(snapshot->size, &self->segment);
    if (status == LDR_OK && ldr__os_copies_open(&self->finder) != LDR_OK)
        self->finder = LDR__NO_HANDLE;
    if (status == LDR_OK)
        status = copy_all(self, runs);
    if (status == LDR_OK)
        status = ldr__os_segment_seal(self->segment);
    if (status == LDR_OK)
        status = map_reference(snapshot, self->segment);
    if (status == LDR_OK)
        status = map_all(self, runs);
    if (status == LDR_OK)
        watch_writable(self, snapshot);
    ldr__os_close(self->segment);
    ldr__os_close(self->finder);
    ldr__os_free(self->held);
    return status;
}

ldr_status ldr__snapshot_take(ldr_view *view)
{
    draft self = {.view = view, .segment = LDR__NO_HANDLE, .finder = LDR__NO_HANDLE};
    ldr__snapshot_release(view->snapshot);
    view->snapshot = NULL;
    ldr_status status = ldr__pages_list(view);
    if (status != LDR_OK)
        return status;
    ldr__snapshot *snapshot = ldr__os_alloc(sizeof *snapshot);
    if (snapshot == NULL)
        return LDR_NO_MEMORY;
    snapshot->size = view->size;
    snapshot->watch = LDR__NO_HANDLE;
    snapshot->changes = view->runs->changes;
    snapshot->openings = view->openings;
    status = fill_in(snapshot, &self);
    if (status != LDR_OK) {
        ldr__snapshot_release(snapshot);
        return status;
    }
    view->snapshot = snapshot;
    return LDR_OK;
}

/* ---- Coming back ---- */

/* Each part of the view's list that is not as it was. Memory that was SHARED may have become
 * private: that stays, and what is private copies when it is written to. */
static ldr_status restore_protections(const ldr_view *view)
{
    const ldr__runs *before = &view->snapshot->runs;
    ldr_status status = LDR_OK;
    for (uint64_t rva = 0; rva < view->size && status == LDR_OK;) {
        const ldr__run *was = &before->items[ldr__runs_find(before, rva)];
        const ldr__run *is = &view->runs->items[ldr__runs_find(view->runs, rva)];
        uint64_t end = was->end < is->end ? was->end : is->end;
        uint32_t protect = is->is_private ? ldr__protect_copying(was->protect) : was->protect;
        if (is->protect != protect)
            status = ldr__pages_change(view, rva, end, protect, false);
        rva = end;
    }
    return status;
}

/* Pages of one run that may have changed are looked for, and brought back. */
typedef struct search {
    const ldr_view *view;
    ldr__handle finder;
    bool is_writable;
    bool is_watched; /* those that were written to are known; else all copies are looked at */
} search;

static ldr_status find(const search *self, uint64_t *at, uint64_t end, ldr__os_span *ret_spans,
                       uint32_t *ret_count)
{
    return self->is_watched
               ? ldr__os_written_find(self->finder, at, end, ret_spans, SPANS, ret_count)
               : ldr__os_copies_find(self->finder, at, end, ret_spans, SPANS, ret_count);
}

/* Pages that have not changed need not be looked at the next time. */
static void leave(const search *self, uint64_t start, uint64_t end)
{
    uint8_t *address = self->view->base + start;
    if (start == end)
        return;
    if (self->is_watched)
        ldr__os_written_clear(self->finder, address, end - start);
    else
        ldr__os_drop(address, end - start);
}

/* That pages which have changed stay the view's own, and count as written to, is no harm. */
static void copy_back(const search *self, uint64_t start, uint64_t end)
{
    uint8_t *base = self->view->base;
    uint64_t same = start; /* pages from here on are as they were */
    for (uint64_t rva = start; rva < end; rva += LDR__PAGE) {
        const uint8_t *page = self->view->snapshot->pages + rva;
        if (memcmp(base + rva, page, LDR__PAGE) == 0)
            continue;
        memcpy(base + rva, page, LDR__PAGE);
        leave(self, same, rva);
        same = rva + LDR__PAGE;
    }
    leave(self, same, end);
}

static ldr_status restore_span(const search *self, uint64_t start, uint64_t end)
{
    if (!self->is_writable)
        return ldr__os_drop(self->view->base + start, end - start);
    copy_back(self, start, end);
    return LDR_OK;
}

static ldr_status restore_run(const search *self, uint64_t start, uint64_t end)
{
    ldr__os_span spans[SPANS];
    uint64_t base = (uintptr_t)self->view->base;
    uint64_t at = base + start;
    ldr_status status = LDR_OK;
    while (at < base + end && status == LDR_OK) {
        uint32_t count;
        status = find(self, &at, base + end, spans, &count);
        for (uint32_t i = 0; status == LDR_OK && i < count; i++)
            status = restore_span(self, spans[i].start - base, spans[i].end - base);
    }
    /* Where the system does not tell, all become again what they are copies of. */
    return status == LDR_OK ? LDR_OK : ldr__os_drop(self->view->base + start, end - start);
}

/* `is_opened`: pages that were not writable may have changed as well. */
static ldr_status restore_pages(const ldr_view *view, bool is_opened)
{
    const ldr__snapshot *snapshot = view->snapshot;
    search self = {.view = view};
    ldr_status status = LDR_OK;
    if (ldr__os_copies_open(&self.finder) != LDR_OK)
        self.finder = LDR__NO_HANDLE;
    for (uint32_t i = 0; i < snapshot->runs.count && status == LDR_OK; i++) {
        const ldr__run *run = &snapshot->runs.items[i];
        self.is_writable = is_writable(run);
        self.is_watched = self.is_writable && snapshot->watch.value >= 0;
        if (self.is_writable || (is_opened && run->protect != 0))
            status = restore_run(&self, ldr__run_start(&snapshot->runs, i), run->end);
    }
    ldr__os_close(self.finder);
    return status;
}

ldr_status ldr__snapshot_restore(ldr_view *view)
{
    ldr__snapshot *snapshot = view->snapshot;
    if (snapshot == NULL)
        return LDR_INVALID_ARGUMENT;
    bool is_changed = view->runs->changes != snapshot->changes;
    bool is_opened = is_changed || view->openings != snapshot->openings;
    ldr_status status = is_changed ? restore_protections(view) : LDR_OK;
    if (status == LDR_OK)
        status = restore_pages(view, is_opened);
    if (status != LDR_OK)
        return status;
    snapshot->changes = view->runs->changes;
    snapshot->openings = view->openings;
    return LDR_OK;
}
