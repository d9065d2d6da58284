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

/* The place of the crash is not known after all. */
static DWORD WINAPI give_up(void *code)
{
    Sleep(MILLISECONDS);
    say("\n");
    leave((uint32_t)(uintptr_t)code);
    return 0;
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
static LONG WINAPI say_and_leave(EXCEPTION_POINTERS *info)
{
    const EXCEPTION_RECORD *record = info->ExceptionRecord;
    char place[CLI_PLACE_SIZE];
    if (InterlockedExchange(&is_reported, 1) != 0)
        leave(record->ExceptionCode); /* another thread's, or while looking for the place */
    say_line(record->ExceptionCode);
    HANDLE clock =
        CreateThread(NULL, 0, give_up, (void *)(uintptr_t)record->ExceptionCode, 0, NULL);
    if (clock != NULL)
        say(cli_crash_place(located, record->ExceptionAddress, place, sizeof place));
    say("\n");
    leave(record->ExceptionCode);
    return EXCEPTION_EXECUTE_HANDLER;
}

/* No window is to wait for somebody who closes it. */
void cli_catch_crashes(void)
{
    SetErrorMode(GetErrorMode() | SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
    SetUnhandledExceptionFilter(say_and_leave);
}
