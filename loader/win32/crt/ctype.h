/* crt/ctype.h: classes and cases of characters. */
#ifndef PELOAD_CRT_CTYPE_H
#define PELOAD_CRT_CTYPE_H

#include "win32/crt/state.h"

/* The bits of _pctype and of _isctype's mask. */
enum {
    LDR__CRT_UPPER = 0x1,
    LDR__CRT_LOWER = 0x2,
    LDR__CRT_DIGIT = 0x4,
    LDR__CRT_SPACE = 0x8,
    LDR__CRT_PUNCT = 0x10,
    LDR__CRT_CONTROL = 0x20,
    LDR__CRT_BLANK = 0x40,
    LDR__CRT_HEX = 0x80,
    LDR__CRT_ALPHA = 0x100,
};

/* The bits of a 16-bit character; 0 for what the host's Unicode tables do not know. */
uint16_t ldr__crt_class_of(WCHAR character);

/* Simple case mapping, within the 16-bit range; of ASCII only in the locale "C". */
WCHAR ldr__crt_to_lower(WCHAR character);
WCHAR ldr__crt_to_upper(WCHAR character);

#endif
