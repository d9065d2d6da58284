/* object.h: section objects and views as the files of section/ and image/ see them. */
#ifndef PELOAD_OBJECT_H
#define PELOAD_OBJECT_H

#include "section/plan.h"

#include <stdatomic.h>

/* Nothing in a section changes after it is made, but the count: views on several threads share it.
 */
struct ldr_section {
    atomic_uint references; /* the caller's and one for each view */
    uint8_t *headers;       /* the copy that was judged; `image` borrows it */
    pe_image image;
    pe_profile profile; /* that judged it */
    ldr__plan plan;
    ldr__handle file;    /* for subsections with LDR_BACKING_FILE, else LDR__NO_HANDLE */
    ldr__handle segment; /* for LDR_BACKING_SEGMENT: sealed */
    ldr__handle shared;  /* for LDR_BACKING_SHARED: never sealed, views write to it */
    bool has_id;         /* made from a file: which one */
    ldr__file_id id;
    char name[256]; /* for diagnostics */
};

struct ldr_view {
    ldr_section *section;
    uint8_t *base;
    pe_image image;
    bool relocated;
};

#endif
