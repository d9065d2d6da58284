/* crt/signal.h: signal and raise, within the guest process only. */
#ifndef PELOAD_CRT_SIGNAL_H
#define PELOAD_CRT_SIGNAL_H

#include "win32/crt/state.h"

enum {
    LDR__CRT_SIGINT = 2,
    LDR__CRT_SIGILL = 4,
    LDR__CRT_SIGABRT_COMPAT = 6,
    LDR__CRT_SIGFPE = 8,
    LDR__CRT_SIGSEGV = 11,
    LDR__CRT_SIGTERM = 15,
    LDR__CRT_SIGBREAK = 21,
    LDR__CRT_SIGABRT = 22,
};

/*
 * Calls the guest's handler for a signal once, which is then back to the default. True if there was
 * one, or if the signal is ignored.
 */
bool ldr__crt_raise(ldr__crt *crt, int signal);

#endif
