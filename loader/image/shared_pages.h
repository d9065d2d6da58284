/* shared_pages.h: relocated pages that the views of a section share (ldr__relocated). */
#ifndef PELOAD_SHARED_PAGES_H
#define PELOAD_SHARED_PAGES_H

#include "section/view.h"

/* Pages of a view, by number. */
typedef struct ldr__page_set {
    uint8_t *bits; /* allocated */
} ldr__page_set;

/* LDR_NO_MEMORY. */
ldr_status ldr__page_set_create(const ldr_view *view, ldr__page_set *ret_set);
void ldr__page_set_release(ldr__page_set *set);

/* Adds the pages of [rva, rva + size), which lie in the view; `size` is not 0. */
static inline void ldr__page_set_add(ldr__page_set *set, uint64_t rva, uint64_t size)
{
    for (uint64_t page = rva / LDR__PAGE; page <= (rva + size - 1) / LDR__PAGE; page++)
        ldr__bit_set(set->bits, page);
}

/*
 * True if nobody has written to a page of the file or of the segment: they can be replaced by those
 * of a copy. LDR_OS_ERROR.
 */
ldr_status ldr__shared_pages_untouched(const ldr_view *view, bool *ret_untouched);

/*
 * Makes the section's copy from the pages of `changed`, all of them that relocations change in the
 * view; NULL if there are pages among them that cannot be shared, or if the copy cannot be made.
 */
const ldr__relocated *ldr__shared_pages_make(ldr_view *view, const ldr__page_set *changed);

/* Has the view show the copy instead of the pages it has there. LDR_NO_MEMORY, LDR_OS_ERROR: some
 * pages may show it already. */
ldr_status ldr__shared_pages_show(ldr_view *view, const ldr__relocated *copy);

#endif
