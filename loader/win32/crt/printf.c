/* crt/printf.c: where formatted output goes, and what each kind of function makes of its end. */
#include "win32/crt/printf.h"

#include <string.h>

#include "win32/crt/wide_stdio.h"

/* ---- Streams ---- */

typedef struct stream_sink {
    ldr__crt_sink sink;
    ldr__crt_stream *stream;
} stream_sink;

static bool put_narrow(ldr__crt_sink *sink, const void *units, size_t count)
{
    return ldr__crt_stream_write(((stream_sink *)sink)->stream, units, count);
}

static bool put_wide(ldr__crt_sink *sink, const void *units, size_t count)
{
    return ldr__crt_stream_write_wide(((stream_sink *)sink)->stream, units, count);
}

int ldr__crt_print_stream(ldr__crt_file *file, bool wide, const void *format,
                          ldr__crt_format_style style, __builtin_ms_va_list arguments)
{
    if (!format) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    ldr__crt_stream *stream = ldr__crt_stream_lock(file);
    if (!stream)
        return -1;
    stream_sink sink = {{wide, wide ? put_wide : put_narrow}, stream};
    int count = ldr__crt_format(&sink.sink, format, style, arguments);
    ldr__crt_stream_unlock(stream);
    return count;
}

/* ---- Buffers ---- */

typedef struct buffer_sink {
    ldr__crt_sink sink;
    uint8_t *out;
    size_t left; /* units */
} buffer_sink;

static bool put_buffer(ldr__crt_sink *base, const void *units, size_t count)
{
    buffer_sink *sink = (buffer_sink *)base;
    size_t unit = base->wide ? sizeof(WCHAR) : 1;
    size_t taken = count < sink->left ? count : sink->left;
    if (taken) {
        memcpy(sink->out, units, taken * unit);
        sink->out += taken * unit;
        sink->left -= taken;
    }
    return true;
}

int ldr__crt_print_buffer(const ldr__crt_target *target, const void *format,
                          ldr__crt_format_style style, __builtin_ms_va_list arguments)
{
    if (!format || (!target->buffer && target->capacity)) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    buffer_sink sink = {{target->wide, put_buffer}, target->buffer, target->capacity};
    return ldr__crt_format(&sink.sink, format, style, arguments);
}

static void terminate_at(const ldr__crt_target *target, size_t index)
{
    if (target->wide)
        ((WCHAR *)target->buffer)[index] = 0;
    else
        ((char *)target->buffer)[index] = 0;
}

int ldr__crt_print_unbounded(void *buffer, bool wide, const void *format,
                             ldr__crt_format_style style, __builtin_ms_va_list arguments)
{
    ldr__crt_target target = {buffer, SIZE_MAX, wide};
    int count = ldr__crt_print_buffer(&target, format, style, arguments);
    if (buffer)
        terminate_at(&target, count < 0 ? 0 : (size_t)count);
    return count;
}

int ldr__crt_print_legacy(const ldr__crt_target *target, const void *format,
                          ldr__crt_format_style style, __builtin_ms_va_list arguments)
{
    int count = ldr__crt_print_buffer(target, format, style, arguments);
    if (count >= 0 && (size_t)count < target->capacity)
        terminate_at(target, (size_t)count);
    bool measured = !target->buffer;
    return count < 0 || measured || (size_t)count <= target->capacity ? count : -1;
}

int ldr__crt_print_secure(const ldr__crt_target *target, const void *format,
                          ldr__crt_format_style style, __builtin_ms_va_list arguments)
{
    if (!format || !target->buffer || target->capacity == 0) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    int count = ldr__crt_print_buffer(target, format, style, arguments);
    bool fits = count >= 0 && (size_t)count < target->capacity;
    terminate_at(target, fits ? (size_t)count : 0);
    if (!fits && count >= 0)
        ldr__crt_invalid_parameter(ERANGE);
    return fits ? count : -1;
}

int ldr__crt_print_counted(const ldr__crt_target *target, size_t count, const void *format,
                           ldr__crt_format_style style, __builtin_ms_va_list arguments)
{
    if (count == 0 && !target->buffer && target->capacity == 0 && format)
        return 0;
    if (count != SIZE_MAX && count >= target->capacity)
        return ldr__crt_print_secure(target, format, style, arguments);
    if (!format || !target->buffer || target->capacity == 0) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    size_t limit = count == SIZE_MAX ? target->capacity - 1 : count;
    ldr__crt_target part = {target->buffer, limit, target->wide};
    int total = ldr__crt_print_buffer(&part, format, style, arguments);
    bool fits = total >= 0 && (size_t)total <= limit;
    terminate_at(target, fits ? (size_t)total : total < 0 ? 0 : limit);
    return fits ? total : -1;
}
