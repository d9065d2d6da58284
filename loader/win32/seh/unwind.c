#include "win32/seh/seh.h"

#include <string.h>

typedef struct unwinding {
    EXCEPTION_RECORD *record;
    uint64_t target_frame; /* 0: all frames */
    uint64_t return_value;
    ldr__seh_walk walk;
} unwinding;

static _Noreturn void raise_status(const unwinding *unwind, uint32_t code)
{
    if (unwind->record->code == code)
        ldr__seh_abandon(code);
    CONTEXT context = unwind->walk.current;
    EXCEPTION_RECORD record = {.code = code,
                               .flags = EXCEPTION_NONCONTINUABLE,
                               .record = unwind->record,
                               .address = (void *)(uintptr_t)context.rip};
    ldr__seh_dispatch(&record, &context);
}

static bool at_target(const unwinding *unwind)
{
    return unwind->walk.dispatcher.function_entry != NULL &&
           unwind->walk.dispatcher.establisher_frame == unwind->target_frame;
}

/* Runs the termination handler of the current frame. */
static void run_handler(unwinding *unwind)
{
    ldr__seh_walk *walk = &unwind->walk;
    EXCEPTION_RECORD *record = unwind->record;
    if (at_target(unwind)) {
        record->flags |= EXCEPTION_TARGET_UNWIND;
        walk->current.gpr[LDR__RAX] = unwind->return_value;
    }
    if (walk->collided)
        record->flags |= EXCEPTION_COLLIDED_UNWIND;
    ldr__seh_frame frame = {.kind = LDR__SEH_UNWIND, .dispatcher = &walk->dispatcher};
    uint64_t disposition = ldr__seh_enter(&frame, walk->dispatcher.language_handler,
                                          (uintptr_t)record, walk->dispatcher.establisher_frame,
                                          (uintptr_t)&walk->current, (uintptr_t)&walk->dispatcher);
    record->flags &= ~(uint32_t)(EXCEPTION_TARGET_UNWIND | EXCEPTION_COLLIDED_UNWIND);
    if ((EXCEPTION_DISPOSITION)disposition != ExceptionContinueSearch)
        raise_status(unwind, STATUS_INVALID_DISPOSITION);
}

/* The frames ended before the target. */
static _Noreturn void end_of_frames(unwinding *unwind, ldr__seh_step step)
{
    EXCEPTION_RECORD *record = unwind->record;
    if (step == LDR__SEH_TRANSITION)
        ldr__seh_leave(unwind->walk.record, record->code);
    /* A long jump over host frames needs no more than its buffer. */
    if (step == LDR__SEH_END && record->code == STATUS_LONGJUMP && unwind->target_frame != 0) {
        unwind->walk.current.gpr[LDR__RAX] = unwind->return_value;
        ldr__seh_continue(&unwind->walk.current, record);
    }
    ldr__seh_abandon(record->code);
}

void ldr__seh_unwind(const CONTEXT *context, uint64_t target_frame, uint64_t target_ip,
                     EXCEPTION_RECORD *record, uint64_t return_value)
{
    EXCEPTION_RECORD own = {.code = STATUS_UNWIND, .address = (void *)(uintptr_t)context->rip};
    unwinding unwind = {.record = record != NULL ? record : &own,
                        .target_frame = target_frame,
                        .return_value = return_value};
    ldr__seh_walk *walk = &unwind.walk;
    unwind.record->flags |=
        EXCEPTION_UNWINDING | (target_frame == 0 ? (uint32_t)EXCEPTION_EXIT_UNWIND : 0u);
    ldr__seh_walk_start(walk, context);
    walk->dispatcher.target_ip = target_ip;
    for (;; ldr__seh_walk_next(walk)) {
        ldr__seh_step step = ldr__seh_walk_look(walk, UNW_FLAG_UHANDLER);
        if (step != LDR__SEH_FRAME)
            end_of_frames(&unwind, step);
        if (target_frame != 0 && walk->dispatcher.establisher_frame > target_frame)
            raise_status(&unwind, STATUS_INVALID_UNWIND_TARGET);
        if (walk->dispatcher.language_handler != NULL)
            run_handler(&unwind);
        if (at_target(&unwind))
            break;
    }
    walk->current.gpr[LDR__RAX] = return_value;
    if (unwind.record->code != STATUS_UNWIND_CONSOLIDATE)
        walk->current.rip = target_ip;
    ldr__seh_continue(&walk->current, unwind.record);
}

/* ---- Going on at the target ---- */

static void load_jump_buffer(CONTEXT *context, const JUMP_BUFFER *buffer)
{
    context->gpr[LDR__RBX] = buffer->rbx;
    context->gpr[LDR__RSP] = buffer->rsp;
    context->gpr[LDR__RBP] = buffer->rbp;
    context->gpr[LDR__RSI] = buffer->rsi;
    context->gpr[LDR__RDI] = buffer->rdi;
    context->gpr[12] = buffer->r12;
    context->gpr[13] = buffer->r13;
    context->gpr[14] = buffer->r14;
    context->gpr[15] = buffer->r15;
    context->rip = buffer->rip;
    context->mxcsr = buffer->mxcsr;
    memcpy(context->fx_start, &buffer->fpcsr, sizeof buffer->fpcsr);
    memcpy(&context->xmm[6], buffer->xmm, sizeof buffer->xmm);
}

/*
 * Runs the record's callback, a catch block, with all frames still on the stack (the exception
 * object is in one of them) but for walks already unwound; it returns where to go on.
 */
static void run_consolidated(CONTEXT *context, EXCEPTION_RECORD *record)
{
    ldr__seh_forget_below(context, record->code);
    ldr__seh_frame frame = {.kind = LDR__SEH_CONSOLIDATE, .context = context};
    context->rip = ldr__seh_enter(&frame, (void *)(uintptr_t)record->information[0],
                                  (uintptr_t)record, 0, 0, 0);
}

void ldr__seh_continue(CONTEXT *context, EXCEPTION_RECORD *record)
{
    uint32_t code = record != NULL ? record->code : STATUS_UNWIND;
    if (code == STATUS_LONGJUMP && record->count >= 1)
        load_jump_buffer(context, (const JUMP_BUFFER *)(uintptr_t)record->information[0]);
    else if (code == STATUS_UNWIND_CONSOLIDATE && record->count >= 1)
        run_consolidated(context, record);
    ldr__seh_resume(context, code);
}

/* ---- Exports ---- */

void ldr__seh_do_rtl_unwind(CONTEXT *context, uint64_t target_frame, uint64_t target_ip,
                            EXCEPTION_RECORD *record, uint64_t return_value)
{
    ldr__seh_find_caller(context);
    ldr__seh_unwind(context, target_frame, target_ip, record, return_value);
}

void ldr__seh_do_local_unwind(CONTEXT *context, uint64_t target_frame, uint64_t target_ip)
{
    ldr__seh_find_caller(context);
    ldr__seh_unwind(context, target_frame, target_ip, NULL, 0);
}

void ldr__seh_do_longjmp(CONTEXT *context, const JUMP_BUFFER *buffer, int32_t value)
{
    ldr__seh_find_caller(context);
    uint64_t return_value = value != 0 ? (uint32_t)value : 1;
    EXCEPTION_RECORD record = {
        .code = STATUS_LONGJUMP, .count = 1, .information = {(uintptr_t)buffer}};
    if (buffer->frame != 0)
        ldr__seh_unwind(context, buffer->frame, buffer->rip, &record, return_value);
    context->gpr[LDR__RAX] = return_value;
    ldr__seh_continue(context, &record);
}

void LDR_WINAPI ldr__seh_rtl_restore_context(CONTEXT *context, EXCEPTION_RECORD *record)
{
    ldr__seh_continue(context, record);
}

NTSTATUS LDR_WINAPI ldr__seh_nt_continue(CONTEXT *context, uint8_t test_alert)
{
    (void)test_alert; /* there are no asynchronous procedure calls */
    ldr__seh_resume(context, STATUS_UNWIND);
}
