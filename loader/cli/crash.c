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

enum { CRASH_COUNT = sizeof crashes / sizeof crashes[0] };

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

void cli_catch_crashes(void)
{
    struct sigaction ours = {.sa_handler = say_and_leave};
    struct sigaction present;
    for (size_t i = 0; i < CRASH_COUNT; i++) {
        /* A sanitizer has handlers of its own, which say more. */
        bool is_free = sigaction(crashes[i].signal, NULL, &present) == 0 &&
                       (present.sa_flags & SA_SIGINFO) == 0 && present.sa_handler == SIG_DFL;
        if (is_free)
            sigaction(crashes[i].signal, &ours, NULL);
    }
}
