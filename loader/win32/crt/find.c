/* crt/find.c: _findfirst and _findnext. */
#include "win32/crt/find.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct ldr__crt_find {
    struct ldr__crt_find *next; /* in the process's list, which says what a handle may be */
    DIR *folder;
    char *pattern;
};

enum {
    ATTRIBUTE_READ_ONLY = 0x1,
    ATTRIBUTE_FOLDER = 0x10,
    ATTRIBUTE_ARCHIVE = 0x20,
    NAME_UNITS = 260,
};

/* struct _finddata's variants. */
typedef struct layout {
    int time_bytes, size_bytes;
    bool wide;
} find_layout;

static const find_layout narrow64 = {8, 8, false}, narrow64i32 = {8, 4, false};
static const find_layout narrow32 = {4, 4, false}, narrow32i64 = {4, 8, false};
static const find_layout wide64 = {8, 8, true}, wide64i32 = {8, 4, true};
static const find_layout wide32 = {4, 4, true}, wide32i64 = {4, 8, true};

/* ---- Patterns ---- */

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

/* Iterative, so that a pattern of many stars costs no more than text times pattern. */
static bool matches(const char *pattern, const char *text)
{
    const char *star = NULL, *resume = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = ++pattern;
            resume = text;
        } else if (*pattern == '?' || fold(*pattern) == fold(*text)) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

/* "*.*" is every name, with a dot or without. */
static bool name_matches(const char *pattern, const char *name)
{
    return strcmp(pattern, "*.*") == 0 || matches(pattern, name);
}

/* ---- Results ---- */

static void put(uint8_t *out, size_t *at, uint64_t value, int bytes)
{
    *at = (*at + (size_t)bytes - 1) & ~((size_t)bytes - 1);
    memcpy(out + *at, &value, (size_t)bytes);
    *at += (size_t)bytes;
}

/* False for a name that the structure cannot hold. */
static bool put_name(uint8_t *out, const char *name, bool wide)
{
    size_t length = strlen(name);
    if (!wide) {
        if (length >= NAME_UNITS)
            return false;
        memcpy(out, name, length + 1);
        return true;
    }
    WCHAR units[NAME_UNITS] = {0};
    if (ldr__utf8_to_utf16(name, length, NULL, 0) >= NAME_UNITS)
        return false;
    ldr__utf8_to_utf16(name, length, units, NAME_UNITS - 1);
    memcpy(out, units, sizeof units);
    return true;
}

static bool write_result(const struct stat *host, const char *name, find_layout layout,
                         uint8_t *out)
{
    uint64_t attributes = S_ISDIR(host->st_mode) ? ATTRIBUTE_FOLDER : ATTRIBUTE_ARCHIVE;
    if (!(host->st_mode & S_IWUSR))
        attributes |= ATTRIBUTE_READ_ONLY;
    uint8_t head[40] = {0};
    size_t at = 0;
    put(head, &at, attributes, 4);
    put(head, &at, (uint64_t)host->st_ctime, layout.time_bytes);
    put(head, &at, (uint64_t)host->st_atime, layout.time_bytes);
    put(head, &at, (uint64_t)host->st_mtime, layout.time_bytes);
    put(head, &at, S_ISREG(host->st_mode) ? (uint64_t)host->st_size : 0, layout.size_bytes);
    if (!put_name(out + at, name, layout.wide))
        return false;
    memcpy(out, head, at);
    return true;
}

static int next(struct ldr__crt_find *find, find_layout layout, void *out)
{
    const struct dirent *entry;
    while ((entry = readdir(find->folder))) {
        struct stat host;
        if (name_matches(find->pattern, entry->d_name) &&
            fstatat(dirfd(find->folder), entry->d_name, &host, 0) == 0 &&
            write_result(&host, entry->d_name, layout, out))
            return 0;
    }
    ldr__set_last_error(ERROR_NO_MORE_FILES); /* mingw's readdir asks for it */
    return ldr__crt_set_errno(ENOENT);
}

/* ---- Handles ---- */

static void release(struct ldr__crt_find *find)
{
    if (find->folder)
        closedir(find->folder);
    free(find->pattern);
    free(find);
}

void ldr__crt_finds_destroy(ldr__crt *crt)
{
    while (crt->finds) {
        struct ldr__crt_find *find = crt->finds;
        crt->finds = find->next;
        release(find);
    }
}

static struct ldr__crt_find **slot_of(ldr__crt *crt, intptr_t handle)
{
    struct ldr__crt_find **slot = &crt->finds;
    while (*slot && (intptr_t)*slot != handle)
        slot = &(*slot)->next;
    return slot;
}

/* Splits a host path (taken over) into folder and pattern. */
static struct ldr__crt_find *begin(char *path)
{
    struct ldr__crt_find *find = calloc(1, sizeof *find);
    char *slash = strrchr(path, '/');
    if (find) {
        find->pattern = strdup(slash ? slash + 1 : path);
        if (slash)
            slash[slash == path] = '\0';
        find->folder = opendir(slash ? path : ".");
    }
    if (!find || !find->pattern || !find->folder) {
        ldr__crt_set_host_errno(find && find->pattern ? ENOENT : ENOMEM);
        if (find)
            release(find);
        find = NULL;
    }
    free(path);
    return find;
}

static intptr_t find_first(char *host_path, find_layout layout, void *out)
{
    if (!host_path)
        return ldr__crt_set_host_errno(errno);
    struct ldr__crt_find *find = begin(host_path);
    if (!find)
        return -1;
    if (next(find, layout, out) != 0) {
        release(find);
        return -1;
    }
    ldr__crt *crt = ldr__crt_self();
    ldr__crt_lock(crt);
    find->next = crt->finds;
    crt->finds = find;
    ldr__crt_unlock(crt);
    return (intptr_t)find;
}

static intptr_t first_narrow(const char *pattern, find_layout layout, void *out)
{
    if (!pattern || !out) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    return find_first(ldr__path_to_host(pattern), layout, out);
}

static intptr_t first_wide(const WCHAR *pattern, find_layout layout, void *out)
{
    if (!pattern || !out) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    return find_first(ldr__path_to_host_w(pattern), layout, out);
}

static int find_next(intptr_t handle, find_layout layout, void *out)
{
    ldr__crt *crt = ldr__crt_self();
    int result = -1;
    ldr__crt_lock(crt);
    struct ldr__crt_find *find = *slot_of(crt, handle);
    if (find && out)
        result = next(find, layout, out);
    ldr__crt_unlock(crt);
    if (!find || !out)
        ldr__crt_invalid_parameter(EINVAL);
    return result;
}

static int LDR_WINAPI guest__findclose(intptr_t handle)
{
    ldr__crt *crt = ldr__crt_self();
    ldr__crt_lock(crt);
    struct ldr__crt_find **slot = slot_of(crt, handle);
    struct ldr__crt_find *find = *slot;
    if (find)
        *slot = find->next;
    ldr__crt_unlock(crt);
    if (!find)
        return ldr__crt_set_errno(EINVAL);
    release(find);
    return 0;
}

#define FIND_FUNCTIONS(suffix)                                                            \
    static intptr_t LDR_WINAPI guest__findfirst##suffix(const char *pattern, void *out)   \
    {                                                                                     \
        return first_narrow(pattern, narrow##suffix, out);                                \
    }                                                                                     \
    static int LDR_WINAPI guest__findnext##suffix(intptr_t handle, void *out)             \
    {                                                                                     \
        return find_next(handle, narrow##suffix, out);                                    \
    }                                                                                     \
    static intptr_t LDR_WINAPI guest__wfindfirst##suffix(const WCHAR *pattern, void *out) \
    {                                                                                     \
        return first_wide(pattern, wide##suffix, out);                                    \
    }                                                                                     \
    static int LDR_WINAPI guest__wfindnext##suffix(intptr_t handle, void *out)            \
    {                                                                                     \
        return find_next(handle, wide##suffix, out);                                      \
    }

FIND_FUNCTIONS(64)
FIND_FUNCTIONS(64i32)
FIND_FUNCTIONS(32)
FIND_FUNCTIONS(32i64)

static const ldr_export shared[] = {
    LDR__FN(_findfirst64),     LDR__FN(_findnext64),     LDR__FN(_wfindfirst64),
    LDR__FN(_wfindnext64),     LDR__FN(_findfirst64i32), LDR__FN(_findnext64i32),
    LDR__FN(_wfindfirst64i32), LDR__FN(_wfindnext64i32), LDR__FN(_findfirst32),
    LDR__FN(_findnext32),      LDR__FN(_wfindfirst32),   LDR__FN(_wfindnext32),
    LDR__FN(_findfirst32i64),  LDR__FN(_findnext32i64),  LDR__FN(_wfindfirst32i64),
    LDR__FN(_wfindnext32i64),  LDR__FN(_findclose),
};
LDR__CRT_TABLES(ldr__crt_find, shared);

static const ldr_export msvcrt_lines[] = {
    LDR__FN_AS("_findfirst", guest__findfirst64i32),
    LDR__FN_AS("_findnext", guest__findnext64i32),
    LDR__FN_AS("_wfindfirst", guest__wfindfirst64i32),
    LDR__FN_AS("_wfindnext", guest__wfindnext64i32),
    LDR__FN_AS("_findfirsti64", guest__findfirst64),
    LDR__FN_AS("_findnexti64", guest__findnext64),
    LDR__FN_AS("_wfindfirsti64", guest__wfindfirst64),
    LDR__FN_AS("_wfindnexti64", guest__wfindnext64),
};
LDR__TABLE(ldr__crt_find_msvcrt_only, "msvcrt.dll", msvcrt_lines);
