/* crt/format_spec.c: flags, widths, precisions and sizes. */
#include "win32/crt/format_spec.h"

#include <limits.h>

static unsigned unit_at(const ldr__crt_format_cursor *cursor, size_t index)
{
    return cursor->wide ? ((const WCHAR *)cursor->format)[index]
                        : ((const unsigned char *)cursor->format)[index];
}

unsigned ldr__crt_format_peek(const ldr__crt_format_cursor *cursor)
{
    return unit_at(cursor, cursor->at);
}

bool ldr__crt_format_accept(ldr__crt_format_cursor *cursor, char c)
{
    if (ldr__crt_format_peek(cursor) != (unsigned char)c)
        return false;
    cursor->at++;
    return true;
}

static bool accept_two(ldr__crt_format_cursor *cursor, char first, char second)
{
    if (unit_at(cursor, cursor->at) != (unsigned char)first ||
        unit_at(cursor, cursor->at + 1) != (unsigned char)second)
        return false;
    cursor->at += 2;
    return true;
}

static void read_flags(ldr__crt_format_cursor *cursor, ldr__crt_spec *s)
{
    for (;;) {
        if (ldr__crt_format_accept(cursor, '-'))
            s->left = true;
        else if (ldr__crt_format_accept(cursor, '+'))
            s->plus = true;
        else if (ldr__crt_format_accept(cursor, ' '))
            s->space = true;
        else if (ldr__crt_format_accept(cursor, '#'))
            s->alternate = true;
        else if (ldr__crt_format_accept(cursor, '0'))
            s->zero = true;
        else
            return;
    }
}

/* Digits or an asterisk. False on overflow. */
static bool read_count(ldr__crt_format_cursor *cursor, int *ret_count)
{
    int count = 0;
    if (ldr__crt_format_accept(cursor, '*')) {
        *ret_count = (int)ldr__crt_argument(&cursor->arguments);
        return true;
    }
    for (; ldr__crt_format_peek(cursor) >= '0' && ldr__crt_format_peek(cursor) <= '9'; cursor->at++)
        if (__builtin_mul_overflow(count, 10, &count) ||
            __builtin_add_overflow(count, (int)ldr__crt_format_peek(cursor) - '0', &count))
            return false;
    *ret_count = count;
    return true;
}

static ldr__crt_size read_size(ldr__crt_format_cursor *cursor)
{
    if (ldr__crt_format_accept(cursor, 'h'))
        return ldr__crt_format_accept(cursor, 'h') ? LDR__CRT_SIZE_CHAR : LDR__CRT_SIZE_SHORT;
    if (ldr__crt_format_accept(cursor, 'l'))
        return ldr__crt_format_accept(cursor, 'l') ? LDR__CRT_SIZE_64 : LDR__CRT_SIZE_LONG;
    if (ldr__crt_format_accept(cursor, 'I')) {
        if (accept_two(cursor, '3', '2'))
            return LDR__CRT_SIZE_LONG;
        accept_two(cursor, '6', '4');
        return LDR__CRT_SIZE_64;
    }
    if (ldr__crt_format_accept(cursor, 'z') || ldr__crt_format_accept(cursor, 't') ||
        ldr__crt_format_accept(cursor, 'j'))
        return LDR__CRT_SIZE_64;
    if (ldr__crt_format_accept(cursor, 'w'))
        return LDR__CRT_SIZE_WIDE;
    ldr__crt_format_accept(cursor, 'L'); /* long double is double */
    return LDR__CRT_SIZE_NONE;
}

bool ldr__crt_format_read(ldr__crt_format_cursor *cursor, ldr__crt_spec *ret_spec)
{
    ldr__crt_spec s = {.precision = -1};
    read_flags(cursor, &s);
    if (!read_count(cursor, &s.width) || s.width == INT_MIN)
        return false;
    if (s.width < 0) {
        s.left = true;
        s.width = -s.width;
    }
    if (ldr__crt_format_accept(cursor, '.') && !read_count(cursor, &s.precision))
        return false;
    if (s.precision < 0)
        s.precision = -1;
    s.size = read_size(cursor);
    unsigned conversion = ldr__crt_format_peek(cursor);
    s.conversion = conversion < 0x80 ? (char)conversion : '?';
    if (conversion)
        cursor->at++;
    *ret_spec = s;
    return true;
}
