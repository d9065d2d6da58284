#include "tests.h"

#define ALL_SHARED (LDR_SHARE_READ | LDR_SHARE_WRITE | LDR_SHARE_DELETE)

static uint32_t open_file(const char *path, uint32_t access, uint32_t share, ldr__handle *ret_file)
{
    bool existed;
    return ldr__native_file_open(path, access, share, LDR_OPEN_EXISTING, ret_file, &existed);
}

/* The status of opening, without leaving it open. */
static uint32_t status_of_open(const char *path, uint32_t access, uint32_t share)
{
    ldr__handle file = LDR__NO_HANDLE;
    uint32_t status = open_file(path, access, share, &file);
    ldr__os_close(file);
    return status;
}

static void file_is_made_when_it_is_asked_for(void)
{
    ldr__handle file;
    bool existed = true;
    DeleteFileA("made");
    CHECK(status_of_open("made", LDR_FILE_READ, ALL_SHARED) == PE_NT_OBJECT_NAME_NOT_FOUND);
    REQUIRE(ldr__native_file_open("made", LDR_FILE_WRITE, 0, LDR_OPEN_OR_CREATE, &file, &existed) ==
            PE_NT_SUCCESS);
    CHECK(!existed);
    ldr__os_close(file);
    CHECK(ldr__native_file_open("made", LDR_FILE_READ, 0, LDR_CREATE_NEW, &file, &existed) ==
          PE_NT_OBJECT_NAME_COLLISION);
    REQUIRE(ldr__native_file_open("made", LDR_FILE_READ, 0, LDR_OPEN_OR_CREATE, &file, &existed) ==
            PE_NT_SUCCESS);
    CHECK(existed);
    ldr__os_close(file);
}

static void what_is_no_file_is_refused(void)
{
    CreateDirectoryA("a folder", NULL);
    CHECK(ldr__native_status(status_of_open("a folder", LDR_FILE_READ, ALL_SHARED)) ==
          LDR_NOT_A_FILE);
    CHECK(ldr__native_status(status_of_open("NUL", LDR_FILE_READ, ALL_SHARED)) == LDR_NOT_A_FILE);
    CHECK(ldr__native_status(status_of_open("missing/x", LDR_FILE_READ, ALL_SHARED)) ==
          LDR_FILE_NOT_FOUND);
    CHECK(ldr__native_status(status_of_open("no text \xFF", LDR_FILE_READ, ALL_SHARED)) ==
          LDR_FILE_NOT_FOUND);
}

static void files_are_shared_as_their_users_say(void)
{
    ldr__handle file;
    write_file("shared", "x", 1);
    REQUIRE(open_file("shared", LDR_FILE_READ, LDR_SHARE_READ, &file) == PE_NT_SUCCESS);
    CHECK(status_of_open("shared", LDR_FILE_READ, LDR_SHARE_READ) == PE_NT_SUCCESS);
    CHECK(status_of_open("shared", LDR_FILE_READ, 0) == PE_NT_SHARING_VIOLATION);
    CHECK(status_of_open("shared", LDR_FILE_WRITE, ALL_SHARED) == PE_NT_SHARING_VIOLATION);
    CHECK(status_of_open("shared", LDR_FILE_DELETE, ALL_SHARED) == PE_NT_SHARING_VIOLATION);
    CHECK(status_of_open("shared", LDR_FILE_EXECUTE, LDR_SHARE_READ) == PE_NT_SUCCESS);
    CHECK(status_of_open("shared", LDR_FILE_ATTRIBUTES, 0) == PE_NT_SUCCESS);
    ldr__os_close(file);
    CHECK(status_of_open("shared", LDR_FILE_WRITE, 0) == PE_NT_SUCCESS);
}

static void size_is_set(void)
{
    ldr__handle file;
    uint64_t size = 0;
    write_file("size", "12345", 5);
    REQUIRE(open_file("size", LDR_FILE_READ | LDR_FILE_WRITE, 0, &file) == PE_NT_SUCCESS);
    CHECK(ldr__native_file_size(file, &size) == PE_NT_SUCCESS && size == 5);
    CHECK(ldr__native_file_set_size(file, 10000) == PE_NT_SUCCESS);
    CHECK(ldr__native_file_size(file, &size) == PE_NT_SUCCESS && size == 10000);
    CHECK(ldr__native_file_set_size(file, UINT64_C(1) << 63) >= PE_NT_UNSUCCESSFUL);
    CHECK(ldr__native_file_size(file, &size) == PE_NT_SUCCESS && size == 10000);
    ldr__os_close(file);
    REQUIRE(open_file("size", LDR_FILE_READ, 0, &file) == PE_NT_SUCCESS);
    CHECK(ldr__native_file_set_size(file, 0) >= PE_NT_UNSUCCESSFUL); /* Wine: INVALID_PARAMETER */
    ldr__os_close(file);
    CHECK(ldr__native_file_size(file, &size) == PE_NT_INVALID_HANDLE);
}

static void file_that_is_mapped_is_not_cut_off(void)
{
    ldr__handle file, section;
    write_file("mapped", "12345", 5);
    REQUIRE(open_file("mapped", LDR_FILE_READ | LDR_FILE_WRITE, 0, &file) == PE_NT_SUCCESS);
    ldr__native_request request = {.file = file,
                                   .protect = LDR_PAGE_READWRITE,
                                   .attributes = LDR_SEC_COMMIT,
                                   .access = LDR_SECTION_ALL_ACCESS};
    REQUIRE(ldr__native_create(&request, &section) == PE_NT_SUCCESS);
    ldr__native_place place = {.protect = LDR_PAGE_READWRITE};
    REQUIRE(ldr__native_map(section, &place) == PE_NT_SUCCESS);
    CHECK(ldr__native_file_set_size(file, 0) == PE_NT_USER_MAPPED_FILE);
    CHECK(ldr__native_file_set_size(file, 10000) == PE_NT_SUCCESS);
    ldr__native_unmap((void *)(uintptr_t)place.base);
    ldr__os_close(section);
    CHECK(ldr__native_file_set_size(file, 0) == PE_NT_SUCCESS);
    ldr__os_close(file);
}

static void name_goes_with_the_file(void)
{
    ldr__handle file;
    write_file("gone", "x", 1);
    REQUIRE(open_file("gone", LDR_FILE_READ, ALL_SHARED, &file) == PE_NT_SUCCESS);
    ldr__os_close(file);
    REQUIRE(open_file("gone", LDR_FILE_DELETE, ALL_SHARED, &file) == PE_NT_SUCCESS);
    CHECK(ldr__native_file_delete(file) == PE_NT_SUCCESS);
    ldr__os_close(file);
    CHECK(status_of_open("gone", LDR_FILE_READ, ALL_SHARED) == PE_NT_OBJECT_NAME_NOT_FOUND);
    write_file("kept", "x", 1);
    REQUIRE(open_file("kept", LDR_FILE_DELETE, 0, &file) == PE_NT_SUCCESS);
    CHECK(ldr__native_file_delete(file) == PE_NT_SUCCESS);
    ldr__os_close(file);
    CHECK(status_of_open("kept", LDR_FILE_READ, ALL_SHARED) == PE_NT_OBJECT_NAME_NOT_FOUND);
}

static void name_goes_at_once_where_it_can(void)
{
    ldr__handle file;
    uint64_t size;
    write_file("going", "12345", 5);
    REQUIRE(open_file("going", LDR_FILE_DELETE, ALL_SHARED, &file) == PE_NT_SUCCESS);
    CHECK(ldr__native_file_delete(file) == PE_NT_SUCCESS);
    uint32_t status = status_of_open("going", LDR_FILE_READ, ALL_SHARED);
    CHECK(ldr__native_status(status) == LDR_FILE_NOT_FOUND || status == PE_NT_SUCCESS); /* Wine */
    CHECK(ldr__native_file_size(file, &size) == PE_NT_SUCCESS && size == 5);
    ldr__os_close(file);
}

static void file_of_an_image_is_not_deleted(void)
{
    wchar_t path[MAX_PATH];
    ldr__handle file, section;
    GetModuleFileNameW(NULL, path, MAX_PATH);
    REQUIRE(CopyFileW(path, L"image.exe", FALSE));
    REQUIRE(open_file("image.exe", LDR_FILE_READ | LDR_FILE_EXECUTE | LDR_FILE_DELETE, ALL_SHARED,
                      &file) == PE_NT_SUCCESS);
    ldr__native_request request = {.file = file,
                                   .protect = LDR_PAGE_EXECUTE_READ,
                                   .attributes = LDR_SEC_IMAGE,
                                   .access = LDR_SECTION_ALL_ACCESS};
    REQUIRE(ldr__native_create(&request, &section) == PE_NT_SUCCESS);
    ldr__native_place place = {.protect = LDR_PAGE_READONLY};
    CHECK(ldr__native_status(ldr__native_map(section, &place)) == LDR_OK);
    CHECK(status_of_open("image.exe", LDR_FILE_WRITE, ALL_SHARED) == PE_NT_SHARING_VIOLATION);
    CHECK(ldr__native_file_delete(file) == PE_NT_CANNOT_DELETE);
    ldr__native_unmap((void *)(uintptr_t)place.base);
    ldr__os_close(section);
    CHECK(ldr__native_file_delete(file) == PE_NT_SUCCESS);
    ldr__os_close(file);
    CHECK(status_of_open("image.exe", LDR_FILE_READ, ALL_SHARED) == PE_NT_OBJECT_NAME_NOT_FOUND);
}

int run_native_file_tests(const char *only)
{
    static const check_test tests[] = {
        {"file_is_made_when_it_is_asked_for", file_is_made_when_it_is_asked_for},
        {"what_is_no_file_is_refused", what_is_no_file_is_refused},
        {"files_are_shared_as_their_users_say", files_are_shared_as_their_users_say},
        {"size_is_set", size_is_set},
        {"file_that_is_mapped_is_not_cut_off", file_that_is_mapped_is_not_cut_off},
        {"name_goes_with_the_file", name_goes_with_the_file},
        {"name_goes_at_once_where_it_can", name_goes_at_once_where_it_can},
        {"file_of_an_image_is_not_deleted", file_of_an_image_is_not_deleted},
    };
    return RUN(tests, only);
}
