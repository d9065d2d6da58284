/* crt/printf_ucrt.c: the universal runtime's printf core, which its headers call with options. */
#include "win32/crt/printf.h"

static ldr__crt_format_style style_of(uint64_t options)
{
    return (ldr__crt_format_style){LDR__CRT_UCRT, options};
}

static int LDR_WINAPI guest___stdio_common_vfprintf(uint64_t options, ldr__crt_file *file,
                                                    const char *format, void *locale,
                                                    __builtin_ms_va_list arguments)
{
    (void)locale; /* there is one locale for all */
    return ldr__crt_print_stream(file, false, format, style_of(options), arguments);
}

static int LDR_WINAPI guest___stdio_common_vfwprintf(uint64_t options, ldr__crt_file *file,
                                                     const WCHAR *format, void *locale,
                                                     __builtin_ms_va_list arguments)
{
    (void)locale;
    return ldr__crt_print_stream(file, true, format, style_of(options), arguments);
}

/* snprintf: always terminated, and the whole length told. */
static int print_standard(const ldr__crt_target *target, const void *format,
                          ldr__crt_format_style style, __builtin_ms_va_list arguments)
{
    int total = ldr__crt_print_buffer(target, format, style, arguments);
    if (target->capacity == 0)
        return total;
    size_t last = target->capacity - 1;
    size_t end = total < 0 ? 0 : (size_t)total < last ? (size_t)total : last;
    if (target->wide)
        ((WCHAR *)target->buffer)[end] = 0;
    else
        ((char *)target->buffer)[end] = 0;
    return total;
}

/* Without options: terminated, but a text that was cut off is -2, and no room at all -1. */
static int print_plain(const ldr__crt_target *target, const void *format,
                       ldr__crt_format_style style, __builtin_ms_va_list arguments)
{
    enum { NO_ROOM = -1, CUT_OFF = -2 };
    int total = print_standard(target, format, style, arguments);
    if (!target->buffer || total < 0 || (size_t)total < target->capacity)
        return total;
    return target->capacity ? CUT_OFF : NO_ROOM;
}

static int print(const ldr__crt_target *target, const void *format, uint64_t options,
                 __builtin_ms_va_list arguments)
{
    if (options & LDR__CRT_PRINTF_LEGACY_TERMINATION)
        return ldr__crt_print_legacy(target, format, style_of(options), arguments);
    if (options & LDR__CRT_PRINTF_STANDARD_SNPRINTF)
        return print_standard(target, format, style_of(options), arguments);
    return print_plain(target, format, style_of(options), arguments);
}

static int LDR_WINAPI guest___stdio_common_vsprintf(uint64_t options, char *buffer, size_t capacity,
                                                    const char *format, void *locale,
                                                    __builtin_ms_va_list arguments)
{
    (void)locale;
    ldr__crt_target target = {buffer, buffer ? capacity : 0, false};
    return print(&target, format, options, arguments);
}

static int LDR_WINAPI guest___stdio_common_vswprintf(uint64_t options, WCHAR *buffer,
                                                     size_t capacity, const WCHAR *format,
                                                     void *locale, __builtin_ms_va_list arguments)
{
    (void)locale;
    ldr__crt_target target = {buffer, buffer ? capacity : 0, true};
    return print(&target, format, options, arguments);
}

static int LDR_WINAPI guest___stdio_common_vsprintf_s(uint64_t options, char *buffer,
                                                      size_t capacity, const char *format,
                                                      void *locale, __builtin_ms_va_list arguments)
{
    (void)locale;
    ldr__crt_target target = {buffer, capacity, false};
    return ldr__crt_print_secure(&target, format, style_of(options), arguments);
}

static int LDR_WINAPI guest___stdio_common_vswprintf_s(uint64_t options, WCHAR *buffer,
                                                       size_t capacity, const WCHAR *format,
                                                       void *locale, __builtin_ms_va_list arguments)
{
    (void)locale;
    ldr__crt_target target = {buffer, capacity, true};
    return ldr__crt_print_secure(&target, format, style_of(options), arguments);
}

static int LDR_WINAPI guest___stdio_common_vsnprintf_s(uint64_t options, char *buffer,
                                                       size_t capacity, size_t count,
                                                       const char *format, void *locale,
                                                       __builtin_ms_va_list arguments)
{
    (void)locale;
    ldr__crt_target target = {buffer, capacity, false};
    return ldr__crt_print_counted(&target, count, format, style_of(options), arguments);
}

static int LDR_WINAPI guest___stdio_common_vsnwprintf_s(uint64_t options, WCHAR *buffer,
                                                        size_t capacity, size_t count,
                                                        const WCHAR *format, void *locale,
                                                        __builtin_ms_va_list arguments)
{
    (void)locale;
    ldr__crt_target target = {buffer, capacity, true};
    return ldr__crt_print_counted(&target, count, format, style_of(options), arguments);
}

static const ldr_export lines[] = {
    LDR__FN(__stdio_common_vfprintf),
    LDR__FN_AS("__stdio_common_vfprintf_s", guest___stdio_common_vfprintf),
    LDR__FN(__stdio_common_vfwprintf),
    LDR__FN_AS("__stdio_common_vfwprintf_s", guest___stdio_common_vfwprintf),
    LDR__FN(__stdio_common_vsprintf),
    LDR__FN(__stdio_common_vswprintf),
    LDR__FN(__stdio_common_vsprintf_s),
    LDR__FN(__stdio_common_vswprintf_s),
    LDR__FN(__stdio_common_vsnprintf_s),
    LDR__FN(__stdio_common_vsnwprintf_s),
};
LDR__TABLE(ldr__crt_printf_ucrt, "ucrtbase.dll", lines);
