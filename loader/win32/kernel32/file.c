#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "win32/kernel32/files.h"
#include "win32/kernel32/pages.h"
#include "win32/wait.h"

/* What is done with open files. */

enum {
    FILE_TYPE_UNKNOWN = 0,
    FILE_TYPE_DISK = 1,
    FILE_TYPE_CHAR = 2,
    FILE_TYPE_PIPE = 3,
};
#define INVALID_SIZE ((DWORD)-1)

/* ---- Reading and writing ---- */

/* The descriptor of a handle that was opened for that, -1 with the last error; as ldr__handle_fd.
 */
static int fd_for(HANDLE handle, bool writing)
{
    ldr__file *file = (ldr__file *)ldr__handle_get(ldr__process_self(), handle, LDR__OBJECT_FILE);
    if (file == NULL) {
        ldr__set_last_error(ERROR_INVALID_HANDLE);
        return -1;
    }
    int fd = (writing ? file->writes : file->reads) ? file->fd : -1;
    if (fd < 0)
        ldr__set_last_error(ERROR_ACCESS_DENIED);
    ldr__object_release(&file->object);
    return fd;
}

typedef struct OVERLAPPED {
    uint64_t status, transferred;
    DWORD offset, offset_high;
    HANDLE event;
} OVERLAPPED;

static off_t overlapped_offset(const OVERLAPPED *overlapped)
{
    return (off_t)((uint64_t)overlapped->offset_high << 32 | overlapped->offset);
}

/* All I/O is done when the call returns, which an overlapped call may do at any time. */
static void complete(OVERLAPPED *overlapped, ssize_t count, DWORD *ret_count)
{
    if (ret_count != NULL)
        *ret_count = (DWORD)count;
    if (overlapped == NULL)
        return;
    overlapped->status = 0;
    overlapped->transferred = (uint64_t)count;
    /* The low bit asks for no packet at a completion port. */
    HANDLE handle = (HANDLE)((uintptr_t)overlapped->event & ~(uintptr_t)1);
    ldr__process *process = ldr__process_self();
    ldr__event *event = (ldr__event *)ldr__handle_get(process, handle, LDR__OBJECT_EVENT);
    if (event == NULL)
        return;
    ldr__wait_lock(process);
    ldr__event_set(event, true);
    ldr__wait_unlock(process);
    ldr__object_release(&event->waitable.object);
}

static bool is_pipe(int fd)
{
    struct stat host;
    return fstat(fd, &host) == 0 && (S_ISFIFO(host.st_mode) || S_ISSOCK(host.st_mode));
}

static BOOL LDR_WINAPI guest_ReadFile(HANDLE handle, void *ret_bytes, DWORD size, DWORD *ret_count,
                                      OVERLAPPED *overlapped)
{
    int fd = fd_for(handle, false);
    ssize_t count;
    if (ret_count != NULL)
        *ret_count = 0;
    if (fd < 0)
        return false;
    ldr__memory_sync(ldr__process_self(), ret_bytes);
    do {
        count = overlapped ? pread(fd, ret_bytes, size, overlapped_offset(overlapped))
                           : read(fd, ret_bytes, size);
        if (count < 0 && errno == ESPIPE && overlapped != NULL)
            count = read(fd, ret_bytes, size);
    } while (count < 0 && errno == EINTR);
    if (count < 0)
        return ldr__win_error(errno == EBADF ? ERROR_ACCESS_DENIED : ldr__error_from_errno(errno));
    if (count == 0 && size != 0 && is_pipe(fd))
        return ldr__win_error(ERROR_BROKEN_PIPE);
    if (count == 0 && size != 0 && overlapped != NULL)
        return ldr__win_error(ERROR_HANDLE_EOF);
    complete(overlapped, count, ret_count);
    return true;
}

static ssize_t write_some(int fd, const char *bytes, size_t size, OVERLAPPED *overlapped,
                          size_t done)
{
    if (overlapped != NULL) {
        ssize_t count = pwrite(fd, bytes, size, overlapped_offset(overlapped) + (off_t)done);
        if (count >= 0 || errno != ESPIPE)
            return count;
    }
    return ldr__write_quietly(fd, bytes, size);
}

static BOOL LDR_WINAPI guest_WriteFile(HANDLE handle, const void *bytes, DWORD size,
                                       DWORD *ret_count, OVERLAPPED *overlapped)
{
    int fd = fd_for(handle, true);
    size_t done = 0;
    if (ret_count != NULL)
        *ret_count = 0;
    if (fd < 0)
        return false;
    ldr__memory_sync(ldr__process_self(), bytes);
    while (done < size) {
        ssize_t count = write_some(fd, (const char *)bytes + done, size - done, overlapped, done);
        if (count < 0 && errno != EINTR) {
            if (ret_count != NULL)
                *ret_count = (DWORD)done;
            return ldr__win_error(errno == EBADF ? ERROR_ACCESS_DENIED
                                                 : ldr__error_from_errno(errno));
        }
        done += count > 0 ? (size_t)count : 0;
    }
    complete(overlapped, (ssize_t)done, ret_count);
    return true;
}

static BOOL LDR_WINAPI guest_FlushFileBuffers(HANDLE handle)
{
    int fd = ldr__handle_fd(handle);
    if (fd < 0)
        return false;
    /* EINVAL: a pipe or a terminal, which holds nothing back. */
    return fsync(fd) == 0 || errno == EINVAL ? true : ldr__win_errno(errno);
}

/* ---- Position and size ---- */

static BOOL seek(HANDLE handle, int64_t distance, DWORD method, int64_t *ret_position)
{
    static const int origins[] = {SEEK_SET, SEEK_CUR, SEEK_END};
    int fd = ldr__handle_fd(handle);
    if (fd < 0)
        return false;
    if (method > 2)
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    off_t position = lseek(fd, distance, origins[method]);
    if (position < 0)
        return ldr__win_error(errno == EINVAL ? ERROR_NEGATIVE_SEEK : ldr__error_from_errno(errno));
    *ret_position = position;
    return true;
}

static BOOL LDR_WINAPI guest_SetFilePointerEx(HANDLE handle, LARGE_INTEGER distance,
                                              LARGE_INTEGER *ret_position, DWORD method)
{
    int64_t position;
    if (!seek(handle, distance, method, &position))
        return false;
    if (ret_position != NULL)
        *ret_position = position;
    return true;
}

static DWORD LDR_WINAPI guest_SetFilePointer(HANDLE handle, LONG distance, LONG *high, DWORD method)
{
    int64_t position;
    int64_t full =
        high ? (int64_t)((uint64_t)(uint32_t)*high << 32 | (uint32_t)distance) : distance;
    if (!seek(handle, full, method, &position))
        return INVALID_SIZE;
    if (high == NULL && position > INT32_MAX) {
        ldr__set_last_error(ERROR_INVALID_PARAMETER);
        return INVALID_SIZE;
    }
    if (high != NULL)
        *high = (LONG)(position >> 32);
    ldr__set_last_error(ERROR_SUCCESS);
    return (DWORD)position;
}

/* Rule H.8: a file that is mapped beyond its new end stays as it is. */
static DWORD set_size(const ldr__file *file, uint64_t size)
{
    ldr_diag diag;
    if (!file->writes)
        return ERROR_ACCESS_DENIED;
    if (file->open != NULL)
        return ldr_file_set_size(file->open, size, &diag) == LDR_OK
                   ? ERROR_SUCCESS
                   : ldr__error_from_nt_status(diag.why.nt_status);
    if (ftruncate(file->fd, (off_t)size) == 0)
        return ERROR_SUCCESS;
    return errno == EINVAL ? ERROR_ACCESS_DENIED : ldr__error_from_errno(errno);
}

static BOOL LDR_WINAPI guest_SetEndOfFile(HANDLE handle)
{
    int64_t position;
    if (!seek(handle, 0, 1, &position))
        return false;
    ldr__file *file = (ldr__file *)ldr__handle_get(ldr__process_self(), handle, LDR__OBJECT_FILE);
    if (file == NULL)
        return ldr__win_error(ERROR_INVALID_HANDLE);
    DWORD error = set_size(file, (uint64_t)position);
    ldr__object_release(&file->object);
    return error == ERROR_SUCCESS ? true : ldr__win_error(error);
}

static BOOL LDR_WINAPI guest_GetFileSizeEx(HANDLE handle, LARGE_INTEGER *ret_size)
{
    ldr__file_facts facts;
    int fd = ldr__handle_fd(handle);
    if (fd < 0)
        return false;
    if (!ldr__file_facts_get(fd, NULL, &facts))
        return ldr__win_errno(errno);
    if (facts.attributes & FILE_ATTRIBUTE_DEVICE)
        return ldr__win_error(ERROR_INVALID_FUNCTION);
    *ret_size = (LARGE_INTEGER)facts.size;
    return true;
}

static DWORD LDR_WINAPI guest_GetFileSize(HANDLE handle, DWORD *ret_high)
{
    LARGE_INTEGER size;
    if (!guest_GetFileSizeEx(handle, &size))
        return INVALID_SIZE;
    if (ret_high != NULL)
        *ret_high = (DWORD)(size >> 32);
    ldr__set_last_error(ERROR_SUCCESS);
    return (DWORD)size;
}

static DWORD LDR_WINAPI guest_GetFileType(HANDLE handle)
{
    struct stat host;
    int fd = ldr__handle_fd(handle);
    if (fd < 0 || fstat(fd, &host) != 0)
        return FILE_TYPE_UNKNOWN;
    ldr__set_last_error(ERROR_SUCCESS);
    if (S_ISCHR(host.st_mode))
        return FILE_TYPE_CHAR;
    return S_ISFIFO(host.st_mode) || S_ISSOCK(host.st_mode) ? FILE_TYPE_PIPE : FILE_TYPE_DISK;
}

typedef struct BY_HANDLE_FILE_INFORMATION {
    DWORD attributes;
    FILETIME created, accessed, written;
    DWORD volume, size_high, size_low, links, index_high, index_low;
} BY_HANDLE_FILE_INFORMATION;

static BOOL LDR_WINAPI guest_GetFileInformationByHandle(HANDLE handle,
                                                        BY_HANDLE_FILE_INFORMATION *ret_info)
{
    ldr__file_facts facts;
    int fd = ldr__handle_fd(handle);
    if (fd < 0)
        return false;
    if (!ldr__file_facts_get(fd, NULL, &facts))
        return ldr__win_errno(errno);
    *ret_info = (BY_HANDLE_FILE_INFORMATION){.attributes = facts.attributes,
                                             .created = facts.created,
                                             .accessed = facts.accessed,
                                             .written = facts.written,
                                             .volume = (DWORD)facts.device,
                                             .size_high = (DWORD)(facts.size >> 32),
                                             .size_low = (DWORD)facts.size,
                                             .links = facts.links,
                                             .index_high = (DWORD)(facts.inode >> 32),
                                             .index_low = (DWORD)facts.inode};
    return true;
}

static const ldr_export lines[] = {
    LDR__FN(ReadFile),         LDR__FN(WriteFile),
    LDR__FN(FlushFileBuffers), LDR__FN(SetFilePointer),
    LDR__FN(SetFilePointerEx), LDR__FN(SetEndOfFile),
    LDR__FN(GetFileSize),      LDR__FN(GetFileSizeEx),
    LDR__FN(GetFileType),      LDR__FN(GetFileInformationByHandle),
};

LDR__TABLE(ldr__kernel32_file, "kernel32.dll", lines);
