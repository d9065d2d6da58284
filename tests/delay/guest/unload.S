/*
 * unload.S: delay imports of target.dll with all tables that Visual C++ makes, the one for
 * unloading among them.
 */
    .section .rdata, "dr"
    .globl target_tables
    .balign 8
target_tables:
    .long 1
    .rva name, handle, addresses, names
    .long 0
    .rva fresh
    .long 0
names:
    .rva name_of_add
    .long 0
    .quad 0x800000000000000A /* ordinal 10 */
    .quad 0
/* What the addresses are reset to. */
fresh:
    .quad load_add, load_mul, 0
name_of_add:
    .short 0
    .asciz "target_add"
name:
    .asciz "target.dll"

    .data
    .balign 8
handle:
    .quad 0
    .globl __imp_target_add
addresses:
__imp_target_add:
    .quad load_add
slot_of_mul:
    .quad load_mul
    .quad 0

    .text
    .globl target_add, target_mul
target_add:
    jmp *__imp_target_add(%rip)
target_mul:
    jmp *slot_of_mul(%rip)
load_add:
    leaq __imp_target_add(%rip), %rax
    jmp load
load_mul:
    leaq slot_of_mul(%rip), %rax

    .seh_proc load
load:
    pushq %rcx
    .seh_pushreg %rcx
    pushq %rdx
    .seh_pushreg %rdx
    subq $40, %rsp
    .seh_stackalloc 40
    .seh_endprologue
    leaq target_tables(%rip), %rcx
    movq %rax, %rdx
    call __delayLoadHelper2
    addq $40, %rsp
    popq %rdx
    popq %rcx
    jmp *%rax
    .seh_endproc
