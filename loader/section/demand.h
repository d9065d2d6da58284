/*
 * demand.h: segments that are filled when their pages are first touched.
 *
 * The section's segment (LDR_BACKING_SEGMENT), and for each base at which views were relocated one
 * more with the pages that relocations change, start as holes. A thread of the section (os.h, the
 * pager) fills the 64 KiB around a touched page from the file, relocated if need be. What is filled
 * stays in the segment, for all views, and the section's is that of other section objects and
 * processes (share.h). Which granules are filled each section object knows for itself: what others
 * have filled meanwhile stays as it is.
 */
#ifndef PELOAD_DEMAND_H
#define PELOAD_DEMAND_H

#include "section/object.h"
#include "section/source.h"

/* What is filled at once, from a multiple of it. */
#define LDR__GRANULE UINT64_C(65536)

enum {
    /* Granules that a fixup lies across are filled together: up to so many. */
    LDR__GRANULES_MAX = 4,
    /* Granules that are filled at once when one after the other is touched. */
    LDR__GRANULES_AHEAD = 4,
    /* All that may come of both. */
    LDR__GRANULES_AT_ONCE = LDR__GRANULES_AHEAD + 2 * (LDR__GRANULES_MAX - 1),
};

/*
 * Relocations, as stage image/ has prepared them: `apply` adds `delta` to the addresses in the
 * pages [start, end), which are `bytes`. `joins` says whether one lies across the end of a granule.
 */
typedef struct ldr__demand_fixups {
    void *self; /* NULL: not prepared yet */
    void (*apply)(const void *self, uint64_t start, uint64_t end, uint64_t delta, uint8_t *bytes);
    bool (*joins)(const void *self, uint64_t granule);
    void (*release)(void *self);
} ldr__demand_fixups;

/* Pages as they are at one base, also those that are the file's own at others. Their segment is not
 * sealed. */
typedef struct ldr__demand_copy {
    struct ldr__demand_copy *next;
    uint64_t base;
    uint32_t views;  /* that show it */
    uint8_t *filled; /* a bit for each granule */
    ldr__relocated *pages;
    uint64_t field;      /* RVA of a header's ImageBase that says the base, `field_size` bytes */
    uint32_t field_size; /* 0: it stays as it is in the file */
} ldr__demand_copy;

struct ldr__demand {
    ldr_section *section;
    ldr__pager *pager; /* its lock is for all that follows */
    uint64_t header_size;
    bool is_wanted;  /* the caller has asked for it: no eager way instead */
    uint8_t *buffer; /* LDR__GRANULES_AT_ONCE granules */
    uint64_t next;   /* granule behind those that were filled last */
    uint64_t ahead;  /* how many those were to be */
    uint8_t *filled; /* of the section's segment: a bit for each granule */
    ldr_view *views; /* that are watched */
    ldr__demand_copy *copies;
    ldr__demand_fixups fixups;
};

/*
 * Makes section->segment, to be filled on demand, if `fill` and the system say so; else nothing,
 * and LDR_OK, unless `fill` is LDR_FILL_ON_DEMAND. Images with memory that is SHARED, which starts
 * as what the segment has, are not for it. LDR_NO_MEMORY, LDR_OS_ERROR.
 */
ldr_status ldr__demand_make(ldr_section *section, const ldr__source *source,
                            const ldr__headers *headers, const ldr__plan_rules *rules,
                            ldr_fill fill);

/* Without views. NULL is allowed. */
void ldr__demand_release(ldr__demand *demand);

/*
 * Maps the pages of a view that the segment backs. LDR_IO_ERROR (only where they are all filled at
 * once, because they cannot be watched), LDR_NO_MEMORY, LDR_OS_ERROR.
 */
ldr_status ldr__demand_map(ldr_view *view);

/* Unmaps the view; for every view of a section that has `demand`. */
void ldr__demand_unmap(ldr_view *view);

/* Fills all that the view could still touch: afterwards it can be read and written without the risk
 * of a signal. LDR_IO_ERROR, LDR_NO_MEMORY, LDR_OS_ERROR. */
ldr_status ldr__demand_complete(ldr_view *view);

/* ---- With the pager's lock held, for stage image/ ---- */

/* The copy for a base, or NULL. */
ldr__demand_copy *ldr__demand_copy_find(ldr__demand *demand, uint64_t base);

/* A copy without pages in its segment. Takes `pages`, whose segment is to be made, also when it
 * fails. LDR_NO_MEMORY, LDR_OS_ERROR. */
ldr_status ldr__demand_copy_add(ldr__demand *demand, uint64_t base, ldr__relocated *pages,
                                ldr__demand_copy **ret_copy);

/* Has a watched view show a copy instead of the pages it has there. LDR_IO_ERROR, LDR_NO_MEMORY,
 * LDR_OS_ERROR: some pages may show it already. */
ldr_status ldr__demand_copy_show(ldr_view *view, ldr__demand_copy *copy);

#endif
