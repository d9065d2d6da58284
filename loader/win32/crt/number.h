/* crt/number.h: numbers read from text of either width. */
#ifndef PELOAD_CRT_NUMBER_H
#define PELOAD_CRT_NUMBER_H

#include "win32/crt/state.h"

/* A text to read from: units of char or of WCHAR. */
typedef struct ldr__crt_text {
    const void *units;
    bool wide;
} ldr__crt_text;

typedef struct ldr__crt_integer {
    uint64_t magnitude; /* UINT64_MAX on overflow */
    bool negative, overflow;
    size_t used; /* units, 0 if there is no number */
} ldr__crt_integer;

/* As strtol reads: white space, sign, prefix, digits. At most `limit` units. */
ldr__crt_integer ldr__crt_read_integer(ldr__crt_text text, unsigned base, size_t limit);

/*
 * As strtod reads; *ret_used is 0 if there is no number. Sets errno to ERANGE as strtod does.
 * msvcrt knows neither hexadecimal floating point nor words for infinity.
 */
double ldr__crt_read_float(ldr__crt_text text, size_t limit, ldr__crt_flavour flavour,
                           size_t *ret_used);

#endif
