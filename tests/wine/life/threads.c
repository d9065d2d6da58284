/* threads.c: who is told when a thread comes and goes. */
#include "life.h"

static DWORD WINAPI nothing(void *unused)
{
    (void)unused;
    say("the thread runs");
    return 7;
}

static void thread_in_a_graph(void)
{
    HMODULE a = load("a");
    on_thread(nothing, NULL);
    unload(a, "a");
}

static void thread_with_callbacks(void)
{
    HMODULE t = load("t");
    on_thread(nothing, NULL);
    unload(t, "t");
}

static void thread_and_disabled_calls(void)
{
    script("b+:disable");
    HMODULE a = load("a");
    SetLastError(0);
    say("disable d: %d", DisableThreadLibraryCalls(GetModuleHandleA("d")));
    on_thread(nothing, NULL);
    say("flags of b and c: %x %x",
        (unsigned)entry_of(GetModuleHandleA("b"))->flags & ENTRY_NO_THREAD_CALLS,
        (unsigned)entry_of(GetModuleHandleA("c"))->flags & ENTRY_NO_THREAD_CALLS);
    unload(a, "a");
}

static void disabled_calls_and_tls(void)
{
    script("t+:disable;t2+:disable");
    HMODULE t = load("t"), t2 = load("t2");
    on_thread(nothing, NULL);
    unload(t2, "t2");
    unload(t, "t");
}

/* ---- Loads while a thread lives ---- */

static HANDLE go_on, has_started;

static DWORD WINAPI wait_for_event(void *unused)
{
    (void)unused;
    SetEvent(has_started);
    WaitForSingleObject(go_on, INFINITE);
    say("the thread ends");
    return 0;
}

static HANDLE start_waiting(void)
{
    go_on = CreateEventA(NULL, FALSE, FALSE, NULL);
    has_started = CreateEventA(NULL, FALSE, FALSE, NULL);
    HANDLE thread = CreateThread(NULL, 0, wait_for_event, NULL, 0, NULL);
    WaitForSingleObject(has_started, INFINITE);
    return thread;
}

static void thread_before_the_load(void)
{
    HANDLE thread = start_waiting();
    HMODULE l = load("l");
    SetEvent(go_on);
    WaitForSingleObject(thread, INFINITE);
    unload(l, "l");
}

static void thread_outlives_the_dll(void)
{
    HMODULE l = load("l");
    HANDLE thread = start_waiting();
    unload(l, "l");
    SetEvent(go_on);
    WaitForSingleObject(thread, INFINITE);
}

static void thread_made_in_attach(void)
{
    script("l+:thread");
    HMODULE l = LoadLibraryA("l");
    Sleep(100);
    unload(l, "l");
}

static void load_in_thread_attach(void)
{
    HMODULE l = load("l");
    script("l>:load m");
    on_thread(nothing, NULL);
    script("l<:free m");
    on_thread(nothing, NULL);
    show("m");
    unload(l, "l");
}

static void free_itself_in_thread_attach(void)
{
    load("l");
    script("l>:free l");
    on_thread(nothing, NULL);
    show("l");
}

static DWORD WINAPI loads_m(void *unused)
{
    (void)unused;
    load("m");
    return 0;
}

static void loaded_by_a_thread(void)
{
    HMODULE l = load("l");
    on_thread(loads_m, NULL);
    show("l m");
    unload(l, "l");
}

/* ---- Ways to end ---- */

static DWORD WINAPI calls_exit_thread(void *unused)
{
    (void)unused;
    ExitThread(8);
}

static void exit_thread(void)
{
    HMODULE l = load("l");
    on_thread(calls_exit_thread, NULL);
    unload(l, "l");
}

static DWORD WINAPI terminates_itself(void *unused)
{
    (void)unused;
    TerminateThread(GetCurrentThread(), 10);
    return 0;
}

static void terminate_thread(void)
{
    HMODULE l = load("l");
    on_thread(terminates_itself, NULL);
    TELL("terminate nothing", TerminateThread(NULL, 1));
    HANDLE thread = CreateThread(NULL, 0, terminates_itself, NULL, 0, NULL);
    WaitForSingleObject(thread, INFINITE);
    TELL("terminate what has ended", TerminateThread(thread, 1));
    unload(l, "l");
}

static void terminate_main_thread(void)
{
    load("l");
    TerminateThread(GetCurrentThread(), 11);
}

static DWORD WINAPI frees_and_exits(void *module)
{
    FreeLibraryAndExitThread(module, 9);
}

static void free_library_and_exit_thread(void)
{
    HMODULE l = load("l");
    load("m");
    on_thread(frees_and_exits, l);
    show("l m");
}

static void exit_thread_in_thread_attach(void)
{
    load("l");
    script("l>:exitthread");
    on_thread(nothing, NULL);
    show("l");
}

static DWORD WINAPI crashes_in_detach(void *unused)
{
    (void)unused;
    script("l<:crash");
    return 3;
}

static void thread_detach_crashes(void)
{
    load("m");
    load("l");
    on_thread(crashes_in_detach, NULL);
    script("");
    on_thread(nothing, NULL);
}

static void thread_attach_false(void)
{
    load("l");
    script("l>:false");
    on_thread(nothing, NULL);
}

const scenario thread_scenarios[] = {
    {"thread_in_a_graph", thread_in_a_graph},
    {"thread_with_callbacks", thread_with_callbacks},
    {"thread_and_disabled_calls", thread_and_disabled_calls},
    {"disabled_calls_and_tls", disabled_calls_and_tls},
    {"thread_before_the_load", thread_before_the_load},
    {"thread_outlives_the_dll", thread_outlives_the_dll},
    {"thread_made_in_attach", thread_made_in_attach},
    {"load_in_thread_attach", load_in_thread_attach},
    {"free_itself_in_thread_attach", free_itself_in_thread_attach},
    {"loaded_by_a_thread", loaded_by_a_thread},
    {"exit_thread", exit_thread},
    {"terminate_thread", terminate_thread},
    {"terminate_main_thread", terminate_main_thread},
    {"free_library_and_exit_thread", free_library_and_exit_thread},
    {"exit_thread_in_thread_attach", exit_thread_in_thread_attach},
    {"thread_detach_crashes", thread_detach_crashes},
    {"thread_attach_false", thread_attach_false},
    {0},
};
