/*
 * crt/file.h: the descriptors of the C runtimes: small numbers over the process's file handles.
 *
 * 0, 1 and 2 are the host's standard streams. They count as text but pass line feeds unchanged, as
 * the terminal or pipe behind them expects; only files that the guest opened in text mode have CR
 * LF for a line's end and Ctrl-Z for the file's.
 */
#ifndef PELOAD_CRT_FILE_H
#define PELOAD_CRT_FILE_H

#include <sys/types.h>

#include "win32/crt/state.h"

/* _open's flags and _setmode's modes. */
enum {
    LDR__CRT_O_WRONLY = 0x1,
    LDR__CRT_O_RDWR = 0x2,
    LDR__CRT_O_APPEND = 0x8,
    LDR__CRT_O_TEMPORARY = 0x40,
    LDR__CRT_O_CREAT = 0x100,
    LDR__CRT_O_TRUNC = 0x200,
    LDR__CRT_O_EXCL = 0x400,
    LDR__CRT_O_TEXT = 0x4000,
    LDR__CRT_O_BINARY = 0x8000,
    LDR__CRT_O_WTEXT = 0x10000,
    LDR__CRT_O_U16TEXT = 0x20000,
    LDR__CRT_O_U8TEXT = 0x40000,
    LDR__CRT_O_MODES = 0x7C000,
};

ldr_status ldr__crt_descriptors_create(ldr__crt *crt);
/* Forgets every descriptor; their handles are closed with all others of the process. */
void ldr__crt_descriptors_destroy(ldr__crt *crt);

/*
 * Writes what a stream still holds when the process is released. There is no guest thread then
 * whose errno could tell of a failure.
 */
void ldr__crt_descriptor_finish(ldr__crt *crt, int descriptor, const void *bytes, size_t size);

/* All of the following set the calling thread's errno when they fail, and return -1 (or false). */

/* A descriptor for an open handle. `mode` is one of the modes above. EMFILE. */
int ldr__crt_descriptor_new(ldr__crt *crt, HANDLE handle, int mode);
/* What others may do with a file meanwhile: _SH_DENYNO, everything but to delete it. */
enum { LDR__CRT_DENY_NOTHING = 0x40 };
/* Opens a host path (allocated; taken over; NULL: errno says why) with _open's flags, and for
 * others as `sharing` (_SH_DENY*) says. */
int ldr__crt_descriptor_open(ldr__crt *crt, char *host_path, int flags, int permissions,
                             int sharing);
int ldr__crt_descriptor_close(ldr__crt *crt, int descriptor);
/* Gives a copy of the file a second number, closing what that stood for (_dup2). EBADF, EMFILE. */
int ldr__crt_descriptor_copy_to(ldr__crt *crt, int descriptor, int target);
/* A new descriptor for the same file (_dup). EBADF, EMFILE. */
int ldr__crt_descriptor_copy(ldr__crt *crt, int descriptor);
/* The handle behind a descriptor, or INVALID_HANDLE_VALUE and EBADF. */
HANDLE ldr__crt_descriptor_handle(ldr__crt *crt, int descriptor);

/*
 * A reference to the open file behind a descriptor (ldr__object_release), NULL and EBADF if there
 * is none. Its host descriptor stays open as long as the reference is held.
 */
ldr__file *ldr__crt_descriptor_file(ldr__crt *crt, int descriptor);

/* Bytes as they are in the file. `read` may be short, `write` writes all or fails. */
ssize_t ldr__crt_descriptor_read(ldr__crt *crt, int descriptor, void *buffer, size_t size);
ssize_t ldr__crt_descriptor_write(ldr__crt *crt, int descriptor, const void *bytes, size_t size);
int64_t ldr__crt_descriptor_seek(ldr__crt *crt, int descriptor, int64_t offset, int whence);

/* One of the modes above; EBADF. */
int ldr__crt_descriptor_mode(ldr__crt *crt, int descriptor);
/* Returns the mode that it replaces. EBADF, EINVAL. */
int ldr__crt_descriptor_set_mode(ldr__crt *crt, int descriptor, int mode);
/* True if lines end in CR LF in this file. */
bool ldr__crt_descriptor_translates(ldr__crt *crt, int descriptor);
bool ldr__crt_descriptor_is_terminal(ldr__crt *crt, int descriptor);
/* A terminal or another character device, as the null device is. */
bool ldr__crt_descriptor_is_device(ldr__crt *crt, int descriptor);

#endif
