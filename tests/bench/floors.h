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

#define BENCH_RUNS_MAX 64

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
    bench_run runs[BENCH_RUNS_MAX];
    size_t run_count;
} bench_layout;

/* Reads the layout of the image at `path` (borrowed); false when it is not one. */
bool bench_layout_read(const char *path, bench_layout *ret_layout);

/*
 * The bare system calls: open, fstat, read the headers, reserve, one mmap for each run, two
 * mprotect for each run with relocations if `base` is not the preferred one, munmap, close.
 * No byte of the image is touched.
 */
void bench_system_calls(const bench_layout *layout, uint64_t base);

/* Read all of the file, copy its sections to memory, relocate with a bare loop, protect, unmap. */
void bench_copying_loader(const bench_layout *layout, uint64_t base);

/* The loop alone, over an image whose pages can be written. */
void bench_bare_relocation(uint8_t *image, const bench_layout *layout, uint64_t delta);

#endif
