#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "win32/children.h"
#include "win32/shared.h"
#include "win32/state.h"
#include "win32/wait.h"

/* A thread that waits; lives on its stack. */
typedef struct waiter {
    _Atomic uint32_t word; /* a futex: another number when it has to look again */
    struct waiter *next, **link;
} waiter;

struct ldr__wait_block {
    waiter *who;
    ldr__wait_block *next, **link;
};

struct ldr__waits {
    pthread_mutex_t lock, naming;
    waiter *waiters;
    ldr__waitable *named;
};

ldr_status ldr__waits_create(ldr__process *process)
{
    struct ldr__waits *waits = calloc(1, sizeof *waits);
    if (waits == NULL)
        return LDR_NO_MEMORY;
    pthread_mutex_init(&waits->lock, NULL);
    pthread_mutex_init(&waits->naming, NULL);
    process->waits = waits;
    return LDR_OK;
}

void ldr__waits_destroy(ldr__process *process)
{
    if (process->waits == NULL)
        return;
    pthread_mutex_destroy(&process->waits->lock);
    pthread_mutex_destroy(&process->waits->naming);
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

void ldr__naming_lock(ldr__process *process)
{
    pthread_mutex_lock(&process->waits->naming);
}

void ldr__naming_unlock(ldr__process *process)
{
    pthread_mutex_unlock(&process->waits->naming);
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
    ldr__shared_close(waitable->shared);
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

static void wake(waiter *who)
{
    atomic_fetch_add(&who->word, 1);
    ldr__futex_wake(&who->word, 1);
}

void ldr__waitable_changed(ldr__waitable *waitable)
{
    for (ldr__wait_block *block = waitable->blocks; block; block = block->next)
        wake(block->who);
}

void ldr__event_set(ldr__event *event, bool signaled)
{
    if (event->waitable.shared != NULL) {
        ldr__shared_event_set(event->waitable.shared, signaled);
        return;
    }
    event->signaled = signaled;
    if (signaled)
        ldr__waitable_changed(&event->waitable);
}

/* ---- Whether a wait is over ---- */

static bool is_signaled(const ldr__waitable *waitable, const ldr__thread *thread)
{
    if (waitable->shared != NULL)
        return ldr__shared_is_signaled(waitable->shared);
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

/*
 * What a satisfied wait does to the object; *ret_abandoned is set for a mutex whose owner had died.
 * False only for a shared object that somebody else took meanwhile.
 */
static bool take(ldr__waitable *waitable, ldr__thread *thread, bool *ret_abandoned)
{
    *ret_abandoned = false;
    if (waitable->shared != NULL)
        return ldr__shared_take(waitable->shared, ret_abandoned);
    if (waitable->object.type == LDR__OBJECT_MUTEX) {
        ldr__mutex *mutex = (ldr__mutex *)waitable;
        *ret_abandoned = mutex->abandoned;
        mutex->owner = thread;
        mutex->recursion++;
        mutex->abandoned = false;
    } else if (waitable->object.type == LDR__OBJECT_SEMAPHORE) {
        ((ldr__semaphore *)waitable)->count--;
    } else if (waitable->object.type == LDR__OBJECT_EVENT && !((ldr__event *)waitable)->manual) {
        ((ldr__event *)waitable)->signaled = false;
    }
    return true;
}

static bool try_any(ldr__waitable *const *objects, DWORD count, ldr__thread *thread,
                    DWORD *ret_result)
{
    bool abandoned;
    for (DWORD i = 0; i < count; i++) {
        if (is_signaled(objects[i], thread) && take(objects[i], thread, &abandoned)) {
            *ret_result = (abandoned ? WAIT_ABANDONED_0 : WAIT_OBJECT_0) + i;
            return true;
        }
    }
    return false;
}

/* The shared objects first: the others cannot be taken by anybody while the lock is held. */
static bool take_shared(ldr__waitable *const *objects, DWORD count, ldr__thread *thread,
                        bool *ret_abandoned)
{
    bool abandoned[MAXIMUM_WAIT_OBJECTS];
    for (DWORD i = 0; i < count; i++) {
        if (objects[i]->shared == NULL || take(objects[i], thread, &abandoned[i]))
            continue;
        while (i-- > 0)
            if (objects[i]->shared != NULL)
                ldr__shared_give_back(objects[i]->shared, abandoned[i]);
        return false;
    }
    for (DWORD i = 0; i < count; i++)
        *ret_abandoned = *ret_abandoned || (objects[i]->shared != NULL && abandoned[i]);
    return true;
}

static bool try_all(ldr__waitable *const *objects, DWORD count, ldr__thread *thread,
                    DWORD *ret_result)
{
    bool abandoned = false, one;
    if (count == 0)
        return false;
    for (DWORD i = 0; i < count; i++)
        if (!is_signaled(objects[i], thread))
            return false;
    if (!take_shared(objects, count, thread, &abandoned))
        return false;
    for (DWORD i = 0; i < count; i++) {
        if (objects[i]->shared != NULL)
            continue;
        take(objects[i], thread, &one);
        abandoned = one || abandoned;
    }
    *ret_result = abandoned ? WAIT_ABANDONED_0 : WAIT_OBJECT_0;
    return true;
}

/* ---- Waiting ---- */

static void waiter_start(struct ldr__waits *waits, waiter *self, ldr__wait_block *blocks,
                         ldr__waitable *const *objects, DWORD count)
{
    atomic_init(&self->word, 0);
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

/* The words that a thread sleeps on: its own and those of shared objects. */
typedef struct wait_words {
    struct futex_waitv words[MAXIMUM_WAIT_OBJECTS + 1];
    uint32_t count;
} wait_words;

static struct futex_waitv word_of(_Atomic uint32_t *word, uint32_t flags)
{
    return (struct futex_waitv){
        .val = atomic_load(word), .uaddr = (uint64_t)(uintptr_t)word, .flags = FUTEX_32 | flags};
}

/* To be read before the objects are looked at: what changes afterwards ends the sleep. */
static void read_words(waiter *self, ldr__waitable *const *objects, DWORD count,
                       wait_words *ret_words)
{
    ret_words->words[0] = word_of(&self->word, FUTEX_PRIVATE_FLAG);
    ret_words->count = 1;
    for (DWORD i = 0; i < count; i++)
        if (objects[i]->shared != NULL)
            ret_words->words[ret_words->count++] = word_of(&objects[i]->shared->state->sequence, 0);
}

static bool is_later(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* Sleeps up to `until` (NULL: forever) on the thread's own word alone. */
static void sleep_alone(const struct futex_waitv *own, const struct timespec *until)
{
    syscall(SYS_futex, (void *)(uintptr_t)own->uaddr, FUTEX_WAIT_BITSET_PRIVATE, (uint32_t)own->val,
            until, NULL, FUTEX_BITSET_MATCH_ANY);
}

/*
 * Sleeps until a word changes, or `deadline` (NULL: never); may return early. Who changes a shared
 * object may be killed before it wakes anybody, and the owner of a mutex at any time, so that
 * nobody sleeps for long on one; for even less where the system cannot wait for several words.
 */
static void sleep_on(const wait_words *on, const struct timespec *deadline)
{
    enum { SHARED_SLEEP = 50, POLLING_SLEEP = 5 };
    if (on->count == 1) {
        sleep_alone(&on->words[0], deadline);
        return;
    }
    struct timespec until = ldr__deadline_after(SHARED_SLEEP);
    if (deadline != NULL && is_later(&until, deadline))
        until = *deadline;
    if (syscall(SYS_futex_waitv, on->words, on->count, 0, &until, CLOCK_MONOTONIC) >= 0 ||
        errno != ENOSYS)
        return;
    until = ldr__deadline_after(POLLING_SLEEP);
    if (deadline != NULL && is_later(&until, deadline))
        until = *deadline;
    sleep_alone(&on->words[0], &until);
}

static bool has_passed(const struct timespec *deadline)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return !is_later(deadline, &now);
}

DWORD ldr__wait(ldr__process *process, ldr__waitable *const *objects, DWORD count, bool all,
                DWORD timeout)
{
    waiter self;
    wait_words words;
    ldr__wait_block blocks[MAXIMUM_WAIT_OBJECTS];
    ldr__thread *thread = ldr__thread_self();
    struct timespec deadline = ldr__deadline_after(timeout);
    struct ldr__waits *waits = process->waits;
    bool forever = timeout == LDR__INFINITE, in_time = timeout != 0;
    DWORD result = WAIT_TIMEOUT;

    pthread_mutex_lock(&waits->lock);
    waiter_start(waits, &self, blocks, objects, count);
    for (;;) {
        read_words(&self, objects, count, &words);
        if (must_stop(process, thread) ||
            (all ? try_all : try_any)(objects, count, thread, &result) || !in_time)
            break;
        pthread_mutex_unlock(&waits->lock);
        sleep_on(&words, forever ? NULL : &deadline);
        in_time = forever || !has_passed(&deadline);
        pthread_mutex_lock(&waits->lock);
    }
    waiter_end(&self, blocks, count);
    pthread_mutex_unlock(&waits->lock);
    return result;
}

void ldr__wait_wake_all(ldr__process *process)
{
    ldr__wait_lock(process);
    for (waiter *at = process->waits->waiters; at; at = at->next)
        wake(at);
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
