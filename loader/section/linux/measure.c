/* measure.c: which pages of a view are its own copies. */
#include "section/pages.h"

ldr_status ldr__pages_find_own(const ldr_view *view, uint64_t rva, uint64_t count,
                               bool of_zero_fill, bool *ret_own)
{
    return ldr__os_pages_private(view->base + rva, count, of_zero_fill, ret_own);
}
