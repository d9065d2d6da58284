#include <asm/prctl.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "win32/state.h"
#include "win32/trace/trace.h"
#include "win32/wait.h"

/* AT_HWCAP2: the kernel lets programs use RDGSBASE and WRGSBASE. */
enum { HWCAP2_FSGSBASE_BIT = 1 << 1 };

uint64_t ldr__gs_get(void)
{
    uint64_t base = 0;
    if (getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE_BIT)
        __asm__ volatile("rdgsbase %0" : "=r"(base));
    else
        syscall(SYS_arch_prctl, ARCH_GET_GS, &base);
    return base;
}

void ldr__gs_set(uint64_t base)
{
    if (getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE_BIT)
        __asm__ volatile("wrgsbase %0" : : "r"(base) : "memory");
    else
        syscall(SYS_arch_prctl, ARCH_SET_GS, base);
}

/* ---- Thread blocks ---- */

/*
 * False when memory or descriptors are short. A host that does not tell (of the first thread it
 * does in /proc) has threads whose exceptions find no handler.
 */
static bool set_stack_bounds(ldr__teb *teb)
{
    pthread_attr_t attributes;
    void *lowest = NULL;
    size_t size = 0;
    int failed = pthread_getattr_np(pthread_self(), &attributes);
    if (failed != 0)
        return failed != ENOMEM && failed != EMFILE && failed != ENFILE;
    pthread_attr_getstack(&attributes, &lowest, &size);
    pthread_attr_destroy(&attributes);
    teb->stack_base = (char *)lowest + size;
    teb->stack_limit = lowest;
    teb->deallocation_stack = lowest;
    return true;
}

static void thread_release(ldr__thread *thread)
{
    ldr__live_thread_remove(thread);
    ldr__crt_thread_detach(thread);
    ldr__tls_thread_release(thread);
    ldr__dynamic_tls_thread_release(thread);
    ldr__trace_thread_release(thread);
    if (thread->object != NULL)
        ldr__object_release(&thread->object->waitable.object);
    free(thread);
}

static ldr__thread_object *host_thread_object(ldr__process *process)
{
    return ldr__waitable_new(process, LDR__OBJECT_THREAD, sizeof(ldr__thread_object));
}

static void fill_thread(ldr__thread *thread, ldr__process *process)
{
    thread->process = process;
    thread->host = pthread_self();
    thread->host_id = gettid();
    thread->teb.self = &thread->teb;
    thread->teb.peb = process->peb;
    thread->teb.process_id = (uint64_t)getpid();
    thread->teb.thread_id = (uint64_t)thread->host_id;
    thread->object->id = (DWORD)thread->host_id;
}

/* Static TLS and the list: one step, so that a TLS slot added meanwhile reaches the thread. */
static bool thread_list(ldr__thread *thread)
{
    ldr__process *process = thread->process;
    pthread_mutex_lock(&process->lock);
    bool listed = ldr__tls_thread_attach(thread) == LDR_OK;
    if (listed) {
        thread->next = process->threads;
        process->threads = thread;
    }
    pthread_mutex_unlock(&process->lock);
    return listed;
}

/* The thread can be used, and found: all that needs memory. */
static bool thread_begin(ldr__thread *thread)
{
    return set_stack_bounds(&thread->teb) &&
           (!thread->made_by_guest || ldr__fault_thread_begin(thread)) &&
           ldr__live_thread_add(thread) && thread_list(thread);
}

ldr__thread *ldr__thread_new(ldr__process *process, ldr__thread_object *object)
{
    ldr__thread *thread = calloc(1, sizeof *thread);
    bool made_by_guest = object != NULL;
    if (object == NULL)
        object = host_thread_object(process);
    if (thread == NULL || object == NULL) {
        free(thread);
        if (object != NULL)
            ldr__object_release(&object->waitable.object);
        return NULL;
    }
    thread->object = object;
    thread->made_by_guest = made_by_guest;
    fill_thread(thread, process);
    if (thread_begin(thread))
        return thread;
    if (made_by_guest)
        ldr__fault_thread_end(thread);
    thread_release(thread);
    return NULL;
}

/* ---- Reaping ---- */

/* A thread of the host gives no sign when it ends, so the kernel is asked. The thread that ends the
 * process stays known to ldr_run, which waits for it. */
static bool is_gone(const ldr__thread *thread)
{
    if (thread->made_by_guest)
        return atomic_load(&thread->ended) && atomic_load(&thread->process->exit_thread) != thread;
    return thread->depth == 0 && syscall(SYS_tgkill, getpid(), (pid_t)thread->host_id, 0) != 0 &&
           errno == ESRCH;
}

/* What finish_thread does for a guest thread: who waits for it, or for a mutex that it owns, learns
 * that it is gone. */
static void end_host_thread(ldr__thread *thread)
{
    ldr__wait_abandon_mutexes(thread);
    ldr__wait_lock(thread->process);
    thread->object->ended = true;
    ldr__waitable_changed(&thread->object->waitable);
    ldr__wait_unlock(thread->process);
}

static void release_list(ldr__thread *list)
{
    while (list != NULL) {
        ldr__thread *thread = list;
        list = thread->next;
        if (thread->made_by_guest)
            pthread_join(thread->host, NULL);
        else
            end_host_thread(thread);
        thread_release(thread);
    }
}

void ldr__threads_reap(ldr__process *process)
{
    ldr__thread *gone = NULL;
    pthread_mutex_lock(&process->lock);
    for (ldr__thread **at = &process->threads; *at;) {
        ldr__thread *thread = *at;
        if (is_gone(thread)) {
            *at = thread->next;
            thread->next = gone;
            gone = thread;
        } else {
            at = &thread->next;
        }
    }
    pthread_mutex_unlock(&process->lock);
    release_list(gone);
}

void ldr__threads_destroy(ldr__process *process)
{
    release_list(process->threads);
    process->threads = NULL;
}

/* ---- Entering and leaving ---- */

/*
 * The calling thread's block. A new thread has inherited its creator's GS, so that GS alone does
 * not tell whose block it is.
 */
static ldr__thread *find_thread(ldr__process *process)
{
    int64_t id = gettid();
    pthread_mutex_lock(&process->lock);
    ldr__thread *thread = process->threads;
    while (thread != NULL &&
           !(thread->host_id == id && pthread_equal(thread->host, pthread_self())))
        thread = thread->next;
    pthread_mutex_unlock(&process->lock);
    return thread;
}

/* Once for each thread; one that could not wait for the loader is told about when it comes again.
 */
static ldr_status attach_host_thread(ldr__thread *thread)
{
    if (thread->is_attached || thread->made_by_guest)
        return LDR_OK;
    thread->is_attached = true; /* what its DllMain does enters as well */
    ldr_status status = ldr__modules_host_attach(thread->process->ctx);
    thread->is_attached = status == LDR_OK;
    return status;
}

ldr_status ldr__thread_enter(ldr__process *process, ldr_thread_scope *ret_scope)
{
    uint64_t previous = ldr__gs_get();
    ldr__thread *thread = find_thread(process);
    if (thread == NULL) {
        ldr__threads_reap(process);
        thread = ldr__thread_new(process, NULL);
        if (thread == NULL)
            return LDR_NO_MEMORY;
    }
    thread->depth++;
    ldr__gs_set((uint64_t)(uintptr_t)thread);
    ldr_status status = attach_host_thread(thread);
    if (status == LDR_OK) {
        *ret_scope = (ldr_thread_scope){process->ctx, previous};
        return LDR_OK;
    }
    thread->depth--;
    ldr__gs_set(previous);
    return status;
}

/* GS is another context's when contexts are not left in the order in which they were entered. */
void ldr__thread_leave(ldr__process *process, ldr_thread_scope *scope)
{
    ldr__thread *thread = find_thread(process);
    if (thread == NULL)
        return;
    thread->depth--;
    if (ldr__gs_get() == (uint64_t)(uintptr_t)thread)
        ldr__gs_set(scope->previous_gs);
}
