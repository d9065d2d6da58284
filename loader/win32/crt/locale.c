/* crt/locale.c: setlocale and localeconv: "C", and UTF-8 for the conversion of characters. */
#include "win32/crt/locale.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CODE_PAGE_C = 0, CODE_PAGE_UTF8 = 65001, MAX_BYTES_UTF8 = 4 };

bool ldr__crt_is_utf8(ldr__crt *crt)
{
    return crt->utf8[LDR__CRT_LC_CTYPE];
}

/* ---- Characters ---- */

static int encode_utf8(uint32_t character, char ret_bytes[4])
{
    if (character < 0x80) {
        ret_bytes[0] = (char)character;
        return 1;
    }
    int count = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    static const uint8_t leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (int i = count - 1; i > 0; i--, character >>= 6)
        ret_bytes[i] = (char)(0x80 | (character & 0x3F));
    ret_bytes[0] = (char)(leads[count] | character);
    return count;
}

int ldr__crt_encode(bool utf8, const WCHAR *units, size_t available, char ret_bytes[4],
                    size_t *ret_used)
{
    uint32_t character = units[0];
    *ret_used = 1;
    if (!utf8) {
        ret_bytes[0] = (char)character;
        return character <= UINT8_MAX ? 1 : -1;
    }
    if (character >= 0xD800 && character < 0xE000) {
        if (character >= 0xDC00 || available < 2 || units[1] < 0xDC00 || units[1] >= 0xE000)
            return -1;
        character = 0x10000 + ((character - 0xD800) << 10) + (units[1] - 0xDC00u);
        *ret_used = 2;
    }
    return encode_utf8(character, ret_bytes);
}

static int sequence_length(uint8_t lead)
{
    if (lead < 0x80)
        return 1;
    return lead < 0xC2 ? -1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : -1;
}

int ldr__crt_decode(bool utf8, const char *bytes, size_t available, WCHAR ret_units[2],
                    size_t *ret_used)
{
    const uint8_t *in = (const uint8_t *)bytes;
    if (available == 0)
        return -2;
    int length = utf8 ? sequence_length(in[0]) : 1;
    *ret_used = (size_t)length;
    if (length <= 1) {
        ret_units[0] = in[0];
        return length;
    }
    uint32_t character = in[0] & (0x7Fu >> length);
    for (int i = 1; i < length; i++) {
        if ((size_t)i >= available)
            return -2;
        if ((in[i] & 0xC0) != 0x80)
            return -1;
        character = character << 6 | (in[i] & 0x3Fu);
    }
    static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (character < lowest[length] || character > 0x10FFFF ||
        (character >= 0xD800 && character < 0xE000))
        return -1;
    if (character < 0x10000) {
        ret_units[0] = (WCHAR)character;
        return 1;
    }
    ret_units[0] = (WCHAR)(0xD800 + ((character - 0x10000) >> 10));
    ret_units[1] = (WCHAR)(0xDC00 + ((character - 0x10000) & 0x3FF));
    return 2;
}

/* ---- setlocale ---- */

static const char utf8_name[] = "English_United States.utf8";

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), tail = strlen(ending);
    return length >= tail && strcasecmp(text + length - tail, ending) == 0;
}

/* "C", or a name whose code page is UTF-8, which is also the user's default. */
static bool parse_name(const char *name, bool *ret_utf8)
{
    bool c = strcmp(name, "C") == 0 || strcmp(name, "POSIX") == 0;
    bool utf8 = *name == '\0' || ends_with(name, ".utf8") || ends_with(name, ".utf-8") ||
                ends_with(name, ".65001") || strcmp(name, ".ACP") == 0;
    if (c || utf8)
        *ret_utf8 = utf8;
    return c || utf8;
}

static void set_mb_cur_max(ldr__crt *crt)
{
    int *exported = ldr__crt_data(crt, "__mb_cur_max");
    if (exported)
        *exported = ldr__crt_is_utf8(crt) ? MAX_BYTES_UTF8 : 1;
}

static bool change(ldr__crt *crt, int category, const char *name)
{
    bool utf8;
    if (!parse_name(name, &utf8))
        return false;
    for (int i = LDR__CRT_LC_ALL; i < LDR__CRT_LC_COUNT; i++)
        if (category == LDR__CRT_LC_ALL || i == category)
            crt->utf8[i] = utf8;
    set_mb_cur_max(crt);
    return true;
}

static bool all_the_same(const ldr__crt *crt)
{
    for (int i = LDR__CRT_LC_COLLATE; i < LDR__CRT_LC_COUNT; i++)
        if (crt->utf8[i] != crt->utf8[LDR__CRT_LC_COLLATE])
            return false;
    return true;
}

static const char *name_of(bool utf8)
{
    return utf8 ? utf8_name : "C";
}

/* "LC_COLLATE=C;LC_CTYPE=..." when the categories differ. */
static const char *mixed_name(ldr__crt *crt)
{
    static const char *const names[] = {NULL,          "LC_COLLATE", "LC_CTYPE",
                                        "LC_MONETARY", "LC_NUMERIC", "LC_TIME"};
    size_t at = 0;
    for (int i = LDR__CRT_LC_COLLATE; i < LDR__CRT_LC_COUNT; i++)
        at += (size_t)snprintf(crt->locale_name + at, sizeof crt->locale_name - at, "%s%s=%s",
                               at ? ";" : "", names[i], name_of(crt->utf8[i]));
    return crt->locale_name;
}

/* What mixed_name said, taken back: one category after the other. */
static bool change_mixed(ldr__crt *crt, const char *text)
{
    bool utf8[LDR__CRT_LC_COUNT] = {false};
    for (int i = LDR__CRT_LC_COLLATE; i < LDR__CRT_LC_COUNT; i++) {
        const char *name = strchr(text, '=');
        if (!name)
            return false;
        size_t length = strcspn(++name, ";");
        char copy[64];
        if (length >= sizeof copy)
            return false;
        memcpy(copy, name, length);
        copy[length] = '\0';
        if (!parse_name(copy, &utf8[i]))
            return false;
        text = name + length;
    }
    memcpy(crt->utf8, utf8, sizeof utf8);
    set_mb_cur_max(crt);
    return true;
}

static char *LDR_WINAPI guest_setlocale(int category, const char *name)
{
    ldr__crt *crt = ldr__crt_self();
    if (category < LDR__CRT_LC_ALL || category >= LDR__CRT_LC_COUNT) {
        ldr__crt_invalid_parameter(EINVAL);
        return NULL;
    }
    ldr__crt_lock(crt);
    bool mixed = name && category == LDR__CRT_LC_ALL && strncmp(name, "LC_", 3) == 0;
    bool done = !name || (mixed ? change_mixed(crt, name) : change(crt, category, name));
    const char *result = NULL;
    if (done && category == LDR__CRT_LC_ALL && !all_the_same(crt))
        result = mixed_name(crt);
    else if (done)
        result = name_of(crt->utf8[category == LDR__CRT_LC_ALL ? LDR__CRT_LC_COLLATE : category]);
    ldr__crt_unlock(crt);
    return (char *)(uintptr_t)result;
}

static WCHAR *LDR_WINAPI guest__wsetlocale(int category, const WCHAR *name)
{
    ldr__crt *crt = ldr__crt_self();
    char *narrow = name ? ldr__utf8_from(name) : NULL;
    const char *result = guest_setlocale(category, narrow);
    free(narrow);
    if (!result)
        return NULL;
    ldr__crt_lock(crt);
    for (size_t i = 0; i <= strlen(result); i++)
        crt->wide_locale_name[i] = (unsigned char)result[i];
    ldr__crt_unlock(crt);
    return crt->wide_locale_name;
}

/* ---- localeconv ---- */

/* struct lconv: the wide strings are the universal runtime's addition at the end. */
typedef struct guest_lconv {
    const char *decimal_point, *thousands_sep, *grouping, *int_curr_symbol, *currency_symbol;
    const char *mon_decimal_point, *mon_thousands_sep, *mon_grouping, *positive_sign;
    const char *negative_sign;
    char digits_and_signs[8];
    const WCHAR *wide[8];
} guest_lconv;

static const WCHAR wide_point[] = {'.', 0}, wide_empty[] = {0};

/* The numbers of both locales are those of "C". */
static const guest_lconv conventions = {
    ".",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    {CHAR_MAX, CHAR_MAX, CHAR_MAX, CHAR_MAX, CHAR_MAX, CHAR_MAX, CHAR_MAX, CHAR_MAX},
    {wide_point, wide_empty, wide_empty, wide_empty, wide_empty, wide_empty, wide_empty,
     wide_empty}};

static const guest_lconv *LDR_WINAPI guest_localeconv(void)
{
    return &conventions;
}

/* There is nothing to initialise. */
static int LDR_WINAPI guest___lconv_init(void)
{
    return 0;
}

static uint32_t LDR_WINAPI guest____lc_codepage_func(void)
{
    return ldr__crt_is_utf8(ldr__crt_self()) ? CODE_PAGE_UTF8 : CODE_PAGE_C;
}

static int LDR_WINAPI guest____mb_cur_max_func(void)
{
    return ldr__crt_is_utf8(ldr__crt_self()) ? MAX_BYTES_UTF8 : 1;
}

/* There is one locale for all threads: asking says so, asking for more is refused. */
static int LDR_WINAPI guest__configthreadlocale(int mode)
{
    enum { ASK = 0, ENABLE = 1, DISABLE = 2 };
    if (mode == ASK || mode == DISABLE)
        return DISABLE;
    ldr__crt_invalid_parameter(EINVAL);
    return -1;
}

static const ldr_export shared[] = {
    LDR__FN(setlocale),           LDR__FN(_wsetlocale),        LDR__FN(localeconv),
    LDR__FN(___lc_codepage_func), LDR__FN(___mb_cur_max_func), LDR__FN(_configthreadlocale),
};
LDR__CRT_TABLES(ldr__crt_locale, shared);

static const int initial_mb_cur_max = 1;
static const ldr_export msvcrt_lines[] = {
    LDR__FN(__lconv_init),
    LDR__DATA("__mb_cur_max", initial_mb_cur_max),
};
LDR__TABLE(ldr__crt_locale_msvcrt_only, "msvcrt.dll", msvcrt_lines);
