/* pages_map.c: what is SHARED, or not, is for the system to see to. */
#include "section/pages.h"

ldr_status ldr__pages_map(const ldr_view *view, uint64_t start, uint64_t end, bool is_private,
                          int access)
{
    (void)is_private;
    return ldr__os_protect(view->base + start, end - start, access);
}
