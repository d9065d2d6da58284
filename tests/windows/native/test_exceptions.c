/* Exceptions inside DLLs, across them, and out of DllMain. */
#include "native.h"

#include <windows.h>

typedef int (*number_function)(int);
typedef int (*answer_function)(void);

static number_function function_of(ldr_module *module, const char *name)
{
    return (number_function)(uintptr_t)ldr_symbol(module, name);
}

static void check_inside(ldr_context *ctx, ldr_module *module, const char *name, int value,
                         int expected)
{
    int result = module != NULL ? function_of(module, name)(value) : -100;
    if (result != expected)
        printf("%s(%d) is %d\n", name, value, result);
    CHECK(result == expected);
    (void)ctx;
}

static void gcc_exceptions_are_caught_inside(void)
{
    if (!has_guest("throw.dll"))
        return;
    ldr_context *ctx = guest_context(), *other = guest_context();
    ldr_module *from_file = load_guest(ctx, "throw.dll");
    ldr_module *from_memory = load_guest_from_memory(other, "throw.dll");
    check_inside(ctx, from_file, "catch_inside", 3, 12);
    check_inside(ctx, from_file, "catch_inside", 0, 2);
    check_inside(other, from_memory, "catch_inside", 4, 12);
    ldr_context_destroy(other);
    ldr_context_destroy(ctx);
}

static void gcc_exceptions_are_caught_across_dlls(void)
{
    if (!has_guest("catch.dll"))
        return;
    ldr_context *ctx = guest_context();
    check_inside(ctx, load_guest_from_memory(ctx, "catch.dll"), "catch_across", 5, 1);
    CHECK(ldr_module_find(ctx, "throw.dll") != NULL);
    CHECK(GetModuleHandleA("libstdc++-6.dll") == NULL);
    ldr_context_destroy(ctx);
}

static void msvc_exceptions_are_caught_inside(void)
{
    if (!has_guest("msvc.dll"))
        return;
    ldr_context *ctx = guest_context(), *other = guest_context();
    ldr_module *modules[] = {load_guest(ctx, "msvc.dll"),
                             load_guest_from_memory(other, "msvc.dll")};
    for (int i = 0; i < 2; i++) {
        check_inside(ctx, modules[i], "catch_number", 0, 2);
        check_inside(ctx, modules[i], "catch_number", 1, 102);
        check_inside(ctx, modules[i], "catch_number", 2, 1002);
        check_inside(ctx, modules[i], "catch_again", 0, 23);
    }
    ldr_context_destroy(other);
    ldr_context_destroy(ctx);
}

static void msvc_exceptions_are_caught_across_dlls(void)
{
    if (!has_guest("msvc_other.dll"))
        return;
    ldr_context *ctx = guest_context();
    check_inside(ctx, load_guest_from_memory(ctx, "msvc_other.dll"), "catch_across", 0, 24);
    ldr_context_destroy(ctx);
}

/* ---- DllMain ---- */

static void check_refused(const char *name, uint64_t value, bool returned)
{
    ldr_context *ctx = guest_context();
    ldr_module *module = NULL;
    ldr_diag diag = {0};
    if (!has_guest(name))
        return;
    CHECK(ldr_load(ctx, guest_path(name), NULL, &module, &diag) == LDR_INIT_FAILED);
    CHECK(module == NULL && diag.why.value == value);
    CHECK(strcmp(diag.why.rule, returned ? "E61" : "E63") == 0);
    CHECK(ldr_module_find(ctx, name) == NULL);
    ldr_context_destroy(ctx);
}

static void dllmain_that_refuses_undoes_the_load(void)
{
    check_refused("refuses.dll", 0, true);
}

static void dllmain_that_raises_undoes_the_load(void)
{
    check_refused("raises.dll", 0xE0001234, false);
}

/* ---- Missing imports ---- */

typedef struct seen {
    int missing, called;
    char dll[64], function[64];
} seen;

static void on_missing(void *user, const ldr_missing_import *import)
{
    (void)import;
    ((seen *)user)->missing++;
}

static void on_stub_call(void *user, const char *dll, const char *function)
{
    seen *self = user;
    self->called++;
    snprintf(self->dll, sizeof self->dll, "%s", dll);
    snprintf(self->function, sizeof self->function, "%s", function);
}

static void missing_imports_are_told_and_refused(void)
{
    ldr_context *ctx = guest_context();
    ldr_module *module = NULL;
    seen notes = {0};
    const ldr_load_options options = {
        .size = sizeof options, .on_missing = on_missing, .user = &notes};
    if (!has_guest("missing.dll"))
        return;
    ldr_status status = ldr_load(ctx, guest_path("missing.dll"), &options, &module, NULL);
    CHECK(status == LDR_DLL_NOT_FOUND || status == LDR_IMPORTS_MISSING);
    CHECK(notes.missing == 2);
    ldr_context_destroy(ctx);
}

static void missing_imports_become_stubs(void)
{
    ldr_context *ctx = guest_context();
    ldr_module *module = NULL;
    seen notes = {0};
    const ldr_load_options options = {.size = sizeof options,
                                      .missing = LDR_MISSING_STUB,
                                      .on_missing = on_missing,
                                      .on_stub_call = on_stub_call,
                                      .user = &notes};
    if (!has_guest("missing.dll"))
        return;
    REQUIRE(ldr_load(ctx, guest_path("missing.dll"), &options, &module, NULL) == LDR_OK);
    CHECK(function_of(module, "call_absent")(0) == 40);
    CHECK(notes.called == 1 && strcmp(notes.dll, "nothere.dll") == 0 &&
          strcmp(notes.function, "absent") == 0);
    CHECK(function_of(module, "call_old")(0) == 0);
    CHECK(notes.called == 2 && strcmp(notes.function, "GetTickCountOfOldTimes") == 0);
    ldr_context_destroy(ctx);
}

const check_test tests_of_exceptions[] = {
    {"gcc_exceptions_are_caught_inside", gcc_exceptions_are_caught_inside},
    {"gcc_exceptions_are_caught_across_dlls", gcc_exceptions_are_caught_across_dlls},
    {"msvc_exceptions_are_caught_inside", msvc_exceptions_are_caught_inside},
    {"msvc_exceptions_are_caught_across_dlls", msvc_exceptions_are_caught_across_dlls},
    {"dllmain_that_refuses_undoes_the_load", dllmain_that_refuses_undoes_the_load},
    {"dllmain_that_raises_undoes_the_load", dllmain_that_raises_undoes_the_load},
    {"missing_imports_are_told_and_refused", missing_imports_are_told_and_refused},
    {"missing_imports_become_stubs", missing_imports_become_stubs},
    {NULL, NULL},
};
