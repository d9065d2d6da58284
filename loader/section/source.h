/* source.h: where the bytes of an image come from while a section is made of it. */
#ifndef PELOAD_SOURCE_H
#define PELOAD_SOURCE_H

#include "section/plan.h"

/* A file, or a buffer when `bytes` is not NULL. */
typedef struct ldr__source {
    ldr__handle file;
    const uint8_t *bytes;
    uint64_t size;
    const ldr__file_stamp *stamp; /* of a file whose segments may be shared: as it was before it
                                     was read; else NULL */
} ldr__source;

/* A copy of the first bytes, allocated: what is judged cannot change any more. */
typedef struct ldr__headers {
    uint8_t *bytes;
    uint64_t size;
} ldr__headers;

/* Headers that end further into a file than this are refused: Windows sets no limit to e_lfanew,
 * but we copy what we judge (rule S1). */
#define LDR__HEADERS_MAX (UINT64_C(64) << 20)

/* Reads exactly `size` bytes. LDR_IO_ERROR, also when the file has become shorter than it was. */
ldr_status ldr__source_read(const ldr__source *source, uint64_t offset, void *ret_bytes,
                            uint64_t size);

/*
 * Copies the headers and the section table, as many bytes as they themselves ask for; a small file
 * as a whole. LDR_IMAGE_REFUSED, with `why`, beyond LDR__HEADERS_MAX (rule S1); LDR_IO_ERROR,
 * LDR_NO_MEMORY.
 */
ldr_status ldr__source_headers(const ldr__source *source, ldr__headers *ret_headers, pe_diag *why);

/*
 * The pages [start, end) of SEGMENT subsections, and `with_others` of FILE and SHARED ones, as they
 * are before anything is done to them; those of other backings are not written to. LDR_IO_ERROR,
 * also when the headers are no longer those that were judged.
 */
ldr_status ldr__source_pages(const ldr__source *source, const ldr__headers *headers,
                             const ldr__plan *plan, bool with_others, uint64_t start, uint64_t end,
                             uint8_t *ret_bytes);

/*
 * The segment that holds all subsections of `plan` with `backing` (SEGMENT or SHARED) at their RVA,
 * with their content; what lies between stays a hole and costs nothing. SEGMENT holds the content
 * of those that are SHARED as well, and is sealed. `key`: under which it will be published, or
 * NULL. LDR_IO_ERROR when the headers are no longer those that were judged; LDR_NO_MEMORY,
 * LDR_OS_ERROR.
 */
ldr_status ldr__source_segment(const ldr__source *source, const ldr__headers *headers,
                               const ldr__plan *plan, ldr_backing backing,
                               const ldr__registry_key *key, ldr__handle *ret_segment);

#endif
