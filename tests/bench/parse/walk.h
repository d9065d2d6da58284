/*
 * walk.h: the pass that bench_parse measures, and the floor beside it.
 */
#ifndef PELOAD_BENCH_WALK_H
#define PELOAD_BENCH_WALK_H

#include <peload/pe.h>

typedef struct bench_counts {
    uint64_t images, sections, imports, exports, relocations, resources, functions;
    uint64_t digest; /* of what was told, so that all of it is looked at */
} bench_counts;

/* Runs of bytes, those that lie beside each other joined. */
typedef struct bench_ranges {
    pe_span *items;
    size_t count, capacity;
    uint64_t bytes;
} bench_ranges;

/* Opens each image and goes through all of its tables. */
void bench_walk(const pe_span files[], size_t count, bench_counts *counts);

/* The same, recording which bytes are looked at. */
void bench_record(const pe_span files[], size_t count, bench_ranges *ranges, bench_counts *counts);

/* Reads all bytes of the ranges; the result is their digest. */
uint64_t bench_read(const bench_ranges *ranges);

#endif
