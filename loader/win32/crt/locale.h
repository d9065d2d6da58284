/* crt/locale.h: characters of the two locales that there are, "C" and UTF-8. */
#ifndef PELOAD_CRT_LOCALE_H
#define PELOAD_CRT_LOCALE_H

#include "win32/crt/state.h"

/* Whether characters are UTF-8 (LC_CTYPE); else byte and character are the same number. */
bool ldr__crt_is_utf8(ldr__crt *crt);

/*
 * One character of UTF-16 into bytes: their count, and in *ret_used the units it took (two for a
 * surrogate pair). -1 when it has no bytes: above 255 in "C", half a pair in UTF-8.
 */
int ldr__crt_encode(bool utf8, const WCHAR *units, size_t available, char ret_bytes[4],
                    size_t *ret_used);

/* One character of bytes into UTF-16: units, and bytes used. -1 invalid, -2 more bytes needed. */
int ldr__crt_decode(bool utf8, const char *bytes, size_t available, WCHAR ret_units[2],
                    size_t *ret_used);

#endif
