#include <stdlib.h>
#include <string.h>

#include "guest.h"

Test(text, utf8_goes_to_utf16_and_back)
{
    static const char text[] = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";
    static const WCHAR wide[] = {'a', 0xE9, 0x20AC, 0xD83D, 0xDE00};
    WCHAR units[8];
    char bytes[16];
    cr_expect_eq(ldr__utf8_to_utf16(text, sizeof text - 1, units, 8), 5);
    cr_expect_arr_eq(units, wide, sizeof wide);
    cr_expect_eq(ldr__utf16_to_utf8(units, 5, bytes, sizeof bytes), sizeof text - 1);
    cr_expect_arr_eq(bytes, text, sizeof text - 1);
}

Test(text, broken_sequences_become_replacements)
{
    WCHAR units[8];
    cr_expect_eq(ldr__utf8_to_utf16("\xC3(\xED\xA0\x80", 5, units, 8), 5);
    cr_expect_eq(units[0], 0xFFFD);
    cr_expect_eq(units[1], '(');
    cr_expect_eq(ldr__utf8_to_utf16("\xF0\x9F", 2, NULL, 0), 2);
    cr_expect_not(ldr__utf8_valid("\xC0\x80", 2));
    cr_expect(ldr__utf8_valid("\xEF\xBF\xBD", 3));
    cr_expect_not(ldr__utf16_valid((const WCHAR[]){0xD800, 'a'}, 2));
}

Test(text, conversion_functions_measure_and_refuse_as_windows)
{
    ldr_context *ctx = guest_begin();
    K32(ctx, int, MultiByteToWideChar, (DWORD, DWORD, const char *, int, WCHAR *, int));
    K32(ctx, int, WideCharToMultiByte,
        (DWORD, DWORD, const WCHAR *, int, char *, int, const char *, BOOL *));
    WCHAR wide[4];
    char narrow[4];
    BOOL lost = false;
    cr_expect_eq(MultiByteToWideChar(65001, 0, "abc", -1, NULL, 0), 4);
    cr_expect_eq(MultiByteToWideChar(0, 0, "abc", -1, wide, 4), 4);
    cr_expect_eq(MultiByteToWideChar(0, 0, "abcd", -1, wide, 4), 0);
    cr_expect_eq(ldr__thread_self()->teb.last_error, ERROR_INSUFFICIENT_BUFFER);
    cr_expect_eq(MultiByteToWideChar(65001, 8, "\xFF", 1, wide, 4), 0);
    cr_expect_eq(ldr__thread_self()->teb.last_error, ERROR_NO_UNICODE_TRANSLATION);
    cr_expect_eq(MultiByteToWideChar(1252, 0, "\x80", 1, wide, 4), 1);
    cr_expect_eq(wide[0], 0x20AC);
    cr_expect_eq(
        WideCharToMultiByte(1252, 0, (const WCHAR[]){0x20AC, 0x3B1}, 2, narrow, 4, NULL, &lost), 2);
    cr_expect_eq((uint8_t)narrow[0], 0x80);
    cr_expect_eq(narrow[1], '?');
    cr_expect(lost);
    cr_expect_eq(MultiByteToWideChar(9999, 0, "a", 1, wide, 4), 0);
    cr_expect_eq(ldr__thread_self()->teb.last_error, ERROR_INVALID_PARAMETER);
    guest_end(ctx);
}

static void expect_host(const char *guest, const char *host)
{
    char *path = ldr__path_to_host(guest);
    cr_assert_not_null(path, "%s", guest);
    cr_expect_str_eq(path, host);
    free(path);
}

Test(text, paths_of_drive_z_are_the_hosts)
{
    expect_host("Z:\\tmp\\a", "/tmp/a");
    expect_host("\\\\?\\z:\\tmp", "/tmp");
    expect_host("a\\b/c", "a/b/c");
    expect_host("/tmp", "/tmp");
    expect_host("nul", "/dev/null");
    cr_expect_null(ldr__path_to_host("C:\\Windows"));
    char *guest = ldr__path_to_guest("/tmp/a");
    cr_expect_str_eq(guest, "Z:\\tmp\\a");
    free(guest);
}

Test(text, environment_variables_ignore_case_and_measure)
{
    ldr_context *ctx = guest_begin();
    K32(ctx, BOOL, SetEnvironmentVariableA, (const char *, const char *));
    K32(ctx, DWORD, GetEnvironmentVariableA, (const char *, char *, DWORD));
    char value[8];
    cr_expect(SetEnvironmentVariableA("Peload_Test", "hello"));
    cr_expect_eq(GetEnvironmentVariableA("PELOAD_TEST", value, 8), 5);
    cr_expect_str_eq(value, "hello");
    cr_expect_eq(GetEnvironmentVariableA("PELOAD_TEST", value, 5), 6);
    cr_expect(SetEnvironmentVariableA("PELOAD_TEST", NULL));
    cr_expect_eq(GetEnvironmentVariableA("PELOAD_TEST", value, 8), 0);
    cr_expect_eq(ldr__thread_self()->teb.last_error, ERROR_ENVVAR_NOT_FOUND);
    guest_end(ctx);
}
