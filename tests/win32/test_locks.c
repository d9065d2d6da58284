#include "guest.h"
#include "win32/wait.h"

typedef struct shared {
    uint64_t section[5];
    void *lock;
    uint64_t variable;
    int count, turns;
    void(LDR_WINAPI *enter)(void *);
    void(LDR_WINAPI *leave)(void *);
} shared;

static DWORD LDR_WINAPI count_up(void *user)
{
    shared *all = user;
    for (int i = 0; i < all->turns; i++) {
        all->enter(all->lock);
        all->count++;
        all->leave(all->lock);
    }
    return 0;
}

static void count_in_threads(ldr_context *ctx, shared *all)
{
    K32(ctx, HANDLE, CreateThread,
        (const void *, size_t, DWORD(LDR_WINAPI *)(void *), void *, DWORD, DWORD *));
    K32(ctx, DWORD, WaitForMultipleObjects, (DWORD, const HANDLE *, BOOL, DWORD));
    HANDLE threads[4];
    all->turns = 20000;
    for (int i = 0; i < 4; i++)
        threads[i] = CreateThread(NULL, 0, count_up, all, 0, NULL);
    cr_expect_eq(WaitForMultipleObjects(4, threads, true, LDR__INFINITE), WAIT_OBJECT_0);
    cr_expect_eq(all->count, 4 * all->turns);
}

Test(locks, critical_section_recurses_and_excludes)
{
    ldr_context *ctx = guest_begin();
    K32(ctx, void, InitializeCriticalSection, (void *));
    K32(ctx, void, EnterCriticalSection, (void *));
    K32(ctx, void, LeaveCriticalSection, (void *));
    K32(ctx, void, DeleteCriticalSection, (void *));
    shared all = {.enter = EnterCriticalSection, .leave = LeaveCriticalSection};
    all.lock = all.section;
    InitializeCriticalSection(all.section);
    EnterCriticalSection(all.section);
    EnterCriticalSection(all.section);
    LeaveCriticalSection(all.section);
    LeaveCriticalSection(all.section);
    count_in_threads(ctx, &all);
    DeleteCriticalSection(all.section);
    guest_end(ctx);
}

Test(locks, slim_lock_excludes_writers_and_admits_readers)
{
    ldr_context *ctx = guest_begin();
    K32(ctx, void, AcquireSRWLockExclusive, (void *));
    K32(ctx, void, ReleaseSRWLockExclusive, (void *));
    K32(ctx, void, AcquireSRWLockShared, (void *));
    K32(ctx, void, ReleaseSRWLockShared, (void *));
    K32(ctx, uint8_t, TryAcquireSRWLockExclusive, (void *));
    K32(ctx, uint8_t, TryAcquireSRWLockShared, (void *));
    shared all = {.enter = AcquireSRWLockExclusive, .leave = ReleaseSRWLockExclusive};
    all.lock = &all.variable;
    count_in_threads(ctx, &all);
    AcquireSRWLockShared(&all.variable);
    cr_expect(TryAcquireSRWLockShared(&all.variable));
    cr_expect_not(TryAcquireSRWLockExclusive(&all.variable));
    ReleaseSRWLockShared(&all.variable);
    ReleaseSRWLockShared(&all.variable);
    cr_expect_eq(all.variable, 0);
    guest_end(ctx);
}

Test(locks, condition_variable_times_out_with_the_lock_held_again)
{
    ldr_context *ctx = guest_begin();
    K32(ctx, void, InitializeCriticalSection, (void *));
    K32(ctx, void, EnterCriticalSection, (void *));
    K32(ctx, void, LeaveCriticalSection, (void *));
    K32(ctx, BOOL, SleepConditionVariableCS, (void *, void *, DWORD));
    shared all = {0};
    InitializeCriticalSection(all.section);
    EnterCriticalSection(all.section);
    cr_expect_not(SleepConditionVariableCS(&all.variable, all.section, 20));
    cr_expect_eq(ldr__thread_self()->teb.last_error, ERROR_TIMEOUT);
    LeaveCriticalSection(all.section);
    guest_end(ctx);
}

Test(locks, init_once_runs_once)
{
    ldr_context *ctx = guest_begin();
    K32(ctx, BOOL, InitOnceBeginInitialize, (void *, DWORD, BOOL *, void **));
    K32(ctx, BOOL, InitOnceComplete, (void *, DWORD, void *));
    uint64_t once = 0;
    BOOL pending = false;
    void *context = NULL;
    cr_expect(InitOnceBeginInitialize(&once, 0, &pending, &context));
    cr_expect(pending);
    cr_expect(InitOnceComplete(&once, 0, &once));
    cr_expect(InitOnceBeginInitialize(&once, 0, &pending, &context));
    cr_expect_not(pending);
    cr_expect_eq(context, &once);
    guest_end(ctx);
}

Test(locks, waits_follow_semaphores_and_events)
{
    ldr_context *ctx = guest_begin();
    K32(ctx, HANDLE, CreateSemaphoreW, (const void *, LONG, LONG, const WCHAR *));
    K32(ctx, BOOL, ReleaseSemaphore, (HANDLE, LONG, LONG *));
    K32(ctx, HANDLE, CreateEventA, (const void *, BOOL, BOOL, const char *));
    K32(ctx, DWORD, WaitForMultipleObjects, (DWORD, const HANDLE *, BOOL, DWORD));
    K32(ctx, DWORD, WaitForSingleObject, (HANDLE, DWORD));
    HANDLE both[] = {CreateSemaphoreW(NULL, 0, 2, NULL), CreateEventA(NULL, false, true, NULL)};
    LONG previous = -1;
    cr_expect_eq(WaitForMultipleObjects(2, both, true, 10), WAIT_TIMEOUT);
    cr_expect_eq(WaitForMultipleObjects(2, both, false, 10), WAIT_OBJECT_0 + 1);
    cr_expect_eq(WaitForSingleObject(both[1], 0), WAIT_TIMEOUT);
    cr_expect(ReleaseSemaphore(both[0], 2, &previous));
    cr_expect_eq(previous, 0);
    cr_expect_not(ReleaseSemaphore(both[0], 1, NULL));
    cr_expect_eq(ldr__thread_self()->teb.last_error, ERROR_TOO_MANY_POSTS);
    cr_expect_eq(WaitForSingleObject(both[0], 0), WAIT_OBJECT_0);
    cr_expect_eq(WaitForSingleObject((HANDLE)0x7000, 0), (DWORD)-1);
    guest_end(ctx);
}

Test(locks, named_objects_are_found_again)
{
    ldr_context *ctx = guest_begin();
    K32(ctx, HANDLE, CreateEventA, (const void *, BOOL, BOOL, const char *));
    K32(ctx, HANDLE, CreateMutexA, (const void *, BOOL, const char *));
    K32(ctx, DWORD, WaitForSingleObject, (HANDLE, DWORD));
    HANDLE first = CreateEventA(NULL, true, true, "ready");
    HANDLE second = CreateEventA(NULL, true, false, "ready");
    cr_expect_eq(ldr__thread_self()->teb.last_error, ERROR_ALREADY_EXISTS);
    cr_expect_neq(first, second);
    cr_expect_eq(WaitForSingleObject(second, 0), WAIT_OBJECT_0);
    cr_expect_null(CreateMutexA(NULL, false, "ready"));
    cr_expect_eq(ldr__thread_self()->teb.last_error, ERROR_INVALID_HANDLE);
    guest_end(ctx);
}

Test(locks, interlocked_list_pushes_and_flushes)
{
    ldr_context *ctx = guest_begin();
    K32(ctx, void, InitializeSListHead, (void *));
    K32(ctx, void *, InterlockedPushEntrySList, (void *, void *));
    K32(ctx, void *, InterlockedFlushSList, (void *));
    _Alignas(16) uint64_t head[2], entries[2][2];
    InitializeSListHead(head);
    cr_expect_null(InterlockedPushEntrySList(head, entries[0]));
    cr_expect_eq(InterlockedPushEntrySList(head, entries[1]), entries[0]);
    cr_expect_eq(InterlockedFlushSList(head), entries[1]);
    cr_expect_eq(entries[1][0], (uintptr_t)entries[0]);
    cr_expect_null(InterlockedFlushSList(head));
    guest_end(ctx);
}
