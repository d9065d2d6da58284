#include "cli/system.h"

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <windows.h>

static int open_with(const char *path, int flags)
{
    uint16_t *wide = cli_utf16_copy(path);
    int output = -1;
    if (wide == NULL)
        errno = ENOMEM;
    else
        output = _wopen(wide, flags | _O_WRONLY | _O_CREAT | _O_BINARY | _O_NOINHERIT,
                        _S_IREAD | _S_IWRITE);
    free(wide);
    return output;
}

int cli_output_open(const char *path)
{
    return open_with(path, _O_TRUNC);
}

int cli_output_open_log(const char *path, bool continues)
{
    return open_with(path, continues ? _O_APPEND : _O_APPEND | _O_TRUNC);
}

bool cli_output_write(int output, const void *bytes, size_t size)
{
    enum { AT_ONCE = 1 << 30 };
    for (const char *at = bytes; size > 0;) {
        int done = _write(output, at, size < AT_ONCE ? (unsigned)size : AT_ONCE);
        if (done <= 0)
            return false;
        at += done;
        size -= (size_t)done;
    }
    return true;
}

bool cli_output_resize(int output, uint64_t size)
{
    FILE_END_OF_FILE_INFO end = {.EndOfFile.QuadPart = (LONGLONG)size};
    HANDLE file = (HANDLE)_get_osfhandle(output);
    if (SetFileInformationByHandle(file, FileEndOfFileInfo, &end, sizeof end))
        return true;
    errno = GetLastError() == ERROR_DISK_FULL ? ENOSPC : EIO;
    return false;
}

bool cli_output_close(int output)
{
    return _close(output) == 0;
}

FILE *cli_output_stream(int output)
{
    FILE *stream = _fdopen(output, "wb");
    int reason = errno;
    if (stream == NULL)
        _close(output);
    errno = reason;
    return stream;
}

bool cli_output_write_at(int output, const void *at, size_t size, uint64_t offset,
                         size_t *ret_count)
{
    enum { PAGE_SIZE = 4096, AT_ONCE = 1 << 20 };
    OVERLAPPED where = {.Offset = (DWORD)offset, .OffsetHigh = (DWORD)(offset >> 32)};
    HANDLE file = (HANDLE)_get_osfhandle(output);
    /* All or nothing is written: of many pages with a bad one, each by itself. */
    for (size_t part = size < AT_ONCE ? size : AT_ONCE;; part = PAGE_SIZE - offset % PAGE_SIZE) {
        DWORD done = 0;
        if (WriteFile(file, at, (DWORD)(part < size ? part : size), &done, &where)) {
            *ret_count = done;
            return true;
        }
        DWORD error = GetLastError();
        bool is_gone = error == ERROR_NOACCESS || error == ERROR_INVALID_USER_BUFFER ||
                       error == ERROR_SWAPERROR;
        if (!is_gone) {
            errno = error == ERROR_DISK_FULL || error == ERROR_HANDLE_DISK_FULL ? ENOSPC : EIO;
            return false;
        }
        if (part <= PAGE_SIZE) {
            *ret_count = 0;
            return true;
        }
    }
}

void cli_output_discard(const char *path)
{
    uint16_t *wide = cli_utf16_copy(path);
    DWORD attributes = wide != NULL ? GetFileAttributesW(wide) : INVALID_FILE_ATTRIBUTES;
    DWORD special = FILE_ATTRIBUTE_REPARSE_POINT | FILE_ATTRIBUTE_DEVICE | FILE_ATTRIBUTE_DIRECTORY;
    if (attributes != INVALID_FILE_ATTRIBUTES && (attributes & special) == 0)
        DeleteFileW(wide);
    free(wide);
}
