#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "win32/kernel32/files.h"
#include "win32/kernel32/letters.h"

/* FindFirstFile and its like. */

enum { NAME_CAPACITY = 260, SHORT_NAME_CAPACITY = 14, FIND_INFO_MAX = 1, FIND_SEARCH_MAX = 1 };

/* A search: LDR__OBJECT_FIND. */
typedef struct find {
    ldr__object object;
    DIR *folder;
    char *folder_path;
    WCHAR *pattern;
} find;

typedef struct find_head {
    DWORD attributes;
    FILETIME created, accessed, written;
    DWORD size_high, size_low, reserved[2];
} find_head;

typedef struct WIN32_FIND_DATAW {
    find_head head;
    WCHAR name[NAME_CAPACITY];
    WCHAR short_name[SHORT_NAME_CAPACITY];
} WIN32_FIND_DATAW;

typedef struct WIN32_FIND_DATAA {
    find_head head;
    char name[NAME_CAPACITY];
    char short_name[SHORT_NAME_CAPACITY];
} WIN32_FIND_DATAA;

_Static_assert(sizeof(WIN32_FIND_DATAW) == 592, "WIN32_FIND_DATAW layout");
_Static_assert(sizeof(WIN32_FIND_DATAA) == 320, "WIN32_FIND_DATAA layout");

/* ---- Wildcards ---- */

/* '*' is any run, '?' any unit or, at the end of the name, none. Case does not matter. */
static bool matches(const WCHAR *pattern, const WCHAR *name)
{
    const WCHAR *star = NULL, *retry = NULL;
    while (*name != 0) {
        if (*pattern == '*') {
            star = pattern++;
            retry = name;
        } else if (*pattern == '?' ||
                   (*pattern != 0 && ldr__to_upper(*pattern) == ldr__to_upper(*name))) {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star + 1;
            name = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*' || *pattern == '?')
        pattern++;
    return *pattern == 0;
}

/* "*.*" means every name, also one without a dot. */
static void widen_pattern(WCHAR *pattern)
{
    static const WCHAR all[] = {'*', '.', '*', 0};
    if (ldr__wcslen(pattern) == 3 && memcmp(pattern, all, sizeof all) == 0)
        pattern[1] = 0;
}

/* ---- Searches ---- */

static void find_destroy(ldr__object *object)
{
    find *search = (find *)object;
    if (search->folder != NULL)
        closedir(search->folder);
    free(search->folder_path);
    free(search->pattern);
    free(search);
}

/* Takes over `path`, which is cut into folder and pattern. */
static find *find_new(char *path)
{
    find *search = calloc(1, sizeof *search);
    char *slash = strrchr(path, '/');
    const char *folder = slash == NULL ? "." : slash == path ? "/" : path;
    if (search != NULL) {
        search->object = (ldr__object){LDR__OBJECT_FIND, 1, find_destroy};
        search->pattern = ldr__utf16_from(slash ? slash + 1 : path);
        if (slash != NULL && slash != path)
            *slash = 0;
        search->folder_path = strdup(folder);
        if (search->folder_path != NULL)
            search->folder = opendir(search->folder_path);
        if (search->pattern == NULL || search->folder_path == NULL)
            errno = ENOMEM;
    }
    free(path);
    if (search != NULL && search->folder != NULL && search->pattern != NULL) {
        widen_pattern(search->pattern);
        return search;
    }
    int host_errno = search ? errno : ENOMEM;
    if (search != NULL)
        find_destroy(&search->object);
    ldr__set_last_error(host_errno == ENOENT ? ERROR_PATH_NOT_FOUND
                                             : ldr__error_from_errno(host_errno));
    return NULL;
}

static DWORD fill(const find *search, const char *name, WIN32_FIND_DATAW *ret_data)
{
    ldr__file_facts facts;
    size_t size = strlen(search->folder_path) + strlen(name) + 2;
    char *path = malloc(size);
    if (path == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    strcpy(path, search->folder_path);
    strcat(path, "/");
    strcat(path, name);
    bool known = ldr__file_facts_get(-1, path, &facts);
    free(path);
    if (!known)
        return ERROR_FILE_NOT_FOUND; /* gone meanwhile, or a link to nothing */
    memset(ret_data, 0, sizeof *ret_data);
    ret_data->head = (find_head){.attributes = facts.attributes,
                                 .created = facts.created,
                                 .accessed = facts.accessed,
                                 .written = facts.written,
                                 .size_high = (DWORD)(facts.size >> 32),
                                 .size_low = (DWORD)facts.size};
    ldr__utf8_to_utf16(name, strlen(name), ret_data->name, NAME_CAPACITY - 1);
    return ERROR_SUCCESS;
}

/* The next file that the pattern matches; ERROR_FILE_NOT_FOUND when there is none. */
static DWORD find_next(find *search, WIN32_FIND_DATAW *ret_data)
{
    DWORD error = ERROR_FILE_NOT_FOUND;
    const struct dirent *entry;
    while (error == ERROR_FILE_NOT_FOUND && (entry = readdir(search->folder)) != NULL) {
        WCHAR name[NAME_CAPACITY] = {0};
        ldr__utf8_to_utf16(entry->d_name, strlen(entry->d_name), name, NAME_CAPACITY - 1);
        if (matches(search->pattern, name))
            error = fill(search, entry->d_name, ret_data);
    }
    return error;
}

static HANDLE find_first(char *path, WIN32_FIND_DATAW *ret_data)
{
    find *search = path ? find_new(path) : NULL;
    if (search == NULL)
        return INVALID_HANDLE_VALUE;
    DWORD error = find_next(search, ret_data);
    if (error != ERROR_SUCCESS) {
        find_destroy(&search->object);
        ldr__set_last_error(error);
        return INVALID_HANDLE_VALUE;
    }
    HANDLE handle = ldr__handle_new(ldr__process_self(), &search->object);
    if (handle != NULL)
        return handle;
    ldr__set_last_error(ERROR_NOT_ENOUGH_MEMORY);
    return INVALID_HANDLE_VALUE;
}

static HANDLE LDR_WINAPI guest_FindFirstFileExW(const WCHAR *name, DWORD level,
                                                WIN32_FIND_DATAW *ret_data, DWORD search,
                                                void *filter, DWORD flags)
{
    (void)flags; /* hints: case-sensitive search is for file systems that are not, large fetch */
    if (level > FIND_INFO_MAX || search > FIND_SEARCH_MAX || filter != NULL) {
        ldr__set_last_error(ERROR_INVALID_PARAMETER);
        return INVALID_HANDLE_VALUE;
    }
    return find_first(ldr__host_path_w(name), ret_data);
}

static HANDLE LDR_WINAPI guest_FindFirstFileW(const WCHAR *name, WIN32_FIND_DATAW *ret_data)
{
    return find_first(ldr__host_path_w(name), ret_data);
}

static BOOL LDR_WINAPI guest_FindNextFileW(HANDLE handle, WIN32_FIND_DATAW *ret_data)
{
    find *search = (find *)ldr__handle_get(ldr__process_self(), handle, LDR__OBJECT_FIND);
    if (search == NULL)
        return ldr__win_error(ERROR_INVALID_HANDLE);
    DWORD error = find_next(search, ret_data);
    ldr__object_release(&search->object);
    if (error == ERROR_SUCCESS)
        return true;
    return ldr__win_error(error == ERROR_FILE_NOT_FOUND ? ERROR_NO_MORE_FILES : error);
}

static void narrow_data(const WIN32_FIND_DATAW *wide, WIN32_FIND_DATAA *ret_data)
{
    memset(ret_data, 0, sizeof *ret_data);
    ret_data->head = wide->head;
    ldr__utf16_to_utf8(wide->name, ldr__wcslen(wide->name), ret_data->name, NAME_CAPACITY - 1);
}

static HANDLE LDR_WINAPI guest_FindFirstFileA(const char *name, WIN32_FIND_DATAA *ret_data)
{
    WIN32_FIND_DATAW wide;
    HANDLE handle = find_first(ldr__host_path_a(name), &wide);
    if (handle != INVALID_HANDLE_VALUE)
        narrow_data(&wide, ret_data);
    return handle;
}

static BOOL LDR_WINAPI guest_FindNextFileA(HANDLE handle, WIN32_FIND_DATAA *ret_data)
{
    WIN32_FIND_DATAW wide;
    if (!guest_FindNextFileW(handle, &wide))
        return false;
    narrow_data(&wide, ret_data);
    return true;
}

static BOOL LDR_WINAPI guest_FindClose(HANDLE handle)
{
    ldr__process *process = ldr__process_self();
    ldr__object *object = ldr__handle_get(process, handle, LDR__OBJECT_FIND);
    ldr__object_release(object);
    if (object == NULL || !ldr__handle_close(process, handle))
        return ldr__win_error(ERROR_INVALID_HANDLE);
    return true;
}

static const ldr_export lines[] = {
    LDR__FN(FindFirstFileA), LDR__FN(FindFirstFileW), LDR__FN(FindFirstFileExW),
    LDR__FN(FindNextFileA),  LDR__FN(FindNextFileW),  LDR__FN(FindClose),
};

LDR__TABLE(ldr__kernel32_find, "kernel32.dll", lines);
