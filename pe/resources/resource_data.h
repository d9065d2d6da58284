/*
 * resource_data.h: checked reads inside one resource leaf, for the sources of pe/ only.
 *
 * A leaf is `size` bytes of which the first `bytes.size` are stored; the rest reads as zeros, so
 * that a decoder tells the same of a file and of a view. Offsets count from the start of the leaf.
 */
#ifndef PELOAD_PE_RESOURCE_DATA_H
#define PELOAD_PE_RESOURCE_DATA_H

#include <peload/pe.h>

/* The bytes [offset, offset + size) as far as they are stored; inside the leaf, or none. */
pe_span pe__leaf_span(const pe_resource_leaf *leaf, uint64_t offset, uint64_t size);

/* Copies `size` bytes, with zeros where they are not stored. PE_OUT_OF_BOUNDS beyond the leaf, or
 * the status of its bytes. */
pe_status pe__leaf_read(const pe_resource_leaf *leaf, uint64_t offset, void *ret_bytes,
                        size_t size);

pe_status pe__leaf_u16(const pe_resource_leaf *leaf, uint64_t offset, uint16_t *ret_value);

/* The RVA of `offset`, which lies inside the leaf or at its end. */
pe_rva pe__leaf_rva(const pe_resource_leaf *leaf, uint64_t offset);

/* `length` units at `offset`. PE_OUT_OF_BOUNDS beyond the leaf. */
pe_status pe__leaf_utf16(const pe_resource_leaf *leaf, uint64_t offset, uint64_t length,
                         pe_utf16 *ret_text);

/* How many units in [offset, end) come before the first that is 0; `end` is inside the leaf. */
uint64_t pe__leaf_utf16_length(const pe_resource_leaf *leaf, uint64_t offset, uint64_t end);

#endif
