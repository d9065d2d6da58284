/*
 * grow.exe: how does a large table grow without being copied, for all who see it? Its section is
 * reserved only (SEC_RESERVE); pages come into being one by one when somebody commits them, and
 * then they do so in every view, also of other processes. Who touches one too early gets an
 * exception, and may commit it then.
 */
#include <stdio.h>
#include <string.h>
#include <windows.h>

enum { PAGE = 0x1000, PAGES = 64 };

static void show(const char *what, const char *at)
{
    MEMORY_BASIC_INFORMATION info;
    VirtualQuery(at, &info, sizeof info);
    printf("%s: %s, protect %#lx, %llu pages, allocated with %#lx, type %#lx\n", what,
           info.State == MEM_COMMIT ? "committed" : "reserved", info.Protect,
           (unsigned long long)(info.RegionSize / PAGE), info.AllocationProtect, info.Type);
}

static char *table;
static int touched;

static LONG CALLBACK commit_touched(EXCEPTION_POINTERS *exception)
{
    const EXCEPTION_RECORD *record = exception->ExceptionRecord;
    char *address = (char *)record->ExceptionInformation[1];
    if (record->ExceptionCode != EXCEPTION_ACCESS_VIOLATION || address < table ||
        address >= table + PAGES * PAGE)
        return EXCEPTION_CONTINUE_SEARCH;
    touched++;
    return VirtualAlloc(address, 1, MEM_COMMIT, PAGE_READWRITE) ? EXCEPTION_CONTINUE_EXECUTION
                                                                : EXCEPTION_CONTINUE_SEARCH;
}

/* Fills pages as if they were all there. */
static void fill_by_touching(void)
{
    void *handler = AddVectoredExceptionHandler(1, commit_touched);
    for (int i = 16; i < 32; i++) {
        *(volatile char *)(table + i * PAGE) = 0;
        sprintf(table + i * PAGE, "page %d", i);
    }
    RemoveVectoredExceptionHandler(handler);
    printf("filled by touching: %d exceptions, %s to %s\n", touched, table + 16 * PAGE,
           table + 31 * PAGE);
}

/* Another process: commits two pages of the section. */
static int commit_elsewhere(const char *name)
{
    HANDLE section = OpenFileMappingA(FILE_MAP_WRITE, FALSE, name);
    char *view = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0);
    char *page = view ? VirtualAlloc(view + 40 * PAGE, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE) : NULL;
    if (page == NULL)
        return 1;
    strcpy(page, "by another process");
    return 0;
}

/* The system writes to a page that this process has not touched yet. */
static void read_into(char *page, const char *path)
{
    DWORD count = 0;
    HANDLE file = CreateFileA(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    BOOL done = ReadFile(file, page, 2, &count, NULL);
    printf("read into page 41: %d, %lu bytes, %s\n", done, count, done ? page : "");
    CloseHandle(file);
}

static void see_what_another_commits(const char *name)
{
    char self[MAX_PATH], line[MAX_PATH + 40];
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION made;
    GetModuleFileNameA(NULL, self, sizeof self);
    snprintf(line, sizeof line, "\"%s\" \"%s\"", self, name);
    fflush(stdout);
    if (!CreateProcessA(self, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &made))
        return;
    WaitForSingleObject(made.hProcess, INFINITE);
    read_into(table + 41 * PAGE, self);
    char first = *(volatile char *)(table + 40 * PAGE); /* nobody has asked about it before */
    printf("page 40: %c, %s\n", first, table + 40 * PAGE);
    show("page 40", table + 40 * PAGE);
}

int main(int argc, char **argv)
{
    DWORD old;
    char name[32];
    if (argc > 1)
        return commit_elsewhere(argv[1]);
    snprintf(name, sizeof name, "grow %lu", GetCurrentProcessId());
    HANDLE section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE | SEC_RESERVE, 0,
                                        PAGES * PAGE, name);
    table = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0);
    char *other = MapViewOfFile(section, FILE_MAP_READ, 0, 0, 0);
    show("at first", table);
    for (int i = 0; i < 8; i++) {
        char *page = VirtualAlloc(table + i * PAGE, 1, MEM_COMMIT, PAGE_READWRITE);
        if (page == NULL) {
            printf("page %d: error %lu\n", i, GetLastError());
            return 1;
        }
        sprintf(page, "page %d", i);
    }
    show("grown", table);
    show("the rest", table + 8 * PAGE);
    show("other view", other);
    for (int i = 0; i < 8; i++)
        printf("%s%s", other + i * PAGE, i < 7 ? ", " : "\n");
    show("what is left of the other", other + 8 * PAGE);

    printf("again: %s\n",
           VirtualAlloc(table, PAGE, MEM_COMMIT, PAGE_READWRITE) ? table : "refused");
    BOOL done = VirtualFree(table, PAGE, MEM_DECOMMIT);
    printf("decommit: %d, error %lu\n", done, GetLastError());
    done = VirtualFree(table, 0, MEM_RELEASE);
    printf("release: %d, error %lu\n", done, GetLastError());
    done = VirtualProtect(table + 8 * PAGE, PAGE, PAGE_READONLY, &old);
    printf("protect a reserved page: %d, error %lu\n", done, GetLastError());
    done = VirtualProtect(table, PAGE, PAGE_READONLY, &old);
    printf("protect a committed page: %d, it was %#lx\n", done, old);
    show("protected", table);
    show("behind it", table + PAGE);
    fill_by_touching();
    see_what_another_commits(name);
    CloseHandle(section);
    return 0;
}
