#include "win32/seh/seh.h"

void ldr__seh_walk_start(ldr__seh_walk *walk, const CONTEXT *context)
{
    ldr__thread *thread = ldr__thread_self();
    walk->seh = thread->process->seh;
    walk->stack = (ldr__stack_range){(uintptr_t)__builtin_frame_address(0),
                                     (uintptr_t)thread->teb.stack_base};
    walk->record = thread->seh_frames;
    walk->current = *context;
    walk->dispatcher = (DISPATCHER_CONTEXT){.context = &walk->current};
    walk->nested_frame = 0;
    walk->collided = false;
}

/* Leads the walk beyond a call into the guest. */
static ldr__seh_step pass_record(ldr__seh_walk *walk, const ldr__seh_frame *record)
{
    switch (record->kind) {
    case LDR__SEH_CALL:
        return LDR__SEH_TRANSITION;
    case LDR__SEH_DISPATCH:
        if (record->dispatcher != NULL &&
            record->dispatcher->establisher_frame > walk->nested_frame)
            walk->nested_frame = record->dispatcher->establisher_frame;
        walk->current = *record->context;
        break;
    case LDR__SEH_CONSOLIDATE:
        walk->current = *record->context;
        break;
    case LDR__SEH_UNWIND:
        walk->current = *record->dispatcher->context;
        walk->dispatcher.scope_index = record->dispatcher->scope_index;
        walk->collided = true;
        break;
    case LDR__SEH_FUNCLET: /* on to the record of the handler that it belongs to */
        walk->current.rip = 0;
        break;
    }
    walk->record = record->outer;
    return LDR__SEH_FRAME;
}

/*
 * The frame of a fault in no code at all, which a call through a bad pointer led to: all that is of
 * it on the stack is the return address.
 */
static bool pass_bad_call(ldr__seh_walk *walk)
{
    if ((walk->current.flags & LDR__CONTEXT_AT_FAULT) == 0 ||
        ldr__host_function(&walk->current) != 0)
        return false;
    walk->current.flags &= ~LDR__CONTEXT_AT_FAULT;
    return ldr__unwind_return(walk->stack, &walk->current);
}

/* One step on from host code. */
static ldr__seh_step pass_host(ldr__seh_walk *walk)
{
    uint64_t rsp = walk->current.gpr[LDR__RSP];
    while (walk->record != NULL && walk->record->stack < rsp)
        walk->record = walk->record->outer;
    bool at_record = walk->record != NULL && walk->record->stack == rsp;
    if (pass_bad_call(walk))
        return LDR__SEH_FRAME;
    if (!at_record && walk->current.rip != 0 && ldr__unwind_host(walk->stack, &walk->current))
        return LDR__SEH_FRAME;
    return walk->record != NULL ? pass_record(walk, walk->record) : LDR__SEH_END;
}

/* A function without a line in the table saves nothing and has no handler. */
static bool unwind_leaf(ldr__seh_walk *walk)
{
    walk->dispatcher.establisher_frame = walk->current.gpr[LDR__RSP];
    walk->caller = walk->current;
    return ldr__unwind_return(walk->stack, &walk->caller);
}

static bool unwind_frame(ldr__seh_walk *walk, const ldr__code_place *place, uint32_t handler_type)
{
    DISPATCHER_CONTEXT *dispatcher = &walk->dispatcher;
    dispatcher->control_pc = walk->current.rip;
    dispatcher->image_base = place->source.base;
    dispatcher->function_entry = place->entry;
    dispatcher->language_handler = NULL;
    if (place->entry == NULL)
        return unwind_leaf(walk);
    ldr__unwound unwound;
    walk->caller = walk->current;
    if (!ldr__virtual_unwind(&place->source, &place->function, handler_type, walk->stack,
                             &walk->caller, NULL, &unwound))
        return false;
    dispatcher->establisher_frame = unwound.establisher_frame;
    dispatcher->language_handler = (void *)(uintptr_t)unwound.handler;
    dispatcher->handler_data = (void *)(uintptr_t)unwound.handler_data;
    return true;
}

/* Frames follow one another up the stack: so broken unwind data cannot make the walk go round. */
static bool frame_ok(const ldr__seh_walk *walk)
{
    uint64_t frame = walk->dispatcher.establisher_frame;
    uint64_t rsp = walk->caller.gpr[LDR__RSP];
    return (frame & 7) == 0 && frame >= walk->stack.low && frame < walk->stack.high &&
           rsp > walk->current.gpr[LDR__RSP] && rsp <= walk->stack.high;
}

ldr__seh_step ldr__seh_walk_look(ldr__seh_walk *walk, uint32_t handler_type)
{
    ldr__code_place place;
    walk->collided = false;
    walk->dispatcher.scope_index = 0;
    while (!ldr__seh_find_code(walk->seh, walk->current.rip, &place)) {
        ldr__seh_step step = pass_host(walk);
        if (step != LDR__SEH_FRAME)
            return step;
    }
    if (!unwind_frame(walk, &place, handler_type) || !frame_ok(walk))
        return LDR__SEH_BAD_STACK;
    return LDR__SEH_FRAME;
}

void ldr__seh_walk_next(ldr__seh_walk *walk)
{
    walk->current = walk->caller;
    walk->current.flags &= ~LDR__CONTEXT_AT_FAULT;
}
