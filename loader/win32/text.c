#include <stdlib.h>
#include <string.h>

#include "win32/win32.h"

enum { REPLACEMENT = 0xFFFD };

size_t ldr__wcslen(const WCHAR *text)
{
    size_t length = 0;
    while (text[length] != 0)
        length++;
    return length;
}

/* How many continuation bytes follow a lead byte, and which code points need that many; -1 if it
 * cannot lead. */
static int lead_byte(uint8_t lead, uint32_t *ret_bits, uint32_t *ret_lowest)
{
    static const struct {
        uint8_t mask, pattern;
        uint32_t lowest;
    } forms[] = {{0x80, 0x00, 0}, {0xE0, 0xC0, 0x80}, {0xF0, 0xE0, 0x800}, {0xF8, 0xF0, 0x10000}};
    for (int more = 0; more < 4; more++) {
        if ((lead & forms[more].mask) == forms[more].pattern) {
            *ret_bits = lead & (uint8_t)~forms[more].mask;
            *ret_lowest = forms[more].lowest;
            return more;
        }
    }
    return -1;
}

/* The code point at *at, which moves past it; REPLACEMENT (after one byte) for what is none. */
static uint32_t next_utf8(const uint8_t *text, size_t length, size_t *at)
{
    uint32_t point, lowest;
    int more = lead_byte(text[*at], &point, &lowest);
    size_t start = (*at)++;
    if (more < 0 || (size_t)more >= length - start)
        return REPLACEMENT;
    for (int i = 1; i <= more; i++) {
        uint8_t byte = text[start + (size_t)i];
        if ((byte & 0xC0) != 0x80)
            return REPLACEMENT;
        point = point << 6 | (byte & 0x3F);
    }
    if (point < lowest || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000))
        return REPLACEMENT;
    *at = start + (size_t)more + 1;
    return point;
}

size_t ldr__utf8_to_utf16(const char *text, size_t length, WCHAR *ret_text, size_t capacity)
{
    size_t at = 0, units = 0;
    while (at < length) {
        uint32_t point = next_utf8((const uint8_t *)text, length, &at);
        size_t need = point >= 0x10000 ? 2 : 1;
        if (ret_text != NULL) {
            if (capacity - units < need)
                break;
            if (need == 2) {
                ret_text[units] = (WCHAR)(0xD800 + ((point - 0x10000) >> 10));
                ret_text[units + 1] = (WCHAR)(0xDC00 + ((point - 0x10000) & 0x3FF));
            } else {
                ret_text[units] = (WCHAR)point;
            }
        }
        units += need;
    }
    return units;
}

static uint32_t next_utf16(const WCHAR *text, size_t length, size_t *at)
{
    uint32_t unit = text[(*at)++];
    if (unit < 0xD800 || unit >= 0xE000)
        return unit;
    if (unit >= 0xDC00 || *at >= length || text[*at] < 0xDC00 || text[*at] >= 0xE000)
        return REPLACEMENT;
    return 0x10000 + ((unit - 0xD800) << 10) + (uint32_t)(text[(*at)++] - 0xDC00);
}

static size_t put_utf8(uint32_t point, char out[4])
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    size_t more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    static const uint8_t leads[] = {0, 0xC0, 0xE0, 0xF0};
    out[0] = (char)(leads[more] | point >> (6 * more));
    for (size_t i = 1; i <= more; i++)
        out[i] = (char)(0x80 | (point >> (6 * (more - i)) & 0x3F));
    return more + 1;
}

size_t ldr__utf16_to_utf8(const WCHAR *text, size_t length, char *ret_text, size_t capacity)
{
    size_t at = 0, bytes = 0;
    while (at < length) {
        char sequence[4];
        size_t need = put_utf8(next_utf16(text, length, &at), sequence);
        if (ret_text != NULL) {
            if (capacity - bytes < need)
                break;
            memcpy(ret_text + bytes, sequence, need);
        }
        bytes += need;
    }
    return bytes;
}

bool ldr__utf8_valid(const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t start = at;
        if (next_utf8((const uint8_t *)text, length, &at) == REPLACEMENT && at - start != 3)
            return false;
    }
    return true;
}

bool ldr__utf16_valid(const WCHAR *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        WCHAR unit = text[at];
        if (next_utf16(text, length, &at) == REPLACEMENT && unit != REPLACEMENT)
            return false;
    }
    return true;
}

WCHAR *ldr__utf16_from(const char *text)
{
    size_t length = strlen(text), units = ldr__utf8_to_utf16(text, length, NULL, 0);
    WCHAR *copy = malloc((units + 1) * sizeof *copy);
    if (copy != NULL)
        copy[ldr__utf8_to_utf16(text, length, copy, units)] = 0;
    return copy;
}

char *ldr__utf8_from(const WCHAR *text)
{
    size_t length = ldr__wcslen(text), bytes = ldr__utf16_to_utf8(text, length, NULL, 0);
    char *copy = malloc(bytes + 1);
    if (copy != NULL)
        copy[ldr__utf16_to_utf8(text, length, copy, bytes)] = 0;
    return copy;
}
