/*
 * shared.h: named events, semaphores and mutexes, which all processes of the user see.
 *
 * The state of one is a page of memory that each of them maps and finds by its name
 * (ldr__os_registry_*). It is changed by single atomic steps, and a mutex is one of the host's
 * robust ones, so that a process that is killed at any moment leaves nothing that others would wait
 * for in vain. The page goes when the last process that has the object open is gone.
 */
#ifndef PELOAD_WIN32_SHARED_H
#define PELOAD_WIN32_SHARED_H

#include "os/os.h"
#include "win32/win32.h"

typedef struct ldr__shared_state {
    uint32_t magic;             /* of this layout */
    uint32_t type;              /* ldr__object_type */
    _Atomic uint32_t sequence;  /* a futex: another number whenever a wait may be over */
    _Atomic uint32_t value;     /* event: 1 when signalled; semaphore: the count */
    uint32_t limit;             /* event: 1 for manual reset; semaphore: the maximum */
    _Atomic uint32_t abandoned; /* mutex: its owner ended without releasing it */
    pthread_mutex_t mutex;      /* recursive, robust */
} ldr__shared_state;

/* This process's way to a state. */
typedef struct ldr__shared {
    ldr__shared_state *state;
    ldr__handle segment;
    ldr__registry_mark mark;
    atomic_int owned; /* mutex: how often threads of this process have it */
} ldr__shared;

/* What a new state begins with. */
typedef struct ldr__shared_initial {
    ldr__object_type type;
    uint32_t value, limit;
    bool owned; /* by the calling thread */
} ldr__shared_initial;

/*
 * The state under a name (as ldr__name_canonical makes it), or a new one; `may_create` false: only
 * what there is. A Win32 error: ERROR_INVALID_HANDLE when the name is another type's,
 * ERROR_FILE_NOT_FOUND. Released with ldr__shared_close, which takes NULL.
 */
DWORD ldr__shared_open(const WCHAR *name, const ldr__shared_initial *initial, bool may_create,
                       ldr__shared **ret_shared, bool *ret_existed);
void ldr__shared_close(ldr__shared *shared);

/* Whether a wait might be over; of a mutex only an attempt tells. */
bool ldr__shared_is_signaled(const ldr__shared *shared);
/* Takes it if it is signalled; *ret_abandoned is set for a mutex whose owner had ended. */
bool ldr__shared_take(ldr__shared *shared, bool *ret_abandoned);
/* Undoes a take that turned out to be in vain. */
void ldr__shared_give_back(ldr__shared *shared, bool abandoned);

/* SetEvent, ResetEvent. */
void ldr__shared_event_set(ldr__shared *shared, bool signaled);
/* ERROR_TOO_MANY_POSTS beyond the maximum. */
DWORD ldr__shared_semaphore_release(ldr__shared *shared, uint32_t count, uint32_t *ret_previous);
/* ERROR_NOT_OWNER. */
DWORD ldr__shared_mutex_release(ldr__shared *shared);

#endif
