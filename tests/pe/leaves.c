#include "leaves.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

uint32_t put_bytes(leaf_bytes *bytes, const void *data, uint32_t size)
{
    uint32_t start = bytes->size;
    cr_assert_leq(size, sizeof bytes->data - start);
    if (size != 0)
        memcpy(bytes->data + start, data, size);
    bytes->size += size;
    return start;
}

uint32_t put_u16(leaf_bytes *bytes, uint16_t value)
{
    uint8_t raw[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    return put_bytes(bytes, raw, sizeof raw);
}

uint32_t put_u32(leaf_bytes *bytes, uint32_t value)
{
    uint32_t start = put_u16(bytes, (uint16_t)value);
    put_u16(bytes, (uint16_t)(value >> 16));
    return start;
}

uint32_t put_text(leaf_bytes *bytes, const char *text)
{
    uint32_t start = bytes->size;
    for (; *text != '\0'; text++)
        put_u16(bytes, (uint8_t)*text);
    return start;
}

uint32_t put_text_z(leaf_bytes *bytes, const char *text)
{
    uint32_t start = put_text(bytes, text);
    put_u16(bytes, 0);
    return start;
}

void put_alignment(leaf_bytes *bytes, uint32_t alignment)
{
    while (bytes->size % alignment != 0)
        put_bytes(bytes, "", 1);
}

void set_u16(leaf_bytes *bytes, uint32_t offset, uint16_t value)
{
    leaf_bytes copy = {.size = offset};
    put_u16(&copy, value);
    memcpy(bytes->data + offset, copy.data + offset, 2);
}

void set_u32(leaf_bytes *bytes, uint32_t offset, uint32_t value)
{
    set_u16(bytes, offset, (uint16_t)value);
    set_u16(bytes, offset + 2, (uint16_t)(value >> 16));
}

pe_resource_leaf leaf_make_filled(const leaf_bytes *bytes, uint32_t stored)
{
    uint8_t *copy = malloc(stored == 0 ? 1 : stored);
    cr_assert_not_null(copy);
    memcpy(copy, bytes->data, stored);
    return (pe_resource_leaf){
        .rva = {LEAF_RVA}, .size = bytes->size, .status = PE_OK, .bytes = {copy, stored}};
}

pe_resource_leaf leaf_make(const leaf_bytes *bytes)
{
    return leaf_make_filled(bytes, bytes->size);
}

void leaf_free(pe_resource_leaf *leaf)
{
    free((void *)(uintptr_t)leaf->bytes.data);
    *leaf = (pe_resource_leaf){0};
}

bool utf16_is(const pe_utf16 *text, const char *expected)
{
    size_t length = strlen(expected);
    for (uint32_t i = 0; i < text->length && i < length; i++) {
        if (pe_utf16_unit(text, i) != (uint8_t)expected[i])
            return false;
    }
    return text->length == length;
}
