/* make_image.h: DLLs for the benchmarks, the same bytes on every machine. */
#ifndef BENCH_MAKE_IMAGE_H
#define BENCH_MAKE_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Sizes in bytes, none of them 0. Relocations are DIR64, spread evenly over the pages of .rdata and
 * .data from the start of each page, 16 bytes apart: up to 64 for a page of 1 KiB of content.
 */
typedef struct bench_recipe {
    uint32_t text_size, rdata_size, data_size;
    uint32_t relocations;
} bench_recipe;

/* Writes a PE32+ DLL with FileAlignment 0x200 to `path`; false when it cannot be written. */
bool bench_make_image(const char *path, const bench_recipe *recipe);

#endif
