/*
 * seh/seh.h: what the files of structured exception handling (seh_*) share.
 *
 * The way an exception goes:
 *
 *   seh/entry.S     an export such as RaiseException captures its caller's registers; those of a
 *                   fault come from the signal handler (fault/fault.h)
 *   seh/dispatch.c  first pass: vectored handlers, then each frame's handler, then the filter
 *   seh/unwind.c    second pass: each frame's termination handler, then on at the target
 *   seh/walk.c      from frame to frame, for both passes
 *   seh/functions.c which function an address is in
 *   seh/virtual.c   that function's unwind codes; seh/epilog.c when it is already returning
 *   seh/scope.c     the C language's handler: __try, __except, __finally
 *   seh/call.c      host code that calls the guest: what a walk does when it comes to host frames
 *   seh/host.c      host frames, by the host's own unwind data
 *
 * A walk crosses the frames of host functions without their noticing: what they hold (a lock) when
 * the guest that they called back leaves them stays held, as in Windows, but for the locks of
 * streams, which Windows gives back too. Where this file's
 * functions call the guest themselves, they leave an ldr__seh_frame that says how a walk goes on
 * from there.
 */
#ifndef PELOAD_SEH_H
#define PELOAD_SEH_H

#include "win32/seh/layouts.h"
#include "win32/trace/trace.h"
#include "win32/win32.h"

/* ---- Functions and their unwind data (seh/functions.c) ---- */

/*
 * Memory that unwind data is read from, by RVA. With an image every read is checked against it;
 * a dynamic function table (RtlAddFunctionTable) has none: the guest vouches for what it says.
 */
typedef struct ldr__unwind_source {
    uint64_t base;
    const pe_image *image; /* or NULL */
} ldr__unwind_source;

/* Copies bytes at `rva`; false when they are not inside the image. */
bool ldr__unwind_read(const ldr__unwind_source *source, uint32_t rva, void *ret_bytes, size_t size);

/* A RUNTIME_FUNCTION, decoded. */
typedef struct ldr__function {
    uint32_t begin, end, unwind;
} ldr__function;

/* A RUNTIME_FUNCTION at `rva`. */
bool ldr__unwind_read_function(const ldr__unwind_source *source, uint32_t rva,
                               ldr__function *ret_function);

/* The function of an image that holds `rva`; false if none does, or for a source without image. */
bool ldr__unwind_find_function(const ldr__unwind_source *source, uint32_t rva,
                               ldr__function *ret_function);

/* Where an address is in the guest. `entry` is NULL in a leaf function, which has no table line. */
typedef struct ldr__code_place {
    ldr__unwind_source source;
    const void *entry;
    ldr__function function;
} ldr__code_place;

/* False when `pc` is in no module and in no dynamic function table: not guest code. */
bool ldr__seh_find_code(ldr__seh *seh, uint64_t pc, ldr__code_place *ret_place);

/* Whether `pc` is in a module. May be called in a signal handler. */
bool ldr__seh_is_module_code(ldr__seh *seh, uint64_t pc);

/* The module that `pc` is in, or NULL: found without a lock. */
ldr_module *ldr__seh_module_at(ldr__seh *seh, uint64_t pc);

/* The source for unwind data of the module (or dynamic table) at `base`. */
ldr__unwind_source ldr__seh_source_of(ldr__seh *seh, uint64_t base);

/* ---- One frame (seh/virtual.c, seh/epilog.c) ---- */

/* Addresses [low, high) that the unwinder may read as stack. */
typedef struct ldr__stack_range {
    uint64_t low, high;
} ldr__stack_range;

/* What unwinding one frame found. `handler` is 0 when the frame has none for this pass. */
typedef struct ldr__unwound {
    uint64_t handler;
    uint64_t handler_data;
    uint64_t establisher_frame;
} ldr__unwound;

/*
 * Turns `context`, whose rip is in `function`, into its caller's: RtlVirtualUnwind.
 * `handler_type` is UNW_FLAG_EHANDLER, _UHANDLER or 0; `pointers` may be NULL. False when the
 * unwind data is broken or leads outside `stack`; then `context` holds no meaningful frame.
 */
bool ldr__virtual_unwind(const ldr__unwind_source *source, const ldr__function *function,
                         uint32_t handler_type, ldr__stack_range stack, CONTEXT *context,
                         KNONVOLATILE_CONTEXT_POINTERS *pointers, ldr__unwound *ret_unwound);

/* Copies bytes of the stack; false outside of it. */
bool ldr__unwind_read_stack(ldr__stack_range stack, uint64_t address, void *ret_bytes, size_t size);

/* Pops the return address: the caller of a leaf function, or the end of every other unwind. */
bool ldr__unwind_return(ldr__stack_range stack, CONTEXT *context);

/* Pops a register of an unwind code or of an epilog. */
bool ldr__unwind_pop(ldr__stack_range stack, uint32_t reg, CONTEXT *context,
                     KNONVOLATILE_CONTEXT_POINTERS *pointers);

/* The parts of UNWIND_INFO that decide what an epilog looks like. */
typedef struct ldr__epilog_rules {
    ldr__function function;
    ldr__function primary; /* the function that a chained fragment is part of, else the same */
    uint32_t frame_register;
    bool known; /* unwind information of version 2 says that this is an epilog */
} ldr__epilog_rules;

/*
 * If the instructions at the context's rip are the rest of an epilog, does what they still do and
 * returns true; the return address is not popped yet.
 */
bool ldr__unwind_epilog(const ldr__unwind_source *source, const ldr__epilog_rules *rules,
                        ldr__stack_range stack, CONTEXT *context,
                        KNONVOLATILE_CONTEXT_POINTERS *pointers);

/* The function that a chain of unwind information ends with. */
bool ldr__unwind_primary(const ldr__unwind_source *source, ldr__function function,
                         ldr__function *ret_primary);

/*
 * seh/host.c. The same for a frame of the host, by the host's unwind data (DWARF): false where it
 * has none or where the stack ends; then `context` is as it was.
 */
bool ldr__unwind_host(ldr__stack_range stack, CONTEXT *context);

/* Where the host function that the context's rip is in begins; 0 when it is no host code. */
uint64_t ldr__host_function(const CONTEXT *context);
/* The same for the address of an instruction. */
uint64_t ldr__host_function_at(uint64_t pc);

/* ---- Host code that calls the guest (seh/call.c) ---- */

typedef enum ldr__seh_frame_kind {
    LDR__SEH_CALL,        /* ldr__seh_call: every exception and unwind ends here */
    LDR__SEH_DISPATCH,    /* a handler runs in the first pass; beyond it, where that began */
    LDR__SEH_UNWIND,      /* a handler runs in the second pass; beyond it, the frame it is for */
    LDR__SEH_FUNCLET,     /* a filter or __finally runs on behalf of one of these two */
    LDR__SEH_CONSOLIDATE, /* a catch block runs after its frames were unwound to `context` */
} ldr__seh_frame_kind;

/* A call from this library into the guest, on the stack of the caller; innermost first. */
struct ldr__seh_frame {
    uint64_t stack; /* RSP when the guest returns; set by ldr__seh_bridge, at offset 0 */
    struct ldr__seh_frame *outer;
    ldr__seh_frame_kind kind;
    uint32_t exception;                   /* LDR__SEH_CALL: why it was left */
    bool left;                            /* LDR__SEH_CALL: the guest did not return */
    const CONTEXT *context;               /* LDR__SEH_DISPATCH, LDR__SEH_CONSOLIDATE */
    const DISPATCHER_CONTEXT *dispatcher; /* LDR__SEH_DISPATCH (may be NULL), LDR__SEH_UNWIND */
};
typedef struct ldr__seh_frame ldr__seh_frame;

_Static_assert(offsetof(ldr__seh_frame, stack) == 0, "seh_bridge.S writes it");

/* Calls the guest's `function(a, b, c, d)` with `frame` (its kind and what that needs) on record.
 */
uint64_t ldr__seh_enter(ldr__seh_frame *frame, void *function, uint64_t a, uint64_t b, uint64_t c,
                        uint64_t d);

/* Leaves the guest: `frame` is an ldr__seh_call, which returns false with `exception`. */
_Noreturn void ldr__seh_leave(ldr__seh_frame *frame, uint32_t exception);

/*
 * Goes on in the guest with these registers. Not past an ldr__seh_call: if the stack pointer is
 * beyond the innermost one, that one is left with `exception`.
 */
_Noreturn void ldr__seh_resume(const CONTEXT *context, uint32_t exception);

/*
 * The same where a fault was: `extended` (or NULL) is what the processor had besides the context's
 * registers, as XSAVE has stored it.
 */
_Noreturn void ldr__seh_resume_extended(const CONTEXT *context, const void *extended,
                                        uint32_t exception);

/* Whether ldr__seh_abandon has anywhere to go: else the embedder called the guest directly. */
bool ldr__seh_has_caller(void);

/* Goes on at a fault so that it happens again, for the signal handler that was there before ours.
 */
_Noreturn void ldr__seh_pass_fault(const CONTEXT *context, const void *extended);

/* Drops the records of frames below `context`; leaves an ldr__seh_call that is one of them. */
void ldr__seh_forget_below(const CONTEXT *context, uint32_t exception);

/*
 * Gives the guest code up without looking at its frames: the innermost ldr__seh_call of this
 * thread returns false with `exception`, or else the guest's process ends with it. Where there is
 * neither, because the embedder called the guest directly, the whole program is aborted.
 */
_Noreturn void ldr__seh_abandon(uint32_t exception);

/* seh/bridge.S */
uint64_t ldr__seh_bridge(ldr__seh_frame *frame, void *function, uint64_t a, uint64_t b, uint64_t c,
                         uint64_t d);
_Noreturn void ldr__seh_bridge_exit(const ldr__seh_frame *frame);
_Noreturn void ldr__seh_restore(const CONTEXT *context);
_Noreturn void ldr__seh_restore_extended(const CONTEXT *context, const void *extended);

/* ---- From frame to frame (seh/walk.c) ---- */

typedef enum ldr__seh_step {
    LDR__SEH_FRAME,      /* a guest frame; `dispatcher` describes it */
    LDR__SEH_TRANSITION, /* `record` is the ldr__seh_call that the guest runs in */
    LDR__SEH_END,        /* host code that called the guest directly */
    LDR__SEH_BAD_STACK,  /* broken unwind data, or a frame outside the stack */
} ldr__seh_step;

typedef struct ldr__seh_walk {
    ldr__seh *seh;
    ldr__stack_range stack;
    ldr__seh_frame *record; /* innermost of those not yet passed */
    CONTEXT current;        /* registers in the frame looked at */
    CONTEXT caller;         /* and in the one that called it */
    DISPATCHER_CONTEXT dispatcher;
    uint64_t nested_frame; /* highest frame whose handler was running when this one was raised */
    bool collided;         /* the frame was being unwound already, up to its scope_index */
} ldr__seh_walk;

/* Starts at a frame of the calling thread. */
void ldr__seh_walk_start(ldr__seh_walk *walk, const CONTEXT *context);

/*
 * Looks at the current frame for a handler of that type (dispatcher.language_handler or NULL).
 * Host frames on the way to it are passed over. Those of a call on record lead to where the record
 * says: a handler's to the frames of the exception that it handles. Others (qsort, which calls the
 * guest back) lead to their callers, or if they have no unwind data to the next record outside.
 */
ldr__seh_step ldr__seh_walk_look(ldr__seh_walk *walk, uint32_t handler_type);

/* Moves on to the caller. */
void ldr__seh_walk_next(ldr__seh_walk *walk);

/* ---- The two passes (seh/dispatch.c, seh/unwind.c) ---- */

/* Raises `record` where `context` is. Returns to the guest, or not at all. */
_Noreturn void ldr__seh_dispatch(EXCEPTION_RECORD *record, CONTEXT *context);

/*
 * The same for a fault (fault/dispatch.c). One that nobody handles, where no caller of ours waits
 * for the guest, happens again and goes to the signal handler that was there before ours.
 */
_Noreturn void ldr__seh_dispatch_fault(EXCEPTION_RECORD *record, CONTEXT *context,
                                       const void *extended);

/* RtlUnwindEx from where `context` is. `record` may be NULL. */
_Noreturn void ldr__seh_unwind(const CONTEXT *context, uint64_t target_frame, uint64_t target_ip,
                               EXCEPTION_RECORD *record, uint64_t return_value);

/* RtlRestoreContext: `record` (or NULL) may ask for a long jump or a consolidated frame. */
_Noreturn void ldr__seh_continue(CONTEXT *context, EXCEPTION_RECORD *record);

/* ---- Vectored handlers and the last filter (seh/vectored.c) ---- */

typedef int32_t(LDR_WINAPI *ldr__seh_filter)(EXCEPTION_POINTERS *pointers);

typedef struct ldr__vectored_handler ldr__vectored_handler;

enum { LDR__VECTORED_EXCEPTION, LDR__VECTORED_CONTINUE, LDR__VECTORED_LISTS };

/* Calls the handlers of a list in turn; true as soon as one says to continue execution. */
bool ldr__seh_call_vectored(uint32_t list, EXCEPTION_POINTERS *pointers, const CONTEXT *origin);

/* ---- Exports: what the guest calls. Arguments and results as in Microsoft's documentation ---- */

/* seh/entry.S; each ldr__seh_do_* is the rest of the export of that name, for its caller. */
void LDR_WINAPI ldr__seh_capture_context(CONTEXT *ret_context);
int32_t LDR_WINAPI ldr__seh_setjmp(JUMP_BUFFER *ret_buffer, void *frame);
_Noreturn void LDR_WINAPI ldr__seh_raise_exception(DWORD code, DWORD flags, DWORD count,
                                                   const uint64_t *arguments);
_Noreturn void LDR_WINAPI ldr__seh_rtl_raise_exception(EXCEPTION_RECORD *record);
_Noreturn void LDR_WINAPI ldr__seh_rtl_raise_status(NTSTATUS status);
/* RtlUnwind, and RtlUnwindEx, whose two further arguments are a scratch buffer and a cache. */
_Noreturn void LDR_WINAPI ldr__seh_rtl_unwind(uint64_t target_frame, uint64_t target_ip,
                                              EXCEPTION_RECORD *record, uint64_t return_value);
_Noreturn void LDR_WINAPI ldr__seh_local_unwind(uint64_t target_frame, uint64_t target_ip);
_Noreturn void LDR_WINAPI ldr__seh_longjmp(const JUMP_BUFFER *buffer, int32_t value);

_Noreturn void ldr__seh_do_raise_exception(CONTEXT *context, DWORD code, DWORD flags, DWORD count,
                                           const uint64_t *arguments);
_Noreturn void ldr__seh_do_rtl_raise_exception(CONTEXT *context, EXCEPTION_RECORD *record);
_Noreturn void ldr__seh_do_rtl_raise_status(CONTEXT *context, NTSTATUS status);
_Noreturn void ldr__seh_do_rtl_unwind(CONTEXT *context, uint64_t target_frame, uint64_t target_ip,
                                      EXCEPTION_RECORD *record, uint64_t return_value);
_Noreturn void ldr__seh_do_local_unwind(CONTEXT *context, uint64_t target_frame,
                                        uint64_t target_ip);
_Noreturn void ldr__seh_do_longjmp(CONTEXT *context, const JUMP_BUFFER *buffer, int32_t value);

/* seh/functions.c */
uint8_t LDR_WINAPI ldr__seh_add_table(const void *table, DWORD count, uint64_t base);
uint8_t LDR_WINAPI ldr__seh_install_callback(uint64_t identifier, uint64_t base, DWORD length,
                                             void *callback, void *user, const WCHAR *dll);
uint8_t LDR_WINAPI ldr__seh_delete_table(const void *identifier);
const void *LDR_WINAPI ldr__seh_lookup_entry(uint64_t pc, uint64_t *ret_base, void *history);
void *LDR_WINAPI ldr__seh_pc_to_header(uint64_t pc, void **ret_base);

/* seh/virtual.c */
void *LDR_WINAPI ldr__seh_rtl_virtual_unwind(DWORD handler_type, uint64_t image_base, uint64_t pc,
                                             const void *entry, CONTEXT *context,
                                             void **ret_handler_data, uint64_t *ret_frame,
                                             KNONVOLATILE_CONTEXT_POINTERS *pointers);

/* What seh/entry.S has captured says who called, also through a traced import. */
static inline void ldr__seh_find_caller(CONTEXT *context)
{
    context->rip = ldr__trace_caller(context->rip, context->gpr[LDR__RSP] - sizeof context->rip);
}

/* seh/unwind.c */
_Noreturn void LDR_WINAPI ldr__seh_rtl_restore_context(CONTEXT *context, EXCEPTION_RECORD *record);
_Noreturn NTSTATUS LDR_WINAPI ldr__seh_nt_continue(CONTEXT *context, uint8_t test_alert);

/* seh/scope.c: returns an EXCEPTION_DISPOSITION. */
int32_t LDR_WINAPI ldr__seh_c_specific_handler(EXCEPTION_RECORD *record, void *frame,
                                               CONTEXT *context, DISPATCHER_CONTEXT *dispatcher);

/* seh/vectored.c */
void *LDR_WINAPI ldr__seh_add_exception_handler(DWORD first, ldr__seh_filter function);
DWORD LDR_WINAPI ldr__seh_remove_exception_handler(const void *handle);
void *LDR_WINAPI ldr__seh_add_continue_handler(DWORD first, ldr__seh_filter function);
DWORD LDR_WINAPI ldr__seh_remove_continue_handler(const void *handle);
ldr__seh_filter LDR_WINAPI ldr__seh_set_filter(ldr__seh_filter filter);
LONG LDR_WINAPI ldr__seh_unhandled_filter(EXCEPTION_POINTERS *pointers);

/* ---- State ---- */

typedef struct ldr__module_list ldr__module_list;     /* seh/functions.c */
typedef struct ldr__dynamic_table ldr__dynamic_table; /* seh/functions.c */

struct ldr__seh {
    /* Guards changes of what follows; never held while guest code runs or its memory is read. */
    pthread_mutex_t lock;
    _Atomic(ldr__module_list *) modules;   /* or NULL */
    _Atomic(ldr__dynamic_table *) dynamic; /* list */
    atomic_uint readers; /* of these two, which are read without the lock: in signal handlers too */
    ldr__module_list *old_modules; /* replaced, released once there are no readers */
    ldr__dynamic_table *old_dynamic;
    ldr__vectored_handler *vectored[LDR__VECTORED_LISTS];
    _Atomic(ldr__seh_filter) filter;
};

/* The state of a process, on its own. */
ldr_status ldr__seh_new(ldr__seh **ret_seh);
void ldr__seh_free(ldr__seh *seh);

/* Notes the functions of a view; `module` is what ldr__seh_module_removed will be told. */
bool ldr__seh_view_added(ldr__seh *seh, ldr_module *module, const ldr_view *view);

/* Releases what seh/functions.c and seh/vectored.c hold. */
void ldr__seh_functions_release(ldr__seh *seh);
void ldr__seh_vectored_release(ldr__seh *seh);

#endif
