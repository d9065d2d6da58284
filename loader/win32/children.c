#include "win32/children.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "win32/spawn.h"
#include "win32/state.h"

/* glibc 2.36 has no name for it. */
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

enum {
    STATUS_ACCESS_VIOLATION = 0xC0000005,
    STATUS_ILLEGAL_INSTRUCTION = 0xC000001D,
    STATUS_INTEGER_DIVIDE_BY_ZERO = 0xC0000094,
    STATUS_DLL_INIT_FAILED = 0xC0000142,
    /* What the task manager of Windows ends processes with. */
    EXIT_KILLED = 1,
};

/* A thread of the host waits for the end of all of them, so that a process is one more object whose
 * state changes under the wait lock. */
struct ldr__children {
    int epoll;
    int stop; /* an eventfd */
    pthread_t watcher;
    ldr__child *first; /* those that run, a reference each; guarded by the wait lock */
};

/* ---- The end of a child ---- */

/* For a process that has not said its exit code itself. */
static DWORD exit_code_of(const siginfo_t *info)
{
    if (info->si_code == CLD_EXITED)
        return info->si_status == 0 ? 0 : STATUS_DLL_INIT_FAILED;
    switch (info->si_status) {
    case SIGSEGV:
    case SIGBUS:
        return STATUS_ACCESS_VIOLATION;
    case SIGILL:
        return STATUS_ILLEGAL_INSTRUCTION;
    case SIGFPE:
        return STATUS_INTEGER_DIVIDE_BY_ZERO;
    default:
        return EXIT_KILLED;
    }
}

static void unlist(struct ldr__children *children, ldr__child *child)
{
    ldr__child **at = &children->first;
    while (*at != child)
        at = &(*at)->next;
    *at = child->next;
}

static void end_child(ldr__process *process, ldr__child *child)
{
    siginfo_t info = {.si_code = CLD_KILLED};
    /* Fails when the host reaps children itself. What has ended well has set its code before; of
     * others the cause is not known then. */
    while (waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED) != 0 && errno == EINTR)
        continue;
    ldr__start_set_exit(child->block, exit_code_of(&info));
    ldr__wait_lock(process);
    unlist(process->children, child);
    ldr__thread_object *thread = child->main_thread;
    child->main_thread = NULL;
    child->exit_code = (DWORD)atomic_load(&child->block->exit);
    child->ended = true;
    thread->exit_code = child->exit_code;
    thread->ended = true;
    ldr__waitable_changed(&child->waitable);
    ldr__waitable_changed(&thread->waitable);
    ldr__wait_unlock(process);
    ldr__object_release(&thread->waitable.object);
    ldr__object_release(&child->waitable.object);
}

static void *watch(void *user)
{
    ldr__process *process = user;
    struct epoll_event event;
    for (;;) {
        int count = epoll_wait(process->children->epoll, &event, 1, -1);
        if (count != 1)
            continue; /* a signal handler ran */
        ldr__child *child = event.data.ptr;
        if (child == NULL)
            return NULL;
        epoll_ctl(process->children->epoll, EPOLL_CTL_DEL, child->pidfd, NULL);
        end_child(process, child);
    }
}

/* ---- The watcher ---- */

static int start_watcher(ldr__process *process)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&process->children->watcher, NULL, watch, process);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

static void children_free(struct ldr__children *children)
{
    if (children->epoll >= 0)
        close(children->epoll);
    if (children->stop >= 0)
        close(children->stop);
    free(children);
}

static struct ldr__children *children_new(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    struct ldr__children *children = calloc(1, sizeof *children);
    if (children == NULL)
        return NULL;
    children->epoll = epoll_create1(EPOLL_CLOEXEC);
    children->stop = eventfd(0, EFD_CLOEXEC);
    if (children->epoll >= 0 && children->stop >= 0 &&
        epoll_ctl(children->epoll, EPOLL_CTL_ADD, children->stop, &event) == 0)
        return children;
    children_free(children);
    return NULL;
}

/* Made with the first child. */
static bool children_ready(ldr__process *process)
{
    pthread_mutex_lock(&process->lock);
    if (process->children == NULL && (process->children = children_new()) != NULL &&
        start_watcher(process) != 0) {
        children_free(process->children);
        process->children = NULL;
    }
    bool ready = process->children != NULL;
    pthread_mutex_unlock(&process->lock);
    return ready;
}

void ldr__children_destroy(ldr__process *process)
{
    struct ldr__children *children = process->children;
    const uint64_t one = 1;
    if (children == NULL)
        return;
    while (write(children->stop, &one, sizeof one) < 0 && errno == EINTR)
        continue;
    pthread_join(children->watcher, NULL);
    while (children->first != NULL) {
        ldr__child *child = children->first;
        children->first = child->next;
        ldr__object_release(&child->main_thread->waitable.object);
        child->main_thread = NULL;
        ldr__object_release(&child->waitable.object);
    }
    children_free(children);
    process->children = NULL;
}

/* ---- Objects ---- */

static void child_destroy(ldr__object *object)
{
    ldr__child *child = (ldr__child *)object;
    if (child->main_thread != NULL)
        ldr__object_release(&child->main_thread->waitable.object);
    if (child->pidfd >= 0)
        close(child->pidfd);
    if (child->block != NULL)
        munmap(child->block, child->block_size);
    ldr__waitable_destroy(object);
}

static ldr__child *child_new(ldr__process *process)
{
    ldr__child *child = ldr__waitable_new(process, LDR__OBJECT_PROCESS, sizeof *child);
    if (child == NULL)
        return NULL;
    child->waitable.object.destroy = child_destroy;
    child->pidfd = -1;
    return child;
}

static void thread_destroy(ldr__object *object)
{
    ldr__object_release(&((ldr__thread_object *)object)->remote->waitable.object);
    ldr__waitable_destroy(object);
}

static void reference(ldr__waitable *waitable)
{
    atomic_fetch_add(&waitable->object.references, 1);
}

/* The child's main thread; it holds the child, and the child holds it until it ends. */
static ldr__thread_object *main_thread_new(ldr__child *child)
{
    ldr__thread_object *thread =
        ldr__waitable_new(child->waitable.process, LDR__OBJECT_THREAD, sizeof *thread);
    if (thread == NULL)
        return NULL;
    reference(&child->waitable);
    thread->remote = child;
    thread->waitable.object.destroy = thread_destroy;
    child->main_thread = thread;
    return thread;
}

/* ---- Starting ---- */

/* From here on the watcher looks after the child; the caller's references are others. */
static bool watch_child(ldr__process *process, ldr__child *child)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = child};
    ldr__wait_lock(process);
    bool watched = epoll_ctl(process->children->epoll, EPOLL_CTL_ADD, child->pidfd, &event) == 0;
    if (watched) {
        reference(&child->waitable);
        reference(&child->main_thread->waitable);
        child->next = process->children->first;
        process->children->first = child;
    }
    ldr__wait_unlock(process);
    return watched;
}

static DWORD start(ldr__process *process, const ldr__child_request *request, ldr__child *child)
{
    DWORD error = ldr__spawn(process, request, child);
    if (error != ERROR_SUCCESS)
        return error;
    child->main_thread->id = child->id;
    if (watch_child(process, child))
        return ERROR_SUCCESS;
    syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0);
    waitid(P_PIDFD, (id_t)child->pidfd, NULL, WEXITED);
    return ERROR_NOT_ENOUGH_MEMORY;
}

DWORD ldr__child_start(ldr__process *process, const ldr__child_request *request,
                       ldr__child **ret_child, ldr__thread_object **ret_thread)
{
    if (process->command_count == 0)
        return ERROR_NOT_SUPPORTED;
    ldr__child *child = children_ready(process) ? child_new(process) : NULL;
    ldr__thread_object *thread = child ? main_thread_new(child) : NULL;
    DWORD error = thread ? start(process, request, child) : ERROR_NOT_ENOUGH_MEMORY;
    if (error == ERROR_SUCCESS) {
        *ret_child = child;
        *ret_thread = thread;
        return ERROR_SUCCESS;
    }
    if (thread != NULL) {
        child->main_thread = NULL;
        ldr__object_release(&thread->waitable.object);
    }
    if (child != NULL)
        ldr__object_release(&child->waitable.object);
    return error;
}

/* ---- What is done with one ---- */

DWORD ldr__child_terminate(ldr__child *child, DWORD exit_code)
{
    DWORD unused;
    if (ldr__child_exit_code(child, &unused))
        return ERROR_ACCESS_DENIED;
    ldr__start_set_exit(child->block, exit_code);
    if (syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0) != 0)
        return errno == ESRCH ? ERROR_ACCESS_DENIED : ldr__error_from_errno(errno);
    return ERROR_SUCCESS;
}

bool ldr__child_exit_code(ldr__child *child, DWORD *ret_exit_code)
{
    ldr__wait_lock(child->waitable.process);
    bool ended = child->ended;
    if (ended)
        *ret_exit_code = child->exit_code;
    ldr__wait_unlock(child->waitable.process);
    return ended;
}

DWORD ldr__child_resume(ldr__child *child)
{
    uint32_t before = atomic_load(&child->block->suspended);
    while (before > 0 &&
           !atomic_compare_exchange_weak(&child->block->suspended, &before, before - 1))
        continue;
    syscall(SYS_futex, &child->block->suspended, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
    return before;
}

ldr__child *ldr__child_find(ldr__process *process, DWORD id, DWORD *ret_error)
{
    ldr__child *child = NULL;
    if (id == (DWORD)getpid()) {
        child = child_new(process);
        *ret_error = ERROR_NOT_ENOUGH_MEMORY;
        if (child != NULL)
            child->id = id;
        return child;
    }
    ldr__wait_lock(process);
    if (process->children != NULL)
        for (child = process->children->first; child && child->id != id; child = child->next)
            continue;
    if (child != NULL)
        reference(&child->waitable);
    ldr__wait_unlock(process);
    *ret_error = ERROR_INVALID_PARAMETER;
    return child;
}
