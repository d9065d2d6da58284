/*
 * fixup_index.h: the relocations of an image by page, so that those of one page can be applied
 * alone and at any time.
 *
 * They are a private copy of the directory, all of which has been checked: what is in the index is
 * what ldr__relocate would do without failing. It has the relocations of images as linkers make
 * them only: blocks in ascending order, fixups that know nothing of each other, in pages that are
 * stored in the file. Other images are relocated the eager way, which also says what is wrong with
 * them.
 */
#ifndef PELOAD_FIXUP_INDEX_H
#define PELOAD_FIXUP_INDEX_H

#include "section/demand.h"

/*
 * The index of a view's image, in `ret_fixups`, and the pages that the fixups change, with room for
 * one run more behind them; the caller releases both. NULL in ret_fixups->self when it is not an
 * image for an index. LDR_IO_ERROR, LDR_NO_MEMORY.
 */
ldr_status ldr__fixup_index_make(const ldr_view *view, ldr__demand_fixups *ret_fixups);

/* A copy of the runs of pages that fixups change, behind `first`, if that is not empty. The segment
 * is none. NULL when out of memory. */
ldr__relocated *ldr__fixup_index_pages(const ldr__demand_fixups *fixups,
                                       struct ldr__page_run first);

#endif
