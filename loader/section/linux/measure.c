/* measure.c: which pages of a view are its own copies. */
#include "section/pages.h"

#define CHUNK 256

/* Only what can be copied on write is asked for; the answer is the same for pages that nothing can
 * touch. */
ldr_status ldr__pages_measure(const ldr_view *view, uint64_t rva, uint64_t end, bool of_zero_fill,
                              bool *ret_private, uint64_t *ret_end)
{
    bool own[CHUNK];
    bool first = false;
    for (uint64_t at = rva; at < end;) {
        uint64_t left = (end - at) / LDR__PAGE;
        uint64_t count = left < CHUNK ? left : CHUNK;
        ldr_status status = ldr__os_pages_private(view->base + at, count, of_zero_fill, own);
        if (status != LDR_OK)
            return status;
        if (at == rva)
            first = own[0];
        uint64_t same = 0;
        while (same < count && own[same] == first)
            same++;
        at += same * LDR__PAGE;
        if (same < count)
            end = at;
    }
    *ret_private = first;
    *ret_end = end;
    return LDR_OK;
}
