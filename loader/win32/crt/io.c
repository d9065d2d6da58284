/* crt/io.c: _open, _read, _write and their kin: descriptors as the guest uses them. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "win32/crt/file.h"

enum { CTRL_Z = 0x1A };

/* ---- Opening ---- */

static int open_narrow(const char *path, int flags, int permissions, int sharing)
{
    if (!path) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    return ldr__crt_descriptor_open(ldr__crt_self(), ldr__path_to_host(path), flags, permissions,
                                    sharing);
}

static int open_wide(const WCHAR *path, int flags, int permissions, int sharing)
{
    if (!path) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    return ldr__crt_descriptor_open(ldr__crt_self(), ldr__path_to_host_w(path), flags, permissions,
                                    sharing);
}

static int LDR_WINAPI guest__open(const char *path, int flags, ...)
{
    __builtin_ms_va_list arguments;
    __builtin_ms_va_start(arguments, flags);
    int permissions = flags & LDR__CRT_O_CREAT ? __builtin_va_arg(arguments, int) : 0;
    __builtin_ms_va_end(arguments);
    return open_narrow(path, flags, permissions, LDR__CRT_DENY_NOTHING);
}

static int LDR_WINAPI guest__wopen(const WCHAR *path, int flags, ...)
{
    __builtin_ms_va_list arguments;
    __builtin_ms_va_start(arguments, flags);
    int permissions = flags & LDR__CRT_O_CREAT ? __builtin_va_arg(arguments, int) : 0;
    __builtin_ms_va_end(arguments);
    return open_wide(path, flags, permissions, LDR__CRT_DENY_NOTHING);
}

static int LDR_WINAPI guest__sopen(const char *path, int flags, int sharing, ...)
{
    __builtin_ms_va_list arguments;
    __builtin_ms_va_start(arguments, sharing);
    int permissions = flags & LDR__CRT_O_CREAT ? __builtin_va_arg(arguments, int) : 0;
    __builtin_ms_va_end(arguments);
    return open_narrow(path, flags, permissions, sharing);
}

static int LDR_WINAPI guest__wsopen(const WCHAR *path, int flags, int sharing, ...)
{
    __builtin_ms_va_list arguments;
    __builtin_ms_va_start(arguments, sharing);
    int permissions = flags & LDR__CRT_O_CREAT ? __builtin_va_arg(arguments, int) : 0;
    __builtin_ms_va_end(arguments);
    return open_wide(path, flags, permissions, sharing);
}

static int LDR_WINAPI guest__sopen_s(int *ret_descriptor, const char *path, int flags, int sharing,
                                     int permissions)
{
    if (!ret_descriptor) {
        ldr__crt_invalid_parameter(EINVAL);
        return EINVAL;
    }
    *ret_descriptor = open_narrow(path, flags, permissions, sharing);
    return *ret_descriptor >= 0 ? 0 : ldr__thread_self()->crt_errno;
}

static int LDR_WINAPI guest__wsopen_s(int *ret_descriptor, const WCHAR *path, int flags,
                                      int sharing, int permissions)
{
    if (!ret_descriptor) {
        ldr__crt_invalid_parameter(EINVAL);
        return EINVAL;
    }
    *ret_descriptor = open_wide(path, flags, permissions, sharing);
    return *ret_descriptor >= 0 ? 0 : ldr__thread_self()->crt_errno;
}

static int create_flags(void)
{
    return LDR__CRT_O_CREAT | LDR__CRT_O_TRUNC | LDR__CRT_O_RDWR;
}

static int LDR_WINAPI guest__creat(const char *path, int permissions)
{
    return open_narrow(path, create_flags(), permissions, LDR__CRT_DENY_NOTHING);
}

static int LDR_WINAPI guest__wcreat(const WCHAR *path, int permissions)
{
    return open_wide(path, create_flags(), permissions, LDR__CRT_DENY_NOTHING);
}

static int LDR_WINAPI guest__close(int descriptor)
{
    return ldr__crt_descriptor_close(ldr__crt_self(), descriptor);
}

/* ---- Reading and writing ---- */

/* A carriage return was the last byte read: is a line feed next? The byte is taken only if so. */
static bool line_feed_follows(ldr__crt *crt, int descriptor)
{
    char next;
    if (ldr__crt_descriptor_read(crt, descriptor, &next, 1) != 1)
        return false;
    if (next == '\n')
        return true;
    ldr__crt_descriptor_seek(crt, descriptor, -1, SEEK_CUR);
    return false;
}

/* Turns CR LF into LF in place and ends at Ctrl-Z; returns what remains. */
static size_t to_guest_text(ldr__crt *crt, int descriptor, char *text, size_t size)
{
    size_t out = 0;
    for (size_t in = 0; in < size && text[in] != CTRL_Z; in++) {
        bool ends_line = text[in] == '\r' && (in + 1 < size ? text[in + 1] == '\n'
                                                            : line_feed_follows(crt, descriptor));
        if (!ends_line)
            text[out++] = text[in];
        else if (in + 1 == size)
            text[out++] = '\n';
    }
    return out;
}

static int LDR_WINAPI guest__read(int descriptor, void *buffer, uint32_t size)
{
    ldr__crt *crt = ldr__crt_self();
    if (!buffer || size > INT32_MAX) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    ssize_t count = ldr__crt_descriptor_read(crt, descriptor, buffer, size);
    if (count > 0 && ldr__crt_descriptor_translates(crt, descriptor))
        count = (ssize_t)to_guest_text(crt, descriptor, buffer, (size_t)count);
    return (int)count;
}

/* Writes text with CR LF for LF; returns how many of the guest's bytes that were, or -1. */
static int write_text(ldr__crt *crt, int descriptor, const char *text, uint32_t size)
{
    char block[4096];
    uint32_t in = 0;
    while (in < size) {
        size_t out = 0;
        for (; in < size && out + 2 <= sizeof block; in++) {
            if (text[in] == '\n')
                block[out++] = '\r';
            block[out++] = text[in];
        }
        if (ldr__crt_descriptor_write(crt, descriptor, block, out) < 0)
            return -1;
    }
    return (int)in;
}

static int LDR_WINAPI guest__write(int descriptor, const void *bytes, uint32_t size)
{
    ldr__crt *crt = ldr__crt_self();
    if ((!bytes && size) || size > INT32_MAX) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    if (ldr__crt_descriptor_translates(crt, descriptor))
        return write_text(crt, descriptor, bytes, size);
    return (int)ldr__crt_descriptor_write(crt, descriptor, bytes, size);
}

/* ---- Position and size ---- */

static int64_t LDR_WINAPI guest__lseeki64(int descriptor, int64_t offset, int whence)
{
    if (whence < SEEK_SET || whence > SEEK_END) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    return ldr__crt_descriptor_seek(ldr__crt_self(), descriptor, offset, whence);
}

static LONG LDR_WINAPI guest__lseek(int descriptor, LONG offset, int whence)
{
    int64_t position = guest__lseeki64(descriptor, offset, whence);
    return position <= INT32_MAX ? (LONG)position : ldr__crt_set_errno(EINVAL);
}

static int64_t LDR_WINAPI guest__telli64(int descriptor)
{
    return guest__lseeki64(descriptor, 0, SEEK_CUR);
}

static LONG LDR_WINAPI guest__tell(int descriptor)
{
    return guest__lseek(descriptor, 0, SEEK_CUR);
}

static int64_t LDR_WINAPI guest__filelengthi64(int descriptor)
{
    ldr__file *file = ldr__crt_descriptor_file(ldr__crt_self(), descriptor);
    if (!file)
        return -1;
    struct stat status;
    int failed = fstat(file->fd, &status);
    int error = errno;
    ldr__object_release(&file->object);
    return failed ? ldr__crt_set_host_errno(error) : status.st_size;
}

static LONG LDR_WINAPI guest__filelength(int descriptor)
{
    int64_t size = guest__filelengthi64(descriptor);
    return size <= INT32_MAX ? (LONG)size : ldr__crt_set_errno(LDR__CRT_EOVERFLOW);
}

static int LDR_WINAPI guest__eof(int descriptor)
{
    int64_t size = guest__filelengthi64(descriptor);
    int64_t position = size < 0 ? -1 : guest__telli64(descriptor);
    return position < 0 ? -1 : position >= size;
}

/* _chsize_s returns the errno value, _chsize -1. */
static int LDR_WINAPI guest__chsize_s(int descriptor, int64_t size)
{
    ldr__file *file = ldr__crt_descriptor_file(ldr__crt_self(), descriptor);
    if (!file)
        return EBADF;
    int error = ftruncate(file->fd, size) == 0 ? 0 : ldr__crt_errno_from_host(errno);
    ldr__object_release(&file->object);
    if (error)
        ldr__crt_set_errno(error);
    return error;
}

static int LDR_WINAPI guest__chsize(int descriptor, LONG size)
{
    return guest__chsize_s(descriptor, size) == 0 ? 0 : -1;
}

static int LDR_WINAPI guest__commit(int descriptor)
{
    ldr__file *file = ldr__crt_descriptor_file(ldr__crt_self(), descriptor);
    if (!file)
        return -1;
    int error = fsync(file->fd) == 0 ? 0 : errno;
    ldr__object_release(&file->object);
    return error ? ldr__crt_set_host_errno(error) : 0;
}

/* ---- Descriptors and handles ---- */

static int LDR_WINAPI guest__setmode(int descriptor, int mode)
{
    return ldr__crt_descriptor_set_mode(ldr__crt_self(), descriptor, mode);
}

static int LDR_WINAPI guest__isatty(int descriptor)
{
    enum { CHARACTER_DEVICE = 0x40 };
    return ldr__crt_descriptor_is_device(ldr__crt_self(), descriptor) ? CHARACTER_DEVICE : 0;
}

static intptr_t LDR_WINAPI guest__get_osfhandle(int descriptor)
{
    return (intptr_t)ldr__crt_descriptor_handle(ldr__crt_self(), descriptor);
}

static int LDR_WINAPI guest__open_osfhandle(intptr_t handle, int flags)
{
    ldr__crt *crt = ldr__crt_self();
    ldr__object *object = ldr__handle_get(crt->process, (HANDLE)handle, LDR__OBJECT_FILE);
    if (!object)
        return ldr__crt_set_errno(EBADF);
    ldr__object_release(object);
    int mode = flags & LDR__CRT_O_MODES;
    return ldr__crt_descriptor_new(crt, (HANDLE)handle, mode ? mode : LDR__CRT_O_BINARY);
}

static int LDR_WINAPI guest__dup(int descriptor)
{
    return ldr__crt_descriptor_copy(ldr__crt_self(), descriptor);
}

static int LDR_WINAPI guest__dup2(int descriptor, int target)
{
    return ldr__crt_descriptor_copy_to(ldr__crt_self(), descriptor, target);
}

/* The mode of files opened without one, of the universal runtime; msvcrt's is exported data. */
static int LDR_WINAPI guest__set_fmode(int mode)
{
    if (mode != LDR__CRT_O_TEXT && mode != LDR__CRT_O_BINARY && mode != LDR__CRT_O_WTEXT) {
        ldr__crt_invalid_parameter(EINVAL);
        return EINVAL;
    }
    ldr__crt_self()->default_mode = mode;
    return 0;
}

static int LDR_WINAPI guest__get_fmode(int *ret_mode)
{
    if (!ret_mode) {
        ldr__crt_invalid_parameter(EINVAL);
        return EINVAL;
    }
    *ret_mode = ldr__crt_self()->default_mode;
    return 0;
}

static int *LDR_WINAPI guest___p__fmode(void)
{
    return &ldr__crt_self()->default_mode;
}

static int *LDR_WINAPI guest___p__commode(void)
{
    return &ldr__crt_self()->default_commit;
}

static int pipe_end(ldr__crt *crt, int fd, int mode)
{
    HANDLE handle = ldr__handle_from_fd(crt->process, fd, false, NULL);
    if (!handle) {
        close(fd);
        return ldr__crt_set_errno(ENOMEM);
    }
    int end = ldr__crt_descriptor_new(crt, handle, mode);
    if (end < 0)
        ldr__handle_close(crt->process, handle);
    return end;
}

static int LDR_WINAPI guest__pipe(int *ret_descriptors, uint32_t size, int flags)
{
    (void)size;
    ldr__crt *crt = ldr__crt_self();
    int fds[2];
    if (!ret_descriptors) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    if (pipe2(fds, O_CLOEXEC) != 0)
        return ldr__crt_set_host_errno(errno);
    int mode = flags & LDR__CRT_O_BINARY ? LDR__CRT_O_BINARY : LDR__CRT_O_TEXT;
    int ends[2] = {pipe_end(crt, fds[0], mode), pipe_end(crt, fds[1], mode)};
    if (ends[0] >= 0 && ends[1] >= 0) {
        memcpy(ret_descriptors, ends, sizeof ends);
        return 0;
    }
    for (int i = 0; i < 2; i++)
        if (ends[i] >= 0)
            ldr__crt_descriptor_close(crt, ends[i]);
    return ldr__crt_set_errno(EMFILE);
}

static const ldr_export shared[] = {
    LDR__FN(_open),           LDR__FN(_wopen),    LDR__FN(_sopen),   LDR__FN(_wsopen),
    LDR__FN(_sopen_s),        LDR__FN(_wsopen_s), LDR__FN(_creat),   LDR__FN(_wcreat),
    LDR__FN(_close),          LDR__FN(_read),     LDR__FN(_write),   LDR__FN(_lseek),
    LDR__FN(_lseeki64),       LDR__FN(_tell),     LDR__FN(_telli64), LDR__FN(_filelength),
    LDR__FN(_filelengthi64),  LDR__FN(_eof),      LDR__FN(_chsize),  LDR__FN(_chsize_s),
    LDR__FN(_commit),         LDR__FN(_setmode),  LDR__FN(_isatty),  LDR__FN(_get_osfhandle),
    LDR__FN(_open_osfhandle), LDR__FN(_dup),      LDR__FN(_dup2),    LDR__FN(_pipe),
};
LDR__CRT_TABLES(ldr__crt_io, shared);

static const ldr_export ucrt_lines[] = {LDR__FN(_set_fmode), LDR__FN(_get_fmode),
                                        LDR__FN(__p__fmode), LDR__FN(__p__commode)};
LDR__TABLE(ldr__crt_io_ucrt_only, "ucrtbase.dll", ucrt_lines);
