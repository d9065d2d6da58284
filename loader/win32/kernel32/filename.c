#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "win32/kernel32/files.h"

/* Files and folders by name. */

enum { MOVEFILE_REPLACE_EXISTING = 1, MOVEFILE_COPY_ALLOWED = 2, MOVEFILE_WRITE_THROUGH = 8 };

typedef BOOL (*path_action)(const char *path);

static BOOL with_path_w(const WCHAR *name, path_action action)
{
    char *path = ldr__host_path_w(name);
    BOOL done = path != NULL && action(path);
    free(path);
    return done;
}

static BOOL with_path_a(const char *name, path_action action)
{
    char *path = ldr__host_path_a(name);
    BOOL done = path != NULL && action(path);
    free(path);
    return done;
}

/* ---- Making and removing ---- */

static BOOL delete_file(const char *path)
{
    struct stat host;
    if (lstat(path, &host) == 0 && !S_ISLNK(host.st_mode) && (host.st_mode & 0222) == 0)
        return ldr__win_error(ERROR_ACCESS_DENIED); /* read-only files stay */
    ldr_file *file = NULL;
    ldr_diag diag;
    DWORD error = ldr__file_hold(path, &file);
    if (error == ERROR_SUCCESS && file == NULL)
        return unlink(path) == 0 ? true : ldr__file_error(errno, path);
    if (error == ERROR_SUCCESS && ldr_file_delete(file, &diag) != LDR_OK)
        error = ldr__error_from_nt_status(diag.why.nt_status);
    ldr_file_close(file);
    return error == ERROR_SUCCESS ? true : ldr__win_error(error);
}

static BOOL create_folder(const char *path)
{
    if (mkdir(path, 0777) == 0)
        return true;
    if (errno == EEXIST)
        return ldr__win_error(ERROR_ALREADY_EXISTS);
    return errno == ENOENT ? ldr__win_error(ERROR_PATH_NOT_FOUND) : ldr__file_error(errno, path);
}

static BOOL remove_folder(const char *path)
{
    if (rmdir(path) == 0)
        return true;
    return errno == ENOTDIR ? ldr__win_error(ERROR_DIRECTORY) : ldr__file_error(errno, path);
}

static BOOL set_current_folder(const char *path)
{
    return chdir(path) == 0 ? true : ldr__file_error(errno, path);
}

static BOOL LDR_WINAPI guest_DeleteFileA(const char *name)
{
    return with_path_a(name, delete_file);
}

static BOOL LDR_WINAPI guest_DeleteFileW(const WCHAR *name)
{
    return with_path_w(name, delete_file);
}

static BOOL LDR_WINAPI guest_CreateDirectoryA(const char *name, const SECURITY_ATTRIBUTES *security)
{
    (void)security;
    return with_path_a(name, create_folder);
}

static BOOL LDR_WINAPI guest_CreateDirectoryW(const WCHAR *name,
                                              const SECURITY_ATTRIBUTES *security)
{
    (void)security;
    return with_path_w(name, create_folder);
}

static BOOL LDR_WINAPI guest_RemoveDirectoryA(const char *name)
{
    return with_path_a(name, remove_folder);
}

static BOOL LDR_WINAPI guest_RemoveDirectoryW(const WCHAR *name)
{
    return with_path_w(name, remove_folder);
}

static BOOL LDR_WINAPI guest_SetCurrentDirectoryA(const char *name)
{
    return with_path_a(name, set_current_folder);
}

static BOOL LDR_WINAPI guest_SetCurrentDirectoryW(const WCHAR *name)
{
    return with_path_w(name, set_current_folder);
}

/* ---- Moving and linking ---- */

static BOOL move(const char *from, const char *to, DWORD flags)
{
    unsigned int how = flags & MOVEFILE_REPLACE_EXISTING ? 0 : RENAME_NOREPLACE;
    ldr_file *file = NULL;
    DWORD error = ldr__file_hold(from, &file);
    if (error != ERROR_SUCCESS)
        return ldr__win_error(error);
    bool moved = renameat2(AT_FDCWD, from, AT_FDCWD, to, how) == 0;
    int host_errno = errno;
    ldr_file_close(file);
    if (moved)
        return true;
    errno = host_errno;
    if (errno == EEXIST)
        return ldr__win_error(ERROR_ALREADY_EXISTS);
    return ldr__file_error(errno, access(from, F_OK) == 0 ? to : from);
}

static BOOL LDR_WINAPI guest_MoveFileExW(const WCHAR *from, const WCHAR *to, DWORD flags)
{
    /* At the next start, across devices: not provided. A rename is written through as it is. */
    if (to == NULL || (flags & ~(DWORD)(MOVEFILE_REPLACE_EXISTING | MOVEFILE_COPY_ALLOWED |
                                        MOVEFILE_WRITE_THROUGH)))
        return ldr__win_error(ERROR_NOT_SUPPORTED);
    char *source = ldr__host_path_w(from);
    char *target = source ? ldr__host_path_w(to) : NULL;
    BOOL done = target != NULL && move(source, target, flags);
    free(source);
    free(target);
    return done;
}

static BOOL LDR_WINAPI guest_CreateHardLinkW(const WCHAR *name, const WCHAR *existing,
                                             const SECURITY_ATTRIBUTES *security)
{
    (void)security;
    char *path = ldr__host_path_w(name);
    char *target = path ? ldr__host_path_w(existing) : NULL;
    BOOL done = target != NULL;
    if (done && link(target, path) != 0)
        done = errno == EEXIST ? ldr__win_error(ERROR_ALREADY_EXISTS)
                               : ldr__file_error(errno, access(target, F_OK) == 0 ? path : target);
    free(path);
    free(target);
    return done;
}

/* ---- Attributes ---- */

static DWORD LDR_WINAPI guest_GetFileAttributesA(const char *name)
{
    ldr__file_facts facts = {.attributes = INVALID_FILE_ATTRIBUTES};
    char *path = ldr__host_path_a(name);
    if (path != NULL && !ldr__file_facts_get(-1, path, &facts))
        ldr__file_error(errno, path);
    free(path);
    return facts.attributes;
}

static DWORD LDR_WINAPI guest_GetFileAttributesW(const WCHAR *name)
{
    ldr__file_facts facts = {.attributes = INVALID_FILE_ATTRIBUTES};
    char *path = ldr__host_path_w(name);
    if (path != NULL && !ldr__file_facts_get(-1, path, &facts))
        ldr__file_error(errno, path);
    free(path);
    return facts.attributes;
}

typedef struct WIN32_FILE_ATTRIBUTE_DATA {
    DWORD attributes;
    FILETIME created, accessed, written;
    DWORD size_high, size_low;
} WIN32_FILE_ATTRIBUTE_DATA;

static BOOL LDR_WINAPI guest_GetFileAttributesExW(const WCHAR *name, DWORD level,
                                                  WIN32_FILE_ATTRIBUTE_DATA *ret_data)
{
    ldr__file_facts facts;
    if (level != 0)
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    char *path = ldr__host_path_w(name);
    if (path == NULL)
        return false;
    bool known = ldr__file_facts_get(-1, path, &facts);
    if (!known)
        ldr__file_error(errno, path);
    free(path);
    if (known)
        *ret_data = (WIN32_FILE_ATTRIBUTE_DATA){.attributes = facts.attributes,
                                                .created = facts.created,
                                                .accessed = facts.accessed,
                                                .written = facts.written,
                                                .size_high = (DWORD)(facts.size >> 32),
                                                .size_low = (DWORD)facts.size};
    return known;
}

/* Read-only is the one attribute that the host can keep; the others that a program may set have no
 * effect on Windows either, but for what a listing shows. */
static BOOL LDR_WINAPI guest_SetFileAttributesW(const WCHAR *name, DWORD attributes)
{
    const DWORD known = FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_ARCHIVE | FILE_ATTRIBUTE_NORMAL;
    struct stat host;
    if (attributes & ~known)
        return ldr__win_error(ERROR_NOT_SUPPORTED);
    char *path = ldr__host_path_w(name);
    if (path == NULL)
        return false;
    BOOL done = stat(path, &host) == 0;
    mode_t mode = attributes & FILE_ATTRIBUTE_READONLY ? host.st_mode & ~(mode_t)0222
                                                       : host.st_mode | S_IWUSR;
    if (!done || chmod(path, mode & 07777) != 0)
        done = ldr__file_error(errno, path);
    free(path);
    return done;
}

/* ---- Full names ---- */

/* Takes "." and ".." out of what follows the drive, which begins with a backslash. */
static void normalise(char *path)
{
    char *out = path;
    for (const char *at = path; *at != 0;) {
        const char *name = at + 1;
        size_t length = strcspn(name, "\\");
        at = name + length;
        if (length == 0 || (length == 1 && name[0] == '.'))
            continue;
        if (length == 2 && name[0] == '.' && name[1] == '.') {
            while (out > path && *--out != '\\')
                continue;
            continue;
        }
        *out++ = '\\';
        memmove(out, name, length);
        out += length;
    }
    if (out == path)
        *out++ = '\\';
    *out = 0;
}

static bool has_drive(const char *path)
{
    return path[0] != 0 && path[1] == ':';
}

char *ldr__path_full(const char *path)
{
    char *folder = NULL, *full = NULL;
    bool drive = has_drive(path),
         rooted = strchr("\\/", path[drive ? 2 : 0]) && path[drive ? 2 : 0];
    if (!rooted) {
        char *host = getcwd(NULL, 0);
        folder = host ? ldr__path_to_guest(host) : NULL;
        free(host);
        if (folder == NULL)
            return NULL;
    }
    char letter = drive ? path[0] : 'Z';
    if (asprintf(&full, "%c:%s\\%s", letter, folder ? folder + 2 : "", path + (drive ? 2 : 0)) < 0)
        full = NULL;
    free(folder);
    for (char *c = full; c != NULL && *c; c++)
        if (*c == '/')
            *c = '\\';
    if (full == NULL)
        return NULL;
    size_t length = strlen(full);
    bool folder_name = length > 3 && full[length - 1] == '\\';
    normalise(full + 2);
    length = strlen(full);
    if (folder_name && full[length - 1] != '\\') {
        full[length] = '\\'; /* there was one, so that there is room */
        full[length + 1] = 0;
    }
    return full;
}

static DWORD LDR_WINAPI guest_GetFullPathNameW(const WCHAR *name, DWORD size, WCHAR *ret_path,
                                               WCHAR **ret_file)
{
    char *narrow = name ? ldr__utf8_from(name) : NULL;
    if (name == NULL || name[0] == 0) {
        free(narrow);
        return (DWORD)ldr__win_error(name ? ERROR_INVALID_NAME : ERROR_INVALID_PARAMETER);
    }
    char *full = narrow ? ldr__path_full(narrow) : NULL;
    free(narrow);
    if (full == NULL)
        return (DWORD)ldr__win_error(ERROR_NOT_ENOUGH_MEMORY);
    DWORD length = ldr__answer_text_w(full, ret_path, size);
    free(full);
    if (ret_file != NULL && length < size) {
        WCHAR *file = ret_path + length;
        while (file > ret_path && file[-1] != '\\')
            file--;
        *ret_file = *file != 0 ? file : NULL;
    }
    return length;
}

/* "Z:\folder", allocated; NULL with the last error. */
static char *current_folder(void)
{
    char *host = getcwd(NULL, 0);
    char *folder = host ? ldr__path_to_guest(host) : NULL;
    if (folder == NULL)
        ldr__win_errno(errno);
    free(host);
    return folder;
}

static DWORD LDR_WINAPI guest_GetCurrentDirectoryA(DWORD size, char *ret_path)
{
    char *folder = current_folder();
    DWORD length = folder ? ldr__answer_text(folder, ret_path, size) : 0;
    free(folder);
    return length;
}

static DWORD LDR_WINAPI guest_GetCurrentDirectoryW(DWORD size, WCHAR *ret_path)
{
    char *folder = current_folder();
    DWORD length = folder ? ldr__answer_text_w(folder, ret_path, size) : 0;
    free(folder);
    return length;
}

/* "Z:\tmp\": what TMP or TEMP say, else the host's. */
static char *temp_path(void)
{
    static const char *const names[] = {"TMP", "TEMP", "TMPDIR"};
    char *folder = NULL, *full;
    for (size_t i = 0; i < 3 && folder == NULL; i++)
        folder = ldr__environment_get(ldr__process_self(), names[i]);
    char *path = NULL;
    if (asprintf(&path, "%s\\", folder ? folder : "/tmp") < 0)
        path = NULL;
    free(folder);
    full = path ? ldr__path_full(path) : NULL;
    free(path);
    if (full == NULL)
        ldr__set_last_error(ERROR_NOT_ENOUGH_MEMORY);
    return full;
}

static DWORD LDR_WINAPI guest_GetTempPathA(DWORD size, char *ret_path)
{
    char *path = temp_path();
    DWORD length = path ? ldr__answer_text(path, ret_path, size) : 0;
    free(path);
    return length;
}

static DWORD LDR_WINAPI guest_GetTempPathW(DWORD size, WCHAR *ret_path)
{
    char *path = temp_path();
    DWORD length = path ? ldr__answer_text_w(path, ret_path, size) : 0;
    free(path);
    return length;
}

static const ldr_export lines[] = {
    LDR__FN(DeleteFileA),          LDR__FN(DeleteFileW),          LDR__FN(CreateDirectoryA),
    LDR__FN(CreateDirectoryW),     LDR__FN(RemoveDirectoryA),     LDR__FN(RemoveDirectoryW),
    LDR__FN(SetCurrentDirectoryA), LDR__FN(GetCurrentDirectoryA), LDR__FN(SetCurrentDirectoryW),
    LDR__FN(MoveFileExW),          LDR__FN(CreateHardLinkW),      LDR__FN(GetFileAttributesA),
    LDR__FN(GetFileAttributesW),   LDR__FN(GetFileAttributesExW), LDR__FN(SetFileAttributesW),
    LDR__FN(GetFullPathNameW),     LDR__FN(GetCurrentDirectoryW), LDR__FN(GetTempPathA),
    LDR__FN(GetTempPathW),
};

LDR__TABLE(ldr__kernel32_filename, "kernel32.dll", lines);
