/*
 * ranges.h: the ranges of pages that pages.c keeps, for page_query.c as well.
 */
#ifndef PELOAD_WIN32_RANGES_H
#define PELOAD_WIN32_RANGES_H

#include "win32/kernel32/pages.h"

/*
 * A range with a protection for each page: what VirtualAlloc reserved or MapViewOfFile mapped (0:
 * reserved, not committed), or a module of which VirtualProtect has changed pages (0: as the view
 * says); PAGE_GUARD is set beside the protection that the page has once it is touched.
 */
typedef struct ldr__range {
    struct ldr__range *next;
    uint64_t base, size;
    DWORD type; /* MEM_PRIVATE, MEM_MAPPED, MEM_IMAGE */
    DWORD allocation_protect;
    uint16_t pages[];
} ldr__range;

struct ldr__memory {
    pthread_mutex_t lock;
    ldr__range *ranges;
};

/* The following are called with the memory's lock held. */

/* Where the list points at the range that holds [address, address + size), or NULL. */
ldr__range **ldr__range_find(struct ldr__memory *memory, uint64_t address, uint64_t size);
/* A range that is in no list yet, all its pages 0; NULL when out of memory. */
ldr__range *ldr__range_new(uint64_t base, uint64_t size, DWORD type, DWORD allocation_protect);
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
