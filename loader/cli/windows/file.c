#include "cli/system.h"

#include <errno.h>
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

/* As mingw's runtime has it for its own functions, as far as files go. */
static void set_errno(DWORD error)
{
    switch (error) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_NAME:
    case ERROR_BAD_PATHNAME:
        errno = ENOENT;
        break;
    case ERROR_NOT_ENOUGH_MEMORY:
        errno = ENOMEM;
        break;
    default:
        errno = EACCES;
        break;
    }
}

bool cli_file_about(const char *path, cli_file_facts *ret_facts)
{
    BY_HANDLE_FILE_INFORMATION info;
    HANDLE file = open_path(path);
    bool is_known = file != INVALID_HANDLE_VALUE && GetFileInformationByHandle(file, &info);
    if (is_known)
        *ret_facts = (cli_file_facts){(uint64_t)info.nFileSizeHigh << 32 | info.nFileSizeLow,
                                      info.dwVolumeSerialNumber,
                                      (uint64_t)info.nFileIndexHigh << 32 | info.nFileIndexLow};
    else
        set_errno(GetLastError());
    if (file != INVALID_HANDLE_VALUE)
        CloseHandle(file);
    return is_known;
}

/* For the caller to free; NULL, with Windows's error. */
static wchar_t *full_path(const wchar_t *path)
{
    DWORD size = GetFullPathNameW(path, 0, NULL, NULL);
    wchar_t *full = size > 0 ? calloc(size, sizeof *full) : NULL;
    DWORD length = full != NULL ? GetFullPathNameW(path, size, full, NULL) : 0;
    if (length > 0 && length < size)
        return full;
    if (size > 0)
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    free(full);
    return NULL;
}

char *cli_absolute_path(const char *path)
{
    uint16_t *wide = cli_utf16_copy(path);
    wchar_t *full = wide != NULL ? full_path(wide) : NULL;
    char *absolute = full != NULL ? cli_utf8_copy(full) : NULL;
    if (absolute == NULL)
        set_errno(full != NULL || wide == NULL ? ERROR_NOT_ENOUGH_MEMORY : GetLastError());
    free(wide);
    free(full);
    for (char *at = absolute; at != NULL && *at != '\0'; at++)
        *at = (char)(*at == '\\' ? '/' : *at);
    return absolute;
}

const char *cli_base_name(const char *path)
{
    const char *name = path;
    for (const char *at = path; *at != '\0'; at++) {
        if (*at == '/' || *at == '\\' || (*at == ':' && at == path + 1))
            name = at + 1;
    }
    return name;
}
