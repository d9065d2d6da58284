#include "cli.h"

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

enum { CRASH_COUNT = sizeof crashes / sizeof crashes[0], SIGNAL_STACK = 0x10000, PLACE_SIZE = 640 };

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

/* " in zlib1.dll!crc32+0x12", or "" if that is not known. */
static const char *place_of(ldr_context *ctx, const void *address, char *text, size_t size)
{
    static const char start[] = " in ";
    ldr_symbol_place place;
    text[0] = '\0';
    if (ctx == NULL || address == NULL || ldr_symbol_at(ctx, address, &place) != LDR_OK)
        return text;
    memcpy(text, start, sizeof start);
    ldr_symbol_place_text(&place, text + strlen(start), size - strlen(start));
    return text;
}

void cli_report_exit(ldr_context *ctx, uint32_t exit_code)
{
    char place[PLACE_SIZE];
    for (size_t i = 0; i < EXCEPTION_COUNT; i++)
        if (exceptions[i].code == exit_code)
            fprintf(stderr, "peload: the image crashed: %s (exception 0x%08X)%s\n",
                    exceptions[i].text, exit_code,
                    place_of(ctx, ldr_exception_address(ctx), place, sizeof place));
}

/* ---- Signals ---- */

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
    char text[PLACE_SIZE];
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
    say(place_of(located, (const void *)where->uc_mcontext.gregs[REG_RIP], text, sizeof text));
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
