/* pages.h: changing what pages of a view may do. */
#ifndef PELOAD_PAGES_H
#define PELOAD_PAGES_H

#include "section/object.h"

/* The list of a view of an image, made from the plan when it is needed first. LDR_NO_MEMORY. */
ldr_status ldr__pages_list(ldr_view *view);

/* Pages are mapped so that writing copies them from now on; of a view without a list nothing is
 * noted. LDR_NO_MEMORY. */
ldr_status ldr__pages_own(const ldr_view *view, uint64_t start, uint64_t end);

/* Maps pages of data, or of PE sections that are SHARED, anew: so that writing copies them, or
 * changes what all see. LDR_NO_MEMORY, LDR_OS_ERROR. */
ldr_status ldr__pages_map(const ldr_view *view, uint64_t start, uint64_t end, bool is_private,
                          int access);

/*
 * Gives pages of a view that has its list a protection; where writing makes a copy, READWRITE
 * becomes WRITECOPY, and where it does not, WRITECOPY makes it so from now on. `only_reserved`:
 * the others stay as they are. LDR_NO_MEMORY, LDR_OS_ERROR; then all is as before.
 */
ldr_status ldr__pages_change(const ldr_view *view, uint64_t start, uint64_t end, uint32_t protect,
                             bool only_reserved);

/*
 * How many bytes of [start, end) are all this view's own copies, or all not. `of_zero_fill`: the
 * pages are copies of no file's. LDR_OS_ERROR when the system does not tell.
 */
ldr_status ldr__pages_measure(const ldr_view *view, uint64_t start, uint64_t end, bool of_zero_fill,
                              bool *ret_private, uint64_t *ret_end);

/* For each of `count` pages whether it is this view's own copy, as the system tells of pages that
 * can be copied on write. LDR_OS_ERROR when it does not. */
ldr_status ldr__pages_find_own(const ldr_view *view, uint64_t rva, uint64_t count,
                               bool of_zero_fill, bool *ret_own);

/* The bytes from a view's base of whole pages, large ones if it has them, for a range that the
 * caller gives by bytes. */
typedef struct ldr__page_range {
    uint64_t start, end;
} ldr__page_range;

/* False if part of the range is outside the view, or there is nothing of it. */
bool ldr__pages_of(const ldr_view *view, uint64_t offset, uint64_t size,
                   ldr__page_range *ret_range);

/* Data has a lock for what its views may do; images have none. */
static inline void ldr__pages_lock(const ldr_view *view)
{
    if (view->section->is_data)
        ldr__os_lock(view->section->data.lock);
}

static inline void ldr__pages_unlock(const ldr_view *view)
{
    if (view->section->is_data)
        ldr__os_unlock(view->section->data.lock);
}

#endif
