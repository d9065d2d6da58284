#include "tests.h"

static void what_is_not_there_gives_a_status(void)
{
    uint64_t count;
    ldr__handle segment;
    ldr__registry_key key = {{1, 2}};
    ldr__debugger_entry *entry = NULL;
    char page[4096];
    CHECK(ldr__os_segment_create(4096, &segment) == LDR_OS_ERROR);
    CHECK(ldr__os_segment_write(LDR__NO_HANDLE, 0, page, 1) == LDR_OS_ERROR);
    CHECK(ldr__os_segment_seal(LDR__NO_HANDLE) == LDR_OS_ERROR);
    CHECK(ldr__os_registry_create(&key, 4096, &segment) == LDR_OS_ERROR);
    CHECK(ldr__os_map_private(page, 4096, LDR__NO_HANDLE, 0, LDR__READ) == LDR_OS_ERROR);
    CHECK(ldr__os_detach(page, 4096, LDR__READ) == LDR_OS_ERROR);
    CHECK(ldr__os_file_cache(LDR__NO_HANDLE, &count, &count) == LDR_OS_ERROR);
    CHECK(ldr__os_debugger_add(page, 1, &entry) == LDR_OS_ERROR && entry == NULL);
    CHECK(ldr__os_profile_append("text", 4) == LDR_OS_ERROR);
    ldr__os_debugger_remove(NULL);
    ldr__os_registry_unpublish(LDR__NO_MARK);
    ldr__os_file_mark(LDR__NO_HANDLE, 0, 1);
    CHECK(!ldr__os_file_is_marked(LDR__NO_HANDLE, 0, 1));
}

static void nothing_is_filled_when_it_is_touched(void)
{
    ldr__pager *pager = NULL;
    ldr__pager_owner owner = {0};
    CHECK(ldr__os_pager_create(&owner, &pager) == LDR_OS_ERROR && pager == NULL);
    ldr__os_pager_destroy(NULL);
}

int run_missing_tests(const char *only)
{
    static const check_test tests[] = {
        {"what_is_not_there_gives_a_status", what_is_not_there_gives_a_status},
        {"nothing_is_filled_when_it_is_touched", nothing_is_filled_when_it_is_touched},
    };
    return RUN(tests, only);
}
