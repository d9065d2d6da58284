#include <string.h>

#include "win32/kernel32/kernel32.h"

/* Code pages. The system's is UTF-8; the single-byte ones are those a table of 32 can describe. */

enum {
    CP_ACP = 0,
    CP_OEMCP = 1,
    CP_THREAD_ACP = 3,
    CP_1252 = 1252,
    CP_ASCII = 20127,
    CP_LATIN1 = 28591,
    CP_UTF8 = 65001,
    MB_ERR_INVALID_CHARS = 8,
    WC_ERR_INVALID_CHARS = 0x80,
};

/* What bytes 0x80 to 0x9F are in code page 1252; those without a character map to themselves. */
static const WCHAR high_1252[32] = {
    0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008D, 0x017D, 0x008F, 0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178,
};

/* CP_UTF8 for the names of the system's code page; 0 for one that is not known. */
static DWORD resolve_code_page(DWORD code_page)
{
    switch (code_page) {
    case CP_ACP:
    case CP_OEMCP:
    case CP_THREAD_ACP:
    case CP_UTF8:
        return CP_UTF8;
    case CP_1252:
    case CP_ASCII:
    case CP_LATIN1:
        return code_page;
    default:
        return 0;
    }
}

static WCHAR from_byte(DWORD code_page, uint8_t byte)
{
    if (code_page == CP_1252 && byte >= 0x80 && byte < 0xA0)
        return high_1252[byte - 0x80];
    if (code_page == CP_ASCII)
        return byte & 0x7F; /* as Windows decodes it */
    return byte;
}

/* The byte for a character, or -1. */
static int to_byte(DWORD code_page, WCHAR unit)
{
    for (int i = 0; i < 32 && code_page == CP_1252; i++)
        if (high_1252[i] == unit)
            return 0x80 + i;
    if (unit < 0x80 || (code_page != CP_ASCII && unit < 0x100))
        return unit;
    return -1;
}

static int LDR_WINAPI guest_MultiByteToWideChar(DWORD code_page, DWORD flags, const char *text,
                                                int length, WCHAR *ret_text, int capacity)
{
    DWORD page = resolve_code_page(code_page);
    if (text == NULL || length == 0 || length < -1 || capacity < 0 || page == 0 ||
        (capacity != 0 && ret_text == NULL))
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    size_t size = length < 0 ? strlen(text) + 1 : (size_t)length;
    if (page == CP_UTF8 && (flags & MB_ERR_INVALID_CHARS) && !ldr__utf8_valid(text, size))
        return ldr__win_error(ERROR_NO_UNICODE_TRANSLATION);
    size_t units = page == CP_UTF8 ? ldr__utf8_to_utf16(text, size, NULL, 0) : size;
    if (units > INT32_MAX)
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    if (capacity == 0)
        return (int)units;
    if (units > (size_t)capacity)
        return ldr__win_error(ERROR_INSUFFICIENT_BUFFER);
    if (page == CP_UTF8)
        ldr__utf8_to_utf16(text, size, ret_text, units);
    else
        for (size_t i = 0; i < size; i++)
            ret_text[i] = from_byte(page, (uint8_t)text[i]);
    return (int)units;
}

/* To a single-byte code page: one byte for each unit. */
static int to_bytes(DWORD page, const WCHAR *text, size_t length, char *ret_text, int capacity,
                    char otherwise, bool *ret_lost)
{
    if (capacity == 0)
        return (int)length;
    if (length > (size_t)capacity)
        return ldr__win_error(ERROR_INSUFFICIENT_BUFFER);
    for (size_t i = 0; i < length; i++) {
        int byte = to_byte(page, text[i]);
        ret_text[i] = byte < 0 ? otherwise : (char)byte;
        *ret_lost = *ret_lost || byte < 0;
    }
    return (int)length;
}

static int to_utf8(const WCHAR *text, size_t length, DWORD flags, char *ret_text, int capacity,
                   bool *ret_lost)
{
    bool valid = ldr__utf16_valid(text, length);
    if (!valid && (flags & WC_ERR_INVALID_CHARS))
        return ldr__win_error(ERROR_NO_UNICODE_TRANSLATION);
    size_t bytes = ldr__utf16_to_utf8(text, length, NULL, 0);
    if (bytes > INT32_MAX)
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    if (capacity != 0 && bytes > (size_t)capacity)
        return ldr__win_error(ERROR_INSUFFICIENT_BUFFER);
    if (capacity != 0)
        ldr__utf16_to_utf8(text, length, ret_text, bytes);
    *ret_lost = !valid;
    return (int)bytes;
}

static int LDR_WINAPI guest_WideCharToMultiByte(DWORD code_page, DWORD flags, const WCHAR *text,
                                                int length, char *ret_text, int capacity,
                                                const char *otherwise, BOOL *ret_lost)
{
    DWORD page = resolve_code_page(code_page);
    bool lost = false;
    if (text == NULL || length == 0 || length < -1 || capacity < 0 || page == 0 ||
        (capacity != 0 && ret_text == NULL) ||
        (code_page == CP_UTF8 && (otherwise != NULL || ret_lost != NULL)))
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    size_t units = length < 0 ? ldr__wcslen(text) + 1 : (size_t)length;
    int count = page == CP_UTF8 ? to_utf8(text, units, flags, ret_text, capacity, &lost)
                                : to_bytes(page, text, units, ret_text, capacity,
                                           otherwise ? *otherwise : '?', &lost);
    if (ret_lost != NULL)
        *ret_lost = lost;
    return count;
}

static BOOL LDR_WINAPI guest_IsDBCSLeadByteEx(DWORD code_page, uint8_t byte)
{
    (void)byte; /* no code page known here has lead bytes in this sense; UTF-8 has not, too */
    return resolve_code_page(code_page) != 0 ? false : ldr__win_error(ERROR_INVALID_PARAMETER);
}

static BOOL LDR_WINAPI guest_IsDBCSLeadByte(uint8_t byte)
{
    return guest_IsDBCSLeadByteEx(CP_ACP, byte);
}

static DWORD LDR_WINAPI guest_GetACP(void)
{
    return CP_UTF8;
}

static BOOL LDR_WINAPI guest_IsValidCodePage(DWORD code_page)
{
    return code_page > CP_THREAD_ACP && resolve_code_page(code_page) != 0;
}

typedef struct CPINFO {
    DWORD max_char_size;
    uint8_t default_char[2];
    uint8_t lead_bytes[12];
} CPINFO;

static BOOL LDR_WINAPI guest_GetCPInfo(DWORD code_page, CPINFO *ret_info)
{
    DWORD page = resolve_code_page(code_page);
    if (page == 0 || ret_info == NULL)
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    *ret_info = (CPINFO){.max_char_size = page == CP_UTF8 ? 4 : 1, .default_char = {'?'}};
    return true;
}

static LDR_WINAPI uint64_t length_of_wide(const WCHAR *text, uint64_t unused, void *unused_too)
{
    (void)unused;
    (void)unused_too;
    return ldr__wcslen(text);
}

/* Without strlen: a fault in our own code is known to be the guest's, one that happens in what a
 * sanitizer has in its place is not. */
static LDR_WINAPI uint64_t length_of_narrow(const volatile char *text, uint64_t unused,
                                            void *unused_too)
{
    uint64_t length = 0;
    (void)unused;
    (void)unused_too;
    while (text[length] != 0)
        length++;
    return length;
}

/* Windows handles the exception of a bad pointer. */
static int length_by(void *function, const void *text)
{
    uint64_t length = 0;
    uint32_t exception;
    if (text == NULL)
        return 0;
    ldr__call_outcome outcome =
        ldr__guest_call(function, (void *)(uintptr_t)text, 0, NULL, &length, &exception);
    if (outcome == LDR__CALL_EXITED)
        ldr__thread_continue_exit();
    if (outcome != LDR__CALL_RETURNED)
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    return (int)length;
}

static int LDR_WINAPI guest_lstrlenW(const WCHAR *text)
{
    return length_by((void *)length_of_wide, text);
}

static int LDR_WINAPI guest_lstrlenA(const char *text)
{
    return length_by((void *)length_of_narrow, text);
}

static const ldr_export lines[] = {
    LDR__FN(MultiByteToWideChar),
    LDR__FN(WideCharToMultiByte),
    LDR__FN(IsDBCSLeadByte),
    LDR__FN(IsDBCSLeadByteEx),
    LDR__FN(GetACP),
    LDR__FN_AS("GetOEMCP", guest_GetACP),
    LDR__FN(IsValidCodePage),
    LDR__FN(GetCPInfo),
    LDR__FN(lstrlenA),
    LDR__FN(lstrlenW),
};

LDR__TABLE(ldr__kernel32_text, "kernel32.dll", lines);
