#include "tests.h"

static ldr_status status_of_open(const char *path)
{
    ldr__handle file = LDR__NO_HANDLE;
    ldr_status status = ldr__os_file_open(path, &file);
    CHECK(status == LDR_OK || file.value == LDR__NO_HANDLE.value);
    ldr__os_close(file);
    return status;
}

static void file_is_opened_with_its_size_and_id(void)
{
    ldr__handle file, again, other;
    ldr__file_stamp stamps[3];
    write_file("one", "12345", 5);
    write_file("other", "", 0);
    REQUIRE(ldr__os_file_open("one", &file) == LDR_OK);
    REQUIRE(ldr__os_file_stamp(file, &stamps[0]) == LDR_OK);
    REQUIRE(ldr__os_file_open("./ONE", &again) == LDR_OK);
    REQUIRE(ldr__os_file_stamp(again, &stamps[1]) == LDR_OK);
    REQUIRE(ldr__os_file_open(".\\other", &other) == LDR_OK);
    REQUIRE(ldr__os_file_stamp(other, &stamps[2]) == LDR_OK);
    CHECK(stamps[0].size == 5 && stamps[2].size == 0);
    const ldr__file_id *ids[] = {&stamps[0].id, &stamps[1].id, &stamps[2].id};
    CHECK(ids[0]->device == ids[1]->device && ids[0]->inode == ids[1]->inode);
    CHECK(ids[0]->device != ids[2]->device || ids[0]->inode != ids[2]->inode);
    ldr__os_close(file);
    ldr__os_close(again);
    ldr__os_close(other);
    ldr__os_close(LDR__NO_HANDLE);
}

static void what_is_not_there_is_not_found(void)
{
    CHECK(status_of_open("missing") == LDR_FILE_NOT_FOUND);
    CHECK(status_of_open("missing/too") == LDR_FILE_NOT_FOUND);
    CHECK(status_of_open("one/below") == LDR_FILE_NOT_FOUND);
    CHECK(status_of_open("") == LDR_FILE_NOT_FOUND);
    CHECK(status_of_open("a?") == LDR_FILE_NOT_FOUND);
    CHECK(status_of_open("no text \xFF") == LDR_FILE_NOT_FOUND);
    CHECK(status_of_open("Q:/missing") == LDR_FILE_NOT_FOUND);
}

static void what_is_no_file_is_refused(void)
{
    HANDLE pipe =
        CreateNamedPipeW(L"\\\\.\\pipe\\peload test", PIPE_ACCESS_DUPLEX, 0, 1, 0, 0, 0, NULL);
    CreateDirectoryA("folder", NULL);
    CHECK(status_of_open("folder") == LDR_NOT_A_FILE);
    CHECK(status_of_open("folder/") == LDR_NOT_A_FILE);
    CHECK(status_of_open("NUL") == LDR_NOT_A_FILE);
    CHECK(status_of_open("\\\\.\\pipe\\peload test") == LDR_NOT_A_FILE);
    CHECK(status_of_open("//./pipe/peload test") == LDR_NOT_A_FILE); /* it is busy now */
    CloseHandle(pipe);
}

static void names_may_be_any_text(void)
{
    HANDLE file = CreateFileW(L"\u00fcn\u00ef\u4e2d\U0001F600.dll", GENERIC_WRITE, 0, NULL,
                              CREATE_ALWAYS, 0, NULL);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CloseHandle(file);
    CHECK(status_of_open("\u00fcn\u00ef\u4e2d\U0001F600.dll") == LDR_OK);
}

static void paths_may_be_long(void)
{
    char path[1500] = "", *absolute = NULL;
    wchar_t wide[1500];
    GetCurrentDirectoryW(MAX_PATH, wide + 4);
    memcpy(wide, L"\\\\?\\", 4 * sizeof *wide);
    for (int i = 0; i < 10; i++) {
        wcscat(wide, L"\\a folder whose name is long enough to be reckoned with");
        strcat(path, "a folder whose name is long enough to be reckoned with/");
        REQUIRE(CreateDirectoryW(wide, NULL) || GetLastError() == ERROR_ALREADY_EXISTS);
    }
    wcscat(wide, L"\\file");
    strcat(path, "file");
    HANDLE file = CreateFileW(wide, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    REQUIRE(file != INVALID_HANDLE_VALUE);
    CloseHandle(file);
    CHECK(status_of_open(path) == LDR_OK);
    CHECK(ldr__os_path_absolute(path, &absolute) == LDR_OK);
    CHECK(absolute != NULL && strlen(absolute) > 500 && status_of_open(absolute) == LDR_OK);
    ldr__os_free(absolute);
}

static void file_that_others_write_to_is_opened(void)
{
    HANDLE writer =
        CreateFileA("written", GENERIC_WRITE, FILE_SHARE_READ, NULL, CREATE_ALWAYS, 0, NULL);
    CHECK(status_of_open("written") == LDR_OK);
    CloseHandle(writer);
    writer = CreateFileA("written", GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    CHECK(status_of_open("written") == LDR_SHARING_VIOLATION);
    CloseHandle(writer);
}

static void bytes_are_read_where_they_are_asked_for(void)
{
    ldr__handle file;
    char bytes[16] = "";
    size_t count;
    write_file("read", "0123456789", 10);
    REQUIRE(ldr__os_file_open("read", &file) == LDR_OK);
    CHECK(ldr__os_file_read(file, 8, bytes, 16, &count) == LDR_OK && count == 2);
    CHECK(memcmp(bytes, "89", 3) == 0);
    CHECK(ldr__os_file_read(file, 0, bytes, 3, &count) == LDR_OK && count == 3);
    CHECK(memcmp(bytes, "012", 3) == 0);
    CHECK(ldr__os_file_read(file, 10, bytes, 3, &count) == LDR_OK && count == 0);
    CHECK(ldr__os_file_read(file, UINT64_C(1) << 40, bytes, 3, &count) == LDR_OK && count == 0);
    ldr__os_close(file);
    CHECK(ldr__os_file_read(file, 0, bytes, 3, &count) == LDR_IO_ERROR);
}

/* ---- States ---- */

static ldr__file_stamp stamp_of(const char *path)
{
    ldr__handle file = LDR__NO_HANDLE;
    ldr__file_stamp stamp = {0};
    CHECK(ldr__os_file_open(path, &file) == LDR_OK);
    CHECK(ldr__os_file_stamp(file, &stamp) == LDR_OK);
    ldr__os_close(file);
    return stamp;
}

static void stamp_tells_states_apart(void)
{
    const uint64_t year = UINT64_C(31556952000000000);
    write_file("stamp", "1", 1);
    ldr__file_stamp before = stamp_of("stamp");
    CHECK(before.size == 1 && before.modified > 50 * year && before.modified < 200 * year);
    CHECK(before.changed >= before.modified && !before.is_settled);
    Sleep(50);
    write_file("stamp", "22", 2);
    ldr__file_stamp after = stamp_of("stamp");
    CHECK(after.size == 2 && after.modified > before.modified);
    CHECK(after.id.inode == before.id.inode);
    CHECK(stamp_of("stamp").modified == after.modified);
    CHECK(ldr__os_file_stamp((ldr__handle){0x7FFF0}, &after) == LDR_OS_ERROR);
}

/* This program's is one as soon as it was written two seconds ago. */
static void old_file_is_settled(void)
{
    char path[MAX_PATH];
    bool is_settled = false;
    GetModuleFileNameA(NULL, path, MAX_PATH);
    for (int i = 0; i < 50 && !is_settled; i++) {
        is_settled = stamp_of(path).is_settled;
        Sleep(is_settled ? 0 : 100);
    }
    CHECK(is_settled);
}

static void second_opening_outlives_the_first(void)
{
    ldr__handle first, second, third;
    char byte = 0;
    size_t count;
    write_file("twice", "x", 1);
    REQUIRE(ldr__os_file_open("twice", &first) == LDR_OK);
    CHECK(ldr__os_file_executable(first));
    REQUIRE(ldr__os_file_reopen(first, false, &second) == LDR_OK);
    ldr__os_close(first);
    CHECK(ldr__os_file_read(second, 0, &byte, 1, &count) == LDR_OK && byte == 'x');
    CHECK(ldr__os_file_executable(second));
    REQUIRE(ldr__os_file_reopen(second, true, &third) == LDR_OK);
    ldr__os_close(second);
    CHECK(ldr__native_file_set_size(third, 5) == PE_NT_SUCCESS);
    ldr__os_close(third);
    CHECK(ldr__os_file_reopen(third, false, &first) == LDR_OS_ERROR);
}

static void file_that_is_not_shared_has_two_handles(void)
{
    ldr__handle file, second;
    char byte = 0;
    size_t count;
    bool existed;
    write_file("alone", "x", 1);
    REQUIRE(ldr__native_file_open("alone", LDR_FILE_READ, 0, LDR_OPEN_EXISTING, &file, &existed) ==
            PE_NT_SUCCESS);
    CHECK(!ldr__os_file_executable(file));
    REQUIRE(ldr__os_file_reopen(file, false, &second) == LDR_OK);
    ldr__os_close(file);
    CHECK(ldr__os_file_read(second, 0, &byte, 1, &count) == LDR_OK && byte == 'x');
    CHECK(status_of_open("alone") == LDR_SHARING_VIOLATION);
    ldr__os_close(second);
    CHECK(status_of_open("alone") == LDR_OK);
}

int run_file_tests(const char *only)
{
    static const check_test tests[] = {
        {"file_is_opened_with_its_size_and_id", file_is_opened_with_its_size_and_id},
        {"what_is_not_there_is_not_found", what_is_not_there_is_not_found},
        {"what_is_no_file_is_refused", what_is_no_file_is_refused},
        {"names_may_be_any_text", names_may_be_any_text},
        {"paths_may_be_long", paths_may_be_long},
        {"file_that_others_write_to_is_opened", file_that_others_write_to_is_opened},
        {"bytes_are_read_where_they_are_asked_for", bytes_are_read_where_they_are_asked_for},
        {"stamp_tells_states_apart", stamp_tells_states_apart},
        {"old_file_is_settled", old_file_is_settled},
        {"second_opening_outlives_the_first", second_opening_outlives_the_first},
        {"file_that_is_not_shared_has_two_handles", file_that_is_not_shared_has_two_handles},
    };
    return RUN(tests, only);
}
