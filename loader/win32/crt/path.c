/* crt/path.c: names of files and folders: what they may be made to mean. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "win32/crt/file.h"
#include "win32/kernel32/files.h"

/* What is done to one host path. Returns 0, or -1 with the host's errno. */
typedef int (*path_action)(const char *path, int argument);

static int act(char *host_path, path_action action, int argument)
{
    int result = host_path ? action(host_path, argument) : -1;
    int error = errno;
    free(host_path);
    return result == 0 ? 0 : ldr__crt_set_host_errno(error);
}

static int act_narrow(const char *path, path_action action, int argument)
{
    if (!path) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    return act(ldr__path_to_host(path), action, argument);
}

static int act_wide(const WCHAR *path, path_action action, int argument)
{
    if (!path) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    return act(ldr__path_to_host_w(path), action, argument);
}

/* ---- Actions ---- */

static int check_access(const char *path, int mode)
{
    enum { WRITE = 2, READ = 4 };
    return access(path, (mode & WRITE ? W_OK : 0) | (mode & READ ? R_OK : 0));
}

/* Windows has one bit: may it be written. */
static int change_mode(const char *path, int mode)
{
    enum { MAY_WRITE = 0x80 };
    struct stat status;
    if (stat(path, &status) != 0)
        return -1;
    mode_t bits = mode & MAY_WRITE ? status.st_mode | S_IWUSR
                                   : status.st_mode & ~(mode_t)(S_IWUSR | S_IWGRP | S_IWOTH);
    return chmod(path, bits & 07777);
}

static int make_folder(const char *path, int unused)
{
    (void)unused;
    return mkdir(path, 0777);
}

static int remove_folder(const char *path, int unused)
{
    (void)unused;
    return rmdir(path);
}

static int enter_folder(const char *path, int unused)
{
    (void)unused;
    int result = chdir(path);
    if (result != 0 && errno == ENOTDIR)
        errno = ENOENT;
    return result;
}

static int remove_file(const char *path, int unused)
{
    (void)unused;
    struct stat status;
    ldr_file *file = NULL;
    if ((stat(path, &status) == 0 && S_ISDIR(status.st_mode)) ||
        ldr__file_hold(path, &file) != ERROR_SUCCESS) {
        errno = EACCES;
        return -1;
    }
    int result = unlink(path), error = errno;
    ldr_file_close(file);
    errno = error;
    return result;
}

#define PATH_FUNCTIONS(name, wide_name, action)                \
    static int LDR_WINAPI guest_##name(const char *path)       \
    {                                                          \
        return act_narrow(path, action, 0);                    \
    }                                                          \
    static int LDR_WINAPI guest_##wide_name(const WCHAR *path) \
    {                                                          \
        return act_wide(path, action, 0);                      \
    }

#define PATH_AND_MODE_FUNCTIONS(name, wide_name, action)                 \
    static int LDR_WINAPI guest_##name(const char *path, int mode)       \
    {                                                                    \
        return act_narrow(path, action, mode);                           \
    }                                                                    \
    static int LDR_WINAPI guest_##wide_name(const WCHAR *path, int mode) \
    {                                                                    \
        return act_wide(path, action, mode);                             \
    }

PATH_AND_MODE_FUNCTIONS(_access, _waccess, check_access)
PATH_AND_MODE_FUNCTIONS(_chmod, _wchmod, change_mode)
PATH_FUNCTIONS(_mkdir, _wmkdir, make_folder)
PATH_FUNCTIONS(_rmdir, _wrmdir, remove_folder)
PATH_FUNCTIONS(_chdir, _wchdir, enter_folder)
PATH_FUNCTIONS(_unlink, _wunlink, remove_file)

static int LDR_WINAPI guest__access_s(const char *path, int mode)
{
    return guest__access(path, mode) == 0 ? 0 : ldr__thread_self()->crt_errno;
}

static int LDR_WINAPI guest__waccess_s(const WCHAR *path, int mode)
{
    return guest__waccess(path, mode) == 0 ? 0 : ldr__thread_self()->crt_errno;
}

/* ---- Renaming: never over what is there ---- */

static int rename_host(char *from, char *to)
{
    int result = -1;
    ldr_file *file = NULL;
    if (from && to && ldr__file_hold(from, &file) != ERROR_SUCCESS) {
        errno = EACCES;
    } else if (from && to) {
        result = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
        if (result != 0 && errno == EINVAL && access(to, F_OK) != 0)
            result = rename(from, to); /* a file system that has no such flag */
    }
    int error = errno;
    ldr_file_close(file);
    free(from);
    free(to);
    return result == 0 ? 0 : ldr__crt_set_host_errno(error);
}

static int LDR_WINAPI guest_rename(const char *from, const char *to)
{
    if (!from || !to) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    return rename_host(ldr__path_to_host(from), ldr__path_to_host(to));
}

static int LDR_WINAPI guest__wrename(const WCHAR *from, const WCHAR *to)
{
    if (!from || !to) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    return rename_host(ldr__path_to_host_w(from), ldr__path_to_host_w(to));
}

/* ---- Times ---- */

/* struct __utimbuf64: access and modification; NULL is now. */
static int set_times(char *host_path, const int64_t *seconds)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
    for (int i = 0; seconds && i < 2; i++)
        times[i] = (struct timespec){.tv_sec = seconds[i]};
    int result = host_path ? utimensat(AT_FDCWD, host_path, times, 0) : -1;
    int error = errno;
    free(host_path);
    return result == 0 ? 0 : ldr__crt_set_host_errno(error);
}

static int LDR_WINAPI guest__utime64(const char *path, const int64_t *seconds)
{
    return set_times(path ? ldr__path_to_host(path) : NULL, seconds);
}

static int LDR_WINAPI guest__wutime64(const WCHAR *path, const int64_t *seconds)
{
    return set_times(path ? ldr__path_to_host_w(path) : NULL, seconds);
}

static int LDR_WINAPI guest__futime64(int descriptor, const int64_t *seconds)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
    for (int i = 0; seconds && i < 2; i++)
        times[i] = (struct timespec){.tv_sec = seconds[i]};
    ldr__file *file = ldr__crt_descriptor_file(ldr__crt_self(), descriptor);
    if (!file)
        return -1;
    int result = futimens(file->fd, times);
    int error = errno;
    ldr__object_release(&file->object);
    return result == 0 ? 0 : ldr__crt_set_host_errno(error);
}

/* ---- Where we are ---- */

static char *current_folder(void)
{
    char *host = getcwd(NULL, 0);
    char *guest = host ? ldr__path_to_guest(host) : NULL;
    free(host);
    return guest;
}

/* Copies a text to the guest's buffer, or to a new one of at least `capacity`; frees it. */
static char *give_narrow(char *text, char *out, size_t capacity)
{
    size_t size = text ? strlen(text) + 1 : 0;
    if (text && !out) {
        capacity = capacity < size ? size : capacity;
        out = malloc(capacity);
    }
    if (!text || !out || capacity < size) {
        ldr__crt_set_errno(text && out ? ERANGE : ENOMEM);
        out = NULL;
    } else {
        memcpy(out, text, size);
    }
    free(text);
    return out;
}

static WCHAR *give_wide(char *text, WCHAR *out, size_t capacity)
{
    WCHAR *wide = text ? ldr__utf16_from(text) : NULL;
    size_t size = wide ? ldr__wcslen(wide) + 1 : 0;
    free(text);
    if (wide && !out) {
        capacity = capacity < size ? size : capacity;
        out = capacity < SIZE_MAX / sizeof *out ? malloc(capacity * sizeof *out) : NULL;
    }
    if (!wide || !out || capacity < size) {
        ldr__crt_set_errno(wide && out ? ERANGE : ENOMEM);
        out = NULL;
    } else {
        memcpy(out, wide, size * sizeof *out);
    }
    free(wide);
    return out;
}

static char *LDR_WINAPI guest__getcwd(char *out, int capacity)
{
    return give_narrow(current_folder(), out, capacity > 0 ? (size_t)capacity : 0);
}

static WCHAR *LDR_WINAPI guest__wgetcwd(WCHAR *out, int capacity)
{
    return give_wide(current_folder(), out, capacity > 0 ? (size_t)capacity : 0);
}

/* Removes "." and "x/.." from an absolute host path, in place. */
static void normalise(char *path)
{
    char *out = path;
    for (char *in = path; *in;) {
        size_t length = strcspn(in + 1, "/");
        bool dot = length == 1 && in[1] == '.';
        bool dots = length == 2 && in[1] == '.' && in[2] == '.';
        if (dots) {
            while (out > path && *--out != '/')
                ;
        } else if (length > 0 && !dot) {
            memmove(out, in, length + 1);
            out += length + 1;
        }
        in += length + 1;
    }
    if (out == path)
        *out++ = '/';
    *out = '\0';
}

static char *full_path(char *host_path)
{
    if (!host_path)
        return NULL;
    char *absolute = host_path;
    if (*host_path != '/') {
        char *folder = getcwd(NULL, 0);
        size_t size = folder ? strlen(folder) + strlen(host_path) + 2 : 0;
        absolute = folder ? malloc(size) : NULL;
        if (absolute) {
            strcpy(absolute, folder);
            strcat(absolute, "/");
            strcat(absolute, host_path);
        }
        free(folder);
        free(host_path);
    }
    char *guest = NULL;
    if (absolute) {
        normalise(absolute);
        guest = ldr__path_to_guest(absolute);
    }
    free(absolute);
    return guest;
}

static char *LDR_WINAPI guest__fullpath(char *out, const char *path, size_t capacity)
{
    if (!path || !*path)
        return guest__getcwd(out, capacity > INT_MAX ? INT_MAX : (int)capacity);
    return give_narrow(full_path(ldr__path_to_host(path)), out, capacity);
}

static WCHAR *LDR_WINAPI guest__wfullpath(WCHAR *out, const WCHAR *path, size_t capacity)
{
    if (!path || !*path)
        return guest__wgetcwd(out, capacity > INT_MAX ? INT_MAX : (int)capacity);
    return give_wide(full_path(ldr__path_to_host_w(path)), out, capacity);
}

static int LDR_WINAPI guest__umask(int mode)
{
    mode_t before = umask((mode_t)mode & 0777);
    return (int)before & 0600;
}

static const ldr_export shared[] = {
    LDR__FN(_access),
    LDR__FN(_waccess),
    LDR__FN(_access_s),
    LDR__FN(_waccess_s),
    LDR__FN(_chmod),
    LDR__FN(_wchmod),
    LDR__FN(_mkdir),
    LDR__FN(_wmkdir),
    LDR__FN(_rmdir),
    LDR__FN(_wrmdir),
    LDR__FN(_chdir),
    LDR__FN(_wchdir),
    LDR__FN(_unlink),
    LDR__FN(_wunlink),
    LDR__FN(rename),
    LDR__FN(_wrename),
    LDR__FN(_utime64),
    LDR__FN(_wutime64),
    LDR__FN(_futime64),
    LDR__FN(_getcwd),
    LDR__FN(_wgetcwd),
    LDR__FN(_fullpath),
    LDR__FN(_wfullpath),
    LDR__FN(_umask),
    LDR__FN_AS("remove", guest__unlink),
    LDR__FN_AS("_wremove", guest__wunlink),
};
LDR__CRT_TABLES(ldr__crt_path, shared);

static const ldr_export msvcrt_lines[] = {
    LDR__FN_AS("_utime", guest__utime64),
    LDR__FN_AS("_wutime", guest__wutime64),
    LDR__FN_AS("_futime", guest__futime64),
};
LDR__TABLE(ldr__crt_path_msvcrt_only, "msvcrt.dll", msvcrt_lines);
