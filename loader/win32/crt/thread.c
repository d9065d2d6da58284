/* crt/thread.c: the runtime's numbered locks, and threads that it starts. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "win32/crt/state.h"

static void LDR_WINAPI guest__lock(int number)
{
    if (number >= 0 && number < LDR__CRT_LOCKS)
        pthread_mutex_lock(&ldr__crt_self()->locks[number]);
}

static void LDR_WINAPI guest__unlock(int number)
{
    if (number >= 0 && number < LDR__CRT_LOCKS)
        pthread_mutex_unlock(&ldr__crt_self()->locks[number]);
}

typedef DWORD(LDR_WINAPI *thread_start)(void *parameter);

/* Returns the handle, 0 with errno on failure. */
static uintptr_t LDR_WINAPI guest__beginthreadex(void *security, uint32_t stack_size,
                                                 thread_start start, void *parameter,
                                                 uint32_t flags, uint32_t *ret_id)
{
    (void)security;
    HANDLE handle;
    DWORD id;
    if (!start) {
        ldr__crt_invalid_parameter(EINVAL);
        return 0;
    }
    DWORD error =
        ldr__thread_create(ldr__process_self(), stack_size, start, parameter, flags, &handle, &id);
    if (error != ERROR_SUCCESS) {
        ldr__thread_self()->crt_doserrno = error;
        ldr__crt_set_errno(error == ERROR_NOT_ENOUGH_MEMORY ? EAGAIN : EINVAL);
        return 0;
    }
    if (ret_id)
        *ret_id = id;
    return (uintptr_t)handle;
}

static void LDR_WINAPI guest__endthreadex(uint32_t code)
{
    ldr__thread_exit(code);
}

/* ---- _beginthread ---- */

typedef struct plain_start {
    void(LDR_WINAPI *function)(void *parameter);
    void *parameter;
    HANDLE handle;
} plain_start;

static void LDR_WINAPI guest__endthread(void)
{
    ldr__crt_thread *self = ldr__thread_self()->crt;
    if (self && self->own_handle)
        ldr__handle_close(ldr__process_self(), self->own_handle);
    ldr__thread_exit(0);
}

static DWORD LDR_WINAPI run_plain(void *parameter)
{
    plain_start start = *(plain_start *)parameter;
    ldr__crt_thread *self = ldr__crt_thread_self();
    free(parameter);
    if (self)
        self->own_handle = start.handle;
    start.function(start.parameter);
    guest__endthread();
    return 0;
}

/* The handle is the thread's own: it is closed when the thread ends, so nobody waits for it. */
static uintptr_t LDR_WINAPI guest__beginthread(void(LDR_WINAPI *function)(void *),
                                               uint32_t stack_size, void *parameter)
{
    enum { CREATE_SUSPENDED = 4 };
    if (!function) {
        ldr__crt_invalid_parameter(EINVAL);
        return UINTPTR_MAX;
    }
    plain_start *start = malloc(sizeof *start);
    uintptr_t handle = 0;
    if (start)
        handle = guest__beginthreadex(NULL, stack_size, run_plain, start, CREATE_SUSPENDED, NULL);
    if (handle == 0) {
        free(start);
        ldr__crt_set_errno(EAGAIN);
        return UINTPTR_MAX;
    }
    /* Suspended until it is told its handle. */
    *start = (plain_start){function, parameter, (HANDLE)handle};
    ldr__thread_resume((HANDLE)handle);
    return handle;
}

static int LDR_WINAPI guest__getpid(void)
{
    return getpid();
}

static uint32_t *LDR_WINAPI guest___threadid(void)
{
    return (uint32_t *)&ldr__thread_self()->teb.thread_id;
}

static uintptr_t LDR_WINAPI guest___threadhandle(void)
{
    return (uintptr_t)-2; /* the pseudo-handle of the calling thread */
}

static const ldr_export shared[] = {
    LDR__FN(_beginthreadex), LDR__FN(_endthreadex), LDR__FN(_beginthread),
    LDR__FN(_endthread),     LDR__FN(_getpid),      LDR__FN(__threadid),
    LDR__FN(__threadhandle), LDR__FN(_lock),        LDR__FN(_unlock),
};
LDR__CRT_TABLES(ldr__crt_threads, shared);
