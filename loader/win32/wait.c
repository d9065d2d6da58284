#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "win32/children.h"
#include "win32/state.h"
#include "win32/wait.h"

/* A thread that waits; lives on its stack. */
typedef struct waiter {
    pthread_cond_t wake;
    struct waiter *next, **link;
} waiter;

struct ldr__wait_block {
    waiter *who;
    ldr__wait_block *next, **link;
};

struct ldr__waits {
    pthread_mutex_t lock;
    waiter *waiters;
    ldr__waitable *named;
};

ldr_status ldr__waits_create(ldr__process *process)
{
    struct ldr__waits *waits = calloc(1, sizeof *waits);
    if (waits == NULL)
        return LDR_NO_MEMORY;
    pthread_mutex_init(&waits->lock, NULL);
    process->waits = waits;
    return LDR_OK;
}

void ldr__waits_destroy(ldr__process *process)
{
    if (process->waits == NULL)
        return;
    pthread_mutex_destroy(&process->waits->lock);
    free(process->waits);
    process->waits = NULL;
}

void ldr__wait_lock(ldr__process *process)
{
    pthread_mutex_lock(&process->waits->lock);
}

void ldr__wait_unlock(ldr__process *process)
{
    pthread_mutex_unlock(&process->waits->lock);
}

/* ---- Objects ---- */

void ldr__waitable_destroy(ldr__object *object)
{
    ldr__waitable *waitable = (ldr__waitable *)object;
    ldr__wait_lock(waitable->process);
    for (ldr__waitable **at = &waitable->process->waits->named; *at; at = &(*at)->next_named) {
        if (*at == waitable) {
            *at = waitable->next_named;
            break;
        }
    }
    ldr__wait_unlock(waitable->process);
    free(waitable->name);
    free(waitable);
}

void *ldr__waitable_new(ldr__process *process, ldr__object_type type, size_t size)
{
    ldr__waitable *waitable = calloc(1, size);
    if (waitable == NULL)
        return NULL;
    waitable->object.type = type;
    waitable->object.references = 1;
    waitable->object.destroy = ldr__waitable_destroy;
    waitable->process = process;
    return waitable;
}

bool ldr__object_is_waitable(const ldr__object *object)
{
    switch (object->type) {
    case LDR__OBJECT_MUTEX:
    case LDR__OBJECT_SEMAPHORE:
    case LDR__OBJECT_EVENT:
    case LDR__OBJECT_THREAD:
    case LDR__OBJECT_PROCESS:
        return true;
    default:
        return false;
    }
}

static bool same_name(const WCHAR *a, const WCHAR *b)
{
    size_t length = ldr__wcslen(a);
    return length == ldr__wcslen(b) && memcmp(a, b, length * sizeof *a) == 0;
}

/* One reference more, unless the last one is already gone and the object about to be. */
static bool try_reference(ldr__object *object)
{
    int references = atomic_load(&object->references);
    while (references > 0)
        if (atomic_compare_exchange_weak(&object->references, &references, references + 1))
            return true;
    return false;
}

ldr__waitable *ldr__waitable_find(ldr__process *process, const WCHAR *name)
{
    for (ldr__waitable *at = process->waits->named; at; at = at->next_named)
        if (same_name(at->name, name) && try_reference(&at->object))
            return at;
    return NULL;
}

void ldr__waitable_set_name(ldr__waitable *waitable, WCHAR *name)
{
    struct ldr__waits *waits = waitable->process->waits;
    waitable->name = name;
    waitable->next_named = waits->named;
    waits->named = waitable;
}

void ldr__waitable_changed(ldr__waitable *waitable)
{
    for (ldr__wait_block *block = waitable->blocks; block; block = block->next)
        pthread_cond_signal(&block->who->wake);
}

/* ---- Whether a wait is over ---- */

static bool is_signaled(const ldr__waitable *waitable, const ldr__thread *thread)
{
    switch (waitable->object.type) {
    case LDR__OBJECT_MUTEX: {
        const ldr__mutex *mutex = (const ldr__mutex *)waitable;
        return mutex->owner == NULL || mutex->owner == thread;
    }
    case LDR__OBJECT_SEMAPHORE:
        return ((const ldr__semaphore *)waitable)->count > 0;
    case LDR__OBJECT_EVENT:
        return ((const ldr__event *)waitable)->signaled;
    case LDR__OBJECT_PROCESS:
        return ((const ldr__child *)waitable)->ended;
    default:
        return ((const ldr__thread_object *)waitable)->ended;
    }
}

/* What a satisfied wait does to the object; true for a mutex whose owner had died. */
static bool take(ldr__waitable *waitable, ldr__thread *thread)
{
    if (waitable->object.type == LDR__OBJECT_MUTEX) {
        ldr__mutex *mutex = (ldr__mutex *)waitable;
        bool abandoned = mutex->abandoned;
        mutex->owner = thread;
        mutex->recursion++;
        mutex->abandoned = false;
        return abandoned;
    }
    if (waitable->object.type == LDR__OBJECT_SEMAPHORE)
        ((ldr__semaphore *)waitable)->count--;
    else if (waitable->object.type == LDR__OBJECT_EVENT && !((ldr__event *)waitable)->manual)
        ((ldr__event *)waitable)->signaled = false;
    return false;
}

static bool try_any(ldr__waitable *const *objects, DWORD count, ldr__thread *thread,
                    DWORD *ret_result)
{
    for (DWORD i = 0; i < count; i++) {
        if (is_signaled(objects[i], thread)) {
            *ret_result = (take(objects[i], thread) ? WAIT_ABANDONED_0 : WAIT_OBJECT_0) + i;
            return true;
        }
    }
    return false;
}

static bool try_all(ldr__waitable *const *objects, DWORD count, ldr__thread *thread,
                    DWORD *ret_result)
{
    bool abandoned = false;
    if (count == 0)
        return false;
    for (DWORD i = 0; i < count; i++)
        if (!is_signaled(objects[i], thread))
            return false;
    for (DWORD i = 0; i < count; i++)
        abandoned = take(objects[i], thread) || abandoned;
    *ret_result = abandoned ? WAIT_ABANDONED_0 : WAIT_OBJECT_0;
    return true;
}

/* ---- Waiting ---- */

static void waiter_start(struct ldr__waits *waits, waiter *self, ldr__wait_block *blocks,
                         ldr__waitable *const *objects, DWORD count)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&self->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    self->next = waits->waiters;
    self->link = &waits->waiters;
    if (self->next)
        self->next->link = &self->next;
    waits->waiters = self;
    for (DWORD i = 0; i < count; i++) {
        blocks[i] = (ldr__wait_block){self, objects[i]->blocks, &objects[i]->blocks};
        if (blocks[i].next)
            blocks[i].next->link = &blocks[i].next;
        objects[i]->blocks = &blocks[i];
    }
}

static void waiter_end(waiter *self, ldr__wait_block *blocks, DWORD count)
{
    for (DWORD i = 0; i < count; i++) {
        *blocks[i].link = blocks[i].next;
        if (blocks[i].next)
            blocks[i].next->link = blocks[i].link;
    }
    *self->link = self->next;
    if (self->next)
        self->next->link = self->link;
    pthread_cond_destroy(&self->wake);
}

struct timespec ldr__deadline_after(DWORD milliseconds)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += (time_t)(milliseconds / 1000);
    at.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

static bool must_stop(const ldr__process *process, const ldr__thread *thread)
{
    return atomic_load(&process->exiting) && atomic_load(&process->exit_thread) != thread &&
           thread->made_by_guest;
}

DWORD ldr__wait(ldr__process *process, ldr__waitable *const *objects, DWORD count, bool all,
                DWORD timeout)
{
    waiter self;
    ldr__wait_block blocks[MAXIMUM_WAIT_OBJECTS];
    ldr__thread *thread = ldr__thread_self();
    struct timespec deadline = ldr__deadline_after(timeout);
    struct ldr__waits *waits = process->waits;
    DWORD result = WAIT_TIMEOUT;
    bool in_time = timeout != 0;

    pthread_mutex_lock(&waits->lock);
    waiter_start(waits, &self, blocks, objects, count);
    while (!must_stop(process, thread) &&
           !(all ? try_all : try_any)(objects, count, thread, &result) && in_time) {
        if (timeout == LDR__INFINITE)
            pthread_cond_wait(&self.wake, &waits->lock);
        else
            in_time = pthread_cond_timedwait(&self.wake, &waits->lock, &deadline) != ETIMEDOUT;
    }
    waiter_end(&self, blocks, count);
    pthread_mutex_unlock(&waits->lock);
    return result;
}

void ldr__wait_wake_all(ldr__process *process)
{
    ldr__wait_lock(process);
    for (waiter *at = process->waits->waiters; at; at = at->next)
        pthread_cond_signal(&at->wake);
    ldr__wait_unlock(process);
}

static void abandon_if_owned(ldr__object *object, void *user)
{
    ldr__mutex *mutex = (ldr__mutex *)object;
    if (object->type != LDR__OBJECT_MUTEX || mutex->owner != user)
        return;
    mutex->owner = NULL;
    mutex->recursion = 0;
    mutex->abandoned = true;
    ldr__waitable_changed(&mutex->waitable);
}

void ldr__wait_abandon_mutexes(ldr__thread *thread)
{
    ldr__wait_lock(thread->process);
    ldr__handles_each(thread->process, abandon_if_owned, thread);
    ldr__wait_unlock(thread->process);
}

/* ---- Futexes ---- */

/* Nobody wakes the words of a process that ends, so every wait looks up from time to time. */
static const long longest_sleep = 50000000;

static bool time_left(const struct timespec *deadline, struct timespec *ret_left)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t left =
        (int64_t)(deadline->tv_sec - now.tv_sec) * 1000000000 + deadline->tv_nsec - now.tv_nsec;
    if (left <= 0)
        return false;
    *ret_left = (struct timespec){0, left < longest_sleep ? (long)left : longest_sleep};
    return true;
}

bool ldr__futex_wait(_Atomic uint32_t *word, uint32_t expected, const struct timespec *deadline)
{
    struct timespec left = {0, longest_sleep};
    ldr__thread_stop_if_exiting();
    if (deadline != NULL && !time_left(deadline, &left))
        return false;
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, &left, NULL, 0);
    return true;
}

void ldr__futex_wake(_Atomic uint32_t *word, int count)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}
