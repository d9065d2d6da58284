/* What a DLL asks of the system's loader. */
#include "native.h"

#include <stdlib.h>
#include <windows.h>

#include <psapi.h>

typedef int (*answer_function)(void);

static void ask(ldr_module *module, const char *question, int expected)
{
    answer_function function = (answer_function)(uintptr_t)ldr_symbol(module, question);
    int answer = function != NULL ? function() : -100;
    if (answer != expected)
        printf("%s: %d\n", question, answer);
    CHECK(answer == expected);
}

static void check_answers(ldr_context *ctx, ldr_module *module)
{
    if (module != NULL) {
        ask(module, "ask_for_itself", 0);
        ask(module, "ask_for_other", 0);
        ask(module, "ask_for_systems", 0);
        ask(module, "ask_for_resource", 1);
    }
    CHECK(module != NULL);
    ldr_context_destroy(ctx);
}

static void dll_from_a_file_finds_itself_and_others(void)
{
    ldr_context *ctx = guest_context();
    check_answers(ctx, load_guest(ctx, "asks.dll"));
}

static void dll_from_memory_finds_itself_and_others(void)
{
    ldr_context *ctx = guest_context();
    check_answers(ctx, load_guest_from_memory(ctx, "asks.dll"));
}

static void resource_of_a_mapped_dll_is_found_by_the_host(void)
{
    ldr_context *ctx = guest_context();
    ldr_module *module = load_guest_from_memory(ctx, "asks.dll");
    REQUIRE(module != NULL);
    HMODULE handle = ldr_module_base(module);
    HRSRC found = FindResourceW(handle, MAKEINTRESOURCEW(1), (const wchar_t *)RT_RCDATA);
    CHECK(found != NULL && SizeofResource(handle, found) == 5);
    CHECK(found != NULL && memcmp(LockResource(LoadResource(handle, found)), "hello", 5) == 0);
    ldr_context_destroy(ctx);
}

/* ---- Cycles ---- */

static size_t count_modules(void)
{
    HMODULE modules[512];
    DWORD needed = 0;
    K32EnumProcessModules(GetCurrentProcess(), modules, sizeof modules, &needed);
    return needed / sizeof modules[0];
}

static DWORD count_handles(void)
{
    DWORD count = 0;
    GetProcessHandleCount(GetCurrentProcess(), &count);
    return count;
}

static size_t private_bytes(void)
{
    PROCESS_MEMORY_COUNTERS_EX counters = {.cb = sizeof counters};
    K32GetProcessMemoryInfo(GetCurrentProcess(), (PROCESS_MEMORY_COUNTERS *)&counters,
                            sizeof counters);
    return counters.PrivateUsage;
}

static bool load_and_unload(ldr_context *ctx, const char *name, const void *bytes, size_t size)
{
    ldr_module *module = NULL;
    ldr_status status = bytes != NULL ? ldr_load_memory(ctx, name, bytes, size, NULL, &module, NULL)
                                      : ldr_load(ctx, guest_path(name), NULL, &module, NULL);
    ldr_unload(module);
    return status == LDR_OK;
}

/* Loads on behalf of a new context each time, and of the same one. */
static void check_cycles(const char *name, bool from_memory)
{
    enum { CYCLES = 1000, FIRST = 50 };
    size_t size = 0, modules = 0, bytes_before = 0;
    DWORD handles = 0;
    bool is_loaded = true;
    if (!has_guest(name))
        return;
    void *bytes = from_memory ? read_guest(name, &size) : NULL;
    ldr_context *same = guest_context();
    for (int i = 0; i < CYCLES && is_loaded; i++) {
        if (i == FIRST) {
            modules = count_modules();
            handles = count_handles();
            bytes_before = private_bytes();
        }
        ldr_context *ctx = i % 2 != 0 ? same : guest_context();
        is_loaded = load_and_unload(ctx, name, bytes, size);
        if (ctx != same)
            ldr_context_destroy(ctx);
    }
    CHECK(is_loaded);
    CHECK(count_modules() == modules);
    CHECK(count_handles() <= handles);
    if (private_bytes() > bytes_before + (1 << 20))
        printf("%s: %zu bytes more\n", name, private_bytes() - bytes_before);
    CHECK(private_bytes() <= bytes_before + (1 << 20));
    ldr_context_destroy(same);
    free(bytes);
}

static void thousand_cycles_leave_nothing(void)
{
    check_cycles("events.dll", false);
    check_cycles("events.dll", true);
    check_cycles("zlib_copy.dll", false);
    check_cycles("zlib_copy.dll", true);
}

const check_test tests_of_guest_calls[] = {
    {"dll_from_a_file_finds_itself_and_others", dll_from_a_file_finds_itself_and_others},
    {"dll_from_memory_finds_itself_and_others", dll_from_memory_finds_itself_and_others},
    {"resource_of_a_mapped_dll_is_found_by_the_host",
     resource_of_a_mapped_dll_is_found_by_the_host},
    {"thousand_cycles_leave_nothing", thousand_cycles_leave_nothing},
    {NULL, NULL},
};
