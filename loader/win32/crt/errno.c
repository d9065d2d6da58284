/* crt/errno.c: errno with Windows's numbers and the texts that belong to them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "win32/crt/state.h"

/* Host numbers above ERANGE, which Windows numbers differently. */
static const struct {
    int host, windows;
} differing[] = {
    {EDEADLK, LDR__CRT_EDEADLK},
    {ENAMETOOLONG, LDR__CRT_ENAMETOOLONG},
    {ENOLCK, LDR__CRT_ENOLCK},
    {ENOSYS, LDR__CRT_ENOSYS},
    {ENOTEMPTY, LDR__CRT_ENOTEMPTY},
    {EILSEQ, LDR__CRT_EILSEQ},
    {EADDRINUSE, 100},
    {EADDRNOTAVAIL, 101},
    {EAFNOSUPPORT, 102},
    {EALREADY, 103},
    {EBADMSG, 104},
    {ECANCELED, 105},
    {ECONNABORTED, 106},
    {ECONNREFUSED, 107},
    {ECONNRESET, 108},
    {EDESTADDRREQ, 109},
    {EHOSTUNREACH, 110},
    {EIDRM, 111},
    {EINPROGRESS, 112},
    {EISCONN, 113},
    {ELOOP, 114},
    {EMSGSIZE, 115},
    {ENETDOWN, 116},
    {ENETRESET, 117},
    {ENETUNREACH, 118},
    {ENOBUFS, 119},
    {ENODATA, 120},
    {ENOLINK, 121},
    {ENOMSG, 122},
    {ENOPROTOOPT, 123},
    {ENOSR, 124},
    {ENOSTR, 125},
    {ENOTCONN, 126},
    {ENOTRECOVERABLE, 127},
    {ENOTSOCK, 128},
    {ENOTSUP, 129},
    {EOVERFLOW, LDR__CRT_EOVERFLOW},
    {EOWNERDEAD, 133},
    {EPROTO, 134},
    {EPROTONOSUPPORT, 135},
    {EPROTOTYPE, 136},
    {ETIME, 137},
    {ETIMEDOUT, 138},
    {ETXTBSY, 139},
};

/* _sys_errlist. */
static const char *const texts[] = {
    "No error",
    "Operation not permitted",
    "No such file or directory",
    "No such process",
    "Interrupted function call",
    "Input/output error",
    "No such device or address",
    "Arg list too long",
    "Exec format error",
    "Bad file descriptor",
    "No child processes",
    "Resource temporarily unavailable",
    "Not enough space",
    "Permission denied",
    "Bad address",
    "Unknown error",
    "Resource device",
    "File exists",
    "Improper link",
    "No such device",
    "Not a directory",
    "Is a directory",
    "Invalid argument",
    "Too many open files in system",
    "Too many open files",
    "Inappropriate I/O control operation",
    "Unknown error",
    "File too large",
    "No space left on device",
    "Invalid seek",
    "Read-only file system",
    "Too many links",
    "Broken pipe",
    "Domain error",
    "Result too large",
    "Unknown error",
    "Resource deadlock avoided",
    "Unknown error",
    "Filename too long",
    "No locks available",
    "Function not implemented",
    "Directory not empty",
    "Illegal byte sequence",
    "Unknown error",
};

/* The universal runtime's texts from 100 on. */
static const char *const socket_texts[] = {
    "address in use",
    "address not available",
    "address family not supported",
    "connection already in progress",
    "bad message",
    "operation canceled",
    "connection aborted",
    "connection refused",
    "connection reset",
    "destination address required",
    "host unreachable",
    "identifier removed",
    "operation in progress",
    "already connected",
    "too many symbolic link levels",
    "message size",
    "network down",
    "network reset",
    "network unreachable",
    "no buffer space",
    "no message available",
    "no link",
    "no message",
    "no protocol option",
    "no stream resources",
    "not a stream",
    "not connected",
    "state not recoverable",
    "not a socket",
    "not supported",
    "operation not supported",
    "Unknown error",
    "value too large",
    "owner dead",
    "protocol error",
    "protocol not supported",
    "wrong protocol type",
    "stream timeout",
    "timed out",
    "text file busy",
    "operation would block",
};

enum {
    TEXT_COUNT = sizeof texts / sizeof texts[0],
    SOCKET_BASE = 100,
    SOCKET_COUNT = sizeof socket_texts / sizeof socket_texts[0],
};

int ldr__crt_errno_from_host(int host_errno)
{
    for (size_t i = 0; i < sizeof differing / sizeof differing[0]; i++)
        if (differing[i].host == host_errno)
            return differing[i].windows;
    return host_errno >= 0 && host_errno <= ERANGE ? host_errno : EINVAL;
}

int ldr__crt_set_errno(int windows_errno)
{
    ldr__thread_self()->crt_errno = windows_errno;
    return -1;
}

int ldr__crt_set_host_errno(int host_errno)
{
    ldr__thread *self = ldr__thread_self();
    self->crt_errno = ldr__crt_errno_from_host(host_errno);
    self->crt_doserrno = ldr__error_from_errno(host_errno);
    self->teb.last_error = self->crt_doserrno;
    return -1;
}

typedef void(LDR_WINAPI *invalid_parameter_function)(const WCHAR *expression, const WCHAR *function,
                                                     const WCHAR *file, uint32_t line,
                                                     uintptr_t reserved);

void ldr__crt_invalid_parameter(int windows_errno)
{
    ldr__crt_set_errno(windows_errno);
    ldr__crt *crt = ldr__crt_self();
    ldr__crt_lock(crt);
    invalid_parameter_function handler = (invalid_parameter_function)crt->invalid_parameter_handler;
    ldr__crt_unlock(crt);
    if (handler)
        handler(NULL, NULL, NULL, 0, 0);
}

static const char *text_of(int error, ldr__crt_flavour flavour)
{
    if (error >= 0 && error < TEXT_COUNT)
        return texts[error];
    if (flavour == LDR__CRT_UCRT && error >= SOCKET_BASE && error - SOCKET_BASE < SOCKET_COUNT)
        return socket_texts[error - SOCKET_BASE];
    return "Unknown error";
}

const char *ldr__crt_errno_text(int windows_errno)
{
    return text_of(windows_errno, LDR__CRT_UCRT);
}

static int *LDR_WINAPI guest__errno(void)
{
    return &ldr__thread_self()->crt_errno;
}

static uint32_t *LDR_WINAPI guest___doserrno(void)
{
    return &ldr__thread_self()->crt_doserrno;
}

static int LDR_WINAPI guest__get_errno(int *ret_error)
{
    if (!ret_error)
        return EINVAL;
    *ret_error = ldr__thread_self()->crt_errno;
    return 0;
}

static int LDR_WINAPI guest__set_errno(int error)
{
    ldr__crt_set_errno(error);
    return 0;
}

static int LDR_WINAPI guest__get_doserrno(uint32_t *ret_error)
{
    if (!ret_error)
        return EINVAL;
    *ret_error = ldr__thread_self()->crt_doserrno;
    return 0;
}

static int LDR_WINAPI guest__set_doserrno(uint32_t error)
{
    ldr__thread_self()->crt_doserrno = error;
    return 0;
}

/* The guest may write into the text, so each thread has a copy. */
static char *thread_text(const char *text)
{
    ldr__crt_thread *thread = ldr__crt_thread_self();
    if (!thread)
        return NULL;
    snprintf(thread->error_text, sizeof thread->error_text, "%s", text);
    return thread->error_text;
}

static char *LDR_WINAPI msvcrt_strerror(int error)
{
    return thread_text(text_of(error, LDR__CRT_MSVCRT));
}

static char *LDR_WINAPI ucrt_strerror(int error)
{
    return thread_text(text_of(error, LDR__CRT_UCRT));
}

/* "MESSAGE: text of errno\n", or the text alone. */
static char *LDR_WINAPI guest__strerror(const char *message)
{
    ldr__crt_thread *thread = ldr__crt_thread_self();
    if (!thread)
        return NULL;
    const char *text = text_of(ldr__thread_self()->crt_errno, LDR__CRT_UCRT);
    bool prefixed = message && *message;
    snprintf(thread->error_text, sizeof thread->error_text, "%.94s%s%s\n", prefixed ? message : "",
             prefixed ? ": " : "", text);
    return thread->error_text;
}

static int strerror_s(char *buffer, size_t size, int error, ldr__crt_flavour flavour)
{
    if (!buffer || size == 0) {
        ldr__crt_invalid_parameter(EINVAL);
        return EINVAL;
    }
    snprintf(buffer, size, "%s", text_of(error, flavour));
    return 0;
}

static int LDR_WINAPI msvcrt_strerror_s(char *buffer, size_t size, int error)
{
    return strerror_s(buffer, size, error, LDR__CRT_MSVCRT);
}

static int LDR_WINAPI ucrt_strerror_s(char *buffer, size_t size, int error)
{
    return strerror_s(buffer, size, error, LDR__CRT_UCRT);
}

static WCHAR *LDR_WINAPI guest__wcserror(int error)
{
    ldr__crt_thread *thread = ldr__crt_thread_self();
    if (!thread)
        return NULL;
    const char *text = text_of(error, LDR__CRT_UCRT);
    for (size_t i = 0; i <= strlen(text); i++)
        thread->wide_error_text[i] = (WCHAR)(unsigned char)text[i];
    return thread->wide_error_text;
}

static void *LDR_WINAPI guest__set_invalid_parameter_handler(void *handler)
{
    ldr__crt *crt = ldr__crt_self();
    ldr__crt_lock(crt);
    void *previous = crt->invalid_parameter_handler;
    crt->invalid_parameter_handler = handler;
    ldr__crt_unlock(crt);
    return previous;
}

static void *LDR_WINAPI guest__get_invalid_parameter_handler(void)
{
    ldr__crt *crt = ldr__crt_self();
    ldr__crt_lock(crt);
    void *handler = crt->invalid_parameter_handler;
    ldr__crt_unlock(crt);
    return handler;
}

static void LDR_WINAPI guest__invalid_parameter_noinfo(void)
{
    ldr__crt_invalid_parameter(ldr__thread_self()->crt_errno);
}

enum { FAST_FAIL_INVALID_PARAMETER = 0xC0000417 };

static void LDR_WINAPI guest__invoke_watson(const WCHAR *expression, const WCHAR *function,
                                            const WCHAR *file, uint32_t line, uintptr_t reserved)
{
    (void)expression, (void)function, (void)file, (void)line, (void)reserved;
    ldr__process_terminate((DWORD)FAST_FAIL_INVALID_PARAMETER);
}

static void LDR_WINAPI guest__invalid_parameter_noinfo_noreturn(void)
{
    ldr__crt_invalid_parameter(ldr__thread_self()->crt_errno);
    ldr__process_terminate((DWORD)FAST_FAIL_INVALID_PARAMETER);
}

static const ldr_export shared[] = {
    LDR__FN(_errno),
    LDR__FN(__doserrno),
    LDR__FN(_get_errno),
    LDR__FN(_set_errno),
    LDR__FN(_get_doserrno),
    LDR__FN(_set_doserrno),
    LDR__FN(_strerror),
    LDR__FN(_wcserror),
    LDR__FN(_set_invalid_parameter_handler),
    LDR__FN(_get_invalid_parameter_handler),
    LDR__FN_AS("_invalid_parameter", guest__invoke_watson),
    LDR__FN(_invalid_parameter_noinfo),
    LDR__FN(_invalid_parameter_noinfo_noreturn),
    LDR__FN(_invoke_watson),
};
LDR__CRT_TABLES(ldr__crt_errno, shared);

static const int text_count = TEXT_COUNT - 1;

static const ldr_export msvcrt_lines[] = {
    LDR__FN_AS("strerror", msvcrt_strerror),
    LDR__FN_AS("strerror_s", msvcrt_strerror_s),
    LDR__DATA("_sys_errlist", texts),
    LDR__DATA("_sys_nerr", text_count),
};
LDR__TABLE(ldr__crt_errno_msvcrt_only, "msvcrt.dll", msvcrt_lines);

static const ldr_export ucrt_lines[] = {
    LDR__FN_AS("strerror", ucrt_strerror),
    LDR__FN_AS("strerror_s", ucrt_strerror_s),
};
LDR__TABLE(ldr__crt_errno_ucrt_only, "ucrtbase.dll", ucrt_lines);
