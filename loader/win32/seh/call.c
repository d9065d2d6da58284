#include "win32/seh/seh.h"

#include <stdlib.h>

/* Present in builds with AddressSanitizer: forgets what the frames that are left had poisoned. */
extern void __asan_handle_no_return(void) __attribute__((weak));

static void forget_stack(void)
{
    if (__asan_handle_no_return != NULL)
        __asan_handle_no_return();
}

uint64_t ldr__seh_enter(ldr__seh_frame *frame, void *function, uint64_t a, uint64_t b, uint64_t c,
                        uint64_t d)
{
    ldr__thread *thread = ldr__thread_self();
    frame->outer = thread->seh_frames;
    thread->seh_frames = frame;
    uint64_t result = ldr__seh_bridge(frame, function, a, b, c, d);
    thread->seh_frames = frame->outer;
    return result;
}

void ldr__seh_leave(ldr__seh_frame *frame, uint32_t exception)
{
    frame->exception = exception;
    frame->left = true;
    ldr__crt_streams_leave(ldr__thread_self(), frame->stack);
    forget_stack();
    ldr__seh_bridge_exit(frame);
}

bool ldr__seh_has_caller(void)
{
    const ldr__thread *thread = ldr__thread_self();
    const ldr__seh_frame *frame = thread->seh_frames;
    while (frame != NULL && frame->kind != LDR__SEH_CALL)
        frame = frame->outer;
    return frame != NULL || thread->exit_jump != NULL;
}

void ldr__seh_abandon(uint32_t exception)
{
    for (ldr__seh_frame *frame = ldr__thread_self()->seh_frames; frame != NULL;
         frame = frame->outer)
        if (frame->kind == LDR__SEH_CALL)
            ldr__seh_leave(frame, exception);
    if (ldr__thread_self()->exit_jump == NULL)
        abort(); /* the embedder called the guest directly: nobody is there to return to */
    ldr__process_terminate(exception);
}

void ldr__seh_forget_below(const CONTEXT *context, uint32_t exception)
{
    ldr__thread *thread = ldr__thread_self();
    ldr__crt_streams_leave(thread, context->gpr[LDR__RSP]);
    while (thread->seh_frames != NULL && thread->seh_frames->stack < context->gpr[LDR__RSP]) {
        if (thread->seh_frames->kind == LDR__SEH_CALL)
            ldr__seh_leave(thread->seh_frames, exception);
        thread->seh_frames = thread->seh_frames->outer;
    }
}

void ldr__seh_resume(const CONTEXT *context, uint32_t exception)
{
    ldr__seh_resume_extended(context, NULL, exception);
}

void ldr__seh_resume_extended(const CONTEXT *context, const void *extended, uint32_t exception)
{
    ldr__seh_forget_below(context, exception);
    forget_stack();
    if (extended == NULL)
        ldr__seh_restore(context);
    ldr__seh_restore_extended(context, extended);
}

void ldr__seh_pass_fault(const CONTEXT *context, const void *extended)
{
    ldr__thread_self()->pass_next_fault = true;
    ldr__seh_resume_extended(context, extended, STATUS_UNWIND);
}

bool ldr__seh_call(void *function, void *a, uint64_t b, void *c, uint64_t *ret_result,
                   uint32_t *ret_exception)
{
    ldr__seh_frame frame = {.kind = LDR__SEH_CALL};
    uint64_t result = ldr__seh_enter(&frame, function, (uintptr_t)a, b, (uintptr_t)c, 0);
    if (frame.left) {
        *ret_exception = frame.exception;
        return false;
    }
    *ret_result = result;
    return true;
}
