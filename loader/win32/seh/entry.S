/*
 * seh/entry.S: exports that need the registers of their caller.
 *
 * A C function could not see its caller's non-volatile registers, so these are captured here, into
 * a CONTEXT as the caller will find them when the export returns.
 */
#include "win32/seh/asm.inc"

#define CONTEXT_SIZE 0x4D0

/* Stores all registers but rsp and rip, then the flags, in the CONTEXT at \base; clobbers rax. */
.macro STORE_REGISTERS base
    movq %rax, CTX_RAX(\base)
    movq %rcx, CTX_RCX(\base)
    movq %rdx, CTX_RDX(\base)
    movq %rbx, CTX_RBX(\base)
    movq %rbp, CTX_RBP(\base)
    movq %rsi, CTX_RSI(\base)
    movq %rdi, CTX_RDI(\base)
    movq %r8, CTX_R8(\base)
    movq %r9, CTX_R9(\base)
    movq %r10, CTX_R10(\base)
    movq %r11, CTX_R11(\base)
    movq %r12, CTX_R12(\base)
    movq %r13, CTX_R13(\base)
    movq %r14, CTX_R14(\base)
    movq %r15, CTX_R15(\base)
    fxsave CTX_FXSAVE(\base)
    stmxcsr CTX_MXCSR(\base)
    movw %cs, CTX_SEGMENTS(\base)
    movw %ds, CTX_SEGMENTS + 2(\base)
    movw %es, CTX_SEGMENTS + 4(\base)
    movw %fs, CTX_SEGMENTS + 6(\base)
    movw %gs, CTX_SEGMENTS + 8(\base)
    movw %ss, CTX_SEGMENTS + 10(\base)
    movl $CONTEXT_CAPTURED, CTX_FLAGS(\base)
    pushfq
    .cfi_adjust_cfa_offset 8
    popq %rax
    .cfi_adjust_cfa_offset -8
    movl %eax, CTX_EFLAGS(\base)
.endm

/*
 * An export with up to four arguments that does not return by itself: \core, in the host's calling
 * convention, gets the caller's CONTEXT before them.
 */
.macro WITH_CALLER_CONTEXT name, core
FUNCTION \name
    subq $CONTEXT_SIZE + 8, %rsp
    .cfi_adjust_cfa_offset CONTEXT_SIZE + 8
    STORE_REGISTERS %rsp
    leaq CONTEXT_SIZE + 16(%rsp), %rax
    movq %rax, CTX_RSP(%rsp)
    movq CONTEXT_SIZE + 8(%rsp), %rax
    movq %rax, CTX_RIP(%rsp)
    movq %rsp, %rdi
    movq %rcx, %rsi
    movq %r8, %rcx
    movq %r9, %r8
    call \core
    ud2
FUNCTION_END \name
.endm

    .text

WITH_CALLER_CONTEXT ldr__seh_raise_exception, ldr__seh_do_raise_exception
WITH_CALLER_CONTEXT ldr__seh_rtl_raise_exception, ldr__seh_do_rtl_raise_exception
WITH_CALLER_CONTEXT ldr__seh_rtl_raise_status, ldr__seh_do_rtl_raise_status
WITH_CALLER_CONTEXT ldr__seh_rtl_unwind, ldr__seh_do_rtl_unwind
WITH_CALLER_CONTEXT ldr__seh_local_unwind, ldr__seh_do_local_unwind
WITH_CALLER_CONTEXT ldr__seh_longjmp, ldr__seh_do_longjmp

/* void RtlCaptureContext(CONTEXT *context): changes no register. */
FUNCTION ldr__seh_capture_context
    STORE_REGISTERS %rcx
    leaq 8(%rsp), %rax
    movq %rax, CTX_RSP(%rcx)
    movq (%rsp), %rax
    movq %rax, CTX_RIP(%rcx)
    movq CTX_RAX(%rcx), %rax
    ret
FUNCTION_END ldr__seh_capture_context

/* int _setjmp(JUMP_BUFFER *buffer, void *frame) */
FUNCTION ldr__seh_setjmp
    movq %rdx, JMP_FRAME(%rcx)
    movq %rbx, JMP_RBX(%rcx)
    leaq 8(%rsp), %rax
    movq %rax, JMP_RSP(%rcx)
    movq %rbp, JMP_RBP(%rcx)
    movq %rsi, JMP_RSI(%rcx)
    movq %rdi, JMP_RDI(%rcx)
    movq %r12, JMP_R12(%rcx)
    movq %r13, JMP_R13(%rcx)
    movq %r14, JMP_R14(%rcx)
    movq %r15, JMP_R15(%rcx)
    movq (%rsp), %rax
    movq %rax, JMP_RIP(%rcx)
    stmxcsr JMP_MXCSR(%rcx)
    fnstcw JMP_FPCSR(%rcx)
    movdqu %xmm6, JMP_XMM + 0x00(%rcx)
    movdqu %xmm7, JMP_XMM + 0x10(%rcx)
    movdqu %xmm8, JMP_XMM + 0x20(%rcx)
    movdqu %xmm9, JMP_XMM + 0x30(%rcx)
    movdqu %xmm10, JMP_XMM + 0x40(%rcx)
    movdqu %xmm11, JMP_XMM + 0x50(%rcx)
    movdqu %xmm12, JMP_XMM + 0x60(%rcx)
    movdqu %xmm13, JMP_XMM + 0x70(%rcx)
    movdqu %xmm14, JMP_XMM + 0x80(%rcx)
    movdqu %xmm15, JMP_XMM + 0x90(%rcx)
    xorl %eax, %eax
    ret
FUNCTION_END ldr__seh_setjmp

    .section .note.GNU-stack, "", @progbits
