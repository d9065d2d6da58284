/* Start-up, exit, callbacks and errors. */
#include <criterion/criterion.h>
#include <sched.h>
#include <string.h>

#include "guest.h"
#include "support/traced.h"

TestSuite(crt_runtime, .init = guest_begin, .fini = guest_end);

/* ---- Functions at exit ---- */

static char order[8];

static void LDR_WINAPI first(void)
{
    strcat(order, "1");
}

static void LDR_WINAPI second(void)
{
    strcat(order, "2");
}

static void LDR_WINAPI registers_another(void)
{
    MSVCRT(ldr__crt_void_function, _onexit, ldr__crt_void_function);
    strcat(order, "r");
    _onexit(second);
}

Test(crt_runtime, functions_at_exit_run_in_reverse_once)
{
    MSVCRT(ldr__crt_void_function, _onexit, ldr__crt_void_function);
    MSVCRT(void, _cexit, void);
    *order = '\0';
    cr_expect_eq(_onexit(first), first);
    _onexit(registers_another);
    _onexit(second);
    _cexit();
    cr_expect_str_eq(order, "2r21");
    _cexit();
    cr_expect_str_eq(order, "2r21");
    cr_expect_null(_onexit(NULL));
}

Test(crt_runtime, modules_own_table_runs_in_reverse_and_is_then_empty)
{
    UCRT(int, _initialize_onexit_table, void **);
    UCRT(int, _register_onexit_function, void **, ldr__crt_void_function);
    UCRT(int, _execute_onexit_table, void **);
    void *table[3] = {table, table, table};
    *order = '\0';
    cr_expect_eq(_initialize_onexit_table(table), 0);
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(_register_onexit_function(table, first), 0);
        cr_expect_eq(_register_onexit_function(table, second), 0);
    }
    cr_expect_eq(_execute_onexit_table(table), 0);
    cr_expect_str_eq(order, "212121");
    cr_expect_null(table[0]);
    cr_expect_eq(_execute_onexit_table(table), 0);
    cr_expect_eq(_execute_onexit_table(NULL), -1);
}

Test(crt_runtime, dllonexit_grows_the_callers_array)
{
    MSVCRT(ldr__crt_void_function, __dllonexit, ldr__crt_void_function, void ***, void ***);
    MSVCRT(void *, malloc, size_t);
    MSVCRT(void, free, void *);
    void **begin = malloc(8), **end = begin;
    for (int i = 0; i < 100; i++)
        cr_assert_eq(__dllonexit(first, &begin, &end), first);
    cr_expect_eq(end - begin, 100);
    cr_expect_eq(begin[99], (void *)first);
    free(begin);
}

/* ---- Initialisers ---- */

static int calls;

static void LDR_WINAPI count_call(void)
{
    calls++;
}

static int LDR_WINAPI fail_with_7(void)
{
    return 7;
}

Test(crt_runtime, initterm_skips_null_and_initterm_e_stops_at_an_error)
{
    MSVCRT(void, _initterm, const ldr__crt_void_function *, const ldr__crt_void_function *);
    UCRT(int, _initterm_e, const void *, const void *);
    const ldr__crt_void_function table[] = {NULL, count_call, NULL, count_call};
    calls = 0;
    _initterm(table, table + 4);
    cr_expect_eq(calls, 2);
    int(LDR_WINAPI *const failing[])(void) = {NULL, fail_with_7,
                                              (int(LDR_WINAPI *)(void))count_call};
    cr_expect_eq(_initterm_e(failing, failing + 3), 7);
    cr_expect_eq(calls, 2);
}

Test(crt_runtime, arguments_are_there_narrow_and_wide)
{
    MSVCRT(int, __getmainargs, int *, char ***, char ***, int, int *);
    UCRT(int, _configure_narrow_argv, int);
    UCRT(int *, __p___argc, void);
    UCRT(WCHAR ***, __p___wargv, void);
    int argc = -1;
    char **argv = NULL, **environment = NULL;
    cr_expect_eq(__getmainargs(&argc, &argv, &environment, 0, NULL), 0);
    cr_expect_geq(argc, 1);
    cr_expect_not_null(argv[0]);
    cr_expect_null(argv[argc]);
    cr_expect_not_null(environment);
    cr_expect_eq(_configure_narrow_argv(1), 0);
    cr_expect_eq(*__p___argc(), argc);
    cr_expect_not_null((*__p___wargv())[0]);
}

/* ---- errno ---- */

Test(crt_runtime, error_numbers_are_those_of_windows)
{
    cr_expect_eq(ldr__crt_errno_from_host(ENOENT), 2);
    cr_expect_eq(ldr__crt_errno_from_host(EAGAIN), 11);
    cr_expect_eq(ldr__crt_errno_from_host(ERANGE), 34);
    cr_expect_eq(ldr__crt_errno_from_host(EDEADLK), 36);
    cr_expect_eq(ldr__crt_errno_from_host(ENAMETOOLONG), 38);
    cr_expect_eq(ldr__crt_errno_from_host(ENOTEMPTY), 41);
    cr_expect_eq(ldr__crt_errno_from_host(EILSEQ), 42);
    cr_expect_eq(ldr__crt_errno_from_host(EOVERFLOW), 132);
    cr_expect_eq(ldr__crt_errno_from_host(ETIMEDOUT), 138);
    cr_expect_eq(ldr__crt_errno_from_host(12345), EINVAL);
}

Test(crt_runtime, error_texts_are_those_of_windows)
{
    MSVCRT(char *, strerror, int);
    UCRT(int, strerror_s, char *, size_t, int);
    char text[8];
    cr_expect_str_eq(strerror(0), "No error");
    cr_expect_str_eq(strerror(2), "No such file or directory");
    cr_expect_str_eq(strerror(34), "Result too large");
    cr_expect_str_eq(strerror(-1), "Unknown error");
    cr_expect_str_eq(strerror(12345), "Unknown error");
    cr_expect_eq(strerror_s(text, sizeof text, 2), 0);
    cr_expect_str_eq(text, "No such");
}

static int refusals;

static void LDR_WINAPI count_refusal(const WCHAR *expression, const WCHAR *function,
                                     const WCHAR *file, uint32_t line, uintptr_t reserved)
{
    (void)expression, (void)function, (void)file, (void)line, (void)reserved;
    refusals++;
}

Test(crt_runtime, invalid_parameter_handler_of_the_guest_is_called)
{
    UCRT(void *, _set_invalid_parameter_handler, void *);
    UCRT(int, fclose, void *);
    refusals = 0;
    cr_expect_null(_set_invalid_parameter_handler((void *)count_refusal));
    cr_expect_eq(fclose(NULL), -1);
    cr_expect_eq(refusals, 1);
    cr_expect_eq(_set_invalid_parameter_handler(NULL), (void *)count_refusal);
}

/* ---- Callbacks and signals ---- */

static int LDR_WINAPI by_value(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static int LDR_WINAPI by_sign(void *sign, const void *a, const void *b)
{
    return *(int *)sign * by_value(a, b);
}

Test(crt_runtime, sorting_and_searching_call_the_guest)
{
    MSVCRT(void, qsort, void *, size_t, size_t, void *);
    MSVCRT(void, qsort_s, void *, size_t, size_t, void *, void *);
    MSVCRT(void *, bsearch, const void *, const void *, size_t, size_t, void *);
    int values[] = {5, 3, 9, 1, 7}, key = 7, absent = 4, minus = -1;
    qsort(values, 5, sizeof *values, (void *)by_value);
    cr_expect_arr_eq(values, ((int[]){1, 3, 5, 7, 9}), sizeof values);
    cr_expect_eq(bsearch(&key, values, 5, sizeof *values, (void *)by_value), &values[3]);
    cr_expect_null(bsearch(&absent, values, 5, sizeof *values, (void *)by_value));
    qsort_s(values, 5, sizeof *values, (void *)by_sign, &minus);
    cr_expect_arr_eq(values, ((int[]){9, 7, 5, 3, 1}), sizeof values);
    qsort(values, 5, 0, (void *)by_value);
    cr_expect_eq(guest_errno(), EINVAL);
}

static int caught;

static void LDR_WINAPI catch_signal(int number)
{
    caught = number;
}

Test(crt_runtime, raised_signal_reaches_its_handler_once)
{
    MSVCRT(void *, signal, int, void *);
    MSVCRT(int, raise, int);
    caught = 0;
    cr_expect_null(signal(15, (void *)catch_signal));
    cr_expect_eq(raise(15), 0);
    cr_expect_eq(caught, 15);
    cr_expect_null(signal(15, (void *)(intptr_t)1)); /* back to the default by the raise */
    cr_expect_eq(raise(15), 0);
    cr_expect_eq(signal(99, (void *)catch_signal), (void *)(intptr_t)-1);
    cr_expect_eq(guest_errno(), EINVAL);
}

Test(crt_runtime, exported_variables_are_the_contexts_own)
{
    int *fmode = ldr__crt_data(ldr__crt_self(), "_fmode");
    cr_assert_not_null(fmode);
    *fmode = 0x8000;
    ldr_context *other;
    ldr_thread_scope scope;
    cr_assert_eq(ldr_context_create(traced_options(), &other), LDR_OK);
    cr_assert_eq(ldr_thread_enter(other, &scope), LDR_OK);
    int *theirs = ldr__crt_data(ldr__crt_self(), "_fmode");
    cr_expect_neq(theirs, fmode);
    cr_expect_eq(*theirs, 0);
    ldr_thread_leave(&scope);
    ldr_context_destroy(other);
}

/* ---- Heap ---- */

Test(crt_runtime, heap_blocks_have_sizes_and_alignments)
{
    MSVCRT(void *, malloc, size_t);
    MSVCRT(void *, calloc, size_t, size_t);
    MSVCRT(void *, realloc, void *, size_t);
    MSVCRT(size_t, _msize, void *);
    MSVCRT(void, free, void *);
    MSVCRT(void *, _aligned_malloc, size_t, size_t);
    MSVCRT(void *, _aligned_realloc, void *, size_t, size_t);
    MSVCRT(size_t, _aligned_msize, void *, size_t, size_t);
    MSVCRT(void, _aligned_free, void *);
    void *block = malloc(100);
    cr_expect_geq(_msize(block), 100);
    cr_expect_null(realloc(block, 0));
    void *empty = malloc(0);
    cr_expect_not_null(empty);
    free(empty);
    cr_expect_null(calloc(SIZE_MAX, 2));
    cr_expect_eq(guest_errno(), ENOMEM);
    char *aligned = _aligned_malloc(100, 256);
    cr_expect_eq((uintptr_t)aligned % 256, 0);
    aligned[99] = 'x';
    aligned = _aligned_realloc(aligned, 1000, 512);
    cr_expect_eq((uintptr_t)aligned % 512, 0);
    cr_expect_eq(aligned[99], 'x');
    cr_expect_eq(_aligned_msize(aligned, 512, 0), 1000);
    _aligned_free(aligned);
    cr_expect_null(_aligned_malloc(10, 3));
    cr_expect_null(_aligned_malloc(SIZE_MAX, 16));
}

/* ---- Environment ---- */

Test(crt_runtime, variables_are_found_in_any_case_in_both_widths)
{
    MSVCRT(int, _putenv, const char *);
    MSVCRT(char *, getenv, const char *);
    MSVCRT(WCHAR *, _wgetenv, const WCHAR *);
    cr_expect_eq(_putenv("Peload_Test=one"), 0);
    cr_expect_str_eq(getenv("PELOAD_TEST"), "one");
    cr_expect_eq(_wgetenv(W("peload_test"))[2], 'e');
    cr_expect_eq(_putenv("PELOAD_TEST="), 0);
    cr_expect_null(getenv("Peload_Test"));
    cr_expect_eq(_putenv("nonsense"), -1);
}

static void LDR_WINAPI plain_thread(void *ran)
{
    atomic_store((atomic_int *)ran, 1);
}

Test(crt_runtime, handle_of_a_begun_thread_is_closed_at_its_end)
{
    MSVCRT(uintptr_t, _beginthread, void(LDR_WINAPI *)(void *), uint32_t, void *);
    atomic_int ran = 0;
    HANDLE handle = (HANDLE)_beginthread(plain_thread, 0, &ran);
    cr_assert_neq(handle, INVALID_HANDLE_VALUE);
    while (atomic_load(&ldr__process_self()->guest_threads) > 0)
        sched_yield();
    cr_expect_eq(atomic_load(&ran), 1);
    ldr__object *object = ldr__handle_get_any(ldr__process_self(), handle);
    cr_expect_null(object);
    ldr__object_release(object);
}
