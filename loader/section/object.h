/* object.h: section objects and views as the files of section/ and image/ see them. */
#ifndef PELOAD_OBJECT_H
#define PELOAD_OBJECT_H

#include "section/aslr.h"
#include "section/plan.h"
#include "section/runs.h"

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

/* The index of the first run that ends behind `rva`, which may be the number of them. */
static inline uint32_t ldr__relocated_find(const ldr__relocated *copy, uint64_t rva)
{
    uint32_t low = 0, high = copy->run_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (copy->runs[middle].end <= rva)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Whether the page at `rva` is in the copy, which may be NULL. *end becomes the RVA up to which the
 * answer is the same, if it is higher. */
static inline bool ldr__relocated_holds(const ldr__relocated *copy, uint64_t rva, uint64_t *end)
{
    uint32_t i = copy != NULL ? ldr__relocated_find(copy, rva) : 0;
    if (copy == NULL || i == copy->run_count)
        return false;
    struct ldr__page_run run = copy->runs[i];
    uint64_t limit = run.start <= rva ? run.end : run.start;
    if (limit < *end)
        *end = limit;
    return run.start <= rva;
}

/* NULL is allowed. */
static inline void ldr__relocated_release(ldr__relocated *copy)
{
    if (copy == NULL)
        return;
    ldr__os_close(copy->segment);
    ldr__os_free(copy);
}

/* Segments that are filled when their pages are touched: demand.h. */
typedef struct ldr__demand ldr__demand;
typedef struct ldr__demand_copy ldr__demand_copy;

/* What processes that have one section share of it: descriptor.h. */
typedef struct ldr__descriptor ldr__descriptor;

/* What the pages of a view held once: snapshot.h. */
typedef struct ldr__snapshot ldr__snapshot;

/* A page of sections with LDR_SEC_LARGE_PAGES. */
#define LDR__LARGE_PAGE (UINT64_C(2) << 20)

/* What a section is that is no image: the data of a file, or memory of the paging file. */
typedef struct ldr__data {
    uint64_t size;       /* bytes, as H14 has it */
    uint32_t protect;    /* LDR_PAGE_* */
    uint32_t attributes; /* LDR_SEC_* */
    bool is_file;
    ldr__handle backing; /* the file, opened for this section alone, or a segment */
    ldr__lock *lock;     /* of the views and what they may do: one view commits for all */
    ldr_view *views;
} ldr__data;

/* Nothing in a section changes after it is made but what is atomic or has a lock: views on several
 * threads share it. */
struct ldr_section {
    atomic_uint references; /* the callers' and one for each view */
    atomic_uint_fast64_t flushes;
    atomic_uint views;
    bool is_data;          /* else an image: the fields from `headers` on */
    uint32_t access;       /* LDR_SECTION_*, of the caller */
    uint64_t maximum_size; /* of an image, if the caller has set one (A0.8) */
    ldr__data data;
    ldr__handle native;   /* the system's own section object, on Windows: native.h; else
                             LDR__NO_HANDLE */
    bool is_native_image; /* which is of SEC_IMAGE; else memory that a copy of the image is in */
    atomic_int_fast64_t copy;       /* of an image that the system would not map: windows/copy.h */
    ldr__handle descriptor_segment; /* named and reserved sections have one */
    ldr__descriptor *descriptor;    /* mapped, or NULL */
    ldr__registry_mark mark;        /* the name, or LDR__NO_MARK */
    uint8_t *headers;               /* the copy that was judged; `image` borrows it */
    pe_image image;
    pe_profile profile; /* that judged it */
    uint64_t file_size; /* bytes, when it was judged */
    ldr__plan plan;
    ldr__handle file;    /* for subsections with LDR_BACKING_FILE and for `demand`, else
                            LDR__NO_HANDLE */
    ldr__handle segment; /* for LDR_BACKING_SEGMENT, and what SHARED starts as: sealed, unless
                            `demand` fills it */
    ldr__handle shared;  /* for LDR_BACKING_SHARED: views write to it */
    ldr_sharing segment_sharing, shared_sharing;
    ldr__registry_mark shared_mark;
    bool has_id; /* made from a file: which one */
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

/* Gives up one reference. */
void ldr__section_release(ldr_section *section);

struct ldr_view {
    ldr_section *section;
    uint8_t *base;
    uint64_t size;    /* bytes, whole pages */
    ldr__runs *runs;  /* what pages may do; NULL: as the plan of the image says */
    uint64_t offset;  /* of data, from the start of the section */
    uint32_t protect; /* of data: the one it was mapped with */
    ldr_view *next;   /* of data: the section's next view */
    pe_image image;
    bool is_native_image; /* the system maps the image itself: as that of the section */
    uint16_t machine;     /* that the image is still to be converted for, or 0 */
    bool is_converted;    /* it shows other bytes than its section */
    bool relocated;
    const ldr__relocated *shared_pages; /* the section's, if the view shows them */
    uint8_t *own; /* a bit for each page: of a SHARED PE section, but the view's own; may be NULL */
    uint64_t openings;       /* of pages by ldr__view_write_begin */
    ldr__snapshot *snapshot; /* or NULL */
    /* Of a section with `demand`, under its lock: */
    bool is_watched;
    ldr_view *demand_next;
    ldr__demand_copy *demand_copy; /* that it shows, or NULL */
};

#endif
