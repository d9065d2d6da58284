/* crt/time.h: what the files about time share. */
#ifndef PELOAD_CRT_TIME_H
#define PELOAD_CRT_TIME_H

#include <time.h>

#include "win32/crt/state.h"

ldr__crt_tm ldr__crt_tm_from_host(const struct tm *host);
struct tm ldr__crt_tm_to_host(const ldr__crt_tm *guest);

/* Fills crt->zone and the variables that msvcrt exports from the host's time zone; crt is locked.
 */
void ldr__crt_read_time_zone(ldr__crt *crt);

#endif
