/*
 * linux_debug.c: what debuggers and profilers look for in a process: things that a process has only
 * once.
 */
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- GDB: "JIT Compilation Interface" of its manual, whose names and layouts these are ---- */

struct ldr__debugger_entry {
    ldr__debugger_entry *next, *previous;
    const void *object;
    uint64_t size;
};

enum { JIT_VERSION = 1, JIT_NOACTION = 0, JIT_REGISTER, JIT_UNREGISTER };

struct jit_descriptor {
    uint32_t version, action;
    ldr__debugger_entry *relevant, *first;
};

/* Weak: another compiler in the same program may have them, and then they are the same. */
extern struct jit_descriptor __jit_debug_descriptor;
void __jit_debug_register_code(void);

__attribute__((weak, used)) struct jit_descriptor __jit_debug_descriptor = {.version = JIT_VERSION};

/* The debugger has a breakpoint here. */
__attribute__((weak, used, noinline)) void __jit_debug_register_code(void)
{
    __asm__ volatile("" ::: "memory");
}

static void tell(ldr__debugger_entry *entry, uint32_t action)
{
    __jit_debug_descriptor.relevant = entry;
    __jit_debug_descriptor.action = action;
    __jit_debug_register_code();
    __jit_debug_descriptor.action = JIT_NOACTION;
    __jit_debug_descriptor.relevant = NULL;
}

ldr_status ldr__os_debugger_add(const void *object, uint64_t size, ldr__debugger_entry **ret_entry)
{
    ldr__debugger_entry *entry = calloc(1, sizeof *entry);
    if (entry == NULL)
        return LDR_NO_MEMORY;
    entry->object = object;
    entry->size = size;
    pthread_mutex_lock(&lock);
    entry->next = __jit_debug_descriptor.first;
    if (entry->next != NULL)
        entry->next->previous = entry;
    __jit_debug_descriptor.first = entry;
    tell(entry, JIT_REGISTER);
    pthread_mutex_unlock(&lock);
    *ret_entry = entry;
    return LDR_OK;
}

void ldr__os_debugger_remove(ldr__debugger_entry *entry)
{
    if (entry == NULL)
        return;
    pthread_mutex_lock(&lock);
    *(entry->previous != NULL ? &entry->previous->next : &__jit_debug_descriptor.first) =
        entry->next;
    if (entry->next != NULL)
        entry->next->previous = entry->previous;
    tell(entry, JIT_UNREGISTER);
    pthread_mutex_unlock(&lock);
    free(entry);
}

/* ---- perf: /tmp/perf-PID.map ---- */

static struct {
    int fd;
    pid_t process; /* that has opened it: a child of fork has a file of its own */
} map = {-1, 0};

/*
 * Others can write to /tmp too: what is there under that name is removed if we may (a process of
 * ours had that number before), and never followed or added to.
 */
static ldr_status open_map(void)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
    if (unlink(path) != 0 && errno != ENOENT)
        return LDR_OS_ERROR;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return LDR_OS_ERROR;
    if (map.fd >= 0)
        close(map.fd);
    map.fd = fd;
    map.process = getpid();
    return LDR_OK;
}

static ldr_status append(const char *text, size_t size)
{
    while (size > 0) {
        ssize_t count = write(map.fd, text, size);
        if (count < 0 && errno != EINTR)
            return LDR_IO_ERROR;
        if (count > 0) {
            text += count;
            size -= (size_t)count;
        }
    }
    return LDR_OK;
}

ldr_status ldr__os_profile_append(const char *text, size_t size)
{
    pthread_mutex_lock(&lock);
    ldr_status status = map.process == getpid() ? LDR_OK : open_map();
    if (status == LDR_OK)
        status = append(text, size);
    pthread_mutex_unlock(&lock);
    return status;
}
