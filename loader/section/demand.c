#include "section/demand.h"
#include "section/bits.h"
#include "section/share.h"
#include "section/view.h"

#include <string.h>

/*
 * Bytes of a segment from which it pays. Of generated images that are touched up to one half it
 * does from 256 KiB on (tests/bench/demand); real DLLs, with the imports bound and DllMain run,
 * break even between 300 and 550 KB, and are loaded 1.4 times faster at 700 KB and 4 times at 6 MB.
 */
#define WORTH_IT (UINT64_C(512) << 10)

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- Granules ---- */

static uint8_t *alloc_bits(const ldr_section *section)
{
    return ldr__os_alloc(section->plan.size / LDR__GRANULE / 8 + 1);
}

/* ---- Runs of pages ---- */

/* Whether the view shows its copy at `rva`, and up to where at the most that is so. */
static bool shows_copy(const ldr_view *view, uint64_t rva, uint64_t *end)
{
    return ldr__relocated_holds(view->demand_copy != NULL ? view->demand_copy->pages : NULL, rva,
                                end);
}

/* ---- Filling ---- */

/* Copies have pages that come from the file itself, too. */
static ldr_status read_pages(ldr__demand *demand, bool of_copy, uint64_t start, uint64_t end)
{
    const ldr_section *section = demand->section;
    ldr__source source = {.file = section->file, .size = section->file_size};
    ldr__headers headers = {section->headers, demand->header_size};
    return ldr__source_pages(&source, &headers, &section->plan, of_copy, start, end,
                             demand->buffer);
}

/* Writes [from, to) of the pages in the buffer, which start at RVA `start`. */
static ldr_status write_part(const ldr__demand *demand, ldr__handle segment, uint64_t start,
                             uint64_t from, uint64_t to)
{
    return from < to ? ldr__os_pager_fill(demand->pager, segment, from,
                                          demand->buffer + (from - start), to - from)
                     : LDR_OK;
}

static ldr_status write_segment(const ldr__demand *demand, uint64_t start, uint64_t end)
{
    const ldr__plan *plan = &demand->section->plan;
    ldr_status status = LDR_OK;
    for (uint32_t i = ldr__plan_find(plan, start); i < plan->count && status == LDR_OK; i++) {
        const ldr__subsection *s = &plan->subsections[i];
        if (s->rva >= end)
            break;
        if (s->backing == LDR_BACKING_SEGMENT)
            status = write_part(demand, demand->section->segment, start, larger(s->rva, start),
                                smaller(s->rva + s->size, end));
    }
    return status;
}

static ldr_status write_copy(const ldr__demand *demand, const ldr__relocated *pages, uint64_t start,
                             uint64_t end)
{
    ldr_status status = LDR_OK;
    for (uint32_t i = ldr__relocated_find(pages, start); i < pages->run_count && status == LDR_OK;
         i++) {
        struct ldr__page_run run = pages->runs[i];
        if (run.start >= end)
            break;
        status = write_part(demand, pages->segment, start, larger(run.start, start),
                            smaller(run.end, end));
    }
    return status;
}

/* One granule and those that fixups join to it: the numbers of the first and behind the last. */
static void find_joined(const ldr__demand *demand, uint64_t *first, uint64_t *end)
{
    const ldr__demand_fixups *fixups = &demand->fixups;
    while (*first > 0 && fixups->joins(fixups->self, *first - 1))
        (*first)--;
    while (fixups->joins(fixups->self, *end - 1))
        (*end)++;
}

/* Rule B8. The field is in the first granule as a whole, or in none. */
static void set_base_field(ldr__demand *demand, const ldr__demand_copy *copy, uint64_t start,
                           uint64_t end)
{
    if (pe_range_ok(end, copy->field, copy->field_size) && copy->field >= start)
        memcpy(demand->buffer + (copy->field - start), &copy->base, copy->field_size);
}

/* Fills the granules from `first` to before `end`, and those that fixups join to them. */
static ldr_status fill_granules(ldr__demand *demand, ldr__demand_copy *copy, uint64_t first,
                                uint64_t last)
{
    const ldr_section *section = demand->section;
    uint8_t *filled = copy != NULL ? copy->filled : demand->filled;
    if (copy != NULL)
        find_joined(demand, &first, &last);
    uint64_t start = first * LDR__GRANULE;
    uint64_t end = smaller(last * LDR__GRANULE, section->plan.size);
    ldr_status status = read_pages(demand, copy != NULL, start, end);
    if (status == LDR_OK && copy != NULL) {
        uint64_t delta = copy->base - section->image.optional.image_base;
        demand->fixups.apply(demand->fixups.self, start, end, delta, demand->buffer);
        set_base_field(demand, copy, start, end);
        status = write_copy(demand, copy->pages, start, end);
    } else if (status == LDR_OK) {
        status = write_segment(demand, start, end);
    }
    for (; first < last && status == LDR_OK; first++)
        ldr__bit_set(filled, first);
    return status;
}

/* Up to where pages are like that at `rva`: what comes behind it nobody may ask for. */
static uint64_t end_of_kind(const ldr__demand *demand, const ldr__demand_copy *copy, uint64_t rva)
{
    const ldr__plan *plan = &demand->section->plan;
    const ldr__subsection *s = &plan->subsections[ldr__plan_find(plan, rva)];
    return copy != NULL ? copy->pages->runs[ldr__relocated_find(copy->pages, rva)].end
                        : s->rva + s->size;
}

/* The granule behind those to be filled from `first` on: more and more of them, as long as each is
 * behind the last. */
static uint64_t look_ahead(ldr__demand *demand, const ldr__demand_copy *copy, uint64_t rva)
{
    const uint8_t *filled = copy != NULL ? copy->filled : demand->filled;
    uint64_t first = rva / LDR__GRANULE, last = first + 1;
    uint64_t end = (end_of_kind(demand, copy, rva) - 1) / LDR__GRANULE + 1;
    demand->ahead = demand->ahead > 0 && first == demand->next
                        ? smaller(2 * demand->ahead, LDR__GRANULES_AHEAD)
                        : 1;
    while (last < end && last < first + demand->ahead && !ldr__bit_is_set(filled, last))
        last++;
    demand->next = last;
    return last;
}

/* Fills at least the granule of `rva` in the segment of `copy`, or for NULL in the section's. */
static ldr_status fill_granule(ldr__demand *demand, ldr__demand_copy *copy, uint64_t rva)
{
    const uint8_t *filled = copy != NULL ? copy->filled : demand->filled;
    uint64_t first = rva / LDR__GRANULE;
    if (ldr__bit_is_set(filled, first))
        return LDR_OK;
    uint64_t last = look_ahead(demand, copy, rva);
    ldr_status status = fill_granules(demand, copy, first, last);
    /* What was not asked for is no reason to fail. */
    return status != LDR_OK && last > first + 1 ? fill_granules(demand, copy, first, first + 1)
                                                : status;
}

/* ---- Faults ---- */

/*
 * Pages that cannot be filled become those of a file that has been cut off: whoever touches one
 * gets the same signal, a system call the same error. There is nothing behind the end of a segment,
 * to which all access can be given: not what the plan says, because the page may be open for
 * writing. Where the system refuses that too, the page is tried again.
 */
static void lose(const ldr_view *view, uint64_t rva, uint64_t size)
{
    const ldr_section *section = view->section;
    uint8_t *address = view->base + rva;
    int access = LDR__READ | LDR__WRITE;
    if (ldr__os_map_private(address, size, section->segment, section->plan.size,
                            access | LDR__EXECUTE) != LDR_OK)
        ldr__os_map_private(address, size, section->segment, section->plan.size, access);
}

static const ldr_view *view_at(const ldr__demand *demand, const uint8_t *address)
{
    const ldr_view *view = demand->views;
    while (view != NULL && (uintptr_t)address - (uintptr_t)view->base >= demand->section->plan.size)
        view = view->demand_next;
    return view;
}

static void fill_at(void *self, void *address)
{
    ldr__demand *demand = self;
    const ldr_view *view = view_at(demand, address);
    uint64_t end = UINT64_MAX;
    if (view == NULL)
        return; /* unmapped meanwhile */
    uint64_t rva = (uint64_t)((const uint8_t *)address - view->base);
    bool is_copy = shows_copy(view, rva, &end);
    if (fill_granule(demand, is_copy ? view->demand_copy : NULL, rva) != LDR_OK)
        lose(view, rva, LDR__PAGE);
}

/* Fills the pages of a subsection in one view, up to the first that cannot be filled: its RVA and
 * the end of its granule. Pages of the file are there. */
static ldr_status complete_part(const ldr_view *view, const ldr__subsection *s, uint64_t *rva,
                                uint64_t *ret_end)
{
    ldr__demand *demand = view->section->demand;
    while (*rva < s->rva + s->size) {
        uint64_t end = smaller(s->rva + s->size, (*rva / LDR__GRANULE + 1) * LDR__GRANULE);
        bool is_copy = shows_copy(view, *rva, &end);
        *ret_end = end;
        ldr_status status = LDR_OK;
        if (is_copy || s->backing == LDR_BACKING_SEGMENT)
            status = fill_granule(demand, is_copy ? view->demand_copy : NULL, *rva);
        if (status != LDR_OK)
            return status;
        *rva = end;
    }
    return LDR_OK;
}

/* Pages that cannot be filled are lost; the status is that of the first. */
static ldr_status complete(const ldr_view *view, bool lose_others)
{
    const ldr__plan *plan = &view->section->plan;
    ldr_status result = LDR_OK;
    for (uint32_t i = 0; i < plan->count; i++) {
        const ldr__subsection *s = &plan->subsections[i];
        uint64_t rva = s->rva, end = 0;
        if (s->backing != LDR_BACKING_SEGMENT && s->backing != LDR_BACKING_FILE)
            continue;
        for (; rva < s->rva + s->size; rva = end) {
            ldr_status status = complete_part(view, s, &rva, &end);
            if (status == LDR_OK)
                break;
            if (result == LDR_OK)
                result = status;
            if (!lose_others)
                return result;
            lose(view, rva, end - rva);
        }
    }
    return result;
}

static void settle(void *self)
{
    const ldr__demand *demand = self;
    for (const ldr_view *view = demand->views; view != NULL; view = view->demand_next) {
        complete(view, true);
        ldr__os_pager_wake(demand->pager, view->base, view->size);
    }
}

ldr_status ldr__demand_complete(ldr_view *view)
{
    ldr__demand *demand = view->section->demand;
    ldr__os_pager_lock(demand->pager);
    ldr_status status = complete(view, false);
    ldr__os_pager_unlock(demand->pager);
    return status;
}

/* ---- Views ---- */

/*
 * Pages nobody has access to yet are watched, and only then opened. With access from the start the
 * kernel would fill them with zeros at once where the process has locked its memory (mlockall).
 */
static ldr_status map_watched(ldr_view *view, ldr__handle segment, uint64_t rva, uint64_t size)
{
    uint8_t *address = view->base + rva;
    ldr_status status = ldr__os_map_private(address, size, segment, rva, LDR__NO_ACCESS);
    return status == LDR_OK ? ldr__os_pager_watch(view->section->demand->pager, address, size)
                            : status;
}

/* From subsection `first` on: those of the segment without a hole between them. */
static uint32_t end_of_segment_run(const ldr__plan *plan, uint32_t first)
{
    uint32_t end = first;
    while (end < plan->count && plan->subsections[end].backing == LDR_BACKING_SEGMENT)
        end++;
    return end;
}

static uint64_t end_rva(const ldr__plan *plan, uint32_t end)
{
    const ldr__subsection *last = &plan->subsections[end - 1];
    return last->rva + last->size;
}

static ldr_status map_run(ldr_view *view, uint32_t first, uint32_t end)
{
    const ldr__plan *plan = &view->section->plan;
    uint64_t rva = plan->subsections[first].rva, size = end_rva(plan, end) - rva;
    ldr_status status = map_watched(view, view->section->segment, rva, size);
    return status == LDR_OK ? ldr__view_give_access(view, rva, size) : status;
}

static ldr_status map_all(ldr_view *view)
{
    const ldr__plan *plan = &view->section->plan;
    ldr_status status = LDR_OK;
    for (uint32_t i = 0; i < plan->count && status == LDR_OK; i++) {
        uint32_t end = end_of_segment_run(plan, i);
        if (i == end)
            continue;
        status = map_run(view, i, end);
        i = end;
    }
    return status;
}

static void join(ldr_view *view)
{
    ldr__demand *demand = view->section->demand;
    view->demand_next = demand->views;
    demand->views = view;
    view->is_watched = true;
}

static void leave(ldr_view *view)
{
    ldr_view **link = &view->section->demand->views;
    while (*link != view)
        link = &(*link)->demand_next;
    *link = view->demand_next;
    if (view->demand_copy != NULL)
        view->demand_copy->views--;
}

/* A view of pages that are all filled needs no watch. */
static ldr_status map_filled(ldr_view *view)
{
    const ldr__plan *plan = &view->section->plan;
    ldr_status status = ldr__demand_complete(view);
    for (uint32_t i = 0; i < plan->count && status == LDR_OK; i++) {
        const ldr__subsection *s = &plan->subsections[i];
        if (s->backing == LDR_BACKING_SEGMENT)
            status = ldr__os_map_private(view->base + s->rva, s->size, view->section->segment,
                                         s->rva, ldr__protect_access(s->protect));
    }
    return status;
}

static ldr_status map_on_demand(ldr_view *view)
{
    ldr__demand *demand = view->section->demand;
    ldr_status status = ldr__os_pager_begin(demand->pager);
    if (status != LDR_OK)
        return status;
    ldr__os_pager_lock(demand->pager);
    status = map_all(view);
    if (status == LDR_OK)
        join(view);
    ldr__os_pager_unlock(demand->pager);
    if (status != LDR_OK)
        ldr__os_pager_end(demand->pager);
    return status;
}

ldr_status ldr__demand_map(ldr_view *view)
{
    const ldr__demand *demand = view->section->demand;
    ldr_status status = map_on_demand(view);
    if (status == LDR_OK || demand->is_wanted)
        return status;
    atomic_store(&view->section->fill, LDR_FILL_EAGER);
    return map_filled(view);
}

void ldr__demand_unmap(ldr_view *view)
{
    ldr__demand *demand = view->section->demand;
    uint64_t size = view->section->plan.size;
    ldr__os_pager_lock(demand->pager);
    if (view->is_watched)
        leave(view);
    ldr__os_unmap(view->base, size);
    ldr__os_pager_wake(demand->pager, view->base, size);
    ldr__os_pager_unlock(demand->pager);
    if (view->is_watched)
        ldr__os_pager_end(demand->pager);
}

/* ---- Copies for other bases ---- */

ldr__demand_copy *ldr__demand_copy_find(ldr__demand *demand, uint64_t base)
{
    ldr__demand_copy *copy = demand->copies;
    while (copy != NULL && copy->base != base)
        copy = copy->next;
    return copy;
}

static void release_copy(ldr__demand_copy *copy)
{
    ldr__relocated_release(copy->pages);
    ldr__os_free(copy->filled);
    ldr__os_free(copy);
}

/* What no view shows is kept for the next one, until one for another base is made. That of ASLR
 * stays. */
static void drop_unused(ldr__demand *demand)
{
    ldr__demand_copy **link = &demand->copies;
    while (*link != NULL) {
        ldr__demand_copy *copy = *link;
        if (copy->views > 0 || copy->base == atomic_load(&demand->section->aslr_base)) {
            link = &copy->next;
        } else {
            *link = copy->next;
            release_copy(copy);
        }
    }
}

ldr_status ldr__demand_copy_add(ldr__demand *demand, uint64_t base, ldr__relocated *pages,
                                ldr__demand_copy **ret_copy)
{
    ldr__demand_copy *copy = ldr__os_alloc(sizeof *copy);
    if (copy == NULL) {
        ldr__relocated_release(pages);
        return LDR_NO_MEMORY;
    }
    *copy = (ldr__demand_copy){.base = base, .pages = pages, .filled = alloc_bits(demand->section)};
    ldr_status status = copy->filled != NULL ? ldr__os_segment_create(demand->section->plan.size,
                                                                      &copy->pages->segment)
                                             : LDR_NO_MEMORY;
    if (status != LDR_OK) {
        release_copy(copy);
        return status;
    }
    drop_unused(demand);
    copy->next = demand->copies;
    demand->copies = copy;
    *ret_copy = copy;
    return LDR_OK;
}

/* Pages that cannot be watched are filled now. */
static ldr_status show_run(ldr_view *view, ldr__demand_copy *copy, struct ldr__page_run run)
{
    ldr__demand *demand = view->section->demand;
    uint64_t size = run.end - run.start;
    ldr_status status = map_watched(view, copy->pages->segment, run.start, size);
    if (status != LDR_OK && !demand->is_wanted) {
        status = LDR_OK;
        for (uint64_t rva = run.start; rva < run.end && status == LDR_OK;
             rva = (rva / LDR__GRANULE + 1) * LDR__GRANULE)
            status = fill_granule(demand, copy, rva);
        if (status == LDR_OK)
            status = ldr__os_map_private(view->base + run.start, size, copy->pages->segment,
                                         run.start, LDR__NO_ACCESS);
    }
    return status == LDR_OK ? ldr__view_give_access(view, run.start, size) : status;
}

ldr_status ldr__demand_copy_show(ldr_view *view, ldr__demand_copy *copy)
{
    view->demand_copy = copy;
    view->shared_pages = copy->pages;
    copy->views++;
    ldr_status status = LDR_OK;
    for (uint32_t i = 0; i < copy->pages->run_count && status == LDR_OK; i++)
        status = show_run(view, copy, copy->pages->runs[i]);
    return status;
}

/* ---- Sections ---- */

static uint64_t segment_bytes(const ldr__plan *plan)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < plan->count; i++) {
        if (plan->subsections[i].backing == LDR_BACKING_SEGMENT)
            bytes += plan->subsections[i].size;
    }
    return bytes;
}

/* A buffer is not kept, and a snapshot is not to follow the file: both have no stamp. */
static bool is_possible(const ldr_section *section, const ldr__source *source)
{
    return source->bytes == NULL && source->stamp != NULL &&
           ldr__plan_uses(&section->plan, LDR_BACKING_SEGMENT) &&
           !ldr__plan_uses(&section->plan, LDR_BACKING_SHARED);
}

static bool is_called_for(const ldr_section *section, ldr_fill fill)
{
    return fill == LDR_FILL_ON_DEMAND ||
           (fill == LDR_FILL_AUTO && segment_bytes(&section->plan) >= WORTH_IT);
}

/* The headers are at hand already, and are always looked at. */
static ldr_status write_headers(ldr__demand *demand, const ldr__headers *headers)
{
    const ldr__subsection *s = &demand->section->plan.subsections[0];
    uint64_t size = smaller(s->size, LDR__GRANULE);
    if (s->backing != LDR_BACKING_SEGMENT || s->content > smaller(headers->size, size))
        return LDR_OK;
    memcpy(demand->buffer, headers->bytes, s->content);
    memset(demand->buffer + s->content, 0, size - s->content);
    ldr__os_pager_lock(demand->pager);
    ldr_status status = write_part(demand, demand->section->segment, 0, 0, size);
    ldr__os_pager_unlock(demand->pager);
    return status;
}

static ldr_status make(ldr_section *section, ldr__demand *demand, const ldr__headers *headers)
{
    ldr__pager_owner owner = {demand, fill_at, settle};
    demand->section = section;
    demand->header_size = headers->size;
    demand->buffer = ldr__os_resize(NULL, LDR__GRANULES_AT_ONCE * LDR__GRANULE); /* not cleared */
    demand->filled = alloc_bits(section);
    return demand->buffer != NULL && demand->filled != NULL
               ? ldr__os_pager_create(&owner, &demand->pager)
               : LDR_NO_MEMORY;
}

/* The section is as before. */
static void give_up(ldr_section *section, ldr__demand *demand)
{
    ldr__demand_release(demand);
    ldr__os_close(section->segment);
    section->segment = LDR__NO_HANDLE;
    section->segment_sharing = LDR_SHARING_NONE;
}

ldr_status ldr__demand_make(ldr_section *section, const ldr__source *source,
                            const ldr__headers *headers, const ldr__plan_rules *rules,
                            ldr_fill fill)
{
    if (!is_possible(section, source) || !is_called_for(section, fill))
        return LDR_OK;
    ldr__demand *demand = ldr__os_alloc(sizeof *demand);
    ldr_status status = demand != NULL ? make(section, demand, headers) : LDR_NO_MEMORY;
    if (status == LDR_OK)
        status = ldr__share_unfilled(section, source, headers, rules);
    if (status == LDR_OK)
        status = write_headers(demand, headers);
    if (status != LDR_OK) {
        give_up(section, demand);
        return fill == LDR_FILL_ON_DEMAND ? status : LDR_OK;
    }
    demand->is_wanted = fill == LDR_FILL_ON_DEMAND;
    section->demand = demand;
    atomic_store(&section->fill, LDR_FILL_ON_DEMAND);
    return LDR_OK;
}

void ldr__demand_release(ldr__demand *demand)
{
    if (demand == NULL)
        return;
    ldr__os_pager_destroy(demand->pager);
    while (demand->copies != NULL) {
        ldr__demand_copy *copy = demand->copies;
        demand->copies = copy->next;
        release_copy(copy);
    }
    if (demand->fixups.self != NULL)
        demand->fixups.release(demand->fixups.self);
    ldr__os_free(demand->buffer);
    ldr__os_free(demand->filled);
    ldr__os_free(demand);
}
