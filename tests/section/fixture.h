/* fixture.h: what the tests of sections and views have in common. */
#ifndef PELOAD_TESTS_SECTION_FIXTURE_H
#define PELOAD_TESTS_SECTION_FIXTURE_H

#include "support/image_builder.h"

#include <peload/section.h>

/* A base that is free in every build, as long as the test does not take it. */
#define FIXTURE_BASE UINT64_C(0x20000000)

/* Writes bytes to a new file; the path is freed, and the file removed, by fixture_remove. */
char *fixture_file(const void *bytes, size_t size);
void fixture_remove(char *path);

/* The same, and waits until the file is old enough for its segment to be shared. */
char *fixture_settled_file(const void *bytes, size_t size);

/* A section that must come about, from a file that is gone by then or from memory. */
ldr_section *fixture_section(const img_image *image, const ldr_section_options *options);
ldr_section *fixture_memory_section(const img_image *image);

/* A view that must come about. `base` 0: wherever it is. The view alone keeps the section. */
ldr_view *fixture_view(ldr_section *section, uint64_t base);

/* Reserves address space; false if any of it is in use. */
bool fixture_occupy(uint64_t base, size_t size);

/* The access of the page at `address` as /proc/self/maps says it: "r-xp". */
void fixture_access(const void *address, char ret_access[5]);

/*
 * What the process holds: mappings that are not ordinary memory (under AddressSanitizer, only those
 * of files), open descriptors, and what the library has not given back. Two of them are compared
 * by fixture_expect_same, which says what differs.
 */
typedef struct fixture_state {
    char *mappings;
    size_t descriptors;
    long blocks, handles, bytes;
} fixture_state;

fixture_state fixture_state_take(void);
/* Fails the test if the state now is not `before`, which is released. */
void fixture_expect_same(fixture_state *before);

/* Fails the test unless `view` shows `expected`: byte by byte where it can be read. */
void fixture_expect_bytes(const ldr_view *view, pe_span expected);

/* Fails the test unless each page of `view` has the access in /proc/self/maps that a query says. */
void fixture_expect_access(const ldr_view *view);

/* Relocates a view, which must succeed and leave it with the access that a query says. */
void fixture_expect_relocated(ldr_view *view);

#endif
