/* crt/state.c: the state of the C runtimes, made and released. */
#include "win32/crt/state.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "win32/crt/environment.h"
#include "win32/crt/file.h"
#include "win32/crt/find.h"
#include "win32/crt/startup.h"
#include "win32/crt/stream.h"

ldr_status ldr__crt_recursive_mutex(pthread_mutex_t *ret_mutex)
{
    pthread_mutexattr_t attributes;
    if (pthread_mutexattr_init(&attributes) != 0)
        return LDR_NO_MEMORY;
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    int failed = pthread_mutex_init(ret_mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
    return failed ? LDR_NO_MEMORY : LDR_OK;
}

void *ldr__crt_data(ldr__crt *crt, const char *name)
{
    return ldr__host_data(crt->process->ctx, "msvcrt.dll", name);
}

static int64_t milliseconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static ldr_status make_locks(ldr__crt *crt)
{
    ldr_status status = ldr__crt_recursive_mutex(&crt->lock);
    for (int i = 0; status == LDR_OK && i < LDR__CRT_LOCKS; i++)
        status = ldr__crt_recursive_mutex(&crt->locks[i]);
    return status;
}

ldr_status ldr__crt_create(ldr__process *process)
{
    ldr__crt *crt = calloc(1, sizeof *crt);
    if (!crt)
        return LDR_NO_MEMORY;
    crt->process = process;
    process->crt = crt;
    crt->start_milliseconds = milliseconds_now();
    crt->unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    /* A host without that locale has to do with ASCII. */
    ldr_status status = !crt->unicode && errno == ENOMEM ? LDR_NO_MEMORY : make_locks(crt);
    if (status == LDR_OK)
        status = ldr__crt_descriptors_create(crt);
    if (status == LDR_OK)
        status = ldr__crt_environment_create(crt);
    if (status != LDR_OK)
        ldr__crt_destroy(process);
    return status;
}

void ldr__crt_destroy(ldr__process *process)
{
    ldr__crt *crt = process->crt;
    if (!crt)
        return;
    ldr__crt_streams_destroy(crt);
    ldr__crt_descriptors_destroy(crt);
    ldr__crt_finds_destroy(crt);
    ldr__crt_environment_destroy(crt);
    ldr__crt_arguments_destroy(crt);
    free(crt->at_exit.functions);
    free(crt->at_quick_exit.functions);
    for (int i = 0; i < LDR__CRT_LOCKS; i++)
        pthread_mutex_destroy(&crt->locks[i]);
    pthread_mutex_destroy(&crt->lock);
    if (crt->unicode)
        freelocale(crt->unicode);
    free(crt);
    process->crt = NULL;
}

ldr__crt_thread *ldr__crt_thread_self(void)
{
    ldr__thread *thread = ldr__thread_self();
    if (!thread->crt) {
        ldr__crt_thread *block = calloc(1, sizeof *block);
        if (!block)
            return NULL;
        block->random = 1;
        thread->crt = block;
    }
    return thread->crt;
}

void ldr__crt_thread_detach(ldr__thread *thread)
{
    free(thread->crt);
    thread->crt = NULL;
}
