/* windows_native_files.c: native.h: files that are open as Windows opens them. */
#include "os/native.h"
#include "os/windows.h"

#include <stdlib.h>
#include <wchar.h>
#include <winternl.h>

NTSTATUS NTAPI NtFlushBuffersFile(HANDLE file, IO_STATUS_BLOCK *block);

_Static_assert(LDR_SHARE_READ == FILE_SHARE_READ && LDR_SHARE_WRITE == FILE_SHARE_WRITE &&
                   LDR_SHARE_DELETE == FILE_SHARE_DELETE,
               "section.h has the system's values");

/* FILE_INFORMATION_CLASS of "ntifs.h". */
enum {
    FILE_STANDARD = 5,
    FILE_DISPOSITION = 13,
    FILE_END_OF_FILE = 20,
    FILE_DISPOSITION_EX = 64, /* Windows 10, 1607 */
};

static uint32_t set_facts(HANDLE file, int kind, void *facts, ULONG size)
{
    IO_STATUS_BLOCK block;
    return (uint32_t)NtSetInformationFile(file, &block, facts, size, (FILE_INFORMATION_CLASS)kind);
}

/* ---- Opening ---- */

static ACCESS_MASK access_of(uint32_t access)
{
    return SYNCHRONIZE | FILE_READ_ATTRIBUTES | (access & LDR_FILE_READ ? FILE_GENERIC_READ : 0) |
           (access & LDR_FILE_WRITE ? FILE_GENERIC_WRITE : 0) |
           (access & LDR_FILE_EXECUTE ? FILE_GENERIC_EXECUTE : 0) |
           (access & LDR_FILE_DELETE ? DELETE : 0);
}

static ULONG disposition_of(ldr_disposition disposition)
{
    return disposition == LDR_CREATE_NEW       ? FILE_CREATE
           : disposition == LDR_OPEN_OR_CREATE ? FILE_OPEN_IF
                                               : FILE_OPEN;
}

/* The object manager has its own name for the folder of devices, "\??\", which is one character
 * away from ours. */
static void make_object_path(wchar_t *path)
{
    path[1] = L'?';
    path[2] = L'?';
}

/* NtCreateFile of a path that ldr__windows_path has made, and that this changes. */
static uint32_t open_path(wchar_t *path, uint32_t access, uint32_t share,
                          ldr_disposition disposition, HANDLE *ret_file, bool *ret_existed)
{
    IO_STATUS_BLOCK block;
    UNICODE_STRING name = {.Buffer = path};
    size_t size = wcslen(path) * sizeof *path;
    if (size > UINT16_MAX - sizeof *path)
        return PE_NT_OBJECT_NAME_INVALID;
    make_object_path(path);
    name.Length = (USHORT)size;
    name.MaximumLength = (USHORT)(size + sizeof *path);
    OBJECT_ATTRIBUTES attributes = {
        .Length = sizeof attributes, .ObjectName = &name, .Attributes = OBJ_CASE_INSENSITIVE};
    uint32_t status =
        (uint32_t)NtCreateFile(ret_file, access_of(access), &attributes, &block, NULL,
                               FILE_ATTRIBUTE_NORMAL, share, disposition_of(disposition),
                               FILE_NON_DIRECTORY_FILE | FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0);
    if (status < PE_NT_UNSUCCESSFUL)
        *ret_existed = block.Information != FILE_CREATED;
    return status;
}

/* Devices and volumes have no such information. */
static bool is_regular(HANDLE file)
{
    BY_HANDLE_FILE_INFORMATION info;
    return GetFileType(file) == FILE_TYPE_DISK && GetFileInformationByHandle(file, &info);
}

uint32_t ldr__native_file_open(const char *path, uint32_t access, uint32_t share,
                               ldr_disposition disposition, ldr__handle *ret_file,
                               bool *ret_existed)
{
    wchar_t *wide;
    HANDLE file;
    bool existed;
    ldr_status known = ldr__windows_path(path, &wide);
    if (known != LDR_OK)
        return known == LDR_NO_MEMORY ? PE_NT_NO_MEMORY : PE_NT_OBJECT_NAME_NOT_FOUND;
    uint32_t status = open_path(wide, access, share, disposition, &file, &existed);
    free(wide);
    if (status >= PE_NT_UNSUCCESSFUL)
        return status;
    if (!is_regular(file)) {
        CloseHandle(file);
        return PE_NT_INVALID_FILE_FOR_SECTION;
    }
    *ret_file = ldr__windows_wrap(file);
    *ret_existed = existed;
    return status;
}

/* ---- What is done to them ---- */

uint32_t ldr__native_file_size(ldr__handle file, uint64_t *ret_size)
{
    IO_STATUS_BLOCK block;
    struct {
        LARGE_INTEGER allocated, size;
        ULONG link_count;
        BOOLEAN is_deleted, is_folder;
    } facts;
    uint32_t status =
        (uint32_t)NtQueryInformationFile(ldr__windows_handle(file), &block, &facts, sizeof facts,
                                         (FILE_INFORMATION_CLASS)FILE_STANDARD);
    if (status < PE_NT_UNSUCCESSFUL)
        *ret_size = (uint64_t)facts.size.QuadPart;
    return status;
}

uint32_t ldr__native_file_set_size(ldr__handle file, uint64_t size)
{
    LARGE_INTEGER end = {.QuadPart = (LONGLONG)size};
    return set_facts(ldr__windows_handle(file), FILE_END_OF_FILE, &end, sizeof end);
}

/* Not while there is an image of the file, as it always was (H.8). */
static uint32_t delete_by(HANDLE file)
{
    enum { DELETES = 1, AT_ONCE = 2, UNLESS_MAPPED = 4 };
    enum {
        NOT_IMPLEMENTED = 0xC0000002,
        INVALID_INFO_CLASS = 0xC0000003,
        NOT_SUPPORTED = 0xC00000BB
    };
    ULONG flags = DELETES | AT_ONCE | UNLESS_MAPPED;
    BOOLEAN deletes = TRUE;
    uint32_t status = set_facts(file, FILE_DISPOSITION_EX, &flags, sizeof flags);
    if (status == NOT_IMPLEMENTED || status == INVALID_INFO_CLASS || status == NOT_SUPPORTED ||
        status == PE_NT_INVALID_PARAMETER)
        status = set_facts(file, FILE_DISPOSITION, &deletes, sizeof deletes);
    return status;
}

/* The name goes when the handle is closed that the deletion was asked for by: so that is another
 * one, if sharing allows it. */
uint32_t ldr__native_file_delete(ldr__handle file)
{
    HANDLE first = ldr__windows_handle(file);
    HANDLE other =
        ReOpenFile(first, DELETE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, 0);
    if (other == INVALID_HANDLE_VALUE)
        return delete_by(first);
    uint32_t status = delete_by(other);
    CloseHandle(other);
    return status;
}

uint32_t ldr__native_file_flush(ldr__handle file)
{
    IO_STATUS_BLOCK block;
    return (uint32_t)NtFlushBuffersFile(ldr__windows_handle(file), &block);
}
