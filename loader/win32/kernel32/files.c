#include "win32/kernel32/files.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static FILETIME filetime(const struct statx_timestamp *stamp)
{
    struct timespec time = {stamp->tv_sec, stamp->tv_nsec};
    return ldr__filetime_split(ldr__filetime_from(&time));
}

static DWORD attributes_from(mode_t mode)
{
    DWORD attributes = mode & (S_IWUSR | S_IWGRP | S_IWOTH) ? 0 : FILE_ATTRIBUTE_READONLY;
    if (S_ISDIR(mode))
        return attributes | FILE_ATTRIBUTE_DIRECTORY;
    if (S_ISREG(mode))
        return attributes | FILE_ATTRIBUTE_ARCHIVE;
    return attributes | FILE_ATTRIBUTE_DEVICE;
}

bool ldr__file_facts_get(int fd, const char *path, ldr__file_facts *ret_facts)
{
    struct statx host;
    if (statx(path ? AT_FDCWD : fd, path ? path : "", path ? 0 : AT_EMPTY_PATH,
              STATX_BASIC_STATS | STATX_BTIME, &host) != 0)
        return false;
    *ret_facts = (ldr__file_facts){
        .attributes = attributes_from(host.stx_mode),
        .created = filetime(host.stx_mask & STATX_BTIME ? &host.stx_btime : &host.stx_mtime),
        .accessed = filetime(&host.stx_atime),
        .written = filetime(&host.stx_mtime),
        .size = S_ISDIR(host.stx_mode) ? 0 : host.stx_size,
        .device = makedev(host.stx_dev_major, host.stx_dev_minor),
        .inode = host.stx_ino,
        .links = host.stx_nlink};
    return true;
}

static bool folder_exists(const char *path)
{
    const char *slash = strrchr(path, '/');
    struct stat folder;
    if (slash == NULL || slash == path)
        return true;
    char *name = strndup(path, (size_t)(slash - path));
    bool exists = name != NULL && stat(name, &folder) == 0 && S_ISDIR(folder.st_mode);
    free(name);
    return exists;
}

BOOL ldr__file_error(int host_errno, const char *path)
{
    if (host_errno == ENOENT && !folder_exists(path))
        return ldr__win_error(ERROR_PATH_NOT_FOUND);
    return ldr__win_errno(host_errno);
}

DWORD ldr__file_hold(const char *path, ldr_file **ret_file)
{
    const ldr_file_options options = {.size = sizeof options,
                                      .access = LDR_FILE_DELETE,
                                      .share = LDR_SHARE_READ | LDR_SHARE_WRITE | LDR_SHARE_DELETE};
    struct stat host;
    ldr_diag diag;
    if (lstat(path, &host) != 0 || !S_ISREG(host.st_mode))
        return ERROR_SUCCESS;
    ldr_status status = ldr_file_open(path, &options, ret_file, NULL, &diag);
    /* Who may not read a file can still remove it. */
    return status == LDR_SHARING_VIOLATION ? ERROR_SHARING_VIOLATION : ERROR_SUCCESS;
}

static char *checked(char *host, int host_errno)
{
    if (host == NULL)
        ldr__set_last_error(host_errno == ENOENT ? ERROR_PATH_NOT_FOUND : ERROR_NOT_ENOUGH_MEMORY);
    return host;
}

char *ldr__host_path_w(const WCHAR *name)
{
    if (name == NULL || name[0] == 0) {
        ldr__set_last_error(ERROR_PATH_NOT_FOUND);
        return NULL;
    }
    char *host = ldr__path_to_host_w(name);
    return checked(host, errno);
}

char *ldr__host_path_a(const char *name)
{
    if (name == NULL || name[0] == 0) {
        ldr__set_last_error(ERROR_PATH_NOT_FOUND);
        return NULL;
    }
    char *host = ldr__path_to_host(name);
    return checked(host, errno);
}

ssize_t ldr__write_quietly(int fd, const void *bytes, size_t size)
{
    static const struct timespec no_time = {0, 0};
    sigset_t pipe_signal, before, pending;
    sigpending(&pending);
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    ssize_t written = write(fd, bytes, size);
    int host_errno = errno;
    /* Takes back the signal that this write has raised, and no other. */
    if (written < 0 && host_errno == EPIPE && !sigismember(&pending, SIGPIPE))
        sigtimedwait(&pipe_signal, NULL, &no_time);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = host_errno;
    return written;
}
