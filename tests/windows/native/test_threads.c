/* What a DLL is told of threads, and its variables of threads. */
#include "native.h"

#include <windows.h>

#include "guest/events.h"

typedef event_log *(*log_function)(void);
typedef void (*values_function)(thread_values *values);
typedef void (*set_function)(int value);

/* events.dll, loaded, and the threads of a test. */
typedef struct fixture {
    ldr_context *ctx;
    ldr_module *module;
    event_log *log;
    values_function get;
    set_function set;
    HANDLE started, go;
    thread_values first, second;
    DWORD thread;
} fixture;

static bool setup(fixture *self, bool from_memory)
{
    if (!has_guest("events.dll"))
        return false;
    self->ctx = guest_context();
    self->module = from_memory ? load_guest_from_memory(self->ctx, "events.dll")
                               : load_guest(self->ctx, "events.dll");
    CHECK(self->module != NULL);
    if (self->module == NULL)
        return false;
    self->log = ((log_function)(uintptr_t)ldr_symbol(self->module, "get_log"))();
    self->get = (values_function)(uintptr_t)ldr_symbol(self->module, "get_thread_values");
    self->set = (set_function)(uintptr_t)ldr_symbol(self->module, "set_thread_value");
    return true;
}

static bool is_fresh(const thread_values *values)
{
    return values->of_thread == OF_THREAD && values->zero == 0 && values->points_to_log;
}

static bool is_event(const event *found, int is_callback, unsigned reason, DWORD thread)
{
    return found->is_callback == is_callback && found->reason == reason && found->thread == thread;
}

static void dll_is_attached_callbacks_first(void)
{
    fixture self = {0};
    DWORD thread = GetCurrentThreadId();
    if (!setup(&self, true))
        return;
    CHECK(self.log->count == 2);
    CHECK(is_event(&self.log->events[0], 1, DLL_PROCESS_ATTACH, thread));
    CHECK(is_event(&self.log->events[1], 0, DLL_PROCESS_ATTACH, thread));
    CHECK(self.log->events[0].of_thread == OF_THREAD);
    thread_values values = {0};
    self.get(&values);
    CHECK(values.of_thread == OF_THREAD + 1);
    ldr_context_destroy(self.ctx);
}

static DWORD WINAPI new_thread(void *argument)
{
    fixture *self = argument;
    self->get(&self->first);
    self->set(7);
    self->get(&self->second);
    return 0;
}

static void check_new_thread(bool from_memory)
{
    fixture self = {0};
    if (!setup(&self, from_memory))
        return;
    unsigned before = self.log->count;
    HANDLE thread = CreateThread(NULL, 0, new_thread, &self, 0, &self.thread);
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
    CHECK(is_fresh(&self.first));
    CHECK(self.second.of_thread == 7 && self.second.zero == 7);
    CHECK(self.log->count == before + 4);
    CHECK(is_event(&self.log->events[before], 1, DLL_THREAD_ATTACH, self.thread));
    CHECK(is_event(&self.log->events[before + 1], 0, DLL_THREAD_ATTACH, self.thread));
    CHECK(is_event(&self.log->events[before + 2], 1, DLL_THREAD_DETACH, self.thread));
    CHECK(is_event(&self.log->events[before + 3], 0, DLL_THREAD_DETACH, self.thread));
    CHECK(self.log->events[before].of_thread == OF_THREAD);
    CHECK(self.log->events[before + 3].of_thread == 7);
    ldr_context_destroy(self.ctx);
}

static void new_thread_has_its_variables_and_is_told_of(void)
{
    check_new_thread(false);
    check_new_thread(true);
}

static DWORD WINAPI old_thread(void *argument)
{
    fixture *self = argument;
    SetEvent(self->started);
    WaitForSingleObject(self->go, INFINITE);
    return new_thread(argument);
}

static void old_thread_has_its_variables_and_is_not_told_of(void)
{
    fixture self = {.started = CreateEventW(NULL, TRUE, FALSE, NULL),
                    .go = CreateEventW(NULL, TRUE, FALSE, NULL)};
    HANDLE thread = CreateThread(NULL, 0, old_thread, &self, 0, &self.thread);
    WaitForSingleObject(self.started, INFINITE);
    if (setup(&self, true)) {
        unsigned before = self.log->count;
        SetEvent(self.go);
        WaitForSingleObject(thread, INFINITE);
        CHECK(is_fresh(&self.first));
        CHECK(self.second.of_thread == 7 && self.second.zero == 7);
        CHECK(self.log->count == before + 2);
        CHECK(is_event(&self.log->events[before], 1, DLL_THREAD_DETACH, self.thread));
        ldr_context_destroy(self.ctx);
    } else {
        self.get = NULL;
        TerminateThread(thread, 0);
    }
    CloseHandle(thread);
    CloseHandle(self.started);
    CloseHandle(self.go);
}

/* A thread that looks at its variables each time it is told to. */
enum { LOOKS = 3 };

static DWORD WINAPI look_again(void *argument)
{
    fixture *self = argument;
    for (int i = 0; i < LOOKS; i++) {
        SetEvent(self->started);
        WaitForSingleObject(self->go, INFINITE);
        new_thread(self);
    }
    SetEvent(self->started);
    return 0;
}

/* The slot of a DLL that has gone is given to the next one. */
static void old_thread_has_fresh_variables_after_each_load(void)
{
    if (!has_guest("events.dll"))
        return;
    fixture self = {.started = CreateEventW(NULL, FALSE, FALSE, NULL),
                    .go = CreateEventW(NULL, FALSE, FALSE, NULL),
                    .ctx = guest_context()};
    HANDLE thread = CreateThread(NULL, 0, look_again, &self, 0, &self.thread);
    WaitForSingleObject(self.started, INFINITE);
    for (int i = 0; i < LOOKS; i++) {
        ldr_module *module = load_guest(self.ctx, "events.dll");
        CHECK(module != NULL);
        self.get = (values_function)(uintptr_t)ldr_symbol(module, "get_thread_values");
        self.set = (set_function)(uintptr_t)ldr_symbol(module, "set_thread_value");
        SetEvent(self.go);
        WaitForSingleObject(self.started, INFINITE);
        CHECK(is_fresh(&self.first) && self.second.of_thread == 7);
        ldr_unload(module);
    }
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
    CloseHandle(self.started);
    CloseHandle(self.go);
    ldr_context_destroy(self.ctx);
}

static void two_copies_have_variables_of_their_own(void)
{
    fixture one = {0}, other = {0};
    thread_values values = {0};
    if (!setup(&one, true) || !setup(&other, true))
        return;
    one.set(5);
    other.get(&values);
    CHECK(values.of_thread == OF_THREAD + 1 && values.zero == 0);
    one.get(&values);
    CHECK(values.of_thread == 5 && values.zero == 5);
    ldr_context_destroy(other.ctx);
    ldr_context_destroy(one.ctx);
}

/* ---- A context that is busy ---- */

/* A thread that starts while another one holds the loader: a bundle keeps it. */
typedef struct busy_load {
    HANDLE inside, go_on;
    ldr_context *ctx;
} busy_load;

static bool slow_bundle(void *user, const char *name, ldr_bundle_file *ret_file)
{
    busy_load *self = user;
    (void)ret_file;
    if (_stricmp(name, "nothere.dll") != 0)
        return false;
    SetEvent(self->inside);
    WaitForSingleObject(self->go_on, INFINITE);
    return false;
}

static DWORD WINAPI load_slowly(void *argument)
{
    busy_load *self = argument;
    ldr_module *module = NULL;
    ldr_load_name(self->ctx, "nothere.dll", NULL, &module, NULL);
    return 0;
}

typedef struct late_thread {
    fixture *fixture;
    HANDLE entered, go_on;
    unsigned before, after; /* events of this thread's attach */
} late_thread;

static unsigned count_attached(const event_log *log, DWORD thread)
{
    unsigned count = 0;
    for (unsigned i = 0; i < log->count; i++)
        count += is_event(&log->events[i], 0, DLL_THREAD_ATTACH, thread);
    return count;
}

static DWORD WINAPI come_late(void *argument)
{
    late_thread *self = argument;
    ldr_thread_scope scope;
    self->before = count_attached(self->fixture->log, GetCurrentThreadId());
    SetEvent(self->entered);
    WaitForSingleObject(self->go_on, INFINITE);
    CHECK(ldr_thread_enter(self->fixture->ctx, &scope) == LDR_OK);
    self->after = count_attached(self->fixture->log, GetCurrentThreadId());
    ldr_thread_leave(&scope);
    return 0;
}

static void thread_that_cannot_be_told_now_is_attached_when_it_enters(void)
{
    busy_load slow = {CreateEventW(NULL, TRUE, FALSE, NULL), CreateEventW(NULL, TRUE, FALSE, NULL),
                      NULL};
    const ldr_context_options options = {
        .size = sizeof options, .bundle = slow_bundle, .bundle_user = &slow};
    fixture self = {0};
    late_thread late = {&self, CreateEventW(NULL, TRUE, FALSE, NULL),
                        CreateEventW(NULL, TRUE, FALSE, NULL), 0, 0};
    if (!has_guest("events.dll"))
        return;
    REQUIRE(ldr_context_create(&options, &slow.ctx) == LDR_OK);
    self.ctx = slow.ctx;
    REQUIRE((self.module = load_guest(self.ctx, "events.dll")) != NULL);
    self.log = ((log_function)(uintptr_t)ldr_symbol(self.module, "get_log"))();
    HANDLE threads[2] = {CreateThread(NULL, 0, load_slowly, &slow, 0, NULL)};
    WaitForSingleObject(slow.inside, INFINITE);
    threads[1] = CreateThread(NULL, 0, come_late, &late, 0, NULL);
    CHECK(WaitForSingleObject(late.entered, 10000) == WAIT_OBJECT_0);
    SetEvent(slow.go_on);
    SetEvent(late.go_on);
    WaitForMultipleObjects(2, threads, TRUE, INFINITE);
    CHECK(late.before == 0 && late.after == 1);
    ldr_context_destroy(self.ctx);
    CloseHandle(threads[0]);
    CloseHandle(threads[1]);
}

/* ---- All at once ---- */

enum { RUN_FOR = 1500 }; /* milliseconds */

typedef struct crowd {
    ldr_context *ctx;
    ldr_module *events, *forwards;
    ULONGLONG end;
    volatile LONG loads, threads, symbols;
} crowd;

static bool goes_on(const crowd *self)
{
    return GetTickCount64() < self->end;
}

static DWORD WINAPI load_again_and_again(void *argument)
{
    crowd *self = argument;
    ldr_thread_scope scope;
    while (goes_on(self)) {
        ldr_module *module = NULL, *other = NULL;
        CHECK(ldr_thread_enter(self->ctx, &scope) == LDR_OK);
        CHECK(ldr_load_name(self->ctx, "counter.dll", NULL, &module, NULL) == LDR_OK);
        CHECK(ldr_load_name(self->ctx, "version.dll", NULL, &other, NULL) == LDR_OK);
        ldr_unload(module);
        ldr_unload(other);
        ldr_thread_leave(&scope);
        InterlockedIncrement(&self->loads);
    }
    return 0;
}

static DWORD WINAPI use_variables(void *argument)
{
    crowd *self = argument;
    thread_values values = {0};
    ((values_function)(uintptr_t)ldr_symbol(self->events, "get_thread_values"))(&values);
    CHECK(values.of_thread == OF_THREAD);
    return 0;
}

static DWORD WINAPI begin_again_and_again(void *argument)
{
    crowd *self = argument;
    while (goes_on(self)) {
        HANDLE thread = CreateThread(NULL, 0, use_variables, self, 0, NULL);
        CHECK(WaitForSingleObject(thread, 20000) == WAIT_OBJECT_0);
        CloseHandle(thread);
        InterlockedIncrement(&self->threads);
    }
    return 0;
}

static DWORD WINAPI ask_again_and_again(void *argument)
{
    crowd *self = argument;
    ldr_symbol_place place;
    while (goes_on(self)) {
        void *ticks = ldr_symbol(self->forwards, "ticks");
        CHECK(ticks != NULL && ldr_symbol(self->forwards, "nowhere") == NULL);
        CHECK(ldr_symbol_at(self->ctx, ticks, &place) == LDR_OK);
        InterlockedIncrement(&self->symbols);
    }
    return 0;
}

static void threads_come_and_go_while_others_load(void)
{
    static DWORD(WINAPI *const what[])(void *) = {load_again_and_again, load_again_and_again,
                                                  begin_again_and_again, begin_again_and_again,
                                                  ask_again_and_again};
    enum { COUNT = sizeof what / sizeof what[0] };
    HANDLE threads[COUNT];
    crowd self = {.ctx = guest_context()};
    if (!has_guest("events.dll"))
        return;
    self.events = load_guest(self.ctx, "events.dll");
    self.forwards = load_guest(self.ctx, "forwards.dll");
    REQUIRE(self.events != NULL && self.forwards != NULL);
    self.end = GetTickCount64() + RUN_FOR;
    for (int i = 0; i < COUNT; i++)
        threads[i] = CreateThread(NULL, 0, what[i], &self, 0, NULL);
    CHECK(WaitForMultipleObjects(COUNT, threads, TRUE, 60000) == WAIT_OBJECT_0);
    CHECK(self.loads > 1 && self.threads > 1 && self.symbols > 1);
    for (int i = 0; i < COUNT; i++)
        CloseHandle(threads[i]);
    ldr_context_destroy(self.ctx);
}

const check_test tests_of_threads[] = {
    {"dll_is_attached_callbacks_first", dll_is_attached_callbacks_first},
    {"new_thread_has_its_variables_and_is_told_of", new_thread_has_its_variables_and_is_told_of},
    {"old_thread_has_its_variables_and_is_not_told_of",
     old_thread_has_its_variables_and_is_not_told_of},
    {"old_thread_has_fresh_variables_after_each_load",
     old_thread_has_fresh_variables_after_each_load},
    {"two_copies_have_variables_of_their_own", two_copies_have_variables_of_their_own},
    {"thread_that_cannot_be_told_now_is_attached_when_it_enters",
     thread_that_cannot_be_told_now_is_attached_when_it_enters},
    {"threads_come_and_go_while_others_load", threads_come_and_go_while_others_load},
    {NULL, NULL},
};
