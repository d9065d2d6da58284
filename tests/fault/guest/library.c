/*
 * library.c: a DLL whose functions fault as they are told, for tests that are the host.
 */
#include "try.h"

#define EXPORT __declspec(dllexport)

static record last;
static u32 vectored;

static int keep(const pointers *raised)
{
    last = *raised->record;
    return HANDLE;
}

/* Of the exception that was handled last. */
EXPORT u64 fault_information(u64 index)
{
    return last.information[index];
}

EXPORT u64 fault_address(void)
{
    return (u64)last.address;
}

/* The exception that reading there raises; 0: none. */
EXPORT u64 fault_read(const volatile int *at)
{
    __try {
        load(at);
    } __except (keep((pointers *)__exception_info())) {
        return last.code;
    }
    return 0;
}

EXPORT u64 fault_read_unhandled(const volatile int *at)
{
    return (u64)load(at);
}

/* The exception that calling the function raises; 0: none. */
EXPORT u64 fault_call(void (*function)(u64), u64 argument)
{
    __try {
        function(argument);
    } __except (keep((pointers *)__exception_info())) {
        return last.code;
    }
    return 0;
}

/* The same with two arguments. */
EXPORT u64 fault_call_both(void (*function)(u64, u64), const u64 *arguments)
{
    __try {
        function(arguments[0], arguments[1]);
    } __except (keep((pointers *)__exception_info())) {
        return last.code;
    }
    return 0;
}

static u32 read_in_thread(void *at)
{
    return (u32)load(at);
}

/* In a thread of the library's own, which nobody's handler is around. */
EXPORT u64 fault_in_thread(void *at)
{
    return WaitForSingleObject(CreateThread(0, 0, read_in_thread, at, 0, 0), 0xFFFFFFFF);
}

/* Deeper than any stack. */
EXPORT u64 fault_recurse(u64 depth)
{
    volatile char frame[1000];
    frame[0] = (char)depth;
    return fault_recurse(depth + 1) + (u64)frame[0];
}

static int count(pointers *raised)
{
    (void)raised;
    vectored++;
    return SEARCH;
}

EXPORT u64 fault_watch(void)
{
    return AddVectoredExceptionHandler(1, count) != 0;
}

EXPORT u64 fault_watched(void)
{
    return vectored;
}
