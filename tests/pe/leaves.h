/*
 * leaves.h: resource leaves made by hand, for tests of what decodes them.
 */
#ifndef PELOAD_TESTS_LEAVES_H
#define PELOAD_TESTS_LEAVES_H

#include <peload/pe.h>

/* Where test leaves lie. */
enum { LEAF_RVA = 0x3000 };

/* Bytes under construction. Running over them fails the test. */
typedef struct leaf_bytes {
    uint8_t data[0x1000];
    uint32_t size;
} leaf_bytes;

/* Each returns the offset of what it appended. */
uint32_t put_u16(leaf_bytes *bytes, uint16_t value);
uint32_t put_u32(leaf_bytes *bytes, uint32_t value);
uint32_t put_bytes(leaf_bytes *bytes, const void *data, uint32_t size);
/* ASCII as UTF-16, with or without a terminator. */
uint32_t put_text(leaf_bytes *bytes, const char *text);
uint32_t put_text_z(leaf_bytes *bytes, const char *text);
void put_alignment(leaf_bytes *bytes, uint32_t alignment);
void set_u16(leaf_bytes *bytes, uint32_t offset, uint16_t value);
void set_u32(leaf_bytes *bytes, uint32_t offset, uint32_t value);

/* A leaf of its own copy of the bytes, in a block of their size; released with leaf_free. */
pe_resource_leaf leaf_make(const leaf_bytes *bytes);
/* The same, but what is behind the first `stored` bytes is zero fill. */
pe_resource_leaf leaf_make_filled(const leaf_bytes *bytes, uint32_t stored);
void leaf_free(pe_resource_leaf *leaf);

/* True if the text is `expected`, in ASCII. */
bool utf16_is(const pe_utf16 *text, const char *expected);

#endif
