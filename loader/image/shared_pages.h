/* shared_pages.h: relocated pages that the views of a section share (ldr__relocated). */
#ifndef PELOAD_SHARED_PAGES_H
#define PELOAD_SHARED_PAGES_H

#include "section/view.h"

/* The section's copy for the view's base; NULL if nobody has made it yet. */
const ldr__relocated *ldr__shared_pages_find(const ldr_view *view);

/* True if no page is the view's own: then all that relocations make so are theirs. LDR_OS_ERROR. */
ldr_status ldr__shared_pages_untouched(const ldr_view *view, bool *ret_untouched);

/*
 * Makes the copy from the pages that are the view's own, which has just been relocated. It stays
 * with the section. LDR_NO_MEMORY, LDR_OS_ERROR.
 */
ldr_status ldr__shared_pages_make(ldr_view *view, const ldr__relocated **ret_copy);

/* Has the view show the copy instead of the pages it has there. LDR_NO_MEMORY, LDR_OS_ERROR: some
 * pages may show it already. */
ldr_status ldr__shared_pages_show(ldr_view *view, const ldr__relocated *copy);

#endif
