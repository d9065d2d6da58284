/* bytes.c: files are not read but mapped: a scan looks at few of their bytes. */
#include "cli/system.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE_SIZE = 0x1000 };

/* ---- Files that shrink ---- */

/* The file that a thread has mapped: what it no longer has is replaced by zeros, and that is noted.
 */
static _Thread_local struct {
    uintptr_t start, end; /* whole pages */
    volatile sig_atomic_t has_shrunk;
} mapped;

static void handle_bus_error(int signal_number, siginfo_t *info, void *context)
{
    uintptr_t page = (uintptr_t)info->si_addr & ~(uintptr_t)(PAGE_SIZE - 1);
    (void)context;
    if (page >= mapped.start && page < mapped.end &&
        mmap((void *)page, mapped.end - page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
             -1, 0) != MAP_FAILED) {
        mapped.has_shrunk = 1;
        return;
    }
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

void cli_catch_shrinking(void)
{
    struct sigaction action = {.sa_sigaction = handle_bus_error, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &action, NULL);
}

/* ---- Mapping ---- */

static ldr_status map_open_file(int file, const char *path, pe_span *ret_bytes, ldr_diag *diag)
{
    struct stat about;
    if (fstat(file, &about) != 0 || !S_ISREG(about.st_mode))
        return cli_fail(diag, LDR_NOT_A_FILE, PE_NT_INVALID_FILE_FOR_SECTION, path);
    *ret_bytes = (pe_span){0};
    if (about.st_size == 0)
        return LDR_OK;
    void *data = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (data == MAP_FAILED)
        return cli_fail(diag, LDR_IO_ERROR, PE_NT_NO_MEMORY, path);
    *ret_bytes = (pe_span){data, (uint64_t)about.st_size};
    mapped.start = (uintptr_t)data;
    mapped.end =
        mapped.start + (((size_t)about.st_size + PAGE_SIZE - 1) & ~(size_t)(PAGE_SIZE - 1));
    return LDR_OK;
}

ldr_status cli_bytes_open(const char *path, pe_span *ret_bytes, ldr_diag *diag)
{
    /* A pipe must not be waited for. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0)
        return cli_fail_open(diag, path);
    ldr_status status = map_open_file(file, path, ret_bytes, diag);
    close(file);
    return status;
}

bool cli_bytes_release(pe_span bytes)
{
    bool is_whole = mapped.has_shrunk == 0;
    if (bytes.size > 0)
        munmap((void *)mapped.start, mapped.end - mapped.start);
    mapped.start = mapped.end = 0;
    mapped.has_shrunk = 0;
    return is_whole;
}
