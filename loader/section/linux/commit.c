/* commit.c: pages of reserved memory that come into use (rule H43). */
#include "section/data.h"
#include "section/diag.h"
#include "section/pages.h"
#include "section/rights.h"

/* The part of a section's pages that a view shows, by bytes from the view's base. */
static bool part_of(const ldr_view *view, uint64_t first, uint64_t end, ldr__page_range *ret_range)
{
    uint64_t start = first * LDR__PAGE, stop = end * LDR__PAGE;
    uint64_t low = start > view->offset ? start - view->offset : 0;
    uint64_t high = stop > view->offset ? stop - view->offset : 0;
    *ret_range = (ldr__page_range){low, high < view->size ? high : view->size};
    return ret_range->start < ret_range->end;
}

static uint64_t first_page(const ldr_view *view, uint64_t offset)
{
    return (view->offset + offset) / LDR__PAGE;
}

/* ---- What others have committed ---- */

static ldr_status open_part(const ldr_view *view, uint64_t first, uint64_t end)
{
    ldr__page_range part;
    return part_of(view, first, end, &part)
               ? ldr__pages_change(view, part.start, part.end, view->protect, true)
               : LDR_OK;
}

ldr_status ldr__data_view_sync(const ldr_view *view)
{
    const ldr_section *section = view->section;
    if (!ldr__data_is_reserved(section))
        return LDR_OK;
    uint64_t count = ldr__committed_count(section);
    if (count == view->runs->commits)
        return LDR_OK;
    uint64_t last = first_page(view, view->size);
    uint64_t page = first_page(view, 0), stop = last;
    while (ldr__committed_find(section, true, &page, &stop)) {
        ldr_status status = open_part(view, page, stop);
        if (status != LDR_OK)
            return status;
        page = stop;
        stop = last;
    }
    view->runs->commits = count;
    return LDR_OK;
}

void ldr__view_sync(const ldr_view *view)
{
    if (!view->section->is_data)
        return;
    ldr__pages_lock(view);
    ldr__data_view_sync(view);
    ldr__pages_unlock(view);
}

uint64_t ldr__data_committed(const ldr_section *section)
{
    uint64_t count = 0, last = ldr__data_pages(section), page = 0, stop = last;
    if (!ldr__data_is_reserved(section))
        return last;
    for (; ldr__committed_find(section, true, &page, &stop); page = stop, stop = last)
        count += stop - page;
    return count;
}

/* ---- Committing: for holders of the lock ---- */

static ldr_status sync_all(const ldr__data *data)
{
    ldr_status status = LDR_OK;
    for (const ldr_view *view = data->views; view != NULL && status == LDR_OK; view = view->next)
        status = ldr__data_view_sync(view);
    return status;
}

/* In the views before `last`, pages that nobody has committed become reserved again. */
static void close_in_others(const ldr_view *view, const ldr_view *last, uint64_t first,
                            uint64_t end)
{
    uint64_t page = first, stop = end;
    for (; ldr__committed_find(view->section, false, &page, &stop); page = stop, stop = end) {
        for (const ldr_view *other = view->section->data.views; other != last;
             other = other->next) {
            ldr__page_range part;
            if (other != view && part_of(other, page, stop, &part))
                ldr__pages_change(other, part.start, part.end, 0, false);
        }
    }
}

static ldr_status open_in_others(const ldr_view *view, uint64_t first, uint64_t end)
{
    for (const ldr_view *other = view->section->data.views; other != NULL; other = other->next) {
        ldr_status status = other != view ? open_part(other, first, end) : LDR_OK;
        if (status != LDR_OK) {
            close_in_others(view, other, first, end);
            return status;
        }
    }
    return LDR_OK;
}

static ldr_status commit(const ldr_view *view, const ldr__page_range *range, uint32_t protect)
{
    uint64_t first = first_page(view, range->start), end = first_page(view, range->end);
    ldr_status status = sync_all(&view->section->data);
    if (status == LDR_OK)
        status = open_in_others(view, first, end);
    if (status != LDR_OK)
        return status;
    status = ldr__pages_change(view, range->start, range->end, protect, false);
    if (status != LDR_OK)
        close_in_others(view, NULL, first, end);
    else if (ldr__data_is_reserved(view->section))
        ldr__committed_mark(view->section, first, end);
    return status;
}

/* ---- The call ---- */

/* What the section allows to the caller, whatever the view was mapped with (H.6). */
static bool is_allowed(const ldr_section *section, uint32_t protect)
{
    return ldr__protect_allows(section->data.protect, protect) &&
           (ldr__protect_section_access(protect) & ~section->access) == 0;
}

static ldr_status refuse(const ldr_view *view, ldr_status status, uint32_t nt_status,
                         ldr_diag *diag)
{
    return ldr__fail(diag, status, nt_status, view->section->name);
}

ldr_status ldr_view_commit(ldr_view *view, uint64_t offset, uint64_t size, uint32_t protect,
                           ldr_diag *diag)
{
    const ldr_section *section = view->section;
    ldr__page_range range;
    if (protect != 0 && !ldr__protect_is_valid(protect))
        return refuse(view, LDR_INVALID_ARGUMENT, PE_NT_INVALID_PAGE_PROTECTION, diag);
    if (!ldr__pages_of(view, offset, size, &range))
        return refuse(view, LDR_INVALID_ARGUMENT, PE_NT_CONFLICTING_ADDRESSES, diag);
    if (!section->is_data || section->data.is_file)
        return refuse(view, LDR_ACCESS_DENIED, PE_NT_ALREADY_COMMITTED, diag);
    uint32_t wanted = protect != 0 ? protect : view->protect;
    if (!is_allowed(section, wanted))
        return refuse(view, LDR_ACCESS_DENIED, PE_NT_SECTION_PROTECTION, diag);
    ldr__os_lock(section->data.lock);
    ldr_status status = commit(view, &range, wanted);
    ldr__os_unlock(section->data.lock);
    return status == LDR_OK ? LDR_OK : refuse(view, status, ldr__nt_status_of(status), diag);
}

/* ---- Touches ---- */

static ldr__touch touch_at(const ldr_view *view, uint64_t page, int access)
{
    if (view->section->is_data && ldr__data_view_sync(view) != LDR_OK)
        return LDR__TOUCH_DENIED;
    uint32_t protect = view->runs->items[ldr__runs_find(view->runs, page)].protect;
    if ((protect & LDR_PAGE_GUARD) != 0 &&
        ldr__pages_change(view, page, page + LDR__PAGE, ldr__protect_base(protect), false) ==
            LDR_OK)
        return LDR__TOUCH_GUARD;
    return (ldr__protect_mapping(protect) & access) == access ? LDR__TOUCH_OPENED
                                                              : LDR__TOUCH_DENIED;
}

/* Pages of an image that has no list are as they were mapped. */
ldr__touch ldr__view_touch(ldr_view *view, const void *address, int access)
{
    uint64_t offset = (uintptr_t)address - (uintptr_t)view->base;
    if (view->runs == NULL || offset >= view->size)
        return LDR__TOUCH_DENIED;
    ldr__pages_lock(view);
    ldr__touch touch = touch_at(view, offset & ~(LDR__PAGE - 1), access);
    ldr__pages_unlock(view);
    return touch;
}
