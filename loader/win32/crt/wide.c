/* crt/wide.c: strings of 16-bit characters; the host's wchar_t has 32. */
#include <stdlib.h>
#include <string.h>

#include "win32/crt/ctype.h"
#include "win32/crt/state.h"

static size_t bounded_length(const WCHAR *text, size_t limit)
{
    size_t length = 0;
    while (length < limit && text[length])
        length++;
    return length;
}

static size_t LDR_WINAPI guest_wcslen(const WCHAR *text)
{
    return ldr__wcslen(text);
}

static size_t LDR_WINAPI guest_wcsnlen(const WCHAR *text, size_t limit)
{
    return bounded_length(text, limit);
}

/* ---- Comparing ---- */

/* The difference of the first characters that differ. */
static int compare(const WCHAR *a, const WCHAR *b, size_t limit, bool fold)
{
    for (size_t i = 0; i < limit; i++) {
        WCHAR x = fold ? ldr__crt_to_lower(a[i]) : a[i];
        WCHAR y = fold ? ldr__crt_to_lower(b[i]) : b[i];
        if (x != y || !x)
            return x - y;
    }
    return 0;
}

static int LDR_WINAPI guest_wcscmp(const WCHAR *a, const WCHAR *b)
{
    int difference = compare(a, b, SIZE_MAX, false);
    return (difference > 0) - (difference < 0);
}

static int LDR_WINAPI guest_wcsncmp(const WCHAR *a, const WCHAR *b, size_t limit)
{
    return compare(a, b, limit, false);
}

static int LDR_WINAPI guest__wcsicmp(const WCHAR *a, const WCHAR *b)
{
    return compare(a, b, SIZE_MAX, true);
}

static int LDR_WINAPI guest__wcsnicmp(const WCHAR *a, const WCHAR *b, size_t limit)
{
    return compare(a, b, limit, true);
}

static size_t LDR_WINAPI guest_wcsxfrm(WCHAR *out, const WCHAR *text, size_t capacity)
{
    size_t length = ldr__wcslen(text);
    if (capacity > length)
        memcpy(out, text, (length + 1) * sizeof *text);
    return length;
}

/* ---- Copying ---- */

static WCHAR *LDR_WINAPI guest_wcscpy(WCHAR *to, const WCHAR *from)
{
    memcpy(to, from, (ldr__wcslen(from) + 1) * sizeof *from);
    return to;
}

static WCHAR *LDR_WINAPI guest_wcsncpy(WCHAR *to, const WCHAR *from, size_t limit)
{
    size_t length = bounded_length(from, limit);
    memcpy(to, from, length * sizeof *from);
    memset(to + length, 0, (limit - length) * sizeof *to);
    return to;
}

static WCHAR *LDR_WINAPI guest_wcscat(WCHAR *to, const WCHAR *from)
{
    guest_wcscpy(to + ldr__wcslen(to), from);
    return to;
}

static WCHAR *LDR_WINAPI guest_wcsncat(WCHAR *to, const WCHAR *from, size_t limit)
{
    WCHAR *end = to + ldr__wcslen(to);
    size_t length = bounded_length(from, limit);
    memcpy(end, from, length * sizeof *from);
    end[length] = 0;
    return to;
}

static WCHAR *LDR_WINAPI guest__wcsdup(const WCHAR *text)
{
    size_t size = text ? (ldr__wcslen(text) + 1) * sizeof *text : 0;
    WCHAR *copy = text ? malloc(size) : NULL;
    if (text && !copy)
        ldr__crt_set_errno(ENOMEM);
    return copy ? memcpy(copy, text, size) : NULL;
}

static WCHAR *LDR_WINAPI guest__wcslwr(WCHAR *text)
{
    for (WCHAR *c = text; *c; c++)
        *c = ldr__crt_to_lower(*c);
    return text;
}

static WCHAR *LDR_WINAPI guest__wcsupr(WCHAR *text)
{
    for (WCHAR *c = text; *c; c++)
        *c = ldr__crt_to_upper(*c);
    return text;
}

static WCHAR *LDR_WINAPI guest__wcsrev(WCHAR *text)
{
    for (size_t i = 0, j = ldr__wcslen(text); i + 1 < j; i++, j--) {
        WCHAR c = text[i];
        text[i] = text[j - 1];
        text[j - 1] = c;
    }
    return text;
}

/* ---- Searching ---- */

static WCHAR *LDR_WINAPI guest_wcschr(const WCHAR *text, WCHAR c)
{
    while (*text != c)
        if (!*text++)
            return NULL;
    return (WCHAR *)(uintptr_t)text;
}

static WCHAR *LDR_WINAPI guest_wcsrchr(const WCHAR *text, WCHAR c)
{
    const WCHAR *found = NULL;
    do
        if (*text == c)
            found = text;
    while (*text++);
    return (WCHAR *)(uintptr_t)found;
}

static WCHAR *LDR_WINAPI guest_wcsstr(const WCHAR *text, const WCHAR *part)
{
    size_t length = ldr__wcslen(part);
    for (;; text++) {
        if (compare(text, part, length, false) == 0)
            return (WCHAR *)(uintptr_t)text;
        if (!*text)
            return NULL;
    }
}

static bool contains(const WCHAR *set, WCHAR c)
{
    while (*set && *set != c)
        set++;
    return *set != 0;
}

static size_t LDR_WINAPI guest_wcsspn(const WCHAR *text, const WCHAR *set)
{
    size_t length = 0;
    while (text[length] && contains(set, text[length]))
        length++;
    return length;
}

static size_t LDR_WINAPI guest_wcscspn(const WCHAR *text, const WCHAR *set)
{
    size_t length = 0;
    while (text[length] && !contains(set, text[length]))
        length++;
    return length;
}

static WCHAR *LDR_WINAPI guest_wcspbrk(const WCHAR *text, const WCHAR *set)
{
    text += guest_wcscspn(text, set);
    return *text ? (WCHAR *)(uintptr_t)text : NULL;
}

static WCHAR *LDR_WINAPI guest_wcstok_s(WCHAR *text, const WCHAR *delimiters, WCHAR **next)
{
    if (!next || !delimiters || (!text && !*next)) {
        ldr__crt_invalid_parameter(EINVAL);
        return NULL;
    }
    WCHAR *token = text ? text : *next;
    token += guest_wcsspn(token, delimiters);
    WCHAR *end = token + guest_wcscspn(token, delimiters);
    *next = end;
    if (token == end)
        return NULL;
    if (*end) {
        *end = 0;
        *next = end + 1;
    }
    return token;
}

/* msvcrt's, which keeps its place for each thread. */
static WCHAR *LDR_WINAPI guest_wcstok(WCHAR *text, const WCHAR *delimiters)
{
    ldr__crt_thread *thread = ldr__crt_thread_self();
    if (!thread || (!text && !thread->wcstok_next))
        return NULL;
    return guest_wcstok_s(text, delimiters, &thread->wcstok_next);
}

/* The universal runtime's has the standard's third parameter, which may be NULL. */
static WCHAR *LDR_WINAPI ucrt_wcstok(WCHAR *text, const WCHAR *delimiters, WCHAR **next)
{
    return next ? guest_wcstok_s(text, delimiters, next) : guest_wcstok(text, delimiters);
}

/* ---- Checked copies ---- */

static int refuse(WCHAR *to, size_t capacity, int error)
{
    if (to && capacity)
        *to = 0;
    ldr__crt_invalid_parameter(error);
    return error;
}

/* At `at` in `to`: at most `limit` units of `from`; SIZE_MAX (_TRUNCATE): what fits. */
static int copy_counted(WCHAR *to, size_t at, size_t capacity, const WCHAR *from, size_t limit,
                        bool truncate)
{
    size_t room = capacity - at;
    size_t length = bounded_length(from, limit > room ? room : limit);
    if (length >= room && !truncate)
        return refuse(to, capacity, ERANGE);
    size_t count = length < room ? length : room - 1;
    memmove(to + at, from, count * sizeof *to);
    to[at + count] = 0;
    return length < room ? 0 : LDR__CRT_STRUNCATE;
}

static int LDR_WINAPI guest_wcscpy_s(WCHAR *to, size_t capacity, const WCHAR *from)
{
    if (!to || capacity == 0 || !from)
        return refuse(to, capacity, EINVAL);
    return copy_counted(to, 0, capacity, from, SIZE_MAX, false);
}

static int LDR_WINAPI guest_wcsncpy_s(WCHAR *to, size_t capacity, const WCHAR *from, size_t limit)
{
    if (limit == 0 && !to && capacity == 0)
        return 0;
    if (!to || capacity == 0 || (!from && limit))
        return refuse(to, capacity, EINVAL);
    if (limit == 0) {
        *to = 0;
        return 0;
    }
    return copy_counted(to, 0, capacity, from, limit, limit == SIZE_MAX);
}

static int LDR_WINAPI guest_wcscat_s(WCHAR *to, size_t capacity, const WCHAR *from)
{
    if (!to || capacity == 0 || !from)
        return refuse(to, capacity, EINVAL);
    size_t at = bounded_length(to, capacity);
    if (at == capacity)
        return refuse(to, capacity, EINVAL);
    return copy_counted(to, at, capacity, from, SIZE_MAX, false);
}

static int LDR_WINAPI guest_wcsncat_s(WCHAR *to, size_t capacity, const WCHAR *from, size_t limit)
{
    if (limit == 0 && !to && capacity == 0)
        return 0;
    if (!to || capacity == 0 || (!from && limit))
        return refuse(to, capacity, EINVAL);
    size_t at = bounded_length(to, capacity);
    if (at == capacity)
        return refuse(to, capacity, EINVAL);
    return limit == 0 ? 0 : copy_counted(to, at, capacity, from, limit, limit == SIZE_MAX);
}

static const ldr_export search[] = {LDR__FN(wcschr), LDR__FN(wcsrchr), LDR__FN(wcsstr)};
LDR__CRT_TABLES(ldr__crt_wide_search, search);
LDR__TABLE(ldr__crt_wide_search_vcruntime, "vcruntime140.dll", search);

static const ldr_export shared[] = {
    LDR__FN(wcslen),
    LDR__FN(wcsnlen),
    LDR__FN(wcscmp),
    LDR__FN(wcsncmp),
    LDR__FN(_wcsicmp),
    LDR__FN(_wcsnicmp),
    LDR__FN(wcsxfrm),
    LDR__FN(wcscpy),
    LDR__FN(wcsncpy),
    LDR__FN(wcscat),
    LDR__FN(wcsncat),
    LDR__FN(_wcsdup),
    LDR__FN(_wcslwr),
    LDR__FN(_wcsupr),
    LDR__FN(_wcsrev),
    LDR__FN(wcsspn),
    LDR__FN(wcscspn),
    LDR__FN(wcspbrk),
    LDR__FN(wcstok_s),
    LDR__FN(wcscpy_s),
    LDR__FN(wcsncpy_s),
    LDR__FN(wcscat_s),
    LDR__FN(wcsncat_s),
    LDR__FN_AS("wcscoll", guest_wcscmp),
    LDR__FN_AS("_wcsncoll", guest_wcsncmp),
    LDR__FN_AS("_wcsicoll", guest__wcsicmp),
    LDR__FN_AS("_wcsnicoll", guest__wcsnicmp),
};
LDR__CRT_TABLES(ldr__crt_wide, shared);

static const ldr_export msvcrt_lines[] = {LDR__FN(wcstok)};
LDR__TABLE(ldr__crt_wide_msvcrt_only, "msvcrt.dll", msvcrt_lines);
static const ldr_export ucrt_lines[] = {LDR__FN_AS("wcstok", ucrt_wcstok)};
LDR__TABLE(ldr__crt_wide_ucrt_only, "ucrtbase.dll", ucrt_lines);
