/*
 * coherent.exe: when does a reader see what a writer does to a mapped file? At once: all views of
 * one file, in all processes and through whatever section, are the same pages; and what WriteFile
 * and ReadFile do is done to them as well.
 */
#include <stdio.h>
#include <string.h>
#include <windows.h>

typedef struct page {
    volatile LONG asked, answered, sum;
    char text[32];
} page;

static HANDLE open_file(DWORD disposition)
{
    return CreateFileA("coherent.tmp", GENERIC_READ | GENERIC_WRITE,
                       FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, disposition, 0, NULL);
}

static page *map_file(HANDLE file, DWORD size)
{
    HANDLE section = CreateFileMappingA(file, NULL, PAGE_READWRITE, 0, size, NULL);
    page *view = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0);
    CloseHandle(section);
    return view;
}

/* Sums up what it is told, without any call to the system in between. */
static int read_along(void)
{
    HANDLE file = open_file(OPEN_EXISTING);
    page *view = map_file(file, 0);
    if (view == NULL)
        return 1;
    for (LONG next = 1; next <= 1000; next++) {
        while (view->asked != next)
            YieldProcessor();
        view->sum += next;
        view->answered = next;
    }
    UnmapViewOfFile((void *)view);
    CloseHandle(file);
    return 0;
}

int main(int argc, char **argv)
{
    char self[MAX_PATH], line[MAX_PATH + 16], text[32];
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION made;
    DWORD count, code = 0;
    (void)argv;
    if (argc > 1)
        return read_along();
    HANDLE file = open_file(CREATE_ALWAYS);
    page *view = map_file(file, sizeof *view), *second = map_file(file, 0);
    printf("size of the file: %lu\n", GetFileSize(file, NULL));

    strcpy(view->text, "by the first view");
    printf("second view: %s\n", second->text);
    SetFilePointer(file, offsetof(page, text), NULL, FILE_BEGIN);
    ReadFile(file, text, sizeof text, &count, NULL);
    printf("ReadFile: %s\n", text);
    SetFilePointer(file, offsetof(page, text), NULL, FILE_BEGIN);
    WriteFile(file, "by WriteFile", 13, &count, NULL);
    printf("both views: %s, %s\n", view->text, second->text);

    GetModuleFileNameA(NULL, self, sizeof self);
    snprintf(line, sizeof line, "\"%s\" reader", self);
    if (!CreateProcessA(self, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &made))
        return printf("CreateProcess: error %lu\n", GetLastError()), 1;
    for (LONG i = 1; i <= 1000; i++) {
        view->asked = i;
        while (view->answered != i)
            if (i == 1)
                Sleep(1); /* the reader still starts */
    }
    WaitForSingleObject(made.hProcess, INFINITE);
    GetExitCodeProcess(made.hProcess, &code);
    printf("the other process: sum %ld, exit code %lu\n", second->sum, code);

    printf("flush: %d, of a part: %d\n", FlushViewOfFile((void *)view, 0),
           FlushViewOfFile((char *)view + 100, 10));
    UnmapViewOfFile((void *)view);
    UnmapViewOfFile((void *)second);
    CloseHandle(file);
    DeleteFileA("coherent.tmp");
    return 0;
}
