#include "cli/cli.h"

#include <signal.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

static const struct {
    int signal;
    const char *line;
} crashes[] = {
    {SIGSEGV, "peload: the image crashed: invalid memory access (SIGSEGV)"},
    {SIGBUS, "peload: the image crashed: invalid memory access (SIGBUS)"},
    {SIGILL, "peload: the image crashed: invalid instruction (SIGILL)"},
    {SIGFPE, "peload: the image crashed: arithmetic (SIGFPE)"},
    {SIGTRAP, "peload: the image crashed: breakpoint (SIGTRAP)"},
    {SIGABRT, "peload: the image ended the process, or raised an exception that nobody handled"},
};

enum { CRASH_COUNT = sizeof crashes / sizeof crashes[0], SIGNAL_STACK = 0x10000 };

static ldr_context *volatile located; /* where addresses are looked up */
static volatile sig_atomic_t is_reported;

void cli_locate_crashes(ldr_context *ctx)
{
    located = ctx;
}

static void say(const char *text)
{
    ssize_t done = write(STDERR_FILENO, text, strlen(text));
    (void)done;
}

/* The place of the crash is not known after all. */
static void give_up(int number)
{
    (void)number;
    say("\n");
    _exit(CLI_FAILED);
}

/*
 * Looking for the place takes a lock, which another thread may hold that waits for this one, and
 * reads what the image may have damaged. So all else has been said before, and what comes of it
 * ends the command.
 */
static void say_place(const void *context)
{
    enum { SECONDS = 2 };
    char text[CLI_PLACE_SIZE];
    sigset_t all_of_these;
    const ucontext_t *where = context;
    sigemptyset(&all_of_these);
    sigaddset(&all_of_these, SIGALRM);
    signal(SIGALRM, give_up);
    for (size_t i = 0; i < CRASH_COUNT; i++) {
        signal(crashes[i].signal, give_up);
        sigaddset(&all_of_these, crashes[i].signal);
    }
    sigprocmask(SIG_UNBLOCK, &all_of_these, NULL);
    alarm(SECONDS);
    say(cli_crash_place(located, (const void *)where->uc_mcontext.gregs[REG_RIP], text,
                        sizeof text));
}

static void say_and_leave(int number, siginfo_t *info, void *context)
{
    (void)info;
    if (is_reported)
        _exit(CLI_FAILED); /* another thread's */
    is_reported = 1;
    for (size_t i = 0; i < CRASH_COUNT; i++) {
        if (crashes[i].signal == number)
            say(crashes[i].line);
    }
    say_place(context);
    say("\n");
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
    struct sigaction ours = {.sa_sigaction = say_and_leave, .sa_flags = SA_SIGINFO | SA_ONSTACK};
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
