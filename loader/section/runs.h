/* runs.h: a list that says of each page of a view what it may do. */
#ifndef PELOAD_RUNS_H
#define PELOAD_RUNS_H

#include "os/os.h"

/* It starts where the run before it ends, or at 0. */
typedef struct ldr__run {
    uint64_t end;     /* bytes from the view's base, a multiple of the page */
    uint32_t protect; /* LDR_PAGE_*; 0: reserved */
    bool is_private;  /* a page that is written to becomes the view's own */
} ldr__run;

/* All zeros is the empty list. */
typedef struct ldr__runs {
    ldr__run *items;
    uint32_t count, capacity;
    uint64_t commits; /* that the list knows of: ldr__committed_count */
    uint64_t changes; /* by ldr__pages_change, whether they came to anything or not */
} ldr__runs;

/* NULL is allowed. */
void ldr__runs_free(ldr__runs *runs);

/* Makes room for `more` runs, so that adding and splitting them cannot fail. LDR_NO_MEMORY. */
ldr_status ldr__runs_reserve(ldr__runs *runs, uint32_t more);

/* Adds a run at the end, for which there is room; one that is like the last becomes part of it. */
void ldr__runs_append(ldr__runs *runs, const ldr__run *run);

/* The index of the run that holds `offset`, which is less than the end of the last. */
uint32_t ldr__runs_find(const ldr__runs *runs, uint64_t offset);

static inline uint64_t ldr__run_start(const ldr__runs *runs, uint32_t i)
{
    return i == 0 ? 0 : runs->items[i - 1].end;
}

/* Lets a run start at `offset`; there is room for one more. The index of it, or the count of runs
 * if `offset` is their end. */
uint32_t ldr__runs_split(ldr__runs *runs, uint64_t offset);

/* Joins neighbours that are alike. */
void ldr__runs_merge(ldr__runs *runs);

#endif
