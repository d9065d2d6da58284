#include <stdlib.h>

#include "win32/kernel32/kernel32.h"

enum {
    TLS_IN_TEB = 64,
    TLS_EXPANSION = 1024,
    TLS_COUNT = TLS_IN_TEB + TLS_EXPANSION,
    FLS_COUNT = 128,
};
#define OUT_OF_INDEXES ((DWORD)-1)

typedef void(LDR_WINAPI *fls_callback)(void *value);

struct ldr__dynamic_tls {
    bool tls_used[TLS_COUNT];
    bool fls_used[FLS_COUNT];
    fls_callback fls_callbacks[FLS_COUNT];
};

ldr_status ldr__dynamic_tls_create(ldr__process *process)
{
    process->dynamic_tls = calloc(1, sizeof *process->dynamic_tls);
    return process->dynamic_tls ? LDR_OK : LDR_NO_MEMORY;
}

void ldr__dynamic_tls_destroy(ldr__process *process)
{
    free(process->dynamic_tls);
    process->dynamic_tls = NULL;
}

void ldr__dynamic_tls_thread_release(ldr__thread *thread)
{
    free(thread->teb.tls_expansion);
    free(thread->fls);
    thread->teb.tls_expansion = NULL;
    thread->fls = NULL;
}

/* The first index from `first` on that is free, now taken; OUT_OF_INDEXES when there is none. */
static DWORD take_index(bool *used, DWORD first, DWORD count)
{
    for (DWORD index = first; index < count; index++) {
        if (!used[index]) {
            used[index] = true;
            return index;
        }
    }
    ldr__set_last_error(ERROR_NO_MORE_ITEMS);
    return OUT_OF_INDEXES;
}

/* ---- TLS ---- */

static DWORD LDR_WINAPI guest_TlsAlloc(void)
{
    ldr__process *process = ldr__process_self();
    pthread_mutex_lock(&process->lock);
    DWORD index = take_index(process->dynamic_tls->tls_used, 0, TLS_COUNT);
    pthread_mutex_unlock(&process->lock);
    return index;
}

static void clear_everywhere(ldr__process *process, DWORD index)
{
    for (ldr__thread *thread = process->threads; thread; thread = thread->next) {
        if (index < TLS_IN_TEB)
            thread->teb.tls_slots[index] = NULL;
        else if (thread->teb.tls_expansion != NULL)
            thread->teb.tls_expansion[index - TLS_IN_TEB] = NULL;
    }
}

static BOOL LDR_WINAPI guest_TlsFree(DWORD index)
{
    ldr__process *process = ldr__process_self();
    pthread_mutex_lock(&process->lock);
    bool used = index < TLS_COUNT && process->dynamic_tls->tls_used[index];
    if (used) {
        process->dynamic_tls->tls_used[index] = false;
        clear_everywhere(process, index);
    }
    pthread_mutex_unlock(&process->lock);
    return used ? true : ldr__win_error(ERROR_INVALID_PARAMETER);
}

static void *LDR_WINAPI guest_TlsGetValue(DWORD index)
{
    ldr__teb *teb = &ldr__thread_self()->teb;
    teb->last_error = ERROR_SUCCESS;
    if (index < TLS_IN_TEB)
        return teb->tls_slots[index];
    if (index < TLS_COUNT)
        return teb->tls_expansion ? teb->tls_expansion[index - TLS_IN_TEB] : NULL;
    teb->last_error = ERROR_INVALID_PARAMETER;
    return NULL;
}

static bool make_expansion(ldr__thread *thread)
{
    void **expansion = calloc(TLS_EXPANSION, sizeof *expansion);
    pthread_mutex_lock(&thread->process->lock);
    thread->teb.tls_expansion = expansion;
    pthread_mutex_unlock(&thread->process->lock);
    return expansion != NULL;
}

static BOOL LDR_WINAPI guest_TlsSetValue(DWORD index, void *value)
{
    ldr__thread *thread = ldr__thread_self();
    if (index >= TLS_COUNT)
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    if (index < TLS_IN_TEB) {
        thread->teb.tls_slots[index] = value;
        return true;
    }
    if (thread->teb.tls_expansion == NULL && !make_expansion(thread))
        return ldr__win_error(ERROR_NOT_ENOUGH_MEMORY);
    thread->teb.tls_expansion[index - TLS_IN_TEB] = value;
    return true;
}

/* ---- FLS: without fibers, a thread's own values with a callback at its end ---- */

static DWORD LDR_WINAPI guest_FlsAlloc(fls_callback callback)
{
    ldr__process *process = ldr__process_self();
    pthread_mutex_lock(&process->lock);
    /* Index 0 is never handed out, as on Windows: programs take it for "none". */
    DWORD index = take_index(process->dynamic_tls->fls_used, 1, FLS_COUNT);
    if (index != OUT_OF_INDEXES)
        process->dynamic_tls->fls_callbacks[index] = callback;
    pthread_mutex_unlock(&process->lock);
    return index;
}

/* Takes one value of the index from any thread; the process is locked. NULL: no more. */
static void *take_value(ldr__process *process, DWORD index)
{
    for (ldr__thread *thread = process->threads; thread; thread = thread->next) {
        void **values = thread->fls;
        void *value = values ? values[index] : NULL;
        if (value != NULL) {
            values[index] = NULL;
            return value;
        }
    }
    return NULL;
}

static BOOL LDR_WINAPI guest_FlsFree(DWORD index)
{
    ldr__process *process = ldr__process_self();
    struct ldr__dynamic_tls *tls = process->dynamic_tls;
    fls_callback callback = NULL;
    void *value;
    pthread_mutex_lock(&process->lock);
    bool used = index < FLS_COUNT && tls->fls_used[index];
    if (used)
        callback = tls->fls_callbacks[index];
    while (used && (value = take_value(process, index)) != NULL) {
        pthread_mutex_unlock(&process->lock);
        if (callback != NULL)
            callback(value);
        pthread_mutex_lock(&process->lock);
    }
    if (used)
        tls->fls_used[index] = false;
    pthread_mutex_unlock(&process->lock);
    return used ? true : ldr__win_error(ERROR_INVALID_PARAMETER);
}

static void *LDR_WINAPI guest_FlsGetValue(DWORD index)
{
    ldr__thread *thread = ldr__thread_self();
    void **values = thread->fls;
    bool valid = index > 0 && index < FLS_COUNT;
    thread->teb.last_error = valid ? ERROR_SUCCESS : ERROR_INVALID_PARAMETER;
    return values != NULL && valid ? values[index] : NULL;
}

/* Under the lock, since FlsFree looks at every thread's values. */
static void **make_fls(ldr__thread *thread)
{
    void **values = calloc(FLS_COUNT, sizeof *values);
    pthread_mutex_lock(&thread->process->lock);
    thread->fls = values;
    pthread_mutex_unlock(&thread->process->lock);
    return values;
}

static BOOL LDR_WINAPI guest_FlsSetValue(DWORD index, void *value)
{
    ldr__thread *thread = ldr__thread_self();
    void **values = thread->fls;
    if (index == 0 || index >= FLS_COUNT)
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    if (values == NULL)
        values = make_fls(thread);
    if (values == NULL)
        return ldr__win_error(ERROR_NOT_ENOUGH_MEMORY);
    values[index] = value;
    return true;
}

void ldr__fls_thread_detach(ldr__thread *thread)
{
    void **values = thread->fls;
    struct ldr__dynamic_tls *tls = thread->process->dynamic_tls;
    for (DWORD index = 0; values != NULL && index < FLS_COUNT; index++) {
        /* Taken under the lock: FlsFree in another thread hands the same value to the callback. */
        pthread_mutex_lock(&thread->process->lock);
        void *value = values[index];
        fls_callback callback = tls->fls_used[index] ? tls->fls_callbacks[index] : NULL;
        values[index] = NULL;
        pthread_mutex_unlock(&thread->process->lock);
        if (value != NULL && callback != NULL)
            callback(value);
    }
}

static const ldr_export lines[] = {
    LDR__FN(TlsAlloc), LDR__FN(TlsFree), LDR__FN(TlsGetValue), LDR__FN(TlsSetValue),
    LDR__FN(FlsAlloc), LDR__FN(FlsFree), LDR__FN(FlsGetValue), LDR__FN(FlsSetValue),
};

LDR__TABLE(ldr__kernel32_tls, "kernel32.dll", lines);
