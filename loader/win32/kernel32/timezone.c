#include <string.h>
#include <time.h>

#include "win32/kernel32/calendar.h"

/* The host's time zone, in the form that Windows describes one: two offsets, and on which day of
 * which month each begins. */

enum {
    TIME_ZONE_ID_UNKNOWN = 0,
    TIME_ZONE_ID_STANDARD = 1,
    TIME_ZONE_ID_DAYLIGHT = 2,
    HOUR = 3600,
    DAY = 24 * HOUR,
    LAST_WEEK = 5,
};

typedef struct TIME_ZONE_INFORMATION {
    LONG bias; /* minutes to add to local time for UTC */
    WCHAR standard_name[32];
    SYSTEMTIME standard_date;
    LONG standard_bias;
    WCHAR daylight_name[32];
    SYSTEMTIME daylight_date;
    LONG daylight_bias;
} TIME_ZONE_INFORMATION;

typedef struct DYNAMIC_TIME_ZONE_INFORMATION {
    TIME_ZONE_INFORMATION zone;
    WCHAR key_name[128];
    uint8_t no_daylight_time;
} DYNAMIC_TIME_ZONE_INFORMATION;

_Static_assert(sizeof(TIME_ZONE_INFORMATION) == 172, "TIME_ZONE_INFORMATION layout");
_Static_assert(sizeof(DYNAMIC_TIME_ZONE_INFORMATION) == 432,
               "DYNAMIC_TIME_ZONE_INFORMATION layout");

static struct tm local(time_t when)
{
    struct tm parts = {0};
    localtime_r(&when, &parts);
    return parts;
}

/* The first second in (from, to] with another offset than `from`; the two ends differ. */
static time_t find_change(time_t from, time_t to)
{
    long offset = local(from).tm_gmtoff;
    while (to - from > 1) {
        time_t middle = from + (to - from) / 2;
        if (local(middle).tm_gmtoff == offset)
            from = middle;
        else
            to = middle;
    }
    return to;
}

/* "The second Sunday of March, 02:00": the last local second before the change, and one more. */
static SYSTEMTIME describe(time_t change)
{
    struct tm before = local(change - 1), next_week = local(change - 1 + 7 * DAY);
    time_t wall = change + before.tm_gmtoff;
    struct tm parts = {0};
    gmtime_r(&wall, &parts);
    bool last = next_week.tm_mon != before.tm_mon;
    return (SYSTEMTIME){.month = (uint16_t)(parts.tm_mon + 1),
                        .weekday = (uint16_t)parts.tm_wday,
                        .day = (uint16_t)(last ? LAST_WEEK : (parts.tm_mday - 1) / 7 + 1),
                        .hour = (uint16_t)parts.tm_hour,
                        .minute = (uint16_t)parts.tm_min};
}

static void set_name(WCHAR name[32], const struct tm *parts)
{
    memset(name, 0, 32 * sizeof *name);
    if (parts->tm_zone != NULL)
        ldr__utf8_to_utf16(parts->tm_zone, strlen(parts->tm_zone), name, 31);
}

/* A change of the offset in the year that begins at `start`: fills in what begins then. */
static void note_change(TIME_ZONE_INFORMATION *zone, time_t change)
{
    struct tm after = local(change);
    if (after.tm_isdst > 0) {
        zone->daylight_date = describe(change);
        zone->daylight_bias = (LONG)(-after.tm_gmtoff / 60) - zone->bias;
        set_name(zone->daylight_name, &after);
    } else {
        zone->standard_date = describe(change);
        set_name(zone->standard_name, &after);
    }
}

static DWORD LDR_WINAPI guest_GetTimeZoneInformation(TIME_ZONE_INFORMATION *ret_zone)
{
    time_t now = time(NULL);
    struct tm parts = local(now), standard = parts;
    struct tm new_year = {.tm_year = parts.tm_year, .tm_mday = 1};
    time_t start = timegm(&new_year);
    memset(ret_zone, 0, sizeof *ret_zone);
    for (int day = 0; day < 366 && standard.tm_isdst > 0; day++)
        standard = local(start + day * (time_t)DAY);
    ret_zone->bias = (LONG)(-standard.tm_gmtoff / 60);
    set_name(ret_zone->standard_name, &standard);
    set_name(ret_zone->daylight_name, &standard);
    for (int day = 0; day < 365; day++) {
        time_t from = start + day * (time_t)DAY, to = from + DAY;
        if (local(from).tm_isdst != local(to).tm_isdst)
            note_change(ret_zone, find_change(from, to));
    }
    if (ret_zone->daylight_date.month == 0 || ret_zone->standard_date.month == 0)
        return TIME_ZONE_ID_UNKNOWN;
    return parts.tm_isdst > 0 ? TIME_ZONE_ID_DAYLIGHT : TIME_ZONE_ID_STANDARD;
}

/* The registry's name of a zone is known for UTC only: the host names zones in another way. */
static DWORD LDR_WINAPI guest_GetDynamicTimeZoneInformation(DYNAMIC_TIME_ZONE_INFORMATION *ret_zone)
{
    static const WCHAR utc[] = {'U', 'T', 'C', 0};
    memset(ret_zone, 0, sizeof *ret_zone);
    DWORD kind = guest_GetTimeZoneInformation(&ret_zone->zone);
    if (ret_zone->zone.bias == 0 && kind == TIME_ZONE_ID_UNKNOWN)
        memcpy(ret_zone->key_name, utc, sizeof utc);
    return kind;
}

static BOOL LDR_WINAPI guest_SystemTimeToTzSpecificLocalTime(const TIME_ZONE_INFORMATION *zone,
                                                             const SYSTEMTIME *universal,
                                                             SYSTEMTIME *ret_local)
{
    uint64_t units;
    if (zone != NULL) /* only the host's own zone is known */
        return ldr__win_error(ERROR_NOT_SUPPORTED);
    if (!ldr__system_time_to_units(universal, &units))
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    struct timespec when = ldr__timespec_from(units);
    when.tv_sec += local(when.tv_sec).tm_gmtoff;
    return ldr__system_time_from_units(ldr__filetime_from(&when), ret_local)
               ? true
               : ldr__win_error(ERROR_INVALID_PARAMETER);
}

static const ldr_export lines[] = {
    LDR__FN(GetTimeZoneInformation),
    LDR__FN(GetDynamicTimeZoneInformation),
    LDR__FN(SystemTimeToTzSpecificLocalTime),
};

LDR__TABLE(ldr__kernel32_timezone, "kernel32.dll", lines);
