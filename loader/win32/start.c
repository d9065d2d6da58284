#include "win32/start.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "section/file.h"
#include "win32/kernel32/mapping.h"

struct ldr__start {
    ldr__start_block *block;
    size_t size;
    char **argv;
    int argc;
};

bool ldr__start_set_exit(ldr__start_block *block, DWORD exit_code)
{
    uint64_t running = 0;
    return atomic_compare_exchange_strong(&block->exit, &running, LDR__START_EXITED | exit_code);
}

/* ---- Opening ---- */

/* Whether what was found behind the descriptor is a block: a wrong number must not be believed. */
static bool is_block(const ldr__start_block *block, size_t size)
{
    if (block->magic != LDR__START_MAGIC || block->handle_count > LDR__HANDLE_MAX ||
        block->command_line_size == 0 || block->command_line_size > size ||
        ldr__start_size(block->handle_count, block->command_line_size) != size)
        return false;
    return ((const char *)block)[size - 1] == 0;
}

static ldr__start_block *map_block(int fd, size_t *ret_size)
{
    struct stat host;
    if (fstat(fd, &host) != 0 || !S_ISREG(host.st_mode) ||
        host.st_size < (off_t)sizeof(ldr__start_block))
        return NULL;
    void *block = mmap(NULL, (size_t)host.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (block == MAP_FAILED)
        return NULL;
    if (is_block(block, (size_t)host.st_size)) {
        *ret_size = (size_t)host.st_size;
        return block;
    }
    munmap(block, (size_t)host.st_size);
    return NULL;
}

ldr_status ldr__start_open(ldr__process *process, int fd)
{
    size_t size;
    ldr__start_block *block = map_block(fd, &size);
    if (block == NULL)
        return LDR_INVALID_ARGUMENT;
    struct ldr__start *start = calloc(1, sizeof *start);
    int argc = 0;
    char **argv = ldr__command_line_split(ldr__start_text(block), &argc);
    if (start == NULL || argv == NULL) {
        free(start);
        free(argv);
        munmap(block, size);
        return LDR_NO_MEMORY;
    }
    *start = (struct ldr__start){block, size, argv, argc};
    process->start = start;
    close(fd);
    return LDR_OK;
}

void ldr__start_close(ldr__process *process)
{
    struct ldr__start *start = process->start;
    if (start == NULL)
        return;
    munmap(start->block, start->size);
    free(start->argv);
    free(start);
    process->start = NULL;
}

const char *ldr__start_command_line(const struct ldr__start *start)
{
    return ldr__start_text(start->block);
}

const char *const *ldr__start_arguments(const struct ldr__start *start, int *ret_argc)
{
    *ret_argc = start->argc;
    return (const char *const *)start->argv;
}

/* ---- Handles ---- */

/* The file of an opening that the parent made with CreateFile. */
static bool adopt_opening(ldr__file *file, const ldr__start_handle *from)
{
    char link[32], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", from->fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = 0;
    return ldr__file_from_handle((ldr__handle){from->fd}, from->file_access, path, &file->open) ==
           LDR_OK;
}

static ldr__object *adopt_file(const ldr__start_handle *from)
{
    bool standard = from->fd < 3; /* its number is the host's standard stream: it stays open */
    ldr__file *file = ldr__file_new(from->fd, standard, NULL);
    if (file == NULL)
        return NULL;
    file->reads = from->reads;
    file->writes = from->writes;
    if (from->file_access == 0 || standard || adopt_opening(file, from))
        return &file->object;
    ldr__object_release(&file->object);
    return NULL;
}

static void keep_to_this_process(int fd)
{
    if (fd >= 3)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static ldr_status adopt(ldr__process *process, const ldr__start_handle *from)
{
    const ldr__handle_facts facts = {from->access, true};
    if (from->fd < 0 || fcntl(from->fd, F_GETFD) < 0)
        return LDR_INVALID_ARGUMENT;
    keep_to_this_process(from->fd);
    keep_to_this_process(from->descriptor);
    ldr__object *object =
        from->type == LDR__OBJECT_SECTION ? ldr__section_adopt(process, from) : adopt_file(from);
    if (object == NULL)
        return LDR_NO_MEMORY;
    return ldr__handle_put(process, (HANDLE)(uintptr_t)from->handle, object, &facts)
               ? LDR_OK
               : LDR_INVALID_ARGUMENT;
}

/* A standard handle that was not inherited as a handle still is one: the host's stream. */
static ldr_status adopt_standard(ldr__process *process, int fd, const ldr__start_standard *from)
{
    const ldr__handle_facts facts = {LDR__ALL_ACCESS, false};
    ldr__handle_facts there;
    HANDLE handle = (HANDLE)(uintptr_t)from->handle;
    atomic_store(&process->standard[fd], handle);
    if (from->closed || ldr__handle_facts_get(process, handle, &there))
        return LDR_OK;
    ldr__file *file = ldr__file_new(fd, true, NULL);
    if (file == NULL)
        return LDR_NO_MEMORY;
    return ldr__handle_put(process, handle, &file->object, &facts) ? LDR_OK : LDR_INVALID_ARGUMENT;
}

ldr_status ldr__start_adopt_handles(ldr__process *process)
{
    const ldr__start_block *block = process->start->block;
    ldr_status status = LDR_OK;
    for (uint32_t i = 0; i < block->handle_count && status == LDR_OK; i++)
        status = adopt(process, &block->handles[i]);
    for (int fd = 0; fd < 3 && status == LDR_OK; fd++)
        status = adopt_standard(process, fd, &block->standard[fd]);
    return status;
}

/* ---- The program ---- */

void ldr__start_wait_resumed(const struct ldr__start *start)
{
    uint32_t suspended;
    while ((suspended = atomic_load(&start->block->suspended)) != 0)
        syscall(SYS_futex, &start->block->suspended, FUTEX_WAIT, suspended, NULL, NULL, 0);
}

void ldr__start_exit(const struct ldr__start *start, DWORD exit_code)
{
    ldr__start_set_exit(start->block, exit_code);
}
