/*
 * bool ldr__guard_call(ldr__guarded *call): calls call->function with call->arguments and notes its
 * result. ldr__guard_handler ends the call with false at ldr__guard_resume, for an exception that
 * nobody further down has handled.
 */
    .text
    .globl ldr__guard_call
    .globl ldr__guard_resume
    .def ldr__guard_call; .scl 2; .type 32; .endef
    .def ldr__guard_resume; .scl 2; .type 32; .endef

    .seh_proc ldr__guard_call
    .seh_handler ldr__guard_handler, @except
ldr__guard_call:
    push %rbx
    .seh_pushreg %rbx
    sub $48, %rsp
    .seh_stackalloc 48
    .seh_endprologue
    mov %rcx, %rbx
    mov %rcx, 40(%rsp)          /* for the handler, which knows the frame */
    mov 8(%rbx), %rcx
    mov 16(%rbx), %rdx
    mov 24(%rbx), %r8
    call *(%rbx)
    mov %eax, 32(%rbx)
    mov $1, %eax
ldr__guard_resume:              /* with false in rax, if by the handler */
    add $48, %rsp
    pop %rbx
    ret
    .seh_endproc
