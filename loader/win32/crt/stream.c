/* crt/stream.c: the table of streams: finding, opening and closing. */
#include "win32/crt/stream.h"

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_CAPACITY = 4096, STANDARD_STREAMS = 3, STDERR = 2 };

ldr__crt_file *ldr__crt_stream_files(ldr__crt *crt)
{
    ldr__crt_lock(crt);
    if (!crt->static_files)
        crt->static_files = ldr__crt_data(crt, "_iob");
    if (!crt->static_files)
        crt->static_files = crt->own_files;
    ldr__crt_file *files = crt->static_files;
    ldr__crt_unlock(crt);
    return files;
}

static ldr__crt_file *file_at(ldr__crt *crt, size_t index)
{
    return index < LDR__CRT_STATIC_STREAMS ? &ldr__crt_stream_files(crt)[index]
                                           : &crt->own_files[index];
}

/* The index of a FILE, or LDR__CRT_MAX_STREAMS if the pointer is not to one. */
static size_t index_of(ldr__crt *crt, const ldr__crt_file *file)
{
    const ldr__crt_file *bases[] = {ldr__crt_stream_files(crt), crt->own_files};
    const size_t counts[] = {LDR__CRT_STATIC_STREAMS, LDR__CRT_MAX_STREAMS};
    for (int i = 0; i < 2; i++) {
        uintptr_t offset = (uintptr_t)file - (uintptr_t)bases[i];
        if (offset % sizeof *file == 0 && offset / sizeof *file < counts[i])
            return offset / sizeof *file;
    }
    return LDR__CRT_MAX_STREAMS;
}

static ldr__crt_stream *make_slot(ldr__crt *crt, size_t index)
{
    ldr__crt_stream *stream = calloc(1, sizeof *stream);
    if (!stream || ldr__crt_recursive_mutex(&stream->lock) != LDR_OK) {
        free(stream);
        return NULL;
    }
    stream->crt = crt;
    stream->file = file_at(crt, index);
    stream->descriptor = -1;
    return stream;
}

/* The stream's state for a descriptor that has just been opened. */
static void attach(ldr__crt_stream *stream, int descriptor, int flags)
{
    stream->descriptor = descriptor;
    stream->writable = (flags & (LDR__CRT_O_WRONLY | LDR__CRT_O_RDWR)) != 0;
    stream->readable = !(flags & LDR__CRT_O_WRONLY);
    stream->unbuffered = false;
    stream->direction = LDR__CRT_IDLE;
    stream->at = stream->end = stream->pushed_count = 0;
    int shown = !stream->writable   ? LDR__CRT_FILE_READ
                : !stream->readable ? LDR__CRT_FILE_WRITE
                                    : LDR__CRT_FILE_BOTH;
    *stream->file = (ldr__crt_file){.flags = shown, .descriptor = descriptor};
}

void ldr__crt_stream_reattach(ldr__crt_stream *stream, int flags)
{
    bool unbuffered = stream->unbuffered;
    attach(stream, stream->descriptor, flags);
    stream->unbuffered = unbuffered;
}

static void attach_standard(ldr__crt_stream *stream, int descriptor)
{
    attach(stream, descriptor, descriptor == 0 ? 0 : LDR__CRT_O_WRONLY);
    stream->unbuffered =
        descriptor == STDERR || ldr__crt_descriptor_is_terminal(stream->crt, descriptor);
}

static ldr__crt_stream *slot(ldr__crt *crt, size_t index)
{
    ldr__crt_lock(crt);
    if (!crt->streams[index]) {
        crt->streams[index] = make_slot(crt, index);
        if (crt->streams[index] && index < STANDARD_STREAMS)
            attach_standard(crt->streams[index], (int)index);
    }
    ldr__crt_stream *stream = crt->streams[index];
    ldr__crt_unlock(crt);
    return stream;
}

/* ---- Locks ---- */

static void hold(ldr__crt_stream *stream)
{
    ldr__thread *thread = ldr__thread_self();
    if (stream->held_at != 0)
        return; /* again, by a guest that a function which has the lock has called back */
    stream->held_at = (uintptr_t)__builtin_frame_address(0);
    stream->outer = thread->held_streams;
    thread->held_streams = stream;
}

void ldr__crt_stream_keep(ldr__crt_stream *stream)
{
    ldr__crt_stream **at = &ldr__thread_self()->held_streams;
    while (*at != NULL && *at != stream)
        at = &(*at)->outer;
    if (*at == stream)
        *at = stream->outer;
    stream->held_at = 0;
}

/* Windows's runtimes unlock in a __finally block. */
void ldr__crt_streams_leave(ldr__thread *thread, uint64_t stack)
{
    while (thread->held_streams != NULL && thread->held_streams->held_at < stack) {
        ldr__crt_stream *stream = thread->held_streams;
        ldr__crt_stream_keep(stream);
        pthread_mutex_unlock(&stream->lock);
    }
}

ldr__crt_stream *ldr__crt_stream_lock(ldr__crt_file *file)
{
    ldr__crt *crt = ldr__crt_self();
    size_t index = file ? index_of(crt, file) : LDR__CRT_MAX_STREAMS;
    ldr__crt_stream *stream = index < LDR__CRT_MAX_STREAMS ? slot(crt, index) : NULL;
    if (stream) {
        pthread_mutex_lock(&stream->lock);
        if (stream->descriptor >= 0) {
            stream->translates = ldr__crt_descriptor_translates(crt, stream->descriptor);
            hold(stream);
            return stream;
        }
        pthread_mutex_unlock(&stream->lock);
    }
    ldr__crt_invalid_parameter(EINVAL);
    return NULL;
}

void ldr__crt_stream_unlock(ldr__crt_stream *stream)
{
    if (stream->unbuffered && stream->direction == LDR__CRT_WRITING)
        ldr__crt_stream_flush(stream);
    stream->file->left = 0; /* getc and putc as macros have counted it down */
    ldr__crt_stream_keep(stream);
    pthread_mutex_unlock(&stream->lock);
}

bool ldr__crt_stream_set_buffer(ldr__crt_stream *stream, size_t size, bool unbuffered)
{
    if (size == 0)
        size = DEFAULT_CAPACITY;
    if (stream->capacity != size || !stream->buffer) {
        uint8_t *buffer = malloc(size);
        if (!buffer)
            return ldr__crt_set_errno(ENOMEM), false;
        free(stream->buffer);
        stream->buffer = buffer;
        stream->capacity = size;
    }
    stream->unbuffered = unbuffered;
    stream->at = stream->end = 0;
    stream->direction = LDR__CRT_IDLE;
    return true;
}

/* ---- Opening ---- */

bool ldr__crt_stream_parse_mode(const char *mode, int *ret_flags)
{
    int flags;
    while (*mode == ' ')
        mode++;
    if (*mode == 'r')
        flags = 0;
    else if (*mode == 'w')
        flags = LDR__CRT_O_WRONLY | LDR__CRT_O_CREAT | LDR__CRT_O_TRUNC;
    else if (*mode == 'a')
        flags = LDR__CRT_O_WRONLY | LDR__CRT_O_CREAT | LDR__CRT_O_APPEND;
    else
        return false;
    for (mode++; *mode && *mode != ','; mode++) {
        if (*mode == '+')
            flags = (flags & ~LDR__CRT_O_WRONLY) | LDR__CRT_O_RDWR;
        else if (*mode == 'b')
            flags |= LDR__CRT_O_BINARY;
        else if (*mode == 't')
            flags |= LDR__CRT_O_TEXT;
        else if (*mode == 'x')
            flags |= LDR__CRT_O_EXCL;
        else if (*mode == 'D')
            flags |= LDR__CRT_O_TEMPORARY;
        else if (!strchr(" cnNSRTe", *mode))
            return false;
    }
    if (strstr(mode, "UTF-8"))
        flags |= LDR__CRT_O_U8TEXT;
    else if (strstr(mode, "UTF-16LE"))
        flags |= LDR__CRT_O_U16TEXT;
    *ret_flags = flags;
    return true;
}

ldr__crt_file *ldr__crt_stream_new(ldr__crt *crt, int descriptor, int flags)
{
    ldr__crt_file *file = NULL;
    int error = EMFILE;
    ldr__crt_lock(crt);
    for (size_t i = STANDARD_STREAMS; !file && i < LDR__CRT_MAX_STREAMS; i++) {
        ldr__crt_stream *stream = slot(crt, i);
        if (!stream) {
            error = ENOMEM;
            break;
        }
        if (stream->descriptor >= 0)
            continue;
        attach(stream, descriptor, flags);
        file = stream->file;
    }
    ldr__crt_unlock(crt);
    if (!file)
        ldr__crt_set_errno(error);
    return file;
}

ldr__crt_file *ldr__crt_stream_open(ldr__crt *crt, char *host_path, const char *mode, int sharing)
{
    enum { MAY_WRITE = 0x80 };
    int flags;
    if (!ldr__crt_stream_parse_mode(mode, &flags)) {
        free(host_path);
        ldr__crt_invalid_parameter(EINVAL);
        return NULL;
    }
    int descriptor = ldr__crt_descriptor_open(crt, host_path, flags, MAY_WRITE, sharing);
    if (descriptor < 0)
        return NULL;
    ldr__crt_file *file = ldr__crt_stream_new(crt, descriptor, flags);
    if (!file)
        ldr__crt_descriptor_close(crt, descriptor);
    return file;
}

/* ---- Closing ---- */

bool ldr__crt_stream_close(ldr__crt_stream *stream)
{
    bool done = ldr__crt_stream_flush(stream);
    done = ldr__crt_descriptor_close(stream->crt, stream->descriptor) == 0 && done;
    free(stream->buffer);
    stream->buffer = NULL;
    stream->capacity = stream->at = stream->end = 0;
    stream->direction = LDR__CRT_IDLE;
    stream->file->flags = 0;
    ldr__crt_lock(stream->crt);
    stream->descriptor = -1;
    ldr__crt_unlock(stream->crt);
    ldr__crt_stream_keep(stream);
    pthread_mutex_unlock(&stream->lock);
    return done;
}

static ldr__crt_stream *lock_open_slot(ldr__crt *crt, size_t index)
{
    ldr__crt_lock(crt);
    ldr__crt_stream *stream = crt->streams[index];
    ldr__crt_unlock(crt);
    if (!stream)
        return NULL;
    pthread_mutex_lock(&stream->lock);
    if (stream->descriptor >= 0)
        return stream;
    pthread_mutex_unlock(&stream->lock);
    return NULL;
}

/* Leaves alone what has nothing to write: another thread may wait for input with the lock held. */
int ldr__crt_streams_flush(ldr__crt *crt)
{
    int count = 0;
    for (size_t i = 0; i < LDR__CRT_MAX_STREAMS; i++) {
        ldr__crt_lock(crt);
        const ldr__crt_stream *open = crt->streams[i];
        bool is_open = open && open->descriptor >= 0;
        bool writing = is_open && open->direction == LDR__CRT_WRITING;
        ldr__crt_unlock(crt);
        count += is_open;
        ldr__crt_stream *stream = writing ? lock_open_slot(crt, i) : NULL;
        if (!stream)
            continue;
        ldr__crt_stream_flush(stream);
        pthread_mutex_unlock(&stream->lock);
    }
    return count;
}

int ldr__crt_streams_close(ldr__crt *crt)
{
    int count = 0;
    for (size_t i = STANDARD_STREAMS; i < LDR__CRT_MAX_STREAMS; i++) {
        ldr__crt_stream *stream = lock_open_slot(crt, i);
        if (stream && ldr__crt_stream_close(stream))
            count++;
    }
    return count;
}

void ldr__crt_streams_destroy(ldr__crt *crt)
{
    for (size_t i = 0; i < LDR__CRT_MAX_STREAMS; i++) {
        ldr__crt_stream *stream = crt->streams[i];
        if (!stream)
            continue;
        if (stream->descriptor >= 0 && stream->direction == LDR__CRT_WRITING)
            ldr__crt_descriptor_finish(crt, stream->descriptor, stream->buffer, stream->at);
        pthread_mutex_destroy(&stream->lock);
        free(stream->buffer);
        free(stream);
        crt->streams[i] = NULL;
    }
}
