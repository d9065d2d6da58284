/* test_os.exe: os.h and native.h on Windows. An argument names the only test that is to run. */
#include "tests.h"

int check_failures;

void write_file(const char *name, const void *bytes, size_t size)
{
    DWORD written;
    HANDLE file = CreateFileA(name, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    CHECK(WriteFile(file, bytes, (DWORD)size, &written, NULL));
    CloseHandle(file);
}

HANDLE make_section(size_t size, DWORD protect)
{
    return CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, protect, 0, (DWORD)size, NULL);
}

char *map_section(HANDLE section, DWORD access)
{
    return MapViewOfFile(section, access, 0, 0, 0);
}

char *map_image(void)
{
    wchar_t path[MAX_PATH];
    GetModuleFileNameW(NULL, path, MAX_PATH);
    HANDLE file = CreateFileW(path, GENERIC_READ | GENERIC_EXECUTE, FILE_SHARE_READ, NULL,
                              OPEN_EXISTING, 0, NULL);
    HANDLE section = CreateFileMappingW(file, NULL, PAGE_READONLY | SEC_IMAGE, 0, 0, NULL);
    char *view = MapViewOfFile(section, FILE_MAP_READ, 0, 0, 0);
    CloseHandle(section);
    CloseHandle(file);
    return view;
}

MEMORY_BASIC_INFORMATION region_at(const void *address)
{
    MEMORY_BASIC_INFORMATION region = {0};
    VirtualQuery(address, &region, sizeof region);
    return region;
}

/* The files of the tests are not to lie wherever the program was started. */
static bool enter_new_folder(void)
{
    char folder[MAX_PATH], path[2 * MAX_PATH];
    DWORD length = GetTempPathA(sizeof folder, folder);
    snprintf(path, sizeof path, "%speload-os-%lx", folder, GetCurrentProcessId());
    return length != 0 && CreateDirectoryA(path, NULL) && SetCurrentDirectoryA(path);
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : NULL;
    CHECK(enter_new_folder());
    int ran = run_memory_tests(only) + run_pages_tests(only) + run_lock_tests(only) +
              run_file_tests(only) + run_path_tests(only) + run_section_tests(only) +
              run_native_file_tests(only) + run_missing_tests(only) + run_no_memory_tests(only);
    printf("%d tests, %d failures\n", ran, check_failures);
    return check_failures != 0 || ran == 0;
}
