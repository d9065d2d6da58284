/* crt/buffer.c: bytes between a stream's buffer, its file and the guest. */
#include <stdio.h>
#include <string.h>

#include "win32/crt/stream.h"

enum { CTRL_Z = 0x1A };

static void set_flag(ldr__crt_stream *stream, int flag)
{
    stream->file->flags |= flag;
}

static bool fail(ldr__crt_stream *stream)
{
    set_flag(stream, LDR__CRT_FILE_ERROR);
    return false;
}

static bool have_buffer(ldr__crt_stream *stream)
{
    return stream->buffer || ldr__crt_stream_set_buffer(stream, 0, stream->unbuffered);
}

bool ldr__crt_stream_flush(ldr__crt_stream *stream)
{
    if (stream->direction != LDR__CRT_WRITING)
        return true;
    size_t size = stream->at;
    stream->at = 0;
    stream->direction = LDR__CRT_IDLE;
    if (size == 0 ||
        ldr__crt_descriptor_write(stream->crt, stream->descriptor, stream->buffer, size) >= 0)
        return true;
    return fail(stream);
}

/* ---- Reading ---- */

static bool begin_reading(ldr__crt_stream *stream)
{
    if (!stream->readable) {
        ldr__crt_set_errno(EBADF);
        return fail(stream);
    }
    if (stream->direction == LDR__CRT_READING)
        return true;
    if (!ldr__crt_stream_flush(stream) || !have_buffer(stream))
        return false;
    stream->direction = LDR__CRT_READING;
    stream->at = stream->end = 0;
    return true;
}

/* One read; what is unread stays. False at the end of the file and on failure. */
static bool fill(ldr__crt_stream *stream)
{
    size_t kept = stream->end - stream->at;
    memmove(stream->buffer, stream->buffer + stream->at, kept);
    stream->at = 0;
    stream->end = kept;
    ssize_t count = ldr__crt_descriptor_read(stream->crt, stream->descriptor, stream->buffer + kept,
                                             stream->capacity - kept);
    if (count > 0)
        stream->end += (size_t)count;
    else if (kept == 0)
        set_flag(stream, count == 0 ? LDR__CRT_FILE_EOF : LDR__CRT_FILE_ERROR);
    return count > 0;
}

static int next_byte(ldr__crt_stream *stream)
{
    if (stream->at == stream->end && !fill(stream))
        return LDR__CRT_EOF;
    return stream->buffer[stream->at++];
}

/* After a carriage return: the line feed that belongs to it, or the carriage return itself. */
static int end_of_line(ldr__crt_stream *stream)
{
    if (stream->at == stream->end && !fill(stream)) {
        stream->file->flags &= ~LDR__CRT_FILE_EOF;
        return '\r';
    }
    if (stream->buffer[stream->at] != '\n')
        return '\r';
    stream->at++;
    return '\n';
}

int ldr__crt_stream_get(ldr__crt_stream *stream)
{
    if (stream->pushed_count)
        return stream->pushed[--stream->pushed_count];
    if (!begin_reading(stream))
        return LDR__CRT_EOF;
    int byte = next_byte(stream);
    if (!stream->translates)
        return byte;
    if (byte == '\r')
        return end_of_line(stream);
    if (byte == CTRL_Z) {
        stream->at--;
        set_flag(stream, LDR__CRT_FILE_EOF);
        return LDR__CRT_EOF;
    }
    return byte;
}

static size_t read_bytes(ldr__crt_stream *stream, uint8_t *out, size_t size)
{
    size_t done = 0;
    while (done < size) {
        if (stream->at == stream->end && !fill(stream))
            break;
        size_t available = stream->end - stream->at;
        size_t count = available < size - done ? available : size - done;
        memcpy(out + done, stream->buffer + stream->at, count);
        stream->at += count;
        done += count;
    }
    return done;
}

size_t ldr__crt_stream_read(ldr__crt_stream *stream, void *buffer, size_t size)
{
    uint8_t *out = buffer;
    size_t done = 0;
    while (done < size && (stream->pushed_count || stream->translates)) {
        int byte = ldr__crt_stream_get(stream);
        if (byte == LDR__CRT_EOF)
            return done;
        out[done++] = (uint8_t)byte;
    }
    if (done < size && begin_reading(stream))
        done += read_bytes(stream, out + done, size - done);
    return done;
}

int ldr__crt_stream_unget(ldr__crt_stream *stream, int byte)
{
    if (byte == LDR__CRT_EOF || !stream->readable || stream->pushed_count == sizeof stream->pushed)
        return LDR__CRT_EOF;
    stream->pushed[stream->pushed_count++] = (uint8_t)byte;
    stream->file->flags &= ~LDR__CRT_FILE_EOF;
    return (uint8_t)byte;
}

/* ---- Position ---- */

int64_t ldr__crt_stream_tell(ldr__crt_stream *stream)
{
    int64_t position = ldr__crt_descriptor_seek(stream->crt, stream->descriptor, 0, SEEK_CUR);
    if (position < 0)
        return -1;
    if (stream->direction == LDR__CRT_WRITING)
        return position + (int64_t)stream->at;
    position -= (int64_t)(stream->end - stream->at) + (int64_t)stream->pushed_count;
    return position < 0 ? 0 : position;
}

bool ldr__crt_stream_seek(ldr__crt_stream *stream, int64_t offset, int whence)
{
    if (whence == SEEK_CUR) {
        int64_t here = ldr__crt_stream_tell(stream);
        if (here < 0 || __builtin_add_overflow(here, offset, &offset))
            return ldr__crt_set_errno(EINVAL), false;
        whence = SEEK_SET;
    }
    if (!ldr__crt_stream_flush(stream))
        return false;
    stream->direction = LDR__CRT_IDLE;
    stream->at = stream->end = stream->pushed_count = 0;
    stream->file->flags &= ~LDR__CRT_FILE_EOF;
    return ldr__crt_descriptor_seek(stream->crt, stream->descriptor, offset, whence) >= 0;
}

/* ---- Writing ---- */

/* Goes back to where the guest believes to be, if it has read ahead. */
static bool begin_writing(ldr__crt_stream *stream)
{
    if (!stream->writable) {
        ldr__crt_set_errno(EBADF);
        return fail(stream);
    }
    if (stream->direction == LDR__CRT_WRITING)
        return true;
    bool ahead = stream->at < stream->end || stream->pushed_count;
    if ((ahead && !ldr__crt_stream_seek(stream, 0, SEEK_CUR)) || !have_buffer(stream))
        return fail(stream);
    stream->direction = LDR__CRT_WRITING;
    stream->at = stream->end = 0;
    return true;
}

static bool put(ldr__crt_stream *stream, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        if (stream->at == stream->capacity) {
            if (!ldr__crt_stream_flush(stream))
                return false;
            stream->direction = LDR__CRT_WRITING;
        }
        size_t room = stream->capacity - stream->at;
        size_t count = size < room ? size : room;
        memcpy(stream->buffer + stream->at, bytes, count);
        stream->at += count;
        bytes += count;
        size -= count;
    }
    return true;
}

bool ldr__crt_stream_write(ldr__crt_stream *stream, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    if (!begin_writing(stream))
        return false;
    while (stream->translates && size > 0) {
        const uint8_t *line_feed = memchr(from, '\n', size);
        size_t plain = line_feed ? (size_t)(line_feed - from) : size;
        if (!put(stream, from, plain) || (line_feed && !put(stream, (const uint8_t *)"\r\n", 2)))
            return false;
        size_t taken = plain + (line_feed != NULL);
        from += taken;
        size -= taken;
    }
    return put(stream, from, size);
}
