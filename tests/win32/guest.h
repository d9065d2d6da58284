/*
 * guest.h: calling host functions as guest code does.
 *
 * A test makes a context (which its thread enters) and takes functions from kernel32's table.
 */
#ifndef PELOAD_TESTS_WIN32_GUEST_H
#define PELOAD_TESTS_WIN32_GUEST_H

#include <criterion/criterion.h>

#include "win32/win32.h"

/* A context for the running test; released by guest_end. */
ldr_context *guest_begin(void);
void guest_end(ldr_context *ctx);

/* kernel32's function of that name; the test fails when there is none. */
void *kernel32_function(ldr_context *ctx, const char *name);

/* K32(ctx, DWORD, GetLastError, (void)) declares a variable of that name, which may stay unused. */
#define K32(ctx, result, name, arguments)                        \
    __attribute__((unused)) result(LDR_WINAPI *name) arguments = \
        (result(LDR_WINAPI *) arguments)kernel32_function(ctx, #name)

#endif
