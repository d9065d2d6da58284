/* crt/arguments.h: reading the guest's variable arguments. */
#ifndef PELOAD_CRT_ARGUMENTS_H
#define PELOAD_CRT_ARGUMENTS_H

#include <string.h>

#include "win32/crt/state.h"

/* A va_list of 64-bit Windows: arguments of eight bytes each, one behind the other. */
typedef struct ldr__crt_arguments {
    const char *next;
} ldr__crt_arguments;

/* Reads by hand: compilers do not agree on va_arg for a ms_va_list that is not a local variable. */
static inline uint64_t ldr__crt_argument(ldr__crt_arguments *arguments)
{
    uint64_t value;
    memcpy(&value, arguments->next, sizeof value);
    arguments->next += sizeof value;
    return value;
}

static inline void *ldr__crt_pointer_argument(ldr__crt_arguments *arguments)
{
    return (void *)(uintptr_t)ldr__crt_argument(arguments);
}

static inline double ldr__crt_double_argument(ldr__crt_arguments *arguments)
{
    uint64_t bits = ldr__crt_argument(arguments);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
