#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "win32/kernel32/kernel32.h"
#include "win32/kernel32/pages.h"

static void *LDR_WINAPI guest_VirtualAlloc(void *address, size_t size, DWORD type, DWORD protect)
{
    void *found = NULL;
    DWORD error = ldr__memory_allocate(ldr__process_self(), address, size, type, protect, &found);
    if (error != ERROR_SUCCESS)
        ldr__set_last_error(error);
    return found;
}

static BOOL LDR_WINAPI guest_VirtualFree(void *address, size_t size, DWORD type)
{
    DWORD error = ldr__memory_free(ldr__process_self(), address, size, type);
    return error == ERROR_SUCCESS ? true : ldr__win_error(error);
}

static BOOL LDR_WINAPI guest_VirtualProtect(void *address, size_t size, DWORD protect,
                                            DWORD *ret_old)
{
    DWORD old;
    if (ret_old == NULL)
        return ldr__win_error(ERROR_NOACCESS);
    DWORD error = ldr__memory_protect(ldr__process_self(), address, size, protect, &old);
    if (error != ERROR_SUCCESS)
        return ldr__win_error(error);
    *ret_old = old;
    return true;
}

static size_t LDR_WINAPI guest_VirtualQuery(const void *address, ldr__memory_info *ret_info,
                                            size_t size)
{
    ldr__memory_info info;
    _Static_assert(sizeof info == 48, "MEMORY_BASIC_INFORMATION layout");
    if (size < sizeof info) {
        ldr__set_last_error(ERROR_BAD_LENGTH);
        return 0;
    }
    if (!ldr__memory_query(ldr__process_self(), address, &info)) {
        ldr__set_last_error(ERROR_INVALID_PARAMETER);
        return 0;
    }
    *ret_info = info;
    return sizeof info;
}

static BOOL LDR_WINAPI guest_VirtualLock(void *address, size_t size)
{
    if (mlock(address, size) == 0)
        return true;
    return ldr__win_error(errno == ENOMEM  ? ERROR_WORKING_SET_QUOTA
                          : errno == EPERM ? ERROR_ACCESS_DENIED
                                           : ERROR_INVALID_ADDRESS);
}

static BOOL LDR_WINAPI guest_VirtualUnlock(void *address, size_t size)
{
    return munlock(address, size) == 0 ? true : ldr__win_error(ERROR_NOT_LOCKED);
}

static BOOL LDR_WINAPI guest_FlushInstructionCache(HANDLE process, const void *address, size_t size)
{
    (void)address; /* x86 keeps its caches coherent */
    (void)size;
    return process == LDR__CURRENT_PROCESS ? true : ldr__win_error(ERROR_INVALID_HANDLE);
}

/* ---- How much memory there is ---- */

typedef struct MEMORYSTATUSEX {
    DWORD length, load;
    uint64_t total_physical, free_physical;
    uint64_t total_page_file, free_page_file;
    uint64_t total_virtual, free_virtual;
    uint64_t free_extended_virtual;
} MEMORYSTATUSEX;

/* With 64-bit fields too, but a DWORD less. */
typedef struct MEMORYSTATUS {
    DWORD length, load;
    uint64_t total_physical, free_physical;
    uint64_t total_page_file, free_page_file;
    uint64_t total_virtual, free_virtual;
} MEMORYSTATUS;

/* What a 64-bit Windows program can address. */
#define USER_SPACE UINT64_C(0x7FFFFFFE0000)

/* How much of its address space the process has in use. */
static uint64_t used_virtual(void)
{
    uint64_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%" SCNu64, &pages) != 1)
        pages = 0;
    fclose(file);
    return pages * LDR__PAGE_SIZE;
}

static bool fill_status(MEMORYSTATUSEX *status)
{
    struct sysinfo host;
    if (sysinfo(&host) != 0)
        return false;
    uint64_t unit = host.mem_unit;
    status->total_physical = host.totalram * unit;
    status->free_physical = (host.freeram + host.bufferram) * unit;
    status->total_page_file = (host.totalram + host.totalswap) * unit;
    status->free_page_file = status->free_physical + host.freeswap * unit;
    status->total_virtual = USER_SPACE;
    status->free_virtual = USER_SPACE - used_virtual();
    status->free_extended_virtual = 0;
    status->load = (DWORD)(100 - status->free_physical * 100 / status->total_physical);
    return true;
}

static BOOL LDR_WINAPI guest_GlobalMemoryStatusEx(MEMORYSTATUSEX *status)
{
    if (status->length != sizeof *status)
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    return fill_status(status) ? true : ldr__win_errno(errno);
}

static void LDR_WINAPI guest_GlobalMemoryStatus(MEMORYSTATUS *status)
{
    MEMORYSTATUSEX full = {.length = sizeof *status};
    fill_status(&full);
    memcpy(status, &full, sizeof *status);
}

static BOOL LDR_WINAPI guest_GetPhysicallyInstalledSystemMemory(uint64_t *ret_kib)
{
    MEMORYSTATUSEX status;
    if (!fill_status(&status))
        return ldr__win_errno(errno);
    *ret_kib = status.total_physical / 1024;
    return true;
}

static const ldr_export lines[] = {
    LDR__FN(VirtualAlloc),          LDR__FN(VirtualFree),
    LDR__FN(VirtualProtect),        LDR__FN(VirtualQuery),
    LDR__FN(VirtualLock),           LDR__FN(VirtualUnlock),
    LDR__FN(FlushInstructionCache), LDR__FN(GlobalMemoryStatus),
    LDR__FN(GlobalMemoryStatusEx),  LDR__FN(GetPhysicallyInstalledSystemMemory),
};

LDR__TABLE(ldr__kernel32_memory, "kernel32.dll", lines);
