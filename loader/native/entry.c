/* entry.c: calls of guest code that an exception may end. */
#include "native/state.h"

#include <malloc.h>
#include <stddef.h>

bool ldr__guard_call(ldr__guarded *call);
extern const char ldr__guard_resume[];

_Static_assert(offsetof(ldr__guarded, arguments) == 8 && offsetof(ldr__guarded, result) == 32,
               "guard.S");

enum { CALL_IN_FRAME = 40 };

/* The filter that the guest, or the program, has set for the whole process. */
static LONG ask_filter(EXCEPTION_RECORD *record, CONTEXT *context)
{
    LPTOP_LEVEL_EXCEPTION_FILTER filter = SetUnhandledExceptionFilter(NULL);
    SetUnhandledExceptionFilter(filter);
    return filter != NULL ? filter(&(EXCEPTION_POINTERS){record, context})
                          : EXCEPTION_CONTINUE_SEARCH;
}

/*
 * The language handler of guard.S's frame. Where the exception may not be continued the unwinding
 * is all there is, which does not continue it either. After a stack overflow this runs on what the
 * system keeps for it.
 */
EXCEPTION_DISPOSITION ldr__guard_handler(EXCEPTION_RECORD *record, void *frame, CONTEXT *context,
                                         DISPATCHER_CONTEXT *dispatcher)
{
    ldr__guarded *call = *(ldr__guarded **)(void *)((uint8_t *)frame + CALL_IN_FRAME);
    if (record->ExceptionFlags & (EXCEPTION_UNWINDING | EXCEPTION_EXIT_UNWIND))
        return ExceptionContinueSearch;
    bool can_continue = !(record->ExceptionFlags & EXCEPTION_NONCONTINUABLE);
    if (call->asks_filter && ask_filter(record, context) == EXCEPTION_CONTINUE_EXECUTION &&
        can_continue)
        return ExceptionContinueExecution;
    call->exception = record->ExceptionCode;
    call->address = record->ExceptionAddress;
    RtlUnwindEx(frame, (void *)(uintptr_t)ldr__guard_resume, record, NULL,
                dispatcher->ContextRecord, dispatcher->HistoryTable);
    return ExceptionContinueSearch;
}

/* The page below the stack gets its guard back, so that another overflow is found as well. */
bool ldr__call_guarded(ldr__guarded *call)
{
    if (ldr__guard_call(call))
        return true;
    if (call->exception == EXCEPTION_STACK_OVERFLOW)
        _resetstkoflw();
    return false;
}
