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

/* A fault where so little is left that what tells of it does not fit: Windows's system gets the
 * overflow itself then, and tells of that. */
__attribute__((noinline)) static int descend(u64 limit)
{
    volatile char frame[256];
    frame[0] = 1;
    return (u64)frame - limit < 0x200 ? load((int *)16) : descend(limit) + frame[0];
}

static void fault_at_the_end(void)
{
    u32 code;
    u64 limit;
    __asm__ volatile("movq %%gs:0x10, %0" : "=r"(limit));
    __try {
        descend(limit);
    } __except (NOTE(code)) {
        printf("fault at the end of the stack: %08x\n", code);
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
    fault_at_the_end();
    WaitForSingleObject(CreateThread(0, 0, thread, 0, 0, 0), 0xFFFFFFFF);
    exit(0);
}
