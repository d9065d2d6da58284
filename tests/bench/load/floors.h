/*
 * floors.h: what loading costs at the least, by hand.
 *
 * Both floors do one image at a time and check nothing: its layout has been read beforehand.
 */
#ifndef BENCH_FLOORS_H
#define BENCH_FLOORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_RUNS_MAX  64
#define BENCH_PAGES_MAX 16384

/* Pages that follow one another with one protection and, if from the file, from one place. */
typedef struct bench_run {
    uint64_t rva, size;
    uint64_t offset, stored; /* in the file; stored 0 for zero fill */
    int protection;          /* PROT_* */
    bool has_relocations;
} bench_run;

typedef struct bench_layout {
    const char *path;
    uint64_t preferred_base, size;
    uint64_t relocs_rva, relocs_size;
    uint32_t pages[BENCH_PAGES_MAX]; /* RVAs of pages with relocations */
    size_t page_count;
    bench_run runs[BENCH_RUNS_MAX];
    size_t run_count;
} bench_layout;

/* Reads the layout of the image at `path` (borrowed); false when it is not one. */
bool bench_layout_read(const char *path, bench_layout *ret_layout);

/*
 * The bare system calls: open, fstat, read the headers, reserve, one mmap for each run, two
 * mprotect for each run with relocations if `base` is not the preferred one, munmap, close.
 * No byte of the image is touched; with `copies`, one byte on each page with relocations is
 * written, which makes the system copy the page: so much any relocation costs.
 */
void bench_system_calls(const bench_layout *layout, uint64_t base, bool copies);

/* Read each run's bytes from the file to fresh memory at their place, nothing else: what an image
 * costs that cannot be mapped. */
void bench_plain_copy(const bench_layout *layout);

/* Read all of the file, copy its sections to memory, relocate with a bare loop, protect, unmap. */
void bench_copying_loader(const bench_layout *layout, uint64_t base);

/* The bare loop alone, over a mapped image: opens the runs with relocations and closes them again.
 */
void bench_bare_relocation(uint8_t *image, const bench_layout *layout);

/* Writes to each page with relocations, so that it is a copy already, and reads the relocations:
 * what is timed afterwards is the loop. */
void bench_touch(uint8_t *image, const bench_layout *layout);

#endif
