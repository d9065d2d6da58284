/* Strings, numbers, characters, times. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "guest.h"

TestSuite(crt_text, .init = guest_begin, .fini = guest_end);

/* ---- Numbers from text ---- */

Test(crt_text, long_has_32_bits)
{
    MSVCRT(LONG, strtol, const char *, char **, int);
    MSVCRT(DWORD, strtoul, const char *, char **, int);
    MSVCRT(int64_t, _strtoi64, const char *, char **, int);
    const char *text = "99999999999x";
    char *end;
    cr_expect_eq(strtol(text, &end, 10), INT32_MAX);
    cr_expect_eq(guest_errno(), ERANGE);
    cr_expect_eq(end, text + 11);
    cr_expect_eq(strtol("-99999999999", NULL, 10), INT32_MIN);
    cr_expect_eq(strtoul("4294967295", NULL, 10), UINT32_MAX);
    cr_expect_eq(strtoul("-1", NULL, 10), UINT32_MAX);
    cr_expect_eq(_strtoi64(text, NULL, 10), INT64_C(99999999999));
}

Test(crt_text, prefixes_and_bases_of_integers)
{
    MSVCRT(LONG, strtol, const char *, char **, int);
    const char *text = " \t-0x1Fg";
    char *end;
    cr_expect_eq(strtol(text, &end, 0), -31);
    cr_expect_eq(end, text + 7);
    cr_expect_eq(strtol("077", NULL, 0), 63);
    cr_expect_eq(strtol("z", NULL, 36), 35);
    text = "abc";
    cr_expect_eq(strtol(text, &end, 10), 0);
    cr_expect_eq(end, text);
    cr_expect_eq(strtol("1", NULL, 99), 0);
    cr_expect_eq(guest_errno(), EINVAL);
}

Test(crt_text, floating_point_of_each_runtime)
{
    GUEST("msvcrt.dll", double, atof, const char *);
    UCRT(double, strtod, const char *, char **);
    cr_expect_eq(atof("1.5e3"), 1500.0);
    cr_expect_eq(atof("inf"), 0.0); /* msvcrt knows no words */
    cr_expect_eq(atof("0x10"), 0.0);
    cr_expect(isinf(strtod("inf", NULL)));
    cr_expect(isnan(strtod("nan", NULL)));
    cr_expect_eq(strtod("0x1.8p1", NULL), 3.0);
    cr_expect_eq(strtod("1e999", NULL), HUGE_VAL);
    cr_expect_eq(guest_errno(), ERANGE);
    const char *text = "1e";
    char *end;
    cr_expect_eq(strtod(text, &end), 1.0);
    cr_expect_eq(end, text + 1);
}

Test(crt_text, integers_in_any_base)
{
    MSVCRT(char *, _itoa, int, char *, int);
    MSVCRT(int, _itoa_s, int, char *, size_t, int);
    char text[70];
    cr_expect_str_eq(_itoa(-255, text, 10), "-255");
    cr_expect_str_eq(_itoa(-255, text, 16), "ffffff01");
    cr_expect_str_eq(_itoa(35, text, 36), "z");
    cr_expect_eq(_itoa_s(12345, text, 5, 10), ERANGE);
    cr_expect_str_eq(text, "");
}

static int LDR_WINAPI scan(const char *text, const char *format, ...)
{
    UCRT(int, __stdio_common_vsscanf, uint64_t, const char *, size_t, const char *, void *,
         __builtin_ms_va_list);
    __builtin_ms_va_list arguments;
    __builtin_ms_va_start(arguments, format);
    int count = __stdio_common_vsscanf(0, text, SIZE_MAX, format, NULL, arguments);
    __builtin_ms_va_end(arguments);
    return count;
}

Test(crt_text, scanf_reads_what_its_format_says)
{
    int a = 0, b = 0;
    char text[16];
    float single = 0;
    double number = 0;
    int64_t wide = 0;
    cr_expect_eq(scan("12, 0x1f", "%d, %i", &a, &b), 2);
    cr_expect(a == 12 && b == 31);
    cr_expect_eq(scan("abc123", "%[a-c]%d", text, &a), 2);
    cr_expect_str_eq(text, "abc");
    cr_expect_eq(a, 123);
    cr_expect_eq(scan("12345", "%2d%3d", &a, &b), 2);
    cr_expect(a == 12 && b == 345);
    cr_expect_eq(scan("1.5 2.5", "%f %lf", &single, &number), 2);
    cr_expect(single == 1.5f && number == 2.5);
    cr_expect_eq(scan("-9876543210", "%lld", &wide), 1);
    cr_expect_eq(wide, INT64_C(-9876543210));
    cr_expect_eq(scan("x 5", "%*s %d%n", &a, &b), 1);
    cr_expect(a == 5 && b == 3);
}

Test(crt_text, scanf_tells_a_mismatch_from_the_end)
{
    int a = 0;
    cr_expect_eq(scan("abc", "%d", &a), 0);
    cr_expect_eq(scan("", "%d", &a), -1);
    cr_expect_eq(scan("  ", "%d", &a), -1);
    cr_expect_eq(scan("5", "%*d%d", &a), 0);
    cr_expect_eq(scan("5", "%d %d", &a, &a), 1);
    cr_expect_eq(scan("abc", "abc"), 0);
}

/* ---- Strings ---- */

Test(crt_text, checked_copies_refuse_what_does_not_fit)
{
    MSVCRT(int, strcpy_s, char *, size_t, const char *);
    MSVCRT(int, strncpy_s, char *, size_t, const char *, size_t);
    MSVCRT(int, strcat_s, char *, size_t, const char *);
    char text[8] = "#######";
    cr_expect_eq(strcpy_s(text, 4, "abc"), 0);
    cr_expect_eq(strcpy_s(text, 3, "abc"), ERANGE);
    cr_expect_str_eq(text, "");
    cr_expect_eq(strcpy_s(NULL, 3, "abc"), EINVAL);
    cr_expect_eq(strncpy_s(text, 8, "abcdef", 2), 0);
    cr_expect_str_eq(text, "ab");
    cr_expect_eq(strncpy_s(text, 4, "abcdef", SIZE_MAX), LDR__CRT_STRUNCATE);
    cr_expect_str_eq(text, "abc");
    cr_expect_eq(strcat_s(text, 5, "d"), 0);
    cr_expect_eq(strcat_s(text, 5, "e"), ERANGE);
    cr_expect_str_eq(text, "");
}

Test(crt_text, wide_functions_use_16_bit_units)
{
    MSVCRT(size_t, wcslen, const WCHAR *);
    MSVCRT(int, wcscmp, const WCHAR *, const WCHAR *);
    MSVCRT(int, _wcsicmp, const WCHAR *, const WCHAR *);
    MSVCRT(WCHAR *, wcsstr, const WCHAR *, const WCHAR *);
    MSVCRT(WCHAR *, wcsrchr, const WCHAR *, WCHAR);
    MSVCRT(WCHAR *, wcstok, WCHAR *, const WCHAR *);
    const WCHAR *text = W("one two one");
    cr_expect_eq(wcslen(text), 11);
    cr_expect_eq(wcscmp(W("a"), W("b")), -1);
    cr_expect_eq(_wcsicmp(W("ABC"), W("abc")), 0);
    cr_expect_eq(wcsstr(text, W("two")), text + 4);
    cr_expect_eq(wcsstr(text, W("")), text);
    cr_expect_null(wcsstr(text, W("three")));
    cr_expect_eq(wcsrchr(text, 'o'), text + 8);
    WCHAR list[] = {',', 'a', ',', ',', 'b', 0};
    cr_expect_eq(wcstok(list, W(",")), list + 1);
    cr_expect_eq(wcstok(NULL, W(",")), list + 4);
    cr_expect_null(wcstok(NULL, W(",")));
}

Test(crt_text, bytes_and_wide_characters_by_locale)
{
    MSVCRT(size_t, wcstombs, char *, const WCHAR *, size_t);
    MSVCRT(size_t, mbstowcs, WCHAR *, const char *, size_t);
    MSVCRT(char *, setlocale, int, const char *);
    MSVCRT(uint32_t, ___lc_codepage_func, void);
    static const WCHAR emoji[] = {0xD83D, 0xDE00, 0}, half[] = {0xD83D, 0};
    char bytes[8] = "";
    WCHAR units[8];
    cr_expect_str_eq(setlocale(0, NULL), "C");
    cr_expect_eq(___lc_codepage_func(), 0);
    cr_expect_eq(mbstowcs(units, "\xE9", 8), 1);
    cr_expect_eq(units[0], 0xE9);
    cr_expect_eq(wcstombs(NULL, emoji, 0), SIZE_MAX);
    cr_expect_eq(guest_errno(), LDR__CRT_EILSEQ);
    cr_expect_not_null(setlocale(0, ".65001"));
    cr_expect_eq(___lc_codepage_func(), 65001);
    cr_expect_eq(wcstombs(bytes, emoji, sizeof bytes), 4);
    cr_expect_str_eq(bytes, "\xF0\x9F\x98\x80");
    cr_expect_eq(mbstowcs(units, bytes, 8), 2);
    cr_expect_arr_eq(units, emoji, sizeof emoji);
    cr_expect_eq(wcstombs(NULL, half, 0), SIZE_MAX);
    cr_expect_eq(mbstowcs(NULL, "\xC0\x80", 0), SIZE_MAX); /* overlong */
    cr_expect_null(setlocale(0, "Klingon"));
    cr_expect_null(setlocale(9, "C"));
}

Test(crt_text, mixed_locale_names_can_be_given_back)
{
    MSVCRT(char *, setlocale, int, const char *);
    cr_expect_not_null(setlocale(LDR__CRT_LC_CTYPE, ".utf8"));
    char saved[256];
    strcpy(saved, setlocale(0, NULL));
    cr_expect_str_eq(saved, "LC_COLLATE=C;LC_CTYPE=English_United States.utf8;LC_MONETARY=C;"
                            "LC_NUMERIC=C;LC_TIME=C");
    cr_expect_str_eq(setlocale(0, "C"), "C");
    cr_expect_str_eq(setlocale(0, saved), saved);
    cr_expect_null(setlocale(0, "LC_CTYPE=C"));
}

Test(crt_text, classes_of_bytes_end_at_127)
{
    MSVCRT(int, isalpha, int);
    MSVCRT(int, isspace, int);
    MSVCRT(int, toupper, int);
    cr_expect(isalpha('a') && isalpha('Z') && !isalpha('1') && !isalpha(0xE9) && !isalpha(-1));
    cr_expect(!isalpha(1 << 20) && !isalpha(-1000));
    cr_expect(isspace('\t') && isspace(' ') && !isspace('x'));
    cr_expect_eq(toupper('a'), 'A');
    cr_expect_eq(toupper(0xE9), 0xE9);
}

/* ---- Mathematics ---- */

static double replaced;

static int LDR_WINAPI replace_result(double *error)
{
    replaced = error[2]; /* the first argument */
    error[4] = 42.0;
    return 1;
}

Test(crt_text, mathematical_mistakes_reach_the_guests_handler)
{
    MSVCRT(double, sqrt, double);
    MSVCRT(void, __setusermatherr, void *);
    cr_expect(isnan(sqrt(-1.0)));
    cr_expect_eq(guest_errno(), EDOM);
    __setusermatherr((void *)replace_result);
    cr_expect_eq(sqrt(-4.0), 42.0);
    cr_expect_eq(replaced, -4.0);
}

/* ---- Time ---- */

Test(crt_text, times_are_broken_down_and_spelled_as_in_windows)
{
    MSVCRT(ldr__crt_tm *, _gmtime64, const int64_t *);
    MSVCRT(char *, asctime, const ldr__crt_tm *);
    MSVCRT(size_t, strftime, char *, size_t, const char *, const ldr__crt_tm *);
    MSVCRT(int64_t, _mkgmtime64, ldr__crt_tm *);
    int64_t leap = 951782400, too_late = INT64_C(0x793582B00);
    char text[64];
    ldr__crt_tm *time = _gmtime64(&leap);
    cr_expect_str_eq(asctime(time), "Tue Feb 29 00:00:00 2000\n");
    cr_expect_eq(_mkgmtime64(time), leap);
    cr_expect_eq(strftime(text, sizeof text, "%Y-%m-%d %#H %x %c", time), 39);
    cr_expect_str_eq(text, "2000-02-29 0 02/29/00 02/29/00 00:00:00");
    cr_expect_eq(strftime(text, 3, "%Y", time), 0);
    cr_expect_eq(strftime(text, 64, "%Q", time), 0);
    cr_expect_null(_gmtime64(&too_late));
    cr_expect_eq(guest_errno(), EINVAL);
    ldr__crt_tm wild = {.mon = 99, .wday = -7};
    cr_expect_null(asctime(&wild));
}
