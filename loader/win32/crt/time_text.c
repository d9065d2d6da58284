/* crt/time_text.c: asctime, strftime and their kin, in the words of the "C" locale. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "win32/crt/time.h"

/* ---- asctime ---- */

static bool is_sane(const ldr__crt_tm *time)
{
    return time && time->sec >= 0 && time->sec <= 60 && time->min >= 0 && time->min < 60 &&
           time->hour >= 0 && time->hour < 24 && time->mday >= 1 && time->mday <= 31 &&
           time->mon >= 0 && time->mon < 12 && time->year >= 0 && time->year <= 8099 &&
           time->wday >= 0 && time->wday < 7 && time->yday >= 0 && time->yday < 366;
}

/* Unlike the standard's, the day has a leading zero. */
static int write_time(const ldr__crt_tm *time, char *out, size_t size)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (!out || size < 26 || !is_sane(time)) {
        if (out && size)
            *out = '\0';
        ldr__crt_invalid_parameter(EINVAL);
        return EINVAL;
    }
    snprintf(out, size, "%.3s %.3s %02d %02d:%02d:%02d %04d\n", days + 3 * time->wday,
             months + 3 * time->mon, time->mday, time->hour, time->min, time->sec,
             time->year + 1900);
    return 0;
}

static char *thread_text(const ldr__crt_tm *time)
{
    ldr__crt_thread *thread = ldr__crt_thread_self();
    if (!thread || write_time(time, thread->time_text, sizeof thread->time_text) != 0)
        return NULL;
    return thread->time_text;
}

static bool local_time(int64_t seconds, ldr__crt_tm *ret_time)
{
    time_t host_seconds = seconds;
    struct tm host;
    if (seconds < 0 || !localtime_r(&host_seconds, &host))
        return false;
    *ret_time = ldr__crt_tm_from_host(&host);
    return true;
}

static char *time_text(int64_t seconds)
{
    ldr__crt_tm time;
    if (local_time(seconds, &time))
        return thread_text(&time);
    ldr__crt_set_errno(EINVAL);
    return NULL;
}

static char *LDR_WINAPI guest_asctime(const ldr__crt_tm *time)
{
    return thread_text(time);
}

static int LDR_WINAPI guest_asctime_s(char *out, size_t size, const ldr__crt_tm *time)
{
    return write_time(time, out, size);
}

static char *LDR_WINAPI guest__ctime64(const int64_t *seconds)
{
    return time_text(seconds ? *seconds : -1);
}

static char *LDR_WINAPI guest__ctime32(const int32_t *seconds)
{
    return time_text(seconds ? *seconds : -1);
}

static int LDR_WINAPI guest__ctime64_s(char *out, size_t size, const int64_t *seconds)
{
    ldr__crt_tm time;
    bool known = seconds && local_time(*seconds, &time);
    return write_time(known ? &time : NULL, out, size);
}

static char *today(char *out, const char *format)
{
    time_t now = time(NULL);
    struct tm host;
    localtime_r(&now, &host);
    strftime(out, 9, format, &host);
    return out;
}

static char *LDR_WINAPI guest__strdate(char *out)
{
    return today(out, "%m/%d/%y");
}

static char *LDR_WINAPI guest__strtime(char *out)
{
    return today(out, "%H:%M:%S");
}

/* ---- strftime ---- */

/* The formats that msvcrt knows, and those that the universal runtime has besides. */
static const char msvcrt_conversions[] = "aAbBcdHIjmMpSUwWxXyYzZ%";
static const char ucrt_conversions[] = "aAbBcdHIjmMpSUwWxXyYzZ%CDeFgGhnrRtTuV";

static void strip_leading_zeros(char *text)
{
    size_t zeros = strspn(text, "0");
    if (zeros && !text[zeros])
        zeros--;
    memmove(text, text + zeros, strlen(text + zeros) + 1);
}

/* With #: the long date for c and x, no leading zeros for numbers. */
static const char *host_format(char conversion, bool alternate, ldr__crt_flavour flavour)
{
    switch (conversion) {
    case 'c':
        if (alternate)
            return "%A, %B %d, %Y %H:%M:%S";
        return flavour == LDR__CRT_MSVCRT ? "%m/%d/%y %H:%M:%S" : "%a %b %e %H:%M:%S %Y";
    case 'x':
        return alternate ? "%A, %B %d, %Y" : "%m/%d/%y";
    case 'X':
        return "%H:%M:%S";
    case 'z':
        return flavour == LDR__CRT_MSVCRT ? "%Z" : "%z";
    default:
        return NULL;
    }
}

/* One conversion into `out`; false if it is none. */
static bool convert(char conversion, bool alternate, ldr__crt_flavour flavour,
                    const struct tm *host, char out[128])
{
    const char *known = flavour == LDR__CRT_MSVCRT ? msvcrt_conversions : ucrt_conversions;
    if (!conversion || !strchr(known, conversion))
        return false;
    char format[] = {'%', conversion, '\0'};
    const char *mapped = host_format(conversion, alternate, flavour);
    if (strftime(out, 128, mapped ? mapped : format, host) == 0)
        *out = '\0';
    if (alternate && strchr("dHIjmMSUwWyYCegGuV", conversion))
        strip_leading_zeros(out);
    return true;
}

static struct tm host_time(const ldr__crt_tm *time)
{
    struct tm host = ldr__crt_tm_to_host(time);
    struct tm normal = host;
    mktime(&normal); /* for the time zone only: the fields stay as the guest has them */
    host.tm_gmtoff = normal.tm_gmtoff;
    host.tm_zone = normal.tm_zone;
    return host;
}

static size_t refuse(char *out, size_t size, int error)
{
    if (out && size)
        *out = '\0';
    ldr__crt_invalid_parameter(error);
    return 0;
}

static size_t format_time(char *out, size_t size, const char *format, const ldr__crt_tm *time,
                          ldr__crt_flavour flavour)
{
    if (!out || size == 0 || !format || !is_sane(time))
        return refuse(out, size, EINVAL);
    struct tm host = host_time(time);
    size_t at = 0;
    for (; *format; format++) {
        char piece[128] = {*format, '\0'};
        if (*format == '%') {
            bool alternate = format[1] == '#';
            format += alternate ? 2 : 1;
            if (flavour == LDR__CRT_UCRT && (*format == 'E' || *format == 'O'))
                format++;
            if (!convert(*format, alternate, flavour, &host, piece))
                return refuse(out, size, EINVAL);
        }
        size_t length = strlen(piece);
        if (length >= size - at) {
            *out = '\0';
            ldr__crt_set_errno(ERANGE);
            return 0;
        }
        memcpy(out + at, piece, length);
        at += length;
    }
    out[at] = '\0';
    return at;
}

static size_t format_wide_time(WCHAR *out, size_t size, const WCHAR *format,
                               const ldr__crt_tm *time, ldr__crt_flavour flavour)
{
    char *narrow = format ? ldr__utf8_from(format) : NULL;
    size_t capacity = size < SIZE_MAX / 4 ? size * 4 : size; /* UTF-8 of as many characters */
    char *text = size ? malloc(capacity) : NULL;
    size_t written = 0;
    if (!narrow || !text || !out)
        ldr__crt_invalid_parameter(EINVAL);
    else if (format_time(text, capacity, narrow, time, flavour) || !*narrow)
        written = ldr__utf8_to_utf16(text, strlen(text), NULL, 0);
    if (out && size) {
        if (written >= size) {
            ldr__crt_set_errno(ERANGE);
            written = 0;
        }
        if (written)
            ldr__utf8_to_utf16(text, strlen(text), out, size);
        out[written] = 0;
    }
    free(narrow);
    free(text);
    return written;
}

static size_t LDR_WINAPI msvcrt_strftime(char *out, size_t size, const char *format,
                                         const ldr__crt_tm *time)
{
    return format_time(out, size, format, time, LDR__CRT_MSVCRT);
}

static size_t LDR_WINAPI ucrt_strftime(char *out, size_t size, const char *format,
                                       const ldr__crt_tm *time)
{
    return format_time(out, size, format, time, LDR__CRT_UCRT);
}

static size_t LDR_WINAPI msvcrt_wcsftime(WCHAR *out, size_t size, const WCHAR *format,
                                         const ldr__crt_tm *time)
{
    return format_wide_time(out, size, format, time, LDR__CRT_MSVCRT);
}

static size_t LDR_WINAPI ucrt_wcsftime(WCHAR *out, size_t size, const WCHAR *format,
                                       const ldr__crt_tm *time)
{
    return format_wide_time(out, size, format, time, LDR__CRT_UCRT);
}

static const ldr_export shared[] = {
    LDR__FN(asctime),    LDR__FN(asctime_s), LDR__FN(_ctime64), LDR__FN(_ctime32),
    LDR__FN(_ctime64_s), LDR__FN(_strdate),  LDR__FN(_strtime),
};
LDR__CRT_TABLES(ldr__crt_time_text, shared);

static const ldr_export msvcrt_lines[] = {
    LDR__FN_AS("ctime", guest__ctime64),
    LDR__FN_AS("strftime", msvcrt_strftime),
    LDR__FN_AS("wcsftime", msvcrt_wcsftime),
};
LDR__TABLE(ldr__crt_time_text_msvcrt_only, "msvcrt.dll", msvcrt_lines);

static const ldr_export ucrt_lines[] = {
    LDR__FN_AS("strftime", ucrt_strftime),
    LDR__FN_AS("wcsftime", ucrt_wcsftime),
};
LDR__TABLE(ldr__crt_time_text_ucrt_only, "ucrtbase.dll", ucrt_lines);
