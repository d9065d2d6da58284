/*
 * linux_guard.c: pages whose file was cut off. The process has one handler of SIGBUS, which is
 * installed when it is needed first, stays, and passes on what no guard waits for.
 */
#include "os/os.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#define PAGE_BYTES UINT64_C(4096)

static struct sigaction previous;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local volatile sig_atomic_t depth, is_hit;

/* A default action takes place when the access is tried again. */
static void pass_on(int signal_number, siginfo_t *info, void *context)
{
    if ((previous.sa_flags & SA_SIGINFO) != 0)
        previous.sa_sigaction(signal_number, info, context);
    else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN)
        previous.sa_handler(signal_number);
    else
        signal(signal_number, SIG_DFL);
}

static void handle_bus_error(int signal_number, siginfo_t *info, void *context)
{
    uintptr_t page = (uintptr_t)info->si_addr & ~(uintptr_t)(PAGE_BYTES - 1);
    if (depth > 0 && info->si_code == BUS_ADRERR &&
        mmap((void *)page, PAGE_BYTES, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED)
        is_hit = 1;
    else
        pass_on(signal_number, info, context);
}

static void install(void)
{
    struct sigaction action = {.sa_sigaction = handle_bus_error,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &previous);
}

void ldr__os_guard_begin(void)
{
    pthread_once(&once, install);
    if (depth++ == 0)
        is_hit = 0;
}

bool ldr__os_guard_is_active(void)
{
    return depth > 0;
}

bool ldr__os_guard_end(void)
{
    depth--;
    return is_hit != 0;
}
