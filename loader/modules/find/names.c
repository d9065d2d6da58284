#include "modules/find/names.h"

#include <string.h>

static const struct {
    uint16_t first, last, step;
    int32_t difference;
} upper_cases[] = {
#include "modules/find/upcase.inc"
};

enum { UPPER_CASE_ROWS = sizeof(upper_cases) / sizeof(upper_cases[0]), NOT_TEXT = 0x110000 };

static uint32_t upcase(uint32_t c)
{
    size_t low = 0, high = UPPER_CASE_ROWS;
    if (c < 0x80)
        return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (upper_cases[middle].last < c)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == UPPER_CASE_ROWS || c < upper_cases[low].first ||
        (c - upper_cases[low].first) % upper_cases[low].step != 0)
        return c;
    return (uint32_t)((int32_t)c + upper_cases[low].difference);
}

/* How many bytes follow the first one of a sequence; -1 if it is no first byte. */
static int followers(uint8_t byte)
{
    if (byte < 0x80)
        return 0;
    if (byte >= 0xC2 && byte <= 0xDF)
        return 1;
    if (byte >= 0xE0 && byte <= 0xEF)
        return 2;
    return byte >= 0xF0 && byte <= 0xF4 ? 3 : -1;
}

/* The next code point of a NUL-terminated text, or NOT_TEXT + a byte that is not UTF-8. */
static uint32_t next(const char **at)
{
    static const uint32_t lowest[] = {0, 0x80, 0x800, 0x10000};
    const uint8_t *bytes = (const uint8_t *)*at;
    int count = followers(bytes[0]);
    uint32_t c = count > 0 ? bytes[0] & (0x3Fu >> count) : bytes[0];
    bool valid = count >= 0;
    for (int i = 1; i <= count && valid; i++) {
        valid = (bytes[i] & 0xC0) == 0x80;
        c = c << 6 | (bytes[i] & 0x3Fu);
    }
    if (valid)
        valid = c >= lowest[count] && c < NOT_TEXT && (c < 0xD800 || c > 0xDFFF);
    *at += valid ? count + 1 : 1;
    return valid ? c : NOT_TEXT + (uint32_t)bytes[0];
}

bool ldr__same_name(const char *a, const char *b)
{
    uint32_t x, y;
    do {
        x = upcase(next(&a));
        y = upcase(next(&b));
    } while (x == y && x != 0);
    return x == y;
}

uint64_t ldr__name_hash(const char *name, uint64_t seed)
{
    uint64_t hash = seed;
    while (*name != '\0') {
        hash = (hash ^ upcase(next(&name))) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 32;
    }
    return hash;
}

bool ldr__name_starts(const char *name, const char *prefix)
{
    while (*prefix != '\0' && upcase((uint8_t)*name) == upcase((uint8_t)*prefix)) {
        name++;
        prefix++;
    }
    return *prefix == '\0';
}

const char *ldr__base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *ldr__guest_base_name(const char *path)
{
    const char *base = path;
    for (const char *c = path; *c; c++) {
        if (*c == '/' || *c == '\\')
            base = c + 1;
    }
    return base;
}
