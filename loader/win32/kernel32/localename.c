#include <stdlib.h>
#include <string.h>

#include "win32/kernel32/kernel32.h"

/* Locales by name and number. There is one, en-US, whatever the host speaks; "" is the invariant
 * one, which has the same conventions. */

enum {
    LCID_EN_US = 0x409,
    LCID_INVARIANT = 0x7F,
    LCID_USER_DEFAULT = 0x400,
    LCID_SYSTEM_DEFAULT = 0x800,
    GEOID_UNITED_STATES = 244,
    LOCALE_ILANGUAGE = 1,
    LOCALE_RETURN_NUMBER = 0x20000000,
};
#define LOCALE_NOUSEROVERRIDE 0x80000000u

typedef struct locale_fact {
    DWORD type; /* LOCALE_* */
    const char *text;
} locale_fact;

static const locale_fact facts[] = {
    {0x1, "0409"},
    {0x2, "English (United States)"},
    {0x3, "ENU"},
    {0x4, "English"},
    {0x5, "1"},
    {0x6, "United States"},
    {0x7, "USA"},
    {0x8, "United States"},
    {0xB, "65001"}, /* OEM code page */
    {0xC, ","},     /* list separator */
    {0xD, "1"},     /* measures are US */
    {0xE, "."},     /* decimal separator */
    {0xF, ","},     /* thousands separator */
    {0x10, "3;0"},  /* grouping */
    {0x11, "2"},    /* fractional digits */
    {0x12, "1"},    /* leading zeros */
    {0x13, "0123456789"},
    {0x14, "$"},
    {0x15, "USD"},
    {0x16, "."},
    {0x17, ","},
    {0x18, "3;0"},
    {0x19, "2"},
    {0x1B, "0"},
    {0x1C, "0"},
    {0x1D, "/"},
    {0x1E, ":"},
    {0x1F, "M/d/yyyy"},
    {0x20, "dddd, MMMM d, yyyy"},
    {0x28, "AM"},
    {0x29, "PM"},
    {0x2A, "Monday"},
    {0x2B, "Tuesday"},
    {0x2C, "Wednesday"},
    {0x2D, "Thursday"},
    {0x2E, "Friday"},
    {0x2F, "Saturday"},
    {0x30, "Sunday"},
    {0x31, "Mon"},
    {0x32, "Tue"},
    {0x33, "Wed"},
    {0x34, "Thu"},
    {0x35, "Fri"},
    {0x36, "Sat"},
    {0x37, "Sun"},
    {0x38, "January"},
    {0x39, "February"},
    {0x3A, "March"},
    {0x3B, "April"},
    {0x3C, "May"},
    {0x3D, "June"},
    {0x3E, "July"},
    {0x3F, "August"},
    {0x40, "September"},
    {0x41, "October"},
    {0x42, "November"},
    {0x43, "December"},
    {0x44, "Jan"},
    {0x45, "Feb"},
    {0x46, "Mar"},
    {0x47, "Apr"},
    {0x48, "May"},
    {0x49, "Jun"},
    {0x4A, "Jul"},
    {0x4B, "Aug"},
    {0x4C, "Sep"},
    {0x4D, "Oct"},
    {0x4E, "Nov"},
    {0x4F, "Dec"},
    {0x50, ""},
    {0x51, "-"},
    {0x59, "en"},
    {0x5A, "US"},
    {0x5C, "en-US"},
    {0x6D, "en"},
    {0x72, "English (United States)"},
    {0x1001, "English"},
    {0x1002, "United States"},
    {0x1003, "h:mm:ss tt"},
    {0x1004, "65001"}, /* ANSI code page */
    {0x1009, "1"},     /* Gregorian calendar */
    {0x1010, "1"},
};

/* ---- Names and numbers ---- */

/* The number of a locale's name; 0 for one that is not known. NULL is the user's. */
static DWORD number_of(const WCHAR *name)
{
    static const char known[] = "en-us";
    if (name == NULL)
        return LCID_EN_US;
    if (name[0] == 0)
        return LCID_INVARIANT;
    for (size_t i = 0; i < sizeof known; i++) {
        WCHAR unit = name[i] >= 'A' && name[i] <= 'Z' ? (WCHAR)(name[i] + 32) : name[i];
        if (unit != (WCHAR)known[i])
            return 0;
    }
    return LCID_EN_US;
}

static const char *name_of(DWORD number)
{
    switch (number) {
    case LCID_EN_US:
    case LCID_USER_DEFAULT:
    case LCID_SYSTEM_DEFAULT:
    case 0:
        return "en-US";
    case LCID_INVARIANT:
        return "";
    default:
        return NULL;
    }
}

/* As functions of locales answer: the size with NUL, written if it fits; `capacity` 0 measures. */
static int answer(const char *text, WCHAR *ret_text, int capacity)
{
    DWORD needed = (DWORD)strlen(text) + 1; /* all ASCII */
    if (capacity == 0)
        return (int)needed;
    if (capacity < 0 || ret_text == NULL || (DWORD)capacity < needed)
        return ldr__win_error(ERROR_INSUFFICIENT_BUFFER);
    ldr__answer_text_w(text, ret_text, (DWORD)capacity);
    return (int)needed;
}

static DWORD LDR_WINAPI guest_LocaleNameToLCID(const WCHAR *name, DWORD flags)
{
    DWORD number = number_of(name);
    (void)flags; /* about neutral locales */
    return number ? number : (DWORD)ldr__win_error(ERROR_INVALID_PARAMETER);
}

static int LDR_WINAPI guest_LCIDToLocaleName(DWORD number, WCHAR *ret_name, int capacity,
                                             DWORD flags)
{
    const char *name = name_of(number);
    (void)flags;
    return name ? answer(name, ret_name, capacity) : ldr__win_error(ERROR_INVALID_PARAMETER);
}

/* The nearest locale that there is: "" when none is near. */
static int LDR_WINAPI guest_ResolveLocaleName(const WCHAR *name, WCHAR *ret_name, int capacity)
{
    bool english = name == NULL || ((name[0] | 32) == 'e' && (name[1] | 32) == 'n' &&
                                    (name[2] == 0 || name[2] == '-'));
    return answer(english ? "en-US" : "", ret_name, capacity);
}

static DWORD LDR_WINAPI guest_GetUserDefaultLCID(void)
{
    return LCID_EN_US;
}

static int LDR_WINAPI guest_GetUserDefaultLocaleName(WCHAR *ret_name, int capacity)
{
    return answer("en-US", ret_name, capacity);
}

static BOOL LDR_WINAPI guest_IsValidLocale(DWORD number, DWORD flags)
{
    (void)flags;
    return name_of(number) != NULL;
}

static BOOL LDR_WINAPI guest_IsValidLocaleName(const WCHAR *name)
{
    return name != NULL && number_of(name) != 0;
}

static BOOL LDR_WINAPI guest_EnumSystemLocalesW(BOOL(LDR_WINAPI *callback)(WCHAR *number),
                                                DWORD flags)
{
    WCHAR number[] = {'0', '0', '0', '0', '0', '4', '0', '9', 0};
    (void)flags;
    if (callback == NULL)
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    callback(number);
    return true;
}

/* ---- What a locale says ---- */

static int locale_info(DWORD type, WCHAR *ret_text, int capacity)
{
    DWORD wanted = type & ~(LOCALE_NOUSEROVERRIDE | LOCALE_RETURN_NUMBER);
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        if (facts[i].type != wanted)
            continue;
        if (!(type & LOCALE_RETURN_NUMBER))
            return answer(facts[i].text, ret_text, capacity);
        char *end;
        DWORD number = (DWORD)strtoul(facts[i].text, &end, wanted == LOCALE_ILANGUAGE ? 16 : 10);
        if (end == facts[i].text || *end != 0)
            return ldr__win_error(ERROR_INVALID_FLAGS);
        const int units = sizeof number / sizeof *ret_text;
        if (capacity >= units)
            memcpy(ret_text, &number, sizeof number);
        else if (capacity != 0)
            return ldr__win_error(ERROR_INSUFFICIENT_BUFFER);
        return units;
    }
    return ldr__win_error(ERROR_INVALID_FLAGS);
}

static int LDR_WINAPI guest_GetLocaleInfoEx(const WCHAR *name, DWORD type, WCHAR *ret_text,
                                            int capacity)
{
    if (number_of(name) == 0)
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    return locale_info(type, ret_text, capacity);
}

static int LDR_WINAPI guest_GetLocaleInfoW(DWORD number, DWORD type, WCHAR *ret_text, int capacity)
{
    if (name_of(number) == NULL)
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    return locale_info(type, ret_text, capacity);
}

static DWORD LDR_WINAPI guest_GetUserGeoID(DWORD kind)
{
    (void)kind;
    return GEOID_UNITED_STATES;
}

static int LDR_WINAPI guest_GetGeoInfoW(DWORD place, DWORD type, WCHAR *ret_text, int capacity,
                                        uint16_t language)
{
    static const locale_fact united_states[] = {
        {1, "244"}, {4, "US"}, {5, "USA"}, {8, "United States"}, {9, "United States of America"}};
    (void)language;
    if (place != GEOID_UNITED_STATES)
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    for (size_t i = 0; i < sizeof united_states / sizeof united_states[0]; i++)
        if (united_states[i].type == type)
            return answer(united_states[i].text, ret_text, capacity);
    return ldr__win_error(ERROR_INVALID_FLAGS);
}

static const ldr_export lines[] = {
    LDR__FN(LocaleNameToLCID),
    LDR__FN(LCIDToLocaleName),
    LDR__FN(ResolveLocaleName),
    LDR__FN(GetUserDefaultLCID),
    LDR__FN_AS("GetSystemDefaultLCID", guest_GetUserDefaultLCID),
    LDR__FN_AS("GetThreadLocale", guest_GetUserDefaultLCID),
    LDR__FN(GetUserDefaultLocaleName),
    LDR__FN(IsValidLocale),
    LDR__FN(IsValidLocaleName),
    LDR__FN(EnumSystemLocalesW),
    LDR__FN(GetLocaleInfoEx),
    LDR__FN(GetLocaleInfoW),
    LDR__FN(GetUserGeoID),
    LDR__FN(GetGeoInfoW),
};

LDR__TABLE(ldr__kernel32_localename, "kernel32.dll", lines);
