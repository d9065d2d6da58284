/* Where DLLs are looked for, as far as the guest says and asks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest.h"

static char folder[] = "/tmp/peload-folders-XXXXXX";
static ldr_context *ctx;

static void begin(void)
{
    cr_assert_not_null(mkdtemp(folder));
    ctx = guest_begin();
}

static void end(void)
{
    char command[64];
    guest_end(ctx);
    snprintf(command, sizeof command, "rm -r %s", folder);
    cr_expect_eq(system(command), 0);
}

TestSuite(folders, .init = begin, .fini = end);

static const char *in_folder(const char *name)
{
    static char path[2][128];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static void make_file(const char *name)
{
    FILE *file = fopen(in_folder(name), "w");
    cr_assert_not_null(file);
    fclose(file);
}

Test(folders, dll_directory_is_told_as_it_was_set)
{
    char got[64] = "before";
    WCHAR wide[64];
    K32(ctx, BOOL, SetDllDirectoryA, (const char *));
    K32(ctx, BOOL, SetDllDirectoryW, (const WCHAR *));
    K32(ctx, DWORD, GetDllDirectoryA, (DWORD, char *));
    K32(ctx, DWORD, GetDllDirectoryW, (DWORD, WCHAR *));
    K32(ctx, DWORD, GetLastError, (void));
    cr_assert_eq(GetDllDirectoryA(sizeof got, got), 0);
    cr_assert_str_eq(got, "");
    cr_assert(SetDllDirectoryA("C:\\some where"));
    cr_assert_eq(GetDllDirectoryA(0, NULL), 14);
    cr_assert_eq(GetDllDirectoryA(14, got), 13);
    cr_assert_str_eq(got, "C:\\some where");
    cr_assert_eq(GetDllDirectoryW(64, wide), 13);
    cr_assert_eq(wide[12], 'e');
    cr_assert_not(SetDllDirectoryA("a;b"));
    cr_assert_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    cr_assert(SetDllDirectoryW(NULL));
    cr_assert_eq(GetDllDirectoryA(sizeof got, got), 0);
}

Test(folders, folder_that_is_added_must_be_absolute_and_there)
{
    WCHAR wide[128];
    K32(ctx, void *, AddDllDirectory, (const WCHAR *));
    K32(ctx, BOOL, RemoveDllDirectory, (void *));
    K32(ctx, DWORD, GetLastError, (void));
    static const struct {
        const char *name;
        DWORD error;
    } wrong[] = {{"relative", ERROR_INVALID_PARAMETER},
                 {"Z:relative", ERROR_INVALID_PARAMETER},
                 {"Z:\\no\\such\\folder", ERROR_FILE_NOT_FOUND},
                 {"C:\\", ERROR_PATH_NOT_FOUND}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        wide[ldr__utf8_to_utf16(wrong[i].name, strlen(wrong[i].name), wide, 127)] = 0;
        cr_expect_null(AddDllDirectory(wide));
        cr_expect_eq(GetLastError(), wrong[i].error, "%s", wrong[i].name);
    }
    wide[ldr__utf8_to_utf16(folder, strlen(folder), wide, 127)] = 0;
    void *cookie = AddDllDirectory(wide);
    cr_assert_not_null(cookie);
    cr_assert(RemoveDllDirectory(cookie));
    cr_assert_not(RemoveDllDirectory(cookie));
    cr_assert_eq(GetLastError(), ERROR_INVALID_PARAMETER);
}

Test(folders, load_flags_that_contradict_each_other_are_an_invalid_parameter)
{
    K32(ctx, void *, LoadLibraryExA, (const char *, HANDLE, DWORD));
    K32(ctx, BOOL, SetDefaultDllDirectories, (DWORD));
    K32(ctx, DWORD, GetLastError, (void));
    cr_assert_null(LoadLibraryExA("a.dll", NULL, 0x808));
    cr_assert_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    cr_assert_null(LoadLibraryExA("a.dll", NULL, 0x100));
    cr_assert_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    cr_assert_null(LoadLibraryExA("a.dll", NULL, 0x800));
    cr_assert_eq(GetLastError(), ERROR_MOD_NOT_FOUND);
    cr_assert_not(SetDefaultDllDirectories(0x100));
    cr_assert_eq(GetLastError(), ERROR_INVALID_PARAMETER);
    cr_assert(SetDefaultDllDirectories(0x1000));
}

Test(folders, windows_has_folders_if_the_context_has)
{
    char got[64];
    WCHAR wide[64];
    K32(ctx, DWORD, GetSystemDirectoryA, (char *, DWORD));
    K32(ctx, DWORD, GetLastError, (void));
    cr_assert_eq(GetSystemDirectoryA(got, sizeof got), 0);
    cr_assert_eq(GetLastError(), ERROR_PATH_NOT_FOUND);
    const ldr_context_options options = {
        .size = sizeof options, .system_folder = "/win/system32", .windows_folder = "/win"};
    ldr_context *other;
    cr_assert_eq(ldr_context_create(&options, &other), LDR_OK);
    K32(other, DWORD, GetWindowsDirectoryW, (WCHAR *, DWORD));
    cr_assert_eq(GetSystemDirectoryA(got, sizeof got), 15);
    cr_assert_str_eq(got, "Z:\\win\\system32");
    cr_assert_eq(GetSystemDirectoryA(got, 3), 16);
    cr_assert_eq(GetWindowsDirectoryW(wide, 64), 6);
    ldr_context_destroy(other);
}

Test(folders, search_path_looks_in_a_list_and_tells_the_file)
{
    char list[128], got[128] = "", expected[128], *file = NULL;
    K32(ctx, DWORD, SearchPathA,
        (const char *, const char *, const char *, DWORD, char *, char **));
    K32(ctx, DWORD, GetLastError, (void));
    cr_assert_eq(mkdir(in_folder("b"), 0700), 0);
    make_file("b/Name.dll");
    snprintf(list, sizeof list, "Z:%s;Z:%s/b", folder, folder);
    snprintf(expected, sizeof expected, "Z:%s/b/Name.dll", folder);
    for (char *c = expected; *c; c++)
        *c = *c == '/' ? '\\' : *c;
    DWORD length = (DWORD)strlen(expected);
    cr_assert_eq(SearchPathA(list, "NAME", ".dll", sizeof got, got, &file), length);
    cr_assert_str_eq(got, expected);
    cr_assert_str_eq(file, "Name.dll");
    cr_assert_eq(SearchPathA(list, "name.dll", NULL, length, got, &file), length + 1);
    cr_assert_eq(SearchPathA(list, "name", NULL, sizeof got, got, NULL), 0);
    cr_assert_eq(GetLastError(), ERROR_FILE_NOT_FOUND);
    cr_assert_eq(SearchPathA(NULL, "name.dll", NULL, sizeof got, got, NULL), 0);
    cr_assert_eq(SearchPathA(list, "", NULL, sizeof got, got, NULL), 0);
    cr_assert_eq(GetLastError(), ERROR_INVALID_PARAMETER);
}
