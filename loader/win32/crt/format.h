/*
 * crt/format.h: the engine behind the printf functions of both runtimes.
 *
 * Format and output have the same width, char or WCHAR. Arguments are the guest's: eight bytes
 * each, long is 32 bits.
 */
#ifndef PELOAD_CRT_FORMAT_H
#define PELOAD_CRT_FORMAT_H

#include "win32/crt/state.h"

/* Where output goes: `count` units of char, or of WCHAR if `wide`. False when it failed. */
typedef struct ldr__crt_sink {
    bool wide;
    bool (*put)(struct ldr__crt_sink *sink, const void *units, size_t count);
} ldr__crt_sink;

/* What the universal runtime's callers choose (the options of __stdio_common_*). */
enum {
    LDR__CRT_PRINTF_LEGACY_TERMINATION = 0x1, /* _snprintf's buffer without its NUL */
    LDR__CRT_PRINTF_STANDARD_SNPRINTF = 0x2,
    LDR__CRT_PRINTF_LEGACY_WIDE = 0x4, /* %s is a wide string in a wide format */
    LDR__CRT_PRINTF_LEGACY_MSVCRT = 0x8,
    LDR__CRT_PRINTF_THREE_DIGIT_EXPONENTS = 0x10,
    LDR__CRT_PRINTF_STANDARD_ROUNDING = 0x20,
};

typedef struct ldr__crt_format_style {
    ldr__crt_flavour flavour;
    uint64_t options; /* of the universal runtime */
} ldr__crt_format_style;

/* The style of all msvcrt functions. */
extern const ldr__crt_format_style ldr__crt_msvcrt_style;

/* The number of units put out, or -1 and errno: EILSEQ, EINVAL (ucrt), or what `put` set. */
int ldr__crt_format(ldr__crt_sink *sink, const void *format, ldr__crt_format_style style,
                    __builtin_ms_va_list arguments);

/* ---- Floating point (crt/format_float.c) ---- */

/* A printed number: prefix, text, zeros that precision asks for, tail (an exponent). */
typedef struct ldr__crt_number {
    char prefix[4];
    char text[2048];
    size_t zeros;
    char tail[16];
    bool finite; /* else the flag 0 does not pad with zeros (ucrt) */
} ldr__crt_number;

typedef struct ldr__crt_float_request {
    char conversion; /* one of aAeEfFgG */
    int precision;   /* -1: the default */
    bool alternate;
    ldr__crt_format_style style;
} ldr__crt_float_request;

/* The digits of |value|; the prefix is 0x or empty, the sign is the caller's business. */
void ldr__crt_format_float(double value, const ldr__crt_float_request *request,
                           ldr__crt_number *ret_number);

#endif
