/* crt/ctype.c: isalpha and its kin, and msvcrt's table behind them. */
#include "win32/crt/ctype.h"

#include <wctype.h>

#include "win32/crt/locale.h"

/* What Windows has for -1 (EOF) to 127, and nothing above, in the locale "C". */
static const uint16_t classes[257] = {
    0x0,  0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x28, 0x28, 0x28, 0x28, 0x28,
    0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20,
    0x20, 0x20, 0x20, 0x48, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10,
    0x10, 0x10, 0x10, 0x10, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x10,
    0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x1,  0x1,  0x1,
    0x1,  0x1,  0x1,  0x1,  0x1,  0x1,  0x1,  0x1,  0x1,  0x1,  0x1,  0x1,  0x1,  0x1,  0x1,
    0x1,  0x1,  0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x82, 0x82, 0x82, 0x82, 0x82, 0x82, 0x2,
    0x2,  0x2,  0x2,  0x2,  0x2,  0x2,  0x2,  0x2,  0x2,  0x2,  0x2,  0x2,  0x2,  0x2,  0x2,
    0x2,  0x2,  0x2,  0x2,  0x10, 0x10, 0x10, 0x10, 0x20};

static uint16_t byte_class(int c)
{
    return c >= -1 && c <= UINT8_MAX ? classes[c + 1] : 0;
}

enum {
    ALPHABETIC = LDR__CRT_ALPHA | LDR__CRT_UPPER | LDR__CRT_LOWER,
    ALPHANUMERIC = ALPHABETIC | LDR__CRT_DIGIT,
    GRAPHIC = ALPHANUMERIC | LDR__CRT_PUNCT,
    PRINTABLE = GRAPHIC | LDR__CRT_BLANK,
};

static int LDR_WINAPI guest__isctype(int c, int mask)
{
    return byte_class(c) & mask;
}

#define BYTE_CLASS(name, mask)                \
    static int LDR_WINAPI guest_##name(int c) \
    {                                         \
        return byte_class(c) & (mask);        \
    }

BYTE_CLASS(isalpha, ALPHABETIC)
BYTE_CLASS(isalnum, ALPHANUMERIC)
BYTE_CLASS(isupper, LDR__CRT_UPPER)
BYTE_CLASS(islower, LDR__CRT_LOWER)
BYTE_CLASS(isdigit, LDR__CRT_DIGIT)
BYTE_CLASS(isxdigit, LDR__CRT_HEX)
BYTE_CLASS(isspace, LDR__CRT_SPACE)
BYTE_CLASS(ispunct, LDR__CRT_PUNCT)
BYTE_CLASS(iscntrl, LDR__CRT_CONTROL)
BYTE_CLASS(isgraph, GRAPHIC)
BYTE_CLASS(isprint, PRINTABLE)

static int LDR_WINAPI guest_isblank(int c)
{
    return c == ' ' || c == '\t';
}

static int LDR_WINAPI guest_tolower(int c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static int LDR_WINAPI guest_toupper(int c)
{
    return c >= 'a' && c <= 'z' ? c - 32 : c;
}

static int LDR_WINAPI guest___isascii(int c)
{
    return (unsigned)c < 0x80;
}

static int LDR_WINAPI guest___toascii(int c)
{
    return c & 0x7F;
}

static int is_symbol_letter(uint32_t class, int c)
{
    return class & ALPHANUMERIC || c == '_';
}

static int LDR_WINAPI guest___iscsym(int c)
{
    return is_symbol_letter(byte_class(c), c);
}

static int LDR_WINAPI guest___iscsymf(int c)
{
    return byte_class(c) & ALPHABETIC || c == '_';
}

/* ---- Wide characters ---- */

/* Latin-1, alike in every locale. */
static uint16_t latin_class(WCHAR c)
{
    if (c < 0xA0)
        return LDR__CRT_CONTROL;
    if (c == 0xA0)
        return LDR__CRT_SPACE | LDR__CRT_BLANK;
    if (c == 0xB2 || c == 0xB3 || c == 0xB9)
        return LDR__CRT_DIGIT | LDR__CRT_PUNCT;
    if (c < 0xC0 || c == 0xD7 || c == 0xF7)
        return LDR__CRT_PUNCT;
    return LDR__CRT_ALPHA | (c < 0xDF ? LDR__CRT_UPPER : LDR__CRT_LOWER);
}

uint16_t ldr__crt_class_of(WCHAR character)
{
    static const struct {
        int (*is)(wint_t c, locale_t locale);
        uint16_t bit;
    } kinds[] = {
        {iswupper_l, LDR__CRT_UPPER}, {iswlower_l, LDR__CRT_LOWER},   {iswalpha_l, LDR__CRT_ALPHA},
        {iswspace_l, LDR__CRT_SPACE}, {iswcntrl_l, LDR__CRT_CONTROL}, {iswpunct_l, LDR__CRT_PUNCT},
        {iswblank_l, LDR__CRT_BLANK},
    };
    uint16_t byte = byte_class(character);
    if (character < 0x80)
        return byte & ALPHABETIC ? byte | LDR__CRT_ALPHA : byte;
    if (character <= UINT8_MAX)
        return latin_class(character);
    locale_t unicode = ldr__crt_self()->unicode;
    uint16_t class = 0;
    for (size_t i = 0; unicode && i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].is(character, unicode))
            class |= kinds[i].bit;
    return class;
}

/* In the locale "C" only ASCII has cases. */
static locale_t locale_of_cases(void)
{
    ldr__crt *crt = ldr__crt_self();
    return ldr__crt_is_utf8(crt) ? crt->unicode : (locale_t)0;
}

WCHAR ldr__crt_to_lower(WCHAR character)
{
    if (character < 0x80)
        return (WCHAR)guest_tolower(character);
    locale_t unicode = locale_of_cases();
    wint_t lower = unicode ? towlower_l(character, unicode) : character;
    return lower <= UINT16_MAX ? (WCHAR)lower : character;
}

WCHAR ldr__crt_to_upper(WCHAR character)
{
    if (character < 0x80)
        return (WCHAR)guest_toupper(character);
    locale_t unicode = locale_of_cases();
    wint_t upper = unicode ? towupper_l(character, unicode) : character;
    return upper <= UINT16_MAX ? (WCHAR)upper : character;
}

static WCHAR LDR_WINAPI guest_towlower(WCHAR c)
{
    return ldr__crt_to_lower(c);
}

static WCHAR LDR_WINAPI guest_towupper(WCHAR c)
{
    return ldr__crt_to_upper(c);
}

static int LDR_WINAPI guest_iswctype(WCHAR c, uint16_t mask)
{
    return ldr__crt_class_of(c) & mask;
}

#define WIDE_CLASS(name, mask)                  \
    static int LDR_WINAPI guest_##name(WCHAR c) \
    {                                           \
        return ldr__crt_class_of(c) & (mask);   \
    }

WIDE_CLASS(iswalpha, ALPHABETIC)
WIDE_CLASS(iswalnum, ALPHANUMERIC)
WIDE_CLASS(iswupper, LDR__CRT_UPPER)
WIDE_CLASS(iswlower, LDR__CRT_LOWER)
WIDE_CLASS(iswdigit, LDR__CRT_DIGIT)
WIDE_CLASS(iswxdigit, LDR__CRT_HEX)
WIDE_CLASS(iswspace, LDR__CRT_SPACE)
WIDE_CLASS(iswpunct, LDR__CRT_PUNCT)
WIDE_CLASS(iswcntrl, LDR__CRT_CONTROL)
WIDE_CLASS(iswgraph, GRAPHIC)
WIDE_CLASS(iswprint, PRINTABLE)

static int LDR_WINAPI guest_iswascii(WCHAR c)
{
    return c < 0x80;
}

static const uint16_t *LDR_WINAPI guest___pctype_func(void)
{
    return classes + 1;
}

static const ldr_export shared[] = {
    LDR__FN(_isctype),
    LDR__FN(isalpha),
    LDR__FN(isalnum),
    LDR__FN(isupper),
    LDR__FN(islower),
    LDR__FN(isdigit),
    LDR__FN(isxdigit),
    LDR__FN(isspace),
    LDR__FN(ispunct),
    LDR__FN(iscntrl),
    LDR__FN(isgraph),
    LDR__FN(isprint),
    LDR__FN(tolower),
    LDR__FN(toupper),
    LDR__FN(__isascii),
    LDR__FN(__toascii),
    LDR__FN(__iscsym),
    LDR__FN(__iscsymf),
    LDR__FN(towlower),
    LDR__FN(towupper),
    LDR__FN(iswctype),
    LDR__FN(iswalpha),
    LDR__FN(iswalnum),
    LDR__FN(iswupper),
    LDR__FN(iswlower),
    LDR__FN(iswdigit),
    LDR__FN(iswxdigit),
    LDR__FN(iswspace),
    LDR__FN(iswpunct),
    LDR__FN(iswcntrl),
    LDR__FN(iswgraph),
    LDR__FN(iswprint),
    LDR__FN(iswascii),
    LDR__FN_AS("_tolower", guest_tolower),
    LDR__FN_AS("_toupper", guest_toupper),
    LDR__FN_AS("is_wctype", guest_iswctype),
    LDR__FN(__pctype_func),
};
LDR__CRT_TABLES(ldr__crt_ctype, shared);

static const ldr_export ucrt_lines[] = {LDR__FN(isblank)};
LDR__TABLE(ldr__crt_ctype_ucrt_only, "ucrtbase.dll", ucrt_lines);

static const uint16_t *const class_table = classes + 1;
static const ldr_export msvcrt_lines[] = {
    LDR__DATA("_pctype", class_table),
    LDR__DATA("_pwctype", class_table),
};
LDR__TABLE(ldr__crt_ctype_msvcrt_only, "msvcrt.dll", msvcrt_lines);
