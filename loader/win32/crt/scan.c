/* crt/scan.c: scanf's formats over a text in memory. */
#include "win32/crt/scan.h"

#include <stdio.h>
#include <string.h>

#include "win32/crt/arguments.h"
#include "win32/crt/locale.h"

typedef enum scan_size {
    SIZE_NONE,
    SIZE_CHAR,
    SIZE_SHORT,
    SIZE_LONG,
    SIZE_64,
    SIZE_WIDE
} scan_size;

/* One conversion of the format. */
typedef struct conversion {
    bool suppress;
    size_t width; /* SIZE_MAX: none given */
    scan_size size;
    char type;
    size_t set, set_end; /* of "%[": indices in the format */
    bool inverted;
} conversion;

typedef struct scanner {
    ldr__crt_text text, format;
    size_t limit;     /* units of the text */
    size_t at;        /* in the text */
    size_t format_at; /* in the format */
    uint64_t options;
    ldr__crt_flavour flavour;
    int assigned, converted; /* the latter with what the format suppresses */
    ldr__crt_arguments arguments;
} scanner;

static unsigned text_unit(const scanner *s, size_t index)
{
    if (index >= s->limit)
        return 0;
    return s->text.wide ? ((const WCHAR *)s->text.units)[index]
                        : ((const unsigned char *)s->text.units)[index];
}

static unsigned format_unit(const scanner *s, size_t index)
{
    return s->text.wide ? ((const WCHAR *)s->format.units)[index]
                        : ((const unsigned char *)s->format.units)[index];
}

static bool is_space(unsigned c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_space(scanner *s)
{
    while (is_space(text_unit(s, s->at)))
        s->at++;
}

static bool at_end(const scanner *s)
{
    return s->at >= s->limit || text_unit(s, s->at) == 0;
}

/* ---- The format ---- */

static bool accept(scanner *s, char c)
{
    if (format_unit(s, s->format_at) != (unsigned char)c)
        return false;
    s->format_at++;
    return true;
}

static scan_size read_size(scanner *s)
{
    if (accept(s, 'h'))
        return accept(s, 'h') ? SIZE_CHAR : SIZE_SHORT;
    if (accept(s, 'l'))
        return accept(s, 'l') ? SIZE_64 : SIZE_LONG;
    if (accept(s, 'I')) {
        if (accept(s, '3'))
            return accept(s, '2') ? SIZE_NONE : SIZE_64;
        if (accept(s, '6'))
            accept(s, '4');
        return SIZE_64;
    }
    if (accept(s, 'z') || accept(s, 't') || accept(s, 'j'))
        return SIZE_64;
    if (accept(s, 'w'))
        return SIZE_WIDE;
    return accept(s, 'L') ? SIZE_LONG : SIZE_NONE;
}

/* Behind "%[": the set's limits; a bracket that comes first belongs to it. */
static bool read_set(scanner *s, conversion *c)
{
    c->inverted = accept(s, '^');
    c->set = s->format_at;
    accept(s, ']');
    while (format_unit(s, s->format_at) && format_unit(s, s->format_at) != ']')
        s->format_at++;
    c->set_end = s->format_at;
    return accept(s, ']');
}

static bool read_conversion(scanner *s, conversion *ret_conversion)
{
    conversion c = {.width = SIZE_MAX};
    c.suppress = accept(s, '*');
    for (unsigned d; (d = format_unit(s, s->format_at) - '0') <= 9; s->format_at++) {
        size_t before = c.width == SIZE_MAX ? 0 : c.width;
        c.width = before < SIZE_MAX / 16 ? before * 10 + d : before;
    }
    c.size = read_size(s);
    unsigned type = format_unit(s, s->format_at);
    if (!type)
        return false;
    s->format_at++;
    c.type = type < 0x80 ? (char)type : '?';
    if (c.type == '[' && !read_set(s, &c))
        return false;
    *ret_conversion = c;
    return true;
}

static bool in_set(const scanner *s, const conversion *c, unsigned unit)
{
    bool found = false;
    for (size_t i = c->set; !found && i < c->set_end; i++) {
        unsigned low = format_unit(s, i), high = low;
        if (i + 2 < c->set_end && format_unit(s, i + 1) == '-') {
            high = format_unit(s, i + 2);
            i += 2;
        }
        found = unit >= low && unit <= high;
    }
    return found != c->inverted;
}

/* ---- Numbers ---- */

static size_t number_limit(const scanner *s, const conversion *c)
{
    size_t left = s->limit - s->at;
    return c->width < left ? c->width : left;
}

static ldr__crt_text rest(const scanner *s)
{
    size_t unit = s->text.wide ? sizeof(WCHAR) : 1;
    return (ldr__crt_text){(const uint8_t *)s->text.units + s->at * unit, s->text.wide};
}

static void store(scanner *s, uint64_t value, size_t bytes)
{
    void *to = ldr__crt_pointer_argument(&s->arguments);
    memcpy(to, &value, bytes);
    s->assigned++;
}

static size_t integer_bytes(const conversion *c)
{
    if (c->type == 'p' || c->size == SIZE_64)
        return 8;
    return c->size == SIZE_SHORT ? 2 : c->size == SIZE_CHAR ? 1 : 4;
}

static bool scan_integer(scanner *s, const conversion *c, unsigned base)
{
    skip_space(s);
    ldr__crt_integer number = ldr__crt_read_integer(rest(s), base, number_limit(s, c));
    if (number.used == 0)
        return false;
    s->at += number.used;
    if (!c->suppress)
        store(s, number.negative ? 0 - number.magnitude : number.magnitude, integer_bytes(c));
    return true;
}

static bool scan_float(scanner *s, const conversion *c)
{
    size_t used;
    skip_space(s);
    double value = ldr__crt_read_float(rest(s), number_limit(s, c), s->flavour, &used);
    if (used == 0)
        return false;
    s->at += used;
    if (c->suppress)
        return true;
    uint64_t bits = 0;
    float narrow = (float)value;
    bool is_double = c->size == SIZE_LONG || c->size == SIZE_64;
    if (is_double)
        memcpy(&bits, &value, sizeof value);
    else
        memcpy(&bits, &narrow, sizeof narrow);
    store(s, bits, is_double ? sizeof value : sizeof narrow);
    return true;
}

/* ---- Strings ---- */

static bool argument_is_wide(const scanner *s, const conversion *c)
{
    if (c->size == SIZE_SHORT)
        return false;
    if (c->size == SIZE_LONG || c->size == SIZE_WIDE)
        return true;
    bool upper = c->type == 'S' || c->type == 'C';
    return s->text.wide && s->options & LDR__CRT_SCANF_LEGACY_WIDE ? !upper : upper;
}

/* Units from the text into a buffer of either width; the units that it has then, -1 on failure. */
static int64_t copy_units(const scanner *s, size_t count, void *to, bool wide, size_t capacity)
{
    bool utf8 = ldr__crt_is_utf8(ldr__crt_self());
    size_t out = 0;
    for (size_t i = 0; i < count;) {
        WCHAR units[2];
        char bytes[4];
        size_t used = 1;
        int made = 1;
        units[0] = (WCHAR)text_unit(s, s->at + i);
        bytes[0] = (char)units[0];
        if (s->text.wide && !wide)
            made = ldr__crt_encode(utf8, (const WCHAR *)s->text.units + s->at + i, count - i, bytes,
                                   &used);
        else if (!s->text.wide && wide)
            made = ldr__crt_decode(utf8, (const char *)s->text.units + s->at + i, count - i, units,
                                   &used);
        if (made < 0 || (size_t)made > capacity - out)
            return -1;
        if (wide)
            memcpy((WCHAR *)to + out, units, (size_t)made * sizeof *units);
        else
            memcpy((char *)to + out, bytes, (size_t)made);
        out += (size_t)made;
        i += used;
    }
    return (int64_t)out;
}

static bool store_units(scanner *s, const conversion *c, size_t count, bool terminate)
{
    if (c->suppress)
        return true;
    bool wide = argument_is_wide(s, c);
    void *to = ldr__crt_pointer_argument(&s->arguments);
    size_t capacity = SIZE_MAX;
    if (s->options & LDR__CRT_SCANF_SECURE)
        capacity = (uint32_t)ldr__crt_argument(&s->arguments);
    int64_t copied = -1;
    if (capacity > (size_t)terminate)
        copied = copy_units(s, count, to, wide, capacity - terminate);
    if (copied < 0 && capacity)
        memset(to, 0, wide ? sizeof(WCHAR) : 1);
    if (copied < 0)
        return ldr__crt_set_errno(ENOMEM), false;
    if (terminate && wide)
        ((WCHAR *)to)[copied] = 0;
    else if (terminate)
        ((char *)to)[copied] = 0;
    s->assigned++;
    return true;
}

static bool scan_characters(scanner *s, const conversion *c)
{
    size_t count = c->width == SIZE_MAX ? 1 : c->width;
    for (size_t i = 0; i < count; i++)
        if (s->at + i >= s->limit || text_unit(s, s->at + i) == 0)
            return false;
    bool stored = store_units(s, c, count, false);
    s->at += count;
    return stored;
}

static bool scan_string(scanner *s, const conversion *c)
{
    size_t count = 0;
    if (c->type != '[')
        skip_space(s);
    for (; count < c->width; count++) {
        unsigned unit = text_unit(s, s->at + count);
        if (!unit || (c->type == '[' ? !in_set(s, c, unit) : is_space(unit)))
            break;
    }
    if (count == 0)
        return false;
    bool stored = store_units(s, c, count, true);
    s->at += count;
    return stored;
}

/* ---- Conversions ---- */

static bool scan_conversion(scanner *s, const conversion *c)
{
    switch (c->type) {
    case 'd':
    case 'u':
        return scan_integer(s, c, 10);
    case 'i':
        return scan_integer(s, c, 0);
    case 'o':
        return scan_integer(s, c, 8);
    case 'x':
    case 'X':
    case 'p':
        return scan_integer(s, c, 16);
    case 'a':
    case 'A':
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
        return scan_float(s, c);
    case 's':
    case 'S':
    case '[':
        return scan_string(s, c);
    case 'c':
    case 'C':
        return scan_characters(s, c);
    default:
        return false;
    }
}

/* The number of units read so far: no conversion, so it does not count as one. */
static void store_position(scanner *s, const conversion *c)
{
    if (c->suppress)
        return;
    store(s, s->at, integer_bytes(c));
    s->assigned--;
}

static bool match_literal(scanner *s, unsigned unit)
{
    if (text_unit(s, s->at) != unit || at_end(s))
        return false;
    s->at++;
    return true;
}

/* False when the text does not go on as the format says. */
static bool step(scanner *s)
{
    unsigned unit = format_unit(s, s->format_at++);
    if (is_space(unit)) {
        skip_space(s);
        return true;
    }
    if (unit != '%')
        return match_literal(s, unit);
    if (accept(s, '%')) {
        skip_space(s);
        return match_literal(s, '%');
    }
    conversion c;
    if (!read_conversion(s, &c))
        return false;
    if (c.type == 'n') {
        store_position(s, &c);
        return true;
    }
    if (!scan_conversion(s, &c))
        return false;
    s->converted++;
    return true;
}

int ldr__crt_scan(ldr__crt_text text, size_t limit, const void *format, uint64_t options,
                  ldr__crt_flavour flavour, __builtin_ms_va_list arguments)
{
    scanner s = {.text = text,
                 .format = {format, text.wide},
                 .limit = limit,
                 .options = options,
                 .flavour = flavour,
                 .arguments = {arguments}};
    bool matching = true;
    while (matching && format_unit(&s, s.format_at))
        matching = step(&s);
    skip_space(&s);
    return !matching && s.converted == 0 && at_end(&s) ? EOF : s.assigned;
}
