/* crt/heap.c: the heap of the C runtimes, which is the host's. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "win32/crt/state.h"

static int LDR_WINAPI guest__callnewh(size_t size)
{
    ldr__crt *crt = ldr__crt_self();
    ldr__crt_lock(crt);
    int(LDR_WINAPI * handler)(size_t) = (int(LDR_WINAPI *)(size_t))crt->new_handler;
    ldr__crt_unlock(crt);
    return handler ? handler(size) : 0;
}

/* After a failure with _set_new_mode(1): true if the guest's handler asks for another try. */
static bool try_again(size_t size)
{
    ldr__crt *crt = ldr__crt_self();
    if (crt->new_mode && guest__callnewh(size))
        return true;
    ldr__crt_set_errno(ENOMEM);
    return false;
}

static void *LDR_WINAPI guest_malloc(size_t size)
{
    void *block;
    do
        block = malloc(size ? size : 1);
    while (!block && try_again(size));
    return block;
}

static void *LDR_WINAPI guest_calloc(size_t count, size_t size)
{
    size_t bytes;
    void *block = NULL;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        ldr__crt_set_errno(ENOMEM);
        return NULL;
    }
    do
        block = calloc(bytes ? bytes : 1, 1);
    while (!block && try_again(bytes));
    return block;
}

static void LDR_WINAPI guest_free(void *block)
{
    free(block);
}

static void *LDR_WINAPI guest_realloc(void *block, size_t size)
{
    if (block && size == 0) {
        free(block);
        return NULL;
    }
    void *moved;
    do
        moved = realloc(block, size ? size : 1);
    while (!moved && try_again(size));
    return moved;
}

static void *LDR_WINAPI guest__recalloc(void *block, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        ldr__crt_set_errno(ENOMEM);
        return NULL;
    }
    size_t before = block ? malloc_usable_size(block) : 0;
    uint8_t *moved = guest_realloc(block, bytes);
    if (moved && bytes > before)
        memset(moved + before, 0, bytes - before);
    return moved;
}

/* Never moves: the block if what was allocated for it is large enough. */
static void *LDR_WINAPI guest__expand(void *block, size_t size)
{
    if (!block) {
        ldr__crt_invalid_parameter(EINVAL);
        return NULL;
    }
    if (size <= malloc_usable_size(block))
        return block;
    ldr__crt_set_errno(ENOMEM);
    return NULL;
}

static size_t LDR_WINAPI guest__msize(void *block)
{
    if (!block) {
        ldr__crt_invalid_parameter(EINVAL);
        return SIZE_MAX;
    }
    return malloc_usable_size(block);
}

/* ---- Aligned blocks ---- */

/* Lies directly below an aligned block. */
typedef struct aligned_header {
    void *allocation;
    size_t size;
} aligned_header;

static aligned_header *aligned_header_of(void *block)
{
    return (aligned_header *)block - 1;
}

static void *LDR_WINAPI guest__aligned_offset_malloc(size_t size, size_t alignment, size_t offset)
{
    if (alignment == 0 || (alignment & (alignment - 1)) || (offset && offset >= size)) {
        ldr__crt_invalid_parameter(EINVAL);
        return NULL;
    }
    if (alignment < sizeof(aligned_header))
        alignment = sizeof(aligned_header);
    /* The offset, rounded up, keeps the header aligned whatever the caller's offset is. */
    size_t gap = (0 - offset) & (sizeof(void *) - 1);
    size_t extra = alignment + sizeof(aligned_header) + gap;
    if (extra < alignment || size > SIZE_MAX - extra) {
        ldr__crt_set_errno(ENOMEM);
        return NULL;
    }
    uint8_t *allocation = guest_malloc(size + extra);
    if (!allocation)
        return NULL;
    uintptr_t lowest = (uintptr_t)allocation + sizeof(aligned_header) + gap + offset;
    uint8_t *block = (uint8_t *)(((lowest + alignment - 1) & ~(uintptr_t)(alignment - 1)) - offset);
    aligned_header header = {allocation, size};
    memcpy(aligned_header_of(block), &header, sizeof header);
    return block;
}

static void *LDR_WINAPI guest__aligned_malloc(size_t size, size_t alignment)
{
    return guest__aligned_offset_malloc(size, alignment, 0);
}

static void LDR_WINAPI guest__aligned_free(void *block)
{
    if (!block)
        return;
    aligned_header header;
    memcpy(&header, aligned_header_of(block), sizeof header);
    free(header.allocation);
}

static size_t LDR_WINAPI guest__aligned_msize(void *block, size_t alignment, size_t offset)
{
    (void)alignment, (void)offset;
    if (!block) {
        ldr__crt_invalid_parameter(EINVAL);
        return SIZE_MAX;
    }
    aligned_header header;
    memcpy(&header, aligned_header_of(block), sizeof header);
    return header.size;
}

static void *LDR_WINAPI guest__aligned_offset_realloc(void *block, size_t size, size_t alignment,
                                                      size_t offset)
{
    if (!block)
        return guest__aligned_offset_malloc(size, alignment, offset);
    if (size == 0) {
        guest__aligned_free(block);
        return NULL;
    }
    size_t before = guest__aligned_msize(block, alignment, offset);
    void *moved = guest__aligned_offset_malloc(size, alignment, offset);
    if (!moved)
        return NULL;
    memcpy(moved, block, before < size ? before : size);
    guest__aligned_free(block);
    return moved;
}

static void *LDR_WINAPI guest__aligned_realloc(void *block, size_t size, size_t alignment)
{
    return guest__aligned_offset_realloc(block, size, alignment, 0);
}

static void *LDR_WINAPI guest__aligned_recalloc(void *block, size_t count, size_t size,
                                                size_t alignment)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        ldr__crt_set_errno(ENOMEM);
        return NULL;
    }
    size_t before = block ? guest__aligned_msize(block, alignment, 0) : 0;
    uint8_t *moved = guest__aligned_realloc(block, bytes, alignment);
    if (moved && bytes > before)
        memset(moved + before, 0, bytes - before);
    return moved;
}

/* ---- Checks and modes ---- */

enum { HEAP_OK = -2 }; /* _HEAPOK; glibc checks its heap on every call by itself */

static int LDR_WINAPI guest__heapchk(void)
{
    return HEAP_OK;
}

static int LDR_WINAPI guest__heapmin(void)
{
    malloc_trim(0);
    return 0;
}

static intptr_t LDR_WINAPI guest__get_heap_handle(void)
{
    return (intptr_t)ldr__process_self()->peb->process_heap;
}

static int LDR_WINAPI guest__set_new_mode(int mode)
{
    if (mode != 0 && mode != 1) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    ldr__crt *crt = ldr__crt_self();
    ldr__crt_lock(crt);
    int previous = crt->new_mode;
    crt->new_mode = mode;
    ldr__crt_unlock(crt);
    return previous;
}

static int LDR_WINAPI guest__query_new_mode(void)
{
    return ldr__crt_self()->new_mode;
}

static void *LDR_WINAPI guest__set_new_handler(void *handler)
{
    ldr__crt *crt = ldr__crt_self();
    ldr__crt_lock(crt);
    void *previous = crt->new_handler;
    crt->new_handler = handler;
    ldr__crt_unlock(crt);
    return previous;
}

static void *LDR_WINAPI guest__query_new_handler(void)
{
    return ldr__crt_self()->new_handler;
}

static const ldr_export shared[] = {
    LDR__FN(malloc),
    LDR__FN(calloc),
    LDR__FN(free),
    LDR__FN(realloc),
    LDR__FN(_recalloc),
    LDR__FN(_expand),
    LDR__FN(_msize),
    LDR__FN(_aligned_malloc),
    LDR__FN(_aligned_offset_malloc),
    LDR__FN(_aligned_free),
    LDR__FN(_aligned_msize),
    LDR__FN(_aligned_realloc),
    LDR__FN(_aligned_offset_realloc),
    LDR__FN(_aligned_recalloc),
    LDR__FN(_heapchk),
    LDR__FN(_heapmin),
    LDR__FN(_get_heap_handle),
    LDR__FN(_callnewh),
    LDR__FN(_set_new_mode),
    LDR__FN(_query_new_mode),
    LDR__FN(_query_new_handler),
};
LDR__CRT_TABLES(ldr__crt_heap, shared);

static const ldr_export msvcrt_lines[] = {
    LDR__FN_AS("?_set_new_handler@@YAP6AH_K@ZP6AH0@Z@Z", guest__set_new_handler),
    LDR__FN_AS("?_query_new_handler@@YAP6AH_K@ZXZ", guest__query_new_handler),
    LDR__FN_AS("?_set_new_mode@@YAHH@Z", guest__set_new_mode),
    LDR__FN_AS("??2@YAPEAX_K@Z", guest_malloc),
    LDR__FN_AS("??_U@YAPEAX_K@Z", guest_malloc),
    LDR__FN_AS("??3@YAXPEAX@Z", guest_free),
    LDR__FN_AS("??_V@YAXPEAX@Z", guest_free),
};
LDR__TABLE(ldr__crt_heap_msvcrt_only, "msvcrt.dll", msvcrt_lines);

static const ldr_export ucrt_lines[] = {
    LDR__FN_AS("_malloc_base", guest_malloc),      LDR__FN_AS("_calloc_base", guest_calloc),
    LDR__FN_AS("_realloc_base", guest_realloc),    LDR__FN_AS("_free_base", guest_free),
    LDR__FN_AS("_recalloc_base", guest__recalloc), LDR__FN_AS("_expand_base", guest__expand),
    LDR__FN_AS("_msize_base", guest__msize),       LDR__FN(_set_new_handler),
};
LDR__TABLE(ldr__crt_heap_ucrt_only, "ucrtbase.dll", ucrt_lines);
