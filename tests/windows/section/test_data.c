/* Data: files and memory as sections, their names, and what views of them may do. */
#include "suite.h"

#include <stdlib.h>
#include <windows.h>

#define SIZE 0x12345
#define UNIT 0x10000
#define RW   (LDR_FILE_READ | LDR_FILE_WRITE)

static uint8_t byte_at(size_t offset)
{
    return (uint8_t)(offset * 7 + offset / 4096 + 1);
}

static const char *data_file(void)
{
    static uint8_t bytes[SIZE];
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = byte_at(i);
    return suite_file(bytes, sizeof bytes);
}

static ldr_file *open_file(const char *path, uint32_t access, uint32_t share)
{
    ldr_file_options options = {.size = sizeof options, .access = access, .share = share};
    ldr_file *file = NULL;
    ldr_file_open(path, &options, &file, NULL, NULL);
    return file;
}

static ldr_section *section_of(ldr_file *file, uint64_t size, uint32_t protect, uint32_t attributes,
                               const char *name)
{
    ldr_create_options options = {.size = sizeof options,
                                  .file = file,
                                  .maximum_size = size,
                                  .protect = protect,
                                  .attributes = attributes,
                                  .name = name};
    ldr_section *section = NULL;
    ldr_section_create(&options, &section, NULL, NULL);
    return section;
}

static ldr_view *view_of(ldr_section *section, uint32_t protect)
{
    ldr_view_options options = {.size = sizeof options, .protect = protect};
    ldr_view *view = NULL;
    return ldr_view_map(section, &options, &view, NULL) == LDR_OK ? view : NULL;
}

static int byte_of_file(const char *path, long offset)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return -1;
    fseek(file, offset, SEEK_SET);
    int byte = fgetc(file);
    fclose(file);
    return byte;
}

static void views_of_a_file_show_and_change_it(void)
{
    const char *path = data_file();
    ldr_file *file = open_file(path, RW, LDR_SHARE_READ | LDR_SHARE_WRITE);
    REQUIRE(file != NULL);
    ldr_section *section = section_of(file, 0, LDR_PAGE_READWRITE, 0, NULL);
    REQUIRE(section != NULL);
    CHECK(ldr_section_size(section) == SIZE);
    ldr_view *view = view_of(section, 0), *other = view_of(section, LDR_PAGE_READONLY);
    REQUIRE(view != NULL && other != NULL);
    volatile uint8_t *bytes = ldr_view_base(view), *same = ldr_view_base(other);
    CHECK(bytes[100] == byte_at(100) && bytes[SIZE - 1] == byte_at(SIZE - 1) && bytes[SIZE] == 0);
    bytes[100] = 0xEE;
    CHECK(same[100] == 0xEE);
    CHECK(ldr_view_flush(view, 0, 0, true, NULL) == LDR_OK);
    CHECK(byte_of_file(path, 100) == 0xEE);
    ldr_region region;
    CHECK(ldr_view_query(view, 0, &region) == LDR_OK);
    CHECK(region.type == LDR_MEM_MAPPED && region.backing == LDR_BACKING_FILE &&
          region.protect == LDR_PAGE_READWRITE);
    ldr_diag diag = {0};
    CHECK(ldr_file_set_size(file, 10, &diag) == LDR_BUSY);
    CHECK(diag.why.nt_status == PE_NT_USER_MAPPED_FILE);
    ldr_view_unmap(view);
    ldr_view_unmap(other);
    ldr_section_close(section);
    CHECK(ldr_file_set_size(file, 10, &diag) == LDR_OK);
    uint64_t size = 0;
    CHECK(ldr_file_size(file, &size) == LDR_OK && size == 10);
    ldr_file_close(file);
    suite_remove(path);
}

static void writecopy_view_keeps_the_file(void)
{
    const char *path = data_file();
    ldr_file *file = open_file(path, RW, LDR_SHARE_READ | LDR_SHARE_WRITE);
    ldr_section *section = section_of(file, 0, LDR_PAGE_READWRITE, 0, NULL);
    REQUIRE(section != NULL);
    ldr_view *view = view_of(section, LDR_PAGE_WRITECOPY);
    REQUIRE(view != NULL);
    volatile uint8_t *bytes = ldr_view_base(view);
    bytes[0x1000] = 0xEE;
    ldr_region region;
    CHECK(ldr_view_query(view, 0x1000, &region) == LDR_OK);
    CHECK(region.backing == LDR_BACKING_PRIVATE && region.private_bytes == 0x1000);
    CHECK(ldr_view_query(view, 0, &region) == LDR_OK && region.backing == LDR_BACKING_FILE);
    ldr_view_unmap(view);
    ldr_section_close(section);
    ldr_file_close(file);
    CHECK(byte_of_file(path, 0x1000) == byte_at(0x1000));
    suite_remove(path);
}

static void writecopy_view_can_be_made_readwrite(void)
{
    const char *path = data_file();
    ldr_file *file = open_file(path, LDR_FILE_READ, LDR_SHARE_READ);
    ldr_section *section = section_of(file, 0, LDR_PAGE_READONLY, 0, NULL);
    REQUIRE(section != NULL);
    ldr_view *view = view_of(section, LDR_PAGE_WRITECOPY);
    REQUIRE(view != NULL);
    CHECK(ldr_view_protect(view, 0, 1, LDR_PAGE_READONLY, NULL, NULL) == LDR_OK);
    CHECK(ldr_view_protect(view, 0, 1, LDR_PAGE_READWRITE, NULL, NULL) == LDR_OK);
    *(volatile uint8_t *)ldr_view_base(view) = 0xEE;
    ldr_view_unmap(view);
    ldr_section_close(section);
    ldr_file_close(file);
    CHECK(byte_of_file(path, 0) == byte_at(0));
    suite_remove(path);
}

static void files_are_shared_as_asked(void)
{
    const char *path = data_file();
    ldr_file *file = open_file(path, RW, 0);
    ldr_file_options reading = {.size = sizeof reading, .share = 7};
    ldr_file *other = NULL;
    REQUIRE(file != NULL);
    CHECK(ldr_file_open(path, &reading, &other, NULL, NULL) == LDR_SHARING_VIOLATION);
    ldr_file_close(file);
    bool existed = false;
    CHECK(ldr_file_open(path, &reading, &other, &existed, NULL) == LDR_OK && existed);
    ldr_file_close(other);
    file = open_file(path, LDR_FILE_DELETE, LDR_SHARE_READ);
    CHECK(ldr_file_delete(file, NULL) == LDR_OK);
    ldr_file_close(file);
    CHECK(ldr_file_open(path, &reading, &other, NULL, NULL) == LDR_FILE_NOT_FOUND);
}

static void names_are_found(void)
{
    ldr_section *section = section_of(NULL, UNIT, LDR_PAGE_READWRITE, 0, "Local\\peload-test");
    REQUIRE(section != NULL);
    ldr_section *other = NULL;
    CHECK(ldr_section_open("peload-test", 0, &other, NULL) == LDR_OK);
    REQUIRE(other != NULL);
    CHECK(ldr_section_size(other) == UNIT);
    ldr_view *one = view_of(section, 0), *two = view_of(other, 0);
    REQUIRE(one != NULL && two != NULL);
    *(volatile uint8_t *)ldr_view_base(one) = 7;
    CHECK(*(volatile uint8_t *)ldr_view_base(two) == 7);
    ldr_create_options options = {.size = sizeof options,
                                  .maximum_size = 16 * UNIT,
                                  .protect = LDR_PAGE_READONLY,
                                  .name = "peload-test"};
    ldr_section *third = NULL;
    bool existed = false;
    CHECK(ldr_section_create(&options, &third, &existed, NULL) == LDR_OK && existed);
    CHECK(third != NULL && ldr_section_size(third) == UNIT);
    ldr_section_close(third);
    ldr_view_unmap(one);
    ldr_view_unmap(two);
    ldr_section_close(section);
    ldr_section_close(other);
    ldr_diag diag = {0};
    CHECK(ldr_section_open("peload-test", 0, &other, &diag) == LDR_NAME_NOT_FOUND);
    CHECK(diag.why.nt_status == PE_NT_OBJECT_NAME_NOT_FOUND);
}

static void reserved_memory_is_committed(void)
{
    ldr_section *section = section_of(NULL, 4 * UNIT, LDR_PAGE_READWRITE, LDR_SEC_RESERVE, NULL);
    REQUIRE(section != NULL);
    ldr_view *view = view_of(section, 0);
    REQUIRE(view != NULL);
    ldr_region region;
    CHECK(ldr_view_query(view, 0, &region) == LDR_OK && !region.committed);
    CHECK(region.backing == LDR_BACKING_NONE && region.size == 4 * UNIT);
    CHECK(ldr_view_commit(view, 0x1000, 0x2000, 0, NULL) == LDR_OK);
    CHECK(ldr_view_query(view, 0x1000, &region) == LDR_OK && region.committed);
    ((volatile uint8_t *)ldr_view_base(view))[0x1000] = 1;
    ldr_control_area area;
    ldr_section_describe(section, &area);
    CHECK(area.page_count == 2 && area.view_count == 1);
    ldr_view_unmap(view);
    ldr_section_close(section);
}

static void views_get_no_more_than_their_section_has(void)
{
    const char *path = data_file();
    ldr_file *file = open_file(path, RW, LDR_SHARE_READ);
    ldr_section *section = section_of(file, 0, LDR_PAGE_READONLY, 0, NULL);
    ldr_view_options options = {.size = sizeof options, .protect = LDR_PAGE_READWRITE};
    ldr_view *view = NULL;
    ldr_diag diag = {0};
    REQUIRE(section != NULL);
    CHECK(ldr_view_map(section, &options, &view, &diag) != LDR_OK);
    CHECK(diag.why.nt_status == PE_NT_SECTION_PROTECTION);
    options = (ldr_view_options){.size = sizeof options, .offset = 0x1000};
    CHECK(ldr_view_map(section, &options, &view, &diag) == LDR_INVALID_ARGUMENT);
    CHECK(diag.why.nt_status == PE_NT_MAPPED_ALIGNMENT);
    ldr_section_close(section);
    ldr_file_close(file);
    suite_remove(path);
}

static const check_test tests[] = {
    {"views, of_a_file_show_and_change_it", views_of_a_file_show_and_change_it},
    {"views, writecopy_view_keeps_the_file", writecopy_view_keeps_the_file},
    {"views, writecopy_view_can_be_made_readwrite", writecopy_view_can_be_made_readwrite},
    {"files, are_shared_as_asked", files_are_shared_as_asked},
    {"names, are_found", names_are_found},
    {"reserved_memory, is_committed", reserved_memory_is_committed},
    {"views, get_no_more_than_their_section_has", views_get_no_more_than_their_section_has},
};
const suite data_suite = {tests, sizeof tests / sizeof tests[0]};
