/*
 * overflow.c: a stack that overflows, again and again, in two threads. Under Wine the search for a
 * handler overflows what is left, and ends the program.
 */
#include "try.h"

__attribute__((noinline)) static int recurse(int depth)
{
    volatile char frame[1000];
    frame[0] = (char)depth;
    return recurse(depth + 1) + frame[0];
}

static void overflow(void)
{
    u32 size = 0x4000, code;
    SetThreadStackGuarantee(&size);
    __try {
        recurse(0);
    } __except (NOTE(code)) {
        printf("stack overflow: %08x\n", code);
    }
    printf("reset: %d\n", _resetstkoflw() != 0);
}

static u32 thread(void *argument)
{
    (void)argument;
    overflow();
    return 0;
}

void start(void)
{
    overflow();
    overflow();
    WaitForSingleObject(CreateThread(0, 0, thread, 0, 0, 0), 0xFFFFFFFF);
    exit(0);
}
