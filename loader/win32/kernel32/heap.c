#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "win32/kernel32/kernel32.h"

/*
 * Heaps: each keeps a list of its blocks, so that HeapDestroy and the end of the process release
 * them all. LocalAlloc and GlobalAlloc take fixed blocks from the process heap, as on Windows.
 */
typedef struct block {
    struct block *next, **link;
    size_t size;
    struct ldr__heap *heap; /* also tells a block from any other memory */
} block;

struct ldr__heap {
    struct ldr__heap *next;
    pthread_mutex_t lock;
    block *blocks;
};

enum {
    HEAP_ZERO_MEMORY = 8,
    HEAP_REALLOC_IN_PLACE_ONLY = 16,
    LMEM_MOVEABLE = 2,
    LMEM_ZEROINIT = 0x40,
};

_Static_assert(sizeof(block) % 16 == 0, "blocks are aligned to 16 bytes");

static struct ldr__heap *heap_new(ldr__process *process)
{
    struct ldr__heap *heap = calloc(1, sizeof *heap);
    if (heap != NULL) {
        pthread_mutex_init(&heap->lock, NULL);
        pthread_mutex_lock(&process->lock);
        struct ldr__heap **at = &process->heaps;
        while (*at != NULL)
            at = &(*at)->next;
        *at = heap;
        pthread_mutex_unlock(&process->lock);
    }
    return heap;
}

static void heap_release(struct ldr__heap *heap)
{
    while (heap->blocks != NULL) {
        block *entry = heap->blocks;
        heap->blocks = entry->next;
        free(entry);
    }
    pthread_mutex_destroy(&heap->lock);
    free(heap);
}

ldr_status ldr__heaps_create(ldr__process *process)
{
    process->peb->process_heap = heap_new(process);
    return process->heaps ? LDR_OK : LDR_NO_MEMORY;
}

void ldr__heaps_destroy(ldr__process *process)
{
    while (process->heaps != NULL) {
        struct ldr__heap *heap = process->heaps;
        process->heaps = heap->next;
        heap_release(heap);
    }
}

/* ---- Blocks ---- */

static void list_block(struct ldr__heap *heap, block *entry)
{
    entry->next = heap->blocks;
    entry->link = &heap->blocks;
    if (entry->next != NULL)
        entry->next->link = &entry->next;
    heap->blocks = entry;
}

static void unlist_block(block *entry)
{
    *entry->link = entry->next;
    if (entry->next != NULL)
        entry->next->link = entry->link;
}

static block *block_of(struct ldr__heap *heap, void *memory)
{
    block *entry = memory ? (block *)memory - 1 : NULL;
    return entry != NULL && entry->heap == heap ? entry : NULL;
}

static struct ldr__heap *own_heap(void)
{
    return ldr__process_self()->peb->process_heap;
}

static HANDLE LDR_WINAPI guest_GetProcessHeap(void)
{
    return own_heap();
}

/* Microsoft documents no last error, and ntdll sets this one. */
static void *no_memory(void)
{
    ldr__set_last_error(ERROR_NOT_ENOUGH_MEMORY);
    return NULL;
}

static void *LDR_WINAPI guest_HeapAlloc(struct ldr__heap *heap, DWORD flags, size_t size)
{
    if (size > SIZE_MAX - sizeof(block))
        return no_memory();
    block *entry =
        flags & HEAP_ZERO_MEMORY ? calloc(1, sizeof *entry + size) : malloc(sizeof *entry + size);
    if (entry == NULL)
        return no_memory();
    entry->size = size;
    entry->heap = heap;
    pthread_mutex_lock(&heap->lock);
    list_block(heap, entry);
    pthread_mutex_unlock(&heap->lock);
    return entry + 1;
}

static BOOL LDR_WINAPI guest_HeapFree(struct ldr__heap *heap, DWORD flags, void *memory)
{
    block *entry = block_of(heap, memory);
    (void)flags;
    if (memory == NULL)
        return true;
    if (entry == NULL)
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    pthread_mutex_lock(&heap->lock);
    unlist_block(entry);
    pthread_mutex_unlock(&heap->lock);
    entry->heap = NULL;
    free(entry);
    return true;
}

static size_t LDR_WINAPI guest_HeapSize(struct ldr__heap *heap, DWORD flags, void *memory)
{
    const block *entry = block_of(heap, memory);
    (void)flags;
    if (entry != NULL)
        return entry->size;
    ldr__set_last_error(ERROR_INVALID_PARAMETER);
    return SIZE_MAX;
}

static void *LDR_WINAPI guest_HeapReAlloc(struct ldr__heap *heap, DWORD flags, void *memory,
                                          size_t size)
{
    block *entry = block_of(heap, memory);
    if (entry == NULL) {
        ldr__set_last_error(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    size_t old = entry->size;
    if (size > SIZE_MAX - sizeof *entry || ((flags & HEAP_REALLOC_IN_PLACE_ONLY) && size > old))
        return no_memory();
    if (flags & HEAP_REALLOC_IN_PLACE_ONLY) {
        entry->size = size;
        return memory;
    }
    pthread_mutex_lock(&heap->lock);
    unlist_block(entry);
    block *grown = realloc(entry, sizeof *entry + size);
    if (grown != NULL)
        grown->size = size;
    list_block(heap, grown ? grown : entry);
    pthread_mutex_unlock(&heap->lock);
    if (grown != NULL && (flags & HEAP_ZERO_MEMORY) && size > old)
        memset((char *)(grown + 1) + old, 0, size - old);
    return grown ? grown + 1 : no_memory();
}

void *ldr__heap_alloc(ldr__process *process, size_t size)
{
    return guest_HeapAlloc(process->peb->process_heap, 0, size);
}

bool ldr__heap_free(ldr__process *process, void *memory)
{
    return guest_HeapFree(process->peb->process_heap, 0, memory);
}

/* ---- Heaps ---- */

static HANDLE LDR_WINAPI guest_HeapCreate(DWORD flags, size_t initial, size_t maximum)
{
    (void)flags;
    (void)initial;
    (void)maximum; /* a limit is not kept to: an allocation beyond it would fail on Windows */
    struct ldr__heap *heap = heap_new(ldr__process_self());
    if (heap == NULL)
        ldr__set_last_error(ERROR_NOT_ENOUGH_MEMORY);
    return heap;
}

static BOOL LDR_WINAPI guest_HeapDestroy(struct ldr__heap *heap)
{
    ldr__process *process = ldr__process_self();
    struct ldr__heap **at = &process->heaps;
    if (heap == own_heap())
        return ldr__win_error(ERROR_INVALID_HANDLE);
    pthread_mutex_lock(&process->lock);
    while (*at != NULL && *at != heap)
        at = &(*at)->next;
    bool found = *at != NULL;
    if (found)
        *at = heap->next;
    pthread_mutex_unlock(&process->lock);
    if (!found)
        return ldr__win_error(ERROR_INVALID_HANDLE);
    heap_release(heap);
    return true;
}

/* ---- LocalAlloc ---- */

static void *LDR_WINAPI guest_LocalAlloc(DWORD flags, size_t size)
{
    if (flags & LMEM_MOVEABLE) {
        /* Its result would be a handle to lock, not the memory. */
        ldr__set_last_error(ERROR_NOT_SUPPORTED);
        return NULL;
    }
    return guest_HeapAlloc(own_heap(), flags & LMEM_ZEROINIT ? HEAP_ZERO_MEMORY : 0, size);
}

/* NULL is success; a block that is none comes back. */
static void *LDR_WINAPI guest_LocalFree(void *memory)
{
    if (guest_HeapFree(own_heap(), 0, memory))
        return NULL;
    ldr__set_last_error(ERROR_INVALID_HANDLE);
    return memory;
}

static const ldr_export lines[] = {
    LDR__FN(GetProcessHeap),
    LDR__FN(HeapAlloc),
    LDR__FN(HeapFree),
    LDR__FN(HeapSize),
    LDR__FN(HeapReAlloc),
    LDR__FN(HeapCreate),
    LDR__FN(HeapDestroy),
    LDR__FN(LocalAlloc),
    LDR__FN(LocalFree),
    LDR__FN_AS("GlobalAlloc", guest_LocalAlloc),
    LDR__FN_AS("GlobalFree", guest_LocalFree),
};

static const ldr_export ntdll_lines[] = {
    LDR__FN_AS("RtlAllocateHeap", guest_HeapAlloc),
    LDR__FN_AS("RtlFreeHeap", guest_HeapFree),
    LDR__FN_AS("RtlReAllocateHeap", guest_HeapReAlloc),
    LDR__FN_AS("RtlSizeHeap", guest_HeapSize),
};

LDR__TABLE(ldr__kernel32_heap, "kernel32.dll", lines);
LDR__TABLE(ldr__ntdll_heap, "ntdll.dll", ntdll_lines);
