/*
 * The expected texts are what Windows's runtimes print; those of msvcrt's 17 digits and of 1.#INF
 * are its documented peculiarities.
 */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "guest.h"
#include "win32/crt/printf.h"

TestSuite(crt_printf, .init = guest_begin, .fini = guest_end);

enum { STANDARD = LDR__CRT_PRINTF_STANDARD_SNPRINTF, ROUNDING = LDR__CRT_PRINTF_STANDARD_ROUNDING };

static int LDR_WINAPI print(ldr__crt_format_style style, char *out, const char *format, ...)
{
    ldr__crt_target target = {out, 4096, false};
    __builtin_ms_va_list arguments;
    memset(out, 0, 4096);
    __builtin_ms_va_start(arguments, format);
    int count = ldr__crt_print_buffer(&target, format, style, arguments);
    __builtin_ms_va_end(arguments);
    return count;
}

static const ldr__crt_format_style ucrt = {LDR__CRT_UCRT, STANDARD | ROUNDING};
static const ldr__crt_format_style ucrt_legacy = {LDR__CRT_UCRT, STANDARD};

/* One format, one argument, both runtimes. */
#define EXPECT_STYLE(style, expected, ...)                                         \
    do {                                                                           \
        char printed[4096];                                                        \
        int count = print(style, printed, __VA_ARGS__);                            \
        cr_expect_str_eq(printed, expected, "%s: %s", #__VA_ARGS__, printed);      \
        cr_expect_eq(count, (int)strlen(expected), "%s: %d", #__VA_ARGS__, count); \
    } while (0)
#define EXPECT_MSVCRT(expected, ...) EXPECT_STYLE(ldr__crt_msvcrt_style, expected, __VA_ARGS__)
#define EXPECT_UCRT(expected, ...)   EXPECT_STYLE(ucrt, expected, __VA_ARGS__)
#define EXPECT_LEGACY(expected, ...) EXPECT_STYLE(ucrt_legacy, expected, __VA_ARGS__)
#define EXPECT(expected, ...)                 \
    do {                                      \
        EXPECT_MSVCRT(expected, __VA_ARGS__); \
        EXPECT_UCRT(expected, __VA_ARGS__);   \
    } while (0)

Test(crt_printf, integers_in_all_notations)
{
    EXPECT("0", "%d", 0);
    EXPECT("-1", "%i", -1);
    EXPECT("2147483648", "%u", 0x80000000u);
    EXPECT("-2147483648", "%d", (int)0x80000000u);
    EXPECT("ff", "%x", 255);
    EXPECT("FF", "%X", 255);
    EXPECT("377", "%o", 255);
    EXPECT("0xff", "%#x", 255);
    EXPECT("0XFF", "%#X", 255);
    EXPECT("0377", "%#o", 255);
    EXPECT("0", "%#x", 0);
    EXPECT("0", "%#o", 0);
}

Test(crt_printf, flags_width_and_precision_of_integers)
{
    EXPECT("   42", "%5d", 42);
    EXPECT("42   |", "%-5d|", 42);
    EXPECT("00042", "%05d", 42);
    EXPECT("-0042", "%05d", -42);
    EXPECT("+42", "%+d", 42);
    EXPECT(" 42", "% d", 42);
    EXPECT("+42", "%+ d", 42);
    EXPECT("042", "%.3d", 42);
    EXPECT("     042", "%8.3d", 42);
    EXPECT("     042", "%08.3d", 42);
    EXPECT("", "%.0d", 0);
    EXPECT("0x000000ff", "%#.8x", 255);
    EXPECT("0x000000ff", "%#010x", 255);
    EXPECT("42   |", "%0-5d|", 42);
    EXPECT("   42", "%*d", 5, 42);
    EXPECT("42   |", "%*d|", -5, 42);
    EXPECT("042", "%.*d", 3, 42);
    EXPECT("42", "%.*d", -3, 42);
}

Test(crt_printf, sizes_of_integers)
{
    int64_t wide = INT64_C(-81985529216486896);
    EXPECT("-81985529216486896", "%I64d", wide);
    EXPECT("-81985529216486896", "%lld", wide);
    EXPECT("-81985529216486896", "%Id", wide);
    EXPECT("-81985529216486896", "%zd", wide);
    EXPECT("-81985529216486896", "%td", wide);
    EXPECT("-81985529216486896", "%jd", wide);
    EXPECT("fedcba9876543210", "%I64x", wide);
    EXPECT("1985229328", "%I32d", (int32_t)wide);
    EXPECT("1985229328", "%ld", (int32_t)wide); /* long is 32 bits */
    EXPECT("12816", "%hd", (int32_t)wide);
    EXPECT("16", "%hhd", (int32_t)wide);
    EXPECT("44", "%hhu", 300);
    EXPECT("-9223372036854775808", "%I64d", INT64_MIN);
    EXPECT("18446744073709551615", "%I64u", UINT64_MAX);
}

Test(crt_printf, pointers_have_sixteen_digits)
{
    EXPECT("0000000000000000", "%p", NULL);
    EXPECT("00000000DEADBEEF", "%p", (void *)0xDEADBEEF);
    EXPECT("    00000000DEADBEEF", "%20p", (void *)0xDEADBEEF);
    EXPECT("00000000DEADBEEF", "%.3p", (void *)0xDEADBEEF);
}

Test(crt_printf, strings_and_characters)
{
    EXPECT("hello", "%s", "hello");
    EXPECT("     hello|", "%10s|", "hello");
    EXPECT("hello     |", "%-10s|", "hello");
    EXPECT("he", "%.2s", "hello");
    EXPECT("", "%.0s", "hello");
    EXPECT("(null)", "%s", NULL);
    EXPECT("hello", "%hs", "hello");
    EXPECT("A", "%c", 'A');
    EXPECT("    A", "%5c", 'A');
    EXPECT("A    |", "%-5c|", 'A');
    EXPECT("a 1 b 2.000000", "%s %d %c %f", "a", 1, 'b', 2.0);
    EXPECT("100%", "100%%");
}

Test(crt_printf, wide_arguments_go_by_the_locale)
{
    static const WCHAR latin[] = {'h', 0xE9, 0}, euro[] = {0x20AC, 0};
    EXPECT("wide", "%S", W("wide"));
    EXPECT("wide", "%ls", W("wide"));
    EXPECT("wide", "%ws", W("wide"));
    EXPECT("(null)", "%ls", NULL);
    EXPECT("A", "%C", 'A');
    EXPECT("A", "%lc", 'A');
    EXPECT("h\xE9", "%ls", latin); /* "C": byte and character are the same number */
    char text[4096];
    cr_expect_eq(print(ldr__crt_msvcrt_style, text, "%ls", euro), -1);
    cr_expect_eq(guest_errno(), LDR__CRT_EILSEQ);
    MSVCRT(char *, setlocale, int, const char *);
    cr_assert_not_null(setlocale(LDR__CRT_LC_ALL, ".UTF8"));
    EXPECT("\xE2\x82\xAC", "%ls", euro);
    EXPECT("  \xE2\x82\xAC", "%5ls", euro);
    EXPECT("", "%.2ls", euro); /* half a character is none */
}

Test(crt_printf, exponents_have_three_digits_in_msvcrt_and_two_in_ucrt)
{
    EXPECT_MSVCRT("1.000000e+010", "%e", 1e10);
    EXPECT_UCRT("1.000000e+10", "%e", 1e10);
    EXPECT_MSVCRT("1.000000e-100", "%e", 1e-100);
    EXPECT_UCRT("1.000000e-100", "%e", 1e-100);
    EXPECT_MSVCRT("1E+010", "%G", 1e10);
    EXPECT_UCRT("1E+10", "%G", 1e10);
    ldr__crt_format_style three = ucrt;
    three.options |= LDR__CRT_PRINTF_THREE_DIGIT_EXPONENTS;
    EXPECT_STYLE(three, "1.000000e+010", "%e", 1e10);
}

Test(crt_printf, what_is_no_number_is_spelled_by_each_runtime)
{
    uint64_t bits = 0x7FF8000000000000u;
    double quiet;
    memcpy(&quiet, &bits, sizeof quiet);
    double indeterminate = -quiet;
    EXPECT_MSVCRT("1.#INF00", "%f", INFINITY);
    EXPECT_MSVCRT("-1.#INF00", "%f", -INFINITY);
    EXPECT_MSVCRT("1.#INF", "%g", INFINITY);
    EXPECT_MSVCRT("1.#J", "%.2f", INFINITY); /* rounded, letters or not */
    EXPECT_MSVCRT("1.#QNAN0", "%f", quiet);
    EXPECT_MSVCRT("-1.#IND00", "%f", indeterminate);
    EXPECT_UCRT("inf", "%f", INFINITY);
    EXPECT_UCRT("-inf", "%f", -INFINITY);
    EXPECT_UCRT("INF", "%F", INFINITY);
    EXPECT_UCRT("nan", "%f", quiet);
    EXPECT_UCRT("-nan(ind)", "%f", indeterminate);
    EXPECT_UCRT("     inf", "%08f", INFINITY);
}

Test(crt_printf, floating_point_of_ordinary_size)
{
    EXPECT("0.000000", "%f", 0.0);
    EXPECT("-0.000000", "%f", -0.0);
    EXPECT("123.456000", "%f", 123.456);
    EXPECT("123.46", "%.2f", 123.456);
    EXPECT("   123.5", "%8.1f", 123.456);
    EXPECT("00123.46", "%08.2f", 123.456);
    EXPECT("+123.5", "%+.1f", 123.456);
    EXPECT("123.456", "%g", 123.456);
    EXPECT("0.0001", "%g", 0.0001);
    EXPECT("100000", "%g", 100000.0);
    EXPECT("1.000000", "%lf", 1.0);
    EXPECT("1.000000", "%Lf", 1.0); /* long double is double */
    EXPECT_MSVCRT("1e+006", "%g", 1e6);
    EXPECT_UCRT("1e+06", "%g", 1e6);
    EXPECT_UCRT("1.00000e+06", "%#g", 999999.5);
    EXPECT("3.", "%#.0f", 3.0);
    EXPECT("3.00000", "%#g", 3.0);
}

Test(crt_printf, msvcrt_knows_seventeen_digits)
{
    EXPECT_MSVCRT("0.10000000000000001000", "%.20f", 0.1);
    EXPECT_UCRT("0.10000000000000000555", "%.20f", 0.1);
    EXPECT_MSVCRT("99999999999999992000000.0", "%.1f", 1e23);
    EXPECT_UCRT("99999999999999991611392.0", "%.1f", 1e23);
}

Test(crt_printf, halves_round_away_from_zero_unless_asked_otherwise)
{
    EXPECT_MSVCRT("1", "%.0f", 0.5);
    EXPECT_MSVCRT("3", "%.0f", 2.5);
    EXPECT_MSVCRT("0.13", "%.2f", 0.125);
    EXPECT_LEGACY("1", "%.0f", 0.5);
    EXPECT_LEGACY("3", "%.0f", 2.5);
    EXPECT_LEGACY("-3", "%.0f", -2.5);
    EXPECT_LEGACY("0.13", "%.2f", 0.125);
    EXPECT_LEGACY("3e+01", "%.0e", 25.0);
    EXPECT_UCRT("0", "%.0f", 0.5);
    EXPECT_UCRT("2", "%.0f", 2.5);
    EXPECT_UCRT("0.12", "%.2f", 0.125);
    EXPECT_MSVCRT("10.00", "%.2f", 9.9999);
    EXPECT_MSVCRT("1.0e+002", "%.1e", 99.99);
}

Test(crt_printf, hexadecimal_floating_point)
{
    EXPECT_MSVCRT("0x1.800000p+0", "%a", 1.5);
    EXPECT_UCRT("0x1.8000000000000p+0", "%a", 1.5);
    EXPECT_UCRT("0X1.8P+0", "%.1A", 1.5);
}

Test(crt_printf, huge_precisions_are_zeros_and_no_harm)
{
    char text[4096];
    cr_expect_eq(print(ucrt, text, "%.3000f", 1.0), 3002);
    cr_expect_eq(print(ldr__crt_msvcrt_style, text, "%.3000f", 1.0), 3002);
    cr_expect_eq(print(ucrt, text, "%.3000d", 1), 3000);
    cr_expect_eq(print(ucrt, text, "%3000d", 1), 3000);
    cr_expect_eq(print(ucrt, text, "%.0f", DBL_MAX), 309);
    cr_expect_eq(print(ucrt, text, "%99999999999d", 1), -1);
    cr_expect_eq(print(ucrt, text, "%2147483647d%2147483647d", 1, 1), -1);
}

Test(crt_printf, unknown_conversions_are_printed_by_msvcrt_and_refused_by_ucrt)
{
    char text[4096];
    EXPECT_MSVCRT("y", "%y", 1);
    cr_expect_eq(print(ucrt, text, "%y", 1), -1);
    cr_expect_eq(guest_errno(), EINVAL);
    cr_expect_eq(print(ucrt, text, "%"), -1);
}

Test(crt_printf, count_is_stored_by_msvcrt_only)
{
    char text[4096];
    int count = -1;
    cr_expect_eq(print(ldr__crt_msvcrt_style, text, "abc%n", &count), 3);
    cr_expect_eq(count, 3);
    count = -1;
    cr_expect_eq(print(ucrt, text, "abc%n", &count), -1);
    cr_expect_eq(count, -1);
}

/* ---- Where the buffer ends ---- */

Test(crt_printf, snprintf_of_msvcrt_leaves_a_full_buffer_unterminated)
{
    MSVCRT(int, _snprintf, char *, size_t, const char *, ...);
    char text[8] = "#######";
    cr_expect_eq(_snprintf(text, 5, "%s", "abcd"), 4);
    cr_expect_str_eq(text, "abcd");
    memset(text, '#', 7);
    cr_expect_eq(_snprintf(text, 5, "%s", "abcde"), 5);
    cr_expect_str_eq(text, "abcde##");
    memset(text, '#', 7);
    cr_expect_eq(_snprintf(text, 5, "%s", "abcdef"), -1);
    cr_expect_str_eq(text, "abcde##");
    cr_expect_eq(_snprintf(NULL, 0, "%s", "abcdef"), 6);
}

static int LDR_WINAPI common(uint64_t options, char *out, size_t size, const char *format, ...)
{
    UCRT(int, __stdio_common_vsprintf, uint64_t, char *, size_t, const char *, void *,
         __builtin_ms_va_list);
    __builtin_ms_va_list arguments;
    __builtin_ms_va_start(arguments, format);
    int count = __stdio_common_vsprintf(options, out, size, format, NULL, arguments);
    __builtin_ms_va_end(arguments);
    return count;
}

Test(crt_printf, options_decide_the_end_in_ucrt)
{
    char text[8] = "#######";
    cr_expect_eq(common(STANDARD, text, 5, "%s", "abcdef"), 6);
    cr_expect_str_eq(text, "abcd");
    memset(text, '#', 7);
    cr_expect_eq(common(LDR__CRT_PRINTF_LEGACY_TERMINATION, text, 5, "%s", "abcdef"), -1);
    cr_expect_str_eq(text, "abcde##");
    memset(text, '#', 7);
    cr_expect_eq(common(0, text, 5, "%s", "abcdef"), -2);
    cr_expect_str_eq(text, "abcd");
    cr_expect_eq(common(STANDARD, NULL, 0, "%s", "abcdef"), 6);
}

Test(crt_printf, sprintf_s_refuses_what_does_not_fit)
{
    MSVCRT(int, sprintf_s, char *, size_t, const char *, ...);
    char text[8] = "#######";
    cr_expect_eq(sprintf_s(text, 5, "%s", "abcd"), 4);
    cr_expect_eq(sprintf_s(text, 5, "%s", "abcde"), -1);
    cr_expect_str_eq(text, "");
    cr_expect_eq(guest_errno(), ERANGE);
}

Test(crt_printf, snprintf_s_cuts_off_where_told)
{
    MSVCRT(int, _snprintf_s, char *, size_t, size_t, const char *, ...);
    char text[8] = "#######";
    cr_expect_eq(_snprintf_s(text, 5, SIZE_MAX, "%s", "abcdef"), -1);
    cr_expect_str_eq(text, "abcd");
    cr_expect_eq(_snprintf_s(text, 5, 2, "%s", "abcdef"), -1);
    cr_expect_str_eq(text, "ab");
    cr_expect_eq(_snprintf_s(text, 5, 8, "%s", "abcdef"), -1);
    cr_expect_str_eq(text, "");
}

/* ---- Wide formats ---- */

static void expect_wide(const WCHAR *text, const char *expected)
{
    char narrow[64] = "";
    for (size_t i = 0; text[i] && i < sizeof narrow - 1; i++)
        narrow[i] = (char)text[i];
    cr_expect_str_eq(narrow, expected);
}

Test(crt_printf, strings_are_wide_in_wide_formats)
{
    MSVCRT(int, _snwprintf, WCHAR *, size_t, const WCHAR *, ...);
    WCHAR text[64];
    cr_expect_eq(_snwprintf(text, 64, W("%s %S %hs %ls %d %.2f %c|"), W("a"), "b", "c", W("d"), 5,
                            1.25, 'e'),
                 17);
    expect_wide(text, "a b c d 5 1.25 e|");
}
