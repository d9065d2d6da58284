/*
 * Every allocation and every call of the system fails once, in the environment
 * that guests run in: while a context is made, a graph of DLLs is loaded,
 * bound, asked, unloaded, a thread enters, a context ends. What fails has left
 * nothing behind, and can be done again.
 */
#include "faulty_libc.h"
#include "made.h"
#include "real.h"
#include "support/faulty_os.h"
#include "support/process.h"
#include "support/sanitizer.h"
#include "support/traced.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- One failure after another ---- */

/* What a failed call must not have changed. */
typedef struct footprint {
    size_t mappings, descriptors;
    long blocks;
    faulty_os_held held;
} footprint;

static footprint measure(void)
{
    size_t mappings = WITH_ASAN ? 0 : count_mappings(); /* a sanitizer's come and go */
    size_t descriptors = process_descriptors();
    return (footprint){mappings, descriptors, faulty_libc_blocks(), faulty_os_holds()};
}

static int attempt_number;  /* of what the guest tries */
static bool is_program_run; /* a program does not free what its C runtime has copied for it */

/* Pages of a thread's stack that are not opened when it ends stay apart until
 * it is used again. */
static bool may_split(const char *name)
{
    return name != NULL && strcmp(name, "mprotect_open") == 0;
}

static void expect_as_before(footprint before, unsigned call)
{
    footprint now = measure();
    const char *name = faulty_os_failed();
    cr_assert(now.mappings <= before.mappings || may_split(name), "attempt %d, call %u (%s)",
              attempt_number, call, name);
    cr_assert_eq(now.descriptors, before.descriptors, "attempt %d, call %u (%s)", attempt_number,
                 call, name);
    cr_assert(now.blocks == before.blocks || is_program_run,
              "attempt %d, call %u (%s): %ld blocks more", attempt_number, call, name,
              now.blocks - before.blocks);
    cr_assert_eq(now.held.handles, before.held.handles, "attempt %d, call %u (%s)", attempt_number,
                 call, name);
    cr_assert_eq(now.held.bytes, before.held.bytes, "attempt %d, call %u (%s)", attempt_number,
                 call, name);
}

typedef struct step {
    void (*prepare)(void);
    ldr_status (*act)(void);
    /* Checks what `act` has done, and takes it back. */
    void (*undo)(ldr_status status);
    /* Calls whose failure may go unnoticed, NULL at the end. */
    const char *tolerated[7];
    unsigned quick; /* nor need the first so many be noticed: there is another,
                       longer way */
} step;

static bool is_tolerated(const step *s, unsigned call, const char *name)
{
    size_t i = 0;
    if (call < s->quick)
        return true;
    while (s->tolerated[i] != NULL && strcmp(s->tolerated[i], name) != 0)
        i++;
    return s->tolerated[i] != NULL;
}

static ldr_status act_with_failure(const step *s, unsigned call, bool *ret_failed)
{
    faulty_libc(true);
    faulty_os_fail_at(call, false);
    ldr_status status = s->act();
    *ret_failed = call < faulty_os_stop();
    faulty_libc(false);
    return status;
}

/* A failure is told as what it was. */
static bool is_expected(ldr_status status, const char *name)
{
    if (strcmp(name, "file_read") == 0)
        return status == LDR_IO_ERROR;
    return status == LDR_NO_MEMORY || status == LDR_OS_ERROR;
}

static void check_status(const step *s, ldr_status status, unsigned call, bool failed)
{
    const char *name = faulty_os_failed();
    if (!failed)
        cr_assert_eq(status, LDR_OK);
    else if (status == LDR_OK)
        cr_assert(is_tolerated(s, call, name), "attempt %d, call %u (%s) has failed unnoticed",
                  attempt_number, call, name);
    else
        cr_assert(is_expected(status, name), "status %d, call %u (%s)", (int)status, call, name);
}

/* The same again and again, with call 0, 1, 2 and so on failing, until there is
 * none more. */
static void fail_each(const step *s)
{
    bool failed = true;
    for (unsigned call = 0; failed; call++) {
        footprint before = measure();
        s->prepare();
        ldr_status status = act_with_failure(s, call, &failed);
        check_status(s, status, call, failed);
        s->undo(status);
        expect_as_before(before, call);
    }
}

/* ---- What is done ---- */

static ldr_context *ctx;
static ldr_module *module;

static void nothing(void)
{
}

static ldr_status create(void)
{
    ctx = NULL;
    return made_context_create(&ctx);
}

static void destroy(ldr_status status)
{
    cr_assert_eq(ctx != NULL, status == LDR_OK);
    ldr_context_destroy(ctx);
}

static ldr_status load(void)
{
    module = NULL;
    return ldr_load_name(ctx, "m0.dll", NULL, &module, NULL);
}

static void unload(ldr_status status)
{
    cr_assert_eq(module != NULL, status == LDR_OK);
    cr_assert_eq(made_present(ctx), status == LDR_OK ? MADE_DLLS - 1 : 0);
    if (status == LDR_OK)
        ldr_unload(module);
    cr_assert_eq(made_present(ctx), 0);
}

static void load_unharmed(void)
{
    cr_assert_eq(load(), LDR_OK);
}

static void load_with_context(void)
{
    ctx = made_context();
    load_unharmed();
}

static void start_graph(void)
{
    made_build();
    ctx = made_context();
    for (int i = 0; i < 2; i++) { /* what is made once and stays */
        load_unharmed();
        cr_assert_not_null(ldr_symbol(module, "late"));
        ldr_unload(module);
    }
}

static void end_graph(void)
{
    load_unharmed();
    unload(LDR_OK);
    ldr_context_destroy(ctx);
    made_free();
}

/* ---- Tests ---- */

Test(failures, context_that_cannot_be_made_leaves_nothing, .timeout = 300)
{
    static const step s = {nothing, create, destroy, {NULL}, 0};
    made_build();
    ldr_context_destroy(made_context());
    fail_each(&s);
    made_free();
}

/* A base that cannot be had is as one that is taken. */
Test(failures, graph_that_cannot_be_loaded_leaves_nothing, .timeout = 300)
{
    static const step s = {nothing, load, unload, {"reserve", "mmap_at"}, 0};
    start_graph();
    fail_each(&s);
    end_graph();
}

/* ---- Files ---- */

static ldr_status load_file(void)
{
    module = NULL;
    return ldr_load_name(ctx, "dependent.dll", NULL, &module, NULL);
}

static void unload_file(ldr_status status)
{
    cr_assert_eq(module != NULL, status == LDR_OK);
    if (status == LDR_OK)
        ldr_unload(module);
    cr_assert_null(ldr_module_find(ctx, "dependent.dll"));
    cr_assert_null(ldr_module_find(ctx, "dependency.dll"));
}

/*
 * In the last folder of PATH. What processes share of files is a matter of speed, and what the
 * runtime in the DLLs allocates when they start (calloc) is theirs.
 */
Test(failures, files_that_cannot_be_loaded_leave_nothing, .timeout = 300)
{
    static const step s = {nothing,
                           load_file,
                           unload_file,
                           {"reserve", "mmap_at", "copy_find", "file_stamp", "calloc"},
                           0};
    const ldr_context_options options = {.size = sizeof options, .policy = LDR_POLICY_WINDOWS};
    char path[4096];
    snprintf(path, sizeof path, "/nonexistent:%s", guest_file(""));
    setenv("PATH", path, 1);
    cr_assert_eq(ldr_context_create(&options, &ctx), LDR_OK);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(load_file(), LDR_OK);
        unload_file(LDR_OK);
    }
    fail_each(&s);
    ldr_context_destroy(ctx);
}

static ldr_status unload_with_failure(void)
{
    ldr_unload(module);
    return LDR_OK;
}

static void expect_unloaded(ldr_status status)
{
    (void)status;
    cr_assert_eq(made_present(ctx), 0);
}

Test(failures, graph_is_unloaded_whatever_fails, .timeout = 300)
{
    static const step s = {load_unharmed, unload_with_failure, expect_unloaded, {NULL}, 0};
    start_graph();
    fail_each(&s);
    end_graph();
}

static ldr_status destroy_with_failure(void)
{
    ldr_context_destroy(ctx);
    return LDR_OK;
}

static void expect_nothing(ldr_status status)
{
    (void)status;
}

Test(failures, context_ends_whatever_fails, .timeout = 300)
{
    static const step s = {load_with_context, destroy_with_failure, expect_nothing, {NULL}, 0};
    made_build();
    ldr_context_destroy(made_context());
    fail_each(&s);
    made_free();
}

/* The export is in a DLL that is not loaded yet, and found when it can be. */
static ldr_status ask(void)
{
    void *address;
    return ldr_symbol_find(module, "late", 0, &address, NULL);
}

static void ask_again_and_unload(ldr_status status)
{
    cr_assert_eq(made_present(ctx), status == LDR_OK ? MADE_DLLS : MADE_DLLS - 1);
    made_counter *counter = ldr_symbol(module, "late");
    cr_assert_not_null(counter);
    cr_assert_eq(*counter(), 1000 * (MADE_DLLS - 1) + 2);
    ldr_unload(module);
}

Test(failures, forwarder_to_a_dll_that_cannot_be_loaded_leaves_nothing, .timeout = 300)
{
    static const step s = {load_unharmed, ask, ask_again_and_unload, {"reserve", "mmap_at"}, 8};
    start_graph();
    fail_each(&s);
    end_graph();
}

/* ---- Threads ---- */

static struct {
    pthread_t thread;
    sem_t may_enter, has_entered, may_go_on;
    ldr_status status;
} other;

/* To those that are loaded. */
static void expect_attached(void)
{
    for (int i = 0; i < MADE_DLLS; i++) {
        ldr_module *one = ldr_module_find(ctx, made_names[i]);
        made_counter *counter = one != NULL ? ldr_symbol(one, "counter") : NULL;
        if (counter != NULL)
            cr_assert_eq(*counter(), 1000 * i + 2, "%s", made_names[i]);
    }
}

/* In the end it has entered, if not at once then when nothing fails any more.
 */
static void *other_main(void *user)
{
    ldr_thread_scope scope;
    (void)user;
    sem_wait(&other.may_enter);
    other.status = ldr_thread_enter(ctx, &scope);
    sem_post(&other.has_entered);
    sem_wait(&other.may_go_on);
    if (other.status != LDR_OK)
        cr_assert_eq(ldr_thread_enter(ctx, &scope), LDR_OK);
    expect_attached();
    ldr_thread_leave(&scope);
    return NULL;
}

static void start_others(void)
{
    sem_init(&other.may_enter, 0, 0);
    sem_init(&other.has_entered, 0, 0);
    sem_init(&other.may_go_on, 0, 0);
}

static void start_thread(void)
{
    cr_assert_eq(pthread_create(&other.thread, NULL, other_main, NULL), 0);
}

static ldr_status enter(void)
{
    sem_post(&other.may_enter);
    sem_wait(&other.has_entered);
    return other.status;
}

static void end_thread(ldr_status status)
{
    (void)status;
    sem_post(&other.may_go_on);
    pthread_join(other.thread, NULL);
}

Test(failures, thread_that_cannot_enter_is_let_in_later, .timeout = 300)
{
    static const step s = {start_thread, enter, end_thread, {NULL}, 0};
    start_others();
    start_graph();
    load_unharmed();
    for (int i = 0; i < 2; i++) { /* a thread that has ended is forgotten when the next one comes */
        start_thread();
        end_thread(enter());
    }
    fail_each(&s);
    unload(LDR_OK);
    end_graph();
}

/* ---- Guests ---- */

typedef int LDR_WINAPI count_function(void);
typedef int LDR_WINAPI attempt_function(int number);

static attempt_function *attempt_in_guest;
static int attempt_code;

static ldr_status attempt(void)
{
    attempt_code = attempt_in_guest(attempt_number);
    return attempt_code == 0 ? LDR_OK : LDR_NO_MEMORY;
}

/* Threads that have ended are forgotten when one comes; that one remains. */
static void forget_threads(void)
{
    start_thread();
    end_thread(enter());
}

static void expect_right_error(ldr_status status)
{
    (void)status;
    cr_expect(attempt_code <= 1, "attempt %d: line %d, error %d, after %s", attempt_number,
              attempt_code / 1000, attempt_code % 1000, faulty_os_failed());
    forget_threads();
}

Test(failures, guest_is_told_what_has_run_out, .timeout = 300)
{
    /* A trace goes without what there is no memory for, and what cannot be read. */
    const unsigned lenient = traced_options() != NULL ? UINT_MAX : 0;
    const step s = {nothing, attempt, expect_right_error, {"mprotect_open"}, lenient};
    /* What is loaded already is first asked for quickly, without the loader's lock. */
    const step loads = {
        nothing, attempt, expect_right_error, {"reserve", "mmap_at", "alloc", "calloc"}, lenient};
    start_others();
    start_graph();
    ldr_module *scarce = real_load(ctx, guest_file("../../tests/load/guest/scarce.dll"));
    count_function *count = ldr_symbol(scarce, "attempt_count");
    attempt_in_guest = ldr_symbol(scarce, "attempt");
    forget_threads();
    for (attempt_number = 0; attempt_number < count(); attempt_number++) {
        for (int i = 0; i < 2; i++)
            cr_assert_eq(attempt(), LDR_OK, "attempt %d: %d", attempt_number, attempt_code);
        forget_threads();
        fail_each(attempt_number == 0 ? &loads : &s);
    }
    ldr_unload(scarce);
    end_graph();
}

/* ---- A program ---- */

static void load_program(void)
{
    cr_assert_eq(ldr_context_create(traced_options(), &ctx), LDR_OK);
    module = real_load(ctx, guest_file("hello.exe"));
}

/* However the program takes it: it has ended, by its return or by ExitProcess, or not begun. */
static ldr_status run(void)
{
    static const char *const arguments[] = {"hello.exe", "0"};
    uint32_t exit_code;
    return ldr_run(module, 2, arguments, &exit_code, NULL);
}

static void end_program(ldr_status status)
{
    (void)status;
    ldr_context_destroy(ctx);
}

/* The start of a mingw program copies to memory that it has not got: an exception in the program,
 * which a sanitizer takes for a mistake of ours. */
Test(failures, program_ends_whatever_fails, .timeout = 300, .disabled = WITH_ASAN)
{
    static const step s = {load_program,
                           run,
                           end_program,
                           {"malloc", "calloc", "realloc", "strdup", "mprotect_open", "peek"},
                           0};
    is_program_run = true;
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    cr_assert_eq(dup2(nowhere, STDOUT_FILENO), STDOUT_FILENO);
    for (int i = 0; i < 2; i++) {
        load_program();
        end_program(run());
    }
    fail_each(&s);
}
