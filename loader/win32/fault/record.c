#include <string.h>

#include "win32/fault/fault.h"

/* Exceptions of x87 and SSE, as bits of their status and control registers. */
enum { INVALID = 1, DENORMAL = 2, ZERO_DIVIDE = 4, OVERFLOW = 8, UNDERFLOW = 16, INEXACT = 32 };

enum { X87_STACK_FAULT = 0x40, MXCSR_MASK_SHIFT = 7, FAST_FAIL = 0x29, STEP_FLAG = 0x100 };

static void set(ldr__fault *fault, uint32_t code, uint32_t count, uint64_t first, uint64_t second,
                uint64_t third)
{
    fault->record = (EXCEPTION_RECORD){.code = code,
                                       .address = (void *)(uintptr_t)fault->context.rip,
                                       .count = count,
                                       .information = {first, second, third}};
}

/* ---- Memory ---- */

static void describe_page(ldr__fault *fault)
{
    if (fault->bus_error)
        set(fault, STATUS_IN_PAGE_ERROR, 3, fault->access, fault->address, STATUS_END_OF_FILE);
    else
        set(fault, fault->stack_overflow ? STATUS_STACK_OVERFLOW : STATUS_ACCESS_VIOLATION, 2,
            fault->access, fault->address, 0);
}

/*
 * What the processor refuses for another reason than a page: an address that no page can have, SSE
 * operands that are not aligned (of both Windows says that they are a read of -1), and what is the
 * operating system's.
 */
static void describe_protection(ldr__fault *fault)
{
    if (ldr__instruction_is_privileged(&fault->context))
        set(fault, STATUS_PRIVILEGED_INSTRUCTION, 0, 0, 0, 0);
    else if (ldr__instruction_is_interrupt(&fault->context, FAST_FAIL))
        set(fault, STATUS_STACK_BUFFER_OVERRUN, 1, (uint32_t)fault->context.gpr[LDR__RCX], 0, 0);
    else
        set(fault, STATUS_ACCESS_VIOLATION, 2, LDR__FAULT_READ, UINT64_MAX, 0);
}

/* ---- Arithmetic ---- */

static uint32_t code_of_float(uint32_t raised)
{
    if ((raised & INVALID) != 0)
        return STATUS_FLOAT_INVALID_OPERATION;
    if ((raised & DENORMAL) != 0)
        return STATUS_FLOAT_DENORMAL_OPERAND;
    if ((raised & ZERO_DIVIDE) != 0)
        return STATUS_FLOAT_DIVIDE_BY_ZERO;
    if ((raised & OVERFLOW) != 0)
        return STATUS_FLOAT_OVERFLOW;
    return (raised & UNDERFLOW) != 0 ? STATUS_FLOAT_UNDERFLOW : STATUS_FLOAT_INEXACT_RESULT;
}

static void describe_x87(ldr__fault *fault)
{
    uint16_t control, status;
    memcpy(&control, fault->context.fx_start, sizeof control);
    memcpy(&status, fault->context.fx_start + sizeof control, sizeof status);
    uint32_t raised = status & ~(uint32_t)control;
    uint32_t code = (raised & INVALID) != 0 && (status & X87_STACK_FAULT) != 0
                        ? STATUS_FLOAT_STACK_CHECK
                        : code_of_float(raised);
    set(fault, code, 0, 0, 0, 0);
}

static void describe_simd(ldr__fault *fault)
{
    uint32_t mxcsr = fault->context.mxcsr;
    set(fault, code_of_float(mxcsr & ~(mxcsr >> MXCSR_MASK_SHIFT)), 2, 0, mxcsr, 0);
}

/* ---- Debugging ---- */

/* Windows leaves rip at the instruction, the processor behind it. */
static void describe_breakpoint(ldr__fault *fault)
{
    fault->context.rip--;
    set(fault, STATUS_BREAKPOINT, 1, 0, 0, 0);
}

/* Who goes on stepping sets the flag again. */
static void describe_step(ldr__fault *fault)
{
    fault->context.eflags &= ~(uint32_t)STEP_FLAG;
    set(fault, STATUS_SINGLE_STEP, 0, 0, 0, 0);
}

void ldr__fault_describe(ldr__fault *fault)
{
    switch (fault->trap) {
    case LDR__TRAP_DIVIDE:
        set(fault,
            ldr__instruction_divides_by_nonzero(&fault->context) ? STATUS_INTEGER_OVERFLOW
                                                                 : STATUS_INTEGER_DIVIDE_BY_ZERO,
            0, 0, 0, 0);
        break;
    case LDR__TRAP_DEBUG:
        describe_step(fault);
        break;
    case LDR__TRAP_BREAKPOINT:
        describe_breakpoint(fault);
        break;
    case LDR__TRAP_OVERFLOW:
        set(fault, STATUS_INTEGER_OVERFLOW, 0, 0, 0, 0);
        break;
    case LDR__TRAP_INVALID_OPCODE:
        set(fault, STATUS_ILLEGAL_INSTRUCTION, 0, 0, 0, 0);
        break;
    case LDR__TRAP_PAGE:
        describe_page(fault);
        break;
    case LDR__TRAP_X87:
        describe_x87(fault);
        break;
    case LDR__TRAP_ALIGNMENT:
        set(fault, STATUS_DATATYPE_MISALIGNMENT, 0, 0, 0, 0);
        break;
    case LDR__TRAP_SIMD:
        describe_simd(fault);
        break;
    default: /* LDR__TRAP_PROTECTION, LDR__TRAP_STACK */
        describe_protection(fault);
        break;
    }
}
