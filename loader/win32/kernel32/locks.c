#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "win32/kernel32/kernel32.h"
#include "win32/wait.h"

/* Locks that live in guest memory: critical sections, slim locks, condition variables, one-time
 * initialisation. */

/* ---- Critical sections ---- */

/* RTL_CRITICAL_SECTION. The lock word counts from -1 as Windows's does, so that a section that the
 * guest initialised by hand is free. */
typedef struct CRITICAL_SECTION {
    void *debug_info;
    _Atomic uint32_t lock; /* UNLOCKED, LOCKED, CONTENDED */
    LONG recursion;
    _Atomic(uint64_t) owner; /* thread id */
    void *semaphore;
    uint64_t spin_count;
} CRITICAL_SECTION;

_Static_assert(sizeof(CRITICAL_SECTION) == 40, "RTL_CRITICAL_SECTION layout");

#define UNLOCKED  ((uint32_t)-1)
#define LOCKED    ((uint32_t)0)
#define CONTENDED ((uint32_t)1)

static void LDR_WINAPI guest_InitializeCriticalSection(CRITICAL_SECTION *section)
{
    memset(section, 0, sizeof *section);
    section->debug_info = (void *)(intptr_t)-1; /* as Windows does for "no debug information" */
    atomic_store(&section->lock, UNLOCKED);
}

static BOOL LDR_WINAPI guest_InitializeCriticalSectionAndSpinCount(CRITICAL_SECTION *section,
                                                                   DWORD spin_count)
{
    guest_InitializeCriticalSection(section);
    section->spin_count = spin_count & 0xFFFFFF;
    return true;
}

static BOOL LDR_WINAPI guest_InitializeCriticalSectionEx(CRITICAL_SECTION *section,
                                                         DWORD spin_count, DWORD flags)
{
    (void)flags; /* only about debug information */
    return guest_InitializeCriticalSectionAndSpinCount(section, spin_count);
}

static void LDR_WINAPI guest_DeleteCriticalSection(CRITICAL_SECTION *section)
{
    guest_InitializeCriticalSection(section);
    section->debug_info = NULL;
}

static uint64_t own_id(void)
{
    return ldr__thread_self()->teb.thread_id;
}

static void section_own(CRITICAL_SECTION *section, uint64_t id)
{
    atomic_store(&section->owner, id);
    section->recursion = 1;
}

static BOOL LDR_WINAPI guest_TryEnterCriticalSection(CRITICAL_SECTION *section)
{
    uint32_t unlocked = UNLOCKED;
    uint64_t id = own_id();
    if (atomic_compare_exchange_strong(&section->lock, &unlocked, LOCKED)) {
        section_own(section, id);
        return true;
    }
    if (atomic_load(&section->owner) != id)
        return false;
    section->recursion++;
    return true;
}

static void LDR_WINAPI guest_EnterCriticalSection(CRITICAL_SECTION *section)
{
    if (guest_TryEnterCriticalSection(section))
        return;
    while (atomic_exchange(&section->lock, CONTENDED) != UNLOCKED) {
        ldr__process *process = ldr__process_self();
        /* The owner may have died with the process, which this thread is ending: Windows gives up
         * its notifications then, too. */
        if (atomic_load(&process->exiting) &&
            atomic_load(&process->exit_thread) == ldr__thread_self())
            ldr__process_terminate(atomic_load(&process->exit_code));
        ldr__futex_wait(&section->lock, CONTENDED, NULL);
    }
    section_own(section, own_id());
}

static void LDR_WINAPI guest_LeaveCriticalSection(CRITICAL_SECTION *section)
{
    if (--section->recursion > 0)
        return;
    atomic_store(&section->owner, 0);
    if (atomic_exchange(&section->lock, UNLOCKED) == CONTENDED)
        ldr__futex_wake(&section->lock, 1);
}

/* ---- Slim reader/writer locks ---- */

/* SRWLOCK: the holders, and how many threads wait. Waiting writers keep new readers out. */
typedef struct SRWLOCK {
    _Atomic uint32_t state; /* count of readers, or EXCLUSIVE; and WRITER_WAITS */
    _Atomic uint32_t waiting;
} SRWLOCK;

#define EXCLUSIVE    0x80000000u
#define WRITER_WAITS 0x40000000u

static void LDR_WINAPI guest_InitializeSRWLock(SRWLOCK *lock)
{
    memset(lock, 0, sizeof *lock);
}

static BOOL LDR_WINAPI guest_TryAcquireSRWLockExclusive(SRWLOCK *lock)
{
    uint32_t state = atomic_load(&lock->state);
    return (state & ~WRITER_WAITS) == 0 &&
           atomic_compare_exchange_strong(&lock->state, &state, EXCLUSIVE);
}

static BOOL LDR_WINAPI guest_TryAcquireSRWLockShared(SRWLOCK *lock)
{
    uint32_t state = atomic_load(&lock->state);
    while ((state & (EXCLUSIVE | WRITER_WAITS)) == 0)
        if (atomic_compare_exchange_weak(&lock->state, &state, state + 1))
            return true;
    return false;
}

static void srw_wait(SRWLOCK *lock, uint32_t state)
{
    atomic_fetch_add(&lock->waiting, 1);
    ldr__futex_wait(&lock->state, state, NULL);
    atomic_fetch_sub(&lock->waiting, 1);
}

static void LDR_WINAPI guest_AcquireSRWLockExclusive(SRWLOCK *lock)
{
    while (!guest_TryAcquireSRWLockExclusive(lock)) {
        uint32_t state = atomic_load(&lock->state);
        if ((state & ~WRITER_WAITS) != 0 &&
            ((state & WRITER_WAITS) != 0 ||
             atomic_compare_exchange_strong(&lock->state, &state, state | WRITER_WAITS)))
            srw_wait(lock, state | WRITER_WAITS);
    }
}

static void LDR_WINAPI guest_AcquireSRWLockShared(SRWLOCK *lock)
{
    while (!guest_TryAcquireSRWLockShared(lock)) {
        uint32_t state = atomic_load(&lock->state);
        if ((state & (EXCLUSIVE | WRITER_WAITS)) != 0)
            srw_wait(lock, state);
    }
}

static void srw_wake(SRWLOCK *lock)
{
    if (atomic_load(&lock->waiting) != 0)
        ldr__futex_wake(&lock->state, INT_MAX);
}

static void LDR_WINAPI guest_ReleaseSRWLockExclusive(SRWLOCK *lock)
{
    atomic_store(&lock->state, 0);
    srw_wake(lock);
}

static void LDR_WINAPI guest_ReleaseSRWLockShared(SRWLOCK *lock)
{
    uint32_t state = atomic_load(&lock->state), next;
    do {
        next = state - 1;
        if ((next & ~WRITER_WAITS) == 0)
            next = 0;
    } while (!atomic_compare_exchange_weak(&lock->state, &state, next));
    if (next == 0)
        srw_wake(lock);
}

/* ---- Condition variables ---- */

/* CONDITION_VARIABLE: a counter of wakes. */
typedef struct CONDITION_VARIABLE {
    _Atomic uint32_t wakes;
    uint32_t unused;
} CONDITION_VARIABLE;

enum { CONDITION_VARIABLE_LOCKMODE_SHARED = 1 };

static void LDR_WINAPI guest_InitializeConditionVariable(CONDITION_VARIABLE *variable)
{
    memset(variable, 0, sizeof *variable);
}

static void LDR_WINAPI guest_WakeConditionVariable(CONDITION_VARIABLE *variable)
{
    atomic_fetch_add(&variable->wakes, 1);
    ldr__futex_wake(&variable->wakes, 1);
}

static void LDR_WINAPI guest_WakeAllConditionVariable(CONDITION_VARIABLE *variable)
{
    atomic_fetch_add(&variable->wakes, 1);
    ldr__futex_wake(&variable->wakes, INT_MAX);
}

/* Waits, with the caller's lock released, until `wakes` was counted up from `seen`. */
static bool condition_wait(CONDITION_VARIABLE *variable, uint32_t seen, DWORD timeout)
{
    struct timespec deadline = ldr__deadline_after(timeout);
    while (atomic_load(&variable->wakes) == seen)
        if (!ldr__futex_wait(&variable->wakes, seen, timeout == LDR__INFINITE ? NULL : &deadline))
            return false;
    return true;
}

static BOOL LDR_WINAPI guest_SleepConditionVariableCS(CONDITION_VARIABLE *variable,
                                                      CRITICAL_SECTION *section, DWORD timeout)
{
    uint32_t seen = atomic_load(&variable->wakes);
    guest_LeaveCriticalSection(section);
    bool woken = condition_wait(variable, seen, timeout);
    guest_EnterCriticalSection(section);
    return woken ? true : ldr__win_error(ERROR_TIMEOUT);
}

static BOOL LDR_WINAPI guest_SleepConditionVariableSRW(CONDITION_VARIABLE *variable, SRWLOCK *lock,
                                                       DWORD timeout, DWORD flags)
{
    bool shared = (flags & CONDITION_VARIABLE_LOCKMODE_SHARED) != 0;
    uint32_t seen = atomic_load(&variable->wakes);
    (shared ? guest_ReleaseSRWLockShared : guest_ReleaseSRWLockExclusive)(lock);
    bool woken = condition_wait(variable, seen, timeout);
    (shared ? guest_AcquireSRWLockShared : guest_AcquireSRWLockExclusive)(lock);
    return woken ? true : ldr__win_error(ERROR_TIMEOUT);
}

/* ---- One-time initialisation ---- */

/* INIT_ONCE: the caller's context pointer, whose low two bits are free for the state. */
typedef struct INIT_ONCE {
    _Atomic uint64_t value;
} INIT_ONCE;

enum {
    ONCE_FRESH = 0,
    ONCE_RUNNING = 1,
    ONCE_ASYNC = 2, /* several may try, the first to complete wins */
    ONCE_DONE = 3,
    ONCE_STATE = 3,
    INIT_ONCE_CHECK_ONLY = 1,
    INIT_ONCE_ASYNC = 2,
    INIT_ONCE_INIT_FAILED = 4,
};

static _Atomic uint32_t *once_word(INIT_ONCE *once)
{
    return (_Atomic uint32_t *)(void *)once; /* little-endian: the half with the state */
}

static void LDR_WINAPI guest_InitOnceInitialize(INIT_ONCE *once)
{
    atomic_store(&once->value, 0);
}

static void once_context(uint64_t value, void **ret_context)
{
    if (ret_context != NULL)
        *ret_context = (void *)(value & ~(uint64_t)ONCE_STATE);
}

static BOOL LDR_WINAPI guest_InitOnceBeginInitialize(INIT_ONCE *once, DWORD flags,
                                                     BOOL *ret_pending, void **ret_context)
{
    uint64_t mine = flags & INIT_ONCE_ASYNC ? ONCE_ASYNC : ONCE_RUNNING;
    for (;;) {
        uint64_t value = atomic_load(&once->value);
        uint64_t state = value & ONCE_STATE;
        if (state == ONCE_DONE) {
            *ret_pending = false;
            once_context(value, ret_context);
            return true;
        }
        if (flags & INIT_ONCE_CHECK_ONLY)
            return ldr__win_error(ERROR_GEN_FAILURE);
        if (state != ONCE_FRESH && (state == ONCE_ASYNC) != (mine == ONCE_ASYNC))
            return ldr__win_error(ERROR_INVALID_PARAMETER);
        if (state == ONCE_ASYNC ||
            (state == ONCE_FRESH && atomic_compare_exchange_strong(&once->value, &value, mine))) {
            *ret_pending = true;
            return true;
        }
        if (state == ONCE_RUNNING)
            ldr__futex_wait(once_word(once), (uint32_t)value, NULL);
    }
}

static BOOL LDR_WINAPI guest_InitOnceComplete(INIT_ONCE *once, DWORD flags, void *context)
{
    uint64_t expected = flags & INIT_ONCE_ASYNC ? ONCE_ASYNC : ONCE_RUNNING;
    uint64_t done = (uint64_t)(uintptr_t)context | ONCE_DONE;
    if (((uintptr_t)context & ONCE_STATE) != 0)
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    if (flags & INIT_ONCE_INIT_FAILED)
        done = ONCE_FRESH;
    if (!atomic_compare_exchange_strong(&once->value, &expected, done))
        return ldr__win_error(ERROR_GEN_FAILURE);
    ldr__futex_wake(once_word(once), INT_MAX);
    return true;
}

static BOOL LDR_WINAPI guest_InitOnceExecuteOnce(
    INIT_ONCE *once, BOOL(LDR_WINAPI *function)(INIT_ONCE *once, void *parameter, void **context),
    void *parameter, void **ret_context)
{
    BOOL pending;
    void *context = NULL;
    if (!guest_InitOnceBeginInitialize(once, 0, &pending, ret_context))
        return false;
    if (!pending)
        return true;
    if (!function(once, parameter, &context)) {
        guest_InitOnceComplete(once, INIT_ONCE_INIT_FAILED, NULL);
        return false;
    }
    if (ret_context != NULL)
        *ret_context = context;
    return guest_InitOnceComplete(once, 0, context);
}

static const ldr_export lines[] = {
    LDR__FN(InitializeCriticalSection),   LDR__FN(InitializeCriticalSectionAndSpinCount),
    LDR__FN(InitializeCriticalSectionEx), LDR__FN(DeleteCriticalSection),
    LDR__FN(TryEnterCriticalSection),     LDR__FN(EnterCriticalSection),
    LDR__FN(LeaveCriticalSection),        LDR__FN(InitializeSRWLock),
    LDR__FN(TryAcquireSRWLockExclusive),  LDR__FN(TryAcquireSRWLockShared),
    LDR__FN(AcquireSRWLockExclusive),     LDR__FN(AcquireSRWLockShared),
    LDR__FN(ReleaseSRWLockExclusive),     LDR__FN(ReleaseSRWLockShared),
    LDR__FN(InitializeConditionVariable), LDR__FN(WakeConditionVariable),
    LDR__FN(WakeAllConditionVariable),    LDR__FN(SleepConditionVariableCS),
    LDR__FN(SleepConditionVariableSRW),   LDR__FN(InitOnceInitialize),
    LDR__FN(InitOnceBeginInitialize),     LDR__FN(InitOnceComplete),
    LDR__FN(InitOnceExecuteOnce),
};

LDR__TABLE(ldr__kernel32_locks, "kernel32.dll", lines);
