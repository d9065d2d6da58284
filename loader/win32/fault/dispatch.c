#include "win32/fault/fault.h"
#include "win32/kernel32/pages.h"

/*
 * Who is asked about an access to a page, in this order, before the guest hears of it. The first
 * that knows the page decides.
 */
static ldr__fault_answer (*const fixers[])(ldr__process *process, uint64_t address,
                                           ldr__fault_access access) = {
    ldr__memory_guard_fault, /* PAGE_GUARD: an exception, once */
};

/*
 * Whether the same instruction was told again and again that its access will do. Then it is not so,
 * and the guest is to hear of it.
 */
static bool is_vain(const ldr__fault *fault)
{
    enum { PATIENCE = 16 };
    ldr__thread *thread = ldr__thread_self();
    bool same = thread->mended_rip == fault->context.rip && thread->mended_at == fault->address;
    thread->mended_rip = fault->context.rip;
    thread->mended_at = fault->address;
    thread->mended_times = same ? thread->mended_times + 1 : 0;
    return thread->mended_times > PATIENCE;
}

static ldr__fault_answer ask_fixers(const ldr__fault *fault)
{
    ldr__fault_answer answer = LDR__FAULT_UNKNOWN;
    if (fault->trap != LDR__TRAP_PAGE || fault->bus_error || fault->stack_overflow)
        return answer;
    for (size_t i = 0; i < sizeof fixers / sizeof fixers[0] && answer == LDR__FAULT_UNKNOWN; i++)
        answer = fixers[i](ldr__process_self(), fault->address, fault->access);
    return answer == LDR__FAULT_MENDED && is_vain(fault) ? LDR__FAULT_UNKNOWN : answer;
}

void ldr__fault_dispatch(ldr__fault *fault)
{
    ldr__fault_answer answer = ask_fixers(fault);
    if (answer == LDR__FAULT_MENDED)
        ldr__seh_resume_extended(&fault->context, fault->extended, STATUS_ACCESS_VIOLATION);
    ldr__fault_describe(fault);
    if (answer == LDR__FAULT_GUARD)
        fault->record.code = STATUS_GUARD_PAGE_VIOLATION;
    bool is_final = fault->record.code == STATUS_STACK_BUFFER_OVERRUN;
    if (is_final)
        atomic_store(&ldr__process_self()->exception_address, fault->context.rip);
    if (is_final && ldr__seh_has_caller())
        ldr__seh_abandon(fault->record.code); /* __fastfail: no handler is to see it */
    if (is_final)
        ldr__seh_pass_fault(&fault->context, fault->extended);
    ldr__seh_dispatch_fault(&fault->record, &fault->context, fault->extended);
}

void ldr__fault_give_up(uint32_t code)
{
    ldr__seh_abandon(code);
}
