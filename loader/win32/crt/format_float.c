/*
 * crt/format_float.c: floating point as the two runtimes print it.
 *
 * The universal runtime prints exact digits, as glibc does. msvcrt knows 17 significant digits,
 * puts zeros after them, rounds halves away from zero, and spells what is no number 1.#INF.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "win32/crt/format.h"

enum {
    KNOWN_DIGITS = 17,
    MAX_PRECISION = 1100, /* a double has at most 1,074 digits after the point */
    QUIET_BIT = 51,
};

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static bool is_upper(char conversion)
{
    return conversion >= 'A' && conversion <= 'Z';
}

static bool is_indeterminate(double value)
{
    return bits_of(value) == 0xFFF8000000000000u;
}

static bool is_signaling(double value)
{
    return isnan(value) && !(bits_of(value) >> QUIET_BIT & 1);
}

static void make_upper(char *text)
{
    for (; *text; text++)
        if (*text >= 'a' && *text <= 'z')
            *text = (char)(*text - 32);
}

/* "e+05" of glibc with a third digit. */
static void widen_exponent(char *tail)
{
    if (strlen(tail) == 4) {
        memmove(tail + 3, tail + 2, 3);
        tail[2] = '0';
    }
}

/* ---- msvcrt ---- */

/* 0.d1 d2 d3... times 10 to the power of `point`. */
typedef struct decimal {
    char digits[KNOWN_DIGITS + 1];
    int count;
    int point;
} decimal;

static decimal decimal_of(double magnitude, double value)
{
    decimal d = {.point = 1};
    const char *name = isinf(value)              ? "1#INF"
                       : is_indeterminate(value) ? "1#IND"
                       : is_signaling(value)     ? "1#SNAN"
                       : isnan(value)            ? "1#QNAN"
                                                 : NULL;
    if (name) {
        memcpy(d.digits, name, strlen(name));
    } else {
        char text[32];
        snprintf(text, sizeof text, "%.*e", KNOWN_DIGITS - 1, magnitude);
        d.digits[0] = text[0];
        memcpy(d.digits + 1, text + 2, KNOWN_DIGITS - 1);
        d.point = magnitude == 0.0 ? 1 : atoi(strchr(text, 'e') + 1) + 1;
    }
    d.count = (int)strlen(d.digits);
    return d;
}

/* Keeps `count` digits; a digit of 5 or more behind them counts the last one up, even a letter. */
static void round_to(decimal *d, int count)
{
    if (count < 0 || count >= d->count) {
        if (count < 0)
            d->count = 0;
        return;
    }
    bool up = d->digits[count] >= '5';
    d->count = count;
    while (up && count > 0 && d->digits[count - 1] == '9')
        d->digits[--count] = '0';
    if (up && count > 0) {
        d->digits[count - 1]++;
    } else if (up) {
        memmove(d->digits + 1, d->digits, (size_t)d->count);
        d->digits[0] = '1';
        d->point++;
        d->count = d->count < KNOWN_DIGITS ? d->count + 1 : KNOWN_DIGITS;
    }
}

static char digit_at(const decimal *d, int index)
{
    return index >= 0 && index < d->count ? d->digits[index] : '0';
}

static int fraction_of(ldr__crt_number *number, size_t at, const decimal *d, int first,
                       int precision)
{
    int shown = precision < MAX_PRECISION ? precision : MAX_PRECISION;
    for (int i = 0; i < shown; i++)
        number->text[at++] = digit_at(d, first + i);
    number->zeros = (size_t)(precision - shown);
    return (int)at;
}

static void lay_out_fixed(ldr__crt_number *number, decimal d, int precision, bool alternate)
{
    size_t at = 0;
    round_to(&d, d.point + precision);
    for (int i = d.point > 0 ? 0 : d.point - 1; i < d.point; i++)
        if (i >= 0 || d.point <= 0)
            number->text[at++] = digit_at(&d, i);
    if (d.point <= 0)
        at = 1, number->text[0] = '0';
    if (precision > 0 || alternate)
        number->text[at++] = '.';
    at = (size_t)fraction_of(number, at, &d, d.point, precision);
    number->text[at] = '\0';
}

static void lay_out_scientific(ldr__crt_number *number, decimal d, int precision, bool alternate)
{
    size_t at = 0;
    round_to(&d, precision + 1);
    number->text[at++] = digit_at(&d, 0);
    if (precision > 0 || alternate)
        number->text[at++] = '.';
    at = (size_t)fraction_of(number, at, &d, 1, precision);
    number->text[at] = '\0';
    int exponent = d.point - 1;
    snprintf(number->tail, sizeof number->tail, "e%c%03d", exponent < 0 ? '-' : '+', abs(exponent));
}

static void strip_zeros(ldr__crt_number *number)
{
    number->zeros = 0;
    size_t length = strlen(number->text);
    if (!strchr(number->text, '.'))
        return;
    while (number->text[length - 1] == '0')
        length--;
    if (number->text[length - 1] == '.')
        length--;
    number->text[length] = '\0';
}

static void lay_out_general(ldr__crt_number *number, decimal d, int precision, bool alternate)
{
    int significant = precision == 0 ? 1 : precision;
    decimal rounded = d;
    round_to(&rounded, significant);
    int exponent = rounded.point - 1;
    if (exponent < -4 || exponent >= significant)
        lay_out_scientific(number, d, significant - 1, alternate);
    else
        lay_out_fixed(number, d, significant - 1 - exponent, alternate);
    if (!alternate)
        strip_zeros(number);
}

static void format_msvcrt(double value, const ldr__crt_float_request *request,
                          ldr__crt_number *number)
{
    decimal d = decimal_of(fabs(value), value);
    int precision = request->precision < 0 ? 6 : request->precision;
    number->finite = true; /* 1.#INF is padded with zeros like any number */
    switch (request->conversion | 0x20) {
    case 'e':
        lay_out_scientific(number, d, precision, request->alternate);
        break;
    case 'f':
        lay_out_fixed(number, d, precision, request->alternate);
        break;
    default:
        lay_out_general(number, d, precision, request->alternate);
    }
}

/* ---- The universal runtime ---- */

/* Whether the digits behind the last one to print are exactly one half: `decimals` after the point.
 */
static bool is_tie(double magnitude, int decimals)
{
    if (decimals > MAX_PRECISION || decimals < -22)
        return false;
    if (decimals < 0) {
        double unit = pow(10.0, -decimals);
        return fmod(magnitude, unit) == unit / 2;
    }
    double scaled = ldexp(magnitude, decimals + 1);
    return scaled < 0x1p53 && scaled == floor(scaled) && fmod(scaled, 2.0) == 1.0;
}

/* A tie is made larger by the least possible, so that it rounds away from zero. */
static double legacy_rounding(double magnitude, char conversion, int precision)
{
    if (conversion == 'f')
        return is_tie(magnitude, precision) ? nextafter(magnitude, INFINITY) : magnitude;
    char text[16];
    snprintf(text, sizeof text, "%.0e", magnitude);
    int exponent = atoi(strchr(text, 'e') + 1);
    if (magnitude < pow(10.0, exponent))
        exponent--;
    int digits = conversion == 'e' ? precision + 1 : precision > 0 ? precision : 1;
    bool tie = is_tie(magnitude, digits - 1 - exponent);
    return tie ? nextafter(magnitude, INFINITY) : magnitude;
}

static void split_exponent(ldr__crt_number *number, char mark)
{
    char *tail = strchr(number->text, mark);
    if (!tail)
        return;
    snprintf(number->tail, sizeof number->tail, "%s", tail);
    *tail = '\0';
}

/* What %g stands for. Done here because glibc's %#g loses zeros when rounding makes a digit more.
 */
static char choose_notation(double magnitude, int significant, int *ret_precision)
{
    char text[MAX_PRECISION + 16];
    snprintf(text, sizeof text, "%.*e", significant - 1, magnitude);
    int exponent = atoi(strchr(text, 'e') + 1);
    bool scientific = exponent < -4 || exponent >= significant;
    *ret_precision = scientific ? significant - 1 : significant - 1 - exponent;
    return scientific ? 'e' : 'f';
}

static void format_ucrt(double value, const ldr__crt_float_request *request,
                        ldr__crt_number *number)
{
    char conversion = (char)(request->conversion | 0x20);
    bool general = conversion == 'g';
    int precision = request->precision < 0 ? 6 : request->precision;
    int shown = precision < MAX_PRECISION ? precision : MAX_PRECISION;
    double magnitude = fabs(value);
    if (!(request->style.options & LDR__CRT_PRINTF_STANDARD_ROUNDING))
        magnitude = legacy_rounding(magnitude, conversion, shown);
    number->zeros = (size_t)(precision - shown);
    if (general)
        conversion = choose_notation(magnitude, shown ? shown : 1, &shown);
    char format[] = {'%', '#', '.', '*', conversion, '\0'};
    if (!request->alternate)
        memmove(format + 1, format + 2, 4);
    snprintf(number->text, sizeof number->text, format, shown, magnitude);
    split_exponent(number, 'e');
    if (general && !request->alternate)
        strip_zeros(number);
    if (request->style.options & LDR__CRT_PRINTF_THREE_DIGIT_EXPONENTS)
        widen_exponent(number->tail);
}

static void name_ucrt(double value, ldr__crt_number *number)
{
    const char *name = isinf(value)              ? "inf"
                       : is_indeterminate(value) ? "nan(ind)"
                       : is_signaling(value)     ? "nan(snan)"
                                                 : "nan";
    strcpy(number->text, name);
    number->finite = false;
}

/* ---- Both ---- */

/* Hexadecimal: msvcrt shows six digits by default, the universal runtime all thirteen. */
static void format_hexadecimal(double value, const ldr__crt_float_request *request,
                               ldr__crt_number *number)
{
    char text[MAX_PRECISION + 64];
    int standard = request->style.flavour == LDR__CRT_MSVCRT ? 6 : 13;
    int precision = request->precision < 0 ? standard : request->precision;
    int shown = precision < MAX_PRECISION ? precision : MAX_PRECISION;
    snprintf(text, sizeof text, request->alternate ? "%#.*a" : "%.*a", shown, fabs(value));
    snprintf(number->text, sizeof number->text, "%s", text + 2);
    split_exponent(number, 'p');
    strcpy(number->prefix, "0x");
    number->zeros = (size_t)(precision - shown);
}

void ldr__crt_format_float(double value, const ldr__crt_float_request *request,
                           ldr__crt_number *ret_number)
{
    ret_number->prefix[0] = ret_number->text[0] = ret_number->tail[0] = '\0';
    ret_number->zeros = 0;
    ret_number->finite = true;
    bool msvcrt = request->style.flavour == LDR__CRT_MSVCRT;
    if (!isfinite(value) && !msvcrt)
        name_ucrt(value, ret_number);
    else if ((request->conversion | 0x20) == 'a' && isfinite(value))
        format_hexadecimal(value, request, ret_number);
    else if (msvcrt)
        format_msvcrt(value, request, ret_number);
    else
        format_ucrt(value, request, ret_number);
    if (is_upper(request->conversion)) {
        make_upper(ret_number->prefix);
        make_upper(ret_number->text);
        make_upper(ret_number->tail);
    }
}
