/* windows.c: os.h for Windows on x86-64: memory, the process, address space, threads. */
#include "os/windows.h"

#include <stdlib.h>

#include <bcrypt.h>

NTSYSAPI BOOLEAN NTAPI RtlDllShutdownInProgress(void);

#define GRANULARITY UINT64_C(0x10000)
#define NANOSECONDS UINT64_C(1000000000)

ldr_status ldr__windows_status(void)
{
    switch (GetLastError()) {
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
    case ERROR_COMMITMENT_LIMIT:
    case ERROR_NO_SYSTEM_RESOURCES:
    case ERROR_NOT_ENOUGH_QUOTA:
        return LDR_NO_MEMORY;
    default:
        return LDR_OS_ERROR;
    }
}

/* ---- Memory ---- */

void *ldr__os_alloc(size_t size)
{
    return calloc(1, size != 0 ? size : 1);
}

void *ldr__os_resize(void *block, size_t size)
{
    return realloc(block, size != 0 ? size : 1);
}

void ldr__os_free(void *block)
{
    free(block);
}

/* ---- The process ---- */

static BOOL CALLBACK make_key(INIT_ONCE *once, void *key, void **context)
{
    (void)once, (void)context;
    return BCryptGenRandom(NULL, key, sizeof(uint64_t), BCRYPT_USE_SYSTEM_PREFERRED_RNG) == 0;
}

uint64_t ldr__os_process_key(void)
{
    static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
    static uint64_t key;
    return InitOnceExecuteOnce(&once, make_key, &key, NULL) ? key : 0;
}

uint64_t ldr__os_time(void)
{
    LARGE_INTEGER count, frequency;
    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&frequency);
    uint64_t whole = (uint64_t)count.QuadPart / (uint64_t)frequency.QuadPart;
    uint64_t rest = (uint64_t)count.QuadPart % (uint64_t)frequency.QuadPart;
    return whole * NANOSECONDS + rest * NANOSECONDS / (uint64_t)frequency.QuadPart;
}

uint64_t ldr__os_thread_id(void)
{
    return GetCurrentThreadId();
}

uint64_t ldr__os_memory_limit(void)
{
    MEMORYSTATUSEX memory = {.dwLength = sizeof memory};
    return GlobalMemoryStatusEx(&memory) ? memory.ullTotalPageFile : UINT64_MAX;
}

/* ---- Address space ---- */

static void *reserve_with(uint64_t address, uint64_t size)
{
    return VirtualAlloc((void *)(uintptr_t)address, size, MEM_RESERVE, PAGE_NOACCESS);
}

/* The system rounds an address down. */
static ldr_status reserve_at(uint64_t base, uint64_t size, void **ret_address)
{
    if (base % GRANULARITY != 0)
        return LDR_ADDRESS_BUSY;
    void *address = reserve_with(base, size);
    if (address == NULL)
        return ldr__windows_status() == LDR_NO_MEMORY ? LDR_NO_MEMORY : LDR_ADDRESS_BUSY;
    *ret_address = address;
    return LDR_OK;
}

/*
 * A reservation cannot be cut, so it is looked for with room to spare, released, and made again
 * where it fits; another thread may have taken the place meanwhile.
 */
static ldr_status reserve_aligned(uint64_t size, uint64_t alignment, void **ret_address)
{
    enum { ATTEMPTS = 16 };
    for (int i = 0; i < ATTEMPTS; i++) {
        char *start = size <= UINT64_MAX - alignment ? reserve_with(0, size + alignment) : NULL;
        if (start == NULL)
            return LDR_NO_MEMORY;
        VirtualFree(start, 0, MEM_RELEASE);
        uint64_t fit = ((uintptr_t)start + alignment - 1) & ~(alignment - 1);
        if (reserve_at(fit, size, ret_address) == LDR_OK)
            return LDR_OK;
    }
    return LDR_OS_ERROR;
}

ldr_status ldr__os_reserve(uint64_t base, uint64_t size, uint64_t alignment, void **ret_address)
{
    if (base != 0)
        return reserve_at(base, size, ret_address);
    if (alignment > GRANULARITY)
        return reserve_aligned(size, alignment, ret_address);
    void *address = reserve_with(0, size);
    if (address == NULL)
        return LDR_NO_MEMORY;
    *ret_address = address;
    return LDR_OK;
}

/* What `access` is called for pages that are written to in place, and for those that are copied
 * then. */
static DWORD protection_of(int access, bool copies)
{
    DWORD writable = copies ? PAGE_WRITECOPY : PAGE_READWRITE;
    DWORD data = access & LDR__WRITE  ? writable
                 : access & LDR__READ ? PAGE_READONLY
                                      : PAGE_NOACCESS;
    return (access & LDR__EXECUTE) != 0 ? data << 4 : data;
}

/*
 * A view that was mapped to be copied says so when it is to be written to. An image's does not: the
 * system itself knows which of its pages are shared.
 */
static bool copies_when_written(const MEMORY_BASIC_INFORMATION *region)
{
    return region->Type == MEM_MAPPED &&
           (region->AllocationProtect & (PAGE_READWRITE | PAGE_EXECUTE_READWRITE)) == 0;
}

/* Region by region: one call of the system changes pages of one allocation only. */
ldr_status ldr__os_protect(void *address, uint64_t size, int access)
{
    MEMORY_BASIC_INFORMATION region;
    uintptr_t at = (uintptr_t)address, end = at + size;
    for (; at < end; at = (uintptr_t)region.BaseAddress + region.RegionSize) {
        DWORD old;
        if (VirtualQuery((void *)at, &region, sizeof region) == 0)
            return LDR_OS_ERROR;
        uintptr_t stop = (uintptr_t)region.BaseAddress + region.RegionSize;
        DWORD protect = protection_of(access, copies_when_written(&region));
        if (!VirtualProtect((void *)at, (stop < end ? stop : end) - at, protect, &old))
            return ldr__windows_status();
    }
    return LDR_OK;
}

/* What there is at `address` is released as a whole, whatever it is. */
static void release(const MEMORY_BASIC_INFORMATION *region)
{
    if (region->Type == MEM_PRIVATE)
        VirtualFree(region->AllocationBase, 0, MEM_RELEASE);
    else if (region->Type != 0)
        UnmapViewOfFile(region->AllocationBase);
}

void ldr__os_unmap(void *address, uint64_t size)
{
    MEMORY_BASIC_INFORMATION region;
    uintptr_t at = (uintptr_t)address, end = at + size;
    while (at < end && VirtualQuery((void *)at, &region, sizeof region) != 0) {
        at = (uintptr_t)region.BaseAddress + region.RegionSize;
        release(&region);
    }
}

/* ---- Copies ---- */

static ldr_status copy(void *to, const void *from, size_t size)
{
    return ldr__windows_copy(to, from, size) ? LDR_OK : LDR_IO_ERROR;
}

ldr_status ldr__os_peek(const void *address, void *ret_bytes, size_t size)
{
    return copy(ret_bytes, address, size);
}

ldr_status ldr__os_poke(void *address, const void *bytes, size_t size)
{
    return copy(address, bytes, size);
}

/*
 * A page that cannot be had is an exception here, which no handler of ours could turn into zeros:
 * in a view nothing else can be mapped. Files of views and images cannot be cut off, though, so
 * that it takes a disk that is broken or gone.
 */
void ldr__os_guard_begin(void)
{
}

bool ldr__os_guard_end(void)
{
    return false;
}

/* ---- Threads ---- */

/* A critical section cannot be waited for with a limit, and a mutex costs system calls. */
struct ldr__lock {
    SRWLOCK guard; /* held for moments */
    CONDITION_VARIABLE is_free;
    DWORD owner; /* 0: nobody */
    uint32_t depth;
};

ldr_status ldr__os_lock_create(ldr__lock **ret_lock)
{
    ldr__lock *lock = calloc(1, sizeof *lock);
    if (lock == NULL)
        return LDR_NO_MEMORY;
    InitializeSRWLock(&lock->guard);
    InitializeConditionVariable(&lock->is_free);
    *ret_lock = lock;
    return LDR_OK;
}

void ldr__os_lock_destroy(ldr__lock *lock)
{
    free(lock);
}

static bool take(ldr__lock *lock)
{
    DWORD self = GetCurrentThreadId();
    if (lock->owner != 0 && lock->owner != self)
        return false;
    lock->owner = self;
    lock->depth++;
    return true;
}

void ldr__os_lock(ldr__lock *lock)
{
    AcquireSRWLockExclusive(&lock->guard);
    while (!take(lock))
        SleepConditionVariableSRW(&lock->is_free, &lock->guard, INFINITE, 0);
    ReleaseSRWLockExclusive(&lock->guard);
}

/* When the process ends, who held the guard may be gone, and it stays as it is. */
static bool enter_guard(ldr__lock *lock)
{
    if (TryAcquireSRWLockExclusive(&lock->guard))
        return true;
    if (RtlDllShutdownInProgress())
        return false;
    AcquireSRWLockExclusive(&lock->guard);
    return true;
}

ldr_status ldr__os_lock_within(ldr__lock *lock, uint32_t milliseconds)
{
    ULONGLONG end = GetTickCount64() + milliseconds, now = end - milliseconds;
    if (!enter_guard(lock))
        return LDR_BUSY;
    bool is_mine = take(lock);
    for (; !is_mine && now < end; now = GetTickCount64()) {
        ULONGLONG left = end - now < INFINITE ? end - now : INFINITE - 1;
        SleepConditionVariableSRW(&lock->is_free, &lock->guard, (DWORD)left, 0);
        is_mine = take(lock);
    }
    ReleaseSRWLockExclusive(&lock->guard);
    return is_mine ? LDR_OK : LDR_BUSY;
}

/* Whoever gets the lock next may destroy it: nothing of it is touched behind the guard. */
void ldr__os_unlock(ldr__lock *lock)
{
    AcquireSRWLockExclusive(&lock->guard);
    if (--lock->depth == 0) {
        lock->owner = 0;
        WakeConditionVariable(&lock->is_free);
    }
    ReleaseSRWLockExclusive(&lock->guard);
}
