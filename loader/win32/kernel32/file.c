#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "win32/kernel32/files.h"
#include "win32/wait.h"

/* Opening files, and what is done with open ones. */

#define GENERIC_READ  0x80000000u
#define GENERIC_WRITE 0x40000000u
#define GENERIC_ALL   0x10000000u

enum {
    FILE_READ_DATA = 0x1,
    FILE_WRITE_DATA = 0x2,
    FILE_APPEND_DATA = 0x4,
    CREATE_NEW = 1,
    CREATE_ALWAYS = 2,
    OPEN_EXISTING = 3,
    OPEN_ALWAYS = 4,
    TRUNCATE_EXISTING = 5,
    FILE_SHARE_READ = 1,
    FILE_SHARE_WRITE = 2,
    FILE_FLAG_BACKUP_SEMANTICS = 0x02000000,
    FILE_FLAG_DELETE_ON_CLOSE = 0x04000000,
    FILE_TYPE_UNKNOWN = 0,
    FILE_TYPE_DISK = 1,
    FILE_TYPE_CHAR = 2,
    FILE_TYPE_PIPE = 3,
};
#define INVALID_SIZE ((DWORD)-1)

/* ---- Opening ---- */

/* What an open asks for, in few bits. */
typedef struct open_request {
    bool read, write, append;
    DWORD share, disposition, flags;
} open_request;

static open_request request_from(DWORD access, DWORD share, DWORD disposition, DWORD flags)
{
    return (open_request){
        .read = (access & (GENERIC_READ | GENERIC_ALL | FILE_READ_DATA)) != 0,
        .write = (access & (GENERIC_WRITE | GENERIC_ALL | FILE_WRITE_DATA | FILE_APPEND_DATA)) != 0,
        .append = (access & (GENERIC_WRITE | GENERIC_ALL | FILE_WRITE_DATA | FILE_APPEND_DATA)) ==
                  FILE_APPEND_DATA,
        .share = share,
        .disposition = disposition,
        .flags = flags};
}

static int host_flags(const open_request *request)
{
    static const int creation[] = {[CREATE_NEW] = O_CREAT | O_EXCL,
                                   [CREATE_ALWAYS] = O_CREAT,
                                   [OPEN_EXISTING] = 0,
                                   [OPEN_ALWAYS] = O_CREAT,
                                   [TRUNCATE_EXISTING] = 0};
    int access = request->write ? (request->read ? O_RDWR : O_WRONLY) : O_RDONLY;
    return access | creation[request->disposition] | (request->append ? O_APPEND : 0) | O_CLOEXEC |
           O_NOCTTY;
}

/* Two opens of a file by this process: each must allow what the other does. */
typedef struct sharing_check {
    const ldr__file *file;
    bool violated;
} sharing_check;

static bool allows(const ldr__file *holder, const ldr__file *other)
{
    return (!other->reads || (holder->share & FILE_SHARE_READ)) &&
           (!other->writes || (holder->share & FILE_SHARE_WRITE));
}

static void check_sharing(ldr__object *object, void *user)
{
    sharing_check *check = user;
    const ldr__file *open = (const ldr__file *)object, *file = check->file;
    if (object->type != LDR__OBJECT_FILE || !open->shares || open->device != file->device ||
        open->inode != file->inode)
        return;
    if (!allows(open, file) || !allows(file, open))
        check->violated = true;
}

static HANDLE refuse(int fd, DWORD error)
{
    if (fd >= 0)
        close(fd);
    ldr__set_last_error(error);
    return INVALID_HANDLE_VALUE;
}

/* A handle for what open(2) gave, if other handles and its kind allow it. */
static HANDLE adopt(int fd, const char *path, const open_request *request, bool existed)
{
    ldr__process *process = ldr__process_self();
    ldr__file_facts facts;
    if (!ldr__file_facts_get(fd, NULL, &facts))
        return refuse(fd, ldr__error_from_errno(errno));
    bool is_folder = (facts.attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
    if (is_folder && !(request->flags & FILE_FLAG_BACKUP_SEMANTICS))
        return refuse(fd, ERROR_ACCESS_DENIED);
    ldr__file sharing = {.shares = !(facts.attributes & FILE_ATTRIBUTE_DEVICE),
                         .reads = request->read,
                         .writes = request->write,
                         .share = request->share,
                         .device = facts.device,
                         .inode = facts.inode};
    sharing_check check = {&sharing, false};
    if (sharing.shares && (sharing.reads || sharing.writes))
        ldr__handles_each(process, check_sharing, &check);
    if (check.violated)
        return refuse(fd, ERROR_SHARING_VIOLATION);
    bool truncates =
        request->disposition == CREATE_ALWAYS || request->disposition == TRUNCATE_EXISTING;
    if (existed && truncates && sharing.shares && ftruncate(fd, 0) != 0)
        return refuse(fd, ldr__error_from_errno(errno));
    HANDLE handle = ldr__handle_from_fd(process, fd, false, path);
    ldr__file *file = (ldr__file *)ldr__handle_get(process, handle, LDR__OBJECT_FILE);
    if (file == NULL)
        return refuse(-1, ERROR_NOT_ENOUGH_MEMORY);
    file->reads = sharing.reads;
    file->writes = sharing.writes;
    file->share = sharing.share;
    file->device = sharing.device;
    file->inode = sharing.inode;
    file->shares = sharing.shares;
    file->delete_on_close = (request->flags & FILE_FLAG_DELETE_ON_CLOSE) != 0;
    ldr__object_release(&file->object);
    return handle;
}

static HANDLE open_file(const char *path, const open_request *request, DWORD attributes)
{
    mode_t mode = attributes & FILE_ATTRIBUTE_READONLY ? 0444 : 0666;
    if (request->disposition < CREATE_NEW || request->disposition > TRUNCATE_EXISTING ||
        (request->disposition == TRUNCATE_EXISTING && !request->write))
        return refuse(-1, ERROR_INVALID_PARAMETER);
    bool existed = access(path, F_OK) == 0;
    int fd = open(path, host_flags(request), mode);
    if (fd < 0 && errno == EISDIR && (request->flags & FILE_FLAG_BACKUP_SEMANTICS))
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        ldr__file_error(errno, path);
        return INVALID_HANDLE_VALUE;
    }
    HANDLE handle = adopt(fd, path, request, existed);
    if (handle != INVALID_HANDLE_VALUE)
        ldr__set_last_error(existed && (request->disposition == CREATE_ALWAYS ||
                                        request->disposition == OPEN_ALWAYS)
                                ? ERROR_ALREADY_EXISTS
                                : ERROR_SUCCESS);
    return handle;
}

static bool is_console_name(const char *name)
{
    return strcasecmp(name, "CONIN$") == 0 || strcasecmp(name, "CONOUT$") == 0;
}

static HANDLE LDR_WINAPI guest_CreateFileA(const char *name, DWORD access, DWORD share,
                                           const SECURITY_ATTRIBUTES *security, DWORD disposition,
                                           DWORD flags, HANDLE template_file)
{
    open_request request = request_from(access, share, disposition, flags);
    (void)template_file;
    char *path = name && is_console_name(name) ? strdup("/dev/tty") : ldr__host_path_a(name);
    if (path == NULL)
        return INVALID_HANDLE_VALUE;
    HANDLE handle = open_file(path, &request, flags);
    if (handle != INVALID_HANDLE_VALUE)
        ldr__handle_set_inherit(ldr__process_self(), handle, ldr__inherits(security));
    free(path);
    return handle;
}

static HANDLE LDR_WINAPI guest_CreateFileW(const WCHAR *name, DWORD access, DWORD share,
                                           const SECURITY_ATTRIBUTES *security, DWORD disposition,
                                           DWORD flags, HANDLE template_file)
{
    char *narrow = name ? ldr__utf8_from(name) : NULL;
    if (name != NULL && narrow == NULL)
        return refuse(-1, ERROR_NOT_ENOUGH_MEMORY);
    HANDLE handle =
        guest_CreateFileA(narrow, access, share, security, disposition, flags, template_file);
    free(narrow);
    return handle;
}

/* ---- Reading and writing ---- */

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
    int fd = ldr__handle_fd(handle);
    ssize_t count;
    if (ret_count != NULL)
        *ret_count = 0;
    if (fd < 0)
        return false;
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
    int fd = ldr__handle_fd(handle);
    size_t done = 0;
    if (ret_count != NULL)
        *ret_count = 0;
    if (fd < 0)
        return false;
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

static BOOL LDR_WINAPI guest_SetEndOfFile(HANDLE handle)
{
    int64_t position;
    int fd = ldr__handle_fd(handle);
    if (fd < 0 || !seek(handle, 0, 1, &position))
        return false;
    return ftruncate(fd, position) == 0
               ? true
               : ldr__win_error(errno == EINVAL ? ERROR_ACCESS_DENIED
                                                : ldr__error_from_errno(errno));
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
    LDR__FN(CreateFileA),      LDR__FN(CreateFileW),      LDR__FN(ReadFile),
    LDR__FN(WriteFile),        LDR__FN(FlushFileBuffers), LDR__FN(SetFilePointer),
    LDR__FN(SetFilePointerEx), LDR__FN(SetEndOfFile),     LDR__FN(GetFileSize),
    LDR__FN(GetFileSizeEx),    LDR__FN(GetFileType),      LDR__FN(GetFileInformationByHandle),
};

LDR__TABLE(ldr__kernel32_file, "kernel32.dll", lines);
