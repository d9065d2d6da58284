/* ends.c: the end of the process. */
#include "life.h"

static void end_of_main(void)
{
    load("a");
    load("t");
}

static void exit_process(void)
{
    load("a");
    ExitProcess(42);
}

static DWORD WINAPI exits_process(void *unused)
{
    (void)unused;
    ExitProcess(41);
}

static void exit_process_on_a_thread(void)
{
    load("l");
    on_thread(exits_process, NULL);
}

static void exit_in_attach(void)
{
    load("m");
    script("l+:exit");
    load("l");
}

static void exit_in_detach(void)
{
    load("m");
    script("l-:exit");
    unload(load("l"), "l");
}

static void exit_in_the_last_detach(void)
{
    load("m");
    load("l");
    script("l-:exit");
}

static void free_at_the_end(void)
{
    load("m");
    load("l");
    script("l-:ask m,free m,ask m;p-:ask m");
}

static void load_at_the_end(void)
{
    load("l");
    script("l-:load m,ask m");
}

static void thread_at_the_end(void)
{
    load("l");
    script("l-:thread");
}

static void crash_at_the_end(void)
{
    load("m");
    load("l");
    script("l-:crash");
}

static void terminate_process(void)
{
    load("l");
    TerminateProcess(GetCurrentProcess(), 40);
}

static void reverse_order_of_attach(void)
{
    load("d");
    load("m");
    load("a");
}

static DWORD WINAPI sleeps(void *unused)
{
    (void)unused;
    Sleep(INFINITE);
    return 0;
}

static void other_threads_end_silently(void)
{
    load("l");
    CloseHandle(CreateThread(NULL, 0, sleeps, NULL, 0, NULL));
    Sleep(50);
}

static void last_thread_exits(void)
{
    load("l");
    ExitThread(39);
}

const scenario end_scenarios[] = {
    {"end_of_main", end_of_main},
    {"exit_process", exit_process},
    {"exit_process_on_a_thread", exit_process_on_a_thread},
    {"exit_in_attach", exit_in_attach},
    {"exit_in_detach", exit_in_detach},
    {"exit_in_the_last_detach", exit_in_the_last_detach},
    {"free_at_the_end", free_at_the_end},
    {"load_at_the_end", load_at_the_end},
    {"thread_at_the_end", thread_at_the_end},
    {"crash_at_the_end", crash_at_the_end},
    {"terminate_process", terminate_process},
    {"reverse_order_of_attach", reverse_order_of_attach},
    {"other_threads_end_silently", other_threads_end_silently},
    {"last_thread_exits", last_thread_exits},
    {0},
};
