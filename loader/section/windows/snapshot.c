/*
 * snapshot.c: what the pages of an image's view hold at one moment, to come back to: a copy of all
 * of them but those that are SHARED, and what each may do. The system tells which pages are the
 * view's own by now; those are compared with the copy.
 */
#include "section/snapshot.h"
#include "os/native.h"
#include "section/pages.h"
#include "section/rights.h"
#include "section/view.h"

#include <string.h>

typedef struct part {
    uint64_t rva, size;
    uint32_t protect; /* LDR_PAGE_*, as the system is told it */
} part;

struct ldr__snapshot {
    part *parts;
    size_t count, capacity;
    uint8_t *bytes; /* by RVA */
};

void ldr__snapshot_release(ldr__snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    ldr__os_free(snapshot->parts);
    ldr__os_free(snapshot->bytes);
    ldr__os_free(snapshot);
}

/* ---- Parts ---- */

static bool is_kept(const ldr_region *region)
{
    return region->committed && region->backing != LDR_BACKING_SHARED;
}

static ldr_status append(ldr__snapshot *snapshot, const ldr_region *region)
{
    if (snapshot->count == snapshot->capacity) {
        size_t capacity = snapshot->capacity != 0 ? 2 * snapshot->capacity : 16;
        part *grown = ldr__os_resize(snapshot->parts, capacity * sizeof *grown);
        if (grown == NULL)
            return LDR_NO_MEMORY;
        snapshot->parts = grown;
        snapshot->capacity = capacity;
    }
    snapshot->parts[snapshot->count++] =
        (part){region->rva, region->size, ldr__protect_copying(region->protect)};
    return LDR_OK;
}

static ldr_status list_parts(const ldr_view *view, ldr__snapshot *snapshot)
{
    ldr_region region;
    ldr_status status = LDR_OK;
    for (uint64_t rva = 0; rva < view->size && status == LDR_OK; rva = region.rva + region.size) {
        status = ldr_view_query(view, rva, &region);
        if (status == LDR_OK && is_kept(&region))
            status = append(snapshot, &region);
    }
    return status;
}

/* ---- Pages ---- */

static ldr_status set_protect(const ldr_view *view, const part *pages, uint32_t protect)
{
    uint32_t old;
    return ldr__native_status(
        ldr__native_protect(view->base + pages->rva, pages->size, protect, &old));
}

static ldr_status save(const ldr_view *view, const part *pages, uint8_t *bytes)
{
    bool is_open = (ldr__protect_mapping(pages->protect) & LDR__READ) != 0;
    ldr_status status = is_open ? LDR_OK : set_protect(view, pages, LDR_PAGE_READONLY);
    if (status == LDR_OK)
        status = ldr__os_peek(view->base + pages->rva, bytes + pages->rva, pages->size);
    if (!is_open && set_protect(view, pages, pages->protect) != LDR_OK)
        status = LDR_OS_ERROR;
    return status;
}

ldr_status ldr__snapshot_take(ldr_view *view)
{
    ldr__snapshot *snapshot = ldr__os_alloc(sizeof *snapshot);
    if (snapshot == NULL)
        return LDR_NO_MEMORY;
    snapshot->bytes = ldr__os_alloc(view->size);
    ldr_status status = snapshot->bytes != NULL ? list_parts(view, snapshot) : LDR_NO_MEMORY;
    for (size_t i = 0; i < snapshot->count && status == LDR_OK; i++)
        status = save(view, &snapshot->parts[i], snapshot->bytes);
    if (status != LDR_OK) {
        ldr__snapshot_release(snapshot);
        return status;
    }
    ldr__snapshot_release(view->snapshot);
    view->snapshot = snapshot;
    return LDR_OK;
}

/* ---- Coming back ---- */

static void restore_page(uint8_t *page, const uint8_t *bytes)
{
    if (memcmp(page, bytes, LDR__PAGE) != 0)
        memcpy(page, bytes, LDR__PAGE);
}

static ldr_status restore_own(const ldr_view *view, const part *pages, const uint8_t *bytes)
{
    uint64_t end = pages->rva + pages->size, next;
    for (uint64_t rva = pages->rva; rva < end; rva = next) {
        bool is_own;
        ldr_status status = ldr__pages_measure(view, rva, end, false, &is_own, &next);
        if (status != LDR_OK)
            return status;
        for (uint64_t at = rva; is_own && at < next; at += LDR__PAGE)
            restore_page(view->base + at, bytes + at);
    }
    return LDR_OK;
}

static ldr_status restore(const ldr_view *view, const part *pages, const uint8_t *bytes)
{
    ldr_status status = set_protect(view, pages, LDR_PAGE_WRITECOPY);
    if (status != LDR_OK)
        return status;
    status = restore_own(view, pages, bytes);
    ldr_status closed = set_protect(view, pages, pages->protect);
    return status == LDR_OK ? closed : status;
}

ldr_status ldr__snapshot_restore(ldr_view *view)
{
    const ldr__snapshot *snapshot = view->snapshot;
    ldr_status status = snapshot != NULL ? LDR_OK : LDR_INVALID_ARGUMENT;
    for (size_t i = 0; status == LDR_OK && i < snapshot->count; i++)
        status = restore(view, &snapshot->parts[i], snapshot->bytes);
    return status;
}
