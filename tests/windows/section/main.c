/* Sections and views on the system's own calls: section.h as it is on Windows. */
#include "suite.h"

#include <windows.h>

int check_failures;

const char *suite_file(const void *bytes, size_t size)
{
    static char path[MAX_PATH];
    char folder[MAX_PATH];
    GetTempPathA(sizeof folder, folder);
    if (GetTempFileNameA(folder, "pel", 0, path) == 0)
        return NULL;
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, size, file) != size)
        return NULL;
    return fclose(file) == 0 ? path : NULL;
}

void suite_remove(const char *path)
{
    DeleteFileA(path);
}

bool suite_is_wine(void)
{
    return GetProcAddress(GetModuleHandleA("ntdll.dll"), "wine_get_version") != NULL;
}

int suite_child(const char *what, const char *argument)
{
    char program[MAX_PATH], command[2 * MAX_PATH + 32];
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION child;
    DWORD code = (DWORD)-1;
    GetModuleFileNameA(NULL, program, sizeof program);
    snprintf(command, sizeof command, "\"%s\" --child %s \"%s\"", program, what, argument);
    if (!CreateProcessA(program, command, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &child))
        return -1;
    WaitForSingleObject(child.hProcess, INFINITE);
    GetExitCodeProcess(child.hProcess, &code);
    CloseHandle(child.hThread);
    CloseHandle(child.hProcess);
    return (int)code;
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : NULL;
    const suite *suites[] = {&image_suite, &data_suite, &named_suite, &snapshot_suite,
                             &process_suite};
    if (argc == 4 && strcmp(argv[1], "--child") == 0)
        return run_as_child(argv[2], argv[3]);
    int ran = 0;
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++)
        ran += check_run(suites[i]->tests, suites[i]->count, only);
    printf("%d tests, %d failures\n", ran, check_failures);
    return check_failures != 0 || ran == 0;
}
