/*
 * linux_registry_lock.c: a lock is a name that only one socket can have. It goes with the process;
 * that a child of fork does not keep it as well takes a handler, which the process has once.
 */
#include "os/linux.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define WAIT_NANOSECONDS  INT64_C(5000000000)
#define FIRST_NANOSECONDS INT64_C(50000)
#define LAST_NANOSECONDS  INT64_C(2000000)

struct ldr__registry_lock {
    ldr__handle name;
    ldr__registry_lock *next;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static ldr__registry_lock *held;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void before_fork(void)
{
    pthread_mutex_lock(&mutex);
}

static void after_fork_in_parent(void)
{
    pthread_mutex_unlock(&mutex);
}

static void after_fork_in_child(void)
{
    for (ldr__registry_lock *lock = held; lock != NULL; lock = lock->next) {
        ldr__linux_close(lock->name);
        lock->name = LDR__NO_HANDLE;
    }
    pthread_mutex_unlock(&mutex);
}

static void install(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* No fork comes between having the name and being in the list. */
static ldr_status try_lock(const ldr__linux_name *name, ldr__registry_lock *lock)
{
    pthread_mutex_lock(&mutex);
    ldr_status status = ldr__linux_name_bind(name, &lock->name);
    if (status == LDR_OK) {
        lock->next = held;
        held = lock;
    }
    pthread_mutex_unlock(&mutex);
    return status;
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static ldr_status wait_for(const ldr__linux_name *name, ldr__registry_lock *lock)
{
    int64_t end = now() + WAIT_NANOSECONDS;
    int64_t pause = FIRST_NANOSECONDS;
    ldr_status status = try_lock(name, lock);
    while (status == LDR_BUSY && now() < end) {
        nanosleep(&(struct timespec){.tv_nsec = pause}, NULL);
        pause = pause * 2 < LAST_NANOSECONDS ? pause * 2 : LAST_NANOSECONDS;
        status = try_lock(name, lock);
    }
    return status;
}

ldr_status ldr__os_registry_lock(const ldr__registry_key *key, ldr__registry_lock **ret_lock)
{
    ldr__registry_lock *lock = calloc(1, sizeof *lock);
    if (lock == NULL)
        return LDR_NO_MEMORY;
    pthread_once(&once, install);
    ldr__linux_name name;
    ldr__linux_name_make(key, "/lock", &name);
    ldr_status status = wait_for(&name, lock);
    if (status != LDR_OK)
        free(lock);
    if (status == LDR_OK || status == LDR_POLICY)
        *ret_lock = status == LDR_OK ? lock : NULL;
    return status == LDR_POLICY ? LDR_OK : status;
}

void ldr__os_registry_unlock(ldr__registry_lock *lock)
{
    if (lock == NULL)
        return;
    pthread_mutex_lock(&mutex);
    ldr__registry_lock **link = &held;
    while (*link != lock)
        link = &(*link)->next;
    *link = lock->next;
    pthread_mutex_unlock(&mutex);
    ldr__linux_close(lock->name);
    free(lock);
}
