/* view.h: what the stages after the mapper do with a view. */
#ifndef PELOAD_VIEW_H
#define PELOAD_VIEW_H

#include "section/bits.h"
#include "section/object.h"

/* The plan of the section that a view shows, and its name for diagnostics. */
static inline const ldr__plan *ldr__view_plan(const ldr_view *view)
{
    return &view->section->plan;
}

static inline const char *ldr__view_name(const ldr_view *view)
{
    return view->section->name;
}

/*
 * The pages of a new view of an image, with the protections of the plan: sets `base`, `size` and
 * `image`. `base` is as in ldr_view_options. LDR_ADDRESS_BUSY, LDR_INVALID_ARGUMENT, LDR_NO_MEMORY,
 * LDR_OS_ERROR; then nothing stays mapped.
 */
ldr_status ldr__image_view_map(ldr_view *view, uint64_t base, ldr_diag *diag);
void ldr__image_view_unmap(ldr_view *view);

/*
 * Makes the pages of [rva, rva + size) writable until ldr__view_write_end is called for the same
 * range. Code among them cannot run in between; pages that are writable anyway keep their rights.
 * LDR_INVALID_ARGUMENT when part of the range is outside the view or reserved only; LDR_NO_MEMORY,
 * LDR_OS_ERROR. After a failure every protection is as it was.
 *
 * What is written goes to this view's own copy of the pages. Pages of PE sections that are SHARED
 * become the view's own first, as the file has them: what the loader writes there holds for this
 * process and this address, and Windows, which writes it for all, is no example.
 */
ldr_status ldr__view_write_begin(ldr_view *view, uint64_t rva, uint64_t size);

/* Restores the protections of the plan, or of ldr_view_protect. LDR_NO_MEMORY, LDR_OS_ERROR: the
 * rest is still restored. */
ldr_status ldr__view_write_end(ldr_view *view, uint64_t rva, uint64_t size);

/* Gives pages that have just been mapped the protections of the plan, or of ldr_view_protect; for
 * those that nobody has access to yet. LDR_NO_MEMORY, LDR_OS_ERROR. */
ldr_status ldr__view_give_access(const ldr_view *view, uint64_t rva, uint64_t size);

/* Whether the page at `rva`, of a PE section that is SHARED, is the view's own. */
static inline bool ldr__view_owns(const ldr_view *view, uint64_t rva)
{
    return view->own != NULL && ldr__bit_is_set(view->own, rva / LDR__PAGE);
}

/* The pages of [rva, rva + size) are the view's own from now on. LDR_NO_MEMORY. */
ldr_status ldr__view_own(ldr_view *view, uint64_t rva, uint64_t size);

/* The page of a view at an RVA, and how far those after it are like it. */
typedef struct ldr__page_state {
    uint64_t end;      /* RVA: at the latest the end of the subsection */
    bool is_own;       /* this view's own copy */
    bool is_relocated; /* the section's relocated copy */
} ldr__page_state;

/* `rva` is that of a page of the view. LDR_OS_ERROR when the system does not tell. */
ldr_status ldr__view_page_state(const ldr_view *view, uint64_t rva, ldr__page_state *ret_state);

/* What the pages from an RVA on may do, all of them alike. */
typedef struct ldr__page_rights {
    uint64_t end;                         /* RVA */
    uint32_t protect, allocation_protect; /* LDR_PAGE_*, as if none were this view's own copy */
    bool is_committed;
    ldr_backing backing; /* of those that are no such copy */
    uint32_t type;       /* LDR_MEM_* */
} ldr__page_rights;

/* `rva` is that of a page of the view. LDR_OS_ERROR. */
ldr_status ldr__view_page_rights(const ldr_view *view, uint64_t rva, ldr__page_rights *ret_rights);

#endif
