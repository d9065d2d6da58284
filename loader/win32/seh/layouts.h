/*
 * seh/layouts.h: Windows's structures and numbers of structured exception handling on x64.
 *
 * Spelled as in winnt.h; from Microsoft Learn's "x64 exception handling".
 */
#ifndef PELOAD_SEH_LAYOUTS_H
#define PELOAD_SEH_LAYOUTS_H

#include <stddef.h>
#include <stdint.h>

typedef struct M128A {
    uint64_t low, high;
} M128A;

/* General registers by their number in instructions and unwind codes. */
enum { LDR__RAX, LDR__RCX, LDR__RDX, LDR__RBX, LDR__RSP, LDR__RBP, LDR__RSI, LDR__RDI };

typedef struct __attribute__((aligned(16))) CONTEXT {
    uint64_t home[6];
    uint32_t flags; /* 0x30 */
    uint32_t mxcsr;
    uint16_t cs, ds, es, fs, gs, ss;
    uint32_t eflags;   /* 0x44 */
    uint64_t debug[6]; /* 0x48 */
    uint64_t gpr[16];  /* 0x78 */
    uint64_t rip;      /* 0xF8 */
    uint8_t fx_start[0xA0];
    M128A xmm[16]; /* 0x1A0 */
    uint8_t fx_end[0x60];
    M128A vector[26]; /* 0x300 */
    uint64_t vector_control, debug_control, last_branch[4];
} CONTEXT;

_Static_assert(sizeof(CONTEXT) == 1232, "CONTEXT layout");
_Static_assert(offsetof(CONTEXT, gpr) == 0x78, "CONTEXT layout");
_Static_assert(offsetof(CONTEXT, xmm) == 0x1A0, "CONTEXT layout");

#define CONTEXT_FULL 0x10000Bu

/*
 * CONTEXT_EXCEPTION_ACTIVE of winnt.h. Here: rip is the instruction that has faulted, where in
 * other contexts of a walk it is what a call returns to.
 */
#define LDR__CONTEXT_AT_FAULT 0x8000000u

typedef struct EXCEPTION_RECORD {
    uint32_t code;
    uint32_t flags;
    struct EXCEPTION_RECORD *record;
    void *address;
    uint32_t count;
    uint64_t information[15];
} EXCEPTION_RECORD;

_Static_assert(sizeof(EXCEPTION_RECORD) == 152, "EXCEPTION_RECORD layout");

typedef struct EXCEPTION_POINTERS {
    EXCEPTION_RECORD *record;
    CONTEXT *context;
} EXCEPTION_POINTERS;

typedef struct DISPATCHER_CONTEXT {
    uint64_t control_pc;
    uint64_t image_base;
    const void *function_entry; /* RUNTIME_FUNCTION in the guest's memory */
    uint64_t establisher_frame;
    uint64_t target_ip;
    CONTEXT *context;
    void *language_handler;
    const void *handler_data;
    void *history_table;
    uint32_t scope_index;
    uint32_t fill;
} DISPATCHER_CONTEXT;

_Static_assert(sizeof(DISPATCHER_CONTEXT) == 80, "DISPATCHER_CONTEXT layout");

typedef struct JUMP_BUFFER {
    uint64_t frame;
    uint64_t rbx, rsp, rbp, rsi, rdi, r12, r13, r14, r15, rip;
    uint32_t mxcsr;
    uint16_t fpcsr, spare;
    M128A xmm[10]; /* xmm6 to xmm15 */
} JUMP_BUFFER;

_Static_assert(sizeof(JUMP_BUFFER) == 256, "_JUMP_BUFFER layout");

/* RtlVirtualUnwind's KNONVOLATILE_CONTEXT_POINTERS: where each register was saved. */
typedef struct KNONVOLATILE_CONTEXT_POINTERS {
    void *xmm[16];
    void *gpr[16];
} KNONVOLATILE_CONTEXT_POINTERS;

/* ExceptionFlags. */
enum {
    EXCEPTION_NONCONTINUABLE = 0x01,
    EXCEPTION_UNWINDING = 0x02,
    EXCEPTION_EXIT_UNWIND = 0x04,
    EXCEPTION_STACK_INVALID = 0x08,
    EXCEPTION_NESTED_CALL = 0x10,
    EXCEPTION_TARGET_UNWIND = 0x20,
    EXCEPTION_COLLIDED_UNWIND = 0x40,
    EXCEPTION_UNWIND = 0x66,
};

/* What a language handler returns. */
typedef enum EXCEPTION_DISPOSITION {
    ExceptionContinueExecution,
    ExceptionContinueSearch,
    ExceptionNestedException,
    ExceptionCollidedUnwind,
} EXCEPTION_DISPOSITION;

/* What a filter or a vectored handler returns. */
enum {
    EXCEPTION_EXECUTE_HANDLER = 1,
    EXCEPTION_CONTINUE_SEARCH = 0,
    EXCEPTION_CONTINUE_EXECUTION = -1
};

/* UNWIND_INFO flags; the first two also tell RtlVirtualUnwind which handler to look for. */
enum { UNW_FLAG_EHANDLER = 1, UNW_FLAG_UHANDLER = 2, UNW_FLAG_CHAININFO = 4 };

#define STATUS_LONGJUMP                 0x80000026u
#define STATUS_UNWIND_CONSOLIDATE       0x80000029u
#define STATUS_NONCONTINUABLE_EXCEPTION 0xC0000025u
#define STATUS_INVALID_DISPOSITION      0xC0000026u
#define STATUS_UNWIND                   0xC0000027u
#define STATUS_INVALID_UNWIND_TARGET    0xC0000029u

/* Exceptions of the processor: as in winnt.h, from Microsoft Learn's EXCEPTION_RECORD. */
#define STATUS_GUARD_PAGE_VIOLATION    0x80000001u
#define STATUS_DATATYPE_MISALIGNMENT   0x80000002u
#define STATUS_BREAKPOINT              0x80000003u
#define STATUS_SINGLE_STEP             0x80000004u
#define STATUS_ACCESS_VIOLATION        0xC0000005u
#define STATUS_IN_PAGE_ERROR           0xC0000006u
#define STATUS_END_OF_FILE             0xC0000011u
#define STATUS_ILLEGAL_INSTRUCTION     0xC000001Du
#define STATUS_FLOAT_DENORMAL_OPERAND  0xC000008Du
#define STATUS_FLOAT_DIVIDE_BY_ZERO    0xC000008Eu
#define STATUS_FLOAT_INEXACT_RESULT    0xC000008Fu
#define STATUS_FLOAT_INVALID_OPERATION 0xC0000090u
#define STATUS_FLOAT_OVERFLOW          0xC0000091u
#define STATUS_FLOAT_STACK_CHECK       0xC0000092u
#define STATUS_FLOAT_UNDERFLOW         0xC0000093u
#define STATUS_INTEGER_DIVIDE_BY_ZERO  0xC0000094u
#define STATUS_INTEGER_OVERFLOW        0xC0000095u
#define STATUS_PRIVILEGED_INSTRUCTION  0xC0000096u
#define STATUS_STACK_OVERFLOW          0xC00000FDu
#define STATUS_STACK_BUFFER_OVERRUN    0xC0000409u

#endif
