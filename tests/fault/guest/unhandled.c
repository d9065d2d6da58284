/*
 * unhandled.c: exceptions that nobody handles; the argument says which.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

static volatile int divisor;
static volatile ULONG_PTR address = 16;

static LONG WINAPI last(EXCEPTION_POINTERS *pointers)
{
    printf("last filter: %08lx\n", pointers->ExceptionRecord->ExceptionCode);
    fflush(stdout);
    return EXCEPTION_CONTINUE_SEARCH;
}

static LONG WINAPI decline(EXCEPTION_POINTERS *pointers)
{
    printf("vectored handler: %08lx\n", pointers->ExceptionRecord->ExceptionCode);
    return EXCEPTION_CONTINUE_SEARCH;
}

static DWORD WINAPI in_thread(void *argument)
{
    *(volatile int *)argument = 1;
    return 0;
}

static void act(const char *what)
{
    if (strcmp(what, "write") == 0)
        *(volatile int *)address = 1;
    else if (strcmp(what, "divide") == 0)
        printf("%d\n", 100 / divisor);
    else if (strcmp(what, "thread") == 0)
        WaitForSingleObject(CreateThread(NULL, 0, in_thread, (void *)16, 0, NULL), INFINITE);
    else if (strcmp(what, "trap") == 0)
        __debugbreak();
    else if (strcmp(what, "illegal") == 0)
        __builtin_trap();
    else if (strcmp(what, "fastfail") == 0)
        __asm__ volatile("int $0x29" : : "c"(7));
    else if (strcmp(what, "host") == 0)
        InitializeCriticalSection((void *)16);
    else if (strcmp(what, "software") == 0)
        RaiseException(0xE0000001, 0, 0, NULL);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "write";
    setvbuf(stdout, NULL, _IONBF, 0);
    AddVectoredExceptionHandler(TRUE, decline);
    if (argc > 2)
        SetUnhandledExceptionFilter(last);
    act(what);
    printf("not reached\n");
    return 0;
}
