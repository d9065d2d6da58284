/*
 * Structured exceptions end to end: try.dll is compiled as MSVC does it (clang), throw.dll
 * is C++ as mingw's g++ does it. See guest/ for what each export does.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/traced.h"
#include "win32/seh/seh.h"

enum { CODE = 0xE0000001 };

static ldr_context *context;
static ldr_module *module;

/* Skips the test where the guest could not be built. */
static void load(const char *name)
{
    char path[1024], text[512];
    snprintf(path, sizeof path, "%s/%s", PELOAD_GUESTS, name);
    if (access(path, R_OK) != 0)
        cr_skip_test("%s was not built: its compiler is missing", name);
    ldr_diag diag;
    cr_assert_eq(ldr_context_create(traced_options(), &context), LDR_OK);
    ldr_status status = ldr_load(context, path, NULL, &module, &diag);
    cr_assert_eq(status, LDR_OK, "%s", ldr_diag_text(&diag, text, sizeof text));
}

static void unload(void)
{
    if (context == NULL)
        return;
    ldr_unload(module);
    ldr_context_destroy(context);
}

/* Calls an export that must return. */
static uint64_t call(const char *name, uint64_t argument)
{
    uint64_t result = 0;
    uint32_t exception = 0;
    void *function = ldr_symbol(module, name);
    cr_assert_not_null(function, "%s", name);
    cr_assert(ldr__seh_call(function, (void *)(uintptr_t)argument, 0, NULL, &result, &exception),
              "%s raised %#x", name, exception);
    return result;
}

/* Calls an export that must not return; its exception. */
static uint32_t call_raises(const char *name, uint64_t argument)
{
    uint64_t result = 0;
    uint32_t exception = 0;
    void *function = ldr_symbol(module, name);
    cr_assert_not_null(function, "%s", name);
    cr_assert_not(
        ldr__seh_call(function, (void *)(uintptr_t)argument, 0, NULL, &result, &exception));
    return exception;
}

/* ---- try.dll ---- */

static void load_try(void)
{
    load("try.dll");
}

TestSuite(try_blocks, .init = load_try, .fini = unload);

Test(try_blocks, except_gets_the_code)
{
    cr_assert_eq(call("seh_except", CODE), CODE);
    cr_assert_eq(call("seh_except", 0xF0000001), 0xE0000001, "bit 28 is the system's");
}

Test(try_blocks, filters_and_termination_handlers_run_in_order)
{
    cr_assert_eq(call("seh_search", 0), 123);
    cr_assert_eq(call("seh_finally", 0), 123);
    cr_assert_eq(call("seh_finally_normal", 0), 12);
}

Test(try_blocks, filter_can_continue_execution)
{
    cr_assert_eq(call("seh_continue", 0), 12);
    cr_assert_eq(call("seh_noncontinuable", 0), STATUS_NONCONTINUABLE_EXCEPTION);
}

Test(try_blocks, arguments_reach_the_filter)
{
    cr_assert_eq(call("seh_arguments", 0), 123);
}

Test(try_blocks, exception_in_a_termination_handler_collides)
{
    cr_assert_eq(call("seh_collided", 0), 12563);
    cr_assert_eq(call("seh_inside_finally", 0), 12);
}

Test(try_blocks, exception_in_a_filter_is_offered_to_all_frames)
{
    cr_assert_eq(call("seh_inside_filter", 0), 1123);
}

Test(try_blocks, registers_of_the_catching_frame_come_back)
{
    cr_assert_eq(call("seh_deep", 5), 47);
    cr_assert_eq(call("seh_deep", 200), 242);
}

Test(try_blocks, vectored_handlers_come_first)
{
    cr_assert_eq(call("seh_vectored", 0), 12134);
}

Test(try_blocks, last_filter_can_continue_execution)
{
    cr_assert_eq(call("seh_last_filter", 0), 12);
}

Test(try_blocks, long_jump_runs_termination_handlers)
{
    cr_assert_eq(call("seh_longjmp", 0), 17);
}

Test(try_blocks, unhandled_exception_comes_back_from_the_call)
{
    for (int i = 0; i < 100; i++)
        cr_assert_eq(call_raises("seh_unhandled", CODE), CODE);
    cr_assert_eq(call("seh_events", 0), 2, "the termination handler has run");
    cr_assert_eq(call("seh_except", CODE), CODE, "and the guest still works");
}

Test(try_blocks, handlers_that_raise_without_end_use_up_the_stack)
{
    cr_assert_eq(call_raises("seh_endless", CODE), 0xC00000FD); /* STATUS_STACK_OVERFLOW */
}

Test(try_blocks, unhandled_exception_of_a_direct_call_aborts, .signal = SIGABRT)
{
    void(LDR_WINAPI * function)(uint64_t) =
        (void(LDR_WINAPI *)(uint64_t))ldr_symbol(module, "seh_unhandled");
    function(CODE);
}

Test(try_blocks, consolidated_frames_are_as_unwound)
{
    cr_assert_eq(call("seh_consolidate", true), 12);
    cr_assert_eq(call("seh_consolidate", false), 13);
}

Test(try_blocks, guest_walks_its_own_stack)
{
    cr_assert_eq(call("seh_count_frames", 0), 2);
    cr_assert_eq(call("seh_count_frames", 10), 12);
}

typedef void(LDR_WINAPI *callback)(uint32_t code);

static void LDR_WINAPI call_back(callback function, uint32_t code)
{
    volatile char frame[100]; /* for AddressSanitizer: poisoned around, and left without a return */
    memset((void *)(uintptr_t)frame, 0, sizeof frame);
    function(code);
    frame[0] = 1;
}

Test(try_blocks, exception_crosses_host_code_that_called_back)
{
    cr_assert_eq(call("seh_callback", (uintptr_t)call_back), 12);
}

static void LDR_WINAPI call_back_with_registers(callback function, uint32_t code)
{
    __asm__ volatile("xorps %%xmm6, %%xmm6; xorps %%xmm7, %%xmm7; xorl %%esi, %%esi" ::
                         : "xmm6", "xmm7", "xmm8", "xmm9", "rsi", "rdi", "rbx", "r12", "r15");
    function(code);
}

Test(try_blocks, registers_that_host_code_saved_come_back)
{
    double(LDR_WINAPI * function)(void (*)(callback, uint32_t), double) = (double(LDR_WINAPI *)(
        void (*)(callback, uint32_t), double))ldr_symbol(module, "seh_callback_register");
    cr_assert_eq(function((void (*)(callback, uint32_t))call_back_with_registers, 4), 20);
}

/* The host raises in a function that the guest calls: as where a missing import is called. */
static void LDR_WINAPI raise_in_host(callback function, uint32_t code)
{
    (void)function;
    ldr__seh_raise(code, 0, 0, NULL);
}

Test(try_blocks, exception_of_the_host_is_handled_by_the_guest)
{
    cr_assert_eq(call("seh_callback", (uintptr_t)raise_in_host), 12);
}

/* A call inside a call: the exception ends at the inner one. */
static void LDR_WINAPI call_inside(callback function, uint32_t code)
{
    uint64_t result;
    uint32_t exception = 0;
    cr_assert_not(
        ldr__seh_call((void *)function, (void *)(uintptr_t)code, 0, NULL, &result, &exception));
    cr_assert_eq(exception, CODE);
}

Test(try_blocks, inner_call_keeps_the_exception)
{
    cr_assert_eq(call("seh_callback", (uintptr_t)call_inside), 0);
}

static void LDR_WINAPI jump_inside(callback function, uint32_t code)
{
    uint64_t result;
    uint32_t exception = 0;
    cr_assert_not(
        ldr__seh_call((void *)function, (void *)(uintptr_t)code, 0, NULL, &result, &exception));
    cr_assert_eq(exception, STATUS_LONGJUMP);
}

Test(try_blocks, long_jump_crosses_host_code_but_no_call)
{
    cr_assert_eq(call("seh_longjmp_past", (uintptr_t)call_back), 17);
    cr_assert_eq(call("seh_longjmp_past", (uintptr_t)jump_inside), 15);
}

Test(try_blocks, long_jump_without_a_frame_restores_registers)
{
    cr_assert_eq(call("seh_longjmp_plain", 0), 7);
}

/* ---- Threads and tables ---- */

static void *raise_many(void *unused)
{
    (void)unused;
    ldr_thread_scope scope;
    if (ldr_thread_enter(context, &scope) != LDR_OK)
        return NULL;
    uint64_t caught = 0, result;
    uint32_t exception;
    for (uint32_t i = 1; i <= 500; i++)
        caught += ldr__seh_call(ldr_symbol(module, "seh_except"), (void *)(uintptr_t)i, 0, NULL,
                                &result, &exception) &&
                  result == i;
    ldr_thread_leave(&scope);
    return (void *)(uintptr_t)caught;
}

Test(try_blocks, threads_raise_at_once)
{
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, raise_many, NULL), 0);
    for (size_t i = 0; i < 4; i++) {
        void *caught;
        pthread_join(threads[i], &caught);
        cr_assert_eq((uintptr_t)caught, 500);
    }
}

Test(try_blocks, functions_of_a_module_are_found_until_it_is_unloaded)
{
    uint64_t function = (uintptr_t)ldr_symbol(module, "seh_finally"), base = 0;
    void *header;
    const uint8_t *entry = ldr__seh_lookup_entry(function + 1, &base, NULL);
    cr_assert_eq(base, (uintptr_t)ldr_module_base(module));
    cr_assert_not_null(entry);
    uint32_t begin;
    memcpy(&begin, entry, 4);
    cr_assert_eq(base + begin, function);
    cr_assert_null(ldr__seh_lookup_entry(base, &base, NULL), "the headers are no function");
    cr_assert_eq(ldr__seh_pc_to_header(function, &header), ldr_module_base(module));

    ldr_unload(module);
    module = NULL;
    cr_assert_null(ldr__seh_lookup_entry(function + 1, &base, NULL));
    cr_assert_eq(base, 0);
    cr_assert_null(ldr__seh_pc_to_header(function, &header));
    cr_assert_null(header);
}

/* ---- throw.dll ---- */

/* Present where leaks are looked for. */
extern void __lsan_disable(void) __attribute__((weak));
extern void __lsan_enable(void) __attribute__((weak));

/* The guest's C++ runtime keeps the memory that it reserves for exceptions, by design. */
static void load_throw(void)
{
    if (__lsan_disable != NULL)
        __lsan_disable();
    load("throw.dll");
    if (__lsan_enable != NULL)
        __lsan_enable();
}

TestSuite(gcc_exceptions, .init = load_throw, .fini = unload);

Test(gcc_exceptions, destructors_run_before_the_handler)
{
    cr_assert_eq(call("cxx_catch", 4), 124);
    cr_assert_eq(call("cxx_catch", 0), 12);
}

Test(gcc_exceptions, handler_is_chosen_by_type)
{
    cr_assert_eq(call("cxx_by_type", 0), 13);
}

Test(gcc_exceptions, handler_can_throw)
{
    cr_assert_eq(call("cxx_rethrow", 0), 124);
    cr_assert_eq(call("cxx_throw_in_catch", 0), 13);
}

Test(gcc_exceptions, many_frames_and_many_exceptions)
{
    cr_assert_eq(call("cxx_deep", 100), 40);
    cr_assert_eq(call("cxx_many", 1000), 1000);
}

Test(gcc_exceptions, uncaught_exception_comes_back_from_the_call)
{
    cr_assert_eq(call_raises("cxx_uncaught", 0), 0x20474343);
    cr_assert_eq(call("cxx_catch", 4), 124);
}

Test(gcc_exceptions, long_jump_returns_its_value)
{
    cr_assert_eq(call("cxx_longjmp", 0), 7);
}
