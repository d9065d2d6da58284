/* crt/format.c: format strings. */
#include "win32/crt/format.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "win32/crt/format_spec.h"
#include "win32/crt/locale.h"

const ldr__crt_format_style ldr__crt_msvcrt_style = {
    LDR__CRT_MSVCRT, LDR__CRT_PRINTF_LEGACY_WIDE | LDR__CRT_PRINTF_THREE_DIGIT_EXPONENTS};

typedef struct formatter {
    ldr__crt_sink *sink;
    ldr__crt_format_cursor cursor;
    ldr__crt_format_style style;
    bool utf8;
    int64_t written;
} formatter;

/* ---- Output ---- */

static bool put(formatter *f, const void *units, size_t count)
{
    f->written += (int64_t)count;
    if (f->written > INT_MAX) {
        ldr__crt_set_errno(LDR__CRT_EOVERFLOW);
        return false;
    }
    return count == 0 || f->sink->put(f->sink, units, count);
}

/* ASCII into either width. */
static bool put_ascii(formatter *f, const char *text, size_t length)
{
    if (!f->sink->wide)
        return put(f, text, length);
    WCHAR units[64];
    while (length > 0) {
        size_t count = length < 64 ? length : 64;
        for (size_t i = 0; i < count; i++)
            units[i] = (unsigned char)text[i];
        if (!put(f, units, count))
            return false;
        text += count;
        length -= count;
    }
    return true;
}

static bool repeat(formatter *f, char c, int64_t count)
{
    char run[64];
    memset(run, c, sizeof run);
    for (; count > 0; count -= (int64_t)sizeof run)
        if (!put_ascii(f, run, count < (int64_t)sizeof run ? (size_t)count : sizeof run))
            return false;
    return true;
}

/* A sign or radix prefix, zeros and digits in a field. */
static bool put_number(formatter *f, const ldr__crt_spec *s, const ldr__crt_number *number,
                       int64_t zeros)
{
    size_t prefix = strlen(number->prefix), text = strlen(number->text);
    size_t tail = strlen(number->tail);
    int64_t length = (int64_t)(prefix + text + tail + number->zeros) + zeros;
    int64_t pad = s->width > length ? s->width - length : 0;
    if (s->zero && !s->left && number->finite) {
        zeros += pad;
        pad = 0;
    }
    return (s->left || repeat(f, ' ', pad)) && put_ascii(f, number->prefix, prefix) &&
           repeat(f, '0', zeros) && put_ascii(f, number->text, text) &&
           repeat(f, '0', (int64_t)number->zeros) && put_ascii(f, number->tail, tail) &&
           (!s->left || repeat(f, ' ', pad));
}

/* ---- Integers ---- */

static uint64_t read_integer(formatter *f, const ldr__crt_spec *s, bool is_signed)
{
    if (s->size == LDR__CRT_SIZE_64)
        return ldr__crt_argument(&f->cursor.arguments);
    int32_t value = (int32_t)ldr__crt_argument(&f->cursor.arguments);
    if (s->size == LDR__CRT_SIZE_SHORT)
        value = is_signed ? (int16_t)value : (uint16_t)value;
    else if (s->size == LDR__CRT_SIZE_CHAR)
        value = is_signed ? (int8_t)value : (uint8_t)value;
    return is_signed ? (uint64_t)(int64_t)value : (uint32_t)value;
}

static size_t digits_of(uint64_t value, unsigned radix, bool upper, char *ret_text)
{
    const char *alphabet = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char reversed[24];
    size_t count = 0;
    for (; value; value /= radix)
        reversed[count++] = alphabet[value % radix];
    for (size_t i = 0; i < count; i++)
        ret_text[i] = reversed[count - 1 - i];
    ret_text[count] = '\0';
    return count;
}

/* Digits with at least as many as precision asks for; a precision switches the flag 0 off. */
static bool put_digits(formatter *f, ldr__crt_spec s, ldr__crt_number *number, uint64_t value,
                       unsigned radix, bool upper)
{
    size_t count = digits_of(value, radix, upper, number->text);
    int precision = s.precision < 0 ? 1 : s.precision;
    if (s.precision >= 0)
        s.zero = false;
    if (radix == 8 && s.alternate && precision <= (int)count)
        precision = (int)count + 1;
    return put_number(f, &s, number, precision > (int)count ? precision - (int)count : 0);
}

static bool put_signed(formatter *f, const ldr__crt_spec *s)
{
    ldr__crt_number number = {.finite = true};
    int64_t value = (int64_t)read_integer(f, s, true);
    number.prefix[0] = value < 0 ? '-' : s->plus ? '+' : s->space ? ' ' : '\0';
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    return put_digits(f, *s, &number, magnitude, 10, false);
}

static bool put_unsigned(formatter *f, const ldr__crt_spec *s)
{
    ldr__crt_number number = {.finite = true};
    uint64_t value = read_integer(f, s, false);
    bool hexadecimal = s->conversion == 'x' || s->conversion == 'X';
    if (hexadecimal && s->alternate && value) {
        number.prefix[0] = '0';
        number.prefix[1] = s->conversion;
    }
    unsigned radix = hexadecimal ? 16 : s->conversion == 'o' ? 8 : 10;
    return put_digits(f, *s, &number, value, radix, s->conversion == 'X');
}

/* All digits of an address, whatever the precision. */
static bool put_pointer(formatter *f, const ldr__crt_spec *s)
{
    ldr__crt_number number = {.finite = true};
    ldr__crt_spec fixed = *s;
    fixed.precision = 2 * (int)sizeof(void *);
    uint64_t address = ldr__crt_argument(&f->cursor.arguments);
    if (s->alternate && address)
        memcpy(number.prefix, "0X", 3);
    return put_digits(f, fixed, &number, address, 16, true);
}

static bool put_float(formatter *f, const ldr__crt_spec *s)
{
    ldr__crt_number number;
    double value = ldr__crt_double_argument(&f->cursor.arguments);
    ldr__crt_float_request request = {s->conversion, s->precision, s->alternate, f->style};
    ldr__crt_format_float(value, &request, &number);
    char sign = signbit(value) ? '-' : s->plus ? '+' : s->space ? ' ' : '\0';
    if (sign) {
        memmove(number.prefix + 1, number.prefix, sizeof number.prefix - 1);
        number.prefix[0] = sign;
    }
    /* Zeros go between sign or 0x and the digits. */
    return put_number(f, s, &number, 0);
}

/* ---- Strings and characters ---- */

static bool put_field(formatter *f, const ldr__crt_spec *s, const void *units, size_t count)
{
    int64_t pad = s->width > (int64_t)count ? s->width - (int64_t)count : 0;
    char filler = s->zero && !s->left ? '0' : ' ';
    return (s->left || repeat(f, filler, pad)) && put(f, units, count) &&
           (!s->left || repeat(f, ' ', pad));
}

/* The other width's string, at most `limit` units of output. Counts only, when `out` is false. */
static int64_t convert(formatter *f, const void *text, size_t limit, bool out)
{
    size_t total = 0;
    for (size_t at = 0;;) {
        char bytes[4];
        WCHAR units[2];
        size_t used = 0;
        int count;
        if (f->sink->wide) {
            const char *from = (const char *)text + at;
            if (total >= limit || !*from)
                break;
            count = ldr__crt_decode(f->utf8, from, strnlen(from, 4), units, &used);
        } else {
            const WCHAR *from = (const WCHAR *)text + at;
            if (total >= limit || !*from)
                break;
            count = ldr__crt_encode(f->utf8, from, from[1] ? 2 : 1, bytes, &used);
        }
        if (count < 0)
            return ldr__crt_set_errno(LDR__CRT_EILSEQ);
        if (total + (size_t)count > limit)
            break;
        if (out && !put(f, f->sink->wide ? (void *)units : (void *)bytes, (size_t)count))
            return -1;
        total += (size_t)count;
        at += used;
    }
    return (int64_t)total;
}

static bool put_converted(formatter *f, const ldr__crt_spec *s, const void *text, size_t limit)
{
    int64_t count = convert(f, text, limit, false);
    if (count < 0)
        return false;
    int64_t pad = s->width > count ? s->width - count : 0;
    return (s->left || repeat(f, s->zero ? '0' : ' ', pad)) && convert(f, text, limit, true) >= 0 &&
           (!s->left || repeat(f, ' ', pad));
}

/* Whether the argument of %s, %c (or with upper case %S, %C) is wide. */
static bool argument_is_wide(const formatter *f, const ldr__crt_spec *s)
{
    if (s->size == LDR__CRT_SIZE_SHORT)
        return false;
    if (s->size == LDR__CRT_SIZE_LONG || s->size == LDR__CRT_SIZE_WIDE)
        return true;
    bool upper = s->conversion == 'S' || s->conversion == 'C';
    bool legacy = f->style.options & LDR__CRT_PRINTF_LEGACY_WIDE;
    return f->sink->wide && legacy ? !upper : upper;
}

static size_t bounded_length(const void *text, bool wide, size_t limit)
{
    size_t length = 0;
    if (!wide)
        return strnlen(text, limit);
    while (length < limit && ((const WCHAR *)text)[length])
        length++;
    return length;
}

static bool put_string(formatter *f, const ldr__crt_spec *s)
{
    static const WCHAR wide_null[] = {'(', 'n', 'u', 'l', 'l', ')', 0};
    bool wide = argument_is_wide(f, s);
    const void *text = ldr__crt_pointer_argument(&f->cursor.arguments);
    if (!text)
        text = wide ? (const void *)wide_null : "(null)";
    size_t limit = s->precision < 0 ? INT_MAX : (size_t)s->precision;
    if (wide == f->sink->wide)
        return put_field(f, s, text, bounded_length(text, wide, limit));
    return put_converted(f, s, text, limit);
}

static bool put_character(formatter *f, const ldr__crt_spec *s)
{
    WCHAR unit = (WCHAR)(int)ldr__crt_argument(&f->cursor.arguments);
    char byte = (char)unit;
    bool wide = argument_is_wide(f, s);
    if (wide == f->sink->wide)
        return put_field(f, s, wide ? (void *)&unit : (void *)&byte, 1);
    size_t used;
    if (f->sink->wide) {
        WCHAR decoded[2];
        int count = ldr__crt_decode(f->utf8, &byte, 1, decoded, &used);
        return put_field(f, s, decoded, count > 0 ? (size_t)count : 0);
    }
    char encoded[4];
    int count = ldr__crt_encode(f->utf8, &unit, 1, encoded, &used);
    if (count < 0)
        ldr__crt_set_errno(LDR__CRT_EILSEQ);
    return put_field(f, s, encoded, count > 0 ? (size_t)count : 0);
}

/* ---- Conversions ---- */

/* The universal runtime refuses %n unless the program has asked for it, which cannot be done here.
 */
static bool store_count(formatter *f, const ldr__crt_spec *s)
{
    void *to = ldr__crt_pointer_argument(&f->cursor.arguments);
    if (f->style.flavour == LDR__CRT_UCRT || !to) {
        ldr__crt_invalid_parameter(EINVAL);
        return false;
    }
    int64_t count = f->written;
    size_t size = s->size == LDR__CRT_SIZE_64      ? 8
                  : s->size == LDR__CRT_SIZE_SHORT ? 2
                  : s->size == LDR__CRT_SIZE_CHAR  ? 1
                                                   : 4;
    memcpy(to, &count, size); /* little-endian: the low bytes */
    return true;
}

/* msvcrt prints what it does not know; the universal runtime takes it for a mistake. */
static bool put_unknown(formatter *f, const ldr__crt_spec *s)
{
    if (f->style.flavour == LDR__CRT_UCRT && s->conversion != '%') {
        ldr__crt_invalid_parameter(EINVAL);
        return false;
    }
    return put_ascii(f, &s->conversion, s->conversion != '\0');
}

static bool put_conversion(formatter *f, const ldr__crt_spec *s)
{
    switch (s->conversion) {
    case 'd':
    case 'i':
        return put_signed(f, s);
    case 'u':
    case 'o':
    case 'x':
    case 'X':
        return put_unsigned(f, s);
    case 'p':
        return put_pointer(f, s);
    case 'a':
    case 'A':
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
        return put_float(f, s);
    case 's':
    case 'S':
        return put_string(f, s);
    case 'c':
    case 'C':
        return put_character(f, s);
    case 'n':
        return store_count(f, s);
    default:
        return put_unknown(f, s);
    }
}

static bool put_literal(formatter *f)
{
    size_t start = f->cursor.at;
    while (ldr__crt_format_peek(&f->cursor) && ldr__crt_format_peek(&f->cursor) != '%')
        f->cursor.at++;
    size_t unit_size = f->sink->wide ? sizeof(WCHAR) : 1;
    return put(f, (const uint8_t *)f->cursor.format + start * unit_size, f->cursor.at - start);
}

static bool run(formatter *f)
{
    while (ldr__crt_format_peek(&f->cursor)) {
        ldr__crt_spec s;
        if (!ldr__crt_format_accept(&f->cursor, '%')) {
            if (!put_literal(f))
                return false;
        } else if (!ldr__crt_format_read(&f->cursor, &s)) {
            return ldr__crt_set_errno(LDR__CRT_EOVERFLOW), false;
        } else if (!put_conversion(f, &s)) {
            return false;
        }
    }
    return true;
}

int ldr__crt_format(ldr__crt_sink *sink, const void *format, ldr__crt_format_style style,
                    __builtin_ms_va_list arguments)
{
    formatter f = {.sink = sink,
                   .cursor = {format, sink->wide, 0, {arguments}},
                   .style = style,
                   .utf8 = ldr__crt_is_utf8(ldr__crt_self())};
    bool done = run(&f);
    return done ? (int)f.written : -1;
}
