#include "tests.h"

typedef struct holder {
    ldr__lock *lock;
    HANDLE has_it, may_go;
} holder;

static DWORD CALLBACK hold(void *self)
{
    holder *h = self;
    ldr__os_lock(h->lock);
    SetEvent(h->has_it);
    WaitForSingleObject(h->may_go, INFINITE);
    ldr__os_unlock(h->lock);
    return 0;
}

/* Until it may go, another thread has the lock. */
static HANDLE let_hold(holder *h, ldr__lock *lock)
{
    *h = (holder){lock, CreateEventW(NULL, FALSE, FALSE, NULL),
                  CreateEventW(NULL, FALSE, FALSE, NULL)};
    HANDLE thread = CreateThread(NULL, 0, hold, h, 0, NULL);
    WaitForSingleObject(h->has_it, INFINITE);
    return thread;
}

static void end_holding(holder *h, HANDLE thread)
{
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
    CloseHandle(h->has_it);
    CloseHandle(h->may_go);
}

static void lock_of_another_is_busy(void)
{
    holder h;
    ldr__lock *lock;
    REQUIRE(ldr__os_lock_create(&lock) == LDR_OK);
    HANDLE thread = let_hold(&h, lock);
    CHECK(ldr__os_lock_within(lock, 0) == LDR_BUSY);
    uint64_t before = ldr__os_time();
    CHECK(ldr__os_lock_within(lock, 100) == LDR_BUSY);
    uint64_t waited = ldr__os_time() - before;
    CHECK(waited >= 80000000 && waited < UINT64_C(20000000000));
    SetEvent(h.may_go);
    end_holding(&h, thread);
    CHECK(ldr__os_lock_within(lock, 0) == LDR_OK);
    ldr__os_unlock(lock);
    ldr__os_lock_destroy(lock);
    ldr__os_lock_destroy(NULL);
}

static DWORD CALLBACK let_go_soon(void *event)
{
    Sleep(50);
    SetEvent(event);
    return 0;
}

static void lock_is_had_when_another_leaves_it(void)
{
    holder h;
    ldr__lock *lock;
    static const uint32_t waits[] = {20000, UINT32_MAX};
    REQUIRE(ldr__os_lock_create(&lock) == LDR_OK);
    for (int i = 0; i < 2; i++) {
        HANDLE thread = let_hold(&h, lock);
        HANDLE other = CreateThread(NULL, 0, let_go_soon, h.may_go, 0, NULL);
        CHECK(ldr__os_lock_within(lock, waits[i]) == LDR_OK);
        ldr__os_unlock(lock);
        WaitForSingleObject(other, INFINITE);
        CloseHandle(other);
        end_holding(&h, thread);
    }
    ldr__os_lock_destroy(lock);
}

static DWORD CALLBACK try_once(void *lock)
{
    if (ldr__os_lock_within(lock, 0) != LDR_OK)
        return LDR_BUSY;
    ldr__os_unlock(lock);
    return LDR_OK;
}

static DWORD tried_by_another(ldr__lock *lock)
{
    DWORD status = 0;
    HANDLE thread = CreateThread(NULL, 0, try_once, lock, 0, NULL);
    WaitForSingleObject(thread, INFINITE);
    GetExitCodeThread(thread, &status);
    CloseHandle(thread);
    return status;
}

static void lock_is_free_after_as_many_ends(void)
{
    ldr__lock *lock;
    REQUIRE(ldr__os_lock_create(&lock) == LDR_OK);
    ldr__os_lock(lock);
    CHECK(ldr__os_lock_within(lock, 0) == LDR_OK);
    CHECK(ldr__os_lock_within(lock, 10) == LDR_OK);
    CHECK(tried_by_another(lock) == LDR_BUSY);
    ldr__os_unlock(lock);
    ldr__os_unlock(lock);
    CHECK(tried_by_another(lock) == LDR_BUSY);
    ldr__os_unlock(lock);
    CHECK(tried_by_another(lock) == LDR_OK);
    ldr__os_lock_destroy(lock);
}

/* ---- Many threads ---- */

enum { THREADS = 4, ROUNDS = 20000 };

typedef struct counter {
    ldr__lock *lock;
    int count, failed;
} counter;

static DWORD CALLBACK add(void *self)
{
    counter *c = self;
    for (int i = 0; i < ROUNDS; i++) {
        bool is_timed = i % 3 == 0;
        if (is_timed && ldr__os_lock_within(c->lock, 20000) != LDR_OK) {
            c->failed = 1;
            continue;
        }
        if (!is_timed)
            ldr__os_lock(c->lock);
        c->count++;
        ldr__os_unlock(c->lock);
    }
    return 0;
}

static void one_thread_at_a_time_has_it(void)
{
    HANDLE threads[THREADS];
    counter c = {0};
    REQUIRE(ldr__os_lock_create(&c.lock) == LDR_OK);
    for (int i = 0; i < THREADS; i++)
        threads[i] = CreateThread(NULL, 0, add, &c, 0, NULL);
    WaitForMultipleObjects(THREADS, threads, TRUE, INFINITE);
    for (int i = 0; i < THREADS; i++)
        CloseHandle(threads[i]);
    CHECK(c.count == THREADS * ROUNDS && !c.failed);
    ldr__os_lock_destroy(c.lock);
}

static DWORD CALLBACK tell_thread(void *ret_id)
{
    *(uint64_t *)ret_id = ldr__os_thread_id();
    return 0;
}

static void threads_have_numbers(void)
{
    uint64_t other = 0;
    HANDLE thread = CreateThread(NULL, 0, tell_thread, &other, 0, NULL);
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
    CHECK(other != 0 && other != ldr__os_thread_id());
    CHECK(ldr__os_thread_id() == ldr__os_thread_id());
}

int run_lock_tests(const char *only)
{
    static const check_test tests[] = {
        {"lock_of_another_is_busy", lock_of_another_is_busy},
        {"lock_is_had_when_another_leaves_it", lock_is_had_when_another_leaves_it},
        {"lock_is_free_after_as_many_ends", lock_is_free_after_as_many_ends},
        {"one_thread_at_a_time_has_it", one_thread_at_a_time_has_it},
        {"threads_have_numbers", threads_have_numbers},
    };
    return RUN(tests, only);
}
