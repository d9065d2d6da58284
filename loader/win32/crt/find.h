/* crt/find.h: searches in folders that the guest has begun. */
#ifndef PELOAD_CRT_FIND_H
#define PELOAD_CRT_FIND_H

#include "win32/crt/state.h"

/* Releases the searches that the guest did not close. */
void ldr__crt_finds_destroy(ldr__crt *crt);

#endif
