#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

#define GENERIC_READ  0x80000000u
#define GENERIC_WRITE 0x40000000u

enum { CREATE_NEW = 1, CREATE_ALWAYS = 2, OPEN_EXISTING = 3, OPEN_ALWAYS = 4, SHARE_ALL = 7 };

static char folder[] = "/tmp/peload-files-XXXXXX";
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

/* The guest's name of a file in the test's folder. */
static const char *named(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "Z:%s\\%s", folder, name);
    for (char *c = path; *c; c++)
        if (*c == '/')
            *c = '\\';
    return path;
}

static DWORD last_error(void)
{
    return ldr__thread_self()->teb.last_error;
}

static HANDLE open_file(const char *name, DWORD access, DWORD share, DWORD disposition)
{
    K32(ctx, HANDLE, CreateFileA, (const char *, DWORD, DWORD, const void *, DWORD, DWORD, HANDLE));
    return CreateFileA(named(name), access, share, NULL, disposition, 0, NULL);
}

TestSuite(files, .init = begin, .fini = end);

Test(files, written_bytes_are_read_back)
{
    K32(ctx, BOOL, ReadFile, (HANDLE, void *, DWORD, DWORD *, void *));
    K32(ctx, BOOL, WriteFile, (HANDLE, const void *, DWORD, DWORD *, void *));
    K32(ctx, DWORD, SetFilePointer, (HANDLE, LONG, LONG *, DWORD));
    K32(ctx, BOOL, SetEndOfFile, (HANDLE));
    K32(ctx, DWORD, GetFileSize, (HANDLE, DWORD *));
    K32(ctx, DWORD, GetFileType, (HANDLE));
    char bytes[16];
    DWORD count = 0;
    HANDLE file = open_file("a", GENERIC_READ | GENERIC_WRITE, 0, CREATE_NEW);
    cr_assert_neq(file, INVALID_HANDLE_VALUE);
    cr_expect(WriteFile(file, "0123456789", 10, &count, NULL));
    cr_expect_eq(count, 10);
    cr_expect_eq(SetFilePointer(file, -4, NULL, 2), 6);
    cr_expect(ReadFile(file, bytes, sizeof bytes, &count, NULL));
    cr_expect_eq(count, 4);
    cr_expect(ReadFile(file, bytes, sizeof bytes, &count, NULL), "the end of a file is no error");
    cr_expect_eq(count, 0);
    SetFilePointer(file, 3, NULL, 0);
    cr_expect(SetEndOfFile(file));
    cr_expect_eq(GetFileSize(file, NULL), 3);
    cr_expect_eq(SetFilePointer(file, -9, NULL, 0), (DWORD)-1);
    cr_expect_eq(last_error(), ERROR_NEGATIVE_SEEK);
    cr_expect_eq(GetFileType(file), 1);
}

Test(files, dispositions_answer_as_windows)
{
    K32(ctx, BOOL, CloseHandle, (HANDLE));
    cr_expect_eq(open_file("none", GENERIC_READ, SHARE_ALL, OPEN_EXISTING), INVALID_HANDLE_VALUE);
    cr_expect_eq(last_error(), ERROR_FILE_NOT_FOUND);
    cr_expect_eq(open_file("no\\none", GENERIC_READ, SHARE_ALL, OPEN_EXISTING),
                 INVALID_HANDLE_VALUE);
    cr_expect_eq(last_error(), ERROR_PATH_NOT_FOUND);
    HANDLE file = open_file("b", GENERIC_WRITE, SHARE_ALL, OPEN_ALWAYS);
    cr_expect_eq(last_error(), ERROR_SUCCESS);
    CloseHandle(file);
    CloseHandle(open_file("b", GENERIC_WRITE, SHARE_ALL, CREATE_ALWAYS));
    cr_expect_eq(open_file("b", GENERIC_WRITE, SHARE_ALL, CREATE_NEW), INVALID_HANDLE_VALUE);
    cr_expect_eq(last_error(), ERROR_FILE_EXISTS);
    cr_expect_eq(open_file("", GENERIC_READ, SHARE_ALL, OPEN_EXISTING), INVALID_HANDLE_VALUE);
    cr_expect_eq(last_error(), ERROR_ACCESS_DENIED, "a folder");
}

Test(files, sharing_is_kept_between_handles)
{
    K32(ctx, BOOL, CloseHandle, (HANDLE));
    HANDLE writer = open_file("c", GENERIC_WRITE, 1, CREATE_NEW);
    cr_expect_eq(open_file("c", GENERIC_READ, 1, OPEN_EXISTING), INVALID_HANDLE_VALUE);
    cr_expect_eq(last_error(), ERROR_SHARING_VIOLATION, "the writer would not be allowed");
    cr_expect_neq(open_file("c", GENERIC_READ, 3, OPEN_EXISTING), INVALID_HANDLE_VALUE);
    cr_expect_eq(open_file("c", GENERIC_WRITE, 3, OPEN_EXISTING), INVALID_HANDLE_VALUE);
    CloseHandle(writer);
    cr_expect_neq(open_file("c", GENERIC_READ, 1, OPEN_EXISTING), INVALID_HANDLE_VALUE);
}

typedef struct find_data {
    DWORD head[11];
    char name[260], short_name[14];
} find_data;

Test(files, wildcards_find_files)
{
    K32(ctx, HANDLE, FindFirstFileA, (const char *, find_data *));
    K32(ctx, BOOL, FindNextFileA, (HANDLE, find_data *));
    K32(ctx, BOOL, FindClose, (HANDLE));
    find_data data;
    open_file("One.txt", GENERIC_WRITE, 0, CREATE_NEW);
    open_file("two.TXT", GENERIC_WRITE, 0, CREATE_NEW);
    open_file("three", GENERIC_WRITE, 0, CREATE_NEW);
    HANDLE search = FindFirstFileA(named("*.txt"), &data);
    cr_assert_neq(search, INVALID_HANDLE_VALUE);
    cr_expect_str_eq(data.name + strlen(data.name) - 3, data.name[0] == 'O' ? "txt" : "TXT");
    cr_expect(FindNextFileA(search, &data));
    cr_expect_not(FindNextFileA(search, &data));
    cr_expect_eq(last_error(), ERROR_NO_MORE_FILES);
    cr_expect(FindClose(search));
    cr_expect_not(FindClose(search));
    int count = 0;
    search = FindFirstFileA(named("*.*"), &data);
    do
        count++;
    while (FindNextFileA(search, &data));
    cr_expect_eq(count, 5, "with . and ..");
    cr_expect_eq(FindFirstFileA(named("x*"), &data), INVALID_HANDLE_VALUE);
    cr_expect_eq(last_error(), ERROR_FILE_NOT_FOUND);
    cr_expect_eq(FindFirstFileA(named("no\\x*"), &data), INVALID_HANDLE_VALUE);
    cr_expect_eq(last_error(), ERROR_PATH_NOT_FOUND);
}

Test(files, names_are_made_moved_and_removed)
{
    K32(ctx, BOOL, CreateDirectoryA, (const char *, const void *));
    K32(ctx, BOOL, RemoveDirectoryA, (const char *));
    K32(ctx, BOOL, DeleteFileA, (const char *));
    K32(ctx, BOOL, CloseHandle, (HANDLE));
    K32(ctx, DWORD, GetFileAttributesA, (const char *));
    cr_expect(CreateDirectoryA(named("d"), NULL));
    cr_expect_not(CreateDirectoryA(named("d"), NULL));
    cr_expect_eq(last_error(), ERROR_ALREADY_EXISTS);
    cr_expect_eq(GetFileAttributesA(named("d")), 0x10);
    HANDLE file = open_file("d\\f", GENERIC_WRITE, 0, CREATE_NEW);
    cr_expect_not(RemoveDirectoryA(named("d")));
    cr_expect_eq(last_error(), ERROR_DIR_NOT_EMPTY);
    cr_expect_not(DeleteFileA(named("d\\f")));
    cr_expect_eq(last_error(), ERROR_SHARING_VIOLATION);
    cr_expect(CloseHandle(file));
    cr_expect(DeleteFileA(named("d\\f")));
    cr_expect_not(DeleteFileA(named("d\\f")));
    cr_expect_eq(last_error(), ERROR_FILE_NOT_FOUND);
    cr_expect(RemoveDirectoryA(named("d")));
    cr_expect_eq(GetFileAttributesA(named("d")), (DWORD)-1);
}

static void expect_full(const char *name, const char *full)
{
    K32(ctx, DWORD, GetFullPathNameW, (const WCHAR *, DWORD, WCHAR *, WCHAR **));
    WCHAR *wide = ldr__utf16_from(name), path[300];
    DWORD length = GetFullPathNameW(wide, 300, path, NULL);
    char *narrow = ldr__utf8_from(path);
    cr_expect_eq(length, strlen(full));
    cr_expect_str_eq(narrow, full);
    free(wide);
    free(narrow);
}

Test(files, full_names_are_normalised)
{
    expect_full("Z:\\a\\.\\b\\..\\c", "Z:\\a\\c");
    expect_full("/a//b/", "Z:\\a\\b\\");
    expect_full("\\..\\..", "Z:\\");
    expect_full("C:\\x\\..", "C:\\");
    cr_assert_eq(chdir("/tmp"), 0);
    expect_full("x", "Z:\\tmp\\x");
    expect_full("..\\x", "Z:\\x");
}
