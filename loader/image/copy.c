#include "image/copy.h"

#include <string.h>

/* A range of RVAs, whole pages. */
typedef struct page_range {
    uint64_t start, end;
} page_range;

static page_range pages_of(const ldr__plan *plan, uint64_t rva, uint64_t size)
{
    uint64_t end = (rva + size + LDR__PAGE - 1) & ~(LDR__PAGE - 1);
    return (page_range){rva & ~(LDR__PAGE - 1), end < plan->size ? end : plan->size};
}

static page_range overlap(const ldr__subsection *s, page_range range)
{
    uint64_t end = s->rva + s->size;
    return (page_range){s->rva > range.start ? s->rva : range.start,
                        end < range.end ? end : range.end};
}

/* The index behind the last subsection of the range. */
static uint32_t end_of(const ldr__plan *plan, page_range range)
{
    return ldr__plan_find(plan, range.end - 1) + 1;
}

static bool can_change(const ldr__plan *plan, page_range range)
{
    for (uint32_t i = ldr__plan_find(plan, range.start); i < end_of(plan, range); i++) {
        ldr_backing backing = plan->subsections[i].backing;
        if (backing == LDR_BACKING_FILE || backing == LDR_BACKING_SHARED)
            return true;
    }
    return false;
}

/* Zeros, and what nobody can read in the view, are there already. */
static ldr_status copy_part(const ldr_view *view, const ldr__subsection *s, page_range range,
                            uint8_t *bytes)
{
    page_range part = overlap(s, range);
    uint64_t stored = s->rva + s->content;
    if (stored < part.end)
        part.end = stored;
    if (part.start >= part.end || ldr__protect_access(s->protect) == LDR__NO_ACCESS)
        return LDR_OK;
    return ldr__os_peek(view->base + part.start, bytes + (part.start - range.start),
                        part.end - part.start);
}

static ldr_status copy_parts(const ldr_view *view, page_range range, uint8_t *bytes)
{
    const ldr__plan *plan = ldr__view_plan(view);
    uint32_t end = end_of(plan, range);
    ldr_status status = LDR_OK;
    for (uint32_t i = ldr__plan_find(plan, range.start); i < end && status == LDR_OK; i++)
        status = copy_part(view, &plan->subsections[i], range, bytes);
    return status;
}

/* An image is read at base + RVA: this base lies before the copy, which begins in its middle. */
static pe_span span_of(const uint8_t *bytes, page_range range)
{
    return (pe_span){(const uint8_t *)((uintptr_t)bytes - range.start), range.end};
}

ldr_status ldr__copy_range(const ldr_view *view, uint64_t rva, uint64_t size, ldr__copy *ret_copy)
{
    const ldr__plan *plan = ldr__view_plan(view);
    page_range range = pages_of(plan, rva, size);
    ldr__copy copy = {.image = view->image};
    if (range.start < range.end && can_change(plan, range)) {
        copy.bytes = ldr__os_alloc(range.end - range.start);
        if (copy.bytes == NULL)
            return LDR_NO_MEMORY;
        ldr_status status = copy_parts(view, range, copy.bytes);
        if (status != LDR_OK) {
            ldr__copy_release(&copy);
            return status;
        }
        copy.image = pe_image_mapped(&view->image, span_of(copy.bytes, range));
        copy.start = range.start;
        copy.end = range.end;
    }
    *ret_copy = copy;
    return LDR_OK;
}

uint64_t ldr__copy_cost(const ldr_view *view, uint64_t rva, uint64_t size)
{
    uint64_t cost = 0;
    const ldr__plan *plan = ldr__view_plan(view);
    page_range range = pages_of(plan, rva, size);
    if (range.start >= range.end || !can_change(plan, range))
        return 0;
    for (uint32_t i = ldr__plan_find(plan, range.start); i < end_of(plan, range); i++) {
        page_range part = overlap(&plan->subsections[i], range);
        cost += plan->subsections[i].content > 0 ? part.end - part.start : 0;
    }
    return cost;
}

void ldr__copy_update(ldr__copy *copy, uint64_t rva, const uint8_t *bytes, uint64_t size)
{
    uint64_t start = rva > copy->start ? rva : copy->start;
    uint64_t end = rva + size < copy->end ? rva + size : copy->end;
    if (start < end)
        memcpy(copy->bytes + (start - copy->start), bytes + (start - rva), end - start);
}

void ldr__copy_release(ldr__copy *copy)
{
    ldr__os_free(copy->bytes);
}
