/*
 * program.h: which EXE CreateProcess means.
 */
#ifndef PELOAD_WIN32_PROGRAM_H
#define PELOAD_WIN32_PROGRAM_H

#include "win32/kernel32/kernel32.h"

typedef struct ldr__program {
    char *image;        /* absolute host path; released with free */
    char *command_line; /* what the new process sees; the same */
} ldr__program;

/*
 * Finds the EXE by CreateProcess's rules and checks that it can be run. `application` or
 * `command_line` may be NULL. A Win32 error; then nothing is to be released.
 */
DWORD ldr__program_find(ldr__process *process, const char *application, const char *command_line,
                        ldr__program *ret_program);

#endif
