/* crt/wide_stdio.c: fgetwc, fputws and their kin. */
#include "win32/crt/wide_stdio.h"

#include <string.h>

#include "win32/crt/locale.h"

enum { WIDE_EOF = 0xFFFF };

typedef enum encoding { ENCODING_UTF16, ENCODING_UTF8, ENCODING_LOCALE } encoding;

static encoding encoding_of(const ldr__crt_stream *stream)
{
    int mode = ldr__crt_descriptor_mode(stream->crt, stream->descriptor);
    if (mode == LDR__CRT_O_U8TEXT)
        return ENCODING_UTF8;
    return mode == LDR__CRT_O_TEXT ? ENCODING_LOCALE : ENCODING_UTF16;
}

/* UTF-16 with line ends of two units each, past the translation of bytes. */
static bool write_utf16(ldr__crt_stream *stream, const WCHAR *units, size_t count)
{
    static const WCHAR carriage_return = '\r';
    bool lines = stream->translates;
    bool done = true;
    stream->translates = false;
    for (size_t i = 0; done && i < count; i++)
        done = (!lines || units[i] != '\n' || ldr__crt_stream_write(stream, &carriage_return, 2)) &&
               ldr__crt_stream_write(stream, &units[i], sizeof units[i]);
    stream->translates = lines;
    return done;
}

bool ldr__crt_stream_write_wide(ldr__crt_stream *stream, const WCHAR *units, size_t count)
{
    encoding kind = encoding_of(stream);
    if (kind == ENCODING_UTF16)
        return write_utf16(stream, units, count);
    bool utf8 = kind == ENCODING_UTF8 || ldr__crt_is_utf8(stream->crt);
    for (size_t at = 0; at < count;) {
        char bytes[4];
        size_t used;
        int length = ldr__crt_encode(utf8, units + at, count - at, bytes, &used);
        if (length < 0)
            return ldr__crt_set_errno(LDR__CRT_EILSEQ), false;
        if (!ldr__crt_stream_write(stream, bytes, (size_t)length))
            return false;
        at += used;
    }
    return true;
}

/* ---- Reading ---- */

static int read_utf16(ldr__crt_stream *stream)
{
    uint8_t bytes[2];
    bool lines = stream->translates;
    stream->translates = false;
    size_t count = ldr__crt_stream_read(stream, bytes, sizeof bytes);
    stream->translates = lines;
    return count == sizeof bytes ? bytes[0] | bytes[1] << 8 : WIDE_EOF;
}

/* Of a character that takes two units, the second is lost: no reader here can hold it. */
static int read_encoded(ldr__crt_stream *stream, bool utf8)
{
    char bytes[4];
    WCHAR units[2];
    size_t used, length = 0;
    int count;
    do {
        int byte = ldr__crt_stream_get(stream);
        if (byte == LDR__CRT_EOF)
            return WIDE_EOF;
        bytes[length++] = (char)byte;
        count = ldr__crt_decode(utf8, bytes, length, units, &used);
    } while (count == -2 && length < sizeof bytes);
    if (count < 0) {
        ldr__crt_set_errno(LDR__CRT_EILSEQ);
        return WIDE_EOF;
    }
    return units[0];
}

static int read_unit(ldr__crt_stream *stream)
{
    encoding kind = encoding_of(stream);
    if (kind != ENCODING_UTF16)
        return read_encoded(stream, kind == ENCODING_UTF8 || ldr__crt_is_utf8(stream->crt));
    int unit = read_utf16(stream);
    if (unit != '\r' || !stream->translates)
        return unit;
    int next = read_utf16(stream);
    if (next == '\n')
        return next;
    if (next != WIDE_EOF) {
        ldr__crt_stream_unget(stream, next >> 8);
        ldr__crt_stream_unget(stream, next & 0xFF);
    }
    return unit;
}

static uint16_t LDR_WINAPI guest_fgetwc(ldr__crt_file *file)
{
    ldr__crt_stream *stream = ldr__crt_stream_lock(file);
    if (!stream)
        return WIDE_EOF;
    int unit = read_unit(stream);
    ldr__crt_stream_unlock(stream);
    return (uint16_t)unit;
}

static uint16_t LDR_WINAPI guest_getwchar(void)
{
    return guest_fgetwc(ldr__crt_stream_files(ldr__crt_self()));
}

static WCHAR *LDR_WINAPI guest_fgetws(WCHAR *buffer, int size, ldr__crt_file *file)
{
    if (!buffer || size <= 0) {
        ldr__crt_invalid_parameter(EINVAL);
        return NULL;
    }
    ldr__crt_stream *stream = ldr__crt_stream_lock(file);
    if (!stream)
        return NULL;
    int length = 0, unit = 0;
    while (length < size - 1 && unit != '\n') {
        unit = read_unit(stream);
        if (unit == WIDE_EOF)
            break;
        buffer[length++] = (WCHAR)unit;
    }
    ldr__crt_stream_unlock(stream);
    if (length == 0 && unit == WIDE_EOF)
        return NULL;
    buffer[length] = 0;
    return buffer;
}

static uint16_t LDR_WINAPI guest_ungetwc(uint16_t unit, ldr__crt_file *file)
{
    ldr__crt_stream *stream = unit == WIDE_EOF ? NULL : ldr__crt_stream_lock(file);
    if (!stream)
        return WIDE_EOF;
    char bytes[4] = {(char)(unit & 0xFF), (char)(unit >> 8)};
    size_t used;
    WCHAR units[1] = {unit};
    encoding kind = encoding_of(stream);
    int length = 2;
    if (kind != ENCODING_UTF16)
        length = ldr__crt_encode(kind == ENCODING_UTF8 || ldr__crt_is_utf8(stream->crt), units, 1,
                                 bytes, &used);
    bool done = length > 0;
    for (int i = length - 1; done && i >= 0; i--)
        done = ldr__crt_stream_unget(stream, (unsigned char)bytes[i]) != LDR__CRT_EOF;
    ldr__crt_stream_unlock(stream);
    return done ? unit : WIDE_EOF;
}

/* ---- Writing ---- */

static uint16_t LDR_WINAPI guest_fputwc(uint16_t unit, ldr__crt_file *file)
{
    ldr__crt_stream *stream = ldr__crt_stream_lock(file);
    if (!stream)
        return WIDE_EOF;
    bool done = ldr__crt_stream_write_wide(stream, &unit, 1);
    ldr__crt_stream_unlock(stream);
    return done ? unit : WIDE_EOF;
}

static uint16_t LDR_WINAPI guest_putwchar(uint16_t unit)
{
    return guest_fputwc(unit, &ldr__crt_stream_files(ldr__crt_self())[1]);
}

static int LDR_WINAPI guest_fputws(const WCHAR *text, ldr__crt_file *file)
{
    if (!text) {
        ldr__crt_invalid_parameter(EINVAL);
        return LDR__CRT_EOF;
    }
    ldr__crt_stream *stream = ldr__crt_stream_lock(file);
    if (!stream)
        return LDR__CRT_EOF;
    bool done = ldr__crt_stream_write_wide(stream, text, ldr__wcslen(text));
    ldr__crt_stream_unlock(stream);
    return done ? 0 : LDR__CRT_EOF;
}

static int LDR_WINAPI guest__putws(const WCHAR *text)
{
    ldr__crt_file *file = &ldr__crt_stream_files(ldr__crt_self())[1];
    if (guest_fputws(text, file) != 0)
        return LDR__CRT_EOF;
    return guest_fputwc('\n', file) == WIDE_EOF ? LDR__CRT_EOF : 0;
}

static const ldr_export shared[] = {
    LDR__FN(fgetwc),
    LDR__FN_AS("getwc", guest_fgetwc),
    LDR__FN(getwchar),
    LDR__FN(fgetws),
    LDR__FN(ungetwc),
    LDR__FN(fputwc),
    LDR__FN_AS("putwc", guest_fputwc),
    LDR__FN(putwchar),
    LDR__FN(fputws),
    LDR__FN(_putws),
};
LDR__CRT_TABLES(ldr__crt_wide_stdio, shared);
