#include "win32/shared.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "win32/kernel32/pages.h"

enum { STATE_SIZE = LDR__PAGE_SIZE, NAME_MAX_UNITS = 260 };
_Static_assert(sizeof(ldr__shared_state) <= STATE_SIZE, "one page");

/* Programs of another build may have another layout. */
#define STATE_MAGIC ((uint32_t)(0x736F0000 + sizeof(ldr__shared_state)))

static const char name_space[] = "peload: named objects";

/* ---- Making and finding ---- */

/* Which segment a name stands for, whatever the type: all share one name space, as on Windows. */
static void key_of(const WCHAR *name, ldr__registry_key *ret_key)
{
    struct {
        char space[sizeof name_space];
        WCHAR name[NAME_MAX_UNITS];
    } text = {0};
    size_t length = ldr__wcslen(name);
    memcpy(text.space, name_space, sizeof name_space);
    memcpy(text.name, name, length * sizeof *name);
    ldr__os_registry_key(&text, sizeof text, ret_key);
}

static DWORD error_of(ldr_status status)
{
    switch (status) {
    case LDR_OK:
        return ERROR_SUCCESS;
    case LDR_FILE_NOT_FOUND:
        return ERROR_FILE_NOT_FOUND;
    case LDR_NO_MEMORY:
        return ERROR_NOT_ENOUGH_MEMORY;
    default: /* descriptors are short; the name's lock is not to be had */
        return ERROR_NO_SYSTEM_RESOURCES;
    }
}

static ldr_status map_state(ldr__handle segment, ldr__shared_state **ret_state)
{
    void *page;
    ldr_status status = ldr__os_reserve(0, STATE_SIZE, LDR__PAGE_SIZE, &page);
    if (status != LDR_OK)
        return status;
    status = ldr__os_map_shared(page, STATE_SIZE, segment, 0, LDR__READ | LDR__WRITE);
    if (status == LDR_OK)
        *ret_state = page;
    else
        ldr__os_unmap(page, STATE_SIZE);
    return status;
}

static bool mutex_init(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attributes;
    if (pthread_mutexattr_init(&attributes) != 0)
        return false;
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    bool made = pthread_mutex_init(mutex, &attributes) == 0;
    pthread_mutexattr_destroy(&attributes);
    return made;
}

static bool state_init(ldr__shared *shared, const ldr__shared_initial *initial)
{
    ldr__shared_state *state = shared->state;
    state->magic = STATE_MAGIC;
    state->type = initial->type;
    atomic_init(&state->value, initial->value);
    state->limit = initial->limit;
    if (initial->type != LDR__OBJECT_MUTEX)
        return true;
    if (!mutex_init(&state->mutex))
        return false;
    if (initial->owned && pthread_mutex_lock(&state->mutex) == 0)
        atomic_fetch_add(&shared->owned, 1);
    return true;
}

/* Opens or makes the segment, with the name's lock held, and maps it. */
static DWORD open_state(const ldr__registry_key *key, const ldr__shared_initial *initial,
                        bool may_create, ldr__shared *shared, bool *ret_existed)
{
    ldr_status status = ldr__os_registry_find(key, LDR__REGISTRY_MEMORY, 1, &shared->segment);
    bool existed = status == LDR_OK;
    if (status == LDR_FILE_NOT_FOUND && may_create)
        status = ldr__os_registry_create(key, STATE_SIZE, &shared->segment);
    if (status == LDR_OK)
        status = map_state(shared->segment, &shared->state);
    if (status != LDR_OK)
        return error_of(status);
    if (existed && (shared->state->magic != STATE_MAGIC || shared->state->type != initial->type))
        return ERROR_INVALID_HANDLE;
    if (!existed && !state_init(shared, initial))
        return ERROR_NOT_ENOUGH_MEMORY;
    *ret_existed = existed;
    return error_of(ldr__os_registry_publish(key, &shared->segment, 1, &shared->mark));
}

DWORD ldr__shared_open(const WCHAR *name, const ldr__shared_initial *initial, bool may_create,
                       ldr__shared **ret_shared, bool *ret_existed)
{
    ldr__registry_key key;
    ldr__registry_lock *lock;
    bool existed = false;
    if (ldr__wcslen(name) >= NAME_MAX_UNITS)
        return ERROR_FILENAME_EXCED_RANGE;
    ldr__shared *shared = calloc(1, sizeof *shared);
    if (shared == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    shared->segment = LDR__NO_HANDLE;
    shared->mark = LDR__NO_MARK;
    key_of(name, &key);
    DWORD error = error_of(ldr__os_registry_lock(&key, &lock));
    if (error == ERROR_SUCCESS) {
        error = open_state(&key, initial, may_create, shared, &existed);
        ldr__os_registry_unlock(lock);
    }
    if (error != ERROR_SUCCESS) {
        ldr__shared_close(shared);
        return error;
    }
    *ret_shared = shared;
    *ret_existed = existed;
    return ERROR_SUCCESS;
}

void ldr__shared_close(ldr__shared *shared)
{
    if (shared == NULL)
        return;
    ldr__os_registry_unpublish(shared->mark);
    ldr__os_close(shared->segment);
    /* A mutex that a thread still has is in the host's list of what that thread has: the page
       stays until the process ends. */
    if (shared->state != NULL && atomic_load(&shared->owned) == 0)
        ldr__os_unmap(shared->state, STATE_SIZE);
    free(shared);
}

/* ---- Waiting ---- */

static void changed(ldr__shared_state *state)
{
    atomic_fetch_add(&state->sequence, 1);
    syscall(SYS_futex, &state->sequence, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

bool ldr__shared_is_signaled(const ldr__shared *shared)
{
    return shared->state->type == LDR__OBJECT_MUTEX || atomic_load(&shared->state->value) > 0;
}

static bool take_mutex(ldr__shared *shared, bool *ret_abandoned)
{
    ldr__shared_state *state = shared->state;
    int failed = pthread_mutex_trylock(&state->mutex);
    if (failed == EOWNERDEAD) {
        pthread_mutex_consistent(&state->mutex);
        atomic_store(&state->abandoned, 1);
        failed = 0;
    }
    if (failed != 0)
        return false;
    atomic_fetch_add(&shared->owned, 1);
    *ret_abandoned = atomic_exchange(&state->abandoned, 0) != 0;
    return true;
}

/* One less of a count that is not 0. */
static bool take_one(_Atomic uint32_t *value)
{
    uint32_t before = atomic_load(value);
    while (before > 0)
        if (atomic_compare_exchange_weak(value, &before, before - 1))
            return true;
    return false;
}

bool ldr__shared_take(ldr__shared *shared, bool *ret_abandoned)
{
    ldr__shared_state *state = shared->state;
    *ret_abandoned = false;
    if (state->type == LDR__OBJECT_MUTEX)
        return take_mutex(shared, ret_abandoned);
    if (state->type == LDR__OBJECT_EVENT && state->limit != 0)
        return atomic_load(&state->value) != 0;
    return take_one(&state->value);
}

void ldr__shared_give_back(ldr__shared *shared, bool abandoned)
{
    ldr__shared_state *state = shared->state;
    if (state->type == LDR__OBJECT_MUTEX) {
        if (abandoned)
            atomic_store(&state->abandoned, 1);
        ldr__shared_mutex_release(shared);
    } else if (state->type == LDR__OBJECT_SEMAPHORE) {
        atomic_fetch_add(&state->value, 1);
        changed(state);
    } else if (state->limit == 0) {
        ldr__shared_event_set(shared, true);
    }
}

/* ---- Changing ---- */

void ldr__shared_event_set(ldr__shared *shared, bool signaled)
{
    atomic_store(&shared->state->value, signaled ? 1 : 0);
    if (signaled)
        changed(shared->state);
}

DWORD ldr__shared_semaphore_release(ldr__shared *shared, uint32_t count, uint32_t *ret_previous)
{
    ldr__shared_state *state = shared->state;
    uint32_t before = atomic_load(&state->value);
    do {
        if (count > state->limit - before)
            return ERROR_TOO_MANY_POSTS;
    } while (!atomic_compare_exchange_weak(&state->value, &before, before + count));
    changed(state);
    *ret_previous = before;
    return ERROR_SUCCESS;
}

DWORD ldr__shared_mutex_release(ldr__shared *shared)
{
    if (pthread_mutex_unlock(&shared->state->mutex) != 0)
        return ERROR_NOT_OWNER;
    atomic_fetch_sub(&shared->owned, 1);
    changed(shared->state);
    return ERROR_SUCCESS;
}
