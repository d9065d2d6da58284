#include <cpuid.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "win32/children.h"
#include "win32/kernel32/kernel32.h"
#include "win32/kernel32/pages.h"

/* The process itself, and the machine and Windows version that it is told about. */

enum { STILL_ACTIVE = 259, PROCESS_TERMINATE = 1 };

static HANDLE LDR_WINAPI guest_GetCurrentProcess(void)
{
    return LDR__CURRENT_PROCESS;
}

static DWORD LDR_WINAPI guest_GetCurrentProcessId(void)
{
    return (DWORD)ldr__thread_self()->teb.process_id;
}

/* The process behind a handle, NULL with the last error if it is none. */
static ldr__child *child_from(HANDLE handle)
{
    ldr__object *object = ldr__handle_get(ldr__process_self(), handle, LDR__OBJECT_PROCESS);
    if (object == NULL)
        ldr__set_last_error(ERROR_INVALID_HANDLE);
    return (ldr__child *)object;
}

static DWORD LDR_WINAPI guest_GetProcessId(HANDLE process)
{
    if (process == LDR__CURRENT_PROCESS)
        return guest_GetCurrentProcessId();
    ldr__child *child = child_from(process);
    if (child == NULL)
        return 0;
    DWORD id = child->id;
    ldr__object_release(&child->waitable.object);
    return id;
}

/* Of this process and of those that it has started. */
static HANDLE LDR_WINAPI guest_OpenProcess(DWORD access, BOOL inherit, DWORD id)
{
    DWORD error = ERROR_NOT_ENOUGH_MEMORY;
    const ldr__handle_facts facts = {access, inherit};
    ldr__process *process = ldr__process_self();
    ldr__child *child = ldr__child_find(process, id, &error);
    HANDLE handle = child ? ldr__handle_new_with(process, &child->waitable.object, &facts) : NULL;
    if (handle == NULL)
        ldr__set_last_error(child ? ERROR_NOT_ENOUGH_MEMORY : error);
    return handle;
}

static void LDR_WINAPI guest_ExitProcess(DWORD exit_code)
{
    ldr__process_exit(exit_code);
}

static BOOL LDR_WINAPI guest_TerminateProcess(HANDLE process, DWORD exit_code)
{
    if (process == LDR__CURRENT_PROCESS)
        ldr__process_terminate(exit_code);
    ldr__child *child = child_from(process);
    if (child == NULL)
        return false;
    bool allowed =
        ldr__handle_grants(ldr__process_self(), process, PROCESS_TERMINATE | LDR__GENERIC_EXECUTE);
    bool own = child->pidfd < 0;
    DWORD error = !allowed ? ERROR_ACCESS_DENIED
                  : own    ? ERROR_SUCCESS
                           : ldr__child_terminate(child, exit_code);
    ldr__object_release(&child->waitable.object);
    if (own && allowed)
        ldr__process_terminate(exit_code);
    return error == ERROR_SUCCESS ? true : ldr__win_error(error);
}

static BOOL LDR_WINAPI guest_GetExitCodeProcess(HANDLE process, DWORD *ret_exit_code)
{
    ldr__child *child = NULL;
    if (process != LDR__CURRENT_PROCESS && (child = child_from(process)) == NULL)
        return false;
    *ret_exit_code = STILL_ACTIVE;
    if (child == NULL)
        return true;
    ldr__child_exit_code(child, ret_exit_code);
    ldr__object_release(&child->waitable.object);
    return true;
}

static BOOL LDR_WINAPI guest_IsDebuggerPresent(void)
{
    return ldr__process_self()->peb->being_debugged;
}

/* Pointers are only handed back to the same process, which needs no secret to tell them from its
 * own. */
static void *LDR_WINAPI guest_EncodePointer(void *plain)
{
    return (void *)~(uintptr_t)plain;
}

/* ---- Processor ---- */

typedef struct feature {
    DWORD number; /* PF_* */
    uint32_t leaf;
    int reg; /* of eax, ebx, ecx, edx */
    int bit;
} feature;

static const feature features[] = {
    {3, 1, 3, 23},  /* MMX */
    {6, 1, 3, 25},  /* SSE */
    {8, 1, 3, 4},   /* RDTSC */
    {9, 1, 3, 6},   /* PAE */
    {10, 1, 3, 26}, /* SSE2 */
    {2, 1, 3, 8},   /* CMPXCHG8B */
    {13, 1, 2, 0},  /* SSE3 */
    {14, 1, 2, 13}, /* CMPXCHG16B */
    {17, 1, 2, 26}, /* XSAVE */
    {36, 1, 2, 9},  /* SSSE3 */
    {37, 1, 2, 19}, /* SSE4.1 */
    {38, 1, 2, 20}, /* SSE4.2 */
    {39, 1, 2, 28}, /* AVX */
    {28, 1, 2, 30}, /* RDRAND */
    {22, 7, 1, 0},  /* RDWRFSGSBASE */
    {40, 7, 1, 5},  /* AVX2 */
    {41, 7, 1, 16}, /* AVX512F */
};

enum { PF_NX_ENABLED = 12 };

static BOOL LDR_WINAPI guest_IsProcessorFeaturePresent(DWORD number)
{
    uint32_t registers[4];
    if (number == PF_NX_ENABLED)
        return true;
    /* PF_FASTFAIL_AVAILABLE is not among them: interrupt 0x29 is only a fault here. */
    for (size_t i = 0; i < sizeof features / sizeof features[0]; i++) {
        if (features[i].number != number)
            continue;
        if (!__get_cpuid_count(features[i].leaf, 0, &registers[0], &registers[1], &registers[2],
                               &registers[3]))
            return false;
        return (registers[features[i].reg] >> features[i].bit & 1) != 0;
    }
    return false;
}

typedef struct SYSTEM_INFO {
    uint16_t architecture, reserved;
    DWORD page_size;
    void *lowest_address, *highest_address;
    uint64_t active_mask;
    DWORD processors, processor_type, granularity;
    uint16_t level, revision;
} SYSTEM_INFO;

enum { PROCESSOR_ARCHITECTURE_AMD64 = 9, PROCESSOR_AMD_X8664 = 8664 };

static void LDR_WINAPI guest_GetSystemInfo(SYSTEM_INFO *ret_info)
{
    cpu_set_t set;
    uint32_t a = 0, b = 0, c = 0, d = 0;
    long processors = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    __get_cpuid(1, &a, &b, &c, &d);
    if (processors > 64)
        processors = 64; /* one group of processors */
    *ret_info = (SYSTEM_INFO){.architecture = PROCESSOR_ARCHITECTURE_AMD64,
                              .page_size = LDR__PAGE_SIZE,
                              .lowest_address = (void *)(uintptr_t)LDR__GRANULARITY,
                              .highest_address = (void *)(uintptr_t)0x7FFFFFFEFFFF,
                              .active_mask = ~UINT64_C(0) >> (64 - processors),
                              .processors = (DWORD)processors,
                              .processor_type = PROCESSOR_AMD_X8664,
                              .granularity = LDR__GRANULARITY,
                              .level = (uint16_t)(a >> 8 & 15),
                              .revision = (uint16_t)((a >> 4 & 15) << 8 | (a & 15))};
}

/* ---- Version: Windows 10 ---- */

enum { MAJOR = 10, MINOR = 0, BUILD = 19045, VER_PLATFORM_WIN32_NT = 2 };

/* OSVERSIONINFOA and W; what follows in the EX forms. */
typedef struct version_head {
    DWORD size, major, minor, build, platform;
} version_head;

typedef struct version_tail {
    uint16_t service_pack_major, service_pack_minor, suite;
    uint8_t product_type, reserved;
} version_tail;

enum { VER_NT_WORKSTATION = 1 };

static DWORD LDR_WINAPI guest_GetVersion(void)
{
    return (DWORD)BUILD << 16 | MINOR << 8 | MAJOR;
}

/* `text_size`: bytes of the service pack's name, between head and tail. */
static BOOL get_version(void *ret_info, size_t text_size)
{
    version_head head;
    version_tail tail = {.product_type = VER_NT_WORKSTATION};
    memcpy(&head, ret_info, sizeof head);
    size_t short_size = sizeof head + text_size;
    if (head.size != short_size && head.size != short_size + sizeof tail)
        return ldr__win_error(ERROR_INSUFFICIENT_BUFFER);
    head = (version_head){head.size, MAJOR, MINOR, BUILD, VER_PLATFORM_WIN32_NT};
    memset(ret_info, 0, head.size);
    memcpy(ret_info, &head, sizeof head);
    if (head.size != short_size)
        memcpy((char *)ret_info + short_size, &tail, sizeof tail);
    return true;
}

static BOOL LDR_WINAPI guest_GetVersionExA(void *ret_info)
{
    return get_version(ret_info, 128);
}

static BOOL LDR_WINAPI guest_GetVersionExW(void *ret_info)
{
    return get_version(ret_info, 128 * sizeof(WCHAR));
}

static const ldr_export lines[] = {
    LDR__FN(GetCurrentProcess),
    LDR__FN(GetCurrentProcessId),
    LDR__FN(GetProcessId),
    LDR__FN(OpenProcess),
    LDR__FN(ExitProcess),
    LDR__FN(TerminateProcess),
    LDR__FN(GetExitCodeProcess),
    LDR__FN(IsDebuggerPresent),
    LDR__FN(EncodePointer),
    LDR__FN_AS("DecodePointer", guest_EncodePointer),
    LDR__FN(IsProcessorFeaturePresent),
    LDR__FN(GetSystemInfo),
    LDR__FN_AS("GetNativeSystemInfo", guest_GetSystemInfo),
    LDR__FN(GetVersion),
    LDR__FN(GetVersionExA),
    LDR__FN(GetVersionExW),
};

LDR__TABLE(ldr__kernel32_process, "kernel32.dll", lines);
