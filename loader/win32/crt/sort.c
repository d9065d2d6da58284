/* crt/sort.c: qsort, bsearch, and what else <stdlib.h> has for numbers. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "win32/crt/state.h"

typedef int(LDR_WINAPI *comparison)(const void *a, const void *b);
typedef int(LDR_WINAPI *comparison_with_context)(void *context, const void *a, const void *b);

static int compare(const void *a, const void *b, void *function)
{
    return (*(comparison *)function)(a, b);
}

static void LDR_WINAPI guest_qsort(void *base, size_t count, size_t size, comparison function)
{
    if ((!base && count) || size == 0 || !function) {
        ldr__crt_invalid_parameter(EINVAL);
        return;
    }
    if (count > 1)
        qsort_r(base, count, size, compare, &function);
}

typedef struct ordering {
    comparison_with_context function;
    void *context;
} ordering;

static int compare_with_context(const void *a, const void *b, void *user)
{
    const ordering *order = user;
    return order->function(order->context, a, b);
}

static void LDR_WINAPI guest_qsort_s(void *base, size_t count, size_t size,
                                     comparison_with_context function, void *context)
{
    if ((!base && count) || size == 0 || !function) {
        ldr__crt_invalid_parameter(EINVAL);
        return;
    }
    ordering order = {function, context};
    if (count > 1)
        qsort_r(base, count, size, compare_with_context, &order);
}

static void *LDR_WINAPI guest_bsearch(const void *key, const void *base, size_t count, size_t size,
                                      comparison function)
{
    if ((!base && count) || size == 0 || !function) {
        ldr__crt_invalid_parameter(EINVAL);
        return NULL;
    }
    const uint8_t *low = base;
    while (count > 0) {
        const uint8_t *middle = low + count / 2 * size;
        int order = function(key, middle);
        if (order == 0)
            return (void *)(uintptr_t)middle;
        if (order > 0) {
            low = middle + size;
            count--;
        }
        count /= 2;
    }
    return NULL;
}

static void *LDR_WINAPI guest__lfind(const void *key, const void *base, const uint32_t *count,
                                     uint32_t size, comparison function)
{
    for (uint32_t i = 0; i < *count; i++) {
        const uint8_t *element = (const uint8_t *)base + (size_t)i * size;
        if (function(key, element) == 0)
            return (void *)(uintptr_t)element;
    }
    return NULL;
}

/* ---- Numbers ---- */

/* The generator that all of Microsoft's runtimes have; programs know its sequence. */
static int LDR_WINAPI guest_rand(void)
{
    ldr__crt_thread *thread = ldr__crt_thread_self();
    if (!thread)
        return 0;
    thread->random = thread->random * 214013u + 2531011u;
    return (int)(thread->random >> 16 & 0x7FFF);
}

static void LDR_WINAPI guest_srand(uint32_t seed)
{
    ldr__crt_thread *thread = ldr__crt_thread_self();
    if (thread)
        thread->random = seed;
}

static int LDR_WINAPI guest_rand_s(uint32_t *ret_value)
{
    if (!ret_value) {
        ldr__crt_invalid_parameter(EINVAL);
        return EINVAL;
    }
    return getrandom(ret_value, sizeof *ret_value, 0) == sizeof *ret_value ? 0 : ENOMEM;
}

typedef struct quotient32 {
    int32_t quotient, remainder;
} quotient32;

static quotient32 LDR_WINAPI guest_div(int32_t a, int32_t b)
{
    return (quotient32){a / b, a % b};
}

static int32_t LDR_WINAPI guest_abs(int32_t value)
{
    return value < 0 ? (int32_t)(0 - (uint32_t)value) : value;
}

static int64_t LDR_WINAPI guest__abs64(int64_t value)
{
    return value < 0 ? (int64_t)(0 - (uint64_t)value) : value;
}

static uint32_t LDR_WINAPI guest__rotl(uint32_t value, int count)
{
    return value << (count & 31) | value >> (-count & 31);
}

static uint32_t LDR_WINAPI guest__rotr(uint32_t value, int count)
{
    return value >> (count & 31) | value << (-count & 31);
}

static uint64_t LDR_WINAPI guest__rotl64(uint64_t value, int count)
{
    return value << (count & 63) | value >> (-count & 63);
}

static uint64_t LDR_WINAPI guest__rotr64(uint64_t value, int count)
{
    return value >> (count & 63) | value << (-count & 63);
}

static uint16_t LDR_WINAPI guest__byteswap_ushort(uint16_t value)
{
    return __builtin_bswap16(value);
}

static DWORD LDR_WINAPI guest__byteswap_ulong(DWORD value)
{
    return __builtin_bswap32(value);
}

static uint64_t LDR_WINAPI guest__byteswap_uint64(uint64_t value)
{
    return __builtin_bswap64(value);
}

static const ldr_export shared[] = {
    LDR__FN(qsort),
    LDR__FN(qsort_s),
    LDR__FN(bsearch),
    LDR__FN(_lfind),
    LDR__FN(rand),
    LDR__FN(srand),
    LDR__FN(rand_s),
    LDR__FN(div),
    LDR__FN(abs),
    LDR__FN(_abs64),
    LDR__FN(_rotl),
    LDR__FN(_rotr),
    LDR__FN(_rotl64),
    LDR__FN(_rotr64),
    LDR__FN(_byteswap_ushort),
    LDR__FN(_byteswap_ulong),
    LDR__FN(_byteswap_uint64),
    LDR__FN_AS("ldiv", guest_div),
    LDR__FN_AS("labs", guest_abs),
};
LDR__CRT_TABLES(ldr__crt_sort, shared);

static const ldr_export ucrt_lines[] = {LDR__FN_AS("llabs", guest__abs64)};
LDR__TABLE(ldr__crt_sort_ucrt_only, "ucrtbase.dll", ucrt_lines);
