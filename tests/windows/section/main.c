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

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : NULL;
    const suite *suites[] = {&image_suite, &data_suite, &named_suite, &snapshot_suite};
    int ran = 0;
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++)
        ran += check_run(suites[i]->tests, suites[i]->count, only);
    printf("%d tests, %d failures\n", ran, check_failures);
    return check_failures != 0 || ran == 0;
}
