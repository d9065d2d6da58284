#include "win32/crt/tables.h"
#include "win32/fault/fault.h"
#include "win32/kernel32/pages.h"
#include "win32/seh/tables.h"
#include "win32/tables.h"
#include "win32/trace/trace.h"

enum { MAX_HOST_FRAMES = 64 };

/* Where this library's own code is, or the program's that it is linked into. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char etext[] __attribute__((visibility("hidden")));

static bool is_own_code(uint64_t address)
{
    return address >= (uintptr_t)__ehdr_start && address < (uintptr_t)etext;
}

static bool is_export_of(const ldr__host_table *const *tables, size_t count, uint64_t function)
{
    for (size_t i = 0; i < count; i++)
        for (size_t line = 0; line < tables[i]->count; line++)
            if ((uintptr_t)tables[i]->exports[line].address == function)
                return true;
    return false;
}

/* Whether the guest imports the function from us, rather than from the embedder. */
static bool is_our_export(uint64_t function)
{
    return is_export_of(ldr__system_tables, ldr__system_table_count, function) ||
           is_export_of(ldr__crt_tables, ldr__crt_table_count, function) ||
           is_export_of(ldr__seh_host_tables, ldr__seh_host_table_count, function);
}

/* Whether nothing but the guest can have led to code that belongs to nobody else. */
static bool runs_guest_only(const ldr__thread *thread)
{
    return thread->made_by_guest || thread->seh_frames != NULL;
}

static bool is_on_stack(const ldr__thread *thread, uint64_t address)
{
    return address >= (uintptr_t)thread->teb.stack_limit &&
           address < (uintptr_t)thread->teb.stack_base;
}

/* A call through a bad pointer: the caller is where the return address says. */
static bool is_called_by_guest(const ldr__thread *thread, const CONTEXT *context)
{
    uint64_t rsp = context->gpr[LDR__RSP];
    return (rsp & 7) == 0 && is_on_stack(thread, rsp) &&
           ldr__seh_is_module_code(thread->process->seh,
                                   ldr__trace_caller(*(uint64_t *)(uintptr_t)rsp, rsp));
}

/* Of code that is no host code, so that it holds no lock of ours. */
static bool is_guest_code(const ldr__thread *thread, const CONTEXT *context)
{
    return ldr__seh_is_module_code(thread->process->seh, context->rip) || runs_guest_only(thread) ||
           ldr__memory_holds(thread->process, context->rip) || is_called_by_guest(thread, context);
}

/*
 * A function of our tables that the guest has called. The frames between are ours, since an
 * exception that leaves through those of others would leave their locks held (malloc's, say, so
 * that the next malloc waits for ever). One function of others may be the innermost, if it has no
 * frame: memcpy, strlen and the like, which hold nothing.
 */
static bool is_called_function(const ldr__thread *thread, const CONTEXT *context)
{
    CONTEXT at = *context;
    ldr__stack_range stack = {context->gpr[LDR__RSP], (uintptr_t)thread->teb.stack_base};
    uint64_t function = ldr__host_function(&at), outermost = 0;
    for (uint32_t depth = 0; function != 0 && depth < MAX_HOST_FRAMES; depth++) {
        uint64_t rsp = at.gpr[LDR__RSP];
        if (!ldr__unwind_host(stack, &at))
            return false;
        bool has_frame = at.gpr[LDR__RSP] != rsp + 8;
        if (!is_own_code(function) && (depth > 0 || has_frame))
            return false;
        outermost = function;
        function = ldr__host_function(&at);
    }
    return function == 0 && is_our_export(outermost) &&
           (ldr__seh_is_module_code(thread->process->seh, at.rip) || runs_guest_only(thread));
}

bool ldr__fault_is_guests(const ldr__thread *thread, const CONTEXT *context)
{
    if (ldr__host_function(context) != 0)
        return is_called_function(thread, context);
    return is_guest_code(thread, context);
}
