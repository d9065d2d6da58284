/* crt/memory.c: memcpy and its kin, which all three runtimes export. */
#include <string.h>

#include "win32/crt/state.h"

/* Windows's x64 memcpy copies overlapping blocks as memmove does, and programs rely on it. */
static void *LDR_WINAPI guest_memmove(void *to, const void *from, size_t size)
{
    return memmove(to, from, size);
}

static void *LDR_WINAPI guest_memset(void *block, int value, size_t size)
{
    return memset(block, value, size);
}

static int LDR_WINAPI guest_memcmp(const void *a, const void *b, size_t size)
{
    int order = memcmp(a, b, size);
    return (order > 0) - (order < 0);
}

static void *LDR_WINAPI guest_memchr(const void *block, int value, size_t size)
{
    return (void *)(uintptr_t)memchr(block, value, size);
}

static void *LDR_WINAPI guest__memccpy(void *to, const void *from, int value, size_t size)
{
    return memccpy(to, from, value, size);
}

static int LDR_WINAPI guest__memicmp(const void *a, const void *b, size_t size)
{
    const unsigned char *left = a, *right = b;
    for (size_t i = 0; i < size; i++) {
        int x = left[i] >= 'A' && left[i] <= 'Z' ? left[i] + 32 : left[i];
        int y = right[i] >= 'A' && right[i] <= 'Z' ? right[i] + 32 : right[i];
        if (x != y)
            return x - y;
    }
    return 0;
}

static int LDR_WINAPI guest_memcpy_s(void *to, size_t capacity, const void *from, size_t size)
{
    if (size == 0)
        return 0;
    if (to && from && size <= capacity) {
        memmove(to, from, size);
        return 0;
    }
    if (to)
        memset(to, 0, capacity);
    int error = to && from ? ERANGE : EINVAL;
    ldr__crt_invalid_parameter(error);
    return error;
}

static int LDR_WINAPI guest_memmove_s(void *to, size_t capacity, const void *from, size_t size)
{
    if (size == 0)
        return 0;
    if (to && from && size <= capacity) {
        memmove(to, from, size);
        return 0;
    }
    int error = to && from ? ERANGE : EINVAL;
    ldr__crt_invalid_parameter(error);
    return error;
}

static const ldr_export shared[] = {
    LDR__FN_AS("memcpy", guest_memmove),
    LDR__FN(memmove),
    LDR__FN(memset),
    LDR__FN(memcmp),
    LDR__FN(memchr),
};
LDR__CRT_TABLES(ldr__crt_memory, shared);
LDR__TABLE(ldr__crt_memory_vcruntime, "vcruntime140.dll", shared);

static const ldr_export runtime_lines[] = {LDR__FN(_memccpy), LDR__FN(_memicmp), LDR__FN(memcpy_s),
                                           LDR__FN(memmove_s)};
LDR__CRT_TABLES(ldr__crt_memory_extra, runtime_lines);
