/*
 * trace/entry.S: the way into a traced call, and the way out of it.
 *
 * The functions called here have the guest's calling convention, so that they keep what a caller
 * expects to be kept; the rest is saved, since it may hold arguments or results, even where the
 * convention does not say so.
 */
#include "win32/seh/asm.inc"

#define SHADOW_SPACE 0x20
#define REGISTERS    144
#define XMM          (SHADOW_SPACE + 48)

/* A frame in rbp, whatever the stack was aligned to. */
.macro BEGIN_FRAME
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbp, 0
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    andq $-16, %rsp
    subq $SHADOW_SPACE + REGISTERS, %rsp
    movq %rax, SHADOW_SPACE + 0x00(%rsp)
    movq %rcx, SHADOW_SPACE + 0x08(%rsp)
    movq %rdx, SHADOW_SPACE + 0x10(%rsp)
    movq %r8, SHADOW_SPACE + 0x18(%rsp)
    movq %r9, SHADOW_SPACE + 0x20(%rsp)
    movq %r10, SHADOW_SPACE + 0x28(%rsp)
    movaps %xmm0, XMM + 0x00(%rsp)
    movaps %xmm1, XMM + 0x10(%rsp)
    movaps %xmm2, XMM + 0x20(%rsp)
    movaps %xmm3, XMM + 0x30(%rsp)
    movaps %xmm4, XMM + 0x40(%rsp)
    movaps %xmm5, XMM + 0x50(%rsp)
.endm

.macro END_FRAME
    movaps XMM + 0x00(%rsp), %xmm0
    movaps XMM + 0x10(%rsp), %xmm1
    movaps XMM + 0x20(%rsp), %xmm2
    movaps XMM + 0x30(%rsp), %xmm3
    movaps XMM + 0x40(%rsp), %xmm4
    movaps XMM + 0x50(%rsp), %xmm5
    movq SHADOW_SPACE + 0x00(%rsp), %rax
    movq SHADOW_SPACE + 0x08(%rsp), %rcx
    movq SHADOW_SPACE + 0x10(%rsp), %rdx
    movq SHADOW_SPACE + 0x18(%rsp), %r8
    movq SHADOW_SPACE + 0x20(%rsp), %r9
    movq SHADOW_SPACE + 0x28(%rsp), %r10
    movq %rbp, %rsp
    popq %rbp
    .cfi_def_cfa %rsp, 8
.endm

    .text

/* A thunk has put its site into r11; the stack is as the guest's call has left it. */
FUNCTION ldr__trace_enter
    BEGIN_FRAME
    movq %r11, %rcx
    leaq SHADOW_SPACE(%rsp), %rdx
    leaq 8(%rbp), %r8
    call ldr__trace_call
    movq %rax, %r11
    END_FRAME
    jmp *%r11
FUNCTION_END ldr__trace_enter

/* Here a traced function returns to: the place of its return address is below the stack. */
FUNCTION ldr__trace_return
    subq $8, %rsp
    BEGIN_FRAME
    leaq SHADOW_SPACE(%rsp), %rcx
    leaq 8(%rbp), %rdx
    call ldr__trace_leave
    movq %rax, 8(%rbp)
    END_FRAME
    ret
FUNCTION_END ldr__trace_return

    .section .note.GNU-stack, "", @progbits
