/*
 * kernel32/kernel32.h: what the files of kernel32/ share.
 */
#ifndef PELOAD_WIN32_KERNEL32_H
#define PELOAD_WIN32_KERNEL32_H

#include <time.h>

#include "win32/state.h"

/* Win32 error codes that only kernel32 uses. */
enum {
    ERROR_NOT_SAME_DEVICE = 17,
    ERROR_WRITE_PROTECT = 19,
    ERROR_BAD_LENGTH = 24,
    ERROR_READ_FAULT = 30,
    ERROR_BUFFER_OVERFLOW = 111,
    ERROR_SEEK_ON_DEVICE = 132,
    ERROR_BAD_PATHNAME = 161,
    ERROR_INVALID_ORDINAL = 182,
    ERROR_NO_DATA = 232,
    ERROR_NO_MORE_ITEMS = 259,
    ERROR_MR_MID_NOT_FOUND = 317,
    ERROR_INVALID_IMAGE_HASH = 577,
    ERROR_NOACCESS = 998,
    ERROR_SWAPERROR = 999,
    ERROR_INVALID_FLAGS = 1004,
    ERROR_FILE_INVALID = 1006,
    ERROR_MAPPED_ALIGNMENT = 1132,
    ERROR_NOT_FOUND = 1168,
    ERROR_USER_MAPPED_FILE = 1224,
    ERROR_PRIVILEGE_NOT_HELD = 1314,
    ERROR_WORKING_SET_QUOTA = 1453,
    ERROR_COMMITMENT_LIMIT = 1455,
};

typedef int64_t LARGE_INTEGER; /* by reference only, so the union does not matter */

/* 100 ns since 1601, in two halves. */
typedef struct FILETIME {
    DWORD low, high;
} FILETIME;

typedef struct SECURITY_ATTRIBUTES {
    DWORD length;
    void *descriptor;
    BOOL inherit;
} SECURITY_ATTRIBUTES;

static inline bool ldr__inherits(const SECURITY_ATTRIBUTES *security)
{
    return security != NULL && security->inherit;
}

typedef struct STARTUPINFO {
    DWORD size, padding;
    void *reserved, *desktop, *title;
    DWORD x, y, width, height, columns, rows, fill, flags;
    uint16_t show, reserved2_size;
    void *reserved2;
    HANDLE standard[3];
} STARTUPINFO;

enum { STARTF_USESTDHANDLES = 0x100 };
_Static_assert(sizeof(STARTUPINFO) == 104, "STARTUPINFO layout");

/* kernel32/time.c: between the host's time and 100 ns units, whole or in two halves. */
uint64_t ldr__filetime_from(const struct timespec *time);
struct timespec ldr__timespec_from(uint64_t units);
FILETIME ldr__filetime_split(uint64_t units);
uint64_t ldr__filetime_join(const FILETIME *time);

/* kernel32/heap.c: memory that the guest releases, from its process heap. */
void *ldr__heap_alloc(ldr__process *process, size_t size);
bool ldr__heap_free(ldr__process *process, void *memory);

/* kernel32/environment.c: a variable's value, allocated (free); NULL with errno (ENOENT, ENOMEM).
 */
char *ldr__environment_get(ldr__process *process, const char *name);
/* Sets a variable, or removes it (`value` NULL); a Win32 error. The C runtimes call it too. */
DWORD ldr__environment_set(ldr__process *process, const char *name, const char *value);
/* All variables, one after the other with their NULs, and one NUL more; allocated (free), NULL when
 * out of memory. */
char *ldr__environment_block(ldr__process *process);
/* kernel32/folders.c: calls `visit` with the host's path of each folder of PATH, until one says
 * true. LDR_NO_MEMORY when not all could be told. */
ldr_status ldr__path_folders_each(ldr__process *process,
                                  bool (*visit)(void *user, const char *folder), void *user);
/* kernel32/filename.c: "Z:\folder\name" for a guest's path, allocated (free); NULL when out of
 * memory. */
char *ldr__path_full(const char *path);
/*
 * A text into a buffer of `size` units, as GetEnvironmentVariable and its like answer: the length
 * without NUL, or when it does not fit the size that it needs, and nothing is written.
 */
DWORD ldr__answer_text(const char *text, char *ret_text, DWORD size);
DWORD ldr__answer_text_w(const char *text, WCHAR *ret_text, DWORD size);

/* Sets the last error and returns FALSE (or a null pointer's 0). */
static inline BOOL ldr__win_error(DWORD error)
{
    ldr__set_last_error(error);
    return false;
}

/* The same with the error for the host's errno. */
static inline BOOL ldr__win_errno(int host_errno)
{
    return ldr__win_error(ldr__error_from_errno(host_errno));
}

#endif
