/* crash.c: exceptions that nobody handles. Where there is a process for the program alone, it ends
 * with the exception's code, as it would without us. */
#include "cli/system.h"

#include <string.h>
#include <windows.h>

enum { MILLISECONDS = 2000, LINE_SIZE = 160 };

static ldr_context *volatile located; /* where addresses are looked up */
static LONG volatile is_reported;

void cli_locate_crashes(ldr_context *ctx)
{
    located = ctx;
}

static void say(const char *text)
{
    DWORD done;
    WriteFile(GetStdHandle(STD_ERROR_HANDLE), text, (DWORD)strlen(text), &done, NULL);
}

static void leave(uint32_t code)
{
    bool is_program = cli_program_tell(CLI_PLACE_CRASHED);
    TerminateProcess(GetCurrentProcess(), is_program ? code : CLI_FAILED);
}

static void say_line(uint32_t code)
{
    char line[LINE_SIZE];
    const char *text = cli_exception_text(code);
    snprintf(line, sizeof line, "peload: the image crashed: %s (exception 0x%08X)",
             text != NULL ? text : "an exception that nobody handled", code);
    say(line);
}

/*
 * Looking for the place takes a lock, which another thread may hold that waits for this one, and
 * reads what the image may have damaged. So all else has been said before, and what comes of it
 * ends the command.
 */
static DWORD WINAPI say_all(void *of)
{
    const EXCEPTION_RECORD *record = of;
    char place[CLI_PLACE_SIZE];
    say_line(record->ExceptionCode);
    say(cli_crash_place(located, record->ExceptionAddress, place, sizeof place));
    return 0;
}

/* Of a stack that has overflowed only another one can tell. */
static LONG WINAPI say_and_leave(EXCEPTION_POINTERS *info)
{
    EXCEPTION_RECORD *record = info->ExceptionRecord;
    if (InterlockedExchange(&is_reported, 1) == 0) {
        HANDLE thread = CreateThread(NULL, 0, say_all, record, 0, NULL);
        if (thread != NULL)
            WaitForSingleObject(thread, MILLISECONDS);
    }
    say("\n"); /* also when another thread, or the one that looks for the place, crashes */
    leave(record->ExceptionCode);
    return EXCEPTION_EXECUTE_HANDLER;
}

/* No window is to wait for somebody who closes it, and of the stack enough is to be left for an
 * exception to be told of. */
void cli_catch_crashes(void)
{
    ULONG left = 0x10000;
    SetThreadStackGuarantee(&left);
    SetErrorMode(GetErrorMode() | SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
    SetUnhandledExceptionFilter(say_and_leave);
}
