/* provider.dll: see provider.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <windows.h>

#define PROVIDER
#include "provider.h"

int counter = 7;

double add_all(int count, ...)
{
    va_list list;
    double sum = 0;
    va_start(list, count);
    for (int i = 0; i < count; i++)
        sum += va_arg(list, double);
    va_end(list);
    return sum;
}

double scale(int by, double x, float y)
{
    return by * x + (double)y;
}

triple make_triple(int first, int second)
{
    return (triple){first, second, (long long)first << 32 | second};
}

int count_down(int from, int (*visit)(int))
{
    counter++;
    return from == 0 ? 0 : visit(from - 1);
}

void leave(void *buffer)
{
    longjmp(buffer, 3);
}

/* Leaves 64 bytes of room to its caller. */
__asm__(".globl make_room\n"
        "make_room: pop %r11\n sub $64, %rsp\n push %r11\n mov $11, %eax\n ret\n"
        ".section .drectve\n .ascii \" -export:make_room\"\n .text");

int length_of(const char *text)
{
    return lstrlenA(text);
}

unsigned end_thread(unsigned exit_code)
{
    ExitThread(exit_code);
}
