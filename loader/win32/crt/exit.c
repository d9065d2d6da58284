/* crt/exit.c: the ways out of a guest program, and the functions that start-up code hands over to.
 */
#include <stdlib.h>
#include <string.h>

#include "win32/crt/file.h"
#include "win32/crt/onexit.h"
#include "win32/crt/signal.h"
#include "win32/crt/stream.h"

enum {
    ABORT_EXIT_CODE = 3,
    RUNTIME_ERROR_EXIT_CODE = 255,
};

typedef void(LDR_WINAPI *thread_local_callback)(void *module, DWORD reason, void *reserved);

/* The program's destructors of thread-local objects come before everything else. */
static void destroy_thread_locals(ldr__crt *crt)
{
    ldr__crt_lock(crt);
    thread_local_callback callback = (thread_local_callback)crt->thread_local_callback;
    crt->thread_local_callback = NULL;
    ldr__crt_unlock(crt);
    if (callback)
        callback(NULL, LDR__PROCESS_DETACH, NULL);
}

/* What exit does before the process ends. */
static void clean_up(ldr__crt *crt)
{
    destroy_thread_locals(crt);
    ldr__crt_run_exit_list(crt, &crt->at_exit);
    ldr__crt_streams_flush(crt);
}

static void LDR_WINAPI guest_exit(int code)
{
    clean_up(ldr__crt_self());
    ldr__process_exit((DWORD)code);
}

static void LDR_WINAPI guest__exit(int code)
{
    ldr__process_exit((DWORD)code);
}

static void LDR_WINAPI guest_quick_exit(int code)
{
    ldr__crt *crt = ldr__crt_self();
    ldr__crt_run_exit_list(crt, &crt->at_quick_exit);
    ldr__process_exit((DWORD)code);
}

static void LDR_WINAPI guest__cexit(void)
{
    clean_up(ldr__crt_self());
}

/* _cexit without the functions registered by atexit; there is nothing else that it would undo. */
static void LDR_WINAPI guest__c_exit(void)
{
}

static void say(const char *text)
{
    ldr__crt_descriptor_write(ldr__crt_self(), 2, text, strlen(text));
}

static void LDR_WINAPI guest_abort(void)
{
    ldr__crt *crt = ldr__crt_self();
    ldr__crt_raise(crt, LDR__CRT_SIGABRT);
    ldr__process_terminate(ABORT_EXIT_CODE);
}

static void LDR_WINAPI guest_terminate(void)
{
    ldr__crt *crt = ldr__crt_self();
    ldr__crt_lock(crt);
    ldr__crt_void_function handler = (ldr__crt_void_function)crt->terminate_handler;
    ldr__crt_unlock(crt);
    if (handler)
        handler();
    guest_abort();
}

static void *exchange(void **slot, void *value)
{
    ldr__crt *crt = ldr__crt_self();
    ldr__crt_lock(crt);
    void *previous = *slot;
    *slot = value;
    ldr__crt_unlock(crt);
    return previous;
}

static void LDR_WINAPI guest__register_thread_local_exe_atexit_callback(void *callback)
{
    exchange(&ldr__crt_self()->thread_local_callback, callback);
}

static void *LDR_WINAPI guest_set_terminate(void *handler)
{
    return exchange(&ldr__crt_self()->terminate_handler, handler);
}

static void *LDR_WINAPI guest__get_terminate(void)
{
    return ldr__crt_self()->terminate_handler;
}

static void *LDR_WINAPI guest__set_purecall_handler(void *handler)
{
    return exchange(&ldr__crt_self()->purecall_handler, handler);
}

static void LDR_WINAPI guest__purecall(void)
{
    ldr__crt_void_function handler = (ldr__crt_void_function)ldr__crt_self()->purecall_handler;
    if (handler)
        handler();
    guest_abort();
}

/* Start-up code that cannot go on: the message of the runtime error, then the end. */
static void LDR_WINAPI guest__amsg_exit(int error)
{
    char text[] = "\nruntime error R6000\n";
    char *digits = strchr(text, '6');
    for (int i = 3; i > 0 && error > 0; i--, error /= 10)
        digits[i] = (char)('0' + error % 10);
    say(text);
    ldr__process_exit(RUNTIME_ERROR_EXIT_CODE);
}

static const ldr_export shared[] = {
    LDR__FN(exit), LDR__FN(_exit), LDR__FN(_cexit), LDR__FN(_c_exit), LDR__FN(abort),
};
LDR__CRT_TABLES(ldr__crt_exit, shared);

static const ldr_export purecall_lines[] = {LDR__FN(_purecall),
                                            LDR__FN_AS("__std_terminate", guest_terminate)};
LDR__TABLE(ldr__crt_exit_vcruntime, "vcruntime140.dll", purecall_lines);

static const ldr_export ucrt_lines[] = {
    LDR__FN(quick_exit),
    LDR__FN(_register_thread_local_exe_atexit_callback),
    LDR__FN_AS("_Exit", guest__exit),
    LDR__FN(terminate),
    LDR__FN(set_terminate),
    LDR__FN(_get_terminate),
    LDR__FN(_purecall),
    LDR__FN(_set_purecall_handler),
};
LDR__TABLE(ldr__crt_exit_ucrt_only, "ucrtbase.dll", ucrt_lines);

static const ldr_export msvcrt_lines[] = {
    LDR__FN(_amsg_exit),
    LDR__FN(_purecall),
    LDR__FN(_set_purecall_handler),
    LDR__FN_AS("?terminate@@YAXXZ", guest_terminate),
    LDR__FN_AS("?set_terminate@@YAP6AXXZP6AXXZ@Z", guest_set_terminate),
};
LDR__TABLE(ldr__crt_exit_msvcrt_only, "msvcrt.dll", msvcrt_lines);
