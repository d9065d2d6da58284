/* crt/startup.h: arguments of the guest program. */
#ifndef PELOAD_CRT_STARTUP_H
#define PELOAD_CRT_STARTUP_H

#include "win32/crt/state.h"

/* Makes argc, argv and the command line from the process's arguments, once. False: no memory. */
bool ldr__crt_arguments_prepare(ldr__crt *crt);
void ldr__crt_arguments_destroy(ldr__crt *crt);

#endif
