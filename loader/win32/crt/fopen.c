/* crt/fopen.c: fopen, fclose and their kin. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "win32/crt/stream.h"

static ldr__crt_file *LDR_WINAPI guest__fsopen(const char *path, const char *mode, int sharing)
{
    if (!path || !mode) {
        ldr__crt_invalid_parameter(EINVAL);
        return NULL;
    }
    return ldr__crt_stream_open(ldr__crt_self(), ldr__path_to_host(path), mode, sharing);
}

static ldr__crt_file *LDR_WINAPI guest__wfsopen(const WCHAR *path, const WCHAR *mode, int sharing)
{
    char *narrow_mode = mode ? ldr__utf8_from(mode) : NULL;
    if (!path || !narrow_mode) {
        free(narrow_mode);
        ldr__crt_invalid_parameter(EINVAL);
        return NULL;
    }
    ldr__crt_file *file =
        ldr__crt_stream_open(ldr__crt_self(), ldr__path_to_host_w(path), narrow_mode, sharing);
    free(narrow_mode);
    return file;
}

static ldr__crt_file *LDR_WINAPI guest_fopen(const char *path, const char *mode)
{
    return guest__fsopen(path, mode, LDR__CRT_DENY_NOTHING);
}

static ldr__crt_file *LDR_WINAPI guest__wfopen(const WCHAR *path, const WCHAR *mode)
{
    return guest__wfsopen(path, mode, LDR__CRT_DENY_NOTHING);
}

static int LDR_WINAPI guest_fopen_s(ldr__crt_file **ret_file, const char *path, const char *mode)
{
    if (!ret_file) {
        ldr__crt_invalid_parameter(EINVAL);
        return EINVAL;
    }
    *ret_file = guest_fopen(path, mode);
    return *ret_file ? 0 : ldr__thread_self()->crt_errno;
}

static int LDR_WINAPI guest__wfopen_s(ldr__crt_file **ret_file, const WCHAR *path,
                                      const WCHAR *mode)
{
    if (!ret_file) {
        ldr__crt_invalid_parameter(EINVAL);
        return EINVAL;
    }
    *ret_file = guest__wfopen(path, mode);
    return *ret_file ? 0 : ldr__thread_self()->crt_errno;
}

static ldr__crt_file *LDR_WINAPI guest__fdopen(int descriptor, const char *mode)
{
    ldr__crt *crt = ldr__crt_self();
    int flags;
    if (!mode || !ldr__crt_stream_parse_mode(mode, &flags)) {
        ldr__crt_invalid_parameter(EINVAL);
        return NULL;
    }
    if (ldr__crt_descriptor_mode(crt, descriptor) < 0)
        return NULL;
    if (flags & LDR__CRT_O_MODES)
        ldr__crt_descriptor_set_mode(crt, descriptor, flags & LDR__CRT_O_MODES);
    return ldr__crt_stream_new(crt, descriptor, flags);
}

static ldr__crt_file *LDR_WINAPI guest__wfdopen(int descriptor, const WCHAR *mode)
{
    char *narrow = mode ? ldr__utf8_from(mode) : NULL;
    ldr__crt_file *file = guest__fdopen(descriptor, narrow);
    free(narrow);
    return file;
}

static int LDR_WINAPI guest_fclose(ldr__crt_file *file)
{
    ldr__crt_stream *stream = ldr__crt_stream_lock(file);
    return stream && ldr__crt_stream_close(stream) ? 0 : LDR__CRT_EOF;
}

static int LDR_WINAPI guest__fcloseall(void)
{
    return ldr__crt_streams_close(ldr__crt_self());
}

/* Gives `file` another file; on failure it stays closed, as in Windows. */
static ldr__crt_file *LDR_WINAPI guest_freopen(const char *path, const char *mode,
                                               ldr__crt_file *file)
{
    enum { MAY_WRITE = 0x80 };
    ldr__crt *crt = ldr__crt_self();
    int flags;
    if (!path || !mode || !ldr__crt_stream_parse_mode(mode, &flags)) {
        ldr__crt_invalid_parameter(EINVAL);
        return NULL;
    }
    ldr__crt_stream *stream = ldr__crt_stream_lock(file);
    if (!stream)
        return NULL;
    ldr__crt_stream_flush(stream);
    int target = stream->descriptor;
    int opened = ldr__crt_descriptor_open(crt, ldr__path_to_host(path), flags, MAY_WRITE,
                                          LDR__CRT_DENY_NOTHING);
    bool copied = opened >= 0 && ldr__crt_descriptor_copy_to(crt, opened, target) == 0;
    if (opened >= 0)
        ldr__crt_descriptor_close(crt, opened);
    if (!copied) {
        ldr__crt_stream_close(stream);
        return NULL;
    }
    ldr__crt_stream_reattach(stream, flags);
    ldr__crt_stream_unlock(stream);
    return file;
}

static ldr__crt_file *LDR_WINAPI guest_tmpfile(void)
{
    ldr__crt *crt = ldr__crt_self();
    FILE *host = tmpfile();
    int fd = host ? dup(fileno(host)) : -1;
    int error = errno;
    if (host)
        fclose(host);
    HANDLE handle = fd >= 0 ? ldr__handle_from_fd(crt->process, fd, false, NULL) : NULL;
    if (!handle) {
        if (fd >= 0)
            close(fd);
        ldr__crt_set_host_errno(fd >= 0 ? ENOMEM : error);
        return NULL;
    }
    int descriptor = ldr__crt_descriptor_new(crt, handle, LDR__CRT_O_BINARY);
    return descriptor >= 0 ? ldr__crt_stream_new(crt, descriptor, LDR__CRT_O_RDWR) : NULL;
}

static const ldr_export shared[] = {
    LDR__FN(fopen),   LDR__FN(_wfopen),    LDR__FN(_fsopen), LDR__FN(_wfsopen),
    LDR__FN(fopen_s), LDR__FN(_wfopen_s),  LDR__FN(_fdopen), LDR__FN(_wfdopen),
    LDR__FN(fclose),  LDR__FN(_fcloseall), LDR__FN(freopen), LDR__FN(tmpfile),
};
LDR__CRT_TABLES(ldr__crt_fopen, shared);
