/* demand.h: what the tests of pages that are filled on demand have in common. */
#ifndef PELOAD_TESTS_SECTION_DEMAND_H
#define PELOAD_TESTS_SECTION_DEMAND_H

#include "section/fixture.h"

#define DEMAND_PREFERRED UINT64_C(0x180000000)
#define DEMAND_BASE      (FIXTURE_BASE + 0x10000000)
#define DEMAND_GRANULE   UINT64_C(0x10000)

/* RVAs of the sections of demand_image, and places in them that no fixup changes. */
enum {
    DEMAND_TEXT = 0x1000,
    DEMAND_RDATA = 0x51000,
    DEMAND_DATA = 0xB1000,
    DEMAND_ZERO = 0x111000,
    DEMAND_QUIET = 0x48,
};

/*
 * An image of a little more than 1 MiB, aligned to sectors, that asks for ASLR: .text, .rdata,
 * .data with a tail of zeros, .reloc. Nothing in it repeats. There are fixups in each page but
 * those of zeros, also across the end of pages and of each fourth granule.
 */
img_image demand_image(void);

/* A section whose pages are filled on demand; the test is skipped where the system does not grant
 * that. `options` may be NULL; of `fill` it is made ON_DEMAND. */
ldr_section *demand_section(const char *path, const ldr_section_options *options);

/* Views and file of demand_image. */
typedef struct demand_case {
    img_image image;
    char *path;
    ldr_view *view;  /* filled on demand */
    ldr_view *eager; /* the same at another address: what the pages should be */
    int64_t delta;   /* to be added to pointers of `eager` */
} demand_case;

/* Relocated. Two at a time: with different distances, multiples of 0x4000000, from DEMAND_BASE. */
demand_case demand_case_make_at(uint64_t distance);
demand_case demand_case_make(void); /* at 0 */
void demand_case_release(demand_case *c);

/* What a page of the view must be, in a buffer of this function's. */
const uint8_t *demand_expected_page(const demand_case *c, uint64_t rva);

/* Whether the bytes of a page of the view, which is touched, are right. */
bool demand_page_is_right(const demand_case *c, uint64_t rva);

/* Bytes of memory in the segments of this process. */
uint64_t demand_segment_bytes(void);

/* Fails the test unless this process has so many threads, at once or a moment later: the kernel
 * counts one that has ended a little longer than those do who have waited for its end. */
void demand_expect_threads(size_t count);

#endif
