#include "cli.h"

#include <stdlib.h>
#include <string.h>

enum { REPLACEMENT = 0xFFFD };

static bool is_surrogate(uint32_t unit)
{
    return unit >= 0xD800 && unit < 0xE000;
}

size_t cli_utf8_decode(const uint8_t *at, size_t size, uint32_t *ret_code_point)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = at[0] < 0x80         ? 1
                    : at[0] >> 5 == 0x06 ? 2
                    : at[0] >> 4 == 0x0E ? 3
                    : at[0] >> 3 == 0x1E ? 4
                                         : 0;
    if (length == 0 || length > size)
        return 0;
    uint32_t code_point = length == 1 ? at[0] : at[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return 0;
        code_point = code_point << 6 | (at[i] & 0x3Fu);
    }
    if (code_point < smallest[length] || code_point > 0x10FFFF || is_surrogate(code_point))
        return 0;
    *ret_code_point = code_point;
    return length;
}

static size_t utf16_encode(uint32_t code_point, uint16_t units[2])
{
    if (code_point < 0x10000) {
        units[0] = (uint16_t)code_point;
        return 1;
    }
    units[0] = (uint16_t)(0xD800 + ((code_point - 0x10000) >> 10));
    units[1] = (uint16_t)(0xDC00 + ((code_point - 0x10000) & 0x3FF));
    return 2;
}

uint16_t *cli_utf16_copy(const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    size_t left = strlen(text);
    uint16_t *copy = calloc(left + 1, sizeof *copy); /* never more units than bytes */
    if (copy == NULL)
        return NULL;
    for (uint16_t *unit = copy; left > 0;) {
        uint32_t code_point = REPLACEMENT;
        size_t length = cli_utf8_decode(at, left, &code_point);
        unit += utf16_encode(code_point, unit);
        length = length > 0 ? length : 1;
        at += length;
        left -= length;
    }
    return copy;
}

static size_t utf8_encode(uint32_t code_point, char bytes[4])
{
    if (code_point < 0x80) {
        bytes[0] = (char)code_point;
        return 1;
    }
    size_t length = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, code_point >>= 6)
        bytes[i] = (char)(0x80 | (code_point & 0x3F));
    bytes[0] = (char)((0xF00 >> length & 0xFF) | code_point);
    return length;
}

/* The code point at `at`, which moves past it; a surrogate without its other half is replaced. */
static uint32_t utf16_decode(const uint16_t **at)
{
    uint32_t unit = *(*at)++;
    if (!is_surrogate(unit))
        return unit;
    bool is_pair = unit < 0xDC00 && **at >= 0xDC00 && **at < 0xE000;
    if (!is_pair)
        return REPLACEMENT;
    return 0x10000 + ((unit - 0xD800) << 10) + (*(*at)++ - 0xDC00u);
}

char *cli_utf8_copy(const uint16_t *text)
{
    size_t units = 0;
    while (text[units] != 0)
        units++;
    char *copy = calloc(3 * units + 1, 1); /* a unit takes three bytes at most */
    if (copy == NULL)
        return NULL;
    for (char *end = copy; *text != 0;)
        end += utf8_encode(utf16_decode(&text), end);
    return copy;
}
