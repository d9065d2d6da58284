/* crt/signal.c: signal and raise. The host's own signals are not touched. */
#include "win32/crt/signal.h"

typedef void(LDR_WINAPI *signal_handler)(int signal);

enum { DEFAULT_ACTION = 0, IGNORE = 1, GET = 2, ERROR = -1, UNHANDLED_EXIT_CODE = 3 };

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

bool ldr__crt_raise(ldr__crt *crt, int signal)
{
    ldr__crt_lock(crt);
    void *handler = crt->signals[slot_of(signal)];
    if ((intptr_t)handler != IGNORE)
        crt->signals[slot_of(signal)] = NULL;
    ldr__crt_unlock(crt);
    if (!handler)
        return false;
    if ((intptr_t)handler != IGNORE)
        ((signal_handler)handler)(signal);
    return true;
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

enum { CONTINUE_SEARCH = 0 };

/* None of these turns an exception into a signal here: what the guest wrote around it decides. */
static int LDR_WINAPI guest__seh_filter(uint32_t code, void *exception)
{
    (void)code, (void)exception;
    return CONTINUE_SEARCH;
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
