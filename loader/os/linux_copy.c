/*
 * linux_copy.c: copies that the kernel makes. Where the process itself would get SIGBUS (a page
 * behind the end of its file, one that the disk does not give) they end with EFAULT.
 */
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

/* What a pipe takes at once without waiting for its reader: PIPE_BUF. */
#define PIPE_CHUNK 4096

typedef ssize_t vm_call(pid_t process, const struct iovec *local, unsigned long local_count,
                        const struct iovec *remote, unsigned long remote_count,
                        unsigned long flags);

static ldr_status status_of_copy(void)
{
    if (errno == EFAULT)
        return LDR_IO_ERROR;
    return errno == ENOMEM ? LDR_NO_MEMORY : LDR_OS_ERROR;
}

/* Between `local` and `view`, which the call takes for the memory of another process. */
static ldr_status copy_by(vm_call *call, char *local, char *view, size_t size)
{
    for (size_t done = 0; done < size;) {
        struct iovec here = {local + done, size - done};
        struct iovec there = {view + done, size - done};
        ssize_t count = call(getpid(), &here, 1, &there, 1, 0);
        if (count < 0)
            return status_of_copy();
        done += (size_t)count;
    }
    return LDR_OK;
}

/* Some sandboxes forbid the calls above. */
static bool is_forbidden(void)
{
    return errno == EPERM || errno == ENOSYS;
}

static ldr_status copy_through(const int ends[2], char *to, const char *from, size_t size)
{
    for (size_t done = 0; done < size;) {
        size_t left = size - done;
        ssize_t sent = write(ends[1], from + done, left < PIPE_CHUNK ? left : PIPE_CHUNK);
        if (sent < 0)
            return status_of_copy();
        for (ssize_t got = 0; sent > 0; sent -= got, done += (size_t)got) {
            got = read(ends[0], to + done, (size_t)sent);
            if (got < 0)
                return status_of_copy();
        }
    }
    return LDR_OK;
}

static ldr_status copy_through_pipe(char *to, const char *from, size_t size)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return LDR_OS_ERROR;
    ldr_status status = copy_through(ends, to, from, size);
    close(ends[0]);
    close(ends[1]);
    return status;
}

ldr_status ldr__os_peek(const void *address, void *ret_bytes, size_t size)
{
    ldr_status status = copy_by(process_vm_readv, ret_bytes, (char *)(uintptr_t)address, size);
    if (status == LDR_OS_ERROR && is_forbidden())
        status = copy_through_pipe(ret_bytes, address, size);
    return status;
}

ldr_status ldr__os_poke(void *address, const void *bytes, size_t size)
{
    ldr_status status = copy_by(process_vm_writev, (char *)(uintptr_t)bytes, address, size);
    if (status == LDR_OS_ERROR && is_forbidden())
        status = copy_through_pipe(address, bytes, size);
    return status;
}
