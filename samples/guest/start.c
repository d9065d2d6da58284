/*
 * start.exe: what does a program that another one starts find? Its command line word for word, the
 * variables, the current folder and the standard handles that CreateProcess gave it, and the
 * handles that it inherits under the same values; and its end tells its exit code to the starter.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

/* Quiet about where the program lies, which differs between machines. */
static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '\\');
    return slash ? slash + 1 : path;
}

/* ---- The program that is started: what it does is its first argument ---- */

static int show(int argc, char **argv)
{
    char folder[MAX_PATH], value[64] = "(none)";
    GetCurrentDirectoryA(sizeof folder, folder);
    GetEnvironmentVariableA("START_SAMPLE", value, sizeof value);
    for (int i = 1; i < argc; i++)
        printf("argument %d: [%s]\n", i, argv[i]);
    printf("in folder %s, START_SAMPLE is %s\n", file_name(folder), value);
    fflush(stdout);
    return 300; /* more than the 8 bits that a host has */
}

/* Answers with what it reads, through standard handles that are pipes. */
static int echo(void)
{
    char line[64];
    while (fgets(line, sizeof line, stdin) != NULL)
        printf("heard %s", line);
    return 0;
}

/* Writes through a handle whose value is its argument, and says whether another is one. */
static int inherit(char **argv)
{
    HANDLE inherited = (HANDLE)(ULONG_PTR)strtoull(argv[2], NULL, 16);
    HANDLE kept = (HANDLE)(ULONG_PTR)strtoull(argv[3], NULL, 16);
    DWORD count, flags;
    if (!WriteFile(inherited, "from the child", 14, &count, NULL))
        return 1;
    return GetHandleInformation(kept, &flags) ? 2 : 0;
}

static int *volatile nowhere = (int *)16;

static int crash(void)
{
    *nowhere = 1;
    return 0;
}

static int wait_forever(void)
{
    Sleep(INFINITE);
    return 0;
}

/* ---- The one that starts it ---- */

static char self[MAX_PATH];

static PROCESS_INFORMATION start(const char *arguments, BOOL inherits, DWORD flags,
                                 const WCHAR *environment, const char *folder,
                                 STARTUPINFOA *startup)
{
    STARTUPINFOA plain = {.cb = sizeof plain};
    PROCESS_INFORMATION made = {0};
    char line[2 * MAX_PATH];
    snprintf(line, sizeof line, "\"%s\" %s", self, arguments);
    fflush(stdout);
    if (!CreateProcessA(NULL, line, NULL, NULL, inherits, flags, (void *)environment, folder,
                        startup ? startup : &plain, &made)) {
        printf("CreateProcess: error %lu\n", GetLastError());
        exit(1);
    }
    return made;
}

static DWORD finish(PROCESS_INFORMATION *made)
{
    DWORD code = 0, thread_code = 0;
    WaitForSingleObject(made->hProcess, INFINITE);
    GetExitCodeProcess(made->hProcess, &code);
    WaitForSingleObject(made->hThread, INFINITE);
    GetExitCodeThread(made->hThread, &thread_code);
    if (thread_code != code)
        printf("its thread ended with %lu\n", thread_code);
    CloseHandle(made->hThread);
    CloseHandle(made->hProcess);
    return code;
}

/* This process's variables and one more, as a block. */
static WCHAR *environment_with(const WCHAR *variable)
{
    WCHAR *own = GetEnvironmentStringsW(), *end = own;
    while (*end != 0)
        end += wcslen(end) + 1;
    size_t before = (size_t)(end - own), added = wcslen(variable) + 1;
    WCHAR *block = calloc(before + added + 1, sizeof *block);
    memcpy(block, variable, added * sizeof *block);
    memcpy(block + added, own, before * sizeof *block);
    FreeEnvironmentStringsW(own);
    return block;
}

static void arguments_and_place(void)
{
    WCHAR *environment = environment_with(L"START_SAMPLE=set for the child");
    char *root;
    for (root = self + strlen(self); *root != '\\'; root--)
        continue;
    char folder[MAX_PATH];
    snprintf(folder, sizeof folder, "%.*s", (int)(root - self), self);
    PROCESS_INFORMATION made =
        start("show plain \"two words\" quote\\\"d back\\slash \"end\\\\\" \"\"", FALSE,
              CREATE_UNICODE_ENVIRONMENT, environment, folder, NULL);
    printf("exit code %lu\n", finish(&made));
    free(environment);
    SetEnvironmentVariableA("START_SAMPLE", "set by the parent");
    made = start("show", FALSE, 0, NULL, NULL, NULL);
    printf("exit code %lu\n", finish(&made));
}

static void standard_handles(void)
{
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    HANDLE to_read, to_write, from_read, from_write;
    char text[64] = "";
    DWORD count, total = 0;
    CreatePipe(&to_read, &to_write, &inherited, 0);
    CreatePipe(&from_read, &from_write, &inherited, 0);
    SetHandleInformation(to_write, HANDLE_FLAG_INHERIT, 0);
    SetHandleInformation(from_read, HANDLE_FLAG_INHERIT, 0);
    STARTUPINFOA startup = {.cb = sizeof startup,
                            .dwFlags = STARTF_USESTDHANDLES,
                            .hStdInput = to_read,
                            .hStdOutput = from_write,
                            .hStdError = GetStdHandle(STD_ERROR_HANDLE)};
    PROCESS_INFORMATION made = start("echo", TRUE, 0, NULL, NULL, &startup);
    CloseHandle(to_read);
    CloseHandle(from_write);
    WriteFile(to_write, "one\ntwo\n", 8, &count, NULL);
    CloseHandle(to_write); /* the end of the child's input */
    while (ReadFile(from_read, text + total, sizeof text - 1 - total, &count, NULL) && count > 0)
        total += count;
    for (char *c = text; *c; c++)
        if (*c != '\r')
            putchar(*c);
    DWORD error = GetLastError(), code = finish(&made);
    printf("then error %lu, exit code %lu\n", error, code);
}

static void inherited_handles(void)
{
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    char arguments[64], text[32] = "";
    DWORD count;
    HANDLE file = CreateFileA("start.tmp", GENERIC_READ | GENERIC_WRITE, 0, &inherited,
                              CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    HANDLE own = CreateFileA(self, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    snprintf(arguments, sizeof arguments, "inherit %p %p", file, own);
    PROCESS_INFORMATION made = start(arguments, TRUE, 0, NULL, NULL, NULL);
    printf("inherited handle: exit code %lu, ", finish(&made));
    SetFilePointer(file, 0, NULL, FILE_BEGIN);
    ReadFile(file, text, sizeof text - 1, &count, NULL);
    printf("the file holds \"%s\"\n", text);
    made = start(arguments, FALSE, 0, NULL, NULL, NULL);
    printf("without inheritance: exit code %lu\n", finish(&made));
    CloseHandle(own);
    CloseHandle(file);
    DeleteFileA("start.tmp");
}

static void lifetime(void)
{
    DWORD code;
    PROCESS_INFORMATION made = start("wait", FALSE, 0, NULL, NULL, NULL);
    HANDLE both[] = {made.hProcess, made.hThread};
    printf("waiting: %#lx", WaitForMultipleObjects(2, both, FALSE, 50));
    GetExitCodeProcess(made.hProcess, &code);
    printf(", exit code %lu, its id is %s\n", code,
           GetProcessId(made.hProcess) == made.dwProcessId ? "the one told" : "another");
    TerminateProcess(made.hProcess, 0xC0FFEE);
    printf("terminated: %#lx, ", WaitForMultipleObjects(2, both, TRUE, INFINITE));
    printf("exit code %#lx, ", finish(&made));
    made = start("crash", FALSE, 0, NULL, NULL, NULL);
    printf("crashed: exit code %#lx, ", finish(&made));
    made = start("show suspended", FALSE, CREATE_SUSPENDED, NULL, NULL, NULL);
    printf("suspended: %#lx\n", WaitForSingleObject(made.hProcess, 100));
    fflush(stdout);
    DWORD count = ResumeThread(made.hThread);
    code = finish(&made);
    printf("resumed from %lu: exit code %lu\n", count, code);
}

/* ---- What cannot be started ---- */

static void refuse(const char *what, const char *application, const char *line, const char *folder)
{
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION made;
    char copy[2 * MAX_PATH];
    snprintf(copy, sizeof copy, "%s", line ? line : "");
    fflush(stdout);
    BOOL done = CreateProcessA(application, line ? copy : NULL, NULL, NULL, FALSE, 0, NULL, folder,
                               &startup, &made);
    DWORD error = GetLastError();
    if (!done)
        printf("%s: error %lu\n", what, error);
    else
        printf("%s: exit code %lu\n", what, finish(&made));
}

static void write_file(const char *name, const void *bytes, DWORD size)
{
    DWORD count;
    HANDLE file = CreateFileA(name, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    WriteFile(file, bytes, size, &count, NULL);
    CloseHandle(file);
}

static void refusals(void)
{
    write_file("text.exe", "this is no program", 18);
    write_file("empty.exe", "", 0);
    CreateDirectoryA("folder.exe", NULL);
    refuse("no such file", NULL, "no_such_program", NULL);
    refuse("no such application", "no_such_program.exe", NULL, NULL);
    refuse("no such folder", "no_such_folder\\program.exe", NULL, NULL);
    refuse("a text", "text.exe", NULL, NULL);
    refuse("a text, found by its name", NULL, "text", NULL);
    refuse("an empty file", "empty.exe", NULL, NULL);
    refuse("a folder", "folder.exe", NULL, NULL);
    refuse("an empty name", "", NULL, NULL);
    refuse("a current folder that is none", self, "x", "no_such_folder");
    RemoveDirectoryA("folder.exe");
    DeleteFileA("empty.exe");
    DeleteFileA("text.exe");
}

/* A copy whose name has a space, and none of it in quotes: the words are tried one by one. */
static void spaces(void)
{
    DWORD size;
    HANDLE file = CreateFileA(self, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    DWORD length = GetFileSize(file, NULL);
    char *bytes = malloc(length);
    ReadFile(file, bytes, length, &size, NULL);
    CloseHandle(file);
    write_file("with space.exe", bytes, size);
    free(bytes);
    refuse("a name with a space", NULL, "with space show found", NULL);
    DeleteFileA("with space.exe");
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        GetModuleFileNameA(NULL, self, sizeof self);
        arguments_and_place();
        standard_handles();
        inherited_handles();
        lifetime();
        refusals();
        spaces();
        return 0;
    }
    if (strcmp(argv[1], "echo") == 0)
        return echo();
    if (strcmp(argv[1], "inherit") == 0)
        return inherit(argv);
    if (strcmp(argv[1], "crash") == 0)
        return crash();
    return strcmp(argv[1], "wait") == 0 ? wait_forever() : show(argc, argv);
}
