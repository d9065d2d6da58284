#include "win32/seh/seh.h"

#include <string.h>

/* RaiseException clears this bit of a code: it is reserved for the system. */
#define RESERVED_CODE_BIT 0x10000000u

enum {
    MAX_PARAMETERS = 15,
    STACK_LEAST = 0x8000, /* what one exception and a handler that is ours may take */
};

typedef enum search_result { CONTINUE, NOT_HANDLED, BROKEN_STACK } search_result;

/* An exception under way. `origin` stays as it was; handlers may change `context`. */
typedef struct exception {
    EXCEPTION_RECORD *record;
    CONTEXT *context;
    CONTEXT origin;
    bool is_fault;
    const void *extended; /* of a fault, or NULL */
} exception;

/* Raises `code` because of how a handler behaved. */
static _Noreturn void raise_about(const exception *raised, uint32_t code)
{
    if (raised->record->code == code)
        ldr__seh_abandon(code); /* handlers that misbehave again would never end */
    CONTEXT context = raised->origin;
    EXCEPTION_RECORD record = {.code = code,
                               .flags = EXCEPTION_NONCONTINUABLE,
                               .record = raised->record,
                               .address = raised->record->address};
    ldr__seh_dispatch(&record, &context);
}

static bool may_continue(const exception *raised)
{
    return (raised->record->flags & EXCEPTION_NONCONTINUABLE) == 0;
}

static EXCEPTION_DISPOSITION call_handler(exception *raised, ldr__seh_walk *walk)
{
    ldr__seh_frame frame = {
        .kind = LDR__SEH_DISPATCH, .context = &raised->origin, .dispatcher = &walk->dispatcher};
    return (EXCEPTION_DISPOSITION)ldr__seh_enter(
        &frame, walk->dispatcher.language_handler, (uintptr_t)raised->record,
        walk->dispatcher.establisher_frame, (uintptr_t)raised->context,
        (uintptr_t)&walk->dispatcher);
}

/* Asks the handler of one frame; true when it wants execution to continue. */
static bool ask_frame(exception *raised, ldr__seh_walk *walk)
{
    if (walk->nested_frame != 0)
        raised->record->flags |= EXCEPTION_NESTED_CALL;
    if (walk->dispatcher.language_handler != NULL) {
        switch (call_handler(raised, walk)) {
        case ExceptionContinueSearch:
            break;
        case ExceptionContinueExecution:
            if (!may_continue(raised))
                raise_about(raised, STATUS_NONCONTINUABLE_EXCEPTION);
            return true;
        default:
            raise_about(raised, STATUS_INVALID_DISPOSITION);
        }
    }
    if (walk->dispatcher.establisher_frame >= walk->nested_frame) {
        raised->record->flags &= ~(uint32_t)EXCEPTION_NESTED_CALL;
        walk->nested_frame = 0;
    }
    return false;
}

static search_result search_frames(exception *raised)
{
    ldr__seh_walk walk;
    ldr__seh_step step;
    ldr__seh_walk_start(&walk, &raised->origin);
    while ((step = ldr__seh_walk_look(&walk, UNW_FLAG_EHANDLER)) == LDR__SEH_FRAME) {
        if (ask_frame(raised, &walk))
            return CONTINUE;
        ldr__seh_walk_next(&walk);
    }
    if (step != LDR__SEH_BAD_STACK)
        return NOT_HANDLED;
    raised->record->flags |= EXCEPTION_STACK_INVALID;
    return BROKEN_STACK;
}

/* Calls the filter of SetUnhandledExceptionFilter; true when it wants execution to continue. */
static bool ask_last_filter(exception *raised)
{
    ldr__seh_filter filter = atomic_load(&ldr__process_self()->seh->filter);
    if (filter == NULL)
        return false;
    EXCEPTION_POINTERS pointers = {raised->record, raised->context};
    ldr__seh_frame frame = {.kind = LDR__SEH_DISPATCH, .context = &raised->origin};
    uint64_t answer = ldr__seh_enter(&frame, (void *)filter, (uintptr_t)&pointers, 0, 0, 0);
    return (int32_t)answer == EXCEPTION_CONTINUE_EXECUTION && may_continue(raised);
}

/* Loading one with bits that the processor does not have is a fault: they count as 0. */
static void keep_mxcsr_valid(CONTEXT *context)
{
    enum { FX_MXCSR = 24 };
    context->mxcsr &= 0xFFFF;
    memcpy(context->fx_start + FX_MXCSR, &context->mxcsr, sizeof context->mxcsr);
}

static _Noreturn void continue_execution(exception *raised)
{
    EXCEPTION_POINTERS pointers = {raised->record, raised->context};
    ldr__seh_call_vectored(LDR__VECTORED_CONTINUE, &pointers, &raised->origin);
    keep_mxcsr_valid(raised->context);
    ldr__seh_resume_extended(raised->context, raised->extended, raised->record->code);
}

/*
 * Whether an exception that nobody handles ends with a caller of ours, or with the program that
 * ldr_run runs. A thread that a library has made has neither: its host would not notice.
 */
static bool is_end_of_program(void)
{
    const ldr__thread *thread = ldr__thread_self();
    return ldr__seh_has_caller() &&
           (!thread->made_by_guest || thread->process->peb->image_base != NULL);
}

/* Lets the fault happen again, for the signal handler that was there before ours. */
static _Noreturn void pass_fault(exception *raised)
{
    enum { STEP_FLAG = 0x100 };
    if (raised->record->code == STATUS_SINGLE_STEP)
        raised->origin.eflags |= STEP_FLAG;
    ldr__seh_pass_fault(&raised->origin, raised->extended);
}

/* Handlers that raise exceptions themselves, each time, use up the stack: a fault in our own code
 * would be the host's. */
static bool is_stack_spent(void)
{
    const ldr__thread *thread = ldr__thread_self();
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    uintptr_t lowest = (uintptr_t)thread->teb.stack_limit;
    return here >= lowest && here - lowest < STACK_LEAST;
}

/* Tells everyone in turn, and ends the guest if nobody wants to go on with it. */
static _Noreturn void dispatch(exception *raised)
{
    EXCEPTION_POINTERS pointers = {raised->record, raised->context};
    if (is_stack_spent())
        ldr__seh_abandon(STATUS_STACK_OVERFLOW);
    ldr__trace_exception(raised->record->code, raised->origin.rip);
    if (ldr__seh_call_vectored(LDR__VECTORED_EXCEPTION, &pointers, &raised->origin))
        continue_execution(raised);
    search_result result = search_frames(raised);
    if (result == CONTINUE || ask_last_filter(raised))
        continue_execution(raised);
    atomic_store(&ldr__process_self()->exception_address, raised->origin.rip);
    if (raised->is_fault && !is_end_of_program())
        pass_fault(raised);
    if (result == BROKEN_STACK)
        ldr__seh_abandon(raised->record->code);
    ldr__seh_unwind(&raised->origin, 0, 0, raised->record, 0);
}

void ldr__seh_dispatch(EXCEPTION_RECORD *record, CONTEXT *context)
{
    dispatch(&(exception){.record = record, .context = context, .origin = *context});
}

void ldr__seh_dispatch_fault(EXCEPTION_RECORD *record, CONTEXT *context, const void *extended)
{
    exception raised = {.record = record,
                        .context = context,
                        .origin = *context,
                        .is_fault = true,
                        .extended = extended};
    raised.origin.flags |= LDR__CONTEXT_AT_FAULT;
    context->flags &= ~LDR__CONTEXT_AT_FAULT;
    dispatch(&raised);
}

/* ---- Exports (seh/entry.S) ---- */

void ldr__seh_do_raise_exception(CONTEXT *context, DWORD code, DWORD flags, DWORD count,
                                 const uint64_t *arguments)
{
    ldr__seh_find_caller(context);
    EXCEPTION_RECORD record = {.code = code & ~RESERVED_CODE_BIT,
                               .flags = flags & EXCEPTION_NONCONTINUABLE,
                               .address = (void *)ldr__seh_raise_exception};
    if (arguments != NULL) {
        record.count = count < MAX_PARAMETERS ? count : MAX_PARAMETERS;
        memcpy(record.information, arguments, record.count * sizeof *arguments);
    }
    ldr__seh_dispatch(&record, context);
}

void ldr__seh_do_rtl_raise_exception(CONTEXT *context, EXCEPTION_RECORD *record)
{
    ldr__seh_find_caller(context);
    record->address = (void *)(uintptr_t)context->rip;
    ldr__seh_dispatch(record, context);
}

void ldr__seh_do_rtl_raise_status(CONTEXT *context, NTSTATUS status)
{
    ldr__seh_find_caller(context);
    EXCEPTION_RECORD record = {.code = status,
                               .flags = EXCEPTION_NONCONTINUABLE,
                               .address = (void *)(uintptr_t)context->rip};
    ldr__seh_dispatch(&record, context);
}

void ldr__seh_raise(uint32_t code, uint32_t flags, uint32_t count, const uint64_t *arguments)
{
    CONTEXT context;
    ldr__seh_capture_context(&context);
    ldr__seh_do_raise_exception(&context, code, flags | EXCEPTION_NONCONTINUABLE, count, arguments);
}
