/* object.h: section objects and views as the files of section/ and image/ see them. */
#ifndef PELOAD_OBJECT_H
#define PELOAD_OBJECT_H

#include "section/aslr.h"
#include "section/plan.h"

#include <stdatomic.h>

/*
 * The pages of an image that relocations change, as they are for the base of ASLR, at their RVAs in
 * a sealed segment. Made once and shared by all later views at that base.
 */
typedef struct ldr__relocated {
    ldr__handle segment;
    uint32_t run_count;
    struct ldr__page_run {
        uint64_t start, end; /* RVAs, ascending */
    } runs[];
} ldr__relocated;

/* NULL is allowed. */
static inline void ldr__relocated_release(ldr__relocated *copy)
{
    if (copy == NULL)
        return;
    ldr__os_close(copy->segment);
    ldr__os_free(copy);
}

typedef struct ldr__demand ldr__demand;           /* demand.h */
typedef struct ldr__demand_copy ldr__demand_copy; /* demand.h */

/* Nothing in a section changes after it is made but what is atomic: views on several threads share
 * it. */
struct ldr_section {
    atomic_uint references; /* the caller's and one for each view */
    uint8_t *headers;       /* the copy that was judged; `image` borrows it */
    pe_image image;
    pe_profile profile; /* that judged it */
    uint64_t file_size; /* bytes, when it was judged */
    ldr__plan plan;
    ldr__handle file;    /* for subsections with LDR_BACKING_FILE and for `demand`, else
                            LDR__NO_HANDLE */
    ldr__handle segment; /* for LDR_BACKING_SEGMENT: sealed, unless `demand` fills it */
    ldr__handle shared;  /* for LDR_BACKING_SHARED: never sealed, views write to it */
    bool has_id;         /* made from a file: which one */
    ldr__file_id id;
    char name[256]; /* for diagnostics */
    bool no_execute;
    ldr__aslr aslr;
    atomic_uint_fast64_t aslr_base;      /* the first that was free, 0 before the first view */
    _Atomic(ldr__relocated *) relocated; /* NULL until a view has made it */
    ldr__demand *demand;                 /* NULL: the segment was filled when it was made */
    _Atomic(ldr_fill) fill;
};

/* A section of no kind yet, with one reference; NULL when out of memory. `name` is copied. */
ldr_section *ldr__section_new(const char *name);

struct ldr_view {
    ldr_section *section;
    uint8_t *base;
    pe_image image;
    uint16_t machine;  /* that the image is still to be converted for, or 0 */
    bool is_converted; /* it shows other bytes than its section */
    bool relocated;
    const ldr__relocated *shared_pages; /* the section's, if the view shows them */
    /* Of a section with `demand`, under its lock: */
    bool is_watched;
    ldr_view *demand_next;
    ldr__demand_copy *demand_copy; /* that it shows, or NULL */
};

#endif
