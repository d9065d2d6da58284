#include <errno.h>

#include "win32/kernel32/kernel32.h"

typedef struct error_pair {
    uint32_t from;
    DWORD to;
} error_pair;

static const error_pair host_errors[] = {
    {ENOENT, ERROR_FILE_NOT_FOUND},
    {ENOTDIR, ERROR_PATH_NOT_FOUND},
    {ELOOP, ERROR_PATH_NOT_FOUND},
    {EACCES, ERROR_ACCESS_DENIED},
    {EPERM, ERROR_ACCESS_DENIED},
    {EISDIR, ERROR_ACCESS_DENIED},
    {EROFS, ERROR_WRITE_PROTECT},
    {EMFILE, ERROR_TOO_MANY_OPEN_FILES},
    {ENFILE, ERROR_TOO_MANY_OPEN_FILES},
    {EBADF, ERROR_INVALID_HANDLE},
    {ENOMEM, ERROR_NOT_ENOUGH_MEMORY},
    {EAGAIN, ERROR_NOT_ENOUGH_MEMORY},
    {EINVAL, ERROR_INVALID_PARAMETER},
    {EEXIST, ERROR_FILE_EXISTS},
    {ENOTEMPTY, ERROR_DIR_NOT_EMPTY},
    {EBUSY, ERROR_SHARING_VIOLATION},
    {ETXTBSY, ERROR_SHARING_VIOLATION},
    {EXDEV, ERROR_NOT_SAME_DEVICE},
    {ENOSPC, ERROR_DISK_FULL},
    {EDQUOT, ERROR_DISK_FULL},
    {EFBIG, ERROR_DISK_FULL},
    {EPIPE, ERROR_NO_DATA},
    {ESPIPE, ERROR_SEEK_ON_DEVICE},
    {ENAMETOOLONG, ERROR_FILENAME_EXCED_RANGE},
    {ENOSYS, ERROR_NOT_SUPPORTED},
    {EOPNOTSUPP, ERROR_NOT_SUPPORTED},
    {EFAULT, ERROR_NOACCESS},
    {EIO, ERROR_GEN_FAILURE},
};

/* Source: "NTSTATUS Values" and the error codes that RtlNtStatusToDosError is documented to give.
 */
static const error_pair nt_errors[] = {
    {0x00000000, ERROR_SUCCESS},           {0x00000102, ERROR_TIMEOUT},
    {0x40000003, ERROR_SUCCESS},           {0xC0000002, ERROR_INVALID_FUNCTION},
    {0xC0000005, ERROR_NOACCESS},          {0xC0000008, ERROR_INVALID_HANDLE},
    {0xC000000D, ERROR_INVALID_PARAMETER}, {0xC000000F, ERROR_FILE_NOT_FOUND},
    {0xC0000011, ERROR_HANDLE_EOF},        {0xC0000017, ERROR_NOT_ENOUGH_MEMORY},
    {0xC0000018, ERROR_INVALID_ADDRESS},   {0xC0000019, ERROR_INVALID_ADDRESS},
    {0xC000001F, ERROR_ACCESS_DENIED},     {0xC0000020, ERROR_BAD_EXE_FORMAT},
    {0xC0000022, ERROR_ACCESS_DENIED},     {0xC0000023, ERROR_INSUFFICIENT_BUFFER},
    {0xC0000024, ERROR_INVALID_HANDLE},    {0xC0000034, ERROR_FILE_NOT_FOUND},
    {0xC000003A, ERROR_PATH_NOT_FOUND},    {0xC0000040, ERROR_NOT_ENOUGH_MEMORY},
    {0xC0000043, ERROR_SHARING_VIOLATION}, {0xC0000045, ERROR_INVALID_PARAMETER},
    {0xC000004E, ERROR_INVALID_PARAMETER}, {0xC000007A, ERROR_PROC_NOT_FOUND},
    {0xC000007B, ERROR_BAD_EXE_FORMAT},    {0xC000009A, ERROR_NO_SYSTEM_RESOURCES},
    {0xC00000BB, ERROR_NOT_SUPPORTED},     {0xC000011B, ERROR_BAD_EXE_FORMAT},
    {0xC000011C, ERROR_BAD_EXE_FORMAT},    {0xC000011E, ERROR_FILE_INVALID},
    {0xC000012D, ERROR_COMMITMENT_LIMIT},  {0xC000012F, ERROR_BAD_EXE_FORMAT},
    {0xC0000130, ERROR_BAD_EXE_FORMAT},    {0xC0000131, ERROR_BAD_EXE_FORMAT},
    {0xC0000135, ERROR_MOD_NOT_FOUND},     {0xC0000138, ERROR_INVALID_ORDINAL},
    {0xC0000139, ERROR_PROC_NOT_FOUND},    {0xC0000142, ERROR_DLL_INIT_FAILED},
    {0xC0000220, ERROR_MAPPED_ALIGNMENT},  {0xC0000225, ERROR_NOT_FOUND},
    {0xC0000269, ERROR_BAD_EXE_FORMAT},    {0xC0000359, ERROR_BAD_EXE_FORMAT},
    {0xC000035A, ERROR_BAD_EXE_FORMAT},    {0xC0000428, ERROR_INVALID_IMAGE_HASH},
};

static DWORD look_up(const error_pair *pairs, size_t count, uint32_t from, DWORD otherwise)
{
    for (size_t i = 0; i < count; i++)
        if (pairs[i].from == from)
            return pairs[i].to;
    return otherwise;
}

DWORD ldr__error_from_errno(int host_errno)
{
    return look_up(host_errors, sizeof host_errors / sizeof host_errors[0], (uint32_t)host_errno,
                   ERROR_GEN_FAILURE);
}

DWORD ldr__error_from_nt_status(uint32_t nt_status)
{
    return look_up(nt_errors, sizeof nt_errors / sizeof nt_errors[0], nt_status,
                   ERROR_MR_MID_NOT_FOUND);
}

static DWORD LDR_WINAPI guest_GetLastError(void)
{
    return ldr__thread_self()->teb.last_error;
}

static void LDR_WINAPI guest_SetLastError(DWORD error)
{
    ldr__set_last_error(error);
}

static DWORD LDR_WINAPI guest_RtlNtStatusToDosError(NTSTATUS status)
{
    return ldr__error_from_nt_status(status);
}

static const ldr_export lines[] = {
    LDR__FN(GetLastError),
    LDR__FN(SetLastError),
};

static const ldr_export ntdll_lines[] = {
    LDR__FN(RtlNtStatusToDosError),
    LDR__FN_AS("RtlGetLastWin32Error", guest_GetLastError),
    LDR__FN_AS("RtlSetLastWin32Error", guest_SetLastError),
};

LDR__TABLE(ldr__kernel32_error, "kernel32.dll", lines);
LDR__TABLE(ldr__ntdll_error, "ntdll.dll", ntdll_lines);
