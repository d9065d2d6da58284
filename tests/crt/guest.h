/* guest.h: calling the host C runtimes as a guest does. */
#ifndef PELOAD_TESTS_CRT_GUEST_H
#define PELOAD_TESTS_CRT_GUEST_H

#include "win32/crt/state.h"

/* A context that the test's thread has entered; guest_end releases it. */
void guest_begin(void);
void guest_end(void);

/* The exported function of that name; the test fails if there is none. */
const void *guest_function(const char *module, const char *name);

/* A function pointer `name` of the type `result (parameters)` to the export of the same name. */
#define GUEST(module, result, name, ...)    \
    result(LDR_WINAPI *name)(__VA_ARGS__) = \
        (result(LDR_WINAPI *)(__VA_ARGS__))guest_function(module, #name)
#define MSVCRT(result, name, ...) GUEST("msvcrt.dll", result, name, __VA_ARGS__)
#define UCRT(result, name, ...)   GUEST("ucrtbase.dll", result, name, __VA_ARGS__)

/* The calling thread's errno, as the guest sees it. */
int guest_errno(void);

/* A fresh file name in a folder of the test's own, deleted by guest_end; static storage. */
const char *guest_file(void);

/* UTF-16 literals of ASCII. */
#define W(text) ((const WCHAR *)u"" text)

#endif
