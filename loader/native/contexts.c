/*
 * contexts.c: the contexts of the process, for what a process has one of: the system's word that a
 * thread comes or goes, and functions that the guest calls without saying who it is.
 *
 * The word comes to a TLS callback of the library, in the image that it is linked into: the program
 * or peload.dll. It comes with the system's loader lock held, and guest code may only be told with
 * its context's loader lock, whose holder may be waiting for the system's. So the thread waits for
 * it for a bounded time, and no longer than it takes to see twice in a row that some holder is
 * inside the system's loader. A thread that gives up is not attached, which it would be on Windows;
 * if it ever enters a context (ldr_thread_enter, which all calls of the host do), it is attached
 * then. It has its static TLS in any case. One that leaves and gives up is not detached.
 *
 * When the process ends, whoever ends it, DLLs of contexts that are still there get their
 * DLL_PROCESS_DETACH here, as those of the system's loader do.
 */
#include "native/state.h"

#include "os/os.h"

NTSYSAPI BOOLEAN NTAPI RtlDllShutdownInProgress(void);

enum { ATTACH_WAIT = 1000, ATTACH_STEP = 2 }; /* milliseconds */

/* Of the list and of all `users`. */
static SRWLOCK contexts_lock = SRWLOCK_INIT;
static CONDITION_VARIABLE user_gone = CONDITION_VARIABLE_INIT;
static ldr__native *contexts;

/* ---- Threads that are still to be attached ---- */

/* The place of a thread, or their count; with the lock held. */
static size_t place_of(const ldr__native *native, uint32_t thread)
{
    size_t place = 0, count = atomic_load(&native->owed_count);
    while (place < count && native->owed[place] != thread)
        place++;
    return place;
}

/* Without memory it is forgotten, as if it had been there before the modules. */
static void owe(ldr__native *native, uint32_t thread)
{
    AcquireSRWLockExclusive(&native->lock);
    size_t count = atomic_load(&native->owed_count);
    if (count == native->owed_room) {
        size_t room = count != 0 ? 2 * count : 16;
        uint32_t *grown = ldr__os_resize(native->owed, room * sizeof *grown);
        if (grown != NULL) {
            native->owed = grown;
            native->owed_room = room;
        }
    }
    if (count < native->owed_room) {
        native->owed[count] = thread;
        atomic_store(&native->owed_count, count + 1);
    }
    ReleaseSRWLockExclusive(&native->lock);
}

/* True if it was owed. */
static bool forgive(ldr__native *native, uint32_t thread)
{
    if (atomic_load(&native->owed_count) == 0)
        return false;
    AcquireSRWLockExclusive(&native->lock);
    size_t count = atomic_load(&native->owed_count), place = place_of(native, thread);
    bool was_owed = place < count;
    if (was_owed) {
        native->owed[place] = native->owed[count - 1];
        atomic_store(&native->owed_count, count - 1);
    }
    ReleaseSRWLockExclusive(&native->lock);
    return was_owed;
}

ldr_status ldr__thread_settle(ldr__native *native)
{
    uint32_t thread = GetCurrentThreadId();
    if (!forgive(native, thread))
        return LDR_OK;
    ldr_status status = ldr__modules_host_attach(native->ctx);
    if (status != LDR_OK)
        owe(native, thread);
    return status;
}

/* ---- Telling ---- */

static bool tell(ldr__native *native, uint32_t reason)
{
    ldr_status status = LDR_BUSY;
    bool was_entered = false, is_stuck = false;
    for (int i = 0; i < ATTACH_WAIT / ATTACH_STEP && status != LDR_OK && !is_stuck; i++) {
        status = ldr__modules_thread_notify_within(native->ctx, reason, ATTACH_STEP);
        bool is_entered = ldr__system_is_entered();
        is_stuck = was_entered && is_entered;
        was_entered = is_entered;
    }
    return status == LDR_OK;
}

static void tell_context(ldr__native *native, uint32_t reason)
{
    uint32_t thread = GetCurrentThreadId();
    bool is_detach = reason == LDR__THREAD_DETACH;
    if (is_detach && forgive(native, thread))
        return;
    if (!is_detach)
        ldr__tls_thread_begins(native);
    if (atomic_load(&native->attached) == 0)
        return;
    if (!tell(native, reason) && !is_detach)
        owe(native, thread);
}

/* The one behind `native` (NULL: the first), which stays until it is released. */
static ldr__native *use_next(ldr__native *native)
{
    AcquireSRWLockExclusive(&contexts_lock);
    ldr__native *next = native != NULL ? native->next : contexts;
    if (next != NULL)
        next->users++;
    if (native != NULL && --native->users == 0)
        WakeAllConditionVariable(&user_gone);
    ReleaseSRWLockExclusive(&contexts_lock);
    return next;
}

static void tell_contexts(uint32_t reason)
{
    ldr__tls_threads_say(false);
    for (ldr__native *native = use_next(NULL); native != NULL; native = use_next(native))
        tell_context(native, reason);
    ldr__tls_threads_say(reason == LDR__THREAD_DETACH);
}

/* There are no other threads any more; one of them may have left the lock held. */
static void end_process(void)
{
    if (!TryAcquireSRWLockExclusive(&contexts_lock))
        return;
    ldr__native *native = contexts;
    ReleaseSRWLockExclusive(&contexts_lock);
    for (; native != NULL; native = native->next)
        ldr__modules_process_exit(native->ctx);
}

static void NTAPI on_event(void *module, DWORD reason, void *reserved)
{
    (void)module;
    (void)reserved;
    if (reason == DLL_THREAD_ATTACH || reason == DLL_THREAD_DETACH)
        tell_contexts(reason);
    else if (reason == DLL_PROCESS_DETACH && RtlDllShutdownInProgress())
        end_process();
    else if (reason == DLL_PROCESS_DETACH)
        ldr__tls_threads_close();
}

/* The C runtime's TLS directory has the callbacks of all sections .CRT$XL*, sorted by name. */
__attribute__((section(".CRT$XLB"), used)) static const PIMAGE_TLS_CALLBACK callback = on_event;

/* ---- The list ---- */

void ldr__contexts_add(ldr__native *native)
{
    AcquireSRWLockExclusive(&contexts_lock);
    native->next = contexts;
    contexts = native;
    ReleaseSRWLockExclusive(&contexts_lock);
}

void ldr__contexts_remove(ldr__native *native)
{
    ldr__native **link = &contexts;
    AcquireSRWLockExclusive(&contexts_lock);
    while (native->users != 0)
        SleepConditionVariableSRW(&user_gone, &contexts_lock, INFINITE, 0);
    while (*link != native)
        link = &(*link)->next;
    *link = native->next;
    ReleaseSRWLockExclusive(&contexts_lock);
}

ldr_context *ldr__context_at(const void *address)
{
    ldr_context *found = NULL;
    AcquireSRWLockShared(&contexts_lock);
    for (ldr__native *native = contexts; native != NULL && found == NULL; native = native->next) {
        if (ldr_module_at(native->ctx, address) != NULL)
            found = native->ctx;
    }
    ReleaseSRWLockShared(&contexts_lock);
    return found;
}
