/* copy.h: tables of a view that are read from private memory, because the view's may change. */
#ifndef PELOAD_IMAGE_COPY_H
#define PELOAD_IMAGE_COPY_H

#include "section/view.h"

/*
 * `image` is the view's, to be read inside one range only: there its bytes cannot change, nor
 * vanish with the end of a file.
 */
typedef struct ldr__copy {
    pe_image image;
    uint8_t *bytes;      /* allocated; NULL: the view itself is as safe */
    uint64_t start, end; /* RVAs of the first and behind the last of them */
} ldr__copy;

/*
 * Copies the pages of [rva, rva + size), as far as they are in the image, if some of them are the
 * file's own or shared memory. The caller releases it. LDR_IO_ERROR when a page is gone,
 * LDR_NO_MEMORY, LDR_OS_ERROR.
 */
ldr_status ldr__copy_range(const ldr_view *view, uint64_t rva, uint64_t size, ldr__copy *ret_copy);

/* How many bytes that would have to copy: sections may share theirs, so that the file has fewer. */
uint64_t ldr__copy_cost(const ldr_view *view, uint64_t rva, uint64_t size);

/* What a copy has of [rva, rva + size) becomes `bytes`. */
void ldr__copy_update(ldr__copy *copy, uint64_t rva, const uint8_t *bytes, uint64_t size);

/* Takes one that is all zeros, too. */
void ldr__copy_release(ldr__copy *copy);

#endif
