/*
 * walk.h: goes through all that the parser says of an image, asserting what must hold of it.
 *
 * A walk ends where a table does: it is for real images, or for an image with a budget.
 */
#ifndef PELOAD_FUZZ_WALK_H
#define PELOAD_FUZZ_WALK_H

#include "fuzz/target.h"

#include <peload/pe.h>

enum { PAGE = 0x1000 };

/* A digest of all facts, to compare two walks by. */
struct walk {
    const pe_image *image;
    bool by_type; /* leaves of resources are decoded as what their types say, and nothing else */
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

/* Zeros at the end are as good as none: a file does not store them, a view has them. */
static inline void note_trimmed(struct walk *walk, pe_span span)
{
    while (span.size > 0 && span.data[span.size - 1] == 0)
        span.size--;
    note_span(walk, span);
}

/* The tables of both layouts: the same digest for those of an image that Windows maps, if all of
 * its sections can be read. `walk_all` is all of these but the directory read as another machine's,
 * and the headers and tables of tables.c. */
typedef void walk_function(struct walk *walk);
walk_function walk_all;
walk_function walk_resources;         /* with each leaf as everything that a leaf can be */
walk_function walk_load_config;       /* with its guard tables */
walk_function walk_config_pointers;   /* dynamic relocations, CHPE, volatile metadata, enclaves */
walk_function walk_exceptions;        /* of x64 */
walk_function walk_arm_exceptions;    /* of ARM64 and ARM */
walk_function walk_exceptions_as_arm; /* the directory as if it were theirs */
walk_function walk_debug;
walk_function walk_clr;

void note_diag(struct walk *walk, const pe_diag *diag);

/* What an image says as a file: in file layout. */
void walk_file(const pe_image *image);
void walk_certificates(const pe_image *image);

bool is_all_readable(const pe_image *image);

/* What `walk` says of the image under a budget of its own; false once that is spent. */
bool digest_of(const pe_image *image, walk_function *walk, uint64_t *ret_digest);

/*
 * Walks the image in file layout, twice, and, laid out in memory, as a view. The facts are the same
 * each time. `is_accepted`: Windows maps it, so that pages without access are never touched.
 */
void walk_layouts(const pe_image *image, bool is_accepted, walk_function *walk);

/* The whole of a target for one structure: walk_layouts of the input, if it is an image. */
void walk_input(pe_span file, walk_function *walk);

#endif
