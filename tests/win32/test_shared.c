#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"
#include "support/traced.h"
#include "win32/wait.h"

/* Named objects between processes. Each process is a child of the test and has a context of its
 * own; pipes say who is how far. */

enum { EVENT_ALL_ACCESS = 0x1F0003, MUTEX_ALL_ACCESS = 0x1F0001 };

typedef struct functions {
    HANDLE(LDR_WINAPI *CreateEventA)(void *, BOOL, BOOL, const char *);
    HANDLE(LDR_WINAPI *OpenEventA)(DWORD, BOOL, const char *);
    BOOL(LDR_WINAPI *SetEvent)(HANDLE);
    HANDLE(LDR_WINAPI *CreateMutexA)(void *, BOOL, const char *);
    BOOL(LDR_WINAPI *ReleaseMutex)(HANDLE);
    HANDLE(LDR_WINAPI *CreateSemaphoreA)(void *, LONG, LONG, const char *);
    BOOL(LDR_WINAPI *ReleaseSemaphore)(HANDLE, LONG, LONG *);
    DWORD(LDR_WINAPI *WaitForSingleObject)(HANDLE, DWORD);
    DWORD(LDR_WINAPI *WaitForMultipleObjects)(DWORD, const HANDLE *, BOOL, DWORD);
    BOOL(LDR_WINAPI *CloseHandle)(HANDLE);
} functions;

static functions functions_of(ldr_context *ctx)
{
#define TAKE(name) .name = (__typeof__(((functions *)0)->name))kernel32_function(ctx, #name)
    return (functions){
        TAKE(CreateEventA),     TAKE(OpenEventA),          TAKE(SetEvent),
        TAKE(CreateMutexA),     TAKE(ReleaseMutex),        TAKE(CreateSemaphoreA),
        TAKE(ReleaseSemaphore), TAKE(WaitForSingleObject), TAKE(WaitForMultipleObjects),
        TAKE(CloseHandle)};
#undef TAKE
}

static DWORD last_error(void)
{
    return ldr__thread_self()->teb.last_error;
}

/* A name that no other run of the tests has. */
static const char *object_name(const char *suffix)
{
    static char name[64];
    snprintf(name, sizeof name, "peload test %d %s", (int)getpid(), suffix);
    return name;
}

typedef struct other {
    pid_t pid;
    int from_it;
} other;

/* Runs `body` in another process; it writes to `ready` when the test may go on. Its result is the
 * exit status. */
static other start_other(int (*body)(const functions *k, const char *name, int ready),
                         const char *name)
{
    int ends[2];
    char byte;
    cr_assert_eq(pipe(ends), 0);
    pid_t pid = fork();
    cr_assert(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        ldr_context *ctx = guest_begin();
        functions k = functions_of(ctx);
        int result = body(&k, name, ends[1]);
        guest_end(ctx);
        _exit(result);
    }
    close(ends[1]);
    cr_assert_eq(read(ends[0], &byte, 1), 1, "the other process has not come so far");
    return (other){pid, ends[0]};
}

static int end_other(other process)
{
    int status = -1;
    close(process.from_it);
    cr_assert_eq(waitpid(process.pid, &status, 0), process.pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void kill_other(other process)
{
    kill(process.pid, SIGKILL);
    end_other(process);
}

static void say_ready(int ready)
{
    cr_assert_eq(write(ready, "", 1), 1);
}

/* ---- Events ---- */

static int wait_for_event(const functions *k, const char *name, int ready)
{
    HANDLE event = k->CreateEventA(NULL, false, false, name);
    say_ready(ready);
    return event != NULL && k->WaitForSingleObject(event, 10000) == WAIT_OBJECT_0 ? 0 : 1;
}

Test(shared, event_set_in_one_process_ends_a_wait_in_another)
{
    const char *name = object_name("event");
    other waits = start_other(wait_for_event, name);
    ldr_context *ctx = guest_begin();
    functions k = functions_of(ctx);
    HANDLE event = k.OpenEventA(EVENT_ALL_ACCESS, false, name);
    cr_assert_not_null(event);
    cr_expect(k.SetEvent(event));
    cr_expect_eq(end_other(waits), 0);
    cr_expect_eq(k.WaitForSingleObject(event, 0), (DWORD)WAIT_TIMEOUT, "the other one took it");
    cr_expect(k.CloseHandle(event));
    guest_end(ctx);
}

Test(shared, event_that_exists_keeps_its_state_and_kind)
{
    const char *name = object_name("event");
    ldr_context *ctx = guest_begin(), *second;
    functions k = functions_of(ctx);
    HANDLE manual = k.CreateEventA(NULL, true, true, name);
    cr_expect_eq(last_error(), (DWORD)ERROR_SUCCESS);
    cr_assert_eq(ldr_context_create(traced_options(), &second), LDR_OK);
    functions k2 = functions_of(second);
    HANDLE again = k2.CreateEventA(NULL, false, false, name);
    cr_expect_eq(last_error(), (DWORD)ERROR_ALREADY_EXISTS);
    cr_expect_eq(k2.WaitForSingleObject(again, 0), (DWORD)WAIT_OBJECT_0);
    cr_expect_eq(k2.WaitForSingleObject(again, 0), (DWORD)WAIT_OBJECT_0, "manual reset");
    cr_expect_null(k2.CreateMutexA(NULL, false, name));
    cr_expect_eq(last_error(), (DWORD)ERROR_INVALID_HANDLE, "the name is another type's");
    ldr_context_destroy(second);
    cr_expect(k.CloseHandle(manual));
    cr_expect_null(k.OpenEventA(EVENT_ALL_ACCESS, false, name));
    cr_expect_eq(last_error(), (DWORD)ERROR_FILE_NOT_FOUND, "the name goes with the last handle");
    guest_end(ctx);
}

Test(shared, handle_has_the_rights_that_it_was_opened_with)
{
    enum { MODIFY_STATE = 2 };
    ldr_context *ctx = guest_begin();
    const functions k = functions_of(ctx);
    const char *name = object_name("rights");
    HANDLE made = k.CreateEventA(NULL, true, false, name);
    HANDLE waits = k.OpenEventA(LDR__SYNCHRONIZE, false, name);
    HANDLE sets = k.OpenEventA(MODIFY_STATE, false, name);
    HANDLE all = k.OpenEventA(LDR__GENERIC_ALL, false, name);
    cr_expect_not(k.SetEvent(waits));
    cr_expect_eq(last_error(), (DWORD)ERROR_ACCESS_DENIED);
    cr_expect_eq(k.WaitForSingleObject(sets, 0), (DWORD)-1);
    cr_expect_eq(last_error(), (DWORD)ERROR_ACCESS_DENIED);
    cr_expect(k.SetEvent(sets));
    cr_expect_eq(k.WaitForSingleObject(waits, 0), 0);
    cr_expect(k.SetEvent(all));
    cr_expect_eq(k.WaitForSingleObject(all, 0), 0);
    k.CloseHandle(all);
    k.CloseHandle(sets);
    k.CloseHandle(waits);
    k.CloseHandle(made);
    guest_end(ctx);
}

Test(shared, names_follow_the_rules_of_folders)
{
    ldr_context *ctx = guest_begin();
    functions k = functions_of(ctx);
    char local[80], global[80];
    const char *name = object_name("folder");
    snprintf(local, sizeof local, "Local\\%s", name);
    snprintf(global, sizeof global, "Global\\%s", name);
    HANDLE plain = k.CreateEventA(NULL, true, false, name);
    HANDLE same = k.OpenEventA(EVENT_ALL_ACCESS, false, local);
    cr_expect_not_null(same);
    cr_expect_null(k.OpenEventA(EVENT_ALL_ACCESS, false, global));
    cr_expect_null(k.CreateEventA(NULL, true, false, "no such folder\\name"));
    cr_expect_eq(last_error(), (DWORD)ERROR_PATH_NOT_FOUND);
    k.CloseHandle(plain);
    k.CloseHandle(same);
    guest_end(ctx);
}

/* ---- Mutexes ---- */

static int hold_mutex(const functions *k, const char *name, int ready)
{
    HANDLE mutex = k->CreateMutexA(NULL, true, name);
    say_ready(ready);
    k->WaitForSingleObject(k->CreateEventA(NULL, true, false, NULL), LDR__INFINITE);
    return mutex != NULL ? 0 : 1;
}

Test(shared, mutex_of_a_killed_process_is_abandoned)
{
    const char *name = object_name("mutex");
    other holds = start_other(hold_mutex, name);
    ldr_context *ctx = guest_begin();
    functions k = functions_of(ctx);
    HANDLE mutex = k.CreateMutexA(NULL, true, name);
    cr_expect_eq(last_error(), (DWORD)ERROR_ALREADY_EXISTS);
    cr_expect_eq(k.WaitForSingleObject(mutex, 20), (DWORD)WAIT_TIMEOUT);
    cr_expect_not(k.ReleaseMutex(mutex));
    cr_expect_eq(last_error(), (DWORD)ERROR_NOT_OWNER);
    kill_other(holds);
    cr_expect_eq(k.WaitForSingleObject(mutex, 10000), (DWORD)WAIT_ABANDONED_0);
    cr_expect_eq(k.WaitForSingleObject(mutex, 0), (DWORD)WAIT_OBJECT_0, "twice by its owner");
    cr_expect(k.ReleaseMutex(mutex));
    cr_expect(k.ReleaseMutex(mutex));
    cr_expect_not(k.ReleaseMutex(mutex));
    cr_expect(k.CloseHandle(mutex));
    guest_end(ctx);
}

Test(shared, mutex_that_is_closed_while_owned_is_abandoned_at_the_end)
{
    const char *name = object_name("mutex");
    ldr_context *ctx = guest_begin();
    functions k = functions_of(ctx);
    HANDLE mutex = k.CreateMutexA(NULL, true, name);
    cr_expect(k.CloseHandle(mutex));
    HANDLE fresh = k.CreateMutexA(NULL, true, name);
    cr_expect_eq(last_error(), (DWORD)ERROR_SUCCESS);
    cr_expect(k.ReleaseMutex(fresh));
    guest_end(ctx);
}

/* ---- Several at once ---- */

static int release_two(const functions *k, const char *name, int ready)
{
    HANDLE semaphore = k->CreateSemaphoreA(NULL, 0, 2, name);
    say_ready(ready);
    usleep(20000);
    LONG previous = -1;
    bool too_many =
        !k->ReleaseSemaphore(semaphore, 3, NULL) && last_error() == ERROR_TOO_MANY_POSTS;
    return too_many && k->ReleaseSemaphore(semaphore, 2, &previous) && previous == 0 ? 0 : 1;
}

Test(shared, wait_for_all_of_shared_and_own_objects)
{
    const char *name = object_name("semaphore");
    other releases = start_other(release_two, name);
    ldr_context *ctx = guest_begin();
    functions k = functions_of(ctx);
    HANDLE semaphore = k.CreateSemaphoreA(NULL, 0, 5, name);
    HANDLE own = k.CreateEventA(NULL, false, false, NULL);
    HANDLE both[] = {own, semaphore};
    cr_expect_eq(k.WaitForMultipleObjects(2, both, false, 10000), (DWORD)WAIT_OBJECT_0 + 1);
    cr_expect_eq(k.WaitForMultipleObjects(2, both, true, 30), (DWORD)WAIT_TIMEOUT);
    cr_expect(k.SetEvent(own));
    cr_expect_eq(k.WaitForMultipleObjects(2, both, true, 10000), (DWORD)WAIT_OBJECT_0,
                 "the count was not lost in the attempt before");
    cr_expect_eq(k.WaitForMultipleObjects(2, both, false, 0), (DWORD)WAIT_TIMEOUT);
    cr_expect_eq(end_other(releases), 0);
    k.CloseHandle(semaphore);
    k.CloseHandle(own);
    guest_end(ctx);
}

/* ---- Sudden ends ---- */

/* Takes and releases a mutex, and passes an event on, as fast as it can. */
static int work_on_both(const functions *k, const char *name, int ready)
{
    HANDLE mutex = k->CreateMutexA(NULL, false, name);
    HANDLE event = k->CreateEventA(NULL, false, true, object_name("unused"));
    say_ready(ready);
    for (;;) {
        k->WaitForSingleObject(mutex, LDR__INFINITE);
        k->SetEvent(event);
        k->WaitForSingleObject(event, LDR__INFINITE);
        k->ReleaseMutex(mutex);
    }
    return 0;
}

Test(shared, killed_at_any_moment_nobody_waits_in_vain)
{
    const char *name = object_name("sudden");
    ldr_context *ctx = NULL;
    for (int round = 0; round < 50; round++) {
        other one = start_other(work_on_both, name), two = start_other(work_on_both, name);
        usleep((useconds_t)(round * 37 % 2000));
        kill_other(one);
        kill_other(two);
    }
    other last = start_other(work_on_both, name);
    ctx = guest_begin();
    functions k = functions_of(ctx);
    HANDLE mutex = k.CreateMutexA(NULL, false, name);
    usleep(3000);
    kill_other(last);
    DWORD taken = k.WaitForSingleObject(mutex, 10000);
    cr_expect(taken == WAIT_OBJECT_0 || taken == WAIT_ABANDONED_0);
    cr_expect(k.ReleaseMutex(mutex));
    k.CloseHandle(mutex);
    cr_expect_null(k.OpenEventA(EVENT_ALL_ACCESS, false, name));
    guest_end(ctx);
}
