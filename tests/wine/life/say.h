/* say.h: lines of text to standard output at once, from code without a C runtime. */
#ifndef LIFE_SAY_H
#define LIFE_SAY_H

#include <stdarg.h>
#include <stddef.h>
#include <windows.h>

static size_t put_text(char *out, size_t at, size_t end, const char *text)
{
    while (*text && at < end)
        out[at++] = *text++;
    return at;
}

static size_t put_number(char *out, size_t at, size_t end, unsigned long long value, unsigned base)
{
    char digits[32];
    size_t count = 0;
    do
        digits[count++] = "0123456789abcdef"[value % base];
    while ((value /= base) != 0);
    while (count > 0 && at < end)
        out[at++] = digits[--count];
    return at;
}

/* %s, %d (int), %x (unsigned). The last error stays as it is. */
static inline void say(const char *format, ...)
{
    char line[512];
    size_t at = 0, end = sizeof line - 1;
    DWORD count, error = GetLastError();
    va_list arguments;
    va_start(arguments, format);
    for (; *format && at < end; format++) {
        if (*format != '%')
            line[at++] = *format;
        else if (*++format == 's')
            at = put_text(line, at, end, va_arg(arguments, const char *));
        else if (*format == 'x')
            at = put_number(line, at, end, va_arg(arguments, unsigned), 16);
        else {
            int value = va_arg(arguments, int);
            if (value < 0)
                line[at++] = '-';
            at = put_number(line, at, end,
                            (unsigned long long)(value < 0 ? -(long long)value : value), 10);
        }
    }
    va_end(arguments);
    line[at++] = '\n';
    WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), line, (DWORD)at, &count, NULL);
    SetLastError(error);
}

#endif
