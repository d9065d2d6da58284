#include <signal.h>
#include <sys/mman.h>

#include "win32/fault/fault.h"

enum {
    /* For signal handlers: the processor's state can be 11 KiB, the handler walks host frames. */
    ALTERNATE = 0x10000,
    /* At the low end of a guest thread's stack: what is left for handlers when it overflows. Of
     * what guest_thread.c adds to a stack for host functions. */
    RESERVE = 0x20000,
};

/* One that is there already is a sanitizer's, and does as well. */
static bool add_alternate_stack(ldr__thread *thread)
{
    stack_t present;
    if (sigaltstack(NULL, &present) != 0 || (present.ss_flags & SS_DISABLE) == 0)
        return true;
    void *stack = mmap(NULL, ALTERNATE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED)
        return false;
    if (sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = ALTERNATE}, NULL) == 0)
        thread->alternate_stack = stack;
    else
        munmap(stack, ALTERNATE);
    return thread->alternate_stack != NULL;
}

static void remove_alternate_stack(ldr__thread *thread)
{
    if (thread->alternate_stack == NULL)
        return;
    sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    munmap(thread->alternate_stack, ALTERNATE);
    thread->alternate_stack = NULL;
}

static bool close_reserve(ldr__thread *thread)
{
    char *lowest = thread->teb.deallocation_stack;
    if (lowest == NULL) /* not known */
        return true;
    if (mprotect(lowest, RESERVE, PROT_NONE) != 0)
        return false;
    thread->stack_reserve_closed = true;
    thread->teb.stack_limit = lowest + RESERVE;
    return true;
}

static bool open_reserve(ldr__thread *thread)
{
    if (mprotect(thread->teb.deallocation_stack, RESERVE, PROT_READ | PROT_WRITE) != 0)
        return false;
    thread->stack_reserve_closed = false;
    thread->teb.stack_limit = thread->teb.deallocation_stack;
    return true;
}

bool ldr__fault_thread_begin(ldr__thread *thread)
{
    return add_alternate_stack(thread) && close_reserve(thread);
}

/* The C library uses a thread's stack again for another thread. That pages are again as their
 * neighbours are does not fail: the system has fewer ranges to keep, and had counted the memory. */
void ldr__fault_thread_end(ldr__thread *thread)
{
    if (thread->stack_reserve_closed)
        open_reserve(thread);
    remove_alternate_stack(thread);
}

bool ldr__fault_stack_overflowed(ldr__thread *thread, uint64_t address)
{
    return thread->stack_reserve_closed &&
           address - (uintptr_t)thread->teb.deallocation_stack < RESERVE && open_reserve(thread);
}

bool ldr__fault_stack_reset(void)
{
    ldr__thread *thread = ldr__thread_self();
    char *lowest = thread->teb.deallocation_stack;
    if (!thread->made_by_guest || thread->stack_reserve_closed)
        return thread->stack_reserve_closed;
    return (char *)__builtin_frame_address(0) > lowest + RESERVE + RESERVE / 2 &&
           close_reserve(thread);
}
