/* crt/signal.c: signal and raise. The host's own signals are not touched. */
#include "win32/crt/signal.h"

#include "win32/fault/fault.h"

/* The second argument is for SIGFPE only. */
typedef void(LDR_WINAPI *signal_handler)(int signal, int float_code);

enum { DEFAULT_ACTION = 0, IGNORE = 1, GET = 2, ERROR = -1, UNHANDLED_EXIT_CODE = 3 };

enum { FLOAT_EXPLICIT = 0x8C }; /* float.h: _FPE_EXPLICITGEN, by raise */

static bool is_known(int signal)
{
    switch (signal) {
    case LDR__CRT_SIGINT:
    case LDR__CRT_SIGILL:
    case LDR__CRT_SIGABRT_COMPAT:
    case LDR__CRT_SIGFPE:
    case LDR__CRT_SIGSEGV:
    case LDR__CRT_SIGTERM:
    case LDR__CRT_SIGBREAK:
    case LDR__CRT_SIGABRT:
        return true;
    default:
        return false;
    }
}

static int slot_of(int signal)
{
    return signal == LDR__CRT_SIGABRT_COMPAT ? LDR__CRT_SIGABRT : signal;
}

static void *LDR_WINAPI guest_signal(int signal, void *handler)
{
    intptr_t action = (intptr_t)handler;
    if (!is_known(signal) || action == ERROR || (action > GET && action <= 4)) {
        ldr__crt_invalid_parameter(EINVAL);
        return (void *)(intptr_t)ERROR;
    }
    ldr__crt *crt = ldr__crt_self();
    ldr__crt_lock(crt);
    void *previous = crt->signals[slot_of(signal)];
    if (action != GET)
        crt->signals[slot_of(signal)] = handler;
    ldr__crt_unlock(crt);
    return previous;
}

static bool deliver(ldr__crt *crt, int signal, int float_code)
{
    ldr__crt_lock(crt);
    void *handler = crt->signals[slot_of(signal)];
    if ((intptr_t)handler != IGNORE)
        crt->signals[slot_of(signal)] = NULL;
    ldr__crt_unlock(crt);
    if (!handler)
        return false;
    if ((intptr_t)handler != IGNORE)
        ((signal_handler)handler)(signal, float_code);
    return true;
}

bool ldr__crt_raise(ldr__crt *crt, int signal)
{
    return deliver(crt, signal, FLOAT_EXPLICIT);
}

static int LDR_WINAPI guest_raise(int signal)
{
    if (!is_known(signal)) {
        ldr__crt_invalid_parameter(EINVAL);
        return -1;
    }
    if (!ldr__crt_raise(ldr__crt_self(), signal))
        ldr__process_terminate(UNHANDLED_EXIT_CODE);
    return 0;
}

/* ---- Filters of start-up code ---- */

/* Exceptions that are signals, with what a handler of SIGFPE is told (float.h: _FPE_*). */
static const struct {
    uint32_t code;
    int signal, float_code;
} exceptions[] = {
    {STATUS_ACCESS_VIOLATION, LDR__CRT_SIGSEGV, 0},
    {STATUS_ILLEGAL_INSTRUCTION, LDR__CRT_SIGILL, 0},
    {STATUS_PRIVILEGED_INSTRUCTION, LDR__CRT_SIGILL, 0},
    {STATUS_FLOAT_INVALID_OPERATION, LDR__CRT_SIGFPE, 0x81},
    {STATUS_FLOAT_DENORMAL_OPERAND, LDR__CRT_SIGFPE, 0x82},
    {STATUS_FLOAT_DIVIDE_BY_ZERO, LDR__CRT_SIGFPE, 0x83},
    {STATUS_FLOAT_OVERFLOW, LDR__CRT_SIGFPE, 0x84},
    {STATUS_FLOAT_UNDERFLOW, LDR__CRT_SIGFPE, 0x85},
    {STATUS_FLOAT_INEXACT_RESULT, LDR__CRT_SIGFPE, 0x86},
    {STATUS_FLOAT_STACK_CHECK, LDR__CRT_SIGFPE, 0x8A},
};

/* What start-up code asks about an exception of main: one with a handler goes on where it was. */
static int LDR_WINAPI guest__seh_filter(uint32_t code, void *exception)
{
    (void)exception; /* only for _pxcptinfoptrs, which the tables do not have */
    for (size_t i = 0; i < sizeof exceptions / sizeof exceptions[0]; i++)
        if (exceptions[i].code == code)
            return deliver(ldr__crt_self(), exceptions[i].signal, exceptions[i].float_code)
                       ? EXCEPTION_CONTINUE_EXECUTION
                       : EXCEPTION_CONTINUE_SEARCH;
    return EXCEPTION_CONTINUE_SEARCH;
}

static int LDR_WINAPI guest__resetstkoflw(void)
{
    return ldr__fault_stack_reset();
}

static const ldr_export shared[] = {
    LDR__FN(signal),
    LDR__FN(raise),
    LDR__FN(_resetstkoflw),
    LDR__FN_AS("_XcptFilter", guest__seh_filter),
};
LDR__CRT_TABLES(ldr__crt_signal, shared);

static const ldr_export ucrt_lines[] = {
    LDR__FN_AS("_seh_filter_dll", guest__seh_filter),
    LDR__FN_AS("_seh_filter_exe", guest__seh_filter),
};
LDR__TABLE(ldr__crt_signal_ucrt_only, "ucrtbase.dll", ucrt_lines);
