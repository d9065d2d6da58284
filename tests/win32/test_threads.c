#include <pthread.h>
#include <unistd.h>

#include "guest.h"
#include "support/traced.h"
#include "win32/state.h"
#include "win32/wait.h"

#define CREATE_THREAD(ctx)                                                            \
    K32(ctx, HANDLE, CreateThread,                                                    \
        (const void *, size_t, DWORD(LDR_WINAPI *)(void *), void *, DWORD, DWORD *)); \
    K32(ctx, DWORD, WaitForSingleObject, (HANDLE, DWORD));                            \
    K32(ctx, BOOL, GetExitCodeThread, (HANDLE, DWORD *));                             \
    K32(ctx, BOOL, CloseHandle, (HANDLE))

static DWORD LDR_WINAPI add_one(void *value)
{
    return (DWORD)(uintptr_t)value + 1;
}

Test(threads, entered_thread_has_a_block_behind_gs)
{
    ldr_context *ctx = guest_begin();
    ldr__thread *self = ldr__thread_self();
    int here;
    cr_expect_eq(self->teb.self, &self->teb);
    cr_expect_eq(self->process->ctx, ctx);
    cr_expect_eq(self->teb.peb, self->process->peb);
    cr_expect_gt((void *)&here, self->teb.stack_limit);
    cr_expect_lt((void *)&here, self->teb.stack_base);
    guest_end(ctx);
}

Test(threads, nested_enter_of_another_context_is_restored)
{
    ldr_context *outer = guest_begin(), *inner = NULL;
    ldr__thread *block = ldr__thread_self();
    cr_assert_eq(ldr_context_create(traced_options(), &inner), LDR_OK);
    cr_expect_neq(ldr__thread_self(), block);
    ldr_thread_scope scope;
    cr_assert_eq(ldr_thread_enter(outer, &scope), LDR_OK);
    cr_expect_eq(ldr__thread_self(), block);
    ldr_thread_leave(&scope);
    cr_expect_eq(ldr__process_self()->ctx, inner);
    ldr_context_destroy(inner);
    cr_expect_eq(ldr__thread_self(), block);
    guest_end(outer);
}

Test(threads, contexts_end_in_the_order_of_their_beginning)
{
    ldr_context *first = guest_begin(), *second = NULL;
    cr_assert_eq(ldr_context_create(traced_options(), &second), LDR_OK);
    ldr__thread *block = ldr__thread_self();
    ldr_context_destroy(first);
    cr_expect_eq(ldr__thread_self(), block, "still inside the second");
    K32(second, DWORD, GetLastError, (void));
    ldr__set_last_error(5);
    cr_expect_eq(GetLastError(), 5);
    guest_end(second);
}

static void *enter_twice(void *ctx)
{
    ldr_thread_scope scope;
    ldr__thread *first;
    if (ldr_thread_enter(ctx, &scope) != LDR_OK)
        return NULL;
    first = ldr__thread_self();
    ldr_thread_leave(&scope);
    if (ldr_thread_enter(ctx, &scope) != LDR_OK || ldr__thread_self() != first)
        return NULL;
    ldr_thread_leave(&scope);
    return ctx;
}

Test(threads, host_thread_keeps_its_block_and_later_threads_replace_it)
{
    ldr_context *ctx = guest_begin();
    ldr__process *process = ldr__process_self();
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        void *result = NULL;
        cr_assert_eq(pthread_create(&thread, NULL, enter_twice, ctx), 0);
        pthread_join(thread, &result);
        cr_expect_eq(result, ctx);
    }
    int blocks = 0;
    for (ldr__thread *at = process->threads; at; at = at->next)
        blocks++;
    cr_expect_leq(blocks, 3);
    guest_end(ctx);
}

Test(threads, created_thread_runs_and_its_exit_code_is_known)
{
    ldr_context *ctx = guest_begin();
    CREATE_THREAD(ctx);
    DWORD id = 0, code = 0;
    HANDLE thread = CreateThread(NULL, 0, add_one, (void *)41, 0, &id);
    cr_assert_not_null(thread);
    cr_expect_neq(id, 0);
    cr_expect_eq(WaitForSingleObject(thread, LDR__INFINITE), WAIT_OBJECT_0);
    cr_expect(GetExitCodeThread(thread, &code));
    cr_expect_eq(code, 42);
    cr_expect(CloseHandle(thread));
    cr_expect_not(CloseHandle(thread));
    cr_expect_eq(ldr__thread_self()->teb.last_error, ERROR_INVALID_HANDLE);
    guest_end(ctx);
}

static void(LDR_WINAPI *exit_thread)(DWORD);

static DWORD LDR_WINAPI leave_early(void *unused)
{
    (void)unused;
    exit_thread(7);
    return 1;
}

Test(threads, exit_thread_ends_a_thread_with_its_code)
{
    ldr_context *ctx = guest_begin();
    CREATE_THREAD(ctx);
    K32(ctx, void, ExitThread, (DWORD));
    DWORD code = 0;
    exit_thread = ExitThread;
    HANDLE thread = CreateThread(NULL, 0, leave_early, NULL, 0, NULL);
    cr_expect_eq(WaitForSingleObject(thread, LDR__INFINITE), WAIT_OBJECT_0);
    cr_expect(GetExitCodeThread(thread, &code));
    cr_expect_eq(code, 7);
    guest_end(ctx);
}

Test(threads, suspended_thread_runs_when_resumed)
{
    enum { CREATE_SUSPENDED = 4 };
    ldr_context *ctx = guest_begin();
    CREATE_THREAD(ctx);
    K32(ctx, DWORD, ResumeThread, (HANDLE));
    HANDLE thread = CreateThread(NULL, 0, add_one, NULL, CREATE_SUSPENDED, NULL);
    cr_expect_eq(WaitForSingleObject(thread, 20), WAIT_TIMEOUT);
    cr_expect_eq(ResumeThread(thread), 1);
    cr_expect_eq(WaitForSingleObject(thread, LDR__INFINITE), WAIT_OBJECT_0);
    guest_end(ctx);
}

static DWORD LDR_WINAPI own_mutex(void *pair)
{
    HANDLE mutex = ((HANDLE *)pair)[0];
    DWORD(LDR_WINAPI * wait)
    (HANDLE, DWORD) = (DWORD(LDR_WINAPI *)(HANDLE, DWORD))((void **)pair)[1];
    return wait(mutex, LDR__INFINITE);
}

Test(threads, mutex_of_an_ended_thread_is_abandoned)
{
    ldr_context *ctx = guest_begin();
    CREATE_THREAD(ctx);
    K32(ctx, HANDLE, CreateMutexA, (const void *, BOOL, const char *));
    K32(ctx, BOOL, ReleaseMutex, (HANDLE));
    HANDLE mutex = CreateMutexA(NULL, false, NULL);
    void *pair[] = {mutex, (void *)WaitForSingleObject};
    HANDLE thread = CreateThread(NULL, 0, own_mutex, pair, 0, NULL);
    WaitForSingleObject(thread, LDR__INFINITE);
    cr_expect_eq(WaitForSingleObject(mutex, 1000), WAIT_ABANDONED_0);
    cr_expect(ReleaseMutex(mutex));
    cr_expect_not(ReleaseMutex(mutex));
    cr_expect_eq(ldr__thread_self()->teb.last_error, ERROR_NOT_OWNER);
    guest_end(ctx);
}

Test(threads, tls_values_are_per_thread_and_cleared_by_free)
{
    ldr_context *ctx = guest_begin();
    K32(ctx, DWORD, TlsAlloc, (void));
    K32(ctx, BOOL, TlsFree, (DWORD));
    K32(ctx, BOOL, TlsSetValue, (DWORD, void *));
    K32(ctx, void *, TlsGetValue, (DWORD));
    DWORD indexes[100];
    for (int i = 0; i < 100; i++) {
        indexes[i] = TlsAlloc();
        cr_assert_neq(indexes[i], (DWORD)-1);
        cr_expect(TlsSetValue(indexes[i], &indexes[i]));
    }
    cr_expect_eq(TlsGetValue(indexes[99]), &indexes[99]);
    cr_expect(TlsFree(indexes[99]));
    cr_expect_not(TlsFree(indexes[99]));
    cr_expect_eq(TlsAlloc(), indexes[99]);
    cr_expect_null(TlsGetValue(indexes[99]));
    cr_expect_not(TlsSetValue(2000, NULL));
    guest_end(ctx);
}

static int fls_calls;

static void LDR_WINAPI count_fls(void *value)
{
    fls_calls += value == &fls_calls;
}

static DWORD LDR_WINAPI set_fls(void *pair)
{
    BOOL(LDR_WINAPI * set)(DWORD, void *) = (BOOL(LDR_WINAPI *)(DWORD, void *))((void **)pair)[0];
    return (DWORD)set(*(DWORD *)((void **)pair)[1], &fls_calls);
}

Test(threads, fls_callback_runs_at_thread_end_and_at_free)
{
    ldr_context *ctx = guest_begin();
    CREATE_THREAD(ctx);
    K32(ctx, DWORD, FlsAlloc, (void(LDR_WINAPI *)(void *)));
    K32(ctx, BOOL, FlsFree, (DWORD));
    K32(ctx, BOOL, FlsSetValue, (DWORD, void *));
    DWORD index = FlsAlloc(count_fls);
    void *pair[] = {(void *)FlsSetValue, &index};
    HANDLE thread = CreateThread(NULL, 0, set_fls, pair, 0, NULL);
    WaitForSingleObject(thread, LDR__INFINITE);
    cr_expect_eq(fls_calls, 1);
    FlsSetValue(index, &fls_calls);
    cr_expect(FlsFree(index));
    cr_expect_eq(fls_calls, 2);
    guest_end(ctx);
}

Test(threads, a_thousand_threads_leave_nothing)
{
    ldr_context *ctx = guest_begin();
    CREATE_THREAD(ctx);
    ldr__process *process = ldr__process_self();
    HANDLE first = NULL;
    for (int i = 0; i < 1000; i++) {
        HANDLE thread = CreateThread(NULL, 0, add_one, NULL, 0, NULL);
        cr_assert_not_null(thread);
        first = first ? first : thread;
        cr_expect_eq(thread, first, "handles are reused");
        cr_expect_eq(WaitForSingleObject(thread, LDR__INFINITE), WAIT_OBJECT_0);
        cr_expect(CloseHandle(thread));
    }
    int blocks = 0;
    for (ldr__thread *at = process->threads; at; at = at->next)
        blocks++;
    cr_expect_leq(blocks, 2);
    cr_expect_eq(process->guest_threads, 0);
    guest_end(ctx);
}

static void *own_and_go(void *pair)
{
    ldr_thread_scope scope;
    if (ldr_thread_enter(((void **)pair)[2], &scope) != LDR_OK)
        return NULL;
    own_mutex(pair);
    ldr_thread_leave(&scope);
    return pair;
}

Test(threads, mutex_of_a_host_thread_that_is_gone_is_abandoned)
{
    ldr_context *ctx = guest_begin();
    CREATE_THREAD(ctx);
    K32(ctx, HANDLE, CreateMutexA, (const void *, BOOL, const char *));
    HANDLE mutex = CreateMutexA(NULL, false, NULL);
    void *pair[] = {mutex, (void *)WaitForSingleObject, ctx};
    pthread_t host;
    cr_assert_eq(pthread_create(&host, NULL, own_and_go, pair), 0);
    pthread_join(host, NULL);
    for (int i = 0; i < 1000 && ldr__process_self()->threads->next != NULL; i++) {
        usleep(1000); /* the kernel may know it for a moment longer */
        ldr__threads_reap(ldr__process_self());
    }
    cr_expect_eq(WaitForSingleObject(mutex, 0), WAIT_ABANDONED_0);
    guest_end(ctx);
}

Test(threads, unknown_priority_is_refused)
{
    ldr_context *ctx = guest_begin();
    K32(ctx, BOOL, SetThreadPriority, (HANDLE, int));
    K32(ctx, int, GetThreadPriority, (HANDLE));
    cr_expect(SetThreadPriority(LDR__CURRENT_THREAD, 2));
    cr_expect_not(SetThreadPriority(LDR__CURRENT_THREAD, 3));
    cr_expect_eq(ldr__thread_self()->teb.last_error, ERROR_INVALID_PARAMETER);
    cr_expect_eq(GetThreadPriority(LDR__CURRENT_THREAD), 2);
    guest_end(ctx);
}

Test(threads, wait_that_the_end_of_the_process_cuts_short_keeps_no_reference)
{
    ldr_context *ctx = guest_begin();
    CREATE_THREAD(ctx);
    K32(ctx, HANDLE, CreateEventA, (const void *, BOOL, BOOL, const char *));
    K32(ctx, void, ExitProcess, (DWORD));
    ldr__process *process = ldr__process_self();
    HANDLE event = CreateEventA(NULL, true, false, NULL);
    ldr__object *object = ldr__handle_get_any(process, event);
    void *pair[] = {event, (void *)WaitForSingleObject};
    cr_assert_not_null(CreateThread(NULL, 0, own_mutex, pair, 0, NULL));
    while (atomic_load(&object->references) < 3)
        usleep(1000);
    uint64_t result = 0;
    uint32_t exception = 0;
    cr_expect_eq(ldr__guest_call((void *)ExitProcess, (void *)9, 0, NULL, &result, &exception),
                 LDR__CALL_EXITED);
    while (atomic_load(&process->guest_threads) > 0)
        usleep(1000);
    cr_expect_eq(atomic_load(&object->references), 2);
    ldr__object_release(object);
    guest_end(ctx);
}

Test(threads, wait_for_all_of_one_object_twice_is_refused)
{
    ldr_context *ctx = guest_begin();
    K32(ctx, HANDLE, CreateSemaphoreA, (const void *, LONG, LONG, const char *));
    K32(ctx, DWORD, WaitForMultipleObjects, (DWORD, const HANDLE *, BOOL, DWORD));
    HANDLE semaphore = CreateSemaphoreA(NULL, 1, 1, NULL), twice[] = {semaphore, semaphore};
    cr_expect_eq(WaitForMultipleObjects(2, twice, true, 0), (DWORD)-1);
    cr_expect_eq(ldr__thread_self()->teb.last_error, ERROR_INVALID_PARAMETER);
    cr_expect_eq(WaitForMultipleObjects(2, twice, false, 0), WAIT_OBJECT_0);
    guest_end(ctx);
}
