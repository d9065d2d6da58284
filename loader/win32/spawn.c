#include "win32/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "section/file.h"
#include "win32/kernel32/mapping.h"
#include "win32/state.h"

enum { STANDARD = 3 };

/*
 * All that a child gets, as copies of descriptors with numbers above the standard ones: nobody else
 * closes them meanwhile, and moving three of them to 0, 1 and 2 overwrites none that is still
 * needed.
 */
typedef struct bundle {
    const ldr__child_request *request;
    ldr__start_handle *handles;
    uint32_t count, capacity;
    int standard[STANDARD]; /* -1: closed */
    int block;
    DWORD error;
} bundle;

static int copy_descriptor(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, STANDARD);
}

static void bundle_release(bundle *all)
{
    for (uint32_t i = 0; i < all->count; i++) {
        if (all->handles[i].fd >= STANDARD)
            close(all->handles[i].fd);
        if (all->handles[i].descriptor >= 0)
            close(all->handles[i].descriptor);
    }
    for (int i = 0; i < STANDARD; i++)
        if (all->standard[i] >= 0)
            close(all->standard[i]);
    if (all->block >= 0)
        close(all->block);
    free(all->handles);
}

/* ---- Handles ---- */

static bool reserve_handle(bundle *all)
{
    if (all->count < all->capacity)
        return true;
    uint32_t capacity = all->capacity ? all->capacity * 2 : 16;
    ldr__start_handle *handles = realloc(all->handles, capacity * sizeof *handles);
    if (handles == NULL)
        return false;
    all->handles = handles;
    all->capacity = capacity;
    return true;
}

static bool describe_file(const ldr__object *object, ldr__start_handle *ret_description)
{
    const ldr__file *file = (const ldr__file *)object;
    ret_description->fd = file->fd;
    ret_description->reads = file->reads;
    ret_description->writes = file->writes;
    ret_description->file_access = file->open ? file->open->access : 0;
    return true;
}

/* The standard handle that it is one of, -1 if of none. */
static int standard_index(const bundle *all, HANDLE handle)
{
    int i = 0;
    while (i < STANDARD && all->request->standard[i] != handle)
        i++;
    return i < STANDARD ? i : -1;
}

/* Files and sections of data are inherited; what can only be waited for is not. */
static bool describe(const ldr__object *object, ldr__start_handle *ret_description)
{
    if (object->type == LDR__OBJECT_FILE)
        return describe_file(object, ret_description);
    return object->type == LDR__OBJECT_SECTION && ldr__section_describe(object, ret_description);
}

/* One of the standard streams has no second descriptor: who closes it closes the pipe. */
static bool copy_descriptors(const bundle *all, ldr__start_handle *added)
{
    HANDLE handle = (HANDLE)(uintptr_t)added->handle;
    int standard = added->type == LDR__OBJECT_FILE ? standard_index(all, handle) : -1;
    added->fd = standard >= 0 ? standard : copy_descriptor(added->fd);
    if (added->fd < 0 || added->descriptor < 0)
        return added->fd >= 0;
    added->descriptor = copy_descriptor(added->descriptor);
    if (added->descriptor >= 0)
        return true;
    if (added->fd >= STANDARD)
        close(added->fd);
    return false;
}

static bool add_handle(HANDLE handle, ldr__object *object, const ldr__handle_facts *facts,
                       void *user)
{
    bundle *all = user;
    ldr__start_handle added = {.handle = (uint64_t)(uintptr_t)handle,
                               .access = facts->access,
                               .type = object->type,
                               .descriptor = -1};
    if (!describe(object, &added))
        return true;
    if (!reserve_handle(all))
        all->error = ERROR_NOT_ENOUGH_MEMORY;
    else if (!copy_descriptors(all, &added))
        all->error = ldr__error_from_errno(errno);
    else
        all->handles[all->count++] = added;
    return all->error == ERROR_SUCCESS;
}

static bool is_inherited(const bundle *all, HANDLE handle)
{
    for (uint32_t i = 0; i < all->count; i++)
        if (all->handles[i].handle == (uint64_t)(uintptr_t)handle)
            return true;
    return false;
}

/* Handles that STARTUPINFO names count only as far as they are inherited. */
static DWORD add_standard(ldr__process *process, bundle *all)
{
    for (int i = 0; i < STANDARD; i++) {
        HANDLE handle = all->request->standard[i];
        if (all->request->standard_given && !is_inherited(all, handle))
            continue;
        ldr__file *file = (ldr__file *)ldr__handle_get(process, handle, LDR__OBJECT_FILE);
        if (file == NULL)
            continue;
        all->standard[i] = copy_descriptor(file->fd);
        int host_errno = errno;
        ldr__object_release(&file->object);
        if (all->standard[i] < 0)
            return ldr__error_from_errno(host_errno);
    }
    return ERROR_SUCCESS;
}

static DWORD collect(ldr__process *process, bundle *all)
{
    if (all->request->inherits && !ldr__handles_each_inherited(process, add_handle, all))
        return all->error;
    return add_standard(process, all);
}

/* ---- The block ---- */

static void fill_block(const bundle *all, ldr__start_block *block)
{
    block->magic = LDR__START_MAGIC;
    block->handle_count = all->count;
    block->command_line_size = strlen(all->request->command_line) + 1;
    block->suspended = all->request->suspended ? 1 : 0;
    for (int i = 0; i < STANDARD; i++)
        block->standard[i] = (ldr__start_standard){(uint64_t)(uintptr_t)all->request->standard[i],
                                                   all->standard[i] < 0};
    if (all->count > 0)
        memcpy(block->handles, all->handles, all->count * sizeof *all->handles);
    strcpy(ldr__start_text(block), all->request->command_line);
}

static DWORD make_block(bundle *all, ldr__child *child)
{
    size_t size = ldr__start_size(all->count, strlen(all->request->command_line) + 1);
    int fd = memfd_create("process", MFD_CLOEXEC);
    if (fd < 0)
        return ldr__error_from_errno(errno);
    all->block = copy_descriptor(fd);
    close(fd);
    if (all->block < 0 || ftruncate(all->block, (off_t)size) != 0)
        return ldr__error_from_errno(errno);
    void *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, all->block, 0);
    if (block == MAP_FAILED)
        return ERROR_NOT_ENOUGH_MEMORY;
    fill_block(all, block);
    child->block = block;
    child->block_size = size;
    return ERROR_SUCCESS;
}

/* ---- The host's process ---- */

/* To make a descriptor a copy of itself lets a child keep it. 0 or an errno. */
static int add_descriptors(const bundle *all, posix_spawn_file_actions_t *actions)
{
    int failed = posix_spawn_file_actions_adddup2(actions, all->block, all->block);
    for (uint32_t i = 0; i < all->count && failed == 0; i++)
        if (all->handles[i].fd >= STANDARD)
            failed =
                posix_spawn_file_actions_adddup2(actions, all->handles[i].fd, all->handles[i].fd);
    for (int i = 0; i < STANDARD && failed == 0; i++)
        failed = all->standard[i] >= 0
                     ? posix_spawn_file_actions_adddup2(actions, all->standard[i], i)
                     : posix_spawn_file_actions_addopen(actions, i, "/dev/null", O_RDWR, 0);
    if (failed == 0 && all->request->folder != NULL)
        failed = posix_spawn_file_actions_addchdir_np(actions, all->request->folder);
    return failed;
}

static int set_signals(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int failed = posix_spawnattr_setsigmask(attributes, &none);
    if (failed == 0)
        failed = posix_spawnattr_setsigdefault(attributes, &all);
    if (failed == 0)
        failed =
            posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return failed;
}

static int run_command(const bundle *all, char *const *argv, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    int failed = add_descriptors(all, &actions);
    if (failed == 0)
        failed = set_signals(&attributes);
    if (failed == 0)
        failed =
            posix_spawn(ret_pid, argv[0], &actions, &attributes, argv, all->request->environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* The embedder's words, the number of the block's descriptor, the image. */
static char **make_words(const ldr__process *process, const char *image, char *number)
{
    char **argv = calloc(process->command_count + 3, sizeof *argv);
    if (argv == NULL)
        return NULL;
    memcpy(argv, process->command, process->command_count * sizeof *argv);
    argv[process->command_count] = number;
    argv[process->command_count + 1] = (char *)image;
    return argv;
}

static DWORD run(ldr__process *process, bundle *all, ldr__child *child)
{
    char number[16];
    pid_t pid;
    snprintf(number, sizeof number, "%d", all->block);
    char **argv = make_words(process, all->request->image, number);
    if (argv == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    int failed = run_command(all, argv, &pid);
    free(argv);
    if (failed != 0)
        return ldr__error_from_errno(failed);
    child->id = (DWORD)pid;
    child->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (child->pidfd >= 0)
        return ERROR_SUCCESS;
    int host_errno = errno;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return ldr__error_from_errno(host_errno);
}

DWORD ldr__spawn(ldr__process *process, const ldr__child_request *request, ldr__child *child)
{
    bundle all = {.request = request, .standard = {-1, -1, -1}, .block = -1};
    DWORD error = collect(process, &all);
    if (error == ERROR_SUCCESS)
        error = make_block(&all, child);
    if (error == ERROR_SUCCESS)
        error = run(process, &all, child);
    bundle_release(&all);
    return error;
}
