/* aslr.h: where Windows puts an image that may lie anywhere (rule C.10). */
#ifndef PELOAD_ASLR_H
#define PELOAD_ASLR_H

#include "os/os.h"

/* What decides the bases of a section: the process and the file. */
typedef struct ldr__aslr {
    bool applies;
    uint64_t seed;
} ldr__aslr;

/*
 * The same for every section of a file as long as the process lives, and for its children. `id` is
 * NULL for a buffer, of which `name` and the headers take its place.
 */
ldr__aslr ldr__aslr_of(const pe_image *image, ldr_aslr policy, const ldr__file_id *id,
                       const char *name);

enum { LDR__ASLR_ATTEMPTS = 16 };

/* The base to try as the `attempt`th (< LDR__ASLR_ATTEMPTS): a multiple of 64 KiB in user space. */
uint64_t ldr__aslr_base(const pe_image *image, const ldr__aslr *aslr, unsigned attempt);

#endif
