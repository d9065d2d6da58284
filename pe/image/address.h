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

/*
 * Borrows the `size` bytes at `rva`, which lie in one region: *ret_bytes is shorter where the rest
 * is zero fill. PE_OUT_OF_BOUNDS or PE_UNREADABLE as for pe_read.
 */
pe_status pe__borrow(const pe_image *image, pe_rva rva, uint64_t size, pe_span *ret_bytes);

/*
 * Copies the `size` bytes at `offset` of what lies at `place`: PE_OUT_OF_BOUNDS where they leave
 * its size or 2^32, and otherwise as pe_read.
 */
static inline pe_status pe__read_within(const pe_image *image, pe_directory place, uint64_t offset,
                                        void *ret_bytes, size_t size)
{
    uint64_t at = place.rva.value + offset;
    if (!pe_range_ok(place.size, offset, size) || at > UINT32_MAX)
        return PE_OUT_OF_BOUNDS;
    return pe_read(image, (pe_rva){(uint32_t)at}, ret_bytes, size);
}

#endif
