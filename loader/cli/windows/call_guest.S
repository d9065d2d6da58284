/*
 * uint64_t cli_call_guest(void *function, const uint64_t *slots, size_t count, double *ret_real)
 *
 * Calls a function with `count` argument slots, an even number of at least 4. The first four go
 * into integer and floating-point registers alike: which of the two the function reads is up to its
 * own type. Returns RAX, and XMM0 in *ret_real. Exceptions unwind through it.
 */
    .text
    .globl cli_call_guest
    .def cli_call_guest
    .scl 2
    .type 32
    .endef
    .seh_proc cli_call_guest
cli_call_guest:
    pushq %rbp
    .seh_pushreg %rbp
    pushq %rbx
    .seh_pushreg %rbx
    subq $8, %rsp
    .seh_stackalloc 8
    movq %rsp, %rbp
    .seh_setframe %rbp, 0
    .seh_endprologue
    movq %rcx, %rax
    movq %rdx, %r10
    movq %r9, %rbx
.Lpush_slot:
    pushq -8(%r10,%r8,8)
    decq %r8
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
    leaq 8(%rbp), %rsp
    popq %rbx
    popq %rbp
    ret
    .seh_endproc
