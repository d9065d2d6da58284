/* windows_files.c: files that are read. Those that are opened as Windows does are native.h's. */
#include "os/windows.h"

#include <stdlib.h>
#include <winternl.h>

#define ALL_SHARED (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

/* Between 1601 and 1970, in the system's units of 100 ns. */
#define EPOCH UINT64_C(116444736000000000)

/* FAT has times in steps of two seconds. */
#define SETTLED UINT64_C(2000000000)

static ldr_status status_of_open(void)
{
    switch (GetLastError()) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_NAME:
    case ERROR_BAD_PATHNAME:
    case ERROR_BAD_NETPATH:
    case ERROR_BAD_NET_NAME:
    case ERROR_DIRECTORY:
    case ERROR_FILENAME_EXCED_RANGE:
    case ERROR_CANT_RESOLVE_FILENAME:
        return LDR_FILE_NOT_FOUND;
    case ERROR_SHARING_VIOLATION:
        return LDR_SHARING_VIOLATION;
    case ERROR_PIPE_BUSY:
        return LDR_NOT_A_FILE;
    case ERROR_TOO_MANY_OPEN_FILES:
        return LDR_OS_ERROR;
    default:
        return ldr__windows_status() == LDR_NO_MEMORY ? LDR_NO_MEMORY : LDR_IO_ERROR;
    }
}

/* For reading, and executing if that is allowed. Folders are opened as well, so that they can be
 * told from what is not there. */
static HANDLE open_path(const wchar_t *path)
{
    HANDLE file = CreateFileW(path, GENERIC_READ | GENERIC_EXECUTE, ALL_SHARED, NULL, OPEN_EXISTING,
                              FILE_FLAG_BACKUP_SEMANTICS, NULL);
    if (file == INVALID_HANDLE_VALUE && GetLastError() == ERROR_ACCESS_DENIED)
        file = CreateFileW(path, GENERIC_READ, ALL_SHARED, NULL, OPEN_EXISTING,
                           FILE_FLAG_BACKUP_SEMANTICS, NULL);
    return file;
}

/* Of devices the system has no such information. */
static bool is_regular(HANDLE file)
{
    FILE_BASIC_INFO info;
    return GetFileType(file) == FILE_TYPE_DISK &&
           GetFileInformationByHandleEx(file, FileBasicInfo, &info, sizeof info) &&
           (info.FileAttributes & FILE_ATTRIBUTE_DIRECTORY) == 0;
}

static uint64_t wide_of(DWORD high, DWORD low)
{
    return (uint64_t)high << 32 | low;
}

/*
 * Volumes have a number and files one in their volume; what has none is told apart by when it was
 * made: folders that are shared with a virtual machine, and drives of Wine, below which there are
 * many file systems.
 */
static ldr__file_id id_of(const BY_HANDLE_FILE_INFORMATION *info)
{
    uint64_t made =
        wide_of(info->ftCreationTime.dwHighDateTime, info->ftCreationTime.dwLowDateTime);
    uint64_t index = wide_of(info->nFileIndexHigh, info->nFileIndexLow);
    DWORD volume = info->dwVolumeSerialNumber;
    return (ldr__file_id){volume != 0 ? volume : made, index != 0 ? index : made};
}

ldr_status ldr__os_file_open(const char *path, ldr__handle *ret_file)
{
    wchar_t *wide;
    ldr_status status = ldr__windows_path(path, &wide);
    if (status != LDR_OK)
        return status;
    HANDLE file = open_path(wide);
    if (file == INVALID_HANDLE_VALUE)
        status = status_of_open();
    free(wide);
    if (status != LDR_OK)
        return status;
    if (!is_regular(file)) {
        CloseHandle(file);
        return LDR_NOT_A_FILE;
    }
    *ret_file = ldr__windows_wrap(file);
    return LDR_OK;
}

ldr_status ldr__os_file_read(ldr__handle file, uint64_t offset, void *ret_bytes, size_t size,
                             size_t *ret_count)
{
    enum { AT_ONCE = 1 << 30 };
    size_t count = 0;
    while (count < size) {
        uint64_t at = offset + count;
        OVERLAPPED place = {.Offset = (DWORD)at, .OffsetHigh = (DWORD)(at >> 32)};
        DWORD wanted = size - count < AT_ONCE ? (DWORD)(size - count) : AT_ONCE, got = 0;
        if (!ReadFile(ldr__windows_handle(file), (char *)ret_bytes + count, wanted, &got, &place) &&
            GetLastError() != ERROR_HANDLE_EOF)
            return LDR_IO_ERROR;
        if (got == 0)
            break;
        count += got;
    }
    *ret_count = count;
    return LDR_OK;
}

static uint64_t nanoseconds(uint64_t time)
{
    return time > EPOCH ? (time - EPOCH) * 100 : 0;
}

static uint64_t nanoseconds_now(void)
{
    FILETIME now;
    GetSystemTimeAsFileTime(&now);
    return nanoseconds(wide_of(now.dwHighDateTime, now.dwLowDateTime));
}

ldr_status ldr__os_file_stamp(ldr__handle file, ldr__file_stamp *ret_stamp)
{
    HANDLE handle = ldr__windows_handle(file);
    BY_HANDLE_FILE_INFORMATION info;
    FILE_BASIC_INFO times;
    if (!GetFileInformationByHandle(handle, &info) ||
        !GetFileInformationByHandleEx(handle, FileBasicInfo, &times, sizeof times))
        return LDR_OS_ERROR;
    ldr__file_stamp stamp = {.id = id_of(&info),
                             .size = wide_of(info.nFileSizeHigh, info.nFileSizeLow),
                             .modified = nanoseconds((uint64_t)times.LastWriteTime.QuadPart),
                             .changed = nanoseconds((uint64_t)times.ChangeTime.QuadPart)};
    if (stamp.changed < stamp.modified) /* FAT has no such time */
        stamp.changed = stamp.modified;
    uint64_t now = nanoseconds_now();
    stamp.is_settled = now > stamp.changed && now - stamp.changed > SETTLED;
    *ret_stamp = stamp;
    return LDR_OK;
}

/* What the handle was opened for says what may be done with the file. */
bool ldr__os_file_executable(ldr__handle file)
{
    enum { FILE_ACCESS_INFORMATION = 8 };
    IO_STATUS_BLOCK block;
    ACCESS_MASK access;
    return NtQueryInformationFile(ldr__windows_handle(file), &block, &access, sizeof access,
                                  (FILE_INFORMATION_CLASS)FILE_ACCESS_INFORMATION) >= 0 &&
           (access & FILE_EXECUTE) != 0;
}

/* INVALID_HANDLE_VALUE, or a handle that is open for reading and what else `access` says. */
static HANDLE reopen(HANDLE file, DWORD access)
{
    HANDLE other = ReOpenFile(file, access | GENERIC_EXECUTE, ALL_SHARED, 0);
    if (other == INVALID_HANDLE_VALUE && GetLastError() == ERROR_ACCESS_DENIED)
        other = ReOpenFile(file, access, ALL_SHARED, 0);
    return other;
}

/* A file that the first opening shares with nobody is not opened again, but may have two handles.
 */
static HANDLE duplicate(HANDLE file)
{
    HANDLE process = GetCurrentProcess(), other;
    return DuplicateHandle(process, file, process, &other, 0, FALSE, DUPLICATE_SAME_ACCESS)
               ? other
               : INVALID_HANDLE_VALUE;
}

ldr_status ldr__os_file_reopen(ldr__handle file, bool writes, ldr__handle *ret_file)
{
    HANDLE first = ldr__windows_handle(file);
    HANDLE other = reopen(first, GENERIC_READ | (writes ? GENERIC_WRITE : 0));
    if (other == INVALID_HANDLE_VALUE && GetLastError() == ERROR_SHARING_VIOLATION)
        other = duplicate(first);
    if (other == INVALID_HANDLE_VALUE)
        return GetLastError() == ERROR_ACCESS_DENIED ? LDR_ACCESS_DENIED : ldr__windows_status();
    *ret_file = ldr__windows_wrap(other);
    return LDR_OK;
}

void ldr__os_close(ldr__handle handle)
{
    if (handle.value != LDR__NO_HANDLE.value)
        CloseHandle(ldr__windows_handle(handle));
}
