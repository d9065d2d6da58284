/*
 * wait.h: objects that a thread can wait for.
 *
 * One lock per process (ldr__wait_lock) guards the state of all of them, so that a wait for all of
 * several objects is atomic. Each waiting thread sleeps on a word of its own, and on
 * one of each object whose state is shared with other processes (shared.h): of those a wait for all
 * takes one after the other, and gives them back when one cannot be had.
 */
#ifndef PELOAD_WIN32_WAIT_H
#define PELOAD_WIN32_WAIT_H

#include <time.h>

#include "win32/win32.h"

enum {
    WAIT_OBJECT_0 = 0,
    WAIT_ABANDONED_0 = 0x80,
    WAIT_IO_COMPLETION = 0xC0,
    WAIT_TIMEOUT = 0x102,
    MAXIMUM_WAIT_OBJECTS = 64,
};
#define LDR__INFINITE ((DWORD)-1)

typedef struct ldr__wait_block ldr__wait_block;

/* First member of every object that can have a name or be waited for. */
typedef struct ldr__waitable {
    ldr__object object;
    ldr__process *process;
    ldr__wait_block *blocks;    /* threads that wait for it */
    WCHAR *name;                /* or NULL */
    struct ldr__shared *shared; /* its state, when other processes see it (shared.c), or NULL */
    struct ldr__waitable *next_named;
} ldr__waitable;

typedef struct ldr__mutex {
    ldr__waitable waitable;
    ldr__thread *owner;
    uint32_t recursion;
    bool abandoned;
} ldr__mutex;

typedef struct ldr__semaphore {
    ldr__waitable waitable;
    int32_t count, maximum;
} ldr__semaphore;

typedef struct ldr__event {
    ldr__waitable waitable;
    bool manual, signaled;
} ldr__event;

typedef struct ldr__thread_object {
    ldr__waitable waitable;
    bool ended;
    DWORD exit_code;
    DWORD id;
    uint32_t suspend_count; /* the thread has not started while it is not 0 */
    atomic_int priority;
    struct ldr__child *remote; /* whose main thread it is (children.c), or NULL */
} ldr__thread_object;

/* A zeroed object of `size` bytes that starts with an ldr__waitable, with one reference; NULL when
 * out of memory. */
void *ldr__waitable_new(ldr__process *process, ldr__object_type type, size_t size);
/* What releases one, for those that hold more than memory. */
void ldr__waitable_destroy(ldr__object *object);
bool ldr__object_is_waitable(const ldr__object *object);

void ldr__wait_lock(ldr__process *process);
void ldr__wait_unlock(ldr__process *process);
/* The state of the object has changed; the lock is held. */
void ldr__waitable_changed(ldr__waitable *waitable);
/* The object of that name with one reference more, or NULL. The lock is held. */
ldr__waitable *ldr__waitable_find(ldr__process *process, const WCHAR *name);
/* Makes it known under `name`, which it takes over. The lock is held. */
void ldr__waitable_set_name(ldr__waitable *waitable, WCHAR *name);

/* SetEvent, ResetEvent; the lock is held. */
void ldr__event_set(ldr__event *event, bool signaled);

/* ---- Names (named.c) ---- */

/* Held while a name is looked up and made known; taken before the other lock. */
void ldr__naming_lock(ldr__process *process);
void ldr__naming_unlock(ldr__process *process);

/*
 * An allocated copy without "Local\\", which changes nothing; NULL for no name. A Win32 error:
 * ERROR_PATH_NOT_FOUND for a backslash behind anything but "Global", ERROR_BAD_PATHNAME for one
 * at the start.
 */
DWORD ldr__name_canonical(const WCHAR *name, WCHAR **ret_name);

/*
 * A handle for `fresh`, whose reference it takes over, or for the object of that name when there is
 * one already (ERROR_ALREADY_EXISTS; of another type: NULL and ERROR_INVALID_HANDLE). Events,
 * semaphores and mutexes with a name are seen by all processes of the user.
 */
HANDLE ldr__waitable_publish(ldr__waitable *fresh, const WCHAR *name, bool inherit);

/* A handle for an event, semaphore or mutex of that name; `size` is that of the type. NULL with the
 * last error.
 */
HANDLE ldr__waitable_open(ldr__process *process, ldr__object_type type, size_t size,
                          const WCHAR *name, const ldr__handle_facts *facts);

/*
 * What an object has besides its name: makes it, or takes what other processes have under that name
 * (canonical, or NULL), which *ret_existed tells. `may_create` false: only the latter. A Win32
 * error.
 */
typedef DWORD (*ldr__maker)(ldr__waitable *fresh, const WCHAR *name, bool may_create, void *user,
                            bool *ret_existed);
/*
 * The same for any type. With a `user` an object is made by `make` also when this process has one
 * of that name, to have the arguments looked at.
 */
HANDLE ldr__waitable_name(ldr__waitable *fresh, const WCHAR *name, bool may_create, ldr__maker make,
                          void *user, const ldr__handle_facts *facts);

/*
 * Waits until one (or all) of the objects are signalled and takes them, as WaitForMultipleObjects;
 * `count` may be 0, which sleeps. In a process that is ending it returns at once in a guest thread,
 * which gives back what it holds and calls ldr__thread_stop_if_exiting.
 */
DWORD ldr__wait(ldr__process *process, ldr__waitable *const *objects, DWORD count, bool all,
                DWORD timeout);
/* Wakes every waiting thread: the process is ending. */
void ldr__wait_wake_all(ldr__process *process);
/* Leaves to the next thread the mutexes that `thread`, which ends, still owns. */
void ldr__wait_abandon_mutexes(ldr__thread *thread);

/* ---- Futexes: waiting on words of guest memory ---- */

/*
 * Sleeps while *word is `expected`, up to `deadline` (CLOCK_MONOTONIC; NULL: forever); may return
 * early. False when the deadline has passed. Ends the thread when the process is ending.
 */
bool ldr__futex_wait(_Atomic uint32_t *word, uint32_t expected, const struct timespec *deadline);
void ldr__futex_wake(_Atomic uint32_t *word, int count);
/* `milliseconds` from now. */
struct timespec ldr__deadline_after(DWORD milliseconds);

#endif
