/* crt/time.c: the calendar: seconds since 1970 and what they mean. */
#include "win32/crt/time.h"

#include <string.h>
#include <time.h>

enum { SECONDS_PER_HOUR = 3600 };

/* The last second that the runtimes convert: in the year 3000 everywhere on earth. */
static const int64_t last_second = 0x793582AFF;

ldr__crt_tm ldr__crt_tm_from_host(const struct tm *host)
{
    return (ldr__crt_tm){host->tm_sec,  host->tm_min,  host->tm_hour, host->tm_mday, host->tm_mon,
                         host->tm_year, host->tm_wday, host->tm_yday, host->tm_isdst};
}

struct tm ldr__crt_tm_to_host(const ldr__crt_tm *guest)
{
    return (struct tm){.tm_sec = guest->sec,
                       .tm_min = guest->min,
                       .tm_hour = guest->hour,
                       .tm_mday = guest->mday,
                       .tm_mon = guest->mon,
                       .tm_year = guest->year,
                       .tm_wday = guest->wday,
                       .tm_yday = guest->yday,
                       .tm_isdst = guest->isdst};
}

/* ---- Broken down time ---- */

static bool break_down(int64_t seconds, bool local, ldr__crt_tm *ret_time)
{
    time_t host_seconds = seconds;
    struct tm host;
    bool in_range = seconds >= (local ? 0 : -SECONDS_PER_HOUR * 12) && seconds <= last_second;
    if (!in_range ||
        !(local ? localtime_r(&host_seconds, &host) : gmtime_r(&host_seconds, &host))) {
        ldr__crt_set_errno(EINVAL);
        return false;
    }
    *ret_time = ldr__crt_tm_from_host(&host);
    return true;
}

static ldr__crt_tm *thread_time(int64_t seconds, bool local)
{
    ldr__crt_thread *thread = ldr__crt_thread_self();
    if (!thread || !break_down(seconds, local, &thread->broken_down_time))
        return NULL;
    return &thread->broken_down_time;
}

static int into(ldr__crt_tm *ret_time, int64_t seconds, bool local)
{
    if (break_down(seconds, local, ret_time))
        return 0;
    memset(ret_time, 0xFF, sizeof *ret_time);
    return EINVAL;
}

/* What both widths of time have in common, once `seconds` is known not to be NULL. */
#define BREAK_DOWN(name, type, local)                                                  \
    static ldr__crt_tm *LDR_WINAPI guest_##name(const type *seconds)                   \
    {                                                                                  \
        if (seconds)                                                                   \
            return thread_time(*seconds, local);                                       \
        ldr__crt_invalid_parameter(EINVAL);                                            \
        return NULL;                                                                   \
    }                                                                                  \
    static int LDR_WINAPI guest_##name##_s(ldr__crt_tm *ret_time, const type *seconds) \
    {                                                                                  \
        if (ret_time && seconds)                                                       \
            return into(ret_time, *seconds, local);                                    \
        ldr__crt_invalid_parameter(EINVAL);                                            \
        return EINVAL;                                                                 \
    }

BREAK_DOWN(_gmtime64, int64_t, false)
BREAK_DOWN(_gmtime32, int32_t, false)
BREAK_DOWN(_localtime64, int64_t, true)
BREAK_DOWN(_localtime32, int32_t, true)

static int64_t put_together(ldr__crt_tm *time, bool local)
{
    if (!time) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    struct tm host = ldr__crt_tm_to_host(time);
    int64_t seconds = local ? mktime(&host) : timegm(&host);
    if (seconds < 0 || seconds > last_second)
        return ldr__crt_set_errno(EINVAL);
    *time = ldr__crt_tm_from_host(&host);
    return seconds;
}

static int32_t narrow(int64_t seconds)
{
    return seconds <= INT32_MAX ? (int32_t)seconds : ldr__crt_set_errno(EINVAL);
}

static int64_t LDR_WINAPI guest__mktime64(ldr__crt_tm *time)
{
    return put_together(time, true);
}

static int32_t LDR_WINAPI guest__mktime32(ldr__crt_tm *time)
{
    return narrow(put_together(time, true));
}

static int64_t LDR_WINAPI guest__mkgmtime64(ldr__crt_tm *time)
{
    return put_together(time, false);
}

static int32_t LDR_WINAPI guest__mkgmtime32(ldr__crt_tm *time)
{
    return narrow(put_together(time, false));
}

/* ---- Now ---- */

static int64_t LDR_WINAPI guest__time64(int64_t *ret_seconds)
{
    int64_t seconds = time(NULL);
    if (ret_seconds)
        *ret_seconds = seconds;
    return seconds;
}

static int32_t LDR_WINAPI guest__time32(int32_t *ret_seconds)
{
    int32_t seconds = narrow(time(NULL));
    if (ret_seconds)
        *ret_seconds = seconds;
    return seconds;
}

static double LDR_WINAPI guest__difftime64(int64_t end, int64_t start)
{
    return (double)(end - start);
}

static double LDR_WINAPI guest__difftime32(int32_t end, int32_t start)
{
    return (double)((int64_t)end - start);
}

/* Elapsed milliseconds, not processor time: that is what clock is on Windows. */
static int32_t LDR_WINAPI guest_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t milliseconds = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    ldr__crt *crt = ldr__crt_self();
    return (int32_t)(milliseconds - crt->start_milliseconds);
}

static void fill_ftime(int64_t *ret_seconds, int16_t rest[3])
{
    struct timespec now;
    struct tm host;
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &host);
    *ret_seconds = now.tv_sec;
    rest[0] = (int16_t)(now.tv_nsec / 1000000);
    rest[1] = (int16_t)((host.tm_isdst > 0 ? SECONDS_PER_HOUR : 0) / 60 - host.tm_gmtoff / 60);
    rest[2] = (int16_t)(host.tm_isdst > 0);
}

/* struct __timeb64: seconds, then milliseconds, minutes west of UTC, whether it is summer. */
static int LDR_WINAPI guest__ftime64_s(uint8_t *ret_time)
{
    int64_t seconds;
    int16_t rest[3];
    if (!ret_time) {
        ldr__crt_invalid_parameter(EINVAL);
        return EINVAL;
    }
    fill_ftime(&seconds, rest);
    memcpy(ret_time, &seconds, sizeof seconds);
    memcpy(ret_time + sizeof seconds, rest, sizeof rest);
    return 0;
}

static int LDR_WINAPI guest__ftime32_s(uint8_t *ret_time)
{
    int64_t seconds;
    int16_t rest[3];
    if (!ret_time) {
        ldr__crt_invalid_parameter(EINVAL);
        return EINVAL;
    }
    fill_ftime(&seconds, rest);
    int32_t narrow_seconds = narrow(seconds);
    memcpy(ret_time, &narrow_seconds, sizeof narrow_seconds);
    memcpy(ret_time + sizeof narrow_seconds, rest, sizeof rest);
    return 0;
}

static int LDR_WINAPI guest__timespec64_get(struct timespec *ret_time, int base)
{
    enum { UTC = 1 };
    if (!ret_time || base != UTC)
        return 0;
    clock_gettime(CLOCK_REALTIME, ret_time); /* the guest's struct has the host's layout */
    return base;
}

/* ---- Time zone ---- */

static void LDR_WINAPI guest__tzset(void)
{
    ldr__crt *crt = ldr__crt_self();
    ldr__crt_lock(crt);
    ldr__crt_read_time_zone(crt);
    ldr__crt_unlock(crt);
}

static int *LDR_WINAPI guest___daylight(void)
{
    guest__tzset();
    return &ldr__crt_self()->zone.daylight;
}

static int *LDR_WINAPI guest___timezone(void)
{
    guest__tzset();
    return &ldr__crt_self()->zone.seconds_west;
}

static int *LDR_WINAPI guest___dstbias(void)
{
    guest__tzset();
    return &ldr__crt_self()->zone.daylight_bias;
}

static char **LDR_WINAPI guest___tzname(void)
{
    guest__tzset();
    return ldr__crt_self()->zone.names;
}

static int LDR_WINAPI guest__get_timezone(int *ret_seconds)
{
    if (!ret_seconds) {
        ldr__crt_invalid_parameter(EINVAL);
        return EINVAL;
    }
    *ret_seconds = *guest___timezone();
    return 0;
}

static int LDR_WINAPI guest__get_daylight(int *ret_hours)
{
    if (!ret_hours) {
        ldr__crt_invalid_parameter(EINVAL);
        return EINVAL;
    }
    *ret_hours = *guest___daylight();
    return 0;
}

static int LDR_WINAPI guest__get_dstbias(int *ret_seconds)
{
    if (!ret_seconds) {
        ldr__crt_invalid_parameter(EINVAL);
        return EINVAL;
    }
    *ret_seconds = *guest___dstbias();
    return 0;
}

void ldr__crt_read_time_zone(ldr__crt *crt)
{
    ldr__crt_zone *zone = &crt->zone;
    tzset();
    zone->seconds_west = (int32_t)timezone;
    zone->daylight = daylight;
    zone->daylight_bias = daylight ? -SECONDS_PER_HOUR : 0;
    for (int i = 0; i < 2; i++) {
        strncpy(zone->text[i], tzname[i], sizeof zone->text[i] - 1);
        zone->names[i] = zone->text[i];
    }
    static const char *const exported[] = {"_timezone", "_daylight", "_dstbias"};
    const int32_t values[] = {zone->seconds_west, zone->daylight, zone->daylight_bias};
    for (int i = 0; i < 3; i++) {
        int32_t *data = ldr__crt_data(crt, exported[i]);
        if (data)
            *data = values[i];
    }
    char **names = ldr__crt_data(crt, "_tzname");
    if (names)
        memcpy(names, zone->names, sizeof zone->names);
}

static const ldr_export shared[] = {
    LDR__FN(_gmtime64),
    LDR__FN(_gmtime64_s),
    LDR__FN(_gmtime32),
    LDR__FN(_gmtime32_s),
    LDR__FN(_localtime64),
    LDR__FN(_localtime64_s),
    LDR__FN(_localtime32),
    LDR__FN(_localtime32_s),
    LDR__FN(_mktime64),
    LDR__FN(_mktime32),
    LDR__FN(_mkgmtime64),
    LDR__FN(_mkgmtime32),
    LDR__FN(_time64),
    LDR__FN(_time32),
    LDR__FN(_difftime64),
    LDR__FN(_difftime32),
    LDR__FN(clock),
    LDR__FN(_ftime64_s),
    LDR__FN(_ftime32_s),
    LDR__FN(_tzset),
    LDR__FN(_get_timezone),
    LDR__FN(_get_daylight),
    LDR__FN(_get_dstbias),
    LDR__FN_AS("_ftime64", guest__ftime64_s),
    LDR__FN_AS("_ftime32", guest__ftime32_s),
};
LDR__CRT_TABLES(ldr__crt_time, shared);

static const ldr_export ucrt_lines[] = {
    LDR__FN(__daylight), LDR__FN(__timezone),      LDR__FN(__dstbias),
    LDR__FN(__tzname),   LDR__FN(_timespec64_get),
};
LDR__TABLE(ldr__crt_time_ucrt_only, "ucrtbase.dll", ucrt_lines);

static const int32_t zero = 0;
static const char *const no_names[2] = {"UTC", "UTC"};

/* On x64 the names without a number are those of 64 bits. */
static const ldr_export msvcrt_lines[] = {
    LDR__FN_AS("time", guest__time64),
    LDR__FN_AS("gmtime", guest__gmtime64),
    LDR__FN_AS("localtime", guest__localtime64),
    LDR__FN_AS("mktime", guest__mktime64),
    LDR__FN_AS("_mkgmtime", guest__mkgmtime64),
    LDR__FN_AS("difftime", guest__difftime64),
    LDR__FN_AS("_ftime", guest__ftime64_s),
    LDR__DATA("_timezone", zero),
    LDR__DATA("_daylight", zero),
    LDR__DATA("_dstbias", zero),
    LDR__DATA("_tzname", no_names),
    LDR__FN_AS("__p__timezone", guest___timezone),
    LDR__FN_AS("__p__daylight", guest___daylight),
    LDR__FN_AS("__p__dstbias", guest___dstbias),
    LDR__FN_AS("__p__tzname", guest___tzname),
};
LDR__TABLE(ldr__crt_time_msvcrt_only, "msvcrt.dll", msvcrt_lines);
