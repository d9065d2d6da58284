#include "cli/system.h"

#include <fcntl.h>
#include <io.h>
#include <stdlib.h>
#include <windows.h>

static ldr_status fail_open(ldr_diag *diag, const char *path)
{
    switch (GetLastError()) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_NAME:
    case ERROR_BAD_PATHNAME:
        return cli_fail(diag, LDR_FILE_NOT_FOUND, PE_NT_NO_SUCH_FILE, path);
    default:
        return cli_fail(diag, LDR_IO_ERROR, PE_NT_ACCESS_DENIED, path);
    }
}

/* Folders are opened as well, so that they can be told from what is not there. */
static HANDLE open_path(const char *path)
{
    uint16_t *wide = cli_utf16_copy(path);
    HANDLE file = INVALID_HANDLE_VALUE;
    if (wide == NULL)
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    else
        file =
            CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                        NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    free(wide);
    return file;
}

static bool is_regular(HANDLE file, size_t *ret_size)
{
    BY_HANDLE_FILE_INFORMATION info;
    if (GetFileType(file) != FILE_TYPE_DISK || !GetFileInformationByHandle(file, &info) ||
        (info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0)
        return false;
    *ret_size = (size_t)info.nFileSizeHigh << 32 | info.nFileSizeLow;
    return true;
}

/* A stream that the handle belongs to from then on; NULL: it is closed. */
static FILE *stream_of(HANDLE file)
{
    int number = _open_osfhandle((intptr_t)file, _O_RDONLY | _O_BINARY);
    if (number < 0) {
        CloseHandle(file);
        return NULL;
    }
    FILE *stream = _fdopen(number, "rb");
    if (stream == NULL)
        _close(number);
    return stream;
}

ldr_status cli_open_regular(const char *path, FILE **ret_file, size_t *ret_size, ldr_diag *diag)
{
    size_t size;
    HANDLE file = open_path(path);
    if (file == INVALID_HANDLE_VALUE)
        return fail_open(diag, path);
    if (!is_regular(file, &size)) {
        CloseHandle(file);
        return cli_fail(diag, LDR_NOT_A_FILE, PE_NT_INVALID_FILE_FOR_SECTION, path);
    }
    FILE *stream = stream_of(file);
    if (stream == NULL)
        return cli_fail(diag, LDR_NO_MEMORY, PE_NT_NO_MEMORY, path);
    *ret_file = stream;
    *ret_size = size;
    return LDR_OK;
}

bool cli_is_terminal(FILE *stream)
{
    DWORD mode;
    return GetConsoleMode((HANDLE)_get_osfhandle(_fileno(stream)), &mode) != 0;
}
