#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guest.h"
#include "support/traced.h"
#include "win32/kernel32/calendar.h"

static DWORD last_error(void)
{
    return ldr__thread_self()->teb.last_error;
}

Test(system, times_convert_both_ways)
{
    ldr_context *ctx = guest_begin();
    K32(ctx, BOOL, SystemTimeToFileTime, (const SYSTEMTIME *, FILETIME *));
    K32(ctx, BOOL, FileTimeToSystemTime, (const FILETIME *, SYSTEMTIME *));
    K32(ctx, BOOL, FileTimeToDosDateTime, (const FILETIME *, uint16_t *, uint16_t *));
    K32(ctx, BOOL, DosDateTimeToFileTime, (uint16_t, uint16_t, FILETIME *));
    SYSTEMTIME unix_start = {.year = 1970, .month = 1, .weekday = 4, .day = 1}, back;
    SYSTEMTIME no_day = {.year = 2023, .month = 2, .day = 29};
    FILETIME time;
    uint16_t date, hour;
    cr_expect(SystemTimeToFileTime(&unix_start, &time));
    cr_expect_eq(ldr__filetime_join(&time), UINT64_C(116444736000000000));
    cr_expect(FileTimeToSystemTime(&time, &back));
    cr_expect_eq(memcmp(&unix_start, &back, sizeof back), 0);
    cr_expect_not(SystemTimeToFileTime(&no_day, &time));
    cr_expect_eq(last_error(), ERROR_INVALID_PARAMETER);
    cr_expect_not(FileTimeToDosDateTime(&time, &date, &hour), "before 1980");
    cr_expect(DosDateTimeToFileTime(0x5821, 0x6000, &time));
    cr_expect(FileTimeToDosDateTime(&time, &date, &hour));
    cr_expect_eq(date, 0x5821);
    cr_expect_eq(hour, 0x6000);
    guest_end(ctx);
}

Test(system, time_zone_of_the_host_is_described)
{
    struct zone {
        LONG bias;
        WCHAR standard_name[32];
        SYSTEMTIME standard;
        LONG standard_bias;
        WCHAR daylight_name[32];
        SYSTEMTIME daylight;
        LONG daylight_bias;
    } zone;
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    ldr_context *ctx = guest_begin();
    K32(ctx, DWORD, GetTimeZoneInformation, (struct zone *));
    DWORD kind = GetTimeZoneInformation(&zone);
    cr_expect(kind == 1 || kind == 2);
    cr_expect_eq(zone.bias, -60);
    cr_expect_eq(zone.daylight_bias, -60);
    cr_expect_eq(zone.daylight.month, 3);
    cr_expect_eq(zone.daylight.day, 5);
    cr_expect_eq(zone.daylight.weekday, 0);
    cr_expect_eq(zone.daylight.hour, 2);
    cr_expect_eq(zone.standard.month, 10);
    cr_expect_eq(zone.standard.hour, 3);
    guest_end(ctx);
}

Test(system, case_kinds_and_order_are_unicodes)
{
    ldr_context *ctx = guest_begin();
    K32(ctx, int, LCMapStringW, (DWORD, DWORD, const WCHAR *, int, WCHAR *, int));
    K32(ctx, BOOL, GetStringTypeW, (DWORD, const WCHAR *, int, uint16_t *));
    K32(ctx, int, CompareStringW, (DWORD, DWORD, const WCHAR *, int, const WCHAR *, int));
    static const WCHAR lower[] = {'a', 0xE4, 0x3B1, 0}, upper[] = {'A', 0xC4, 0x391, 0};
    WCHAR mapped[4];
    uint16_t kinds[3];
    cr_expect_eq(LCMapStringW(0, 0x200, lower, -1, mapped, 4), 4);
    cr_expect_arr_eq(mapped, upper, sizeof upper);
    cr_expect_eq(LCMapStringW(0, 0x200, lower, -1, mapped, 3), 0);
    cr_expect_eq(last_error(), ERROR_INSUFFICIENT_BUFFER);
    cr_expect(GetStringTypeW(1, (const WCHAR[]){'7', 0xC4, ' '}, 3, kinds));
    cr_expect_eq(kinds[0] & 0x84, 0x84);
    cr_expect_eq(kinds[1] & 0x103, 0x101);
    cr_expect_eq(kinds[2] & 0x48, 0x48);
    cr_expect_eq(CompareStringW(0, 1, lower, -1, upper, -1), 2);
    cr_expect_eq(CompareStringW(0, 0, lower, -1, upper, -1), 1);
    cr_expect_eq(CompareStringW(0, 0, upper, 1, lower + 1, 1), 1);
    guest_end(ctx);
}

Test(system, host_modules_have_handles_and_functions)
{
    ldr_context *ctx = guest_begin();
    K32(ctx, void *, GetModuleHandleA, (const char *));
    K32(ctx, void *, GetProcAddress, (void *, const char *));
    K32(ctx, void *, LoadLibraryA, (const char *));
    K32(ctx, BOOL, FreeLibrary, (void *));
    void *kernel32 = GetModuleHandleA("KERNEL32");
    cr_assert_not_null(kernel32);
    cr_expect_eq(GetModuleHandleA("kernel32.dll"), kernel32);
    void *own = GetProcAddress(kernel32, "GetProcAddress");
    cr_expect(own == (void *)GetProcAddress || traced_options() != NULL);
    cr_expect_eq(GetProcAddress(kernel32, "GetProcAddress"), own);
    cr_expect_null(GetProcAddress(kernel32, "NoSuchFunction"));
    cr_expect_eq(last_error(), ERROR_PROC_NOT_FOUND);
    cr_expect_eq(LoadLibraryA("kernel32"), kernel32);
    cr_expect(FreeLibrary(kernel32));
    cr_expect_null(LoadLibraryA("no-such-library"));
    cr_expect_eq(last_error(), ERROR_MOD_NOT_FOUND);
    cr_expect_null(LoadLibraryA("C:\\no.dll"));
    cr_expect_eq(last_error(), ERROR_MOD_NOT_FOUND);
    cr_expect_null(GetModuleHandleA("no-such-library"));
    cr_expect_eq(last_error(), ERROR_MOD_NOT_FOUND);
    guest_end(ctx);
}

Test(system, messages_are_the_systems)
{
    ldr_context *ctx = guest_begin();
    K32(ctx, DWORD, FormatMessageA, (DWORD, const void *, DWORD, DWORD, char *, DWORD, void *));
    K32(ctx, void *, LocalFree, (void *));
    char text[64], *made = NULL;
    DWORD length = FormatMessageA(0x1200, NULL, ERROR_ACCESS_DENIED, 0, text, sizeof text, NULL);
    cr_expect_str_eq(text, "Access is denied.\r\n");
    cr_expect_eq(length, strlen(text));
    cr_expect_eq(FormatMessageA(0x1300, NULL, ERROR_ACCESS_DENIED, 0, (char *)&made, 0, NULL),
                 length);
    cr_expect_str_eq(made, text);
    cr_expect_null(LocalFree(made));
    cr_expect_eq(FormatMessageA(0x1200, NULL, 54321, 0, text, sizeof text, NULL), 0);
    cr_expect_eq(last_error(), 317);
    guest_end(ctx);
}

Test(system, pipe_carries_bytes_until_it_ends)
{
    ldr_context *ctx = guest_begin();
    K32(ctx, BOOL, CreatePipe, (HANDLE *, HANDLE *, const void *, DWORD));
    K32(ctx, BOOL, WriteFile, (HANDLE, const void *, DWORD, DWORD *, void *));
    K32(ctx, BOOL, ReadFile, (HANDLE, void *, DWORD, DWORD *, void *));
    K32(ctx, BOOL, CloseHandle, (HANDLE));
    HANDLE reader, writer;
    char bytes[8];
    DWORD count;
    cr_assert(CreatePipe(&reader, &writer, NULL, 0));
    cr_expect(WriteFile(writer, "abc", 3, &count, NULL));
    cr_expect(ReadFile(reader, bytes, sizeof bytes, &count, NULL));
    cr_expect_eq(count, 3);
    CloseHandle(writer);
    cr_expect_not(ReadFile(reader, bytes, sizeof bytes, &count, NULL));
    cr_expect_eq(last_error(), ERROR_BROKEN_PIPE);
    cr_assert(CreatePipe(&reader, &writer, NULL, 0));
    CloseHandle(reader);
    cr_expect_not(WriteFile(writer, "abc", 3, &count, NULL), "and no signal ends the host");
    cr_expect_eq(last_error(), 232);
    guest_end(ctx);
}

Test(system, pipe_without_a_writer_is_broken_once_it_is_empty)
{
    ldr_context *ctx = guest_begin();
    K32(ctx, BOOL, CreatePipe, (HANDLE *, HANDLE *, const void *, DWORD));
    K32(ctx, BOOL, PeekNamedPipe, (HANDLE, void *, DWORD, DWORD *, DWORD *, DWORD *));
    K32(ctx, BOOL, CloseHandle, (HANDLE));
    HANDLE reader, writer;
    DWORD available = 1;
    cr_assert(CreatePipe(&reader, &writer, NULL, 0));
    cr_expect(PeekNamedPipe(reader, NULL, 0, NULL, &available, NULL));
    cr_expect_eq(available, 0);
    CloseHandle(writer);
    cr_expect_not(PeekNamedPipe(reader, NULL, 0, NULL, &available, NULL));
    cr_expect_eq(last_error(), ERROR_BROKEN_PIPE);
    guest_end(ctx);
}

Test(system, module_that_is_none_has_its_own_errors)
{
    ldr_context *ctx = guest_begin();
    K32(ctx, BOOL, FreeLibrary, (void *));
    K32(ctx, void *, GetProcAddress, (void *, const char *));
    K32(ctx, BOOL, GetModuleHandleExA, (DWORD, const char *, void **));
    void *base = NULL, *nothing = (void *)0x12340000;
    cr_expect_not(FreeLibrary(NULL));
    cr_expect_eq(last_error(), ERROR_INVALID_HANDLE);
    cr_expect_not(FreeLibrary(nothing));
    cr_expect_eq(last_error(), ERROR_MOD_NOT_FOUND);
    cr_expect_null(GetProcAddress(nothing, "x"));
    cr_expect_eq(last_error(), ERROR_MOD_NOT_FOUND);
    cr_expect_not(GetModuleHandleExA(3, "kernel32", &base), "pinned and not counted");
    cr_expect_eq(last_error(), ERROR_INVALID_PARAMETER);
    guest_end(ctx);
}

Test(system, console_modes_that_a_terminal_lacks_are_refused)
{
    enum { PROCESSED = 1, LINE = 2, ECHO_INPUT = 4, MOUSE = 16 };
    ldr_context *ctx = guest_begin();
    K32(ctx, BOOL, GetConsoleMode, (HANDLE, DWORD *));
    K32(ctx, BOOL, SetConsoleMode, (HANDLE, DWORD));
    K32(ctx, BOOL, SetStdHandle, (DWORD, HANDLE));
    DWORD mode = 0;
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    cr_assert_geq(terminal, 0);
    HANDLE input = ldr__handle_from_fd(ldr__process_self(), terminal, false, NULL);
    cr_assert(SetStdHandle((DWORD)-10, input));
    cr_expect(SetConsoleMode(input, PROCESSED | LINE));
    cr_expect_not(SetConsoleMode(input, PROCESSED | LINE | MOUSE));
    cr_expect_eq(last_error(), ERROR_INVALID_PARAMETER);
    cr_expect_not(SetConsoleMode(input, ECHO_INPUT), "without lines");
    cr_expect(GetConsoleMode(input, &mode));
    cr_expect_eq(mode, PROCESSED | LINE);
    guest_end(ctx);
}
