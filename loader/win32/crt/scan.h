/* crt/scan.h: the engine behind the scanf functions. */
#ifndef PELOAD_CRT_SCAN_H
#define PELOAD_CRT_SCAN_H

#include "win32/crt/number.h"

enum {
    LDR__CRT_SCANF_SECURE = 0x1, /* strings and characters are followed by their buffer's size */
    LDR__CRT_SCANF_LEGACY_WIDE = 0x2,
};

/*
 * Reads at most `limit` units of `text` as `format` (of the same width) says. The number of
 * arguments assigned, or -1 when the text ended before the first.
 */
int ldr__crt_scan(ldr__crt_text text, size_t limit, const void *format, uint64_t options,
                  ldr__crt_flavour flavour, __builtin_ms_va_list arguments);

#endif
