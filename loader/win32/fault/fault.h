/*
 * fault/fault.h: exceptions that the processor raises in guest code.
 *
 *   handler.c      the process's signal handlers: a guest's fault goes on as an exception, on the
 *                  guest's own stack; every other goes to the handler that was there before
 *   owner.c        whose fault it is
 *   record.c       which Windows exception it is
 *   instruction.c  reads the instruction
 *   dispatch.c     who may mend it, and else the search for a handler (seh/dispatch.c)
 *   stack.c        the stacks that guest threads need for this
 */
#ifndef PELOAD_FAULT_H
#define PELOAD_FAULT_H

#include "win32/kernel32/pages.h"
#include "win32/seh/seh.h"

/* Exception numbers of the processor: Intel SDM volume 3, 6.15. */
enum {
    LDR__TRAP_DIVIDE = 0,
    LDR__TRAP_DEBUG = 1,
    LDR__TRAP_BREAKPOINT = 3,
    LDR__TRAP_OVERFLOW = 4,
    LDR__TRAP_INVALID_OPCODE = 6,
    LDR__TRAP_STACK = 12,
    LDR__TRAP_PROTECTION = 13,
    LDR__TRAP_PAGE = 14,
    LDR__TRAP_X87 = 16,
    LDR__TRAP_ALIGNMENT = 17,
    LDR__TRAP_SIMD = 19,
};

/* A fault under way. The signal handler puts it on the stack of the code that faulted. */
typedef struct ldr__fault {
    CONTEXT context;
    EXCEPTION_RECORD record;  /* empty until ldr__fault_describe */
    uint32_t trap;            /* LDR__TRAP_* */
    bool bus_error;           /* page fault: a page of a mapping that its file does not reach */
    bool stack_overflow;      /* page fault: the last pages of the stack, which are opened now */
    ldr__fault_access access; /* page fault */
    uint64_t address;         /* page fault: what was accessed */
    const void *extended;     /* the processor's state beyond the context's (XSAVE), or NULL */
} ldr__fault;

/* ---- fault/owner.c: for the signal handler; no allocation, no lock that host code may hold ----
 */

/*
 * Whether the fault is one that the guest gets as an exception: its own code has faulted, or a
 * function of our tables that it called. Of host code the rest is the embedder's.
 */
bool ldr__fault_is_guests(const ldr__thread *thread, const CONTEXT *context);

/* ---- fault/record.c ---- */

/* Fills the record: what Windows calls the fault, with its parameters. */
void ldr__fault_describe(ldr__fault *fault);

/* ---- fault/instruction.c: instructions that have faulted, so that their bytes can be read ---- */

/* Whether the one at the context's rip is for the operating system only. */
bool ldr__instruction_is_privileged(const CONTEXT *context);
/* Whether it is `int number`. */
bool ldr__instruction_is_interrupt(const CONTEXT *context, uint8_t number);
/* Whether it is a division by something other than 0: then the quotient was too large. */
bool ldr__instruction_divides_by_nonzero(const CONTEXT *context);

/* ---- fault/dispatch.c ---- */

/* Goes on with the guest, in a handler or where it was. The signal handler returns to here. */
_Noreturn void ldr__fault_dispatch(ldr__fault *fault);
/* The same where there is no stack left: the guest is given up. */
_Noreturn void ldr__fault_give_up(uint32_t code);

#endif
