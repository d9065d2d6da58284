#include <sched.h>
#include <stdlib.h>

#include "win32/children.h"
#include "win32/kernel32/kernel32.h"
#include "win32/wait.h"

enum { STILL_ACTIVE = 259, THREAD_PRIORITY_ERROR_RETURN = 0x7FFFFFFF };

static HANDLE LDR_WINAPI guest_CreateThread(const SECURITY_ATTRIBUTES *security, size_t stack_size,
                                            DWORD(LDR_WINAPI *start)(void *), void *parameter,
                                            DWORD flags, DWORD *ret_thread_id)
{
    HANDLE handle = NULL;
    (void)security;
    DWORD error = ldr__thread_create(ldr__process_self(), stack_size, start, parameter, flags,
                                     &handle, ret_thread_id);
    if (error == ERROR_SUCCESS)
        return handle;
    ldr__set_last_error(error);
    return NULL;
}

static void LDR_WINAPI guest_ExitThread(DWORD exit_code)
{
    ldr__thread_exit(exit_code);
}

static ldr__thread_object *thread_from(HANDLE handle)
{
    ldr__object *object = ldr__handle_get(ldr__process_self(), handle, LDR__OBJECT_THREAD);
    if (object == NULL)
        ldr__set_last_error(ERROR_INVALID_HANDLE);
    return (ldr__thread_object *)object;
}

/*
 * A thread may end itself. Others may hold locks of the host, or of the guest, which then nobody
 * would give back.
 */
static BOOL LDR_WINAPI guest_TerminateThread(HANDLE handle, DWORD exit_code)
{
    ldr__thread_object *object = thread_from(handle);
    if (object == NULL)
        return false;
    bool is_self = object == ldr__thread_self()->object;
    ldr__wait_lock(object->waitable.process);
    bool has_ended = object->ended;
    ldr__wait_unlock(object->waitable.process);
    ldr__object_release(&object->waitable.object);
    if (is_self)
        ldr__thread_terminate(exit_code);
    return has_ended ? true : ldr__win_error(ERROR_NOT_SUPPORTED);
}

static HANDLE LDR_WINAPI guest_GetCurrentThread(void)
{
    return LDR__CURRENT_THREAD;
}

static DWORD LDR_WINAPI guest_GetCurrentThreadId(void)
{
    return (DWORD)ldr__thread_self()->teb.thread_id;
}

static DWORD LDR_WINAPI guest_GetThreadId(HANDLE handle)
{
    ldr__thread_object *object = thread_from(handle);
    if (object == NULL)
        return 0;
    DWORD id = object->id;
    ldr__object_release(&object->waitable.object);
    return id;
}

static BOOL LDR_WINAPI guest_GetExitCodeThread(HANDLE handle, DWORD *ret_exit_code)
{
    ldr__thread_object *object = thread_from(handle);
    if (object == NULL)
        return false;
    ldr__wait_lock(object->waitable.process);
    *ret_exit_code = object->ended ? object->exit_code : STILL_ACTIVE;
    ldr__wait_unlock(object->waitable.process);
    ldr__object_release(&object->waitable.object);
    return true;
}

DWORD ldr__thread_resume(HANDLE handle)
{
    ldr__process *process = ldr__process_self();
    ldr__thread_object *object = thread_from(handle);
    if (object == NULL)
        return (DWORD)-1;
    if (object->remote != NULL) {
        DWORD before = ldr__child_resume(object->remote);
        ldr__object_release(&object->waitable.object);
        return before;
    }
    pthread_mutex_lock(&process->lock);
    DWORD previous = object->suspend_count;
    if (previous > 0)
        object->suspend_count--;
    pthread_cond_broadcast(&process->changed);
    pthread_mutex_unlock(&process->lock);
    ldr__object_release(&object->waitable.object);
    return previous;
}

static DWORD LDR_WINAPI guest_ResumeThread(HANDLE handle)
{
    return ldr__thread_resume(handle);
}

/* THREAD_PRIORITY_LOWEST to _HIGHEST, _IDLE and _TIME_CRITICAL. */
static bool is_priority(int priority)
{
    return (priority >= -2 && priority <= 2) || priority == -15 || priority == 15;
}

/* The host schedules: a priority is remembered and reported, as for a thread that never competes.
 */
static BOOL LDR_WINAPI guest_SetThreadPriority(HANDLE handle, int priority)
{
    ldr__thread_object *object = thread_from(handle);
    if (object == NULL)
        return false;
    bool known = is_priority(priority);
    if (known)
        atomic_store(&object->priority, priority);
    ldr__object_release(&object->waitable.object);
    return known ? true : ldr__win_error(ERROR_INVALID_PARAMETER);
}

static int LDR_WINAPI guest_GetThreadPriority(HANDLE handle)
{
    ldr__thread_object *object = thread_from(handle);
    if (object == NULL)
        return THREAD_PRIORITY_ERROR_RETURN;
    int priority = atomic_load(&object->priority);
    ldr__object_release(&object->waitable.object);
    return priority;
}

static DWORD LDR_WINAPI guest_SleepEx(DWORD milliseconds, BOOL alertable)
{
    (void)alertable; /* nothing here queues user APCs */
    if (milliseconds == 0)
        sched_yield();
    ldr__wait(ldr__process_self(), NULL, 0, false, milliseconds);
    ldr__thread_stop_if_exiting();
    return 0;
}

static void LDR_WINAPI guest_Sleep(DWORD milliseconds)
{
    guest_SleepEx(milliseconds, false);
}

static BOOL LDR_WINAPI guest_SwitchToThread(void)
{
    return sched_yield() == 0;
}

static DWORD LDR_WINAPI guest_GetCurrentProcessorNumber(void)
{
    int processor = sched_getcpu();
    return processor < 0 ? 0 : (DWORD)processor;
}

static void LDR_WINAPI guest_GetCurrentThreadStackLimits(uint64_t *ret_low, uint64_t *ret_high)
{
    const ldr__teb *teb = &ldr__thread_self()->teb;
    *ret_low = (uint64_t)(uintptr_t)teb->deallocation_stack;
    *ret_high = (uint64_t)(uintptr_t)teb->stack_base;
}

static const ldr_export lines[] = {
    LDR__FN(CreateThread),
    LDR__FN(ExitThread),
    LDR__FN(TerminateThread),
    LDR__FN(GetCurrentThread),
    LDR__FN(GetCurrentThreadId),
    LDR__FN(GetThreadId),
    LDR__FN(GetExitCodeThread),
    LDR__FN(ResumeThread),
    LDR__FN(SetThreadPriority),
    LDR__FN(GetThreadPriority),
    LDR__FN(Sleep),
    LDR__FN(SleepEx),
    LDR__FN(SwitchToThread),
    LDR__FN(GetCurrentProcessorNumber),
    LDR__FN(GetCurrentThreadStackLimits),
};

LDR__TABLE(ldr__kernel32_thread, "kernel32.dll", lines);
