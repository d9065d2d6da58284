#include "faulty_libc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/types.h>

#include "support/faulty_os.h"

static atomic_bool is_counted;
static atomic_long blocks;

void faulty_libc(bool counts)
{
    atomic_store(&is_counted, counts);
}

long faulty_libc_blocks(void)
{
    return atomic_load(&blocks);
}

static bool fails(const char *name, int error)
{
    bool now = atomic_load(&is_counted) && faulty_os_call(name);
    if (now)
        errno = error;
    return now;
}

/* `--wrap=f` sends calls of f to __wrap_f, and calls of __real_f to f. */
#define FORWARD(type, name, failure, error, parameters, arguments)        \
    type __real_##name parameters;                                        \
    type __wrap_##name parameters;                                        \
    type __wrap_##name parameters                                         \
    {                                                                     \
        return fails(#name, error) ? (failure) : __real_##name arguments; \
    }

/* What is freed with free. */
#define ALLOCATE(type, name, parameters, arguments)                        \
    type __real_##name parameters;                                         \
    type __wrap_##name parameters;                                         \
    type __wrap_##name parameters                                          \
    {                                                                      \
        type made = fails(#name, ENOMEM) ? NULL : __real_##name arguments; \
        blocks += made != NULL;                                            \
        return made;                                                       \
    }

/* ---- Memory ---- */

ALLOCATE(void *, malloc, (size_t size), (size))
ALLOCATE(void *, calloc, (size_t count, size_t size), (count, size))
ALLOCATE(char *, strdup, (const char *text), (text))
ALLOCATE(char *, strndup, (const char *text, size_t most), (text, most))
ALLOCATE(char *, realpath, (const char *path, char *buffer), (path, buffer))

/* Allocated only if there is no buffer. */
char *__real_getcwd(char *buffer, size_t size);
char *__wrap_getcwd(char *buffer, size_t size);
char *__wrap_getcwd(char *buffer, size_t size)
{
    char *path = fails("getcwd", ENOMEM) ? NULL : __real_getcwd(buffer, size);
    blocks += path != NULL && buffer == NULL;
    return path;
}

void *__real_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size)
{
    bool is_new = block == NULL;
    void *made = fails("realloc", ENOMEM) ? NULL : __real_realloc(block, size);
    blocks += made != NULL && is_new;
    return made;
}

void __real_free(void *block);
void __wrap_free(void *block);
void __wrap_free(void *block)
{
    blocks -= block != NULL;
    __real_free(block);
}

int __wrap_asprintf(char **ret_text, const char *format, ...);
int __wrap_asprintf(char **ret_text, const char *format, ...)
{
    if (fails("asprintf", ENOMEM))
        return -1;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(ret_text, format, arguments);
    va_end(arguments);
    blocks += length >= 0;
    return length;
}

/* What getline is, in a build without optimisation and in one with it. */
#define GET_LINE(name, parameters, arguments)                                     \
    ssize_t __real_##name parameters;                                             \
    ssize_t __wrap_##name parameters;                                             \
    ssize_t __wrap_##name parameters                                              \
    {                                                                             \
        bool had = *line != NULL;                                                 \
        ssize_t length = fails("getline", ENOMEM) ? -1 : __real_##name arguments; \
        blocks += !had && *line != NULL;                                          \
        return length;                                                            \
    }

GET_LINE(getline, (char **line, size_t *size, FILE *file), (line, size, file))
GET_LINE(__getdelim, (char **line, size_t *size, int end, FILE *file), (line, size, end, file))

/* The block is the caller's once the stream is closed. */
ALLOCATE(FILE *, open_memstream, (char **ret_text, size_t *ret_size), (ret_text, ret_size))

/* ---- The kernel ---- */

/* An address that cannot be had is another matter than memory: "mmap_at". */
void *__real_mmap(void *address, size_t size, int access, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int access, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int access, int flags, int fd, off_t offset)
{
    if (fails(flags & MAP_FIXED_NOREPLACE ? "mmap_at" : "mmap", ENOMEM))
        return MAP_FAILED;
    return __real_mmap(address, size, access, flags, fd, offset);
}

/* Pages that become writable: "mprotect_open". */
int __real_mprotect(void *address, size_t size, int access);
int __wrap_mprotect(void *address, size_t size, int access);
int __wrap_mprotect(void *address, size_t size, int access)
{
    if (fails(access & PROT_WRITE ? "mprotect_open" : "mprotect", ENOMEM))
        return -1;
    return __real_mprotect(address, size, access);
}

/* Only what needs a descriptor. */
int __real_fcntl(int fd, int command, void *argument);
int __wrap_fcntl(int fd, int command, void *argument);
int __wrap_fcntl(int fd, int command, void *argument)
{
    if (command == F_DUPFD_CLOEXEC && fails("fcntl", EMFILE))
        return -1;
    return __real_fcntl(fd, command, argument);
}

FORWARD(DIR *, opendir, NULL, ENOMEM, (const char *path), (path))
FORWARD(FILE *, fopen, NULL, ENOMEM, (const char *path, const char *mode), (path, mode))
FORWARD(locale_t, newlocale, (locale_t)0, ENOMEM, (int mask, const char *name, locale_t base),
        (mask, name, base))
FORWARD(int, open, -1, EMFILE, (const char *path, int flags, mode_t mode), (path, flags, mode))
FORWARD(int, dup, -1, EMFILE, (int fd), (fd))
FORWARD(int, pipe2, -1, EMFILE, (int *ret_fds, int flags), (ret_fds, flags))
FORWARD(int, memfd_create, -1, EMFILE, (const char *name, unsigned flags), (name, flags))
FORWARD(int, eventfd, -1, EMFILE, (unsigned count, int flags), (count, flags))
FORWARD(int, socket, -1, EMFILE, (int domain, int type, int protocol), (domain, type, protocol))
FORWARD(int, pthread_create, EAGAIN, EAGAIN,
        (pthread_t * ret_thread, const pthread_attr_t *attributes, void *(*run)(void *),
         void *user),
        (ret_thread, attributes, run, user))
FORWARD(int, pthread_getattr_np, ENOMEM, ENOMEM, (pthread_t thread, pthread_attr_t *ret_attributes),
        (thread, ret_attributes))
