/* Programs, and the end of the process. */
#include "native.h"

#include <stdlib.h>
#include <windows.h>

#include "guest/events.h"

static void check_run_of_program(bool raises, uint32_t expected)
{
    static const char *const arguments[] = {"program"};
    ldr_context *ctx = guest_context();
    uint32_t code = 0;
    if (!has_guest("program.exe"))
        return;
    ldr_module *module = load_guest(ctx, "program.exe");
    REQUIRE(module != NULL);
    if (raises)
        ((void (*)(void))(uintptr_t)ldr_symbol(module, "raise_in_main"))();
    CHECK(ldr_run(module, 1, arguments, &code, NULL) == LDR_OK);
    if (code != expected)
        printf("exit code %x\n", code);
    CHECK(code == expected);
    CHECK((ldr_exception_address(ctx) != NULL) == raises);
    CHECK(ldr_run(module, 1, arguments, &code, NULL) == LDR_BUSY);
    ldr_context_destroy(ctx);
}

static void program_runs_and_finds_itself(void)
{
    check_run_of_program(false, 15);
}

static void program_that_raises_ends_with_the_code(void)
{
    check_run_of_program(true, 0xE0005678);
}

/* ---- The end of the process ---- */

/* What a child of this program writes in which last.dll is left loaded. */
static void run_child(const char *how, char *ret_text, size_t size)
{
    char command[1100], program[1024];
    HANDLE from, to;
    DWORD count = 0;
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    STARTUPINFOA start = {.cb = sizeof start, .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION child;
    GetModuleFileNameA(NULL, program, sizeof program);
    snprintf(command, sizeof command, "\"%s\" %s", program, how);
    REQUIRE(CreatePipe(&from, &to, &inherited, 0));
    start.hStdOutput = start.hStdError = to;
    REQUIRE(CreateProcessA(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &start, &child));
    CloseHandle(to);
    WaitForSingleObject(child.hProcess, INFINITE);
    CHECK(ReadFile(from, ret_text, (DWORD)size - 1, &count, NULL));
    ret_text[count] = '\0';
    CloseHandle(from);
    CloseHandle(child.hProcess);
    CloseHandle(child.hThread);
}

static void check_child(const char *how, const char *expected)
{
    char text[256] = "";
    run_child(how, text, sizeof text);
    if (strcmp(text, expected) != 0)
        printf("%s: '%s'\n", how, text);
    CHECK(strcmp(text, expected) == 0);
}

/* Wine tells programs of nothing then, but DLLs. */
static void dlls_are_told_of_the_end_of_the_process(void)
{
    check_child("leave", "process");
    check_child("destroy", "library");
}

/* ---- The library in a DLL ---- */

typedef struct host {
    void *(*load)(const char *path);
    void *(*symbol)(void *module, const char *name);
    void (*destroy)(void);
} host;

static bool open_host(host *ret_host)
{
    HMODULE dll = LoadLibraryA("test_native_host.dll");
    CHECK(dll != NULL);
    if (dll == NULL)
        return false;
    *ret_host = (host){
        (void *(*)(const char *))(uintptr_t)GetProcAddress(dll, "host_load"),
        (void *(*)(void *, const char *))(uintptr_t)GetProcAddress(dll, "host_symbol"),
        (void (*)(void))(uintptr_t)GetProcAddress(dll, "host_destroy"),
    };
    return true;
}

int run_as_child(const char *how)
{
    host library;
    if (!open_host(&library) || library.load(guest_path("last.dll")) == NULL)
        return 1;
    if (strcmp(how, "destroy") == 0)
        library.destroy();
    return 0;
}

static DWORD WINAPI do_nothing(void *argument)
{
    (void)argument;
    return 0;
}

static void threads_are_told_of_where_the_library_is_a_dll(void)
{
    host library;
    if (!has_guest("events.dll") || !open_host(&library))
        return;
    void *module = library.load(guest_path("events.dll"));
    REQUIRE(module != NULL);
    const event_log *log = ((event_log * (*)(void))(uintptr_t)library.symbol(module, "get_log"))();
    unsigned before = log->count;
    HANDLE thread = CreateThread(NULL, 0, do_nothing, NULL, 0, NULL);
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
    CHECK(log->count == before + 4);
    library.destroy();
}

const check_test tests_of_programs[] = {
    {"program_runs_and_finds_itself", program_runs_and_finds_itself},
    {"program_that_raises_ends_with_the_code", program_that_raises_ends_with_the_code},
    {"dlls_are_told_of_the_end_of_the_process", dlls_are_told_of_the_end_of_the_process},
    {"threads_are_told_of_where_the_library_is_a_dll",
     threads_are_told_of_where_the_library_is_a_dll},
    {NULL, NULL},
};
