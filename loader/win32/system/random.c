#include <errno.h>
#include <sys/random.h>

#include "win32/kernel32/kernel32.h"

/* Random bytes: RtlGenRandom and BCryptGenRandom's preferred generator. */

enum {
    STATUS_SUCCESS = 0,
    STATUS_INVALID_HANDLE = 0xC0000008,
    STATUS_INVALID_PARAMETER = 0xC000000D,
    STATUS_UNSUCCESSFUL = 0xC0000001,
    BCRYPT_USE_SYSTEM_PREFERRED_RNG = 2,
};

static bool fill_random(void *ret_bytes, size_t size)
{
    char *at = ret_bytes;
    while (size > 0) {
        ssize_t count = getrandom(at, size, 0);
        if (count < 0 && errno != EINTR)
            return false;
        at += count > 0 ? count : 0;
        size -= count > 0 ? (size_t)count : 0;
    }
    return true;
}

static uint8_t LDR_WINAPI guest_SystemFunction036(void *ret_bytes, DWORD size)
{
    return fill_random(ret_bytes, size);
}

static NTSTATUS LDR_WINAPI guest_BCryptGenRandom(HANDLE algorithm, void *ret_bytes, DWORD size,
                                                 DWORD flags)
{
    /* No algorithm can be opened here, so there is no handle to one. */
    if (algorithm != NULL)
        return STATUS_INVALID_HANDLE;
    if (!(flags & BCRYPT_USE_SYSTEM_PREFERRED_RNG) || ret_bytes == NULL)
        return STATUS_INVALID_PARAMETER;
    return fill_random(ret_bytes, size) ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}

static const ldr_export advapi32_lines[] = {
    LDR__FN(SystemFunction036),
};

static const ldr_export bcrypt_lines[] = {
    LDR__FN(BCryptGenRandom),
};

LDR__TABLE(ldr__advapi32_random, "advapi32.dll", advapi32_lines);
LDR__TABLE(ldr__bcrypt_random, "bcrypt.dll", bcrypt_lines);
