/*
 * sharing.exe: who may open a file that somebody has open? Who asks for nothing that the others do
 * not share, and shares what the others have asked for; that holds between processes, too. And what
 * becomes of a file that is opened with each of the dispositions?
 */
#include <errno.h>
#include <share.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

static const char name[] = "sharing.tmp";

static DWORD try_open(DWORD access, DWORD share, DWORD disposition, DWORD flags)
{
    SetLastError(12345);
    HANDLE file = CreateFileA(name, access, share, NULL, disposition, flags, NULL);
    DWORD error = GetLastError();
    if (file != INVALID_HANDLE_VALUE)
        CloseHandle(file);
    return error;
}

static const struct {
    const char *text;
    DWORD access;
} accesses[] = {{"read", GENERIC_READ}, {"write", GENERIC_WRITE}, {"delete", DELETE}, {"none", 0}};

static const struct {
    const char *text;
    DWORD share;
} shares[] = {{"nothing", 0},
              {"read", FILE_SHARE_READ},
              {"read write", FILE_SHARE_READ | FILE_SHARE_WRITE},
              {"all", FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE}};

/* What a second opening comes to while a first one holds. */
static void show_second(const char *who)
{
    for (int access = 0; access < 4; access++) {
        printf("%s, then %s:", who, accesses[access].text);
        for (int share = 0; share < 4; share++)
            printf(" %lu",
                   try_open(accesses[access].access, shares[share].share, OPEN_EXISTING, 0));
        printf("\n");
    }
}

static void sharing(void)
{
    for (int access = 0; access < 3; access++) {
        for (int share = 0; share < 4; share++) {
            char who[64];
            HANDLE first = CreateFileA(name, accesses[access].access, shares[share].share, NULL,
                                       OPEN_ALWAYS, 0, NULL);
            snprintf(who, sizeof who, "%s sharing %s", accesses[access].text, shares[share].text);
            show_second(who);
            CloseHandle(first);
        }
    }
}

static void between_processes(void)
{
    char self[MAX_PATH], line[MAX_PATH + 8];
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION made;
    HANDLE first = CreateFileA(name, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_ALWAYS, 0, NULL);
    GetModuleFileNameA(NULL, self, sizeof self);
    snprintf(line, sizeof line, "\"%s\" other", self);
    fflush(stdout);
    CreateProcessA(self, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &made);
    WaitForSingleObject(made.hProcess, INFINITE);
    CloseHandle(first);
}

static void dispositions(void)
{
    static const char *const names[] = {
        "", "CREATE_NEW", "CREATE_ALWAYS", "OPEN_EXISTING", "OPEN_ALWAYS", "TRUNCATE_EXISTING",
        "6"};
    for (DWORD disposition = 0; disposition < 7; disposition++) {
        DeleteFileA(name);
        DWORD missing = try_open(GENERIC_WRITE, 0, disposition, 0);
        BOOL made = GetFileAttributesA(name) != INVALID_FILE_ATTRIBUTES;
        HANDLE file = CreateFileA(name, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
        DWORD count;
        WriteFile(file, "text", 4, &count, NULL);
        CloseHandle(file);
        DWORD there = try_open(GENERIC_WRITE, 0, disposition, 0);
        file = CreateFileA(name, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
        printf("disposition %lu %s: missing %lu%s, existing %lu, then %lu bytes\n", disposition,
               names[disposition], missing, made ? " (made)" : "", there, GetFileSize(file, NULL));
        CloseHandle(file);
    }
    printf("TRUNCATE_EXISTING to read: %lu\n", try_open(GENERIC_READ, 0, TRUNCATE_EXISTING, 0));
    printf("in no folder: ");
    CreateFileA("no folder\\x", GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
    printf("%lu\n", GetLastError());
    CreateDirectoryA("folder.tmp", NULL);
    printf("a folder: ");
    CreateFileA("folder.tmp", GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
    printf("%lu\n", GetLastError());
    RemoveDirectoryA("folder.tmp");
}

static void rights(void)
{
    char byte = 0;
    DWORD count;
    HANDLE file = CreateFileA(name, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    BOOL done = ReadFile(file, &byte, 1, &count, NULL);
    printf("read from a file opened to write: %d, %lu\n", done, GetLastError());
    CloseHandle(file);
    file = CreateFileA(name, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
    done = WriteFile(file, "x", 1, &count, NULL);
    printf("write to a file opened to read: %d, %lu\n", done, GetLastError());
    done = SetEndOfFile(file);
    printf("its end: %d, %lu\n", done, GetLastError());
    CloseHandle(file);
}

static void removal(void)
{
    HANDLE file = CreateFileA(name, GENERIC_WRITE, FILE_SHARE_READ, NULL, OPEN_ALWAYS, 0, NULL);
    BOOL done = DeleteFileA(name);
    printf("delete an open file: %d, %lu\n", done, GetLastError());
    CloseHandle(file);
    file = CreateFileA(name, GENERIC_WRITE, FILE_SHARE_DELETE, NULL, OPEN_ALWAYS,
                       FILE_FLAG_DELETE_ON_CLOSE, NULL);
    printf("to be deleted, open without sharing that: %lu\n",
           try_open(GENERIC_READ, FILE_SHARE_WRITE, OPEN_EXISTING, 0));
    CloseHandle(file);
    DWORD attributes = GetFileAttributesA(name);
    printf("closed: attributes %lx, %lu\n", attributes, GetLastError());
}

/* A mapped file can grow, but not end before the section does. */
static void mapped(void)
{
    HANDLE file = CreateFileA(name, GENERIC_READ | GENERIC_WRITE,
                              FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                              CREATE_ALWAYS, 0, NULL);
    HANDLE section = CreateFileMappingA(file, NULL, PAGE_READWRITE, 0, 0x2000, NULL);
    void *view = MapViewOfFile(section, FILE_MAP_READ, 0, 0, 0);
    CloseHandle(section);
    SetFilePointer(file, 0x1000, NULL, FILE_BEGIN);
    BOOL done = SetEndOfFile(file);
    DWORD error = GetLastError();
    printf("cut off a mapped file: %d, %lu, size %lu\n", done, error, GetFileSize(file, NULL));
    printf("empty it: %lu\n", try_open(GENERIC_WRITE, 7, CREATE_ALWAYS, 0));
    SetFilePointer(file, 0x3000, NULL, FILE_BEGIN);
    done = SetEndOfFile(file);
    printf("let it grow: %d, size %lu\n", done, GetFileSize(file, NULL));
    UnmapViewOfFile(view);
    SetFilePointer(file, 0, NULL, FILE_BEGIN);
    done = SetEndOfFile(file);
    printf("cut off when it is not mapped any more: %d, size %lu\n", done, GetFileSize(file, NULL));
    CloseHandle(file);
}

/* The C runtime opens files, too: it shares them, but not their removal. */
static void runtime(void)
{
    FILE *file = fopen(name, "w");
    printf("fopen, then CreateFile sharing nothing: %lu\n",
           try_open(GENERIC_READ, 0, OPEN_EXISTING, 0));
    printf("sharing to read: %lu\n", try_open(GENERIC_READ, FILE_SHARE_READ, OPEN_EXISTING, 0));
    printf("sharing to write: %lu\n",
           try_open(GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, OPEN_EXISTING, 0));
    int result = remove(name);
    printf("remove: %d, errno %d\n", result, errno);
    result = rename(name, "other.tmp");
    printf("rename: %d, errno %d\n", result, errno);
    BOOL moved = MoveFileExW(L"sharing.tmp", L"other.tmp", 0);
    printf("MoveFileEx: %d, %lu\n", moved, GetLastError());
    fclose(file);
    HANDLE held = CreateFileA(name, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
    file = fopen(name, "r");
    printf("CreateFile sharing nothing, then fopen: %s, errno %d\n", file ? "done" : "no", errno);
    CloseHandle(held);
    file = _fsopen(name, "w", _SH_DENYRW);
    printf("_fsopen denying all, then CreateFile: %lu\n",
           try_open(GENERIC_READ, 7, OPEN_EXISTING, 0));
    fclose(file);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        show_second("another process sharing read");
        return 0;
    }
    sharing();
    between_processes();
    DeleteFileA(name);
    dispositions();
    rights();
    removal();
    mapped();
    runtime();
    DeleteFileA(name);
    return 0;
}
