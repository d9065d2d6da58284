/*
 * letters.h: case and kinds of characters. The host's tables for Unicode do the work.
 */
#ifndef PELOAD_WIN32_LETTERS_H
#define PELOAD_WIN32_LETTERS_H

#include "win32/win32.h"

/* A UTF-16 unit in the other case; halves of surrogate pairs stay as they are. For guest threads.
 */
WCHAR ldr__to_upper(WCHAR unit);
WCHAR ldr__to_lower(WCHAR unit);

#endif
