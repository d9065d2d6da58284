/*
 * address.h: where an RVA's bytes are, for the sources of pe/ only.
 */
#ifndef PELOAD_PE_ADDRESS_H
#define PELOAD_PE_ADDRESS_H

#include <peload/pe.h>

/*
 * A run of pages with one origin: the headers, one section, or all of a flat image. In RVAs
 * [start, end); its first `stored` bytes are those from `at` of the image's bytes, the rest is
 * zero.
 */
typedef struct pe__region {
    uint64_t start, end;
    uint64_t at, stored;
    bool readable;
} pe__region;

/* The region that holds `rva`; false in gaps and beyond the image. */
bool pe__region_at(const pe_image *image, uint64_t rva, pe__region *ret_region);

#endif
