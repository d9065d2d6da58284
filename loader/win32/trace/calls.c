/* trace/calls.c: the traced calls that a thread is in. */
#include "win32/seh/seh.h"
#include "win32/trace/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A call whose return address says ldr__trace_return. */
typedef struct call {
    uint64_t slot;   /* the address of the return address */
    uint64_t caller; /* what it said: that of another call where one function goes on to another */
    uint64_t number; /* of its event */
    ldr__traced *traced;
} call;

/* Innermost last. */
struct ldr__trace_calls {
    size_t count, capacity;
    call items[];
};
typedef struct ldr__trace_calls calls;

enum { FIRST_CAPACITY = 64 };

static uint64_t trampoline(void)
{
    return (uint64_t)(uintptr_t)&ldr__trace_return;
}

/* Calls below `slot` were left without returning. */
static void drop_below(calls *list, uint64_t slot)
{
    while (list != NULL && list->count > 0 && list->items[list->count - 1].slot < slot)
        ldr__traced_leave(list->items[--list->count].traced);
}

/*
 * A call at `slot` begins. What was noted there before is over, unless it goes on in this one: then
 * the address is still the one that was put there.
 */
static void drop_finished(calls *list, const uint64_t *slot)
{
    uint64_t address = (uintptr_t)slot;
    drop_below(list, *slot == trampoline() ? address : address + 1);
}

/* NULL when out of memory: then that call's return is not told. */
static call *new_call(ldr__thread *thread)
{
    calls *list = thread->trace;
    if (list == NULL || list->count == list->capacity) {
        size_t capacity = list != NULL ? 2 * list->capacity : FIRST_CAPACITY;
        calls *grown = realloc(list, sizeof *list + capacity * sizeof(call));
        if (grown == NULL)
            return NULL;
        if (list == NULL)
            grown->count = 0;
        grown->capacity = capacity;
        thread->trace = list = grown;
    }
    return &list->items[list->count++];
}

static uint32_t depth_of(const ldr__thread *thread)
{
    return thread->trace != NULL ? (uint32_t)thread->trace->count : 0;
}

/* Without those that were left; on a stack for signal handlers they cannot be told. */
uint32_t ldr__trace_depth(void)
{
    const ldr__thread *thread = ldr__thread_self();
    uint64_t here = (uintptr_t)__builtin_frame_address(0);
    size_t count = depth_of(thread);
    if (here < (uintptr_t)thread->teb.stack_limit || here >= (uintptr_t)thread->teb.stack_base)
        return (uint32_t)count;
    while (count > 0 && thread->trace->items[count - 1].slot < here)
        count--;
    return (uint32_t)count;
}

void ldr__trace_thread_release(ldr__thread *thread)
{
    drop_below(thread->trace, UINT64_MAX);
    free(thread->trace);
    thread->trace = NULL;
}

uint64_t ldr__trace_caller(uint64_t rip, uint64_t slot)
{
    if (rip != trampoline())
        return rip;
    const calls *list = ldr__thread_self()->trace;
    for (size_t i = list != NULL ? list->count : 0; i-- > 0;) {
        if (list->items[i].slot == slot && list->items[i].caller != trampoline())
            return list->items[i].caller;
    }
    return rip;
}

/* ---- Events ---- */

static ldr_trace_event event_of(const ldr__traced *traced, ldr_trace_kind kind, uint32_t depth)
{
    return (ldr_trace_event){.kind = kind,
                             .depth = depth,
                             .module = traced->site.importer_name,
                             .dll = traced->site.dll,
                             .function = traced->site.function,
                             .ordinal = traced->site.ordinal,
                             .provider = traced->site.provider,
                             .address = traced->site.address};
}

/* Who listens may change errno, which the host's functions that the guest calls go by. */
static uint64_t tell(ldr_trace_event *event, const ldr__trace_values *values)
{
    int error = errno;
    event->values = values->count > 0 ? values->items : NULL;
    event->value_count = values->count;
    uint64_t number = ldr__trace_emit(ldr__process_self()->ctx, event);
    errno = error;
    return number;
}

static uint64_t tell_call(const ldr__traced *traced, const ldr__trace_registers *registers,
                          const uint64_t *slot, uint32_t depth)
{
    ldr__trace_values values;
    ldr_trace_event event = event_of(traced, LDR_TRACE_CALL, depth);
    const uint64_t arguments[] = {registers->rcx, registers->rdx, registers->r8, registers->r9};
    memcpy(event.arguments, arguments, sizeof arguments);
    for (size_t i = 0; i < sizeof arguments / sizeof arguments[0]; i++)
        event.real_arguments[i] = registers->xmm[i].low;
    event.return_address =
        (const void *)(uintptr_t)ldr__trace_caller(*slot, (uint64_t)(uintptr_t)slot);
    ldr__trace_arguments(traced->prototype, registers, (uintptr_t)slot + 5 * sizeof *slot, &values);
    return tell(&event, &values);
}

static void tell_return(const ldr__traced *traced, const ldr__trace_registers *registers,
                        uint64_t number, uint32_t depth)
{
    ldr__trace_values values;
    ldr_trace_event event = event_of(traced, LDR_TRACE_RETURN, depth);
    event.call = number;
    event.result = registers->rax;
    event.real_result = registers->xmm[0].low;
    ldr__trace_result(traced->prototype, registers, &values);
    tell(&event, &values);
}

const void *LDR_WINAPI ldr__trace_call(ldr__traced *traced, const ldr__trace_registers *registers,
                                       uint64_t *slot)
{
    ldr__thread *thread = ldr__thread_self();
    drop_finished(thread->trace, slot);
    uint64_t number = tell_call(traced, registers, slot, depth_of(thread));
    call *noted = traced->tells_return ? new_call(thread) : NULL;
    if (noted == NULL)
        return traced->site.address;
    atomic_fetch_add(&traced->references, 1);
    *noted = (call){(uintptr_t)slot, *slot, number, traced};
    *slot = trampoline();
    return traced->site.address;
}

uint64_t LDR_WINAPI ldr__trace_leave(const ldr__trace_registers *registers, uint64_t slot)
{
    ldr__thread *thread = ldr__thread_self();
    calls *list = thread->trace;
    drop_below(list, slot);
    if (list == NULL || list->count == 0 || list->items[list->count - 1].slot != slot)
        abort(); /* somebody has copied our return address: there is nowhere to go */
    call done = list->items[--list->count];
    tell_return(done.traced, registers, done.number, depth_of(thread));
    ldr__traced_leave(done.traced);
    return done.caller;
}

void ldr__trace_exception(uint32_t code, uint64_t address)
{
    ldr_context *ctx = ldr__process_self()->ctx;
    if (!ldr__trace_is_on(ctx))
        return;
    const ldr_module *module = ldr__seh_module_at(ldr__process_self()->seh, address);
    const ldr__trace_values none = {.count = 0};
    ldr_trace_event event = {.kind = LDR_TRACE_EXCEPTION,
                             .depth = ldr__trace_depth(),
                             .module = module != NULL ? ldr_module_name(module) : NULL,
                             .exception = code,
                             .address = (const void *)(uintptr_t)address};
    tell(&event, &none);
}
