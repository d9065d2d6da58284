/* crt/string.c: strings of bytes. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "win32/crt/state.h"

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

static size_t LDR_WINAPI guest_strlen(const char *text)
{
    return strlen(text);
}

static size_t LDR_WINAPI guest_strnlen(const char *text, size_t limit)
{
    return strnlen(text, limit);
}

static int LDR_WINAPI guest_strcmp(const char *a, const char *b)
{
    return sign(strcmp(a, b));
}

static int LDR_WINAPI guest_strncmp(const char *a, const char *b, size_t limit)
{
    return sign(strncmp(a, b, limit));
}

static int LDR_WINAPI guest__stricmp(const char *a, const char *b)
{
    return strcasecmp(a, b);
}

static int LDR_WINAPI guest__strnicmp(const char *a, const char *b, size_t limit)
{
    return strncasecmp(a, b, limit);
}

/* Both locales order by bytes. */
static int LDR_WINAPI guest_strcoll(const char *a, const char *b)
{
    return sign(strcmp(a, b));
}

static int LDR_WINAPI guest__strncoll(const char *a, const char *b, size_t limit)
{
    return sign(strncmp(a, b, limit));
}

static size_t LDR_WINAPI guest_strxfrm(char *out, const char *text, size_t capacity)
{
    size_t length = strlen(text);
    if (capacity > length)
        memcpy(out, text, length + 1);
    return length;
}

static char *LDR_WINAPI guest_strcpy(char *to, const char *from)
{
    return strcpy(to, from);
}

static char *LDR_WINAPI guest_strncpy(char *to, const char *from, size_t limit)
{
    size_t length = strnlen(from, limit);
    memcpy(to, from, length);
    memset(to + length, 0, limit - length);
    return to;
}

static char *LDR_WINAPI guest_strcat(char *to, const char *from)
{
    return strcat(to, from);
}

static char *LDR_WINAPI guest_strncat(char *to, const char *from, size_t limit)
{
    return strncat(to, from, limit);
}

static char *LDR_WINAPI guest_strchr(const char *text, int c)
{
    return (char *)(uintptr_t)strchr(text, c);
}

static char *LDR_WINAPI guest_strrchr(const char *text, int c)
{
    return (char *)(uintptr_t)strrchr(text, c);
}

static char *LDR_WINAPI guest_strstr(const char *text, const char *part)
{
    return (char *)(uintptr_t)strstr(text, part);
}

static char *LDR_WINAPI guest_strpbrk(const char *text, const char *set)
{
    return (char *)(uintptr_t)strpbrk(text, set);
}

static size_t LDR_WINAPI guest_strspn(const char *text, const char *set)
{
    return strspn(text, set);
}

static size_t LDR_WINAPI guest_strcspn(const char *text, const char *set)
{
    return strcspn(text, set);
}

static char *LDR_WINAPI guest_strtok(char *text, const char *delimiters)
{
    ldr__crt_thread *thread = ldr__crt_thread_self();
    return thread ? strtok_r(text, delimiters, &thread->strtok_next) : NULL;
}

static char *LDR_WINAPI guest_strtok_s(char *text, const char *delimiters, char **next)
{
    if (!next || !delimiters || (!text && !*next)) {
        ldr__crt_invalid_parameter(EINVAL);
        return NULL;
    }
    return strtok_r(text, delimiters, next);
}

static char *LDR_WINAPI guest__strdup(const char *text)
{
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy)
        ldr__crt_set_errno(ENOMEM);
    return copy;
}

static char *LDR_WINAPI guest__strrev(char *text)
{
    for (size_t i = 0, j = strlen(text); i + 1 < j; i++, j--) {
        char c = text[i];
        text[i] = text[j - 1];
        text[j - 1] = c;
    }
    return text;
}

static char *LDR_WINAPI guest__strlwr(char *text)
{
    for (char *c = text; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    return text;
}

static char *LDR_WINAPI guest__strupr(char *text)
{
    for (char *c = text; *c; c++)
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 32);
    return text;
}

static char *LDR_WINAPI guest__strset(char *text, int c)
{
    return memset(text, c, strlen(text));
}

static char *LDR_WINAPI guest__strnset(char *text, int c, size_t limit)
{
    return memset(text, c, strnlen(text, limit));
}

/* ---- Checked copies ---- */

/* A destination that cannot hold the text becomes the empty string, and the guest is told. */
static int refuse(char *to, size_t capacity, int error)
{
    if (to && capacity)
        *to = '\0';
    ldr__crt_invalid_parameter(error);
    return error;
}

static int LDR_WINAPI guest_strcpy_s(char *to, size_t capacity, const char *from)
{
    if (!to || capacity == 0 || !from)
        return refuse(to, capacity, EINVAL);
    size_t length = strnlen(from, capacity);
    if (length == capacity)
        return refuse(to, capacity, ERANGE);
    memmove(to, from, length + 1);
    return 0;
}

/* At `at` in `to`: at most `limit` bytes of `from`; SIZE_MAX (_TRUNCATE): what fits. */
static int copy_counted(char *to, size_t at, size_t capacity, const char *from, size_t limit)
{
    size_t room = capacity - at;
    bool truncate = limit == SIZE_MAX;
    size_t length = strnlen(from, truncate || limit > room ? room : limit);
    if (length >= room && !truncate)
        return refuse(to, capacity, ERANGE);
    size_t count = length < room ? length : room - 1;
    memmove(to + at, from, count);
    to[at + count] = '\0';
    return length < room ? 0 : LDR__CRT_STRUNCATE;
}

static int LDR_WINAPI guest_strncpy_s(char *to, size_t capacity, const char *from, size_t limit)
{
    if (limit == 0 && !to && capacity == 0)
        return 0;
    if (!to || capacity == 0 || (!from && limit))
        return refuse(to, capacity, EINVAL);
    if (limit == 0) {
        *to = '\0';
        return 0;
    }
    return copy_counted(to, 0, capacity, from, limit);
}

static int LDR_WINAPI guest_strcat_s(char *to, size_t capacity, const char *from)
{
    if (!to || capacity == 0 || !from)
        return refuse(to, capacity, EINVAL);
    size_t at = strnlen(to, capacity);
    if (at == capacity)
        return refuse(to, capacity, EINVAL);
    if (strnlen(from, capacity - at) == capacity - at)
        return refuse(to, capacity, ERANGE);
    strcpy(to + at, from);
    return 0;
}

static int LDR_WINAPI guest_strncat_s(char *to, size_t capacity, const char *from, size_t limit)
{
    if (limit == 0 && !to && capacity == 0)
        return 0;
    if (!to || capacity == 0 || (!from && limit))
        return refuse(to, capacity, EINVAL);
    size_t at = strnlen(to, capacity);
    if (at == capacity)
        return refuse(to, capacity, EINVAL);
    return limit == 0 ? 0 : copy_counted(to, at, capacity, from, limit);
}

static const ldr_export pure[] = {LDR__FN(strchr), LDR__FN(strrchr), LDR__FN(strstr)};
LDR__CRT_TABLES(ldr__crt_string_search, pure);
LDR__TABLE(ldr__crt_string_search_vcruntime, "vcruntime140.dll", pure);

static const ldr_export shared[] = {
    LDR__FN(strlen),
    LDR__FN(strnlen),
    LDR__FN(strcmp),
    LDR__FN(strncmp),
    LDR__FN(_stricmp),
    LDR__FN(_strnicmp),
    LDR__FN(strcoll),
    LDR__FN(_strncoll),
    LDR__FN(strxfrm),
    LDR__FN(strcpy),
    LDR__FN(strncpy),
    LDR__FN(strcat),
    LDR__FN(strncat),
    LDR__FN(strpbrk),
    LDR__FN(strspn),
    LDR__FN(strcspn),
    LDR__FN(strtok),
    LDR__FN(strtok_s),
    LDR__FN(_strdup),
    LDR__FN(_strrev),
    LDR__FN(_strlwr),
    LDR__FN(_strupr),
    LDR__FN(_strset),
    LDR__FN(_strnset),
    LDR__FN(strcpy_s),
    LDR__FN(strncpy_s),
    LDR__FN(strcat_s),
    LDR__FN(strncat_s),
    LDR__FN_AS("_strcmpi", guest__stricmp),
    LDR__FN_AS("_stricoll", guest__stricmp),
    LDR__FN_AS("_strnicoll", guest__strnicmp),
};
LDR__CRT_TABLES(ldr__crt_string, shared);
