#include <stdlib.h>
#include <string.h>

#include "win32/state.h"

/*
 * Static TLS: each module with a TLS directory has a slot, each thread an array (behind its TEB)
 * with a block for each slot. A running thread may be reading its array while a slot is added, so
 * an array that is too small is replaced, never moved: the old one stays until the thread ends.
 */
typedef struct tls_slot {
    bool used;
    ldr__tls_template template;
} tls_slot;

struct ldr__tls_slots {
    tls_slot *slots;
    uint32_t count;
};

/* What static_tls points into: the array is `blocks`. */
typedef struct tls_array {
    struct tls_array *outgrown;
    void *blocks[];
} tls_array;

enum { SPARE_SLOTS = 8, BLOCK_ALIGNMENT = 64 };

ldr_status ldr__tls_create(ldr__process *process)
{
    process->tls = calloc(1, sizeof *process->tls);
    return process->tls ? LDR_OK : LDR_NO_MEMORY;
}

void ldr__tls_destroy(ldr__process *process)
{
    if (process->tls == NULL)
        return;
    free(process->tls->slots);
    free(process->tls);
    process->tls = NULL;
}

static tls_array *array_of(const ldr__thread *thread)
{
    char *blocks = (char *)thread->teb.static_tls;
    return blocks ? (tls_array *)(void *)(blocks - offsetof(tls_array, blocks)) : NULL;
}

static bool thread_reserve(ldr__thread *thread, uint32_t count)
{
    if (count <= thread->static_tls_capacity)
        return true;
    uint32_t capacity = count + SPARE_SLOTS;
    tls_array *array = calloc(1, sizeof *array + capacity * sizeof array->blocks[0]);
    if (array == NULL)
        return false;
    array->outgrown = array_of(thread);
    if (array->outgrown != NULL)
        memcpy(array->blocks, thread->teb.static_tls,
               thread->static_tls_capacity * sizeof array->blocks[0]);
    __atomic_store_n(&thread->teb.static_tls, array->blocks, __ATOMIC_RELEASE);
    thread->static_tls_capacity = capacity;
    return true;
}

/*
 * Blocks are aligned inside memory from calloc, which is stored in front of them: an image may ask
 * for gigabytes of zeros, and calloc does not touch them.
 */
static void *block_new(const ldr__tls_template *tls)
{
    size_t spare = BLOCK_ALIGNMENT + sizeof(void *);
    if (tls->zero_size > SIZE_MAX - spare - tls->data_size)
        return NULL;
    char *memory = calloc(1, spare + tls->data_size + tls->zero_size);
    if (memory == NULL)
        return NULL;
    uintptr_t past_pointer = (uintptr_t)memory + spare;
    char *block = memory + spare - past_pointer % BLOCK_ALIGNMENT;
    memcpy(block - sizeof memory, &memory, sizeof memory);
    if (tls->data_size != 0)
        memcpy(block, tls->data, tls->data_size);
    return block;
}

static void block_free(char *block)
{
    void *memory;
    if (block == NULL)
        return;
    memcpy(&memory, block - sizeof memory, sizeof memory);
    free(memory);
}

static bool thread_fill(ldr__thread *thread, uint32_t slot)
{
    if (!thread_reserve(thread, slot + 1))
        return false;
    void *block = block_new(&thread->process->tls->slots[slot].template);
    __atomic_store_n(&thread->teb.static_tls[slot], block, __ATOMIC_RELEASE);
    return block != NULL;
}

static void thread_clear(ldr__thread *thread, uint32_t slot)
{
    if (slot >= thread->static_tls_capacity)
        return;
    block_free(thread->teb.static_tls[slot]);
    thread->teb.static_tls[slot] = NULL;
}

ldr_status ldr__tls_thread_attach(ldr__thread *thread)
{
    struct ldr__tls_slots *tls = thread->process->tls;
    if (!thread_reserve(thread, tls->count + 1))
        return LDR_NO_MEMORY;
    for (uint32_t slot = 0; slot < tls->count; slot++)
        if (tls->slots[slot].used && !thread_fill(thread, slot))
            return LDR_NO_MEMORY;
    return LDR_OK;
}

void ldr__tls_thread_release(ldr__thread *thread)
{
    for (uint32_t slot = 0; slot < thread->static_tls_capacity; slot++)
        thread_clear(thread, slot);
    tls_array *array = array_of(thread);
    while (array != NULL) {
        tls_array *outgrown = array->outgrown;
        free(array);
        array = outgrown;
    }
    thread->teb.static_tls = NULL;
    thread->static_tls_capacity = 0;
}

/* A free slot's number, made at the end when there is none; the process is locked. */
static bool slot_take(struct ldr__tls_slots *tls, uint32_t *ret_slot)
{
    uint32_t slot = 0;
    while (slot < tls->count && tls->slots[slot].used)
        slot++;
    if (slot == tls->count) {
        tls_slot *slots = realloc(tls->slots, (slot + 1) * sizeof *slots);
        if (slots == NULL)
            return false;
        tls->slots = slots;
        tls->count++;
    }
    tls->slots[slot].used = true;
    *ret_slot = slot;
    return true;
}

static void slot_release(ldr__process *process, uint32_t slot)
{
    for (ldr__thread *thread = process->threads; thread; thread = thread->next)
        thread_clear(thread, slot);
    process->tls->slots[slot].used = false;
}

ldr_status ldr__tls_add(ldr__process *process, const ldr__tls_template *tls, uint32_t *ret_slot)
{
    uint32_t slot;
    pthread_mutex_lock(&process->lock);
    bool done = slot_take(process->tls, &slot);
    if (done) {
        process->tls->slots[slot].template = *tls;
        for (ldr__thread *thread = process->threads; thread && done; thread = thread->next)
            done = thread_fill(thread, slot);
        if (!done)
            slot_release(process, slot);
    }
    pthread_mutex_unlock(&process->lock);
    if (!done)
        return LDR_NO_MEMORY;
    *ret_slot = slot;
    return LDR_OK;
}

void ldr__tls_remove(ldr__process *process, uint32_t slot)
{
    pthread_mutex_lock(&process->lock);
    slot_release(process, slot);
    pthread_mutex_unlock(&process->lock);
}
