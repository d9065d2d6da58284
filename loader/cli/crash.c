#include "cli.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static const struct {
    int signal;
    const char *line;
} crashes[] = {
    {SIGSEGV, "peload: the image crashed: invalid memory access (SIGSEGV)\n"},
    {SIGBUS, "peload: the image crashed: invalid memory access (SIGBUS)\n"},
    {SIGILL, "peload: the image crashed: invalid instruction (SIGILL)\n"},
    {SIGFPE, "peload: the image crashed: arithmetic (SIGFPE)\n"},
    {SIGTRAP, "peload: the image crashed: breakpoint (SIGTRAP)\n"},
    {SIGABRT, "peload: the image ended the process, or raised an exception that nobody handled\n"},
};

enum { CRASH_COUNT = sizeof crashes / sizeof crashes[0], SIGNAL_STACK = 0x10000 };

/* The exit codes that Windows gives a program which has ended with an exception. */
static const struct {
    uint32_t code;
    const char *text;
} exceptions[] = {
    {0x80000001, "guard page touched"},
    {0x80000002, "operand not aligned"},
    {0x80000003, "breakpoint"},
    {0x80000004, "single step"},
    {0xC0000005, "invalid memory access"},
    {0xC0000006, "a page of a file could not be read"},
    {0xC000001D, "invalid instruction"},
    {0xC000008D, "floating point: denormal operand"},
    {0xC000008E, "floating point: division by zero"},
    {0xC000008F, "floating point: inexact result"},
    {0xC0000090, "floating point: invalid operation"},
    {0xC0000091, "floating point: overflow"},
    {0xC0000092, "floating point: stack"},
    {0xC0000093, "floating point: underflow"},
    {0xC0000094, "integer division by zero"},
    {0xC0000095, "integer overflow"},
    {0xC0000096, "privileged instruction"},
    {0xC00000FD, "stack overflow"},
    {0xC0000409, "it found itself damaged (fast fail)"},
    {0x20474343, "C++ exception that nobody caught"},
    {0xE06D7363, "C++ exception that nobody caught"},
};

enum { EXCEPTION_COUNT = sizeof exceptions / sizeof exceptions[0] };

void cli_report_exit(uint32_t exit_code)
{
    for (size_t i = 0; i < EXCEPTION_COUNT; i++)
        if (exceptions[i].code == exit_code)
            fprintf(stderr, "peload: the image crashed: %s (exception 0x%08X)\n",
                    exceptions[i].text, exit_code);
}

/* Only what a signal handler may do: write and leave. */
static void say_and_leave(int number)
{
    for (size_t i = 0; i < CRASH_COUNT; i++) {
        ssize_t done = 0;
        if (crashes[i].signal == number)
            done = write(STDERR_FILENO, crashes[i].line, strlen(crashes[i].line));
        (void)done;
    }
    _exit(CLI_FAILED);
}

/* A stack that has overflowed is a crash too, which only another stack can tell. */
static void use_stack_for_signals(void)
{
    static char stack[SIGNAL_STACK];
    stack_t present;
    if (sigaltstack(NULL, &present) == 0 && (present.ss_flags & SS_DISABLE) != 0)
        sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
}

void cli_catch_crashes(void)
{
    struct sigaction ours = {.sa_handler = say_and_leave, .sa_flags = SA_ONSTACK};
    struct sigaction present;
    use_stack_for_signals();
    for (size_t i = 0; i < CRASH_COUNT; i++) {
        /* A sanitizer has handlers of its own, which say more. */
        bool is_free = sigaction(crashes[i].signal, NULL, &present) == 0 &&
                       (present.sa_flags & SA_SIGINFO) == 0 && present.sa_handler == SIG_DFL;
        if (is_free)
            sigaction(crashes[i].signal, &ours, NULL);
    }
}
