#include "tests.h"

#define PAGE 4096

static void block_is_zeros_and_grows(void)
{
    char *block = ldr__os_alloc(100);
    REQUIRE(block != NULL);
    CHECK(block[0] == 0 && block[99] == 0);
    memset(block, 7, 100);
    block = ldr__os_resize(block, 100000);
    REQUIRE(block != NULL);
    CHECK(block[0] == 7 && block[99] == 7);
    ldr__os_free(block);
    ldr__os_free(NULL);
    CHECK(ldr__os_alloc(SIZE_MAX) == NULL);
}

static void process_has_one_key(void)
{
    CHECK(ldr__os_process_key() != 0);
    CHECK(ldr__os_process_key() == ldr__os_process_key());
}

static void time_goes_on(void)
{
    uint64_t before = ldr__os_time();
    Sleep(20);
    uint64_t passed = ldr__os_time() - before;
    CHECK(passed >= 10000000 && passed < 5000000000);
}

static void limit_is_that_of_the_system(void)
{
    MEMORYSTATUSEX memory = {.dwLength = sizeof memory};
    GlobalMemoryStatusEx(&memory);
    CHECK(ldr__os_memory_limit() >= memory.ullTotalPhys);
    CHECK(ldr__os_memory_limit() < UINT64_C(1) << 50);
}

/* ---- Reserving ---- */

static void range_is_reserved_without_access(void)
{
    void *range;
    REQUIRE(ldr__os_reserve(0, 3 * PAGE, PAGE, &range) == LDR_OK);
    MEMORY_BASIC_INFORMATION region = region_at(range);
    CHECK(region.State == MEM_RESERVE && region.RegionSize == 3 * PAGE);
    ldr__os_unmap(range, 3 * PAGE);
    CHECK(region_at(range).State == MEM_FREE);
}

static void address_that_is_taken_is_busy(void)
{
    void *range, *other = NULL;
    REQUIRE(ldr__os_reserve(0, 0x30000, PAGE, &range) == LDR_OK);
    CHECK(ldr__os_reserve((uintptr_t)range + 0x10000, 0x10000, PAGE, &other) == LDR_ADDRESS_BUSY);
    CHECK(other == NULL);
    ldr__os_unmap(range, 0x30000);
    CHECK(ldr__os_reserve((uintptr_t)range, 0x30000, PAGE, &other) == LDR_OK);
    CHECK(other == range);
    ldr__os_unmap(other, 0x30000);
}

static void address_that_cannot_be_had_is_busy(void)
{
    void *range;
    CHECK(ldr__os_reserve(0x7F0000001000, PAGE, PAGE, &range) == LDR_ADDRESS_BUSY);
    CHECK(ldr__os_reserve(0xFFFF800000000000, PAGE, PAGE, &range) == LDR_ADDRESS_BUSY);
    CHECK(ldr__os_reserve(0x7FFFFFFF0000, 0x100000, PAGE, &range) == LDR_ADDRESS_BUSY);
}

static void alignment_is_kept(void)
{
    void *range;
    for (uint64_t alignment = PAGE; alignment <= UINT64_C(1) << 32; alignment *= 16) {
        REQUIRE(ldr__os_reserve(0, 0x20000, alignment, &range) == LDR_OK);
        CHECK((uintptr_t)range % alignment == 0);
        ldr__os_unmap(range, 0x20000);
    }
}

static void size_that_no_range_has_is_no_memory(void)
{
    void *range;
    CHECK(ldr__os_reserve(0, UINT64_C(1) << 50, PAGE, &range) == LDR_NO_MEMORY);
    CHECK(ldr__os_reserve(0, UINT64_C(1) << 50, 1 << 21, &range) == LDR_NO_MEMORY);
    CHECK(ldr__os_reserve(0, UINT64_MAX - PAGE + 1, 1 << 21, &range) == LDR_NO_MEMORY);
}

/* ---- Protecting ---- */

static void private_pages_are_written_in_place(void)
{
    static const struct {
        int access;
        DWORD protect;
    } all[] = {{LDR__NO_ACCESS, PAGE_NOACCESS},
               {LDR__READ, PAGE_READONLY},
               {LDR__READ | LDR__WRITE, PAGE_READWRITE},
               {LDR__WRITE, PAGE_READWRITE},
               {LDR__EXECUTE, PAGE_EXECUTE},
               {LDR__READ | LDR__EXECUTE, PAGE_EXECUTE_READ},
               {LDR__READ | LDR__WRITE | LDR__EXECUTE, PAGE_EXECUTE_READWRITE}};
    char *pages = VirtualAlloc(NULL, 3 * PAGE, MEM_COMMIT | MEM_RESERVE, PAGE_READONLY);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        CHECK(ldr__os_protect(pages + PAGE, PAGE, all[i].access) == LDR_OK);
        CHECK(region_at(pages + PAGE).Protect == all[i].protect);
        CHECK(region_at(pages).Protect == PAGE_READONLY);
        CHECK(region_at(pages + 2 * PAGE).Protect == PAGE_READONLY);
    }
    VirtualFree(pages, 0, MEM_RELEASE);
}

static void pages_of_a_copying_view_are_copied(void)
{
    HANDLE section = make_section(2 * PAGE, PAGE_EXECUTE_READWRITE);
    char *shared = map_section(section, FILE_MAP_WRITE);
    char *copy = map_section(section, FILE_MAP_COPY | FILE_MAP_EXECUTE);
    REQUIRE(shared != NULL && copy != NULL);
    CHECK(ldr__os_protect(copy, 2 * PAGE, LDR__READ) == LDR_OK);
    CHECK(ldr__os_protect(copy, 2 * PAGE, LDR__READ | LDR__WRITE) == LDR_OK);
    copy[0] = 1;
    CHECK(shared[0] == 0 && copy[0] == 1);
    CHECK(ldr__os_protect(copy, PAGE, LDR__READ | LDR__EXECUTE) == LDR_OK);
    CHECK(region_at(copy).Protect == PAGE_EXECUTE_READ);
    CHECK(copy[0] == 1);
    CHECK(ldr__os_protect(copy, 2 * PAGE, LDR__READ | LDR__WRITE | LDR__EXECUTE) == LDR_OK);
    copy[PAGE] = 2;
    CHECK(shared[PAGE] == 0 && copy[0] == 1);
    UnmapViewOfFile(copy);
    UnmapViewOfFile(shared);
    CloseHandle(section);
}

static void pages_of_a_shared_view_stay_shared(void)
{
    HANDLE section = make_section(PAGE, PAGE_READWRITE);
    char *one = map_section(section, FILE_MAP_WRITE), *other = map_section(section, FILE_MAP_READ);
    REQUIRE(one != NULL && other != NULL);
    CHECK(ldr__os_protect(one, PAGE, LDR__READ) == LDR_OK);
    CHECK(ldr__os_protect(one, PAGE, LDR__READ | LDR__WRITE) == LDR_OK);
    one[0] = 1;
    CHECK(other[0] == 1);
    CHECK(ldr__os_protect(other, PAGE, LDR__READ | LDR__EXECUTE) == LDR_OS_ERROR);
    UnmapViewOfFile(one);
    UnmapViewOfFile(other);
    CloseHandle(section);
}

static void pages_of_an_image_are_copied(void)
{
    char *one = map_image(), *other = map_image();
    REQUIRE(one != NULL && other != NULL);
    CHECK(region_at(one).Type == MEM_IMAGE);
    CHECK(ldr__os_protect(one, PAGE, LDR__READ | LDR__WRITE) == LDR_OK);
    one[2] = 'x';
    CHECK(other[2] != 'x');
    CHECK(ldr__os_protect(one, PAGE, LDR__READ) == LDR_OK);
    CHECK(region_at(one).Protect == PAGE_READONLY && one[2] == 'x');
    UnmapViewOfFile(one);
    UnmapViewOfFile(other);
}

static void range_of_several_regions_is_protected(void)
{
    DWORD old;
    char *image = map_image();
    REQUIRE(image != NULL);
    CHECK(ldr__os_protect(image, 2 * PAGE, LDR__READ | LDR__WRITE) == LDR_OK);
    image[0] = 'M';
    image[PAGE] = 'x';
    UnmapViewOfFile(image);
    char *pages = VirtualAlloc(NULL, 4 * PAGE, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
    VirtualProtect(pages + PAGE, PAGE, PAGE_NOACCESS, &old);
    CHECK(ldr__os_protect(pages, 4 * PAGE, LDR__READ) == LDR_OK);
    CHECK(region_at(pages).RegionSize == 4 * PAGE);
    VirtualFree(pages, 0, MEM_RELEASE);
}

static void free_addresses_cannot_be_protected(void)
{
    void *range;
    REQUIRE(ldr__os_reserve(0, PAGE, PAGE, &range) == LDR_OK);
    CHECK(ldr__os_protect(range, PAGE, LDR__READ) == LDR_OS_ERROR);
    ldr__os_unmap(range, PAGE);
    CHECK(ldr__os_protect(range, PAGE, LDR__READ) == LDR_OS_ERROR);
}

/* ---- Releasing ---- */

static void whatever_there_is_is_released(void)
{
    HANDLE section = make_section(PAGE, PAGE_READWRITE);
    char *views[] = {map_section(section, FILE_MAP_READ), map_image(),
                     VirtualAlloc(NULL, PAGE, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE)};
    CloseHandle(section);
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
        REQUIRE(views[i] != NULL);
        ldr__os_unmap(views[i], PAGE);
        CHECK(region_at(views[i]).State == MEM_FREE);
        ldr__os_unmap(views[i], PAGE);
    }
}

/* ---- Copies ---- */

static void bytes_are_copied_both_ways(void)
{
    char there[64] = "bytes", here[64] = "";
    CHECK(ldr__os_peek(there, here, sizeof here) == LDR_OK);
    CHECK(strcmp(here, "bytes") == 0);
    CHECK(ldr__os_poke(there, "other", 6) == LDR_OK);
    CHECK(strcmp(there, "other") == 0);
    CHECK(ldr__os_peek(there, here, 0) == LDR_OK);
    CHECK(strcmp(here, "bytes") == 0);
}

static void page_that_cannot_be_had_ends_a_copy(void)
{
    DWORD old;
    char bytes[2 * PAGE] = "";
    char *pages = VirtualAlloc(NULL, 2 * PAGE, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
    memset(pages, 'x', PAGE);
    VirtualProtect(pages + PAGE, PAGE, PAGE_NOACCESS, &old);
    CHECK(ldr__os_peek(pages, bytes, 2 * PAGE) == LDR_IO_ERROR);
    CHECK(bytes[PAGE - 1] == 'x' && bytes[PAGE] == 0);
    CHECK(ldr__os_poke(pages + PAGE - 1, "ab", 2) == LDR_IO_ERROR);
    VirtualProtect(pages + PAGE, PAGE, PAGE_READONLY, &old);
    CHECK(ldr__os_peek(pages + PAGE - 8, bytes, 16) == LDR_OK);
    CHECK(ldr__os_poke(pages + PAGE, "a", 1) == LDR_IO_ERROR);
    CHECK(pages[PAGE] == 0 && region_at(pages + PAGE).Protect == PAGE_READONLY);
    VirtualFree(pages, 0, MEM_RELEASE);
    CHECK(ldr__os_peek(pages, bytes, 1) == LDR_IO_ERROR);
    CHECK(ldr__os_peek((void *)(uintptr_t)0x8000000000000000, bytes, 1) == LDR_IO_ERROR);
}

static void guard_hits_nothing(void)
{
    ldr__os_guard_begin();
    ldr__os_guard_begin();
    CHECK(!ldr__os_guard_end());
    CHECK(!ldr__os_guard_end());
}

int run_memory_tests(const char *only)
{
    static const check_test tests[] = {
        {"block_is_zeros_and_grows", block_is_zeros_and_grows},
        {"process_has_one_key", process_has_one_key},
        {"time_goes_on", time_goes_on},
        {"limit_is_that_of_the_system", limit_is_that_of_the_system},
        {"range_is_reserved_without_access", range_is_reserved_without_access},
        {"address_that_is_taken_is_busy", address_that_is_taken_is_busy},
        {"address_that_cannot_be_had_is_busy", address_that_cannot_be_had_is_busy},
        {"alignment_is_kept", alignment_is_kept},
        {"size_that_no_range_has_is_no_memory", size_that_no_range_has_is_no_memory},
        {"private_pages_are_written_in_place", private_pages_are_written_in_place},
        {"pages_of_a_copying_view_are_copied", pages_of_a_copying_view_are_copied},
        {"pages_of_a_shared_view_stay_shared", pages_of_a_shared_view_stay_shared},
        {"pages_of_an_image_are_copied", pages_of_an_image_are_copied},
        {"range_of_several_regions_is_protected", range_of_several_regions_is_protected},
        {"free_addresses_cannot_be_protected", free_addresses_cannot_be_protected},
        {"whatever_there_is_is_released", whatever_there_is_is_released},
        {"bytes_are_copied_both_ways", bytes_are_copied_both_ways},
        {"page_that_cannot_be_had_ends_a_copy", page_that_cannot_be_had_ends_a_copy},
        {"guard_hits_nothing", guard_hits_nothing},
    };
    return RUN(tests, only);
}
