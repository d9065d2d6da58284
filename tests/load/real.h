/* real.h: what the end-to-end tests of loading share: real images, and measures of the process. */
#ifndef PELOAD_TESTS_REAL_H
#define PELOAD_TESTS_REAL_H

#include <peload/loader.h>

/* The path of a guest sample, or of a file below $PELOAD_CORPUS. The test is skipped without it. */
const char *guest_file(const char *name);
const char *corpus_file(const char *name);

#define ZLIB_FILE "deb/libz-mingw-w64/usr/x86_64-w64-mingw32/lib/zlib1.dll"

/* A context; the test fails when there is none. */
ldr_context *real_context(void);

/* Loads `path`; fails the test with the diagnostic's text. */
ldr_module *real_load(ldr_context *ctx, const char *path);

/* Occupies the preferred base of the image at `path`, if it is free. */
void occupy_base_of(const char *path);

/* Mappings of this process as text, read without allocating; their number. */
enum { MAPPINGS_SIZE = 1 << 19 };
const char *read_mappings(char text[MAPPINGS_SIZE]);
size_t count_mappings(void);
/* Bytes in use in the heap; 0 where a sanitizer has replaced the heap. */
size_t heap_bytes(void);

#endif
