/*
 * file.h: an image as a file: its checksum, its overlay, how its bytes are spread, and which offset
 * belongs to which RVA. Part of pe.h.
 */
#ifndef PELOAD_PE_FILE_H
#define PELOAD_PE_FILE_H

#include <peload/pe/image.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The checksum that the optional header should hold (rule K3): that of CheckSumMappedFile
 * (imagehlp), the 16-bit one's complement sum of the file without the field itself, and the file's
 * size. A stored 0 means that none was computed; Windows asks for a right one in drivers and
 * boot-time DLLs only. PE_OK, or PE_NOT_PRESENT in mapped layout.
 */
PE_API pe_status pe_checksum(const pe_image *image, uint32_t *ret_checksum);

/*
 * The bytes behind the raw data of the section that ends last (rule K4; behind the headers where
 * there is no section), borrowed: installers' payloads, COFF symbols, certificates. PE_OK, or
 * PE_NOT_PRESENT if the file ends there, and in mapped layout.
 */
PE_API pe_status pe_overlay(const pe_image *image, pe_span *ret_overlay);

/* The bytes of a section as its header tells them (PointerToRawData, SizeOfRawData), borrowed, cut
 * off at the end of the file. Empty in mapped layout. */
PE_API pe_span pe_section_bytes(const pe_image *image, const pe_section *section);

/* What one bit per byte is in the unit of pe_entropy. */
enum { PE_ENTROPY_BIT = 0x10000 };

/*
 * Shannon's entropy of `bytes` in 1/65536 bit per byte: 0 for one value repeated (and for no
 * bytes), 8 * PE_ENTROPY_BIT for all values alike. Exact to 1/4096 bit. Of more than 4 GiB the
 * first 4 GiB.
 */
PE_API uint32_t pe_entropy(pe_span bytes);

/* ---- RVA and offset ---- */

/* Two readings of the same headers. */
typedef enum pe_reading {
    /* Windows's: PointerToRawData rounded down and the end of the raw data rounded up to 512 bytes
     * (rules B10 to B12), an RVA is an offset where SectionAlignment is below a page (rule B7). */
    PE_READING_WINDOWS,
    /* The specification's [PE Section Table]: PointerToRawData and SizeOfRawData as they stand,
     * whatever the alignments. */
    PE_READING_SPECIFICATION,
} pe_reading;

/*
 * The file offset of the byte at `rva`. PE_NOT_FOUND where the file holds none: zero fill, gaps,
 * beyond the image or the file. The image may have either layout; its headers decide, and in file
 * layout the file's end.
 */
PE_API pe_status pe_rva_to_offset(const pe_image *image, pe_reading reading, pe_rva rva,
                                  pe_offset *ret_offset);

/*
 * The RVA at which the byte at `offset` of the file is mapped: the lowest one, when sections share
 * raw data. PE_NOT_FOUND when it is not mapped.
 */
PE_API pe_status pe_offset_to_rva(const pe_image *image, pe_reading reading, pe_offset offset,
                                  pe_rva *ret_rva);

#ifdef __cplusplus
}
#endif

#endif
