#include <stdlib.h>
#include <unistd.h>

#include "win32/state.h"

/*
 * The thread blocks of all processes, so that a signal handler can tell whether GS is one: a thread
 * of the host may have inherited it from who made it, or have kept it from a context that is gone.
 * Handlers read it without a lock; so chunks stay once they are there, and are used again.
 */
enum { CHUNK_SLOTS = 64 };

typedef struct live_slot {
    _Atomic(const ldr__thread *) thread; /* NULL: free */
    atomic_llong host_id;                /* 0 until it is the thread's */
} live_slot;

typedef struct live_chunk {
    _Atomic(struct live_chunk *) next;
    live_slot slots[CHUNK_SLOTS];
} live_chunk;

static live_chunk first;

/* The chunk behind `chunk`, made if there is none; NULL when out of memory. */
static live_chunk *next_chunk(live_chunk *chunk)
{
    live_chunk *next = atomic_load(&chunk->next);
    if (next != NULL)
        return next;
    live_chunk *made = calloc(1, sizeof *made);
    if (made == NULL)
        return NULL;
    if (atomic_compare_exchange_strong(&chunk->next, &next, made))
        return made;
    free(made); /* another thread was faster */
    return next;
}

bool ldr__live_thread_add(ldr__thread *thread)
{
    for (live_chunk *chunk = &first; chunk != NULL; chunk = next_chunk(chunk)) {
        for (size_t i = 0; i < CHUNK_SLOTS; i++) {
            const ldr__thread *nobody = NULL;
            if (atomic_compare_exchange_strong(&chunk->slots[i].thread, &nobody, thread)) {
                atomic_store(&chunk->slots[i].host_id, thread->host_id);
                return true;
            }
        }
    }
    return false;
}

static live_slot *find(const ldr__thread *thread)
{
    for (live_chunk *chunk = &first; chunk != NULL; chunk = atomic_load(&chunk->next))
        for (size_t i = 0; i < CHUNK_SLOTS; i++)
            if (atomic_load(&chunk->slots[i].thread) == thread)
                return &chunk->slots[i];
    return NULL;
}

void ldr__live_thread_remove(const ldr__thread *thread)
{
    live_slot *slot = find(thread);
    if (slot == NULL)
        return;
    atomic_store(&slot->host_id, 0);
    atomic_store(&slot->thread, NULL);
}

ldr__thread *ldr__live_thread_here(void)
{
    ldr__thread *thread = (ldr__thread *)(uintptr_t)ldr__gs_get();
    const live_slot *slot = thread != NULL ? find(thread) : NULL;
    return slot != NULL && atomic_load(&slot->host_id) == gettid() ? thread : NULL;
}
