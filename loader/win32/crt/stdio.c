/* crt/stdio.c: the functions on FILE that move bytes and positions. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "win32/crt/stream.h"

/* ---- Bytes ---- */

static size_t LDR_WINAPI guest_fread(void *buffer, size_t size, size_t count, ldr__crt_file *file)
{
    size_t bytes;
    if (size == 0 || count == 0)
        return 0;
    if (!buffer || __builtin_mul_overflow(size, count, &bytes)) {
        ldr__crt_invalid_parameter(EINVAL);
        return 0;
    }
    ldr__crt_stream *stream = ldr__crt_stream_lock(file);
    if (!stream)
        return 0;
    size_t done = ldr__crt_stream_read(stream, buffer, bytes);
    ldr__crt_stream_unlock(stream);
    return done / size;
}

static size_t LDR_WINAPI guest_fwrite(const void *bytes, size_t size, size_t count,
                                      ldr__crt_file *file)
{
    size_t total;
    if (size == 0 || count == 0)
        return 0;
    if (!bytes || __builtin_mul_overflow(size, count, &total)) {
        ldr__crt_invalid_parameter(EINVAL);
        return 0;
    }
    ldr__crt_stream *stream = ldr__crt_stream_lock(file);
    if (!stream)
        return 0;
    bool done = ldr__crt_stream_write(stream, bytes, total);
    ldr__crt_stream_unlock(stream);
    return done ? count : 0;
}

static int LDR_WINAPI guest_fgetc(ldr__crt_file *file)
{
    ldr__crt_stream *stream = ldr__crt_stream_lock(file);
    if (!stream)
        return LDR__CRT_EOF;
    int byte = ldr__crt_stream_get(stream);
    ldr__crt_stream_unlock(stream);
    return byte;
}

static int LDR_WINAPI guest_getchar(void)
{
    return guest_fgetc(ldr__crt_stream_files(ldr__crt_self()));
}

static int LDR_WINAPI guest_fputc(int byte, ldr__crt_file *file)
{
    ldr__crt_stream *stream = ldr__crt_stream_lock(file);
    if (!stream)
        return LDR__CRT_EOF;
    uint8_t unit = (uint8_t)byte;
    bool done = ldr__crt_stream_write(stream, &unit, 1);
    ldr__crt_stream_unlock(stream);
    return done ? unit : LDR__CRT_EOF;
}

static int LDR_WINAPI guest_putchar(int byte)
{
    return guest_fputc(byte, &ldr__crt_stream_files(ldr__crt_self())[1]);
}

static int LDR_WINAPI guest_ungetc(int byte, ldr__crt_file *file)
{
    ldr__crt_stream *stream = ldr__crt_stream_lock(file);
    if (!stream)
        return LDR__CRT_EOF;
    int result = ldr__crt_stream_unget(stream, byte);
    ldr__crt_stream_unlock(stream);
    return result;
}

/* ---- Lines ---- */

static char *LDR_WINAPI guest_fgets(char *buffer, int size, ldr__crt_file *file)
{
    if (!buffer || size <= 0) {
        ldr__crt_invalid_parameter(EINVAL);
        return NULL;
    }
    ldr__crt_stream *stream = ldr__crt_stream_lock(file);
    if (!stream)
        return NULL;
    int length = 0, byte = 0;
    while (length < size - 1 && byte != '\n') {
        byte = ldr__crt_stream_get(stream);
        if (byte == LDR__CRT_EOF)
            break;
        buffer[length++] = (char)byte;
    }
    ldr__crt_stream_unlock(stream);
    if (length == 0 && byte == LDR__CRT_EOF)
        return NULL;
    buffer[length] = '\0';
    return buffer;
}

static int put_text(const char *text, const char *after, ldr__crt_file *file)
{
    if (!text) {
        ldr__crt_invalid_parameter(EINVAL);
        return LDR__CRT_EOF;
    }
    ldr__crt_stream *stream = ldr__crt_stream_lock(file);
    if (!stream)
        return LDR__CRT_EOF;
    bool done = ldr__crt_stream_write(stream, text, strlen(text)) &&
                ldr__crt_stream_write(stream, after, strlen(after));
    ldr__crt_stream_unlock(stream);
    return done ? 0 : LDR__CRT_EOF;
}

static int LDR_WINAPI guest_fputs(const char *text, ldr__crt_file *file)
{
    return put_text(text, "", file);
}

static int LDR_WINAPI guest_puts(const char *text)
{
    return put_text(text, "\n", &ldr__crt_stream_files(ldr__crt_self())[1]);
}

static void LDR_WINAPI guest_perror(const char *message)
{
    ldr__crt_file *file = &ldr__crt_stream_files(ldr__crt_self())[2];
    char text[256];
    bool prefixed = message && *message;
    const char *error = ldr__crt_errno_text(ldr__thread_self()->crt_errno);
    snprintf(text, sizeof text, "%.120s%s%s\n", prefixed ? message : "", prefixed ? ": " : "",
             error);
    put_text(text, "", file);
}

/* ---- Position ---- */

static int64_t LDR_WINAPI guest__ftelli64(ldr__crt_file *file)
{
    ldr__crt_stream *stream = ldr__crt_stream_lock(file);
    if (!stream)
        return -1;
    int64_t position = ldr__crt_stream_tell(stream);
    ldr__crt_stream_unlock(stream);
    return position;
}

static LONG LDR_WINAPI guest_ftell(ldr__crt_file *file)
{
    int64_t position = guest__ftelli64(file);
    return position <= INT32_MAX ? (LONG)position : ldr__crt_set_errno(EINVAL);
}

static int LDR_WINAPI guest__fseeki64(ldr__crt_file *file, int64_t offset, int whence)
{
    if (whence < SEEK_SET || whence > SEEK_END) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    ldr__crt_stream *stream = ldr__crt_stream_lock(file);
    if (!stream)
        return -1;
    bool done = ldr__crt_stream_seek(stream, offset, whence);
    ldr__crt_stream_unlock(stream);
    return done ? 0 : -1;
}

static int LDR_WINAPI guest_fseek(ldr__crt_file *file, LONG offset, int whence)
{
    return guest__fseeki64(file, offset, whence);
}

static int LDR_WINAPI guest_fgetpos(ldr__crt_file *file, int64_t *ret_position)
{
    int64_t position = guest__ftelli64(file);
    if (position < 0 || !ret_position)
        return -1;
    *ret_position = position;
    return 0;
}

static int LDR_WINAPI guest_fsetpos(ldr__crt_file *file, const int64_t *position)
{
    return position ? guest__fseeki64(file, *position, SEEK_SET) : ldr__crt_set_errno(EINVAL);
}

static void LDR_WINAPI guest_clearerr(ldr__crt_file *file)
{
    ldr__crt_stream *stream = ldr__crt_stream_lock(file);
    if (!stream)
        return;
    stream->file->flags &= ~(LDR__CRT_FILE_EOF | LDR__CRT_FILE_ERROR);
    ldr__crt_stream_unlock(stream);
}

static void LDR_WINAPI guest_rewind(ldr__crt_file *file)
{
    guest__fseeki64(file, 0, SEEK_SET);
    guest_clearerr(file);
}

/* ---- State ---- */

static int flag_of(ldr__crt_file *file, int flag)
{
    ldr__crt_stream *stream = ldr__crt_stream_lock(file);
    if (!stream)
        return 0;
    int set = stream->file->flags & flag;
    ldr__crt_stream_unlock(stream);
    return set;
}

static int LDR_WINAPI guest_feof(ldr__crt_file *file)
{
    return flag_of(file, LDR__CRT_FILE_EOF);
}

static int LDR_WINAPI guest_ferror(ldr__crt_file *file)
{
    return flag_of(file, LDR__CRT_FILE_ERROR);
}

static int LDR_WINAPI guest__fileno(ldr__crt_file *file)
{
    ldr__crt_stream *stream = ldr__crt_stream_lock(file);
    if (!stream)
        return -1;
    int descriptor = stream->descriptor;
    ldr__crt_stream_unlock(stream);
    return descriptor;
}

static int LDR_WINAPI guest_fflush(ldr__crt_file *file)
{
    if (!file) {
        ldr__crt_streams_flush(ldr__crt_self());
        return 0;
    }
    ldr__crt_stream *stream = ldr__crt_stream_lock(file);
    if (!stream)
        return LDR__CRT_EOF;
    bool done = ldr__crt_stream_flush(stream);
    ldr__crt_stream_unlock(stream);
    return done ? 0 : LDR__CRT_EOF;
}

static int LDR_WINAPI guest__flushall(void)
{
    return ldr__crt_streams_flush(ldr__crt_self());
}

/* The guest's own buffer is not used; only its size counts. */
static int LDR_WINAPI guest_setvbuf(ldr__crt_file *file, char *buffer, int mode, size_t size)
{
    enum { FULL = 0, NONE = 4, LINE = 0x40 };
    (void)buffer;
    if ((mode != FULL && mode != NONE && mode != LINE) ||
        (mode != NONE && (size < 2 || size > INT_MAX))) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    ldr__crt_stream *stream = ldr__crt_stream_lock(file);
    if (!stream)
        return -1;
    bool unread = stream->direction == LDR__CRT_READING && stream->at < stream->end;
    bool done = ldr__crt_stream_flush(stream) && !unread &&
                ldr__crt_stream_set_buffer(stream, mode == NONE ? 0 : size, mode == NONE);
    ldr__crt_stream_unlock(stream);
    return done ? 0 : -1;
}

static void LDR_WINAPI guest_setbuf(ldr__crt_file *file, char *buffer)
{
    enum { FULL = 0, NONE = 4, BUFSIZ_OF_GUEST = 512 };
    guest_setvbuf(file, buffer, buffer ? FULL : NONE, BUFSIZ_OF_GUEST);
}

static void LDR_WINAPI guest__lock_file(ldr__crt_file *file)
{
    ldr__crt_stream *stream = ldr__crt_stream_lock(file);
    if (stream)
        ldr__crt_stream_keep(stream);
}

/* Locked twice here, so that both go. */
static void LDR_WINAPI guest__unlock_file(ldr__crt_file *file)
{
    ldr__crt_stream *stream = ldr__crt_stream_lock(file);
    if (!stream)
        return;
    ldr__crt_stream_unlock(stream);
    ldr__crt_stream_unlock(stream);
}

static ldr__crt_file *LDR_WINAPI guest___iob_func(void)
{
    return ldr__crt_stream_files(ldr__crt_self());
}

static ldr__crt_file *LDR_WINAPI guest___acrt_iob_func(uint32_t index)
{
    return index < LDR__CRT_STATIC_STREAMS ? &ldr__crt_stream_files(ldr__crt_self())[index] : NULL;
}

static int LDR_WINAPI guest__getmaxstdio(void)
{
    return LDR__CRT_MAX_STREAMS;
}

static const ldr_export shared[] = {
    LDR__FN(fread),
    LDR__FN(fwrite),
    LDR__FN(fgetc),
    LDR__FN(getchar),
    LDR__FN(fputc),
    LDR__FN(putchar),
    LDR__FN(ungetc),
    LDR__FN(fgets),
    LDR__FN(fputs),
    LDR__FN(puts),
    LDR__FN(perror),
    LDR__FN(_ftelli64),
    LDR__FN(ftell),
    LDR__FN(_fseeki64),
    LDR__FN(fseek),
    LDR__FN(fgetpos),
    LDR__FN(fsetpos),
    LDR__FN(clearerr),
    LDR__FN(rewind),
    LDR__FN(feof),
    LDR__FN(ferror),
    LDR__FN(_fileno),
    LDR__FN(fflush),
    LDR__FN(_flushall),
    LDR__FN(setvbuf),
    LDR__FN(setbuf),
    LDR__FN(_lock_file),
    LDR__FN(_unlock_file),
    LDR__FN(_getmaxstdio),
    LDR__FN(__acrt_iob_func),
    LDR__FN_AS("getc", guest_fgetc),
    LDR__FN_AS("putc", guest_fputc),
};
LDR__CRT_TABLES(ldr__crt_stdio, shared);

static const ldr__crt_file initial_files[LDR__CRT_STATIC_STREAMS] = {
    {.flags = LDR__CRT_FILE_READ, .descriptor = 0},
    {.flags = LDR__CRT_FILE_WRITE, .descriptor = 1},
    {.flags = LDR__CRT_FILE_WRITE, .descriptor = 2},
};
static const int zero = 0;

static const ldr_export msvcrt_lines[] = {
    LDR__FN(__iob_func),
    LDR__FN_AS("__p__iob", guest___iob_func),
    LDR__FN_AS("_filbuf", guest_fgetc),
    LDR__FN_AS("_flsbuf", guest_fputc),
    LDR__DATA("_iob", initial_files),
    LDR__DATA("_fmode", zero),
    LDR__DATA("_commode", zero),
};
LDR__TABLE(ldr__crt_stdio_msvcrt_only, "msvcrt.dll", msvcrt_lines);
