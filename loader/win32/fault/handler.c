/*
 * fault/handler.c: the one handler that the process has for the signals of the processor's
 * exceptions. It is installed with the first environment and stays; whoever installs another later
 * takes these signals over, guests' too.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#include "os/os.h"
#include "win32/fault/fault.h"
#include "win32/state.h"

enum {
    RED_ZONE = 128,        /* what host code may use below its stack pointer */
    HANDLER_FRAMES = 8192, /* what the handler calls, where it is on the guest's stack */
    /* What a search for a handler takes of the stack at least, of our frames. */
    ROOM = 0x4000,
    /* Bits of a page fault's error code: Intel SDM volume 3, 4.7. */
    ERROR_WRITE = 2,
    ERROR_FETCH = 16,
    /* Flags that are not on in host code: single step, direction, alignment check. */
    GUEST_FLAGS = 0x100 | 0x400 | 0x40000,
    DEFAULT_MXCSR = 0x1F80,
    DEFAULT_X87_CONTROL = 0x37F,
    FXSAVE_SIZE = 512,
    FXSAVE_USED = 464, /* what follows is for software */
    CONTEXT_ALL = 0x10001F,
};

/* In the software bytes of the saved state: the kernel's arch/x86/include/uapi/asm/sigcontext.h. */
enum { EXTENDED_MAGIC = 0x46505853, EXTENDED_SIZE_AT = FXSAVE_USED + 16 };

static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
enum { SIGNAL_COUNT = sizeof signals / sizeof signals[0] };

static struct sigaction previous[SIGNAL_COUNT];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* ---- Registers ---- */

/* Windows's order of general registers, in the host's. */
static const int gregs_of[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                 REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                 REG_R12, REG_R13, REG_R14, REG_R15};

static void load_context(const ucontext_t *from, CONTEXT *ret_context)
{
    const greg_t *registers = from->uc_mcontext.gregs;
    *ret_context = (CONTEXT){.flags = CONTEXT_ALL,
                             .mxcsr = from->uc_mcontext.fpregs->mxcsr,
                             .cs = 0x33,
                             .ds = 0x2B,
                             .es = 0x2B,
                             .fs = 0x53,
                             .gs = 0x2B,
                             .ss = 0x2B,
                             .eflags = (uint32_t)registers[REG_EFL],
                             .rip = (uint64_t)registers[REG_RIP]};
    for (size_t i = 0; i < 16; i++)
        ret_context->gpr[i] = (uint64_t)registers[gregs_of[i]];
    memcpy(ret_context->fx_start, from->uc_mcontext.fpregs, FXSAVE_USED);
}

/* The size of all that the kernel has saved of the processor's state; 0: nothing but FXSAVE's. */
static uint32_t extended_size(const ucontext_t *context)
{
    const char *state = (const char *)context->uc_mcontext.fpregs;
    uint32_t magic, size;
    memcpy(&magic, state + FXSAVE_USED, sizeof magic);
    memcpy(&size, state + EXTENDED_SIZE_AT, sizeof size);
    return magic == EXTENDED_MAGIC ? size : 0;
}

/* Host code is what the handler returns to: as the guest calls it. */
static void enter_host(ucontext_t *context, const void *function, uint64_t argument, uint64_t stack)
{
    greg_t *registers = context->uc_mcontext.gregs;
    registers[REG_RIP] = (greg_t)(uintptr_t)function;
    registers[REG_RDI] = (greg_t)argument;
    registers[REG_RSP] = (greg_t)stack;
    registers[REG_RBP] = 0;
    registers[REG_EFL] &= ~(greg_t)GUEST_FLAGS;
    context->uc_mcontext.fpregs->mxcsr = DEFAULT_MXCSR;
    context->uc_mcontext.fpregs->cwd = DEFAULT_X87_CONTROL;
    context->uc_mcontext.fpregs->swd = 0;
    context->uc_mcontext.fpregs->ftw = 0;
}

/* ---- The guest's stack ---- */

/* The stack that the thread was made with; an overflow may have gone a little beyond its end. */
static bool is_thread_stack(const ldr__thread *thread, uint64_t address)
{
    return address + ROOM > (uintptr_t)thread->teb.deallocation_stack &&
           address <= (uintptr_t)thread->teb.stack_base;
}

/* To a stack that the guest has made itself (a fiber's, a coroutine's): by the kernel. */
static bool write_foreign(uint64_t to, const void *bytes, size_t size)
{
    struct iovec here = {(void *)(uintptr_t)bytes, size};
    struct iovec there = {(void *)(uintptr_t)to, size};
    return process_vm_writev(getpid(), &here, 1, &there, 1, 0) == (ssize_t)size;
}

static bool write_stack(bool own, uint64_t to, const void *bytes, size_t size)
{
    if (!own)
        return write_foreign(to, bytes, size);
    memcpy((void *)(uintptr_t)to, bytes, size);
    return true;
}

/* Without a stack for signal handlers, ours runs on the stack of the code that faulted. */
static bool runs_on_same_stack(const ucontext_t *context)
{
    const stack_t *alternate = &context->uc_stack;
    uint64_t rsp = (uint64_t)context->uc_mcontext.gregs[REG_RSP];
    return (alternate->ss_flags & SS_DISABLE) != 0 || alternate->ss_size == 0 ||
           rsp - (uintptr_t)alternate->ss_sp < alternate->ss_size;
}

/* Below what the code that faulted uses, and what this handler and the kernel do. */
static uint64_t end_of_used_stack(const ucontext_t *context)
{
    if (runs_on_same_stack(context))
        return (uintptr_t)__builtin_frame_address(0) - HANDLER_FRAMES;
    return (uint64_t)context->uc_mcontext.gregs[REG_RSP] - RED_ZONE;
}

/* What is to be put there may reach the last pages of the stack, which then has overflowed: so it
 * is on Windows, whatever else has happened. */
static void open_stack(ldr__thread *thread, ldr__fault *fault, uint64_t lowest)
{
    if (!ldr__fault_stack_overflowed(thread, lowest))
        return;
    fault->stack_overflow = true;
    fault->trap = LDR__TRAP_PAGE;
    fault->bus_error = false;
    fault->access = LDR__FAULT_WRITE;
    fault->address = lowest;
}

/* Puts the fault on the guest's stack and goes on there; false when there is no room. */
static bool begin_dispatch(ldr__thread *thread, ldr__fault *fault, ucontext_t *context)
{
    uint64_t highest = fault->context.gpr[LDR__RSP], zero = 0;
    uint32_t size = extended_size(context);
    uint64_t extended = (end_of_used_stack(context) - size) & ~UINT64_C(63);
    uint64_t place = (extended - sizeof *fault) & ~UINT64_C(63);
    bool own = is_thread_stack(thread, highest);
    if (place > highest || (own && place < (uintptr_t)thread->teb.deallocation_stack + ROOM))
        return false;
    if (own)
        open_stack(thread, fault, place - sizeof zero);
    fault->extended = size != 0 ? (const void *)(uintptr_t)extended : NULL;
    if (!write_stack(own, extended, context->uc_mcontext.fpregs, size) ||
        !write_stack(own, place, fault, sizeof *fault) ||
        !write_stack(own, place - sizeof zero, &zero, sizeof zero))
        return false;
    enter_host(context, (const void *)ldr__fault_dispatch, place, place - sizeof zero);
    return true;
}

/* Gives the guest up from where its caller's stack ends; false when no caller waits for it. */
static bool begin_end(const ldr__thread *thread, uint32_t code, ucontext_t *context)
{
    const ldr__seh_frame *frame = thread->seh_frames;
    while (frame != NULL && frame->kind != LDR__SEH_CALL)
        frame = frame->outer;
    if (frame == NULL)
        return false;
    uint64_t stack = (frame->stack & ~UINT64_C(15)) - 8;
    enter_host(context, (const void *)ldr__fault_give_up, code, stack);
    return true;
}

/* ---- The handler ---- */

static bool is_known(int64_t trap)
{
    switch (trap) {
    case LDR__TRAP_DIVIDE:
    case LDR__TRAP_DEBUG:
    case LDR__TRAP_BREAKPOINT:
    case LDR__TRAP_OVERFLOW:
    case LDR__TRAP_INVALID_OPCODE:
    case LDR__TRAP_STACK:
    case LDR__TRAP_PROTECTION:
    case LDR__TRAP_PAGE:
    case LDR__TRAP_X87:
    case LDR__TRAP_ALIGNMENT:
    case LDR__TRAP_SIMD:
        return true;
    default:
        return false;
    }
}

static void load_fault(int number, const siginfo_t *info, const ucontext_t *context,
                       ldr__fault *ret_fault)
{
    int64_t error = context->uc_mcontext.gregs[REG_ERR];
    *ret_fault = (ldr__fault){.trap = (uint32_t)context->uc_mcontext.gregs[REG_TRAPNO],
                              .bus_error = number == SIGBUS,
                              .address = (uintptr_t)info->si_addr,
                              .access = (error & ERROR_FETCH) != 0   ? LDR__FAULT_EXECUTE
                                        : (error & ERROR_WRITE) != 0 ? LDR__FAULT_WRITE
                                                                     : LDR__FAULT_READ};
    load_context(context, &ret_fault->context);
}

/* False for what others are to see. */
static bool take(ldr__thread *thread, int number, const siginfo_t *info, ucontext_t *context)
{
    ldr__fault fault;
    load_fault(number, info, context, &fault);
    fault.context.flags |= LDR__CONTEXT_AT_FAULT;
    if (fault.trap == LDR__TRAP_DEBUG && ldr__host_function(&fault.context) != 0)
        return true; /* a guest that goes step by step has called us: on until it is back */
    fault.stack_overflow =
        fault.trap == LDR__TRAP_PAGE && ldr__fault_stack_overflowed(thread, fault.address);
    if (!ldr__fault_is_guests(thread, &fault.context))
        return fault.stack_overflow; /* host code takes what is left for handlers */
    return begin_dispatch(thread, &fault, context) ||
           begin_end(thread,
                     is_thread_stack(thread, fault.context.gpr[LDR__RSP]) ? STATUS_STACK_OVERFLOW
                                                                          : STATUS_ACCESS_VIOLATION,
                     context);
}

/* Faults of the processor only: others can be sent by anyone. */
static bool is_taken(int number, const siginfo_t *info, ucontext_t *context)
{
    ldr__thread *thread = ldr__live_thread_here();
    if (thread == NULL || info->si_code <= 0 || !is_known(context->uc_mcontext.gregs[REG_TRAPNO]) ||
        (number == SIGBUS && ldr__os_guard_is_active()))
        return false;
    if (thread->pass_next_fault) {
        thread->pass_next_fault = false;
        return false;
    }
    return take(thread, number, info, context);
}

/* A default action takes place when the instruction is tried again, or the signal sent again. */
static void pass_on(const struct sigaction *handler, int number, siginfo_t *info, void *context)
{
    if ((handler->sa_flags & SA_SIGINFO) != 0) {
        handler->sa_sigaction(number, info, context);
    } else if (handler->sa_handler != SIG_DFL && handler->sa_handler != SIG_IGN) {
        handler->sa_handler(number);
    } else if (info->si_code > 0 || handler->sa_handler == SIG_DFL) {
        signal(number, SIG_DFL);
        if (info->si_code <= 0 || number == SIGTRAP)
            raise(number);
    }
}

static void handle(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    size_t index = 0;
    while (index < SIGNAL_COUNT - 1 && signals[index] != number)
        index++;
    if (!is_taken(number, info, context))
        pass_on(&previous[index], number, info, context);
    errno = saved;
}

static void install(void)
{
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        if (sigaction(signals[i], NULL, &previous[i]) == 0)
            sigaction(signals[i], &action, NULL);
}

void ldr__faults_install(void)
{
    pthread_once(&once, install);
}
