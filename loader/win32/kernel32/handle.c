#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "win32/children.h"
#include "win32/kernel32/files.h"

/* Handles in general, and pipes. */

enum {
    DUPLICATE_CLOSE_SOURCE = 1,
    DUPLICATE_SAME_ACCESS = 2,
    HANDLE_FLAG_INHERIT = 1,
    VOLUME_NAME_NONE = 4,
};

/* Handles are duplicated inside the process only. False with the last error for another one. */
static bool is_own_process(ldr__process *process, HANDLE handle)
{
    if (handle == LDR__CURRENT_PROCESS)
        return true;
    ldr__child *other = (ldr__child *)ldr__handle_get(process, handle, LDR__OBJECT_PROCESS);
    if (other == NULL)
        return ldr__win_error(ERROR_INVALID_HANDLE);
    bool own = other->pidfd < 0;
    ldr__object_release(&other->waitable.object);
    return own ? true : ldr__win_error(ERROR_NOT_SUPPORTED);
}

static ldr__object *duplicate_source(ldr__process *process, HANDLE source)
{
    DWORD unused;
    if (source != LDR__CURRENT_PROCESS)
        return ldr__handle_get_any(process, source);
    return (ldr__object *)ldr__child_find(process, (DWORD)getpid(), &unused);
}

static BOOL LDR_WINAPI guest_DuplicateHandle(HANDLE source_process, HANDLE source,
                                             HANDLE target_process, HANDLE *ret_target,
                                             DWORD access, BOOL inherit, DWORD options)
{
    ldr__process *process = ldr__process_self();
    ldr__handle_facts facts = {LDR__ALL_ACCESS, false};
    if (!is_own_process(process, source_process) || !is_own_process(process, target_process))
        return false;
    ldr__object *object = duplicate_source(process, source);
    if (object == NULL)
        return ldr__win_error(ERROR_INVALID_HANDLE);
    ldr__handle_facts_get(process, source, &facts);
    if (!(options & DUPLICATE_SAME_ACCESS))
        facts.access = access;
    facts.inherit = inherit;
    HANDLE target = ldr__handle_new_with(process, object, &facts);
    if (options & DUPLICATE_CLOSE_SOURCE)
        ldr__handle_close(process, source);
    if (target == NULL)
        return ldr__win_error(ERROR_NOT_ENOUGH_MEMORY);
    if (ret_target != NULL)
        *ret_target = target;
    return true;
}

/* Whether a child inherits it; that a handle cannot be closed is not provided. */
static BOOL LDR_WINAPI guest_SetHandleInformation(HANDLE handle, DWORD mask, DWORD flags)
{
    ldr__handle_facts facts;
    ldr__process *process = ldr__process_self();
    if (!ldr__handle_facts_get(process, handle, &facts))
        return ldr__win_error(ERROR_INVALID_HANDLE);
    if (mask & ~(DWORD)HANDLE_FLAG_INHERIT)
        return ldr__win_error(ERROR_NOT_SUPPORTED);
    if (mask & HANDLE_FLAG_INHERIT)
        ldr__handle_set_inherit(process, handle, (flags & HANDLE_FLAG_INHERIT) != 0);
    return true;
}

static BOOL LDR_WINAPI guest_GetHandleInformation(HANDLE handle, DWORD *ret_flags)
{
    ldr__handle_facts facts;
    if (!ldr__handle_facts_get(ldr__process_self(), handle, &facts))
        return ldr__win_error(ERROR_INVALID_HANDLE);
    *ret_flags = facts.inherit ? HANDLE_FLAG_INHERIT : 0;
    return true;
}

static BOOL LDR_WINAPI guest_CreatePipe(HANDLE *ret_read, HANDLE *ret_write,
                                        const SECURITY_ATTRIBUTES *security, DWORD size)
{
    ldr__process *process = ldr__process_self();
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return ldr__win_errno(errno);
    if (size > 0 && size <= INT32_MAX)
        fcntl(ends[1], F_SETPIPE_SZ, (int)size); /* only a suggestion, on Windows too */
    HANDLE reader = ldr__handle_from_fd(process, ends[0], false, NULL);
    HANDLE writer = ldr__handle_from_fd(process, ends[1], false, NULL);
    if (reader == NULL || writer == NULL) {
        ldr__handle_close(process, reader);
        ldr__handle_close(process, writer);
        return ldr__win_error(ERROR_NOT_ENOUGH_MEMORY);
    }
    ldr__handle_set_inherit(process, reader, ldr__inherits(security));
    ldr__handle_set_inherit(process, writer, ldr__inherits(security));
    *ret_read = reader;
    *ret_write = writer;
    return true;
}

/* Whether nobody writes to it any more. */
static bool is_broken(int fd)
{
    struct pollfd state = {.fd = fd};
    return poll(&state, 1, 0) == 1 && (state.revents & POLLHUP) != 0;
}

/* How much is there to read; a look at the bytes themselves is not provided. */
static BOOL LDR_WINAPI guest_PeekNamedPipe(HANDLE handle, void *ret_bytes, DWORD size,
                                           DWORD *ret_count, DWORD *ret_available, DWORD *ret_left)
{
    int available, fd = ldr__handle_fd(handle);
    if (fd < 0)
        return false;
    if (ret_bytes != NULL && size != 0)
        return ldr__win_error(ERROR_NOT_SUPPORTED);
    if (ioctl(fd, FIONREAD, &available) != 0)
        return ldr__win_error(ERROR_INVALID_FUNCTION);
    if (available == 0 && is_broken(fd))
        return ldr__win_error(ERROR_BROKEN_PIPE);
    if (ret_count != NULL)
        *ret_count = 0;
    if (ret_available != NULL)
        *ret_available = (DWORD)available;
    if (ret_left != NULL)
        *ret_left = 0;
    return true;
}

/* No device has a driver that knows Windows's control codes. */
static BOOL LDR_WINAPI guest_DeviceIoControl(HANDLE handle, DWORD code, void *in, DWORD in_size,
                                             void *ret_out, DWORD out_size, DWORD *ret_size,
                                             void *overlapped)
{
    (void)code;
    (void)in;
    (void)in_size;
    (void)ret_out;
    (void)out_size;
    (void)ret_size;
    (void)overlapped;
    return ldr__handle_fd(handle) < 0 ? false : ldr__win_error(ERROR_INVALID_FUNCTION);
}

/* "\\?\Z:\folder\file"; without the drive for VOLUME_NAME_NONE. */
static DWORD LDR_WINAPI guest_GetFinalPathNameByHandleW(HANDLE handle, WCHAR *ret_path, DWORD size,
                                                        DWORD flags)
{
    char link[64], host[4097];
    int fd = ldr__handle_fd(handle);
    if (fd < 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, host, sizeof host - 1);
    if (length < 0)
        return (DWORD)ldr__win_errno(errno);
    host[length] = 0;
    if (host[0] != '/')
        return (DWORD)ldr__win_error(ERROR_INVALID_FUNCTION); /* a pipe or a socket */
    char *guest = ldr__path_to_guest(host), *full = NULL;
    bool no_drive = (flags & VOLUME_NAME_NONE) != 0;
    if (guest == NULL ||
        asprintf(&full, "%s%s", no_drive ? "" : "\\\\?\\", no_drive ? guest + 2 : guest) < 0)
        full = NULL;
    free(guest);
    if (full == NULL)
        return (DWORD)ldr__win_error(ERROR_NOT_ENOUGH_MEMORY);
    DWORD answer = ldr__answer_text_w(full, ret_path, size);
    free(full);
    return answer;
}

static const ldr_export lines[] = {
    LDR__FN(DuplicateHandle), LDR__FN(SetHandleInformation), LDR__FN(GetHandleInformation),
    LDR__FN(CreatePipe),      LDR__FN(PeekNamedPipe),        LDR__FN(GetFinalPathNameByHandleW),
    LDR__FN(DeviceIoControl),
};

LDR__TABLE(ldr__kernel32_handle, "kernel32.dll", lines);
