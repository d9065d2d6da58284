#include <time.h>

#include "win32/kernel32/calendar.h"

/* FILETIME counts 100 ns from 1601-01-01; the host's clocks count from 1970. */
#define UNITS_PER_SECOND INT64_C(10000000)
#define EPOCH_1601       INT64_C(11644473600)

uint64_t ldr__filetime_from(const struct timespec *time)
{
    return (uint64_t)(((int64_t)time->tv_sec + EPOCH_1601) * UNITS_PER_SECOND +
                      time->tv_nsec / 100);
}

struct timespec ldr__timespec_from(uint64_t units)
{
    int64_t seconds = (int64_t)(units / (uint64_t)UNITS_PER_SECOND) - EPOCH_1601;
    return (struct timespec){seconds, (long)(units % (uint64_t)UNITS_PER_SECOND) * 100};
}

FILETIME ldr__filetime_split(uint64_t units)
{
    return (FILETIME){(DWORD)units, (DWORD)(units >> 32)};
}

uint64_t ldr__filetime_join(const FILETIME *time)
{
    return (uint64_t)time->high << 32 | time->low;
}

/* A clock in units of 100 ns. */
static uint64_t clock_units(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * (uint64_t)UNITS_PER_SECOND + (uint64_t)now.tv_nsec / 100;
}

static void LDR_WINAPI guest_GetSystemTimeAsFileTime(FILETIME *ret_time)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *ret_time = ldr__filetime_split(ldr__filetime_from(&now));
}

static BOOL LDR_WINAPI guest_QueryPerformanceCounter(LARGE_INTEGER *ret_count)
{
    *ret_count = (LARGE_INTEGER)clock_units(CLOCK_MONOTONIC);
    return true;
}

static BOOL LDR_WINAPI guest_QueryPerformanceFrequency(LARGE_INTEGER *ret_frequency)
{
    *ret_frequency = UNITS_PER_SECOND;
    return true;
}

static uint64_t LDR_WINAPI guest_GetTickCount64(void)
{
    return clock_units(CLOCK_BOOTTIME) / 10000;
}

static DWORD LDR_WINAPI guest_GetTickCount(void)
{
    return (DWORD)guest_GetTickCount64();
}

/* ---- Calendar ---- */

bool ldr__system_time_from_units(uint64_t units, SYSTEMTIME *ret_time)
{
    struct tm parts;
    struct timespec time = ldr__timespec_from(units);
    if ((int64_t)units < 0 || gmtime_r(&time.tv_sec, &parts) == NULL)
        return false;
    *ret_time = (SYSTEMTIME){(uint16_t)(parts.tm_year + 1900), (uint16_t)(parts.tm_mon + 1),
                             (uint16_t)parts.tm_wday,          (uint16_t)parts.tm_mday,
                             (uint16_t)parts.tm_hour,          (uint16_t)parts.tm_min,
                             (uint16_t)parts.tm_sec,           (uint16_t)(time.tv_nsec / 1000000)};
    return true;
}

bool ldr__system_time_to_units(const SYSTEMTIME *time, uint64_t *ret_units)
{
    struct tm parts = {.tm_year = time->year - 1900,
                       .tm_mon = time->month - 1,
                       .tm_mday = time->day,
                       .tm_hour = time->hour,
                       .tm_min = time->minute,
                       .tm_sec = time->second};
    if (time->year < 1601 || time->year > 30827 || time->month < 1 || time->month > 12 ||
        time->hour > 23 || time->minute > 59 || time->second > 59 || time->millisecond > 999)
        return false;
    struct timespec at = {timegm(&parts), (long)time->millisecond * 1000000};
    /* timegm carries a day that the month does not have over to the next one. */
    if (parts.tm_mday != time->day)
        return false;
    *ret_units = ldr__filetime_from(&at);
    return true;
}

static BOOL LDR_WINAPI guest_FileTimeToSystemTime(const FILETIME *time, SYSTEMTIME *ret_time)
{
    return ldr__system_time_from_units(ldr__filetime_join(time), ret_time)
               ? true
               : ldr__win_error(ERROR_INVALID_PARAMETER);
}

static BOOL LDR_WINAPI guest_SystemTimeToFileTime(const SYSTEMTIME *time, FILETIME *ret_time)
{
    uint64_t units;
    if (!ldr__system_time_to_units(time, &units))
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    *ret_time = ldr__filetime_split(units);
    return true;
}

static void LDR_WINAPI guest_GetSystemTime(SYSTEMTIME *ret_time)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    ldr__system_time_from_units(ldr__filetime_from(&now), ret_time);
}

static LONG LDR_WINAPI guest_CompareFileTime(const FILETIME *a, const FILETIME *b)
{
    uint64_t left = ldr__filetime_join(a), right = ldr__filetime_join(b);
    return left < right ? -1 : left > right;
}

/* ---- DOS date and time: 7 bits of year from 1980, 4 of month, 5 of day; 5, 6, 5 (by 2 s) ---- */

static BOOL LDR_WINAPI guest_DosDateTimeToFileTime(uint16_t date, uint16_t time, FILETIME *ret_time)
{
    SYSTEMTIME parts = {.year = (uint16_t)(1980 + (date >> 9)),
                        .month = date >> 5 & 15,
                        .day = date & 31,
                        .hour = (uint16_t)(time >> 11),
                        .minute = time >> 5 & 63,
                        .second = (uint16_t)((time & 31) * 2)};
    return guest_SystemTimeToFileTime(&parts, ret_time);
}

static BOOL LDR_WINAPI guest_FileTimeToDosDateTime(const FILETIME *time, uint16_t *ret_date,
                                                   uint16_t *ret_time)
{
    SYSTEMTIME parts;
    /* Windows rounds up to what the format can say. */
    uint64_t units = ldr__filetime_join(time), step = 2 * (uint64_t)UNITS_PER_SECOND;
    if (units > UINT64_MAX - step ||
        !ldr__system_time_from_units((units + step - 1) / step * step, &parts) ||
        parts.year < 1980 || parts.year > 2107)
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    *ret_date = (uint16_t)((parts.year - 1980) << 9 | parts.month << 5 | parts.day);
    *ret_time = (uint16_t)(parts.hour << 11 | parts.minute << 5 | parts.second / 2);
    return true;
}

/* ---- Local time: the host's time zone ---- */

/* Seconds east of UTC at that moment. */
static bool offset_at(time_t when, long *ret_offset)
{
    struct tm parts;
    if (localtime_r(&when, &parts) == NULL)
        return false;
    *ret_offset = parts.tm_gmtoff;
    return true;
}

/* As Windows does, with the offset of now, not that of `from`. */
static BOOL shift_by_zone(const FILETIME *from, int direction, FILETIME *ret_time)
{
    long offset;
    if (!offset_at(time(NULL), &offset))
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    int64_t units = (int64_t)ldr__filetime_join(from) + direction * offset * UNITS_PER_SECOND;
    *ret_time = ldr__filetime_split((uint64_t)units);
    return true;
}

static BOOL LDR_WINAPI guest_FileTimeToLocalFileTime(const FILETIME *time, FILETIME *ret_time)
{
    return shift_by_zone(time, 1, ret_time);
}

static BOOL LDR_WINAPI guest_LocalFileTimeToFileTime(const FILETIME *time, FILETIME *ret_time)
{
    return shift_by_zone(time, -1, ret_time);
}

static const ldr_export lines[] = {
    LDR__FN(GetSystemTimeAsFileTime),
    LDR__FN_AS("GetSystemTimePreciseAsFileTime", guest_GetSystemTimeAsFileTime),
    LDR__FN(QueryPerformanceCounter),
    LDR__FN(QueryPerformanceFrequency),
    LDR__FN(GetTickCount),
    LDR__FN(GetTickCount64),
    LDR__FN(FileTimeToSystemTime),
    LDR__FN(SystemTimeToFileTime),
    LDR__FN(GetSystemTime),
    LDR__FN(CompareFileTime),
    LDR__FN(DosDateTimeToFileTime),
    LDR__FN(FileTimeToDosDateTime),
    LDR__FN(FileTimeToLocalFileTime),
    LDR__FN(LocalFileTimeToFileTime),
};

LDR__TABLE(ldr__kernel32_time, "kernel32.dll", lines);
