/* crt/printf.h: formatted output to where the printf functions put it. */
#ifndef PELOAD_CRT_PRINTF_H
#define PELOAD_CRT_PRINTF_H

#include "win32/crt/format.h"
#include "win32/crt/stream.h"

/* To a FILE, narrow or wide. What the printf functions return. */
int ldr__crt_print_stream(ldr__crt_file *file, bool wide, const void *format,
                          ldr__crt_format_style style, __builtin_ms_va_list arguments);

/* A buffer of `capacity` units. */
typedef struct ldr__crt_target {
    void *buffer; /* char or WCHAR; may be NULL if capacity is 0 */
    size_t capacity;
    bool wide;
} ldr__crt_target;

/*
 * Into a buffer: the count of units that the whole output has, of which those that fit are there;
 * without a NUL. -1 on failure.
 */
int ldr__crt_print_buffer(const ldr__crt_target *target, const void *format,
                          ldr__crt_format_style style, __builtin_ms_va_list arguments);

/* The same with the ending and the result of each function. */
int ldr__crt_print_unbounded(void *buffer, bool wide, const void *format,
                             ldr__crt_format_style style, __builtin_ms_va_list arguments);
/* _snprintf: no NUL when there is no room for it, -1 when text is cut off. */
int ldr__crt_print_legacy(const ldr__crt_target *target, const void *format,
                          ldr__crt_format_style style, __builtin_ms_va_list arguments);
/* sprintf_s: an output that does not fit is an invalid parameter and leaves the empty string. */
int ldr__crt_print_secure(const ldr__crt_target *target, const void *format,
                          ldr__crt_format_style style, __builtin_ms_va_list arguments);
/* _snprintf_s: at most `count` units; SIZE_MAX (_TRUNCATE): what fits. */
int ldr__crt_print_counted(const ldr__crt_target *target, size_t count, const void *format,
                           ldr__crt_format_style style, __builtin_ms_va_list arguments);

#endif
