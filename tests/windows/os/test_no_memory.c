/* Blocks that the C library does not give: the program is linked with `--wrap` for its functions.
 */
#include "tests.h"

#include <stdlib.h>

static struct {
    bool is_armed;
    int left; /* blocks that can still be had */
    long held;
} heap;

static bool is_refused(void)
{
    return heap.is_armed && heap.left-- <= 0;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
void __real_free(void *block);
void __wrap_free(void *block);

static void *held(void *block)
{
    heap.held += block != NULL;
    return block;
}

void *__wrap_malloc(size_t size)
{
    return is_refused() ? NULL : held(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return is_refused() ? NULL : held(__real_calloc(count, size));
}

char *__wrap_strdup(const char *text)
{
    return is_refused() ? NULL : held(__real_strdup(text));
}

void __wrap_free(void *block)
{
    heap.held -= block != NULL;
    __real_free(block);
}

/* ---- What needs blocks ---- */

static ldr_status make_absolute(void)
{
    char *path = NULL;
    ldr_status status = ldr__os_path_absolute("short", &path);
    CHECK(status == LDR_OK || path == NULL);
    ldr__os_free(path);
    return status;
}

static bool same(const char *a, const char *b)
{
    return _stricmp(a, b) == 0;
}

static ldr_status find(void)
{
    char *path = NULL;
    ldr_status status = ldr__os_folder_find(".", "short of/Memory", same, &path);
    CHECK(status == LDR_OK || path == NULL);
    ldr__os_free(path);
    return status;
}

static ldr_status open_file(void)
{
    ldr__handle file = LDR__NO_HANDLE;
    ldr_status status = ldr__os_file_open("short", &file);
    ldr__os_close(file);
    return status;
}

static ldr_status open_natively(void)
{
    bool existed;
    ldr__handle file = LDR__NO_HANDLE;
    uint32_t status =
        ldr__native_file_open("short", LDR_FILE_READ, 0, LDR_OPEN_EXISTING, &file, &existed);
    ldr__os_close(file);
    return ldr__native_status(status);
}

static ldr_status make_named_section(void)
{
    ldr__handle section = LDR__NO_HANDLE;
    ldr__native_request request = {.file = LDR__NO_HANDLE,
                                   .maximum_size = 1,
                                   .protect = LDR_PAGE_READWRITE,
                                   .attributes = LDR_SEC_COMMIT,
                                   .access = LDR_SECTION_ALL_ACCESS,
                                   .name = "short of memory"};
    uint32_t status = ldr__native_create(&request, &section);
    ldr__os_close(section);
    return ldr__native_status(status);
}

static ldr_status make_lock(void)
{
    ldr__lock *lock = NULL;
    ldr_status status = ldr__os_lock_create(&lock);
    ldr__os_lock_destroy(lock);
    return status;
}

static void block_that_is_not_there_is_no_memory(void)
{
    static ldr_status (*const all[])(void) = {
        make_absolute, find, open_file, open_natively, make_named_section, make_lock};
    write_file("short", "x", 1);
    CreateDirectoryA("Short of", NULL);
    write_file("Short of/memory", "x", 1);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        long before = heap.held;
        ldr_status status = LDR_NO_MEMORY;
        int blocks = 0;
        for (; status != LDR_OK && blocks < 100; blocks++) {
            heap.left = blocks;
            heap.is_armed = true;
            status = all[i]();
            heap.is_armed = false;
            CHECK(status == LDR_OK || status == LDR_NO_MEMORY);
            CHECK(heap.held == before);
        }
        CHECK(status == LDR_OK && blocks > 1);
    }
}

int run_no_memory_tests(const char *only)
{
    static const check_test tests[] = {
        {"block_that_is_not_there_is_no_memory", block_that_is_not_there_is_no_memory},
    };
    return RUN(tests, only);
}
