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

/*
 * Innermost last. On one stack each lies below the one before it; `is_mixed`: some do not, since
 * the guest goes from stack to stack (coroutines).
 */
struct ldr__trace_calls {
    size_t count, capacity;
    bool is_mixed;
    call items[];
};
typedef struct ldr__trace_calls calls;

enum { FIRST_CAPACITY = 64 };

static uint64_t trampoline(void)
{
    return (uint64_t)(uintptr_t)&ldr__trace_return;
}

static bool is_on_stack(const ldr__thread *thread, uint64_t address)
{
    return address >= (uintptr_t)thread->teb.stack_limit &&
           address < (uintptr_t)thread->teb.stack_base;
}

/*
 * Whether a call was left without returning, where the thread's stack is in use from `lowest` on.
 * Of calls on other stacks this cannot be told: their coroutines may go on.
 */
static bool is_left(const ldr__thread *thread, const call *noted, uint64_t lowest)
{
    return noted->slot < lowest && is_on_stack(thread, noted->slot) && is_on_stack(thread, lowest);
}

/* From which call on there may be some that were left. */
static size_t first_left(const ldr__thread *thread, uint64_t lowest)
{
    const calls *list = thread->trace;
    size_t first = list != NULL ? list->count : 0;
    while (first > 0 && (list->is_mixed || is_left(thread, &list->items[first - 1], lowest)))
        first--;
    return first;
}

static void take_out(calls *list, size_t index)
{
    list->count--;
    memmove(&list->items[index], &list->items[index + 1],
            (list->count - index) * sizeof list->items[0]);
    list->is_mixed = list->is_mixed && list->count > 0;
}

static void drop_left(ldr__thread *thread, uint64_t lowest)
{
    calls *list = thread->trace;
    for (size_t i = first_left(thread, lowest); list != NULL && i < list->count;) {
        ldr__traced *traced = list->items[i].traced;
        if (!is_left(thread, &list->items[i], lowest)) {
            i++;
            continue;
        }
        take_out(list, i);
        ldr__traced_leave(traced);
    }
}

/* The latest call at `slot`, or NULL. */
static call *call_at(calls *list, uint64_t slot)
{
    size_t i = list != NULL ? list->count : 0;
    while (i > 0 &&
           (list->items[i - 1].slot < slot || (list->is_mixed && list->items[i - 1].slot != slot)))
        i--;
    return i > 0 && list->items[i - 1].slot == slot ? &list->items[i - 1] : NULL;
}

/*
 * A call at `slot` begins. What was noted there before is over, unless it goes on in this one: then
 * the address is still the one that was put there.
 */
static void drop_finished(ldr__thread *thread, const uint64_t *slot)
{
    call *before = NULL;
    drop_left(thread, (uintptr_t)slot);
    while (*slot != trampoline() && (before = call_at(thread->trace, (uintptr_t)slot)) != NULL) {
        ldr__traced *traced = before->traced;
        take_out(thread->trace, (size_t)(before - thread->trace->items));
        ldr__traced_leave(traced);
    }
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
            *grown = (calls){0};
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
    size_t first = first_left(thread, here), count = first;
    for (size_t i = first; i < depth_of(thread); i++)
        count += !is_left(thread, &thread->trace->items[i], here);
    return (uint32_t)count;
}

void ldr__trace_thread_release(ldr__thread *thread)
{
    for (size_t i = 0; i < depth_of(thread); i++)
        ldr__traced_leave(thread->trace->items[i].traced);
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

/* NULL if it is no module: the host calls the guest's functions too, such as those of threads. */
static const char *module_name_at(uint64_t address)
{
    const ldr_module *module = ldr__seh_module_at(ldr__process_self()->seh, address);
    return module != NULL ? ldr_module_name(module) : NULL;
}

static ldr_trace_event event_of(const ldr__traced *traced, ldr_trace_kind kind, uint32_t depth,
                                uint64_t caller)
{
    const char *importer = traced->site.importer_name;
    return (ldr_trace_event){.kind = kind,
                             .depth = depth,
                             .module = importer != NULL ? importer : module_name_at(caller),
                             .dll = traced->site.dll,
                             .function = traced->site.function,
                             .ordinal = traced->site.ordinal,
                             .provider = traced->site.provider,
                             .address = traced->site.address};
}

static uint64_t tell(ldr_trace_event *event, const ldr__trace_values *values)
{
    event->values = values->count > 0 ? values->items : NULL;
    event->value_count = values->count;
    return ldr__trace_emit(ldr__process_self()->ctx, event);
}

static uint64_t tell_call(const ldr__traced *traced, const ldr__trace_registers *registers,
                          const uint64_t *slot, uint32_t depth)
{
    ldr__trace_values values;
    uint64_t caller = ldr__trace_caller(*slot, (uintptr_t)slot);
    ldr_trace_event event = event_of(traced, LDR_TRACE_CALL, depth, caller);
    const uint64_t arguments[] = {registers->rcx, registers->rdx, registers->r8, registers->r9};
    memcpy(event.arguments, arguments, sizeof arguments);
    for (size_t i = 0; i < sizeof arguments / sizeof arguments[0]; i++)
        event.real_arguments[i] = registers->xmm[i].low;
    event.return_address = (const void *)(uintptr_t)caller;
    ldr__trace_arguments(traced->prototype, registers, (uintptr_t)slot + 5 * sizeof *slot, &values);
    return tell(&event, &values);
}

static void tell_return(const call *done, const ldr__trace_registers *registers, uint32_t depth)
{
    ldr__trace_values values;
    uint64_t caller = ldr__trace_caller(done->caller, done->slot);
    ldr_trace_event event = event_of(done->traced, LDR_TRACE_RETURN, depth, caller);
    event.call = done->number;
    event.result = registers->rax;
    event.real_result = registers->xmm[0].low;
    ldr__trace_result(done->traced->prototype, registers, &values);
    tell(&event, &values);
}

/* The calls that a thread is in are one more, and the return address leads to us. */
static void note(ldr__thread *thread, ldr__traced *traced, uint64_t *slot, uint64_t number)
{
    call *noted = traced->tells_return ? new_call(thread) : NULL;
    if (noted == NULL)
        return;
    atomic_fetch_add(&traced->references, 1);
    *noted = (call){(uintptr_t)slot, *slot, number, traced};
    if (thread->trace->count > 1 && noted[-1].slot < noted->slot)
        thread->trace->is_mixed = true;
    *slot = trampoline();
}

/*
 * The call that returns from `slot`. A function that makes room on the stack of its caller has put
 * the return address further down: then it is the latest of those above.
 */
static call take_returning(calls *list, uint64_t slot)
{
    const call *found = call_at(list, slot);
    size_t i = list != NULL ? list->count : 0;
    while (found == NULL && i-- > 0)
        found = list->items[i].slot > slot ? &list->items[i] : NULL;
    if (found == NULL)
        abort(); /* the return address was copied, and used twice: there is nowhere to go */
    call done = *found;
    take_out(list, (size_t)(found - list->items));
    return done;
}

/*
 * Who listens, and what reads the guest's texts, may change errno, which the host's functions that
 * the guest calls go by.
 */
const void *LDR_WINAPI ldr__trace_call(ldr__traced *traced, const ldr__trace_registers *registers,
                                       uint64_t *slot)
{
    int error = errno;
    ldr__thread *thread = ldr__thread_self();
    drop_finished(thread, slot);
    uint64_t number = tell_call(traced, registers, slot, depth_of(thread));
    note(thread, traced, slot, number);
    errno = error;
    return traced->site.address;
}

uint64_t LDR_WINAPI ldr__trace_leave(const ldr__trace_registers *registers, uint64_t slot)
{
    int error = errno;
    ldr__thread *thread = ldr__thread_self();
    call done = take_returning(thread->trace, slot);
    drop_left(thread, slot);
    tell_return(&done, registers, depth_of(thread));
    ldr__traced_leave(done.traced);
    errno = error;
    return done.caller;
}

void ldr__trace_exception(uint32_t code, uint64_t address)
{
    ldr_context *ctx = ldr__process_self()->ctx;
    if (!ldr__trace_is_on(ctx))
        return;
    const ldr__trace_values none = {.count = 0};
    int error = errno;
    ldr_trace_event event = {.kind = LDR_TRACE_EXCEPTION,
                             .depth = ldr__trace_depth(),
                             .module = module_name_at(address),
                             .exception = code,
                             .address = (const void *)(uintptr_t)address};
    tell(&event, &none);
    errno = error;
}
