/* windows.h: what the windows files share. */
#ifndef PELOAD_WINDOWS_H
#define PELOAD_WINDOWS_H

#include "os/os.h"

#include <windows.h>

static inline HANDLE ldr__windows_handle(ldr__handle handle)
{
    return (HANDLE)(intptr_t)handle.value;
}

static inline ldr__handle ldr__windows_wrap(HANDLE handle)
{
    return (ldr__handle){(intptr_t)handle};
}

/* The status of what GetLastError says. */
ldr_status ldr__windows_status(void);

/*
 * UTF-16 of UTF-8, and back: allocated (ldr__os_free). LDR_FILE_NOT_FOUND for what is no text,
 * which names nothing; LDR_NO_MEMORY.
 */
ldr_status ldr__windows_wide(const char *text, wchar_t **ret_wide);
ldr_status ldr__windows_narrow(const wchar_t *wide, char **ret_text);

/*
 * The path as Windows's functions take it, absolute and of any length ("\\?\" where it is needed),
 * allocated. LDR_FILE_NOT_FOUND, LDR_NO_MEMORY.
 */
ldr_status ldr__windows_path(const char *path, wchar_t **ret_path);

/*
 * memcpy that says whether it got through: false when a page cannot be read or written, or the
 * system cannot provide it. A part may have been copied.
 */
bool ldr__windows_copy(void *to, const void *from, size_t size);

#endif
