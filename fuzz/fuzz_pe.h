/*
 * fuzz_pe.h: what the sources of the parser's fuzz target share.
 */
#ifndef PELOAD_FUZZ_PE_H
#define PELOAD_FUZZ_PE_H

#include "target.h"

#include <peload/pe.h>

/* Per table: the tables of a hostile image are as good as endless. A test that walks real images
 * has a limit of its own. */
#ifndef ITEM_LIMIT
#define ITEM_LIMIT 2048
#endif

enum { PAGE = 0x1000 };

/* A digest of all facts, to compare two walks by. */
struct walk {
    const pe_image *image;
    uint64_t digest;
};

static inline void note(struct walk *walk, uint64_t fact)
{
    walk->digest = (walk->digest ^ fact) * UINT64_C(0x100000001B3);
}

static inline bool lies_inside(pe_span inner, pe_span outer)
{
    if (inner.size == 0)
        return true;
    uintptr_t start = (uintptr_t)outer.data, at = (uintptr_t)inner.data;
    return at >= start && pe_range_ok(outer.size, at - start, inner.size);
}

static inline void note_span(struct walk *walk, pe_span span)
{
    REQUIRE(lies_inside(span, walk->image->bytes));
    note(walk, span.size);
    for (uint64_t i = 0; i < span.size; i++)
        note(walk, span.data[i]);
}

/* All of the below, and the headers and tables of fuzz_pe.c: the same digest for both layouts of an
 * image that Windows maps, if all of its sections can be read. */
uint64_t walk_all(const pe_image *image);
bool is_all_readable(const pe_image *image);

/* Walks the resources and decodes each leaf as everything that a leaf can be. */
void walk_resources(struct walk *walk);

/* Walks the load configuration with its guard tables, and the functions of x64. */
void walk_load_config(struct walk *walk);
void walk_exceptions(struct walk *walk);

/* Walks the functions of ARM64 and ARM, and the directory as if it were theirs. */
void walk_arm_exceptions(struct walk *walk);

/* Walks the debug directory and decodes what its entries hold. */
void walk_debug(struct walk *walk);

/* Walks the CLR header, its vtable fixups and the streams of its metadata. */
void walk_clr(struct walk *walk);

/* Walks what the load configuration points to: dynamic value relocations, CHPE and volatile
 * metadata, enclaves. */
void walk_config_pointers(struct walk *walk);

/* What an image says as a file (fuzz_pe_file.c): in file layout. */
void walk_file(const pe_image *image);

#endif
