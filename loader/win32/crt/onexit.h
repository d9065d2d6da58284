/* crt/onexit.h: the functions that a guest process wants called when it exits. */
#ifndef PELOAD_CRT_ONEXIT_H
#define PELOAD_CRT_ONEXIT_H

#include "win32/crt/state.h"

/* Calls the functions of the list, last registered first, those included that they register. */
void ldr__crt_run_exit_list(ldr__crt *crt, ldr__crt_exit_list *list);

#endif
