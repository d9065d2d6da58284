/*
 * Faults of a guest and of its host in one process: each goes to whom it belongs. library.dll
 * faults as it is told; what it does for itself is tested by programs (compare.py).
 */
#include <criterion/criterion.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os/os.h"
#include "support/sanitizer.h"
#include "support/traced.h"
#include "win32/fault/fault.h"

enum { PAGE = 4096 };

/* Where nothing is mapped, aligned: sanitizers leave an access to the processor. */
#define NOWHERE UINT64_C(0x10000)

static ldr_context *context;
static ldr_module *module;

/* Skips the test where the guest could not be built. */
static ldr_module *load(ldr_context *ctx, const char *name)
{
    char path[1024], text[512];
    ldr_module *loaded;
    snprintf(path, sizeof path, "%s/%s", PELOAD_GUESTS, name);
    if (access(path, R_OK) != 0)
        cr_skip_test("%s was not built: its compiler is missing", name);
    ldr_diag diag;
    ldr_status status = ldr_load(ctx, path, NULL, &loaded, &diag);
    cr_assert_eq(status, LDR_OK, "%s", ldr_diag_text(&diag, text, sizeof text));
    return loaded;
}

static void begin(void)
{
    cr_assert_eq(ldr_context_create(traced_options(), &context), LDR_OK);
    module = load(context, "library.dll");
}

static void end(void)
{
    if (module != NULL)
        ldr_unload(module);
    if (context != NULL)
        ldr_context_destroy(context);
}

/* As an embedder calls: nobody of ours is between. */
static uint64_t call(ldr_module *library, const char *name, uint64_t a, uint64_t b)
{
    uint64_t(LDR_WINAPI * function)(uint64_t, uint64_t) =
        (uint64_t(LDR_WINAPI *)(uint64_t, uint64_t))ldr_symbol(library, name);
    cr_assert_not_null((void *)function, "%s", name);
    return function(a, b);
}

/* ---- The handler that was there before ---- */

static sigjmp_buf jump;
static volatile sig_atomic_t seen;
static void *volatile seen_address;
static volatile uintptr_t seen_rip;

static void note(int number, siginfo_t *info, void *user)
{
    const ucontext_t *at = user;
    seen = number;
    seen_address = info->si_addr;
    seen_rip = (uintptr_t)at->uc_mcontext.gregs[REG_RIP];
    siglongjmp(jump, 1);
}

/* Before there is a context, as an embedder's would be. */
static void begin_with_handler(void)
{
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    begin();
}

TestSuite(previous_handler, .init = begin_with_handler, .fini = end);

__attribute__((noinline)) static void read_in_host(uint64_t at)
{
    (void)*(const volatile int *)(uintptr_t)at;
}

Test(previous_handler, fault_of_the_host_goes_to_it)
{
    if (sigsetjmp(jump, 1) == 0)
        read_in_host(NOWHERE);
    cr_assert_eq(seen, SIGSEGV);
    cr_assert_eq((uintptr_t)seen_address, NOWHERE);
}

/* A thread inherits GS: that alone does not make it the guest's. */
static void *fault_in_thread(void *unused)
{
    (void)unused;
    if (sigsetjmp(jump, 1) == 0)
        read_in_host(NOWHERE);
    return NULL;
}

Test(previous_handler, fault_of_a_thread_without_guest_goes_to_it)
{
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, fault_in_thread, NULL), 0);
    pthread_join(thread, NULL);
    cr_assert_eq(seen, SIGSEGV);
    cr_assert_eq((uintptr_t)seen_address, NOWHERE);
}

static void LDR_WINAPI function_of_the_embedder(uint64_t at)
{
    read_in_host(at);
}

Test(previous_handler, fault_of_an_embedders_function_goes_to_it)
{
    if (sigsetjmp(jump, 1) == 0)
        call(module, "fault_call", (uintptr_t)function_of_the_embedder, NOWHERE);
    cr_assert_eq(seen, SIGSEGV);
    cr_assert_eq((uintptr_t)seen_address, NOWHERE);
}

Test(previous_handler, fault_that_the_guest_handles_does_not_go_to_it)
{
    cr_assert_eq(call(module, "fault_read", NOWHERE, 0), STATUS_ACCESS_VIOLATION);
    cr_assert_eq(seen, 0);
}

Test(previous_handler, fault_that_nobody_handles_goes_to_it_where_it_was)
{
    uint64_t base = (uintptr_t)ldr_module_base(module);
    for (int i = 0; i < 3; i++) {
        seen = 0;
        if (sigsetjmp(jump, 1) == 0)
            call(module, "fault_read_unhandled", NOWHERE, 0);
        cr_assert_eq(seen, SIGSEGV);
        cr_assert_eq((uintptr_t)seen_address, NOWHERE);
        cr_assert(seen_rip >= base && seen_rip - base < ldr_view_size(ldr_module_view(module)));
    }
    cr_assert_eq(call(module, "fault_read", NOWHERE, 0), STATUS_ACCESS_VIOLATION);
}

Test(previous_handler, signal_that_somebody_sends_goes_to_it)
{
    if (sigsetjmp(jump, 1) == 0)
        raise(SIGSEGV);
    cr_assert_eq(seen, SIGSEGV);
}

/* ---- None before ---- */

/* Neither a sanitizer's nor the test framework's. */
static void begin_without_handler(void)
{
    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
    begin();
}

TestSuite(guest_faults, .init = begin_without_handler, .fini = end);

Test(guest_faults, unhandled_fault_of_a_direct_call_ends_the_process, .signal = SIGSEGV)
{
    call(module, "fault_read_unhandled", NOWHERE, 0);
}

Test(guest_faults, fault_of_the_host_ends_the_process, .signal = SIGSEGV)
{
    read_in_host(NOWHERE);
}

Test(guest_faults, signal_that_somebody_sends_ends_the_process, .signal = SIGSEGV)
{
    raise(SIGSEGV);
}

Test(guest_faults, unhandled_fault_comes_back_from_a_call_of_ours)
{
    uint64_t result;
    uint32_t exception;
    void *function = ldr_symbol(module, "fault_read_unhandled");
    for (int i = 0; i < 100; i++) {
        cr_assert_not(ldr__seh_call(function, (void *)NOWHERE, 0, NULL, &result, &exception));
        cr_assert_eq(exception, STATUS_ACCESS_VIOLATION);
    }
}

/* There is no room for handlers on a stack of the host: the guest is given up. */
static void *overflow_in_call(void *unused)
{
    static char stack[1 << 16];
    ldr_thread_scope scope;
    uint64_t result;
    uint32_t exception = 0;
    (void)unused;
    if (ldr_thread_enter(context, &scope) != LDR_OK)
        return NULL;
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    ldr__seh_call(ldr_symbol(module, "fault_recurse"), NULL, 0, NULL, &result, &exception);
    sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    ldr_thread_leave(&scope);
    return (void *)(uintptr_t)exception;
}

Test(guest_faults, overflow_of_a_hosts_stack_comes_back_from_a_call_of_ours)
{
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        void *exception;
        cr_assert_eq(pthread_create(&thread, NULL, overflow_in_call, NULL), 0);
        pthread_join(thread, &exception);
        cr_assert_eq((uintptr_t)exception, STATUS_STACK_OVERFLOW);
    }
}

Test(guest_faults, record_tells_where_and_what)
{
    cr_assert_eq(call(module, "fault_read", NOWHERE + 4, 0), STATUS_ACCESS_VIOLATION);
    cr_assert_eq(call(module, "fault_information", 0, 0), LDR__FAULT_READ);
    cr_assert_eq(call(module, "fault_information", 1, 0), NOWHERE + 4);
    uint64_t base = (uintptr_t)ldr_module_base(module), at = call(module, "fault_address", 0, 0);
    cr_assert(at >= base && at - base < ldr_view_size(ldr_module_view(module)));
}

Test(guest_faults, call_of_no_code_is_the_callers)
{
    cr_assert_eq(call(module, "fault_call", NOWHERE, 0), STATUS_ACCESS_VIOLATION);
    cr_assert_eq(call(module, "fault_information", 0, 0), LDR__FAULT_EXECUTE);
    cr_assert_eq(call(module, "fault_information", 1, 0), NOWHERE);
}

Test(guest_faults, start_of_a_library_that_faults_fails_the_load)
{
    char path[1024];
    ldr_module *loaded;
    ldr_diag diag;
    snprintf(path, sizeof path, "%s/bad_start.dll", PELOAD_GUESTS);
    cr_assert_eq(ldr_load(context, path, NULL, &loaded, &diag), LDR_INIT_FAILED);
    cr_assert_eq(call(module, "fault_read", NOWHERE, 0), STATUS_ACCESS_VIOLATION);
}

/* ---- Pages of an image ---- */

Test(guest_faults, first_access_to_a_guarded_page_of_an_image_is_told)
{
    DWORD old;
    char *base = ldr_module_base(module);
    ldr__process *process = ldr__process_self();
    cr_assert_eq(ldr__memory_protect(process, base, PAGE, LDR_PAGE_READONLY | PAGE_GUARD, &old),
                 ERROR_SUCCESS);
    cr_assert_eq(call(module, "fault_read", (uintptr_t)base, 0), STATUS_GUARD_PAGE_VIOLATION);
    cr_assert_eq(call(module, "fault_read", (uintptr_t)base, 0), 0);
    cr_assert_eq(ldr__memory_protect(process, base, PAGE, LDR_PAGE_READONLY, &old), ERROR_SUCCESS);
    cr_assert_eq(old, (DWORD)LDR_PAGE_READONLY);
}

/* ---- Files that are cut off ---- */

/* Two pages of a file, mapped; then the file loses the second. */
static char *map_cut_file(void)
{
    FILE *file = tmpfile();
    cr_assert_not_null(file);
    cr_assert_eq(ftruncate(fileno(file), 2 * PAGE), 0);
    char *view = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fileno(file), 0);
    cr_assert_neq(view, MAP_FAILED);
    cr_assert_eq(ftruncate(fileno(file), PAGE), 0);
    fclose(file);
    return view;
}

Test(guest_faults, page_that_the_file_has_lost_is_an_error_of_paging)
{
    char *view = map_cut_file();
    cr_assert_eq(call(module, "fault_read", (uintptr_t)view, 0), 0);
    cr_assert_eq(call(module, "fault_read", (uintptr_t)view + PAGE + 8, 0), STATUS_IN_PAGE_ERROR);
    cr_assert_eq(call(module, "fault_information", 0, 0), LDR__FAULT_READ);
    cr_assert_eq(call(module, "fault_information", 1, 0), (uintptr_t)view + PAGE + 8);
    cr_assert_eq(call(module, "fault_information", 2, 0), STATUS_END_OF_FILE);
    munmap(view, 2 * PAGE);
}

/* The same by what a guest maps itself. */
static char *map_as_guest(const char *path)
{
    ldr_module *kernel32 = ldr_module_find(context, "kernel32.dll");
    HANDLE(LDR_WINAPI * open)
    (const char *, DWORD, DWORD, void *, DWORD, DWORD, HANDLE) =
        (HANDLE(LDR_WINAPI *)(const char *, DWORD, DWORD, void *, DWORD, DWORD, HANDLE))ldr_symbol(
            kernel32, "CreateFileA");
    HANDLE(LDR_WINAPI * create)
    (HANDLE, void *, DWORD, DWORD, DWORD, const char *) =
        (HANDLE(LDR_WINAPI *)(HANDLE, void *, DWORD, DWORD, DWORD, const char *))ldr_symbol(
            kernel32, "CreateFileMappingA");
    void *(LDR_WINAPI * map)(HANDLE, DWORD, DWORD, DWORD, size_t) =
        (void *(LDR_WINAPI *)(HANDLE, DWORD, DWORD, DWORD, size_t))ldr_symbol(kernel32,
                                                                              "MapViewOfFile");
    enum { READ = 0x80000000, SHARE_ALL = 7, OPEN_EXISTING = 3, MAP_READ = 4 };
    HANDLE file = open(path, (DWORD)READ, SHARE_ALL, NULL, OPEN_EXISTING, 0, NULL);
    HANDLE section = create(file, NULL, LDR_PAGE_READONLY, 0, 0, NULL);
    return map(section, MAP_READ, 0, 0, 0);
}

Test(guest_faults, view_of_a_guest_whose_file_was_cut_off_is_an_error_of_paging)
{
    char path[] = "/tmp/peload-fault-XXXXXX";
    int file = mkstemp(path);
    cr_assert_geq(file, 0);
    cr_assert_eq(ftruncate(file, 2 * PAGE), 0);
    char *view = map_as_guest(path);
    cr_assert_not_null(view);
    cr_assert_eq(ftruncate(file, PAGE), 0);
    unlink(path);
    close(file);
    cr_assert_eq(call(module, "fault_read", (uintptr_t)view, 0), 0);
    cr_assert_eq(call(module, "fault_read", (uintptr_t)view + PAGE, 0), STATUS_IN_PAGE_ERROR);
}

/* A copy of a program with several granules, of which none but the headers' is filled yet. */
static ldr_view *map_on_demand(const char *path)
{
    const ldr_section_options options = {.size = sizeof options, .fill = LDR_FILL_ON_DEMAND};
    const ldr_view_options plain = {.size = sizeof plain};
    char command[2048];
    ldr_section *section;
    ldr_view *view;
    snprintf(command, sizeof command, "cp %s/faults.exe %s", PELOAD_GUESTS, path);
    if (system(command) != 0)
        cr_skip_test("faults.exe was not built: its compiler is missing");
    if (ldr_section_from_file(path, &options, &section, NULL) == LDR_OS_ERROR)
        cr_skip_test("the system has no userfaultfd for us");
    cr_assert_eq(ldr_view_map(section, &plain, &view, NULL), LDR_OK);
    ldr_section_close(section);
    return view;
}

Test(guest_faults, page_that_cannot_be_filled_on_demand_is_an_error_of_paging)
{
    char path[] = "/tmp/peload-fault-XXXXXX";
    close(mkstemp(path));
    ldr_view *view = map_on_demand(path);
    cr_assert_eq(truncate(path, PAGE), 0);
    uint64_t rva = ldr_view_image(view)->optional.size_of_image - 2 * PAGE;
    uint64_t at = (uintptr_t)ldr_view_base(view) + rva;
    cr_assert_gt(rva, 2 * 0x10000U);
    cr_assert_eq(call(module, "fault_read", at + 8, 0), STATUS_IN_PAGE_ERROR);
    cr_assert_eq(call(module, "fault_information", 1, 0), at + 8);
    cr_assert_eq(call(module, "fault_read", at + 8, 0), STATUS_IN_PAGE_ERROR, "and still");
    ldr_view_unmap(view);
    unlink(path);
}

Test(guest_faults, host_keeps_its_guard_against_files_that_are_cut_off)
{
    char *view = map_cut_file();
    ldr__os_guard_begin();
    char byte = *(volatile char *)(view + PAGE);
    cr_assert(ldr__os_guard_end());
    cr_assert_eq(byte, 0);
    munmap(view, 2 * PAGE);
}

/* ---- Functions of ours that an exception leaves ---- */

static void *use_what_was_left(void *unused)
{
    ldr_thread_scope scope;
    uint64_t name = (uintptr_t) "fault test";
    (void)unused;
    if (ldr_thread_enter(context, &scope) != LDR_OK)
        return NULL;
    call(ldr_module_find(context, "msvcrt.dll"), "puts", (uintptr_t) "", 0);
    call(ldr_module_find(context, "kernel32.dll"), "SetEnvironmentVariableA", name, name);
    void *found = ldr_symbol(module, "fault_read");
    ldr_thread_leave(&scope);
    return found;
}

static uint64_t call_guarded(const char *dll, const char *name, uint64_t a, uint64_t b)
{
    const uint64_t arguments[] = {a, b};
    void *function = ldr_symbol(ldr_module_find(context, dll), name);
    return call(module, "fault_call_both", (uintptr_t)function, (uintptr_t)arguments);
}

Test(guest_faults, nothing_stays_locked_behind_a_bad_pointer, .timeout = 60)
{
    if (WITH_ASAN)
        cr_skip_test("the sanitizer's strlen stands between us and the fault");
    pthread_t thread;
    void *found = NULL;
    uint64_t name = (uintptr_t) "fault test", base = (uintptr_t)ldr_module_base(module);
    cr_expect_eq(call_guarded("msvcrt.dll", "puts", NOWHERE, 0), STATUS_ACCESS_VIOLATION);
    cr_expect_eq(call_guarded("kernel32.dll", "SetEnvironmentVariableA", name, NOWHERE),
                 STATUS_ACCESS_VIOLATION);
    cr_expect_eq(call_guarded("kernel32.dll", "GetEnvironmentVariableA", NOWHERE, 0),
                 STATUS_ACCESS_VIOLATION);
    cr_expect_eq(call_guarded("kernel32.dll", "GetProcAddress", base, NOWHERE),
                 STATUS_ACCESS_VIOLATION);
    cr_assert_eq(pthread_create(&thread, NULL, use_what_was_left, NULL), 0);
    pthread_join(thread, &found);
    cr_expect_not_null(found);
}

/* ---- Several contexts, many threads ---- */

Test(guest_faults, each_context_hears_of_its_own)
{
    ldr_context *other;
    cr_assert_eq(ldr_context_create(traced_options(), &other), LDR_OK);
    ldr_module *second = load(other, "library.dll");
    ldr_thread_scope scope;
    call(second, "fault_watch", 0, 0);
    call(second, "fault_read", NOWHERE, 0);
    cr_assert_eq(ldr_thread_enter(context, &scope), LDR_OK);
    call(module, "fault_watch", 0, 0);
    call(module, "fault_read", NOWHERE, 0);
    call(module, "fault_read", NOWHERE, 0);
    ldr_thread_leave(&scope);
    cr_assert_eq(call(second, "fault_watched", 0, 0), 1);
    cr_assert_eq(call(module, "fault_watched", 0, 0), 2);
    ldr_unload(second);
    ldr_context_destroy(other);
}

static void *fault_often(void *unused)
{
    (void)unused;
    ldr_thread_scope scope;
    uint64_t caught = 0;
    if (ldr_thread_enter(context, &scope) != LDR_OK)
        return NULL;
    for (uint32_t i = 0; i < 500; i++)
        caught += call(module, "fault_read", NOWHERE, 0) == STATUS_ACCESS_VIOLATION;
    ldr_thread_leave(&scope);
    return (void *)(uintptr_t)caught;
}

enum { CROWD = 150 };

static pthread_barrier_t all_there;

static void *fault_in_a_crowd(void *unused)
{
    (void)unused;
    ldr_thread_scope scope;
    bool entered = ldr_thread_enter(context, &scope) == LDR_OK;
    pthread_barrier_wait(&all_there);
    uint64_t code = entered ? call(module, "fault_read", NOWHERE, 0) : 0;
    if (entered)
        ldr_thread_leave(&scope);
    return (void *)(uintptr_t)code;
}

Test(guest_faults, every_one_of_many_threads_is_known)
{
    pthread_t threads[CROWD];
    pthread_barrier_init(&all_there, NULL, CROWD);
    for (size_t i = 0; i < CROWD; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, fault_in_a_crowd, NULL), 0);
    for (size_t i = 0; i < CROWD; i++) {
        void *code;
        pthread_join(threads[i], &code);
        cr_assert_eq((uintptr_t)code, STATUS_ACCESS_VIOLATION);
    }
    pthread_barrier_destroy(&all_there);
}

/* Meanwhile the list of modules changes. */
Test(guest_faults, threads_fault_while_modules_come_and_go)
{
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, fault_often, NULL), 0);
    for (size_t i = 0; i < 20; i++) {
        ldr_context *other;
        cr_assert_eq(ldr_context_create(traced_options(), &other), LDR_OK);
        ldr_unload(load(other, "library.dll"));
        ldr_context_destroy(other);
        ldr_thread_scope scope;
        cr_assert_eq(ldr_thread_enter(context, &scope), LDR_OK);
        ldr_thread_leave(&scope);
    }
    for (size_t i = 0; i < 4; i++) {
        void *caught;
        pthread_join(threads[i], &caught);
        cr_assert_eq((uintptr_t)caught, 500);
    }
}
