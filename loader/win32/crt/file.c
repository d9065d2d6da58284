/* crt/file.c: the table of descriptors. */
#include "win32/crt/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "section/file.h"
#include "win32/kernel32/files.h"
#include "win32/kernel32/pages.h"

struct ldr__crt_descriptor {
    HANDLE handle; /* NULL: free */
    int mode;
    bool standard; /* one of the host's streams: no translation */
};

enum { STANDARD_STREAMS = 3 };

ldr_status ldr__crt_descriptors_create(ldr__crt *crt)
{
    crt->descriptors = calloc(LDR__CRT_MAX_DESCRIPTORS, sizeof *crt->descriptors);
    if (!crt->descriptors)
        return LDR_NO_MEMORY;
    for (int i = 0; i < STANDARD_STREAMS; i++)
        crt->descriptors[i] = (struct ldr__crt_descriptor){atomic_load(&crt->process->standard[i]),
                                                           LDR__CRT_O_TEXT, true};
    return LDR_OK;
}

void ldr__crt_descriptors_destroy(ldr__crt *crt)
{
    free(crt->descriptors);
    crt->descriptors = NULL;
}

static bool lookup(ldr__crt *crt, int descriptor, struct ldr__crt_descriptor *ret_entry)
{
    bool found = false;
    if (descriptor >= 0 && descriptor < LDR__CRT_MAX_DESCRIPTORS) {
        ldr__crt_lock(crt);
        found = crt->descriptors[descriptor].handle != NULL;
        if (found)
            *ret_entry = crt->descriptors[descriptor];
        ldr__crt_unlock(crt);
    }
    if (!found)
        ldr__crt_set_errno(EBADF);
    return found;
}

int ldr__crt_descriptor_new(ldr__crt *crt, HANDLE handle, int mode)
{
    int found = -1;
    ldr__crt_lock(crt);
    for (int i = 0; found < 0 && i < LDR__CRT_MAX_DESCRIPTORS; i++)
        if (!crt->descriptors[i].handle)
            found = i;
    if (found >= 0)
        crt->descriptors[found] = (struct ldr__crt_descriptor){handle, mode, false};
    ldr__crt_unlock(crt);
    return found >= 0 ? found : ldr__crt_set_errno(EMFILE);
}

/* ---- Opening and closing ---- */

static int host_flags(int flags)
{
    int host = O_CLOEXEC | O_NOCTTY;
    host |= flags & LDR__CRT_O_RDWR ? O_RDWR : flags & LDR__CRT_O_WRONLY ? O_WRONLY : O_RDONLY;
    return host | (flags & LDR__CRT_O_APPEND ? O_APPEND : 0);
}

/* _SH_DENY*: 0x10 denies both, 0x20 writing, 0x30 reading, 0x40 nothing. */
static uint32_t share_from(int sharing)
{
    enum { DENY_BOTH = 0x10, DENY_WRITE = 0x20, DENY_READ = 0x30 };
    return (sharing == DENY_BOTH || sharing == DENY_READ ? 0U : (uint32_t)LDR_SHARE_READ) |
           (sharing == DENY_BOTH || sharing == DENY_WRITE ? 0U : (uint32_t)LDR_SHARE_WRITE);
}

static int errno_of(ldr_status status)
{
    switch (status) {
    case LDR_FILE_NOT_FOUND:
        return ENOENT;
    case LDR_EXISTS:
        return EEXIST;
    case LDR_NO_MEMORY:
        return ENOMEM;
    case LDR_DISK_FULL:
        return ENOSPC;
    case LDR_IO_ERROR:
        return EIO;
    case LDR_OS_ERROR:
        return EMFILE;
    default:
        return EACCES;
    }
}

static ldr_file_options options_from(int flags, int sharing)
{
    bool temporary = (flags & LDR__CRT_O_TEMPORARY) != 0;
    bool writes = (flags & (LDR__CRT_O_WRONLY | LDR__CRT_O_RDWR)) != 0;
    ldr_file_options options = {.size = sizeof options, .share = share_from(sharing)};
    options.access = (flags & LDR__CRT_O_WRONLY ? 0U : (uint32_t)LDR_FILE_READ) |
                     (writes ? (uint32_t)LDR_FILE_WRITE : 0) |
                     (temporary ? (uint32_t)LDR_FILE_DELETE : 0);
    if (temporary)
        options.share |= LDR_SHARE_DELETE;
    if (flags & LDR__CRT_O_CREAT)
        options.disposition = flags & LDR__CRT_O_EXCL ? LDR_CREATE_NEW : LDR_OPEN_OR_CREATE;
    return options;
}

/* What the flags ask for once a file is open. */
static ldr_status prepare(ldr_file *file, int flags, int permissions, bool existed)
{
    enum { MAY_WRITE = 0x80 };
    int fd = (int)ldr__file_handle(file).value;
    if (!existed && (permissions & MAY_WRITE) == 0)
        fchmod(fd, 0444);
    if (flags & LDR__CRT_O_APPEND)
        fcntl(fd, F_SETFL, O_APPEND);
    return existed && (flags & LDR__CRT_O_TRUNC) ? ldr_file_set_size(file, 0, NULL) : LDR_OK;
}

/* Devices, which nobody shares; Windows does not open folders as files. */
static ldr__file *open_device(const char *path, int flags)
{
    struct stat status;
    int fd = open(path, host_flags(flags));
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        close(fd);
        fd = -1;
        errno = EISDIR;
    }
    if (fd < 0) {
        errno = errno == EISDIR ? EACCES : errno;
        return NULL;
    }
    ldr__file *file = ldr__file_new(fd, false, path);
    if (file == NULL)
        errno = ENOMEM;
    return file;
}

/* NULL with errno. */
static ldr__file *open_file(const char *path, int flags, int permissions, int sharing)
{
    const ldr_file_options options = options_from(flags, sharing);
    ldr_file *open;
    bool existed;
    ldr_status status = ldr_file_open(path, &options, &open, &existed, NULL);
    if (status == LDR_NOT_A_FILE)
        return open_device(path, flags);
    if (status != LDR_OK) {
        errno = errno_of(status);
        return NULL;
    }
    status = prepare(open, flags, permissions, existed);
    ldr__file *file =
        status == LDR_OK ? ldr__file_new((int)ldr__file_handle(open).value, true, path) : NULL;
    if (file == NULL) {
        ldr_file_close(open);
        errno = status == LDR_OK ? ENOMEM : errno_of(status);
        return NULL;
    }
    file->open = open;
    file->delete_on_close = (flags & LDR__CRT_O_TEMPORARY) != 0;
    return file;
}

static int mode_from_flags(ldr__crt *crt, int flags)
{
    if (flags & LDR__CRT_O_MODES)
        return flags & LDR__CRT_O_MODES;
    const int *fmode = ldr__crt_data(crt, "_fmode");
    int mode = (fmode ? *fmode : 0) | crt->default_mode;
    return mode & LDR__CRT_O_BINARY ? LDR__CRT_O_BINARY : LDR__CRT_O_TEXT;
}

int ldr__crt_descriptor_open(ldr__crt *crt, char *host_path, int flags, int permissions,
                             int sharing)
{
    ldr__file *file = host_path ? open_file(host_path, flags, permissions, sharing) : NULL;
    int error = errno;
    free(host_path);
    if (file == NULL)
        return ldr__crt_set_host_errno(error);
    HANDLE handle = ldr__handle_new(crt->process, &file->object);
    if (!handle)
        return ldr__crt_set_errno(ENOMEM);
    int descriptor = ldr__crt_descriptor_new(crt, handle, mode_from_flags(crt, flags));
    if (descriptor < 0)
        ldr__handle_close(crt->process, handle);
    return descriptor;
}

int ldr__crt_descriptor_close(ldr__crt *crt, int descriptor)
{
    HANDLE handle = NULL;
    if (descriptor >= 0 && descriptor < LDR__CRT_MAX_DESCRIPTORS) {
        ldr__crt_lock(crt);
        handle = crt->descriptors[descriptor].handle;
        crt->descriptors[descriptor].handle = NULL;
        ldr__crt_unlock(crt);
    }
    if (!handle || !ldr__handle_close(crt->process, handle))
        return ldr__crt_set_errno(EBADF);
    return 0;
}

HANDLE ldr__crt_descriptor_handle(ldr__crt *crt, int descriptor)
{
    struct ldr__crt_descriptor entry;
    return lookup(crt, descriptor, &entry) ? entry.handle : INVALID_HANDLE_VALUE;
}

ldr__file *ldr__crt_descriptor_file(ldr__crt *crt, int descriptor)
{
    struct ldr__crt_descriptor entry;
    if (!lookup(crt, descriptor, &entry))
        return NULL;
    ldr__object *object = ldr__handle_get(crt->process, entry.handle, LDR__OBJECT_FILE);
    if (!object)
        ldr__crt_set_errno(EBADF);
    return (ldr__file *)object;
}

static HANDLE duplicate_handle(ldr__crt *crt, int descriptor)
{
    ldr__file *file = ldr__crt_descriptor_file(crt, descriptor);
    if (!file)
        return NULL;
    int fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
    HANDLE handle = fd >= 0 ? ldr__handle_from_fd(crt->process, fd, false, file->path) : NULL;
    if (!handle)
        ldr__crt_set_errno(EMFILE);
    if (fd >= 0 && !handle)
        close(fd);
    ldr__object_release(&file->object);
    return handle;
}

int ldr__crt_descriptor_copy(ldr__crt *crt, int descriptor)
{
    HANDLE handle = duplicate_handle(crt, descriptor);
    if (!handle)
        return -1;
    int copy = ldr__crt_descriptor_new(crt, handle, ldr__crt_descriptor_mode(crt, descriptor));
    if (copy < 0)
        ldr__handle_close(crt->process, handle);
    return copy;
}

int ldr__crt_descriptor_copy_to(ldr__crt *crt, int descriptor, int target)
{
    struct ldr__crt_descriptor entry;
    if (target < 0 || target >= LDR__CRT_MAX_DESCRIPTORS)
        return ldr__crt_set_errno(EBADF);
    if (!lookup(crt, descriptor, &entry))
        return -1;
    if (descriptor == target)
        return 0;
    HANDLE handle = duplicate_handle(crt, descriptor);
    if (!handle)
        return -1;
    ldr__crt_lock(crt);
    HANDLE previous = crt->descriptors[target].handle;
    entry.handle = handle;
    crt->descriptors[target] = entry;
    ldr__crt_unlock(crt);
    if (previous)
        ldr__handle_close(crt->process, previous);
    return 0;
}

/* ---- Transfer ---- */

ssize_t ldr__crt_descriptor_read(ldr__crt *crt, int descriptor, void *buffer, size_t size)
{
    ldr__file *file = ldr__crt_descriptor_file(crt, descriptor);
    if (!file)
        return -1;
    ssize_t count;
    ldr__memory_sync(crt->process, buffer);
    do
        count = read(file->fd, buffer, size);
    while (count < 0 && errno == EINTR);
    int error = errno;
    ldr__object_release(&file->object);
    return count < 0 ? ldr__crt_set_host_errno(error) : count;
}

/* All of it; errno says why not. */
static bool write_all(int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t count = ldr__write_quietly(fd, bytes, size);
        if (count < 0 && errno != EINTR)
            return false;
        if (count > 0) {
            bytes += count;
            size -= (size_t)count;
        }
    }
    return true;
}

void ldr__crt_descriptor_finish(ldr__crt *crt, int descriptor, const void *bytes, size_t size)
{
    HANDLE handle = crt->descriptors[descriptor].handle;
    ldr__object *object = handle ? ldr__handle_get(crt->process, handle, LDR__OBJECT_FILE) : NULL;
    if (!object)
        return;
    write_all(((ldr__file *)object)->fd, bytes, size);
    ldr__object_release(object);
}

ssize_t ldr__crt_descriptor_write(ldr__crt *crt, int descriptor, const void *bytes, size_t size)
{
    ldr__file *file = ldr__crt_descriptor_file(crt, descriptor);
    if (!file)
        return -1;
    ldr__memory_sync(crt->process, bytes);
    bool done = write_all(file->fd, bytes, size);
    int error = errno;
    ldr__object_release(&file->object);
    return done ? (ssize_t)size : ldr__crt_set_host_errno(error);
}

int64_t ldr__crt_descriptor_seek(ldr__crt *crt, int descriptor, int64_t offset, int whence)
{
    ldr__file *file = ldr__crt_descriptor_file(crt, descriptor);
    if (!file)
        return -1;
    int64_t position = lseek(file->fd, offset, whence);
    int error = errno;
    ldr__object_release(&file->object);
    return position < 0 ? ldr__crt_set_host_errno(error) : position;
}

/* ---- Modes ---- */

int ldr__crt_descriptor_mode(ldr__crt *crt, int descriptor)
{
    struct ldr__crt_descriptor entry;
    return lookup(crt, descriptor, &entry) ? entry.mode : -1;
}

int ldr__crt_descriptor_set_mode(ldr__crt *crt, int descriptor, int mode)
{
    bool known = mode == LDR__CRT_O_TEXT || mode == LDR__CRT_O_BINARY || mode == LDR__CRT_O_WTEXT ||
                 mode == LDR__CRT_O_U16TEXT || mode == LDR__CRT_O_U8TEXT;
    if (!known) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    struct ldr__crt_descriptor before;
    if (!lookup(crt, descriptor, &before))
        return -1;
    ldr__crt_lock(crt);
    crt->descriptors[descriptor].mode = mode;
    ldr__crt_unlock(crt);
    return before.mode;
}

bool ldr__crt_descriptor_translates(ldr__crt *crt, int descriptor)
{
    struct ldr__crt_descriptor entry;
    return lookup(crt, descriptor, &entry) && !entry.standard && entry.mode != LDR__CRT_O_BINARY;
}

bool ldr__crt_descriptor_is_terminal(ldr__crt *crt, int descriptor)
{
    ldr__file *file = ldr__crt_descriptor_file(crt, descriptor);
    if (!file)
        return false;
    bool terminal = isatty(file->fd);
    ldr__object_release(&file->object);
    return terminal;
}

bool ldr__crt_descriptor_is_device(ldr__crt *crt, int descriptor)
{
    ldr__file *file = ldr__crt_descriptor_file(crt, descriptor);
    if (!file)
        return false;
    struct stat status;
    bool device = fstat(file->fd, &status) == 0 && S_ISCHR(status.st_mode);
    ldr__object_release(&file->object);
    return device;
}
