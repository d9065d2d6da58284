/*
 * uint64_t cli_call_guest(void *function, const uint64_t *slots, size_t count, double *ret_real)
 *
 * Calls a function of the Windows x64 convention with `count` argument slots, an even number of at
 * least 4. The first four go into integer and floating-point registers alike: which of the two the
 * function reads is up to its own type. Returns RAX, and XMM0 in *ret_real. Every register that our
 * callers want kept, Windows's convention keeps too.
 */
    .text
    .globl cli_call_guest
    .hidden cli_call_guest
    .type cli_call_guest, @function
cli_call_guest:
    .cfi_startproc
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    pushq %rbx
    .cfi_offset %rbx, -24
    subq $8, %rsp
    movq %rcx, %rbx
    movq %rdi, %rax
.Lpush_slot:
    pushq -8(%rsi,%rdx,8)
    decq %rdx
    jnz .Lpush_slot
    movq (%rsp), %rcx
    movq 8(%rsp), %rdx
    movq 16(%rsp), %r8
    movq 24(%rsp), %r9
    movq %rcx, %xmm0
    movq %rdx, %xmm1
    movq %r8, %xmm2
    movq %r9, %xmm3
    callq *%rax
    movsd %xmm0, (%rbx)
    movq -8(%rbp), %rbx
    leave
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_endproc
    .size cli_call_guest, . - cli_call_guest
    .section .note.GNU-stack, "", @progbits
