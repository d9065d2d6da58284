/*
 * crt/stream.h: FILE streams: buffers over descriptors.
 *
 * The guest holds pointers to ldr__crt_file; everything that matters is in the ldr__crt_stream that
 * belongs to it and is found by the pointer's place in the process's arrays, never by what the
 * guest wrote there. The buffer holds bytes as they are in the file; text is translated on the way
 * between it and the guest, so that positions are exact.
 */
#ifndef PELOAD_CRT_STREAM_H
#define PELOAD_CRT_STREAM_H

#include "win32/crt/file.h"

enum {
    LDR__CRT_EOF = -1,
    LDR__CRT_FILE_READ = 0x1, /* ldr__crt_file.flags, which macros of old programs test */
    LDR__CRT_FILE_WRITE = 0x2,
    LDR__CRT_FILE_EOF = 0x10,
    LDR__CRT_FILE_ERROR = 0x20,
    LDR__CRT_FILE_BOTH = 0x80,
};

typedef enum ldr__crt_direction {
    LDR__CRT_IDLE,
    LDR__CRT_READING,
    LDR__CRT_WRITING
} ldr__crt_direction;

typedef struct ldr__crt_stream {
    pthread_mutex_t lock; /* recursive; never destroyed while the process lives */
    ldr__crt *crt;
    ldr__crt_file *file;
    int descriptor; /* -1: not open */
    bool readable, writable;
    bool unbuffered;                      /* written out when the guest's call returns */
    bool translates;                      /* found anew at each call */
    _Atomic ldr__crt_direction direction; /* exit looks before it locks */
    uint8_t *buffer; /* READING: [at, end) is unread; WRITING: [0, at) is unwritten */
    size_t capacity, at, end;
    uint8_t pushed[8]; /* by ungetc, last is next */
    size_t pushed_count;
    /* Of the thread that has it locked, for a function that an exception leaves: */
    uint64_t held_at;              /* below the function's frame; 0: locked by the guest itself */
    struct ldr__crt_stream *outer; /* locked by a function that is still under way */
} ldr__crt_stream;

/* msvcrt's _iob: the first LDR__CRT_STATIC_STREAMS streams. */
ldr__crt_file *ldr__crt_stream_files(ldr__crt *crt);

/*
 * Locks the open stream of that FILE; NULL (and EINVAL, as for an invalid parameter) if it is none.
 * Unlocking writes out an unbuffered stream.
 */
ldr__crt_stream *ldr__crt_stream_lock(ldr__crt_file *file);
void ldr__crt_stream_unlock(ldr__crt_stream *stream);
/* The guest keeps the lock, which its function returns with. */
void ldr__crt_stream_keep(ldr__crt_stream *stream);

/* All on a locked stream. Failure sets the stream's error flag and errno. */
int ldr__crt_stream_get(ldr__crt_stream *stream);
size_t ldr__crt_stream_read(ldr__crt_stream *stream, void *buffer, size_t size);
bool ldr__crt_stream_write(ldr__crt_stream *stream, const void *bytes, size_t size);
int ldr__crt_stream_unget(ldr__crt_stream *stream, int byte);
bool ldr__crt_stream_flush(ldr__crt_stream *stream);
int64_t ldr__crt_stream_tell(ldr__crt_stream *stream);
bool ldr__crt_stream_seek(ldr__crt_stream *stream, int64_t offset, int whence);
/* A buffer of that size; the contents of the old one have been dealt with. ENOMEM. */
bool ldr__crt_stream_set_buffer(ldr__crt_stream *stream, size_t size, bool unbuffered);
/* Flushes and closes; the stream is unlocked and its FILE free for another. */
bool ldr__crt_stream_close(ldr__crt_stream *stream);

/* What fopen's mode asks for: _open's flags. False for a mode that is none. */
bool ldr__crt_stream_parse_mode(const char *mode, int *ret_flags);
/* A FILE over an open descriptor; `flags` are _open's. NULL, EMFILE or ENOMEM. */
ldr__crt_file *ldr__crt_stream_new(ldr__crt *crt, int descriptor, int flags);
/* Opens a host path (taken over) into a FILE, shared as `sharing` (_SH_DENY*) says. NULL with
 * errno.
 */
ldr__crt_file *ldr__crt_stream_open(ldr__crt *crt, char *host_path, const char *mode, int sharing);

/* The state of a stream whose descriptor has just been given another file (freopen). */
void ldr__crt_stream_reattach(ldr__crt_stream *stream, int flags);

/* Writes out every stream; the count of open ones. */
int ldr__crt_streams_flush(ldr__crt *crt);
/* Closes the streams that the guest opened (_fcloseall); their count. */
int ldr__crt_streams_close(ldr__crt *crt);
/* Writes out and releases everything. */
void ldr__crt_streams_destroy(ldr__crt *crt);

#endif
