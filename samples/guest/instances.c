/*
 * instances.exe: how many of this program run at the moment? A variable in a section marked SHARED
 * is one memory for all processes that run the file, begins with the file's bytes when the first of
 * them starts, and is gone with the last.
 */
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

__attribute__((section("counts"), shared)) volatile LONG running = 0;
__attribute__((section("counts"), shared)) volatile LONG started = 1000;

static int own = 1000; /* not shared */

static void start_another(int more)
{
    char self[MAX_PATH], line[MAX_PATH + 16];
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION made;
    GetModuleFileNameA(NULL, self, sizeof self);
    snprintf(line, sizeof line, "\"%s\" %d", self, more);
    fflush(stdout);
    if (!CreateProcessA(self, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &made)) {
        printf("CreateProcess: error %lu\n", GetLastError());
        return;
    }
    WaitForSingleObject(made.hProcess, INFINITE);
    CloseHandle(made.hThread);
    CloseHandle(made.hProcess);
}

int main(int argc, char **argv)
{
    int more = argc > 1 ? atoi(argv[1]) : 3;
    LONG now = InterlockedIncrement(&running), all = InterlockedIncrement(&started);
    printf("%ld running, number %ld, own %d\n", now, all, ++own);
    if (more > 0)
        start_another(more - 1);
    if (argc < 2)
        start_another(0); /* what the first chain has counted is still there */
    printf("%ld running\n", InterlockedDecrement(&running) + 1);
    return 0;
}
