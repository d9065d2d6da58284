/* frames.h: unwind tables of x64 as DWARF call frame information. */
#ifndef PELOAD_MODULES_DEBUG_FRAMES_H
#define PELOAD_MODULES_DEBUG_FRAMES_H

#include "modules/debug/symbols.h"

/* Bytes that grow. All zeros is empty. Once there is no memory, nothing more is added. */
typedef struct ldr__bytes {
    uint8_t *data;
    uint64_t size, capacity;
    bool has_failed;
} ldr__bytes;

void ldr__bytes_add(ldr__bytes *bytes, const void *data, uint64_t size);
void ldr__bytes_number(ldr__bytes *bytes, uint64_t value, uint32_t size); /* little-endian */

/*
 * The contents of a section .debug_frame for the functions of a module: what their prologs do, code
 * by code. Epilogs are not described: there is no frame in them. Functions whose unwind data is
 * broken, or chained beyond what is followed, are left out, and those that a hostile image has too
 * many of (ldr__debug_image).
 */
void ldr__frames_make(const ldr_module *module, ldr__bytes *bytes);

#endif
