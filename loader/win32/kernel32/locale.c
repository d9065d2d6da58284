#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "win32/kernel32/kernel32.h"
#include "win32/kernel32/letters.h"

/* Case, kinds and order of characters. All locales are treated alike. */

enum {
    CT_CTYPE1 = 1,
    C1_UPPER = 0x1,
    C1_LOWER = 0x2,
    C1_DIGIT = 0x4,
    C1_SPACE = 0x8,
    C1_PUNCT = 0x10,
    C1_CNTRL = 0x20,
    C1_BLANK = 0x40,
    C1_XDIGIT = 0x80,
    C1_ALPHA = 0x100,
    C1_DEFINED = 0x200,
    LCMAP_LOWERCASE = 0x100,
    LCMAP_UPPERCASE = 0x200,
    LCMAP_SORTKEY = 0x400,
    LCMAP_LINGUISTIC_CASING = 0x1000000,
    NORM_IGNORECASE = 0x1,
    LINGUISTIC_IGNORECASE = 0x10,
    SORT_STRINGSORT = 0x1000,
    NORM_LINGUISTIC_CASING = 0x8000000,
    CSTR_LESS_THAN = 1,
    CSTR_EQUAL = 2,
    CSTR_GREATER_THAN = 3,
};

ldr_status ldr__locale_create(ldr__process *process)
{
    /* The "C" locale knows ASCII only; a host without C.UTF-8 has to do with it. */
    locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
    if (locale == NULL && errno != ENOMEM)
        locale = newlocale(LC_CTYPE_MASK, "C", NULL);
    process->locale = locale;
    return locale ? LDR_OK : LDR_NO_MEMORY;
}

void ldr__locale_destroy(ldr__process *process)
{
    if (process->locale != NULL)
        freelocale(process->locale);
    process->locale = NULL;
}

static bool is_surrogate(WCHAR unit)
{
    return unit >= 0xD800 && unit < 0xE000;
}

static WCHAR in_case(WCHAR unit, wint_t(convert)(wint_t, locale_t))
{
    wint_t result = is_surrogate(unit) ? unit : convert(unit, ldr__process_self()->locale);
    return result < 0x10000 ? (WCHAR)result : unit;
}

WCHAR ldr__to_upper(WCHAR unit)
{
    return in_case(unit, towupper_l);
}

WCHAR ldr__to_lower(WCHAR unit)
{
    return in_case(unit, towlower_l);
}

/* ---- Kinds ---- */

static uint16_t kinds_of(WCHAR unit, locale_t locale)
{
    static const struct {
        int (*is)(wint_t, locale_t);
        uint16_t kind;
    } tests[] = {{iswupper_l, C1_UPPER}, {iswlower_l, C1_LOWER},   {iswdigit_l, C1_DIGIT},
                 {iswspace_l, C1_SPACE}, {iswpunct_l, C1_PUNCT},   {iswcntrl_l, C1_CNTRL},
                 {iswblank_l, C1_BLANK}, {iswxdigit_l, C1_XDIGIT}, {iswalpha_l, C1_ALPHA}};
    uint16_t kinds = 0;
    if (is_surrogate(unit))
        return 0;
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        if (tests[i].is(unit, locale))
            kinds |= tests[i].kind;
    return kinds != 0 ? kinds | C1_DEFINED : 0;
}

static BOOL LDR_WINAPI guest_GetStringTypeW(DWORD type, const WCHAR *text, int length,
                                            uint16_t *ret_kinds)
{
    locale_t locale = ldr__process_self()->locale;
    if (text == NULL || ret_kinds == NULL || length == 0)
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    if (type != CT_CTYPE1) /* direction and layout are not known */
        return ldr__win_error(ERROR_NOT_SUPPORTED);
    size_t count = length < 0 ? ldr__wcslen(text) + 1 : (size_t)length;
    for (size_t i = 0; i < count; i++)
        ret_kinds[i] = kinds_of(text[i], locale);
    return true;
}

static BOOL LDR_WINAPI guest_GetStringTypeExW(DWORD locale, DWORD type, const WCHAR *text,
                                              int length, uint16_t *ret_kinds)
{
    (void)locale;
    return guest_GetStringTypeW(type, text, length, ret_kinds);
}

/* ---- Order: letters by their lower case, then lower before upper case ---- */

static int compare(const WCHAR *a, size_t a_length, const WCHAR *b, size_t b_length,
                   bool ignore_case)
{
    int by_case = 0;
    size_t common = a_length < b_length ? a_length : b_length;
    for (size_t i = 0; i < common; i++) {
        WCHAR left = ldr__to_lower(a[i]), right = ldr__to_lower(b[i]);
        if (left != right)
            return left < right ? CSTR_LESS_THAN : CSTR_GREATER_THAN;
        if (by_case == 0 && a[i] != b[i])
            by_case = a[i] == left ? CSTR_LESS_THAN : CSTR_GREATER_THAN;
    }
    if (a_length != b_length)
        return a_length < b_length ? CSTR_LESS_THAN : CSTR_GREATER_THAN;
    return by_case == 0 || ignore_case ? CSTR_EQUAL : by_case;
}

static int LDR_WINAPI guest_CompareStringW(DWORD locale, DWORD flags, const WCHAR *a, int a_length,
                                           const WCHAR *b, int b_length)
{
    const DWORD known =
        NORM_IGNORECASE | LINGUISTIC_IGNORECASE | SORT_STRINGSORT | NORM_LINGUISTIC_CASING;
    (void)locale;
    if (a == NULL || b == NULL)
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    if (flags & ~known)
        return ldr__win_error(ERROR_INVALID_FLAGS);
    return compare(a, a_length < 0 ? ldr__wcslen(a) : (size_t)a_length, b,
                   b_length < 0 ? ldr__wcslen(b) : (size_t)b_length,
                   (flags & (NORM_IGNORECASE | LINGUISTIC_IGNORECASE)) != 0);
}

static int LDR_WINAPI guest_CompareStringEx(const WCHAR *locale, DWORD flags, const WCHAR *a,
                                            int a_length, const WCHAR *b, int b_length,
                                            void *version, void *reserved, intptr_t handle)
{
    (void)locale;
    (void)version;
    (void)reserved;
    (void)handle;
    return guest_CompareStringW(0, flags, a, a_length, b, b_length);
}

static int LDR_WINAPI guest_CompareStringOrdinal(const WCHAR *a, int a_length, const WCHAR *b,
                                                 int b_length, BOOL ignore_case)
{
    if (a == NULL || b == NULL)
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    size_t left = a_length < 0 ? ldr__wcslen(a) : (size_t)a_length;
    size_t right = b_length < 0 ? ldr__wcslen(b) : (size_t)b_length;
    for (size_t i = 0; i < left && i < right; i++) {
        WCHAR x = ignore_case ? ldr__to_upper(a[i]) : a[i];
        WCHAR y = ignore_case ? ldr__to_upper(b[i]) : b[i];
        if (x != y)
            return x < y ? CSTR_LESS_THAN : CSTR_GREATER_THAN;
    }
    return left == right ? CSTR_EQUAL : left < right ? CSTR_LESS_THAN : CSTR_GREATER_THAN;
}

/* ---- Mapping ---- */

/* Bytes that compare as compare() does: the letters, 1, their cases, 0. */
static int sort_key(const WCHAR *text, size_t length, bool ignore_case, uint8_t *ret_key,
                    size_t capacity)
{
    size_t size = length * 2 + 1 + (ignore_case ? 0 : length) + 1, at = 0;
    if (size > INT32_MAX)
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    if (capacity == 0)
        return (int)size;
    if (capacity < size)
        return ldr__win_error(ERROR_INSUFFICIENT_BUFFER);
    for (size_t i = 0; i < length; i++) {
        WCHAR lower = ldr__to_lower(text[i]);
        ret_key[at++] = (uint8_t)(lower >> 8);
        ret_key[at++] = (uint8_t)lower;
    }
    ret_key[at++] = 1;
    for (size_t i = 0; i < length && !ignore_case; i++)
        ret_key[at++] = text[i] == ldr__to_lower(text[i]) ? 2 : 3;
    ret_key[at] = 0;
    return (int)size;
}

static int LDR_WINAPI guest_LCMapStringW(DWORD locale, DWORD flags, const WCHAR *text, int length,
                                         WCHAR *ret_text, int capacity)
{
    const DWORD ignores = NORM_IGNORECASE | LINGUISTIC_IGNORECASE;
    const DWORD known = LCMAP_LOWERCASE | LCMAP_UPPERCASE | LCMAP_LINGUISTIC_CASING;
    (void)locale;
    if (text == NULL || length == 0 || capacity < 0)
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    size_t count = length < 0 ? ldr__wcslen(text) + 1 : (size_t)length;
    if ((flags & LCMAP_SORTKEY) && (flags & ~(ignores | LCMAP_SORTKEY | SORT_STRINGSORT)) == 0)
        return sort_key(text, length < 0 ? count - 1 : count, (flags & ignores) != 0,
                        (uint8_t *)ret_text, (size_t)capacity);
    if ((flags & ~known) || (flags & (LCMAP_LOWERCASE | LCMAP_UPPERCASE)) == 0)
        return ldr__win_error(ERROR_INVALID_FLAGS);
    if (count > INT32_MAX || (capacity != 0 && count > (size_t)capacity))
        return ldr__win_error(ERROR_INSUFFICIENT_BUFFER);
    for (size_t i = 0; i < count && capacity != 0; i++)
        ret_text[i] = flags & LCMAP_LOWERCASE ? ldr__to_lower(text[i]) : ldr__to_upper(text[i]);
    return (int)count;
}

static int LDR_WINAPI guest_LCMapStringEx(const WCHAR *locale, DWORD flags, const WCHAR *text,
                                          int length, WCHAR *ret_text, int capacity, void *version,
                                          void *reserved, intptr_t handle)
{
    (void)locale;
    (void)version;
    (void)reserved;
    (void)handle;
    return guest_LCMapStringW(0, flags, text, length, ret_text, capacity);
}

static const ldr_export lines[] = {
    LDR__FN(GetStringTypeW),  LDR__FN(GetStringTypeExW),     LDR__FN(CompareStringW),
    LDR__FN(CompareStringEx), LDR__FN(CompareStringOrdinal), LDR__FN(LCMapStringW),
    LDR__FN(LCMapStringEx),
};

LDR__TABLE(ldr__kernel32_locale, "kernel32.dll", lines);
