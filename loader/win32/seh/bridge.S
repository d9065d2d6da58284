/*
 * seh/bridge.S: the way into guest code and the two ways out of it other than returning.
 */
#include "win32/seh/asm.inc"

#define SHADOW_SPACE 0x20
#define LOCALS       (SHADOW_SPACE + 8)
#define SAVED        (5 * 8)
/* Carry, parity, adjust, zero, sign, single step, direction, overflow, alignment check. */
#define USER_FLAGS   0x40DD5

    .text

/*
 * uint64_t ldr__seh_bridge(ldr__seh_frame *frame, void *function, a, b, c, d)
 * Calls function(a, b, c, d) in the guest's calling convention.
 */
FUNCTION ldr__seh_bridge
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbp, 0
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    pushq %rbx
    .cfi_offset %rbx, -24
    pushq %r12
    .cfi_offset %r12, -32
    pushq %r13
    .cfi_offset %r13, -40
    pushq %r14
    .cfi_offset %r14, -48
    pushq %r15
    .cfi_offset %r15, -56
    subq $LOCALS, %rsp
    stmxcsr SHADOW_SPACE(%rsp)
    fnstcw SHADOW_SPACE + 4(%rsp)
    movq %rsp, (%rdi)
    movq %rsi, %rax
    xchgq %rcx, %rdx
    call *%rax
.Lreturned:
    leaq -SAVED(%rbp), %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    .cfi_def_cfa %rsp, 8
    ret
FUNCTION_END ldr__seh_bridge

/*
 * void ldr__seh_bridge_exit(const ldr__seh_frame *frame)
 * Returns from the ldr__seh_bridge of that frame.
 */
FUNCTION ldr__seh_bridge_exit
    movq (%rdi), %rsp
    leaq LOCALS + SAVED(%rsp), %rbp
    ldmxcsr SHADOW_SPACE(%rsp)
    fninit
    fldcw SHADOW_SPACE + 4(%rsp)
    cld
    jmp .Lreturned
FUNCTION_END ldr__seh_bridge_exit

/*
 * void ldr__seh_restore(const CONTEXT *context)
 * Loads all registers. By iretq, because nothing else loads rsp, rip and the flags at once without
 * writing below the new stack pointer, where the guest may still have what it wants to keep.
 */
FUNCTION ldr__seh_restore
    testl $CONTEXT_FLOATING_POINT_BIT, CTX_FLAGS(%rdi)
    jz 1f
    fxrstor CTX_FXSAVE(%rdi)
    ldmxcsr CTX_MXCSR(%rdi)
1:
    movl CTX_EFLAGS(%rdi), %ecx
    andl $USER_FLAGS, %ecx
    movl %ss, %eax
    pushq %rax
    .cfi_adjust_cfa_offset 8
    pushq CTX_RSP(%rdi)
    .cfi_adjust_cfa_offset 8
    pushq %rcx
    .cfi_adjust_cfa_offset 8
    movl %cs, %eax
    pushq %rax
    .cfi_adjust_cfa_offset 8
    pushq CTX_RIP(%rdi)
    .cfi_adjust_cfa_offset 8
    movq CTX_RAX(%rdi), %rax
    movq CTX_RCX(%rdi), %rcx
    movq CTX_RDX(%rdi), %rdx
    movq CTX_RBX(%rdi), %rbx
    movq CTX_RBP(%rdi), %rbp
    movq CTX_RSI(%rdi), %rsi
    movq CTX_R8(%rdi), %r8
    movq CTX_R9(%rdi), %r9
    movq CTX_R10(%rdi), %r10
    movq CTX_R11(%rdi), %r11
    movq CTX_R12(%rdi), %r12
    movq CTX_R13(%rdi), %r13
    movq CTX_R14(%rdi), %r14
    movq CTX_R15(%rdi), %r15
    movq CTX_RDI(%rdi), %rdi
    iretq
FUNCTION_END ldr__seh_restore

/*
 * void ldr__seh_restore_extended(const CONTEXT *context, const void *extended)
 * Loads first what XSAVE has stored beyond the x87 and SSE registers, which are the context's.
 */
FUNCTION ldr__seh_restore_extended
    movl $-4, %eax
    movl $-1, %edx
    xrstor (%rsi)
    jmp ldr__seh_restore
FUNCTION_END ldr__seh_restore_extended

    .section .note.GNU-stack, "", @progbits
