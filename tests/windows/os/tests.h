/* tests.h: the lists of test_os.exe, and what they share. Each gives how many tests it has run. */
#ifndef PELOAD_TEST_OS_H
#define PELOAD_TEST_OS_H

#include "check.h"
#include "os/native.h"

#include <windows.h>

#define RUN(tests, only) check_run(tests, sizeof(tests) / sizeof((tests)[0]), only)

int run_memory_tests(const char *only);
int run_pages_tests(const char *only);
int run_lock_tests(const char *only);
int run_file_tests(const char *only);
int run_path_tests(const char *only);
int run_section_tests(const char *only);
int run_native_file_tests(const char *only);
int run_missing_tests(const char *only);
int run_no_memory_tests(const char *only);

/* A file of the folder that the program runs in, with these bytes. */
void write_file(const char *name, const void *bytes, size_t size);

/* A section of the paging file, and a view of all of it; NULL if there is none. */
HANDLE make_section(size_t size, DWORD protect);
char *map_section(HANDLE section, DWORD access);

/* A view of this program as an image, somewhere else; released with UnmapViewOfFile. */
char *map_image(void);

MEMORY_BASIC_INFORMATION region_at(const void *address);

#endif
