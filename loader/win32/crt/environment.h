/* crt/environment.h: the environment strings of the C runtimes. */
#ifndef PELOAD_CRT_ENVIRONMENT_H
#define PELOAD_CRT_ENVIRONMENT_H

#include "win32/crt/state.h"

/* Copies the host's environment, narrow and wide, entry by entry the same. LDR_NO_MEMORY. */
ldr_status ldr__crt_environment_create(ldr__crt *crt);
void ldr__crt_environment_destroy(ldr__crt *crt);
/* Points msvcrt's exported _environ and _wenviron at the process's vectors. */
void ldr__crt_environment_publish(ldr__crt *crt);

#endif
