#include "native/state.h"

#include <string.h>

#include "os/os.h"

static bool is_slash(char c)
{
    return c == '/' || c == '\\';
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Behind the next slash, or at the end. */
static size_t after_part(const char *path, size_t from)
{
    while (path[from] != '\0' && !is_slash(path[from]))
        from++;
    return path[from] != '\0' ? from + 1 : from;
}

/* "C:\", "\\server\share\" (so also "\\?\C:\"), or that of the current drive, "\". */
size_t ldr__paths_root(const char *path)
{
    if (is_letter(path[0]) && path[1] == ':')
        return is_slash(path[2]) ? 3 : 0;
    if (!is_slash(path[0]))
        return 0;
    if (!is_slash(path[1]))
        return 1;
    return after_part(path, after_part(path, 2));
}

/* "C:a" is relative to the current folder of the drive. */
static wchar_t *full_path(const wchar_t *path)
{
    DWORD room = GetFullPathNameW(path, 0, NULL, NULL);
    wchar_t *full = room != 0 ? ldr__os_alloc(room * sizeof *full) : NULL;
    if (full != NULL && GetFullPathNameW(path, room, full, NULL) < room)
        return full;
    ldr__os_free(full);
    return NULL;
}

static char *from_drive(const char *guest_path)
{
    wchar_t *wide = ldr__wide_path_of(guest_path);
    wchar_t *full = wide != NULL ? full_path(wide) : NULL;
    char *path = full != NULL ? ldr__path_of(full) : NULL;
    ldr__os_free(wide);
    ldr__os_free(full);
    return path;
}

ldr_status ldr__paths_to_host(const char *guest_path, char **ret_path)
{
    bool is_of_drive = is_letter(guest_path[0]) && guest_path[1] == ':' && !is_slash(guest_path[2]);
    wchar_t *wide = is_of_drive ? NULL : ldr__wide_of(guest_path);
    char *path = is_of_drive ? from_drive(guest_path) : NULL;
    if (wide != NULL)
        path = ldr__path_of(wide);
    ldr__os_free(wide);
    if (path == NULL)
        return LDR_NO_MEMORY;
    *ret_path = path;
    return LDR_OK;
}

/* ---- PATH ---- */

/* The next folder of PATH, cut out in place; quotes let a ';' in. */
static wchar_t *next_folder(wchar_t **rest)
{
    wchar_t *folder = *rest, *to = folder, *from = folder;
    bool is_quoted = false;
    for (; *from != L'\0' && (is_quoted || *from != L';'); from++) {
        if (*from == L'"')
            is_quoted = !is_quoted;
        else
            *to++ = *from;
    }
    *rest = *from != L'\0' ? from + 1 : from;
    *to = L'\0';
    return folder;
}

static ldr_status visit_folders(wchar_t *rest, bool (*visit)(void *user, const char *folder),
                                void *user)
{
    bool is_done = false;
    while (*rest != L'\0' && !is_done) {
        char *folder = ldr__path_of(next_folder(&rest));
        if (folder == NULL)
            return LDR_NO_MEMORY;
        if (folder[0] != '\0')
            is_done = visit(user, folder);
        ldr__os_free(folder);
    }
    return LDR_OK;
}

/* The variable may grow between the two calls: then it is left out for once. */
ldr_status ldr__paths_each_folder(bool (*visit)(void *user, const char *folder), void *user)
{
    DWORD room = GetEnvironmentVariableW(L"PATH", NULL, 0);
    if (room == 0)
        return LDR_OK;
    wchar_t *all = ldr__os_alloc(room * sizeof *all);
    if (all == NULL)
        return LDR_NO_MEMORY;
    ldr_status status = LDR_OK;
    if (GetEnvironmentVariableW(L"PATH", all, room) < room)
        status = visit_folders(all, visit, user);
    ldr__os_free(all);
    return status;
}
