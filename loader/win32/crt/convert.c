/* crt/convert.c: strtol, atoi, _itoa and their kin: numbers from text and text from numbers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "win32/crt/number.h"

static ldr__crt_text narrow(const char *text)
{
    return (ldr__crt_text){text, false};
}

static ldr__crt_text wide(const WCHAR *text)
{
    return (ldr__crt_text){text, true};
}

/* ---- Integers from text ---- */

static ldr__crt_integer parse(ldr__crt_text text, void *ret_end, int base)
{
    ldr__crt_integer number = {0};
    if (!text.units || base < 0 || base == 1 || base > 36)
        ldr__crt_invalid_parameter(EINVAL);
    else
        number = ldr__crt_read_integer(text, (unsigned)base, SIZE_MAX);
    if (ret_end) {
        size_t unit = text.wide ? sizeof(WCHAR) : 1;
        const void *end = text.units ? (const uint8_t *)text.units + number.used * unit : NULL;
        memcpy(ret_end, &end, sizeof end);
    }
    return number;
}

/* Saturates at the limits of a signed type whose largest value is `max`. */
static int64_t as_signed(ldr__crt_integer number, int64_t max)
{
    uint64_t limit = (uint64_t)max + number.negative;
    if (number.magnitude > limit) {
        ldr__crt_set_errno(ERANGE);
        number.magnitude = limit;
    }
    return (int64_t)(number.negative ? 0 - number.magnitude : number.magnitude);
}

static uint64_t as_unsigned(ldr__crt_integer number, uint64_t max)
{
    if (number.magnitude > max || number.overflow) {
        ldr__crt_set_errno(ERANGE);
        return max;
    }
    return (number.negative ? 0 - number.magnitude : number.magnitude) & max;
}

static LONG LDR_WINAPI guest_strtol(const char *text, char **ret_end, int base)
{
    return (LONG)as_signed(parse(narrow(text), ret_end, base), INT32_MAX);
}

static DWORD LDR_WINAPI guest_strtoul(const char *text, char **ret_end, int base)
{
    return (DWORD)as_unsigned(parse(narrow(text), ret_end, base), UINT32_MAX);
}

static int64_t LDR_WINAPI guest__strtoi64(const char *text, char **ret_end, int base)
{
    return as_signed(parse(narrow(text), ret_end, base), INT64_MAX);
}

static uint64_t LDR_WINAPI guest__strtoui64(const char *text, char **ret_end, int base)
{
    return as_unsigned(parse(narrow(text), ret_end, base), UINT64_MAX);
}

static LONG LDR_WINAPI guest_wcstol(const WCHAR *text, WCHAR **ret_end, int base)
{
    return (LONG)as_signed(parse(wide(text), ret_end, base), INT32_MAX);
}

static DWORD LDR_WINAPI guest_wcstoul(const WCHAR *text, WCHAR **ret_end, int base)
{
    return (DWORD)as_unsigned(parse(wide(text), ret_end, base), UINT32_MAX);
}

static int64_t LDR_WINAPI guest__wcstoi64(const WCHAR *text, WCHAR **ret_end, int base)
{
    return as_signed(parse(wide(text), ret_end, base), INT64_MAX);
}

static uint64_t LDR_WINAPI guest__wcstoui64(const WCHAR *text, WCHAR **ret_end, int base)
{
    return as_unsigned(parse(wide(text), ret_end, base), UINT64_MAX);
}

static int LDR_WINAPI guest_atoi(const char *text)
{
    return guest_strtol(text, NULL, 10);
}

static int64_t LDR_WINAPI guest__atoi64(const char *text)
{
    return guest__strtoi64(text, NULL, 10);
}

static int LDR_WINAPI guest__wtoi(const WCHAR *text)
{
    return guest_wcstol(text, NULL, 10);
}

static int64_t LDR_WINAPI guest__wtoi64(const WCHAR *text)
{
    return guest__wcstoi64(text, NULL, 10);
}

/* ---- Floating point from text ---- */

static double parse_float(ldr__crt_text text, void *ret_end, ldr__crt_flavour flavour)
{
    size_t used = 0;
    double value = 0;
    if (text.units)
        value = ldr__crt_read_float(text, SIZE_MAX, flavour, &used);
    else
        ldr__crt_invalid_parameter(EINVAL);
    if (ret_end) {
        size_t unit = text.wide ? sizeof(WCHAR) : 1;
        const void *end = text.units ? (const uint8_t *)text.units + used * unit : NULL;
        memcpy(ret_end, &end, sizeof end);
    }
    return value;
}

static float to_float(double value)
{
    float result = (float)value;
    if (isinf(result) && !isinf(value))
        ldr__crt_set_errno(ERANGE);
    return result;
}

static double LDR_WINAPI msvcrt_strtod(const char *text, char **ret_end)
{
    return parse_float(narrow(text), ret_end, LDR__CRT_MSVCRT);
}

static double LDR_WINAPI ucrt_strtod(const char *text, char **ret_end)
{
    return parse_float(narrow(text), ret_end, LDR__CRT_UCRT);
}

static double LDR_WINAPI msvcrt_wcstod(const WCHAR *text, WCHAR **ret_end)
{
    return parse_float(wide(text), ret_end, LDR__CRT_MSVCRT);
}

static double LDR_WINAPI ucrt_wcstod(const WCHAR *text, WCHAR **ret_end)
{
    return parse_float(wide(text), ret_end, LDR__CRT_UCRT);
}

static float LDR_WINAPI guest_strtof(const char *text, char **ret_end)
{
    return to_float(parse_float(narrow(text), ret_end, LDR__CRT_UCRT));
}

static float LDR_WINAPI guest_wcstof(const WCHAR *text, WCHAR **ret_end)
{
    return to_float(parse_float(wide(text), ret_end, LDR__CRT_UCRT));
}

static double LDR_WINAPI msvcrt_atof(const char *text)
{
    return parse_float(narrow(text), NULL, LDR__CRT_MSVCRT);
}

static double LDR_WINAPI ucrt_atof(const char *text)
{
    return parse_float(narrow(text), NULL, LDR__CRT_UCRT);
}

static double LDR_WINAPI msvcrt_wtof(const WCHAR *text)
{
    return parse_float(wide(text), NULL, LDR__CRT_MSVCRT);
}

static double LDR_WINAPI ucrt_wtof(const WCHAR *text)
{
    return parse_float(wide(text), NULL, LDR__CRT_UCRT);
}

/* ---- Text from integers ---- */

enum { LONGEST_INTEGER = 66 }; /* 64 binary digits, a sign, the NUL */

/* The digits at the end of `text`; returns where they start. */
static const char *digits(char text[LONGEST_INTEGER], uint64_t value, bool negative, unsigned base)
{
    char *at = text + LONGEST_INTEGER - 1;
    *at = '\0';
    do
        *--at = "0123456789abcdefghijklmnopqrstuvwxyz"[value % base];
    while (value /= base);
    if (negative)
        *--at = '-';
    return at;
}

/* Into a buffer of either width. Returns an errno value. */
static int put_digits(void *out, size_t capacity, bool is_wide, uint64_t value, bool negative,
                      int base)
{
    char text[LONGEST_INTEGER];
    if (!out || capacity == 0 || base < 2 || base > 36) {
        ldr__crt_invalid_parameter(EINVAL);
        return EINVAL;
    }
    const char *from = digits(text, value, negative, (unsigned)base);
    size_t length = strlen(from);
    if (length >= capacity) {
        memset(out, 0, is_wide ? sizeof(WCHAR) : 1);
        ldr__crt_invalid_parameter(ERANGE);
        return ERANGE;
    }
    for (size_t i = 0; i <= length; i++)
        if (is_wide)
            ((WCHAR *)out)[i] = (unsigned char)from[i];
        else
            ((char *)out)[i] = from[i];
    return 0;
}

/* Only a decimal number has a sign; in other bases the bits count. */
static int put_signed(void *out, size_t capacity, bool is_wide, int64_t value, uint64_t mask,
                      int base)
{
    bool negative = base == 10 && value < 0;
    uint64_t magnitude = negative ? 0 - (uint64_t)value : (uint64_t)value & mask;
    return put_digits(out, capacity, is_wide, magnitude, negative, base);
}

#define INTEGER_TO_TEXT(name, unit, type, put, ...)                                      \
    static unit *LDR_WINAPI guest_##name(type value, unit *out, int base)                \
    {                                                                                    \
        put(out, LONGEST_INTEGER, sizeof(unit) == 2, __VA_ARGS__, base);                 \
        return out;                                                                      \
    }                                                                                    \
    static int LDR_WINAPI guest_##name##_s(type value, unit *out, size_t size, int base) \
    {                                                                                    \
        return put(out, size, sizeof(unit) == 2, __VA_ARGS__, base);                     \
    }

INTEGER_TO_TEXT(_itoa, char, int, put_signed, value, UINT32_MAX)
INTEGER_TO_TEXT(_itow, WCHAR, int, put_signed, value, UINT32_MAX)
INTEGER_TO_TEXT(_i64toa, char, int64_t, put_signed, value, UINT64_MAX)
INTEGER_TO_TEXT(_i64tow, WCHAR, int64_t, put_signed, value, UINT64_MAX)
INTEGER_TO_TEXT(_ultoa, char, DWORD, put_digits, value, false)
INTEGER_TO_TEXT(_ultow, WCHAR, DWORD, put_digits, value, false)
INTEGER_TO_TEXT(_ui64toa, char, uint64_t, put_digits, value, false)
INTEGER_TO_TEXT(_ui64tow, WCHAR, uint64_t, put_digits, value, false)

static const ldr_export shared[] = {
    LDR__FN(strtol),
    LDR__FN(strtoul),
    LDR__FN(_strtoi64),
    LDR__FN(_strtoui64),
    LDR__FN(wcstol),
    LDR__FN(wcstoul),
    LDR__FN(_wcstoi64),
    LDR__FN(_wcstoui64),
    LDR__FN(atoi),
    LDR__FN(_atoi64),
    LDR__FN(_wtoi),
    LDR__FN(_wtoi64),
    LDR__FN(_itoa),
    LDR__FN(_itoa_s),
    LDR__FN(_itow),
    LDR__FN(_itow_s),
    LDR__FN(_i64toa),
    LDR__FN(_i64toa_s),
    LDR__FN(_i64tow),
    LDR__FN(_i64tow_s),
    LDR__FN(_ultoa),
    LDR__FN(_ultoa_s),
    LDR__FN(_ultow),
    LDR__FN(_ultow_s),
    LDR__FN(_ui64toa),
    LDR__FN(_ui64toa_s),
    LDR__FN(_ui64tow),
    LDR__FN(_ui64tow_s),
    LDR__FN_AS("atol", guest_atoi),
    LDR__FN_AS("_wtol", guest__wtoi),
    LDR__FN_AS("_ltoa", guest__itoa),
    LDR__FN_AS("_ltoa_s", guest__itoa_s),
    LDR__FN_AS("_ltow", guest__itow),
    LDR__FN_AS("_ltow_s", guest__itow_s),
};
LDR__CRT_TABLES(ldr__crt_convert, shared);

static const ldr_export ucrt_lines[] = {
    LDR__FN(strtof),
    LDR__FN(wcstof),
    LDR__FN_AS("strtod", ucrt_strtod),
    LDR__FN_AS("wcstod", ucrt_wcstod),
    LDR__FN_AS("atof", ucrt_atof),
    LDR__FN_AS("_wtof", ucrt_wtof),
    LDR__FN_AS("strtold", ucrt_strtod),
    LDR__FN_AS("wcstold", ucrt_wcstod),
    LDR__FN_AS("strtoll", guest__strtoi64),
    LDR__FN_AS("strtoull", guest__strtoui64),
    LDR__FN_AS("strtoimax", guest__strtoi64),
    LDR__FN_AS("strtoumax", guest__strtoui64),
    LDR__FN_AS("wcstoll", guest__wcstoi64),
    LDR__FN_AS("wcstoull", guest__wcstoui64),
    LDR__FN_AS("atoll", guest__atoi64),
};
LDR__TABLE(ldr__crt_convert_ucrt_only, "ucrtbase.dll", ucrt_lines);

static const ldr_export msvcrt_lines[] = {
    LDR__FN_AS("strtod", msvcrt_strtod),
    LDR__FN_AS("wcstod", msvcrt_wcstod),
    LDR__FN_AS("atof", msvcrt_atof),
    LDR__FN_AS("_wtof", msvcrt_wtof),
};
LDR__TABLE(ldr__crt_convert_msvcrt_only, "msvcrt.dll", msvcrt_lines);
