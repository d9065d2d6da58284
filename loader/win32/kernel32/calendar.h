/*
 * calendar.h: SYSTEMTIME, and 100 ns units since 1601.
 */
#ifndef PELOAD_WIN32_CALENDAR_H
#define PELOAD_WIN32_CALENDAR_H

#include "win32/kernel32/kernel32.h"

typedef struct SYSTEMTIME {
    uint16_t year, month, weekday, day, hour, minute, second, millisecond;
} SYSTEMTIME;

/* kernel32/time.c. False for what the other form cannot say. */
bool ldr__system_time_from_units(uint64_t units, SYSTEMTIME *ret_time);
bool ldr__system_time_to_units(const SYSTEMTIME *time, uint64_t *ret_units);

#endif
