/*
 * windows_copy.c: a copy of bytes that ends where a page cannot be had.
 *
 * The copy is a function of its own, whose unwind information names a handler for exceptions in it
 * ("x64 exception handling" of Microsoft's documentation, language-specific handler). The handler
 * has the thread go on behind the copy.
 */
#include "os/windows.h"

/* RCX, RDX, R8 as memcpy; AL is what it returns. */
__asm__(".text\n"
        ".globl ldr__windows_copy\n"
        ".def ldr__windows_copy; .scl 2; .type 32; .endef\n"
        ".seh_proc ldr__windows_copy\n"
        "ldr__windows_copy:\n"
        "    pushq %rsi\n"
        "    .seh_pushreg %rsi\n"
        "    pushq %rdi\n"
        "    .seh_pushreg %rdi\n"
        "    .seh_endprologue\n"
        "    movq %rcx, %rdi\n"
        "    movq %rdx, %rsi\n"
        "    movq %r8, %rcx\n"
        "    xorl %eax, %eax\n"
        "    rep movsb\n"
        "    movl $1, %eax\n"
        ".globl ldr__windows_copied\n"
        "ldr__windows_copied:\n"
        "    popq %rdi\n"
        "    popq %rsi\n"
        "    ret\n"
        "    .seh_handler ldr__windows_copy_failed, @except\n"
        ".seh_endproc\n");

/* EXCEPTION_NONCONTINUABLE, and the flags of unwinding. */
#define NOT_TO_CONTINUE UINT32_C(0x67)

extern const char ldr__windows_copied[];

EXCEPTION_DISPOSITION ldr__windows_copy_failed(EXCEPTION_RECORD *record, void *frame,
                                               CONTEXT *context, void *dispatch);

/* AL is still 0 then. What is no failure of a page is not for this one. */
EXCEPTION_DISPOSITION ldr__windows_copy_failed(EXCEPTION_RECORD *record, void *frame,
                                               CONTEXT *context, void *dispatch)
{
    (void)frame, (void)dispatch;
    if ((record->ExceptionFlags & NOT_TO_CONTINUE) != 0 ||
        (record->ExceptionCode != EXCEPTION_ACCESS_VIOLATION &&
         record->ExceptionCode != EXCEPTION_IN_PAGE_ERROR &&
         record->ExceptionCode != EXCEPTION_GUARD_PAGE))
        return ExceptionContinueSearch;
    context->Rip = (DWORD64)(uintptr_t)ldr__windows_copied;
    return ExceptionContinueExecution;
}
