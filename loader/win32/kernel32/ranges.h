/*
 * ranges.h: the ranges of pages that pages.c keeps, for page_query.c as well.
 */
#ifndef PELOAD_WIN32_RANGES_H
#define PELOAD_WIN32_RANGES_H

#include "win32/kernel32/pages.h"

/*
 * What VirtualAlloc reserved, with a protection for each page (0: reserved, not committed; with
 * PAGE_GUARD beside what the page has once it is touched), or what MapViewOfFile mapped, of which
 * the view knows all.
 */
typedef struct ldr__range {
    struct ldr__range *next;
    uint64_t base, size;
    ldr_view *view; /* or NULL: memory of its own */
    DWORD allocation_protect;
    uint16_t pages[];
} ldr__range;

struct ldr__memory {
    pthread_mutex_t lock;
    ldr__range *ranges;
};

/* The view of the module whose image holds the page at `address`, or NULL. Without the memory's
 * lock: it takes that of the modules (page_query.c). */
ldr_view *ldr__memory_module_view(ldr__process *process, uint64_t address);

/* The following are called with the memory's lock held. */

/* Where the list points at the range that holds [address, address + size), or NULL. */
ldr__range **ldr__range_find(struct ldr__memory *memory, uint64_t address, uint64_t size);
/* A range that is in no list yet, all its pages 0; NULL when out of memory. `view` is taken over.
 */
ldr__range *ldr__range_new(uint64_t base, uint64_t size, DWORD allocation_protect, ldr_view *view);
void ldr__range_insert(struct ldr__memory *memory, ldr__range *range);
/* Notes the protection of pages inside a range. */
void ldr__range_set(ldr__range *range, uint64_t base, uint64_t size, DWORD protect);

/*
 * The pages that [address, address + size) touches, from a multiple of `unit` on; false when they
 * wrap around or there are none.
 */
bool ldr__page_bounds(uint64_t address, uint64_t size, uint64_t unit, uint64_t *ret_base,
                      uint64_t *ret_size);

#endif
