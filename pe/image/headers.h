/*
 * headers.h: header decoding that the parser and the verdict share, for the sources of pe/ only.
 */
#ifndef PELOAD_PE_HEADERS_H
#define PELOAD_PE_HEADERS_H

#include <peload/pe.h>

/* Copies `size` bytes at `offset` of `bytes`; what lies beyond them are zeros. */
void pe__copy_at(pe_span bytes, uint64_t offset, void *ret_bytes, uint64_t size);

/* Loads at an offset of `bytes`; what lies beyond them reads as 0, as the last page of a file does.
 */
uint16_t pe__u16_at(pe_span bytes, uint64_t offset);
uint32_t pe__u32_at(pe_span bytes, uint64_t offset);
uint64_t pe__u64_at(pe_span bytes, uint64_t offset);

/*
 * Decodes file and optional header of an image whose PE signature is at `nt`, checking nothing.
 * Every magic but PE32+ is decoded as PE32. Bytes beyond the end read as 0.
 */
pe_image pe__decode(pe_span bytes, pe_layout layout, uint64_t nt);

/* Entry `index` of the section table; bytes beyond the end read as 0. */
pe_section pe__decode_section(const pe_image *image, uint32_t index);

/* The memory size of a section: VirtualSize, or SizeOfRawData where that is 0. */
static inline uint32_t pe__memory_size(const pe_section *section)
{
    return section->virtual_size != 0 ? section->virtual_size : section->raw_size;
}

/* True for images that are mapped 1:1 (SectionAlignment below a page). */
bool pe__is_flat(const pe_image *image);

/* The end of the section table, in bytes from the start of the file. */
uint64_t pe__table_end(const pe_image *image);

#endif
