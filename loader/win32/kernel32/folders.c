#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "modules/find/names.h"
#include "os/os.h"
#include "win32/kernel32/kernel32.h"

/* Where DLLs and other files are looked for, as far as the guest can say or ask. */

static ldr_context *own_context(void)
{
    return ldr__process_self()->ctx;
}

static DWORD error_of(ldr_status status)
{
    return status == LDR_NO_MEMORY ? ERROR_NOT_ENOUGH_MEMORY : ERROR_INVALID_PARAMETER;
}

/* ---- PATH ---- */

/* PATH as a guest sets it, with ';' and drives, or as the host has set it, with ':'. */
ldr_status ldr__path_folders_each(ldr__process *process,
                                  bool (*visit)(void *user, const char *folder), void *user)
{
    char *list = ldr__environment_get(process, "PATH"), *rest = NULL;
    const char *separator = list && strpbrk(list, ";\\") ? ";" : ":";
    bool done = false, has_memory = list != NULL || errno != ENOMEM;
    for (char *folder = list ? strtok_r(list, separator, &rest) : NULL;
         folder && !done && has_memory; folder = strtok_r(NULL, separator, &rest)) {
        char *host = ldr__path_to_host(folder);
        has_memory = host != NULL || errno != ENOMEM;
        done = host != NULL && visit(user, host);
        free(host);
    }
    free(list);
    return has_memory ? LDR_OK : LDR_NO_MEMORY;
}

/* ---- SetDllDirectory ---- */

static BOOL LDR_WINAPI guest_SetDllDirectoryA(const char *folder)
{
    if (folder != NULL && strchr(folder, ';') != NULL)
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    ldr_status status = ldr__guest_set_folder(own_context(), folder);
    return status == LDR_OK ? true : ldr__win_error(error_of(status));
}

static BOOL LDR_WINAPI guest_SetDllDirectoryW(const WCHAR *folder)
{
    char *narrow = folder ? ldr__utf8_from(folder) : NULL;
    if (folder != NULL && narrow == NULL)
        return ldr__win_error(ERROR_NOT_ENOUGH_MEMORY);
    BOOL done = guest_SetDllDirectoryA(narrow);
    free(narrow);
    return done;
}

static DWORD LDR_WINAPI guest_GetDllDirectoryA(DWORD size, char *ret_folder)
{
    char *folder = NULL;
    if (ldr__guest_folder(own_context(), &folder) != LDR_OK)
        return (DWORD)ldr__win_error(ERROR_NOT_ENOUGH_MEMORY);
    DWORD length = ldr__answer_text(folder, ret_folder, size);
    ldr__os_free(folder);
    return length;
}

static DWORD LDR_WINAPI guest_GetDllDirectoryW(DWORD size, WCHAR *ret_folder)
{
    char *folder = NULL;
    if (ldr__guest_folder(own_context(), &folder) != LDR_OK)
        return (DWORD)ldr__win_error(ERROR_NOT_ENOUGH_MEMORY);
    DWORD length = ldr__answer_text_w(folder, ret_folder, size);
    ldr__os_free(folder);
    return length;
}

/* ---- AddDllDirectory ---- */

static bool is_absolute(const char *path)
{
    bool drive = path[0] != 0 && path[1] == ':';
    const char *rest = drive ? path + 2 : path;
    return rest[0] == '\\' || rest[0] == '/';
}

static DWORD check_exists(const char *host_path)
{
    char *absolute = NULL;
    ldr_status status = ldr__os_path_absolute(host_path, &absolute);
    ldr__os_free(absolute);
    if (status == LDR_NO_MEMORY)
        return ERROR_NOT_ENOUGH_MEMORY;
    return status == LDR_OK ? ERROR_SUCCESS : ERROR_FILE_NOT_FOUND;
}

static void *add_folder(const char *folder)
{
    void *cookie = NULL;
    if (!is_absolute(folder))
        return ldr__win_error(ERROR_INVALID_PARAMETER), NULL;
    char *host = ldr__path_to_host(folder);
    DWORD error = host              ? check_exists(host)
                  : errno == ENOMEM ? ERROR_NOT_ENOUGH_MEMORY
                                    : ERROR_PATH_NOT_FOUND;
    if (error == ERROR_SUCCESS && ldr__guest_add_folder(own_context(), host, &cookie) != LDR_OK)
        error = ERROR_NOT_ENOUGH_MEMORY;
    if (error != ERROR_SUCCESS)
        ldr__set_last_error(error);
    free(host);
    return cookie;
}

static void *LDR_WINAPI guest_AddDllDirectory(const WCHAR *folder)
{
    char *narrow = ldr__utf8_from(folder);
    if (narrow == NULL)
        return ldr__win_error(ERROR_NOT_ENOUGH_MEMORY), NULL;
    void *cookie = add_folder(narrow);
    free(narrow);
    return cookie;
}

static BOOL LDR_WINAPI guest_RemoveDllDirectory(const void *cookie)
{
    bool done = ldr__guest_remove_folder(own_context(), cookie);
    return done ? true : ldr__win_error(ERROR_INVALID_PARAMETER);
}

static BOOL LDR_WINAPI guest_SetDefaultDllDirectories(DWORD flags)
{
    ldr_status status = ldr__guest_set_default_flags(own_context(), flags);
    return status == LDR_OK ? true : ldr__win_error(error_of(status));
}

/* ---- Windows's own folders ---- */

static DWORD answer_folder(const char *host_path, char *ret_path, WCHAR *ret_wide, DWORD size)
{
    char *path = host_path ? ldr__path_to_guest(host_path) : NULL;
    if (path == NULL)
        return (DWORD)ldr__win_error(host_path ? ERROR_NOT_ENOUGH_MEMORY : ERROR_PATH_NOT_FOUND);
    DWORD length = ret_wide ? ldr__answer_text_w(path, ret_wide, size)
                            : ldr__answer_text(path, ret_path, size);
    free(path);
    return length;
}

static DWORD LDR_WINAPI guest_GetSystemDirectoryA(char *ret_path, DWORD size)
{
    return answer_folder(ldr__context_system_folder(own_context()), ret_path, NULL, size);
}

static DWORD LDR_WINAPI guest_GetSystemDirectoryW(WCHAR *ret_path, DWORD size)
{
    return answer_folder(ldr__context_system_folder(own_context()), NULL, ret_path, size);
}

static DWORD LDR_WINAPI guest_GetWindowsDirectoryA(char *ret_path, DWORD size)
{
    return answer_folder(ldr__context_windows_folder(own_context()), ret_path, NULL, size);
}

static DWORD LDR_WINAPI guest_GetWindowsDirectoryW(WCHAR *ret_path, DWORD size)
{
    return answer_folder(ldr__context_windows_folder(own_context()), NULL, ret_path, size);
}

/* ---- SearchPath ---- */

/* A file that is looked for; `found` is its host path, for ldr__os_free. */
typedef struct file_search {
    const char *name;
    char *found;
} file_search;

static bool look_in(void *user, const char *folder)
{
    file_search *search = user;
    if (folder == NULL || folder[0] == 0)
        return false;
    return ldr__os_folder_find(folder, search->name, ldr__same_name, &search->found) == LDR_OK;
}

static void look_in_list(file_search *search, const char *folders)
{
    char *list = strdup(folders), *rest = NULL;
    bool done = list == NULL;
    for (char *folder = list ? strtok_r(list, ";", &rest) : NULL; folder && !done;
         folder = strtok_r(NULL, ";", &rest)) {
        char *host = ldr__path_to_host(folder);
        done = host != NULL && look_in(search, host);
        free(host);
    }
    free(list);
}

/* The program's folder, Windows's, the current one, PATH: what SetDllDirectory says does not count.
 */
static void look_in_usual_places(file_search *search)
{
    ldr_context *ctx = own_context();
    const ldr_module *program = ldr__module_main(ctx);
    const char *path = program ? ldr_module_path(program) : "";
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path)) : NULL;
    bool done = look_in(search, folder) || look_in(search, ldr__context_system_folder(ctx)) ||
                look_in(search, ldr__context_windows_folder(ctx)) || look_in(search, ".");
    free(folder);
    if (!done)
        ldr__path_folders_each(ldr__process_self(), look_in, search);
}

/* The guest's full path of the file, allocated (free); NULL with the last error. */
static char *search_path(const char *folders, const char *name, const char *extension)
{
    const char *base = ldr__guest_base_name(name);
    bool extends = extension != NULL && strchr(base, '.') == NULL;
    char *full = malloc(strlen(name) + (extends ? strlen(extension) : 0) + 1), *path = NULL;
    if (full == NULL)
        return ldr__win_error(ERROR_NOT_ENOUGH_MEMORY), NULL;
    strcat(strcpy(full, name), extends ? extension : "");
    char *host = ldr__path_to_host(full);
    file_search search = {.name = host};
    if (host != NULL && is_absolute(full))
        look_in(&search, "/");
    else if (host != NULL && folders != NULL)
        look_in_list(&search, folders);
    else if (host != NULL)
        look_in_usual_places(&search);
    ldr__set_last_error(search.found ? ERROR_SUCCESS : ERROR_FILE_NOT_FOUND);
    char *guest = search.found ? ldr__path_to_guest(search.found) : NULL;
    if (guest != NULL)
        path = ldr__path_full(guest);
    free(guest);
    free(host);
    free(full);
    ldr__os_free(search.found);
    return path;
}

static DWORD LDR_WINAPI guest_SearchPathA(const char *folders, const char *name,
                                          const char *extension, DWORD size, char *ret_path,
                                          char **ret_file)
{
    if (name == NULL || name[0] == 0)
        return (DWORD)ldr__win_error(ERROR_INVALID_PARAMETER);
    char *path = search_path(folders, name, extension);
    if (path == NULL)
        return 0;
    DWORD length = ldr__answer_text(path, ret_path, size);
    if (ret_file != NULL && ret_path != NULL && length < size)
        *ret_file = ret_path + (ldr__guest_base_name(path) - path);
    free(path);
    return length;
}

/* UTF-8 of a text that may be NULL; false when out of memory. */
static bool narrow(const WCHAR *text, char **ret_text)
{
    *ret_text = text ? ldr__utf8_from(text) : NULL;
    return text == NULL || *ret_text != NULL;
}

static DWORD answer_wide(char *path, WCHAR *ret_path, DWORD size, WCHAR **ret_file)
{
    DWORD length = ldr__answer_text_w(path, ret_path, size);
    WCHAR *file = ret_path != NULL && length < size ? ret_path + length : NULL;
    while (file != NULL && file > ret_path && file[-1] != '\\')
        file--;
    if (ret_file != NULL && file != NULL)
        *ret_file = file;
    free(path);
    return length;
}

static DWORD LDR_WINAPI guest_SearchPathW(const WCHAR *folders, const WCHAR *name,
                                          const WCHAR *extension, DWORD size, WCHAR *ret_path,
                                          WCHAR **ret_file)
{
    char *texts[3] = {NULL, NULL, NULL}, *path = NULL;
    if (name == NULL || name[0] == 0)
        return (DWORD)ldr__win_error(ERROR_INVALID_PARAMETER);
    if (narrow(folders, &texts[0]) && narrow(name, &texts[1]) && narrow(extension, &texts[2]))
        path = search_path(texts[0], texts[1], texts[2]);
    else
        ldr__set_last_error(ERROR_NOT_ENOUGH_MEMORY);
    for (size_t i = 0; i < 3; i++)
        free(texts[i]);
    return path ? answer_wide(path, ret_path, size, ret_file) : 0;
}

static const ldr_export lines[] = {
    LDR__FN(SetDllDirectoryA),
    LDR__FN(SetDllDirectoryW),
    LDR__FN(GetDllDirectoryA),
    LDR__FN(GetDllDirectoryW),
    LDR__FN(AddDllDirectory),
    LDR__FN(RemoveDllDirectory),
    LDR__FN(SetDefaultDllDirectories),
    LDR__FN(GetSystemDirectoryA),
    LDR__FN(GetSystemDirectoryW),
    LDR__FN(GetWindowsDirectoryA),
    LDR__FN(GetWindowsDirectoryW),
    LDR__FN_AS("GetSystemWindowsDirectoryA", guest_GetWindowsDirectoryA),
    LDR__FN_AS("GetSystemWindowsDirectoryW", guest_GetWindowsDirectoryW),
    LDR__FN(SearchPathA),
    LDR__FN(SearchPathW),
};

LDR__TABLE(ldr__kernel32_folders, "kernel32.dll", lines);
