/* crt/format_spec.h: reading conversion specifications out of a printf format. */
#ifndef PELOAD_CRT_FORMAT_SPEC_H
#define PELOAD_CRT_FORMAT_SPEC_H

#include "win32/crt/arguments.h"

typedef enum ldr__crt_size {
    LDR__CRT_SIZE_NONE,
    LDR__CRT_SIZE_CHAR,  /* hh */
    LDR__CRT_SIZE_SHORT, /* h */
    LDR__CRT_SIZE_LONG,  /* l, I32: 32 bits */
    LDR__CRT_SIZE_64,    /* ll, I64, I, z, t, j */
    LDR__CRT_SIZE_WIDE,  /* w */
} ldr__crt_size;

/* One conversion specification. */
typedef struct ldr__crt_spec {
    bool left, plus, space, alternate, zero;
    int width;
    int precision; /* -1: none given */
    ldr__crt_size size;
    char conversion; /* '?' for a character that is not ASCII, NUL at the end of the format */
} ldr__crt_spec;

/* A place in a format, and the arguments that are still to come. */
typedef struct ldr__crt_format_cursor {
    const void *format; /* char, or WCHAR if `wide` */
    bool wide;
    size_t at;
    ldr__crt_arguments arguments;
} ldr__crt_format_cursor;

/* The next unit; taken if it is `c`. */
unsigned ldr__crt_format_peek(const ldr__crt_format_cursor *cursor);
bool ldr__crt_format_accept(ldr__crt_format_cursor *cursor, char c);

/* Reads what follows a percent sign. False if a count is too large to mean anything. */
bool ldr__crt_format_read(ldr__crt_format_cursor *cursor, ldr__crt_spec *ret_spec);

#endif
