/* signals.c: what C makes of exceptions: signal and its handlers. */
#include <float.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <windows.h>

int __cdecl _XcptFilter(unsigned long code, EXCEPTION_POINTERS *pointers);

static jmp_buf jump;
static volatile ULONG_PTR address = 16;
static volatile int zero;

static void handle(int number)
{
    printf("signal %d\n", number);
    longjmp(jump, number);
}

static void note(int number, int float_code)
{
    printf("signal %d, float code %#x\n", number, number == SIGFPE ? float_code : 0);
}

#define NOTE ((void (*)(int))(void *)note)

/* The handler is asked through the last filter of mingw's start-up code. */
static void through_start(void)
{
    signal(SIGSEGV, handle);
    if (setjmp(jump) == 0)
        *(volatile int *)address = 1;
    signal(SIGILL, handle);
    if (setjmp(jump) == 0)
        __asm__ volatile("ud2");
    signal(SIGFPE, handle);
    if (setjmp(jump) == 0)
        printf("%d\n", 100 / zero);
}

/* And through that of Microsoft's. */
static void filter(unsigned long code)
{
    CONTEXT context = {.ContextFlags = CONTEXT_FULL};
    EXCEPTION_RECORD record = {.ExceptionCode = code};
    int answer = _XcptFilter(code, &(EXCEPTION_POINTERS){&record, &context});
    printf("%08lx: %s\n", code, answer == EXCEPTION_CONTINUE_EXECUTION ? "goes on" : "declined");
}

static void through_filter(void)
{
    signal(SIGSEGV, SIG_IGN);
    filter(EXCEPTION_ACCESS_VIOLATION);
    signal(SIGSEGV, NOTE);
    filter(EXCEPTION_ACCESS_VIOLATION);
    signal(SIGILL, NOTE);
    filter(EXCEPTION_ILLEGAL_INSTRUCTION);
    signal(SIGILL, NOTE);
    filter(EXCEPTION_PRIV_INSTRUCTION);
    static const unsigned long floats[] = {
        EXCEPTION_FLT_DENORMAL_OPERAND,  EXCEPTION_FLT_DIVIDE_BY_ZERO, EXCEPTION_FLT_INEXACT_RESULT,
        EXCEPTION_FLT_INVALID_OPERATION, EXCEPTION_FLT_OVERFLOW,       EXCEPTION_FLT_STACK_CHECK,
        EXCEPTION_FLT_UNDERFLOW};
    for (int i = 0; i < 7; i++) {
        signal(SIGFPE, NOTE);
        filter(floats[i]);
    }
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    through_filter();
    through_start();
    return 0;
}
