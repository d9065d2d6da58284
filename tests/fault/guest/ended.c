/*
 * ended.c: a program that nobody's handler keeps from its end; its termination handler runs.
 */
#include "try.h"

static void say(const char *text, u32 length)
{
    _write(1, text, length);
}

void start(void)
{
    __try {
        say("begin\n", 6);
        store((int *)4, 1);
    } __finally {
        say("finally\n", 8);
    }
    exit(0);
}
