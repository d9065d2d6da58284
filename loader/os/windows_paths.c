/*
 * windows_paths.c: texts, paths, and the part of os.h that finds files.
 *
 * Paths are given to the system absolute and in the form that it does not interpret ("\\?\"), so
 * that they may be long. What is interpreted before: NUL and its like are devices, wherever they
 * seem to be, and a dot at the end does not count.
 */
#include "os/windows.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

/* ---- Texts ---- */

static ldr_status status_of_text(void)
{
    return GetLastError() == ERROR_NO_UNICODE_TRANSLATION ? LDR_FILE_NOT_FOUND : LDR_NO_MEMORY;
}

ldr_status ldr__windows_wide(const char *text, wchar_t **ret_wide)
{
    int count = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
    if (count <= 0)
        return status_of_text();
    wchar_t *wide = malloc((size_t)count * sizeof *wide);
    if (wide == NULL)
        return LDR_NO_MEMORY;
    MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, wide, count);
    *ret_wide = wide;
    return LDR_OK;
}

ldr_status ldr__windows_narrow(const wchar_t *wide, char **ret_text)
{
    int count = WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, wide, -1, NULL, 0, NULL, NULL);
    if (count <= 0)
        return status_of_text();
    char *text = malloc((size_t)count);
    if (text == NULL)
        return LDR_NO_MEMORY;
    WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, wide, -1, text, count, NULL, NULL);
    *ret_text = text;
    return LDR_OK;
}

static void replace(wchar_t *text, wchar_t old, wchar_t new)
{
    for (; *text != L'\0'; text++)
        if (*text == old)
            *text = new;
}

/* ---- Paths ---- */

#define VERBATIM     L"\\\\?\\"
#define VERBATIM_UNC L"\\\\?\\UNC\\"
#define DEVICE       L"\\\\.\\"

static bool starts_with(const wchar_t *text, const wchar_t *start)
{
    return wcsncmp(text, start, wcslen(start)) == 0;
}

/* GetFullPathName, allocated, behind `room` characters that are free. */
static ldr_status full_path(const wchar_t *path, size_t room, wchar_t **ret_full)
{
    DWORD size = GetFullPathNameW(path, 0, NULL, NULL);
    if (size == 0)
        return LDR_FILE_NOT_FOUND;
    wchar_t *full = malloc((room + size) * sizeof *full);
    if (full == NULL)
        return LDR_NO_MEMORY;
    DWORD length = GetFullPathNameW(path, size, full + room, NULL);
    /* The folder that it is relative to may have changed. */
    if (length == 0 || length >= size) {
        free(full);
        return LDR_FILE_NOT_FOUND;
    }
    *ret_full = full;
    return LDR_OK;
}

/* Into the room that full_path has left. */
static void make_verbatim(wchar_t *path, size_t room)
{
    wchar_t *full = path + room;
    size_t size = (wcslen(full) + 1) * sizeof *full;
    if (starts_with(full, VERBATIM) || starts_with(full, DEVICE)) {
        memmove(path, full, size);
    } else if (starts_with(full, L"\\\\")) {
        memmove(path + wcslen(VERBATIM_UNC), full + 2, size - 2 * sizeof *full);
        memcpy(path, VERBATIM_UNC, wcslen(VERBATIM_UNC) * sizeof *path);
    } else {
        memmove(path + wcslen(VERBATIM), full, size);
        memcpy(path, VERBATIM, wcslen(VERBATIM) * sizeof *path);
    }
}

ldr_status ldr__windows_path(const char *path, wchar_t **ret_path)
{
    wchar_t *wide, *full;
    size_t room = wcslen(VERBATIM_UNC);
    ldr_status status = ldr__windows_wide(path, &wide);
    if (status != LDR_OK)
        return status;
    replace(wide, L'/', L'\\');
    status = full_path(wide, room, &full);
    free(wide);
    if (status != LDR_OK)
        return status;
    make_verbatim(full, room);
    *ret_path = full;
    return LDR_OK;
}

static bool has_drive(const wchar_t *path)
{
    return path[0] != L'\0' && path[1] == L':';
}

/* As everywhere inside the library: with '/', and without the prefix where there is another form.
 */
static ldr_status inside_path(wchar_t *verbatim, char **ret_path)
{
    wchar_t *path = verbatim;
    if (starts_with(verbatim, VERBATIM_UNC)) {
        path += wcslen(VERBATIM_UNC) - 2;
        path[0] = L'\\';
    } else if (starts_with(verbatim, VERBATIM) && has_drive(verbatim + wcslen(VERBATIM))) {
        path += wcslen(VERBATIM);
    }
    replace(path, L'\\', L'/');
    return ldr__windows_narrow(path, ret_path);
}

ldr_status ldr__os_path_absolute(const char *path, char **ret_path)
{
    wchar_t *full;
    ldr_status status = ldr__windows_path(path, &full);
    if (status != LDR_OK)
        return status;
    if (GetFileAttributesW(full) == INVALID_FILE_ATTRIBUTES)
        status = ldr__windows_status() == LDR_NO_MEMORY ? LDR_NO_MEMORY : LDR_FILE_NOT_FOUND;
    else
        status = inside_path(full, ret_path);
    free(full);
    return status;
}

/* ---- Finding ---- */

/* The name that a file or folder has, allocated. The system finds it in any case of its letters. */
static ldr_status find_name(const char *path, bool is_folder, char **ret_name)
{
    WIN32_FIND_DATAW data;
    wchar_t *full;
    ldr_status status = ldr__windows_path(path, &full);
    if (status != LDR_OK)
        return status;
    bool is_device = starts_with(full, DEVICE);
    HANDLE search = is_device ? INVALID_HANDLE_VALUE : FindFirstFileW(full, &data);
    if (is_device)
        status = LDR_FILE_NOT_FOUND;
    else if (search == INVALID_HANDLE_VALUE)
        status = ldr__windows_status() == LDR_NO_MEMORY ? LDR_NO_MEMORY : LDR_FILE_NOT_FOUND;
    free(full);
    if (status != LDR_OK)
        return status;
    FindClose(search);
    if (((data.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0) != is_folder)
        return LDR_FILE_NOT_FOUND;
    return ldr__windows_narrow(data.cFileName, ret_name);
}

static char *join(const char *folder, const char *name)
{
    size_t folder_length = strlen(folder), name_length = strlen(name);
    char *path = malloc(folder_length + name_length + 2);
    if (path == NULL)
        return NULL;
    memcpy(path, folder, folder_length);
    if (folder_length == 0 || strchr("/\\", folder[folder_length - 1]) == NULL)
        path[folder_length++] = '/';
    memcpy(path + folder_length, name, name_length + 1);
    return path;
}

/* One part of a path: the system takes these characters for patterns, streams and separators. */
static bool is_name(const char *part)
{
    return strpbrk(part, "*?<>\"|:\\") == NULL;
}

/* The path of one part in `folder`. */
static ldr_status find_part(const char *folder, const char *part, bool is_folder,
                            bool (*same)(const char *a, const char *b), char **ret_path)
{
    char *found = NULL;
    if (strcmp(part, "..") == 0) {
        *ret_path = join(folder, part);
        return *ret_path != NULL ? LDR_OK : LDR_NO_MEMORY;
    }
    char *asked = is_name(part) ? join(folder, part) : NULL;
    if (asked == NULL)
        return is_name(part) ? LDR_NO_MEMORY : LDR_FILE_NOT_FOUND;
    ldr_status status = find_name(asked, is_folder, &found);
    free(asked);
    if (status == LDR_OK && !same(found, part)) /* its short name (8.3) was asked for */
        status = LDR_FILE_NOT_FOUND;
    char *path = status == LDR_OK ? join(folder, found) : NULL;
    if (status == LDR_OK && path == NULL)
        status = LDR_NO_MEMORY;
    free(found);
    if (status == LDR_OK)
        *ret_path = path;
    return status;
}

/* `rest` is the path below `folder`, and is cut up. */
static ldr_status find_parts(const char *folder, char *rest,
                             bool (*same)(const char *a, const char *b), char **ret_path)
{
    char *path = strdup(folder), *next = NULL;
    ldr_status status = path != NULL ? LDR_OK : LDR_NO_MEMORY;
    for (char *name = rest; name != NULL && status == LDR_OK; name = next) {
        char *longer = NULL;
        next = strchr(name, '/');
        if (next != NULL)
            *next++ = '\0';
        if (name[0] == '\0' || strcmp(name, ".") == 0)
            continue;
        status = find_part(path, name, next != NULL, same, &longer);
        if (status != LDR_OK)
            break;
        free(path);
        path = longer;
    }
    if (status == LDR_OK)
        *ret_path = path;
    else
        free(path);
    return status;
}

ldr_status ldr__os_folder_find(const char *folder, const char *name,
                               bool (*same)(const char *a, const char *b), char **ret_path)
{
    size_t length = strlen(name);
    if (length == 0 || name[length - 1] == '/')
        return LDR_FILE_NOT_FOUND;
    char *rest = strdup(name);
    if (rest == NULL)
        return LDR_NO_MEMORY;
    ldr_status status = find_parts(folder, rest, same, ret_path);
    free(rest);
    return status;
}
