/* crt/scanf.c: sscanf and its kin. */
#include "win32/crt/scan.h"

static int scan(const void *text, bool wide, size_t limit, const void *format, uint64_t options,
                ldr__crt_flavour flavour, __builtin_ms_va_list arguments)
{
    if (!text || !format) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    ldr__crt_text source = {text, wide};
    return ldr__crt_scan(source, limit, format, options, flavour, arguments);
}

static int LDR_WINAPI guest___stdio_common_vsscanf(uint64_t options, const char *text, size_t limit,
                                                   const char *format, void *locale,
                                                   __builtin_ms_va_list arguments)
{
    (void)locale; /* there is one locale for all */
    return scan(text, false, limit, format, options, LDR__CRT_UCRT, arguments);
}

static int LDR_WINAPI guest___stdio_common_vswscanf(uint64_t options, const WCHAR *text,
                                                    size_t limit, const WCHAR *format, void *locale,
                                                    __builtin_ms_va_list arguments)
{
    (void)locale;
    return scan(text, true, limit, format, options, LDR__CRT_UCRT, arguments);
}

/* In a variadic function: count = scan(...), with the arguments behind `format`. */
#define SCAN(count, text, wide, format, options)                                           \
    do {                                                                                   \
        __builtin_ms_va_list arguments;                                                    \
        __builtin_ms_va_start(arguments, format);                                          \
        (count) = scan(text, wide, SIZE_MAX, format, options, LDR__CRT_MSVCRT, arguments); \
        __builtin_ms_va_end(arguments);                                                    \
    } while (0)

static int LDR_WINAPI guest_sscanf(const char *text, const char *format, ...)
{
    int count;
    SCAN(count, text, false, format, LDR__CRT_SCANF_LEGACY_WIDE);
    return count;
}

static int LDR_WINAPI guest_swscanf(const WCHAR *text, const WCHAR *format, ...)
{
    int count;
    SCAN(count, text, true, format, LDR__CRT_SCANF_LEGACY_WIDE);
    return count;
}

static int LDR_WINAPI guest_sscanf_s(const char *text, const char *format, ...)
{
    int count;
    SCAN(count, text, false, format, LDR__CRT_SCANF_LEGACY_WIDE | LDR__CRT_SCANF_SECURE);
    return count;
}

static int LDR_WINAPI guest_swscanf_s(const WCHAR *text, const WCHAR *format, ...)
{
    int count;
    SCAN(count, text, true, format, LDR__CRT_SCANF_LEGACY_WIDE | LDR__CRT_SCANF_SECURE);
    return count;
}

static const ldr_export ucrt_lines[] = {
    LDR__FN(__stdio_common_vsscanf),
    LDR__FN(__stdio_common_vswscanf),
};
LDR__TABLE(ldr__crt_scanf_ucrt, "ucrtbase.dll", ucrt_lines);

static const ldr_export msvcrt_lines[] = {
    LDR__FN(sscanf),
    LDR__FN(swscanf),
    LDR__FN(sscanf_s),
    LDR__FN(swscanf_s),
};
LDR__TABLE(ldr__crt_scanf_msvcrt, "msvcrt.dll", msvcrt_lines);
