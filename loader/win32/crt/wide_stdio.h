/* crt/wide_stdio.h: wide characters on streams. */
#ifndef PELOAD_CRT_WIDE_STDIO_H
#define PELOAD_CRT_WIDE_STDIO_H

#include "win32/crt/stream.h"

/*
 * Writes wide characters to a locked stream as its mode says: UTF-16 in binary and _O_U16TEXT,
 * UTF-8 in _O_U8TEXT, the locale's bytes in text. EILSEQ.
 */
bool ldr__crt_stream_write_wide(ldr__crt_stream *stream, const WCHAR *units, size_t count);

#endif
