#include <stdio.h>
#include <string.h>

#include "guest.h"
#include "win32/state.h"

/* Functions of this file stand for the guest's: the calling convention is all it takes. */

static uint64_t LDR_WINAPI add(void *a, uint64_t b, void *c)
{
    return (uintptr_t)a + b + (uintptr_t)c;
}

static uint64_t LDR_WINAPI end_process(void *unused, uint64_t code, void *unused2)
{
    (void)unused;
    (void)unused2;
    ldr__process_exit((DWORD)code);
}

static uint64_t LDR_WINAPI raise_exception(void *unused, uint64_t code, void *unused2)
{
    (void)unused;
    (void)unused2;
    ldr__seh_raise((uint32_t)code, 1, 0, NULL);
    return 0;
}

/* A host function that calls the guest, as LoadLibrary does. */
static uint64_t LDR_WINAPI call_end_process(void *ret_came_back, uint64_t code, void *unused)
{
    uint64_t result = 0;
    uint32_t exception = 0;
    (void)unused;
    ldr__call_outcome outcome =
        ldr__guest_call((void *)end_process, NULL, code, NULL, &result, &exception);
    *(bool *)ret_came_back = outcome == LDR__CALL_EXITED;
    ldr__thread_continue_exit();
    return 0;
}

Test(guest_calls, function_returns_its_result)
{
    ldr_context *ctx = guest_begin();
    uint64_t result = 0;
    uint32_t exception = 0;
    cr_expect_eq(ldr__guest_call((void *)add, (void *)1, 2, (void *)4, &result, &exception),
                 LDR__CALL_RETURNED);
    cr_expect_eq(result, 7);
    guest_end(ctx);
}

Test(guest_calls, unhandled_exception_comes_back_with_its_code)
{
    ldr_context *ctx = guest_begin();
    uint64_t result = 0;
    uint32_t exception = 0;
    cr_expect_eq(
        ldr__guest_call((void *)raise_exception, NULL, 0xE0000001, NULL, &result, &exception),
        LDR__CALL_RAISED);
    cr_expect_eq(exception, 0xE0000001);
    guest_end(ctx);
}

Test(guest_calls, exit_leaves_every_call_on_its_way_out)
{
    ldr_context *ctx = guest_begin();
    uint64_t result = 0;
    uint32_t exception = 0;
    bool came_back = false;
    cr_expect_eq(
        ldr__guest_call((void *)call_end_process, &came_back, 5, NULL, &result, &exception),
        LDR__CALL_EXITED);
    cr_expect(came_back);
    cr_expect_eq(result, 5);
    cr_expect_null(ldr__thread_self()->exit_jump);
    cr_expect_null(ldr__thread_self()->seh_frames);
    cr_expect_not(ldr__thread_self()->exit_pending);
    guest_end(ctx);
}

static char reported[64];

static void report(void *user, const char *dll, const char *function)
{
    strcpy(user, dll);
    strcat(user, "!");
    strcat(user, function);
}

Test(guest_calls, stub_reports_what_is_missing_and_returns_zero)
{
    ldr_context *ctx = guest_begin();
    ldr_load_options options = {.size = sizeof options, .on_stub_call = report, .user = reported};
    ldr_missing_import import = {.dll = "absent.dll", .ordinal = 7};
    uint64_t(LDR_WINAPI * stub)(void) =
        (uint64_t(LDR_WINAPI *)(void))ldr__default_environment.stub_create(ldr__process_self(),
                                                                           NULL, &import, &options);
    cr_assert_not_null((void *)stub);
    cr_expect_eq(stub(), 0);
    cr_expect_str_eq(reported, "absent.dll!#7");
    guest_end(ctx);
}

Test(guest_calls, stubs_of_an_importer_are_released_and_their_places_used_again)
{
    enum { STUBS = 300 };
    ldr_context *ctx = guest_begin();
    ldr__process *process = ldr__process_self();
    ldr_load_options options = {.size = sizeof options, .on_stub_call = report, .user = reported};
    uint64_t(LDR_WINAPI * stubs[STUBS])(void);
    for (uint32_t i = 0; i < STUBS; i++) {
        ldr_missing_import import = {.dll = "a.dll", .ordinal = i};
        stubs[i] = (uint64_t(LDR_WINAPI *)(void))ldr__stub_create(process, &stubs[i % 2], &import,
                                                                  &options);
        cr_assert_not_null((void *)stubs[i]);
    }
    void *first = (void *)stubs[0];
    ldr__stubs_release(process, &stubs[0]);
    for (uint32_t i = 1; i < STUBS; i += 2) {
        char expected[32];
        snprintf(expected, sizeof expected, "a.dll!#%u", i);
        stubs[i]();
        cr_assert_str_eq(reported, expected);
    }
    bool used_again = false;
    for (uint32_t i = 0; i < STUBS; i++) {
        ldr_missing_import import = {.dll = "b.dll", .function = "f"};
        used_again |= ldr__stub_create(process, &stubs[0], &import, &options) == first;
    }
    cr_expect(used_again);
    guest_end(ctx);
}

Test(guest_calls, stub_without_a_callback_raises)
{
    ldr_context *ctx = guest_begin();
    ldr_load_options options = {.size = sizeof options};
    ldr_missing_import import = {.dll = "absent.dll", .function = "f"};
    uint64_t result = 0;
    uint32_t exception = 0;
    void *stub = ldr__default_environment.stub_create(ldr__process_self(), NULL, &import, &options);
    cr_expect_eq(ldr__guest_call(stub, NULL, 0, NULL, &result, &exception), LDR__CALL_RAISED);
    cr_expect_eq(exception, 0xC06D007F);
    guest_end(ctx);
}

Test(guest_calls, tls_slot_is_copied_to_every_thread_and_reused)
{
    ldr_context *ctx = guest_begin();
    ldr__process *process = ldr__process_self();
    ldr__thread *self = ldr__thread_self();
    static const char data[] = "template";
    ldr__tls_template tls = {.data = data, .data_size = sizeof data, .zero_size = 100};
    uint32_t slots[40];
    void **first_array = self->teb.static_tls;
    for (int i = 0; i < 40; i++)
        cr_assert_eq(ldr__tls_add(process, &tls, &slots[i]), LDR_OK);
    char *block = self->teb.static_tls[slots[39]];
    cr_expect_str_eq(block, "template");
    cr_expect_eq(block[sizeof data + 99], 0);
    cr_expect_neq(block, data);
    cr_expect_neq(self->teb.static_tls, first_array);
    cr_expect_str_eq((char *)first_array[slots[0]], "template", "the outgrown array stays valid");
    ldr__tls_remove(process, slots[3]);
    uint32_t again = 0;
    cr_expect_eq(ldr__tls_add(process, &tls, &again), LDR_OK);
    cr_expect_eq(again, slots[3]);
    guest_end(ctx);
}
