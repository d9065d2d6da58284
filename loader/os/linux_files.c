/*
 * linux_files.c: files that are written, shared and marked.
 *
 * A mark is a read lock of an open file description (fcntl, F_OFD_SETLK), far behind the end of any
 * file: it needs no right to write, does not depend on the process, and goes with the last
 * descriptor of the opening.
 */
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define OPEN_FLAGS (O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

static ldr_status status_of_file(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
        return LDR_FILE_NOT_FOUND;
    case EEXIST:
        return LDR_EXISTS;
    case ENXIO:
    case ENODEV:
    case EISDIR:
        return LDR_NOT_A_FILE;
    case EACCES:
    case EPERM:
    case EROFS:
    case ETXTBSY:
        return LDR_ACCESS_DENIED;
    case ENOSPC:
    case EDQUOT:
        return LDR_DISK_FULL;
    case EFBIG:
    case EINVAL:
    case EOVERFLOW:
        return LDR_TOO_BIG;
    case ENOMEM:
        return LDR_NO_MEMORY;
    case EMFILE:
    case ENFILE:
        return LDR_OS_ERROR;
    default:
        return LDR_IO_ERROR;
    }
}

/* ---- Opening ---- */

static int open_as(const char *path, int flags)
{
    return open(path, flags | OPEN_FLAGS,
                S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH);
}

/* Who makes a file that need not be new has to know whether it is. */
static int open_or_create(const char *path, int flags, bool *ret_created)
{
    for (int tries = 0; tries < 16; tries++) {
        int fd = open_as(path, flags);
        if (fd >= 0 || errno != ENOENT)
            return fd;
        fd = open_as(path, flags | O_CREAT | O_EXCL);
        *ret_created = fd >= 0;
        /* A link that leads nowhere exists, but its file does not. */
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return open_as(path, flags | O_CREAT);
}

ldr_status ldr__os_file_open_for(const char *path, bool writes, ldr_disposition disposition,
                                 ldr__handle *ret_file, bool *ret_created)
{
    int flags = writes ? O_RDWR : O_RDONLY;
    bool created = disposition == LDR_CREATE_NEW;
    int fd;
    if (disposition == LDR_OPEN_OR_CREATE)
        fd = open_or_create(path, flags, &created);
    else
        fd = open_as(path, flags | (created ? O_CREAT | O_EXCL : 0));
    if (fd < 0)
        return status_of_file(errno);
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(fd);
        return LDR_NOT_A_FILE;
    }
    *ret_file = (ldr__handle){fd};
    *ret_created = created;
    return LDR_OK;
}

ldr_status ldr__os_file_reopen(ldr__handle file, bool writes, ldr__handle *ret_file)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", (int)file.value);
    int fd = open(path, (writes ? O_RDWR : O_RDONLY) | OPEN_FLAGS);
    if (fd >= 0) {
        *ret_file = (ldr__handle){fd};
        return LDR_OK;
    }
    ldr_status status = status_of_file(errno);
    return status == LDR_ACCESS_DENIED || status == LDR_NO_MEMORY ? status : LDR_OS_ERROR;
}

/* ---- Size and name ---- */

/* Not all file systems can set room aside: the others make the file longer all the same. */
static int grow(int fd, off_t old_size, off_t size)
{
    if (fallocate(fd, 0, old_size, size - old_size) == 0)
        return 0;
    if (errno == EOPNOTSUPP || errno == ENOSYS)
        return ftruncate(fd, size);
    int error = errno;
    if (ftruncate(fd, old_size) == 0) /* what it had got may have been added */
        errno = error;
    return -1;
}

ldr_status ldr__os_file_resize(ldr__handle file, uint64_t size)
{
    int fd = (int)file.value;
    struct stat info;
    if (size > INT64_MAX)
        return LDR_TOO_BIG;
    if (fstat(fd, &info) != 0)
        return LDR_IO_ERROR;
    int failed = (off_t)size > info.st_size ? grow(fd, info.st_size, (off_t)size)
                                            : ftruncate(fd, (off_t)size);
    return failed == 0 ? LDR_OK : status_of_file(errno);
}

ldr_status ldr__os_file_remove(ldr__handle file, const char *path)
{
    struct stat named, opened;
    if (fstat((int)file.value, &opened) != 0)
        return LDR_IO_ERROR;
    if (stat(path, &named) != 0)
        return status_of_file(errno);
    if (named.st_dev != opened.st_dev || named.st_ino != opened.st_ino)
        return LDR_FILE_NOT_FOUND;
    return unlink(path) == 0 ? LDR_OK : status_of_file(errno);
}

/* ---- Marks ---- */

/* A length of 0 would mean all that follows. */
static struct flock range_of(short type, uint64_t offset, uint64_t size)
{
    uint64_t most = (uint64_t)INT64_MAX - offset;
    return (struct flock){.l_type = type,
                          .l_whence = SEEK_SET,
                          .l_start = (off_t)offset,
                          .l_len = (off_t)(size < most ? size : most)};
}

void ldr__os_file_mark(ldr__handle file, uint64_t offset, uint64_t size)
{
    struct flock range = range_of(F_RDLCK, offset, size);
    while (fcntl((int)file.value, F_OFD_SETLK, &range) != 0 && errno == EINTR) {
    }
}

bool ldr__os_file_is_marked(ldr__handle file, uint64_t offset, uint64_t size)
{
    /* To ask needs no right to write. */
    struct flock range = range_of(F_WRLCK, offset, size);
    return size > 0 && fcntl((int)file.value, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
}

void ldr__os_file_exclude(ldr__handle file)
{
    enum { TRIES = 100 };
    struct timespec pause = {.tv_nsec = 200000};
    for (int i = 0; i < TRIES && flock((int)file.value, LOCK_EX | LOCK_NB) != 0; i++) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return;
        nanosleep(&pause, NULL);
    }
}

void ldr__os_file_include(ldr__handle file)
{
    flock((int)file.value, LOCK_UN);
}

/* ---- Writing back ---- */

ldr_status ldr__os_file_flush(ldr__handle file, uint64_t offset, uint64_t size, bool through)
{
    int fd = (int)file.value;
    unsigned flags =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    int failed = through ? -1 : sync_file_range(fd, (off_t)offset, (off_t)size, flags);
    if (failed != 0 && (through || errno == ENOSYS || errno == ESPIPE || errno == EINVAL))
        failed = fdatasync(fd);
    return failed == 0 ? LDR_OK : LDR_IO_ERROR;
}
