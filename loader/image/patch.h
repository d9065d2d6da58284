/*
 * patch.h: changes to pages of a view that are the file's own.
 *
 * Such a page can vanish at any moment: when the file is cut off, the kernel takes even copies that
 * were already written from the views, and whoever touches one gets a signal. So pages are changed
 * in private memory; the system copies them out of the view and back, and says when it cannot.
 */
#ifndef PELOAD_IMAGE_PATCH_H
#define PELOAD_IMAGE_PATCH_H

#include "section/view.h"

/* Consecutive pages of a view in private memory. Zero but for `view`: no page yet. */
typedef struct ldr__patch {
    ldr_view *view;
    uint8_t *bytes;      /* allocated: the bytes from RVA `start` to `end` */
    uint64_t start, end; /* equal when there are none */
    uint64_t reach;      /* how many bytes were asked for the last time */
    uint64_t fresh;      /* no page from this RVA on was put back */
    uint32_t changed;    /* bit i: page i */
} ldr__patch;

/*
 * Has the page of `rva` in `bytes`, the next one, and perhaps some behind it, as far as
 * `subsection` goes, whose backing is the file and which holds `rva`. What was changed before is
 * put back. LDR_IO_ERROR when a page is gone, LDR_NO_MEMORY, LDR_OS_ERROR.
 */
ldr_status ldr__patch_take(ldr__patch *patch, const ldr__subsection *subsection, uint64_t rva);

/* Pages of [rva, rva + size), which are in `bytes`, are to be put back. */
void ldr__patch_changed(ldr__patch *patch, uint64_t rva, uint64_t size);

/* Puts back what was changed, into pages that are open for writing. The same failures. */
ldr_status ldr__patch_put(ldr__patch *patch);

/* Releases the memory; what was not put back is lost. */
void ldr__patch_release(ldr__patch *patch);

#endif
