#include "tests.h"

#define PAGE 4096

static ldr__native_request memory_request(const char *name)
{
    return (ldr__native_request){.file = LDR__NO_HANDLE,
                                 .maximum_size = 3 * PAGE,
                                 .protect = LDR_PAGE_READWRITE,
                                 .attributes = LDR_SEC_COMMIT,
                                 .access = LDR_SECTION_ALL_ACCESS,
                                 .name = name};
}

static char *map_all(ldr__handle section, uint32_t protect)
{
    ldr__native_place place = {.protect = protect};
    CHECK(ldr__native_map(section, &place) == PE_NT_SUCCESS);
    return (char *)(uintptr_t)place.base;
}

/* ---- Making and finding ---- */

static void views_of_a_section_are_one_memory(void)
{
    ldr__handle section;
    ldr__native_request request = memory_request(NULL);
    REQUIRE(ldr__native_create(&request, &section) == PE_NT_SUCCESS);
    char *one = map_all(section, LDR_PAGE_READWRITE), *other = map_all(section, LDR_PAGE_READONLY);
    ldr__os_close(section);
    REQUIRE(one != NULL && other != NULL);
    strcpy(one + PAGE, "written");
    CHECK(strcmp(other + PAGE, "written") == 0);
    ldr__native_unmap(one);
    ldr__native_unmap(other + PAGE);
    CHECK(region_at(one).State == MEM_FREE && region_at(other).State == MEM_FREE);
}

static void section_tells_what_it_is(void)
{
    ldr__handle section;
    uint64_t size;
    uint32_t attributes;
    ldr__native_request request = memory_request("");
    request.maximum_size = 3 * PAGE - 100;
    REQUIRE(ldr__native_create(&request, &section) == PE_NT_SUCCESS);
    CHECK(ldr__native_facts(section, &size, &attributes) == PE_NT_SUCCESS);
    CHECK(size == 3 * PAGE && attributes == LDR_SEC_COMMIT);
    ldr__os_close(section);
    CHECK(ldr__native_facts(section, &size, &attributes) == PE_NT_INVALID_HANDLE);
    request.access = LDR_SECTION_MAP_READ;
    REQUIRE(ldr__native_create(&request, &section) == PE_NT_SUCCESS);
    CHECK(ldr__native_facts(section, &size, &attributes) == PE_NT_ACCESS_DENIED);
    ldr__os_close(section);
}

static void named_section_is_found(void)
{
    static const char *const names[] = {"peload test", "Local\\peload test 2",
                                        "Global\\peload test 3", "\u00fcn\u00ef"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ldr__handle first, second, third;
        uint64_t size = 0;
        uint32_t attributes;
        ldr__native_request request = memory_request(names[i]);
        CHECK(ldr__native_open(names[i], LDR_SECTION_MAP_READ, &first) ==
              PE_NT_OBJECT_NAME_NOT_FOUND);
        REQUIRE(ldr__native_create(&request, &first) == PE_NT_SUCCESS);
        request.maximum_size = PAGE;
        CHECK(ldr__native_create(&request, &second) == PE_NT_OBJECT_NAME_EXISTS);
        CHECK(ldr__native_open(names[i], LDR_SECTION_QUERY, &third) == PE_NT_SUCCESS);
        CHECK(ldr__native_facts(second, &size, &attributes) == PE_NT_SUCCESS && size == 3 * PAGE);
        CHECK(ldr__native_facts(third, &size, &attributes) == PE_NT_SUCCESS && size == 3 * PAGE);
        ldr__os_close(first);
        ldr__os_close(second);
        ldr__os_close(third);
        CHECK(ldr__native_open(names[i], LDR_SECTION_MAP_READ, &first) ==
              PE_NT_OBJECT_NAME_NOT_FOUND);
    }
}

static void name_is_that_of_win32(void)
{
    ldr__handle section;
    ldr__native_request request = memory_request("Local\\peload win32");
    REQUIRE(ldr__native_create(&request, &section) == PE_NT_SUCCESS);
    HANDLE found = OpenFileMappingW(FILE_MAP_READ, FALSE, L"peload win32");
    CHECK(found != NULL);
    CloseHandle(found);
    CHECK(OpenFileMappingW(FILE_MAP_READ, FALSE, L"PELOAD win32") == NULL);
    ldr__os_close(section);
    HANDLE global = CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, PAGE,
                                       L"Global\\peload win32");
    CHECK(ldr__native_open("Global\\peload win32", LDR_SECTION_MAP_READ, &section) ==
          PE_NT_SUCCESS);
    ldr__os_close(section);
    CloseHandle(global);
}

static void name_of_another_object_is_of_the_wrong_type(void)
{
    ldr__handle section;
    HANDLE event = CreateEventW(NULL, FALSE, FALSE, L"peload event");
    ldr__native_request request = memory_request("peload event");
    CHECK(ldr__native_create(&request, &section) == PE_NT_OBJECT_TYPE_MISMATCH);
    CHECK(ldr__native_open("peload event", LDR_SECTION_MAP_READ, &section) ==
          PE_NT_OBJECT_TYPE_MISMATCH);
    CloseHandle(event);
}

static void bad_name_is_refused(void)
{
    static char longest[70000];
    ldr__handle section;
    ldr__native_request request = memory_request("\\peload");
    CHECK(ldr__native_create(&request, &section) == PE_NT_OBJECT_PATH_SYNTAX_BAD);
    request.name = "a folder\\peload";
    CHECK(ldr__native_create(&request, &section) == PE_NT_OBJECT_PATH_NOT_FOUND);
    request.name = "no text \xFF";
    CHECK(ldr__native_create(&request, &section) == PE_NT_OBJECT_NAME_INVALID);
    memset(longest, 'x', sizeof longest - 1);
    request.name = longest;
    CHECK(ldr__native_create(&request, &section) == PE_NT_OBJECT_NAME_INVALID);
}

static void bad_request_is_refused(void)
{
    ldr__handle section;
    ldr__native_request request = memory_request(NULL);
    request.protect = LDR_PAGE_READWRITE | LDR_PAGE_READONLY;
    CHECK(ldr__native_create(&request, &section) == PE_NT_INVALID_PAGE_PROTECTION);
    request = memory_request(NULL);
    request.attributes = 0;
    CHECK(ldr__native_create(&request, &section) >= PE_NT_UNSUCCESSFUL);
    request = memory_request(NULL);
    request.maximum_size = 0;
    CHECK(ldr__native_create(&request, &section) >= PE_NT_UNSUCCESSFUL);
}

/* ---- Of files ---- */

static ldr__handle open_file(const char *path, uint32_t access)
{
    ldr__handle file = LDR__NO_HANDLE;
    bool existed;
    CHECK(ldr__native_file_open(path, access, LDR_SHARE_READ | LDR_SHARE_WRITE | LDR_SHARE_DELETE,
                                LDR_OPEN_OR_CREATE, &file, &existed) == PE_NT_SUCCESS);
    return file;
}

static void section_of_a_file_has_its_bytes(void)
{
    ldr__handle section;
    uint64_t size = 0;
    uint32_t attributes = 0;
    write_file("data", "the bytes", 9);
    ldr__handle file = open_file("data", LDR_FILE_READ | LDR_FILE_WRITE);
    ldr__native_request request = memory_request(NULL);
    request.file = file;
    request.maximum_size = 0;
    REQUIRE(ldr__native_create(&request, &section) == PE_NT_SUCCESS);
    CHECK(ldr__native_facts(section, &size, &attributes) == PE_NT_SUCCESS);
    CHECK(size == 9 && (attributes & LDR_SEC_IMAGE) == 0);
    char *view = map_all(section, LDR_PAGE_READWRITE);
    REQUIRE(view != NULL);
    CHECK(memcmp(view, "the bytes", 10) == 0);
    memcpy(view, "new", 3);
    CHECK(ldr__native_flush(view, PAGE) == PE_NT_SUCCESS);
    CHECK(ldr__native_file_flush(file) == PE_NT_SUCCESS);
    char bytes[4] = "";
    size_t count;
    CHECK(ldr__os_file_read(file, 0, bytes, 3, &count) == LDR_OK && strcmp(bytes, "new") == 0);
    ldr__native_unmap(view);
    ldr__os_close(section);
    ldr__os_close(file);
}

static void section_of_an_unfit_file_is_refused(void)
{
    ldr__handle section;
    write_file("empty", "", 0);
    write_file("no image", "MZ but no image", 15);
    ldr__handle empty = open_file("empty", LDR_FILE_READ);
    ldr__handle other = open_file("no image", LDR_FILE_READ | LDR_FILE_EXECUTE);
    ldr__native_request request = {.file = empty,
                                   .protect = LDR_PAGE_READONLY,
                                   .attributes = LDR_SEC_COMMIT,
                                   .access = LDR_SECTION_ALL_ACCESS};
    CHECK(ldr__native_create(&request, &section) == PE_NT_MAPPED_FILE_SIZE_ZERO);
    request.file = other;
    request.maximum_size = 100;
    CHECK(ldr__native_create(&request, &section) == PE_NT_SECTION_TOO_BIG);
    request.maximum_size = 0;
    request.attributes = LDR_SEC_IMAGE;
    uint32_t status = ldr__native_create(&request, &section);
    CHECK(ldr__native_status(status) == LDR_IMAGE_REFUSED);
    request.attributes = LDR_SEC_COMMIT;
    request.protect = LDR_PAGE_READWRITE;
    CHECK(ldr__native_create(&request, &section) == PE_NT_ACCESS_DENIED);
    ldr__os_close(empty);
    ldr__os_close(other);
}

static void image_is_mapped_elsewhere_when_its_base_is_taken(void)
{
    wchar_t path[MAX_PATH];
    char name[3 * MAX_PATH];
    ldr__handle section;
    ldr__native_region region;
    uint64_t size = 0;
    uint32_t attributes = 0;
    GetModuleFileNameW(NULL, path, MAX_PATH);
    WideCharToMultiByte(CP_UTF8, 0, path, -1, name, sizeof name, NULL, NULL);
    ldr__handle file = open_file(name, LDR_FILE_READ | LDR_FILE_EXECUTE);
    ldr__native_request request = {.file = file,
                                   .protect = LDR_PAGE_EXECUTE_READ,
                                   .attributes = LDR_SEC_IMAGE,
                                   .access = LDR_SECTION_ALL_ACCESS};
    REQUIRE(ldr__native_create(&request, &section) == PE_NT_SUCCESS);
    CHECK(ldr__native_facts(section, &size, &attributes) == PE_NT_SUCCESS);
    CHECK((attributes & LDR_SEC_IMAGE) != 0 && size > PAGE);
    ldr__native_place place = {.protect = LDR_PAGE_EXECUTE_READ};
    CHECK(ldr__native_map(section, &place) == PE_NT_IMAGE_NOT_AT_BASE);
    CHECK(place.base != 0 && place.size > PAGE);
    CHECK(ldr__native_query((void *)(uintptr_t)place.base, &region) == PE_NT_SUCCESS);
    CHECK(region.type == MEM_IMAGE && region.protect == LDR_PAGE_READONLY && region.is_committed);
    CHECK(region.allocation_base == place.base && region.start == place.base);
    CHECK(region.allocation_protect == LDR_PAGE_EXECUTE_WRITECOPY);
    ldr__native_place again = {.base = place.base, .protect = LDR_PAGE_EXECUTE_READ};
    CHECK(ldr__native_map(section, &again) == PE_NT_CONFLICTING_ADDRESSES);
    CHECK(again.base == place.base && again.size == 0);
    ldr__native_unmap((void *)(uintptr_t)place.base);
    CHECK(ldr__native_map(section, &again) == PE_NT_IMAGE_NOT_AT_BASE);
    CHECK(again.base == place.base && again.size == place.size);
    ldr__native_unmap((void *)(uintptr_t)again.base);
    ldr__os_close(section);
    ldr__os_close(file);
}

/* ---- Views ---- */

static void part_of_a_section_is_mapped(void)
{
    ldr__handle section;
    ldr__native_request request = memory_request(NULL);
    request.maximum_size = 0x30000;
    REQUIRE(ldr__native_create(&request, &section) == PE_NT_SUCCESS);
    ldr__native_place place = {.offset = 0x10000, .size = 100, .protect = LDR_PAGE_READWRITE};
    CHECK(ldr__native_map(section, &place) == PE_NT_SUCCESS && place.size == PAGE);
    ldr__native_place again = {.base = place.base, .protect = LDR_PAGE_READONLY};
    CHECK(ldr__native_map(section, &again) == PE_NT_CONFLICTING_ADDRESSES);
    CHECK(again.base == place.base && again.size == 0);
    again = (ldr__native_place){.offset = PAGE, .protect = LDR_PAGE_READONLY};
    CHECK(ldr__native_map(section, &again) == PE_NT_MAPPED_ALIGNMENT);
    again = (ldr__native_place){.offset = 0x40000, .protect = LDR_PAGE_READONLY};
    CHECK(ldr__native_map(section, &again) >= PE_NT_UNSUCCESSFUL); /* Wine: INVALID_PARAMETER */
    CHECK(ldr__native_map(LDR__NO_HANDLE, &again) >= PE_NT_UNSUCCESSFUL);
    ldr__native_unmap((void *)(uintptr_t)place.base);
    ldr__os_close(section);
}

static void protection_changes(void)
{
    ldr__handle section;
    uint32_t old = 0;
    ldr__native_request request = memory_request(NULL);
    REQUIRE(ldr__native_create(&request, &section) == PE_NT_SUCCESS);
    char *view = map_all(section, LDR_PAGE_READWRITE);
    REQUIRE(view != NULL);
    CHECK(ldr__native_protect(view + PAGE, PAGE, LDR_PAGE_READONLY, &old) == PE_NT_SUCCESS);
    CHECK(old == LDR_PAGE_READWRITE && region_at(view + PAGE).Protect == PAGE_READONLY);
    CHECK(region_at(view).Protect == PAGE_READWRITE);
    old = 77;
    CHECK(ldr__native_protect(view, PAGE, 0x77, &old) == PE_NT_INVALID_PAGE_PROTECTION);
    ldr__native_unmap(view);
    CHECK(ldr__native_protect(view, PAGE, LDR_PAGE_READONLY, &old) >= PE_NT_UNSUCCESSFUL);
    CHECK(old == 77);
    ldr__os_close(section);
}

static void reserved_pages_are_committed(void)
{
    ldr__handle section;
    ldr__native_region region;
    ldr__native_request request = memory_request(NULL);
    request.attributes = LDR_SEC_RESERVE;
    REQUIRE(ldr__native_create(&request, &section) == PE_NT_SUCCESS);
    char *view = map_all(section, LDR_PAGE_READWRITE);
    REQUIRE(view != NULL);
    CHECK(ldr__native_query(view + 5, &region) == PE_NT_SUCCESS);
    CHECK(!region.is_committed && region.protect == 0 && region.type == MEM_MAPPED);
    CHECK(ldr__native_commit(view + PAGE, PAGE, LDR_PAGE_READWRITE) == PE_NT_SUCCESS);
    view[PAGE] = 1;
    CHECK(ldr__native_query(view + PAGE, &region) == PE_NT_SUCCESS);
    CHECK(region.is_committed && region.protect == LDR_PAGE_READWRITE && region.size == PAGE);
    CHECK(region.start == (uintptr_t)view + PAGE && region.allocation_base == (uintptr_t)view);
    ldr__native_unmap(view);
    CHECK(ldr__native_query(view, &region) == PE_NT_SUCCESS);
    CHECK(region.type == 0 && region.allocation_base == 0 && !region.is_committed);
    CHECK(ldr__native_query((void *)(uintptr_t)UINT64_C(0xFFFF800000000000), &region) >=
          PE_NT_UNSUCCESSFUL);
    ldr__os_close(section);
}

/* ---- Statuses ---- */

static void statuses_are_said_in_our_words(void)
{
    CHECK(ldr__native_status(PE_NT_SUCCESS) == LDR_OK);
    CHECK(ldr__native_status(PE_NT_IMAGE_NOT_AT_BASE) == LDR_OK);
    CHECK(ldr__native_status(PE_NT_ACCESS_DENIED) == LDR_ACCESS_DENIED);
    CHECK(ldr__native_status(PE_NT_INVALID_PARAMETER_9) == LDR_INVALID_ARGUMENT);
    CHECK(ldr__native_status(PE_NT_INVALID_IMAGE_FORMAT) == LDR_IMAGE_REFUSED);
    CHECK(ldr__native_status(PE_NT_USER_MAPPED_FILE) == LDR_BUSY);
    CHECK(ldr__native_status(PE_NT_UNSUCCESSFUL) == LDR_OS_ERROR);
    CHECK(ldr__native_status(0xFFFFFFFF) == LDR_OS_ERROR);
}

int run_section_tests(const char *only)
{
    static const check_test tests[] = {
        {"views_of_a_section_are_one_memory", views_of_a_section_are_one_memory},
        {"section_tells_what_it_is", section_tells_what_it_is},
        {"named_section_is_found", named_section_is_found},
        {"name_is_that_of_win32", name_is_that_of_win32},
        {"name_of_another_object_is_of_the_wrong_type",
         name_of_another_object_is_of_the_wrong_type},
        {"bad_name_is_refused", bad_name_is_refused},
        {"bad_request_is_refused", bad_request_is_refused},
        {"section_of_a_file_has_its_bytes", section_of_a_file_has_its_bytes},
        {"section_of_an_unfit_file_is_refused", section_of_an_unfit_file_is_refused},
        {"image_is_mapped_elsewhere_when_its_base_is_taken",
         image_is_mapped_elsewhere_when_its_base_is_taken},
        {"part_of_a_section_is_mapped", part_of_a_section_is_mapped},
        {"protection_changes", protection_changes},
        {"reserved_pages_are_committed", reserved_pages_are_committed},
        {"statuses_are_said_in_our_words", statuses_are_said_in_our_words},
    };
    return RUN(tests, only);
}
