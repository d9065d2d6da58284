/* crt/printf_msvcrt.c: msvcrt's printf functions, each beside its twin that takes a va_list. */
#include "win32/crt/printf.h"

static ldr__crt_file *standard_output(void)
{
    return &ldr__crt_stream_files(ldr__crt_self())[1];
}

static int to_stream(ldr__crt_file *file, bool wide, const void *format,
                     __builtin_ms_va_list arguments)
{
    return ldr__crt_print_stream(file, wide, format, ldr__crt_msvcrt_style, arguments);
}

static int to_buffer(void *buffer, bool wide, const void *format, __builtin_ms_va_list arguments)
{
    return ldr__crt_print_unbounded(buffer, wide, format, ldr__crt_msvcrt_style, arguments);
}

static int to_bounded(void *buffer, size_t capacity, bool wide, const void *format,
                      __builtin_ms_va_list arguments)
{
    ldr__crt_target target = {buffer, capacity, wide};
    return ldr__crt_print_legacy(&target, format, ldr__crt_msvcrt_style, arguments);
}

static int to_secure(void *buffer, size_t capacity, bool wide, const void *format,
                     __builtin_ms_va_list arguments)
{
    ldr__crt_target target = {buffer, capacity, wide};
    return ldr__crt_print_secure(&target, format, ldr__crt_msvcrt_style, arguments);
}

static int to_counted(const ldr__crt_target *target, size_t count, const void *format,
                      __builtin_ms_va_list arguments)
{
    return ldr__crt_print_counted(target, count, format, ldr__crt_msvcrt_style, arguments);
}

static int measure(bool wide, const void *format, __builtin_ms_va_list arguments)
{
    ldr__crt_target nowhere = {NULL, 0, wide};
    return ldr__crt_print_buffer(&nowhere, format, ldr__crt_msvcrt_style, arguments);
}

/* In a variadic function: count = call, with `arguments` started behind the parameter `last`. */
#define FORWARD(count, last, call)              \
    do {                                        \
        __builtin_ms_va_list arguments;         \
        __builtin_ms_va_start(arguments, last); \
        (count) = call;                         \
        __builtin_ms_va_end(arguments);         \
    } while (0)

/* ---- To streams ---- */

static int LDR_WINAPI guest_vfprintf(ldr__crt_file *file, const char *format,
                                     __builtin_ms_va_list arguments)
{
    return to_stream(file, false, format, arguments);
}

static int LDR_WINAPI guest_fprintf(ldr__crt_file *file, const char *format, ...)
{
    int result;
    FORWARD(result, format, to_stream(file, false, format, arguments));
    return result;
}

static int LDR_WINAPI guest_vprintf(const char *format, __builtin_ms_va_list arguments)
{
    return to_stream(standard_output(), false, format, arguments);
}

static int LDR_WINAPI guest_printf(const char *format, ...)
{
    int result;
    FORWARD(result, format, to_stream(standard_output(), false, format, arguments));
    return result;
}

static int LDR_WINAPI guest_vfwprintf(ldr__crt_file *file, const WCHAR *format,
                                      __builtin_ms_va_list arguments)
{
    return to_stream(file, true, format, arguments);
}

static int LDR_WINAPI guest_fwprintf(ldr__crt_file *file, const WCHAR *format, ...)
{
    int result;
    FORWARD(result, format, to_stream(file, true, format, arguments));
    return result;
}

static int LDR_WINAPI guest_vwprintf(const WCHAR *format, __builtin_ms_va_list arguments)
{
    return to_stream(standard_output(), true, format, arguments);
}

static int LDR_WINAPI guest_wprintf(const WCHAR *format, ...)
{
    int result;
    FORWARD(result, format, to_stream(standard_output(), true, format, arguments));
    return result;
}

/* ---- To buffers of any size ---- */

static int LDR_WINAPI guest_vsprintf(char *buffer, const char *format,
                                     __builtin_ms_va_list arguments)
{
    return to_buffer(buffer, false, format, arguments);
}

static int LDR_WINAPI guest_sprintf(char *buffer, const char *format, ...)
{
    int result;
    FORWARD(result, format, to_buffer(buffer, false, format, arguments));
    return result;
}

/* msvcrt's takes no size. */
static int LDR_WINAPI guest_vswprintf(WCHAR *buffer, const WCHAR *format,
                                      __builtin_ms_va_list arguments)
{
    return to_buffer(buffer, true, format, arguments);
}

static int LDR_WINAPI guest_swprintf(WCHAR *buffer, const WCHAR *format, ...)
{
    int result;
    FORWARD(result, format, to_buffer(buffer, true, format, arguments));
    return result;
}

/* ---- To buffers of a size ---- */

static int LDR_WINAPI guest__vsnprintf(char *buffer, size_t capacity, const char *format,
                                       __builtin_ms_va_list arguments)
{
    return to_bounded(buffer, capacity, false, format, arguments);
}

static int LDR_WINAPI guest__snprintf(char *buffer, size_t capacity, const char *format, ...)
{
    int result;
    FORWARD(result, format, to_bounded(buffer, capacity, false, format, arguments));
    return result;
}

static int LDR_WINAPI guest__vsnwprintf(WCHAR *buffer, size_t capacity, const WCHAR *format,
                                        __builtin_ms_va_list arguments)
{
    return to_bounded(buffer, capacity, true, format, arguments);
}

static int LDR_WINAPI guest__snwprintf(WCHAR *buffer, size_t capacity, const WCHAR *format, ...)
{
    int result;
    FORWARD(result, format, to_bounded(buffer, capacity, true, format, arguments));
    return result;
}

static int LDR_WINAPI guest_vsprintf_s(char *buffer, size_t capacity, const char *format,
                                       __builtin_ms_va_list arguments)
{
    return to_secure(buffer, capacity, false, format, arguments);
}

static int LDR_WINAPI guest_sprintf_s(char *buffer, size_t capacity, const char *format, ...)
{
    int result;
    FORWARD(result, format, to_secure(buffer, capacity, false, format, arguments));
    return result;
}

static int LDR_WINAPI guest_vswprintf_s(WCHAR *buffer, size_t capacity, const WCHAR *format,
                                        __builtin_ms_va_list arguments)
{
    return to_secure(buffer, capacity, true, format, arguments);
}

static int LDR_WINAPI guest_swprintf_s(WCHAR *buffer, size_t capacity, const WCHAR *format, ...)
{
    int result;
    FORWARD(result, format, to_secure(buffer, capacity, true, format, arguments));
    return result;
}

static int LDR_WINAPI guest__vsnprintf_s(char *buffer, size_t capacity, size_t count,
                                         const char *format, __builtin_ms_va_list arguments)
{
    ldr__crt_target target = {buffer, capacity, false};
    return to_counted(&target, count, format, arguments);
}

static int LDR_WINAPI guest__snprintf_s(char *buffer, size_t capacity, size_t count,
                                        const char *format, ...)
{
    ldr__crt_target target = {buffer, capacity, false};
    int result;
    FORWARD(result, format, to_counted(&target, count, format, arguments));
    return result;
}

static int LDR_WINAPI guest__vsnwprintf_s(WCHAR *buffer, size_t capacity, size_t count,
                                          const WCHAR *format, __builtin_ms_va_list arguments)
{
    ldr__crt_target target = {buffer, capacity, true};
    return to_counted(&target, count, format, arguments);
}

static int LDR_WINAPI guest__snwprintf_s(WCHAR *buffer, size_t capacity, size_t count,
                                         const WCHAR *format, ...)
{
    ldr__crt_target target = {buffer, capacity, true};
    int result;
    FORWARD(result, format, to_counted(&target, count, format, arguments));
    return result;
}

/* ---- To nowhere ---- */

static int LDR_WINAPI guest__vscprintf(const char *format, __builtin_ms_va_list arguments)
{
    return measure(false, format, arguments);
}

static int LDR_WINAPI guest__scprintf(const char *format, ...)
{
    int result;
    FORWARD(result, format, measure(false, format, arguments));
    return result;
}

static int LDR_WINAPI guest__vscwprintf(const WCHAR *format, __builtin_ms_va_list arguments)
{
    return measure(true, format, arguments);
}

static int LDR_WINAPI guest__scwprintf(const WCHAR *format, ...)
{
    int result;
    FORWARD(result, format, measure(true, format, arguments));
    return result;
}

static const ldr_export lines[] = {
    LDR__FN(vfprintf),
    LDR__FN(fprintf),
    LDR__FN(vprintf),
    LDR__FN(printf),
    LDR__FN(vfwprintf),
    LDR__FN(fwprintf),
    LDR__FN(vwprintf),
    LDR__FN(wprintf),
    LDR__FN_AS("vfprintf_s", guest_vfprintf),
    LDR__FN_AS("fprintf_s", guest_fprintf),
    LDR__FN_AS("vprintf_s", guest_vprintf),
    LDR__FN_AS("printf_s", guest_printf),
    LDR__FN_AS("vfwprintf_s", guest_vfwprintf),
    LDR__FN_AS("fwprintf_s", guest_fwprintf),
    LDR__FN_AS("vwprintf_s", guest_vwprintf),
    LDR__FN_AS("wprintf_s", guest_wprintf),
    LDR__FN(vsprintf),
    LDR__FN(sprintf),
    LDR__FN(vswprintf),
    LDR__FN(swprintf),
    LDR__FN(_vsnprintf),
    LDR__FN(_snprintf),
    LDR__FN_AS("vsnprintf", guest__vsnprintf),
    LDR__FN(_vsnwprintf),
    LDR__FN(_snwprintf),
    LDR__FN(vsprintf_s),
    LDR__FN(sprintf_s),
    LDR__FN(vswprintf_s),
    LDR__FN(swprintf_s),
    LDR__FN(_vsnprintf_s),
    LDR__FN(_snprintf_s),
    LDR__FN(_vsnwprintf_s),
    LDR__FN(_snwprintf_s),
    LDR__FN(_vscprintf),
    LDR__FN(_scprintf),
    LDR__FN(_vscwprintf),
    LDR__FN(_scwprintf),
};
LDR__TABLE(ldr__crt_printf_msvcrt, "msvcrt.dll", lines);
