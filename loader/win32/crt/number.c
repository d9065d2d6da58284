/* crt/number.c: the readers behind strtol, strtod and scanf. */
#include "win32/crt/number.h"

#include <stdlib.h>
#include <string.h>

static unsigned unit_at(ldr__crt_text text, size_t index, size_t limit)
{
    if (index >= limit)
        return 0;
    return text.wide ? ((const WCHAR *)text.units)[index]
                     : ((const unsigned char *)text.units)[index];
}

static bool is_space(unsigned c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static unsigned digit_value(unsigned c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'Z' ? c - 'A' + 10 : UINT32_MAX;
}

static size_t skip_prefix(ldr__crt_text text, size_t at, size_t limit, unsigned *base)
{
    bool zero = unit_at(text, at, limit) == '0';
    bool x = zero && (unit_at(text, at + 1, limit) | 0x20) == 'x' &&
             digit_value(unit_at(text, at + 2, limit)) < 16;
    if (*base == 0)
        *base = x ? 16 : zero ? 8 : 10;
    return *base == 16 && x ? at + 2 : at;
}

ldr__crt_integer ldr__crt_read_integer(ldr__crt_text text, unsigned base, size_t limit)
{
    ldr__crt_integer number = {0};
    size_t at = 0;
    while (is_space(unit_at(text, at, limit)))
        at++;
    unsigned sign = unit_at(text, at, limit);
    number.negative = sign == '-';
    if (sign == '-' || sign == '+')
        at++;
    at = skip_prefix(text, at, limit, &base);
    for (unsigned digit; (digit = digit_value(unit_at(text, at, limit))) < base; at++) {
        number.overflow |= __builtin_mul_overflow(number.magnitude, base, &number.magnitude) ||
                           __builtin_add_overflow(number.magnitude, digit, &number.magnitude);
        number.used = at + 1;
    }
    if (number.overflow)
        number.magnitude = UINT64_MAX;
    return number;
}

/* ---- Floating point ---- */

static size_t count_digits(ldr__crt_text text, size_t at, size_t limit, unsigned base)
{
    size_t count = 0;
    while (digit_value(unit_at(text, at + count, limit)) < base)
        count++;
    return count;
}

/* Where a number that starts at `at` ends; `at` itself if there is none. */
static size_t end_of_float(ldr__crt_text text, size_t at, size_t limit, ldr__crt_flavour flavour)
{
    size_t start = at;
    unsigned sign = unit_at(text, at, limit);
    if (sign == '-' || sign == '+')
        at++;
    unsigned base = 16;
    size_t digits_at = flavour == LDR__CRT_UCRT ? skip_prefix(text, at, limit, &base) : at;
    base = digits_at > at ? 16 : 10;
    size_t whole = count_digits(text, digits_at, limit, base);
    at = digits_at + whole;
    size_t fraction = 0;
    if (unit_at(text, at, limit) == '.') {
        fraction = count_digits(text, at + 1, limit, base);
        if (whole + fraction > 0)
            at += 1 + fraction;
    }
    if (whole + fraction == 0)
        return start;
    if ((unit_at(text, at, limit) | 0x20) != (base == 16 ? 'p' : 'e'))
        return at;
    unsigned exponent_sign = unit_at(text, at + 1, limit);
    size_t skip = exponent_sign == '-' || exponent_sign == '+' ? 2 : 1;
    size_t exponent = count_digits(text, at + skip, limit, 10);
    return exponent ? at + skip + exponent : at;
}

/* "inf", "infinity" and "nan", which have no digits. */
static size_t end_of_word(ldr__crt_text text, size_t at, size_t limit)
{
    static const char *const words[] = {"infinity", "inf", "nan"};
    unsigned sign = unit_at(text, at, limit);
    size_t start = sign == '-' || sign == '+' ? at + 1 : at;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t length = 0;
        while (words[i][length] &&
               (unit_at(text, start + length, limit) | 0x20) == (unsigned char)words[i][length])
            length++;
        if (!words[i][length])
            return start + length;
    }
    return at;
}

static double convert(ldr__crt_text text, size_t from, size_t to)
{
    char small[128];
    size_t length = to - from;
    char *copy = length < sizeof small ? small : malloc(length + 1);
    if (!copy) {
        ldr__crt_set_errno(ENOMEM);
        return 0;
    }
    for (size_t i = 0; i < length; i++)
        copy[i] = (char)unit_at(text, from + i, to);
    copy[length] = '\0';
    errno = 0;
    locale_t before = uselocale(ldr__crt_self()->unicode);
    double value = strtod(copy, NULL);
    uselocale(before);
    if (errno == ERANGE)
        ldr__crt_set_errno(ERANGE);
    if (copy != small)
        free(copy);
    return value;
}

double ldr__crt_read_float(ldr__crt_text text, size_t limit, ldr__crt_flavour flavour,
                           size_t *ret_used)
{
    size_t start = 0;
    while (is_space(unit_at(text, start, limit)))
        start++;
    size_t end = end_of_float(text, start, limit, flavour);
    if (end == start && flavour == LDR__CRT_UCRT)
        end = end_of_word(text, start, limit);
    *ret_used = end > start ? end : 0;
    return end > start ? convert(text, start, end) : 0;
}
