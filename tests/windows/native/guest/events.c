/* events.c: a DLL without a C runtime that notes what it is told, and has variables of threads. */
#include "events.h"

#define EXPORT __declspec(dllexport)
#define IMPORT __declspec(dllimport)

IMPORT unsigned __stdcall GetCurrentThreadId(void);

static event_log event_list;

unsigned _tls_index;
#pragma section(".tls")
#pragma section(".tls$ZZZ")
__declspec(allocate(".tls")) int _tls_start = 0;
__declspec(allocate(".tls$ZZZ")) int _tls_end = 0;
int _fltused;

_Thread_local int of_thread = OF_THREAD;
_Thread_local event_log *log_of_thread = &event_list;
_Thread_local int zero_of_thread[100];

static void note(int is_callback, unsigned reason)
{
    unsigned i = event_list.count++ % (sizeof event_list.events / sizeof event_list.events[0]);
    event_list.events[i] = (event){is_callback, reason, GetCurrentThreadId(), of_thread};
}

static void __stdcall callback(void *module, unsigned reason, void *reserved)
{
    (void)module;
    (void)reserved;
    note(1, reason);
}

static void(__stdcall *const callbacks[])(void *, unsigned, void *) = {callback, 0};

/* An IMAGE_TLS_DIRECTORY64. */
struct directory {
    void *start, *end, *index;
    const void *callbacks;
    unsigned zero_fill, characteristics;
};
const struct directory _tls_used = {&_tls_start, &_tls_end, &_tls_index, callbacks, 0, 0x00700000};

int __stdcall DllMain(void *module, unsigned reason, void *reserved)
{
    (void)module;
    (void)reserved;
    note(0, reason);
    if (reason == 1)
        of_thread++;
    return 1;
}

EXPORT event_log *get_log(void)
{
    return &event_list;
}

EXPORT void get_thread_values(thread_values *values)
{
    values->of_thread = of_thread;
    values->zero = 0;
    for (int i = 0; i < 100; i++)
        values->zero |= zero_of_thread[i];
    values->points_to_log = log_of_thread == &event_list;
}

EXPORT void set_thread_value(int value)
{
    of_thread = value;
    zero_of_thread[99] = value;
}
