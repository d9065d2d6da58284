/*
 * trace/trace.h: calls through imports, told as they happen.
 *
 *   trace/thunks.c      one thunk for each import slot, and for each function that GetProcAddress
 *                       has found, which leads to
 *   trace/entry.S       what saves the registers, and what takes the place of a return address
 *   trace/calls.c       the calls that a thread is in, and their events
 *   trace/values.c      arguments and results by their types
 *   trace/prototypes.c  the types, for the functions that are called most
 *
 * A thunk changes no argument, and neither stack nor the place of the return address, so that it is
 * the same for any number of arguments; only what the return address says is changed, to
 * ldr__trace_return. What it was is kept in a list of the thread. Who walks the stack asks that
 * list (ldr__trace_caller): so exceptions go through traced calls as if there were none.
 */
#ifndef PELOAD_WIN32_TRACE_H
#define PELOAD_WIN32_TRACE_H

#include "win32/win32.h"

typedef struct ldr__prototype ldr__prototype;

/*
 * An import slot, or a function found by GetProcAddress. It lives as long as the module that has
 * the function, since an importer may have given away the address that it has got; and as calls
 * through it are under way.
 */
typedef struct ldr__traced {
    struct ldr__traced *next;
    atomic_uint references;
    ldr__trace_site site;            /* its strings are owned */
    const ldr__prototype *prototype; /* or NULL */
    bool tells_return;
    struct ldr__trace_block *block;
    void **slot; /* of the block, until it is released */
} ldr__traced;

/* What entry.S saves and loads again. */
typedef struct ldr__trace_registers {
    uint64_t rax, rcx, rdx, r8, r9, r10;
    _Alignas(16) struct {
        double low, high;
    } xmm[6];
} ldr__trace_registers;

_Static_assert(offsetof(ldr__trace_registers, xmm) == 48, "trace/entry.S");
_Static_assert(sizeof(ldr__trace_registers) == 144, "trace/entry.S");

/* ---- thunks.c: as in ldr__environment ---- */

void *ldr__trace_create(ldr__process *process, const ldr__trace_site *site);
void ldr__trace_release(ldr__process *process, const ldr_module *module);
void ldr__trace_destroy(ldr__process *process);
/* One call less is under way. */
void ldr__traced_leave(ldr__traced *traced);

/* ---- calls.c ---- */

uint32_t ldr__trace_depth(void);

/* Releases what a thread has that will not run guest code any more. */
void ldr__trace_thread_release(ldr__thread *thread);

/*
 * `rip` was read at `slot` of the calling thread's stack as a return address: where the guest is
 * called from really. May be called in a signal handler.
 */
uint64_t ldr__trace_caller(uint64_t rip, uint64_t slot);

/* Tells of an exception; nothing if nobody listens. */
void ldr__trace_exception(uint32_t code, uint64_t address);

/* For entry.S: the function to go on to, and the address to return to. */
const void *LDR_WINAPI ldr__trace_call(ldr__traced *traced, const ldr__trace_registers *registers,
                                       uint64_t *slot);
uint64_t LDR_WINAPI ldr__trace_leave(const ldr__trace_registers *registers, uint64_t slot);

/* entry.S. The site is in r11. */
void ldr__trace_enter(void);
void ldr__trace_return(void);

/* ---- values.c, prototypes.c ---- */

enum { LDR__TRACE_VALUES = 12, LDR__TRACE_TEXT = 128, LDR__TRACE_PAGE = 4096 };

/* Values and the texts that they point to. */
typedef struct ldr__trace_values {
    ldr_trace_value items[LDR__TRACE_VALUES];
    size_t count;
    char names[LDR__TRACE_VALUES][24];
    char texts[LDR__TRACE_VALUES][LDR__TRACE_TEXT];
} ldr__trace_values;

/* The prototype of a function of Windows's own DLLs, NULL if it is not known. */
const ldr__prototype *ldr__prototype_find(const char *provider, const char *function);

/* Arguments: `stack` is the address of the fifth. */
void ldr__trace_arguments(const ldr__prototype *prototype, const ldr__trace_registers *registers,
                          uint64_t stack, ldr__trace_values *ret_values);
void ldr__trace_result(const ldr__prototype *prototype, const ldr__trace_registers *registers,
                       ldr__trace_values *ret_values);

/* One line: the types are words of values.c, the arguments "TYPE NAME, TYPE NAME, ...". */
struct ldr__prototype {
    const char *function;
    const char *result;
    const char *arguments;
};

/* Sorted by name (strcmp). */
extern const ldr__prototype ldr__prototypes[];
extern const size_t ldr__prototype_count;

#endif
