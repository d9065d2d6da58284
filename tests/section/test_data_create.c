/* Making sections of files' data and of memory: rules H1 to H14, A0.1 to A0.8 and H.8. */
#include "section/data_fixture.h"
#include "support/faulty_os.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RW   LDR_PAGE_READWRITE
#define RO   LDR_PAGE_READONLY
#define SIZE 0x2345 /* of the file */

enum { READ = LDR_FILE_READ, WRITE = LDR_FILE_WRITE, EXECUTE = LDR_FILE_EXECUTE };

/* ---- Every bad combination ---- */

/* What is wrong with the arguments; `file`: the access that it is opened with, 0 for memory. */
typedef struct bad {
    const char *what;
    uint32_t file;
    uint64_t size;
    uint32_t protect, attributes;
    uint32_t nt_status;
    const char *name;
} bad;

static const bad bad_arguments[] = {
    {"H1: no protection", READ, 0, 0, 0, PE_NT_INVALID_PAGE_PROTECTION, 0},
    {"H1: NOACCESS", READ, 0, LDR_PAGE_NOACCESS, 0, PE_NT_INVALID_PAGE_PROTECTION, 0},
    {"H1: two protections", READ, 0, RO | LDR_PAGE_WRITECOPY, 0, PE_NT_INVALID_PAGE_PROTECTION, 0},
    {"H1: PAGE_GUARD", READ, 0, RO | LDR_PAGE_GUARD, 0, PE_NT_INVALID_PAGE_PROTECTION, 0},
    {"H1: PAGE_NOCACHE", READ, 0, RO | 0x200, 0, PE_NT_INVALID_PAGE_PROTECTION, 0},
    {"H1: all bits", READ, 0, UINT32_MAX, 0, PE_NT_INVALID_PAGE_PROTECTION, 0},
    {"H1: of memory", 0, 0x1000, 0, 0, PE_NT_INVALID_PAGE_PROTECTION, 0},
    {"H2: READONLY, not read", WRITE, 0, RO, 0, PE_NT_ACCESS_DENIED, 0},
    {"H2: WRITECOPY, not read", WRITE, 0, LDR_PAGE_WRITECOPY, 0, PE_NT_ACCESS_DENIED, 0},
    {"H2: READWRITE, not written", READ, 0, RW, 0, PE_NT_ACCESS_DENIED, 0},
    {"H2: READWRITE, not read", WRITE, 0, RW, 0, PE_NT_ACCESS_DENIED, 0},
    {"H2: EXECUTE", READ, 0, LDR_PAGE_EXECUTE, 0, PE_NT_ACCESS_DENIED, 0},
    {"H2: EXECUTE_READ", READ, 0, LDR_PAGE_EXECUTE_READ, 0, PE_NT_ACCESS_DENIED, 0},
    {"H2: EXECUTE_READ, not read", EXECUTE, 0, LDR_PAGE_EXECUTE_READ, 0, PE_NT_ACCESS_DENIED, 0},
    {"H2: EXECUTE_WRITECOPY", READ, 0, LDR_PAGE_EXECUTE_WRITECOPY, 0, PE_NT_ACCESS_DENIED, 0},
    {"H2: EXECUTE_READWRITE", READ | WRITE, 0, LDR_PAGE_EXECUTE_READWRITE, 0, PE_NT_ACCESS_DENIED,
     0},
    {"H2: EXECUTE_READWRITE, not written", READ | EXECUTE, 0, LDR_PAGE_EXECUTE_READWRITE, 0,
     PE_NT_ACCESS_DENIED, 0},
    {"H2: neither", LDR_FILE_ATTRIBUTES, 0, RO, 0, PE_NT_ACCESS_DENIED, 0},
    {"H3: memory of size 0", 0, 0, RW, 0, PE_NT_INVALID_PARAMETER_4, 0},
    {"H8: READONLY, larger than the file", READ, SIZE + 1, RO, 0, PE_NT_SECTION_TOO_BIG, 0},
    {"H8: WRITECOPY, larger than the file", READ, SIZE + 1, LDR_PAGE_WRITECOPY, 0,
     PE_NT_SECTION_TOO_BIG, 0},
    {"H8: EXECUTE_READ, larger", READ | EXECUTE, SIZE + 1, LDR_PAGE_EXECUTE_READ, 0,
     PE_NT_SECTION_TOO_BIG, 0},
    {"H10: file, size -1", READ | WRITE, UINT64_MAX, RW, 0, PE_NT_SECTION_TOO_BIG, 0},
    {"H10: file, 2^63", READ | WRITE, UINT64_C(1) << 63, RW, 0, PE_NT_SECTION_TOO_BIG, 0},
    {"H10: memory, size -1", 0, UINT64_MAX, RW, 0, PE_NT_SECTION_TOO_BIG, 0},
    {"H10: memory, committed", 0, UINT64_C(1) << 46, RW, LDR_SEC_COMMIT, PE_NT_COMMITMENT_LIMIT, 0},
    {"H10: memory, reserved", 0, UINT64_C(1) << 48, RW, LDR_SEC_RESERVE, PE_NT_SECTION_TOO_BIG, 0},
    {"H11: COMMIT and RESERVE", 0, 0x1000, RW, LDR_SEC_COMMIT | LDR_SEC_RESERVE,
     PE_NT_INVALID_PARAMETER_6, 0},
    {"H11: NOCACHE alone", 0, 0x1000, RW, LDR_SEC_NOCACHE, PE_NT_INVALID_PARAMETER_6, 0},
    {"H11: WRITECOMBINE alone", 0, 0x1000, RW, LDR_SEC_WRITECOMBINE, PE_NT_INVALID_PARAMETER_6, 0},
    {"H11: LARGE_PAGES alone", 0, 0x1000, RW, LDR_SEC_LARGE_PAGES, PE_NT_INVALID_PARAMETER_6, 0},
    {"H11: unknown bits", 0, 0x1000, RW, LDR_SEC_COMMIT | 1, PE_NT_INVALID_PARAMETER_6, 0},
    {"H11: SEC_FILE", READ, 0, RO, LDR_SEC_COMMIT | 0x800000, PE_NT_INVALID_PARAMETER_6, 0},
    {"H11: before H1", 0, 0x1000, 0, LDR_SEC_NOCACHE, PE_NT_INVALID_PARAMETER_6, 0},
    {"H12: LARGE_PAGES and a file", READ, 0, RO, LDR_SEC_COMMIT | LDR_SEC_LARGE_PAGES,
     PE_NT_INVALID_PARAMETER_6, 0},
    {"H12: LARGE_PAGES and RESERVE", 0, 0x200000, RW, LDR_SEC_RESERVE | LDR_SEC_LARGE_PAGES,
     PE_NT_INVALID_PARAMETER_6, 0},
    {"H12: no multiple of the large page", 0, 0x1000, RW, LDR_SEC_COMMIT | LDR_SEC_LARGE_PAGES,
     PE_NT_INVALID_PARAMETER_4, 0},
    {"H16: name that starts with a backslash", 0, 0x1000, RW, 0, PE_NT_OBJECT_PATH_SYNTAX_BAD,
     "\\a"},
    {"H16: name with a backslash", 0, 0x1000, RW, 0, PE_NT_OBJECT_PATH_NOT_FOUND, "a\\b"},
    {"H16: backslash behind the prefix", 0, 0x1000, RW, 0, PE_NT_OBJECT_PATH_NOT_FOUND,
     "Local\\a\\b"},
    {"H16: two prefixes", 0, 0x1000, RW, 0, PE_NT_OBJECT_PATH_NOT_FOUND, "Global\\Local\\a"},
    {"H16: prefix alone", 0, 0x1000, RW, 0, PE_NT_OBJECT_NAME_INVALID, "Local\\"},
    {"A0.1: IMAGE and COMMIT", READ, 0, RO, LDR_SEC_IMAGE | LDR_SEC_COMMIT,
     PE_NT_INVALID_PARAMETER_6, 0},
    {"A0.1: IMAGE and RESERVE", READ, 0, RO, LDR_SEC_IMAGE | LDR_SEC_RESERVE,
     PE_NT_INVALID_PARAMETER_6, 0},
    {"A0.1: IMAGE and LARGE_PAGES", READ, 0, RO, LDR_SEC_IMAGE | LDR_SEC_LARGE_PAGES,
     PE_NT_INVALID_PARAMETER_6, 0},
    {"A0.1: IMAGE and WRITECOMBINE", READ, 0, RO, LDR_SEC_IMAGE | LDR_SEC_WRITECOMBINE,
     PE_NT_INVALID_PARAMETER_6, 0},
    {"A0.3: IMAGE, NOACCESS", READ, 0, LDR_PAGE_NOACCESS, LDR_SEC_IMAGE,
     PE_NT_INVALID_PAGE_PROTECTION, 0},
    {"A0.4: IMAGE without a file", 0, 0x1000, RO, LDR_SEC_IMAGE, PE_NT_INVALID_FILE_FOR_SECTION, 0},
    {"A0.5: IMAGE, EXECUTE_READ", READ, 0, LDR_PAGE_EXECUTE_READ, LDR_SEC_IMAGE,
     PE_NT_ACCESS_DENIED, 0},
    {"A3: IMAGE of a file that is none", READ, 0, RO, LDR_SEC_IMAGE, PE_NT_INVALID_IMAGE_NOT_MZ, 0},
};

static void expect_bad(const bad *row, const char *path)
{
    ldr_create_options options = {.size = sizeof options,
                                  .maximum_size = row->size,
                                  .protect = row->protect,
                                  .attributes = row->attributes,
                                  .name = row->name};
    if (row->file != 0)
        options.file = data_open(path, row->file);
    uint32_t nt_status = data_refused(&options);
    cr_expect_eq(nt_status, row->nt_status, "%s: %s", row->what, pe_nt_status_name(nt_status));
    cr_expect_eq(data_size(path), SIZE, "%s: the file's size has changed", row->what);
    ldr_file_close(options.file);
}

Test(data_create, bad_arguments_have_their_status_and_change_nothing)
{
    char *path = data_file(SIZE);
    for (size_t i = 0; i < sizeof bad_arguments / sizeof *bad_arguments; i++)
        expect_bad(&bad_arguments[i], path);
    fixture_remove(path);
}

Test(data_create, bad_name_of_more_bytes_than_windows_takes_is_refused)
{
    enum { LENGTH = 40000 };
    char *name = calloc(1, LENGTH + 1);
    memset(name, 'x', LENGTH);
    ldr_create_options options = {
        .size = sizeof options, .maximum_size = 1, .protect = RW, .name = name};
    cr_expect_eq(data_refused(&options), (uint32_t)PE_NT_OBJECT_NAME_INVALID);
    free(name);
}

Test(data_create, bad_rights_to_a_section_are_refused)
{
    ldr_create_options options = {
        .size = sizeof options, .maximum_size = 1, .protect = RW, .access = UINT32_C(1) << 30};
    cr_expect_eq(data_refused(&options), (uint32_t)PE_NT_INVALID_PARAMETER);
}

/* ---- Files ---- */

Test(data_create, empty_file_is_refused_H5)
{
    char *path = data_file(0);
    ldr_create_options options = {
        .size = sizeof options, .file = data_open(path, READ | WRITE), .protect = RW};
    cr_expect_eq(data_refused(&options), (uint32_t)PE_NT_MAPPED_FILE_SIZE_ZERO);
    options.attributes = LDR_SEC_IMAGE;
    cr_expect_eq(data_refused(&options), (uint32_t)PE_NT_INVALID_FILE_FOR_SECTION);
    ldr_file_close(options.file);
    fixture_remove(path);
}

Test(data_create, size_zero_is_that_of_the_file_now_H6)
{
    char *path = data_file(SIZE);
    ldr_section *section = data_section_at(path, RO);
    cr_expect_eq(ldr_section_size(section), SIZE);
    cr_expect_null(ldr_section_image(section));
    ldr_section_close(section);
    fixture_remove(path);
}

Test(data_create, larger_writable_section_grows_the_file_at_once_H7)
{
    char *path = data_file(SIZE);
    ldr_file *file = data_open(path, READ | WRITE);
    ldr_section *section = data_section(file, 0x12345, RW, 0);
    cr_expect_eq(data_size(path), 0x12345u);
    cr_expect_eq(ldr_section_size(section), 0x12345u);
    ldr_view *view = data_view(section, 0, 0, 0);
    const uint8_t *bytes = ldr_view_base(view);
    cr_expect_eq(bytes[SIZE - 1], data_byte(SIZE - 1));
    cr_expect_eq(bytes[SIZE], 0);
    cr_expect_eq(bytes[0x12344], 0);
    ldr_view_unmap(view);
    ldr_section_close(section);
    ldr_file_close(file);
    fixture_remove(path);
}

Test(data_create, empty_file_grows_H7)
{
    char *path = data_file(0);
    ldr_file *file = data_open(path, READ | WRITE);
    ldr_section_close(data_section(file, 1, RW, 0));
    cr_expect_eq(data_size(path), 1u);
    ldr_file_close(file);
    fixture_remove(path);
}

/* Some file systems know sizes that large, and have no room for them. */
Test(data_create, size_that_the_file_system_does_not_have_is_refused_H10)
{
    char *path = data_file(SIZE);
    ldr_create_options options = {.size = sizeof options,
                                  .file = data_open(path, READ | WRITE),
                                  .maximum_size = UINT64_C(1) << 60,
                                  .protect = RW};
    uint32_t nt_status = data_refused(&options);
    cr_expect(nt_status == PE_NT_SECTION_TOO_BIG || nt_status == PE_NT_DISK_FULL);
    cr_expect_eq(data_size(path), SIZE);
    ldr_file_close(options.file);
    fixture_remove(path);
}

/* The file system has no room: so says the operating system, here a faulty one. */
Test(data_create, full_disk_leaves_the_file_as_it_was_H7)
{
    char *path = data_file(SIZE);
    ldr_create_options options = {.size = sizeof options,
                                  .file = data_open(path, READ | WRITE),
                                  .maximum_size = 2 * SIZE,
                                  .protect = RW};
    bool is_full = false;
    for (unsigned call = 0; !is_full; call++) {
        faulty_os_fail_at(call, false);
        uint32_t nt_status = data_refused(&options);
        faulty_os_stop();
        is_full = strcmp(faulty_os_failed(), "file_resize") == 0;
        cr_expect_eq(data_size(path), SIZE);
        cr_expect(!is_full || nt_status == PE_NT_DISK_FULL);
    }
    ldr_file_close(options.file);
    fixture_remove(path);
}

Test(data_create, smaller_section_keeps_its_size_when_the_file_grows_H9)
{
    char *path = data_file(SIZE);
    ldr_file *file = data_open(path, READ | WRITE);
    ldr_section *section = data_section(file, 0x1001, RO, 0);
    cr_expect_eq(ldr_file_set_size(file, 0x20000, NULL), LDR_OK);
    cr_expect_eq(ldr_section_size(section), 0x1001u);
    ldr_view *view = data_view(section, 0, 0, 0);
    cr_expect_eq(ldr_view_size(view), 0x2000u);
    ldr_view_unmap(view);
    ldr_section_close(section);
    ldr_file_close(file);
    fixture_remove(path);
}

/* ---- Growing at once ---- */

enum { GROWERS = 3, STEPS = 200, STEP = 0x777 };

static int grow_step_by_step(void *path)
{
    for (unsigned i = 1; i <= STEPS; i++) {
        ldr_file *file = data_open(path, READ | WRITE);
        ldr_section *section = data_section(file, SIZE + i * STEP, RW, 0);
        ldr_view *view = data_view(section, 0, 0, 0);
        ((uint8_t *)ldr_view_base(view))[SIZE + i * STEP - 1] = 1;
        ldr_view_unmap(view);
        ldr_section_close(section);
        ldr_file_close(file);
    }
    return 0;
}

Test(data_create, file_that_several_processes_grow_has_the_largest_size_H7, .timeout = 60)
{
    char *path = data_file(SIZE);
    pid_t processes[GROWERS];
    for (int i = 0; i < GROWERS; i++) {
        processes[i] = fork();
        if (processes[i] == 0)
            _exit(grow_step_by_step(path));
    }
    for (int i = 0; i < GROWERS; i++) {
        int status;
        cr_assert_eq(waitpid(processes[i], &status, 0), processes[i]);
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    cr_expect_eq(data_size(path), (uint64_t)(SIZE + STEPS * STEP));
    fixture_remove(path);
}

/* ---- Memory and attributes ---- */

Test(data_create, memory_has_whole_pages_of_zeros_H14)
{
    ldr_section *section = data_section(NULL, 0x1001, RW, LDR_SEC_COMMIT);
    cr_expect_eq(ldr_section_size(section), 0x2000u);
    ldr_view *view = data_view(section, 0, 0, 0);
    cr_expect_eq(ldr_view_size(view), 0x2000u);
    uint8_t *bytes = ldr_view_base(view);
    cr_expect_eq(bytes[0x1FFF], 0);
    bytes[0x1FFF] = 1;
    ldr_view_unmap(view);
    ldr_section_close(section);
}

Test(data_create, attributes_that_are_accepted_H11_H13)
{
    static const uint32_t of_both[] = {
        0,
        LDR_SEC_COMMIT,
        LDR_SEC_RESERVE,
        LDR_SEC_COMMIT | LDR_SEC_NOCACHE,
        LDR_SEC_RESERVE | LDR_SEC_NOCACHE,
        LDR_SEC_COMMIT | LDR_SEC_WRITECOMBINE,
        LDR_SEC_COMMIT | LDR_SEC_NOCACHE | LDR_SEC_WRITECOMBINE,
    };
    char *path = data_file(SIZE);
    ldr_file *file = data_open(path, READ | WRITE);
    for (size_t i = 0; i < sizeof of_both / sizeof *of_both; i++) {
        ldr_section_close(data_section(NULL, 0x1000, RW, of_both[i]));
        ldr_section *section = data_section(file, 0, RW, of_both[i]);
        ldr_view *view = data_view(section, 0, 0, 0);
        cr_expect(data_region(view, 0).committed);
        ldr_view_unmap(view);
        ldr_section_close(section);
    }
    ldr_file_close(file);
    fixture_remove(path);
}

Test(data_create, protections_that_are_accepted_H1)
{
    char *path = data_file(SIZE);
    ldr_file *file = data_open(path, READ | WRITE | EXECUTE);
    for (uint32_t protect = RO; protect <= LDR_PAGE_EXECUTE_WRITECOPY; protect <<= 1)
        ldr_section_close(data_section(file, 0, protect, 0));
    ldr_file_close(file);
    fixture_remove(path);
}

Test(data_create, large_pages_are_a_privilege_or_are_there_H12)
{
    ldr_create_options options = {.size = sizeof options,
                                  .maximum_size = UINT64_C(2) << 20,
                                  .protect = RW,
                                  .attributes = LDR_SEC_COMMIT | LDR_SEC_LARGE_PAGES};
    ldr_section *section;
    ldr_diag diag;
    if (ldr_section_create(&options, &section, NULL, &diag) != LDR_OK) {
        cr_expect(diag.why.nt_status == PE_NT_PRIVILEGE_NOT_HELD ||
                  diag.why.nt_status == PE_NT_NO_MEMORY);
        return;
    }
    ldr_view *view = data_view(section, 0, 0, 0);
    memset(ldr_view_base(view), 1, ldr_view_size(view));
    cr_expect_eq(ldr_view_protect(view, 5, 1, RO, NULL, NULL), LDR_OK);
    cr_expect_eq(data_region(view, 0).size, options.maximum_size, "all of a large page");
    ldr_view_options middle = {.size = sizeof middle, .offset = UNIT};
    cr_expect_eq(data_view_refused(section, &middle), (uint32_t)PE_NT_MAPPED_ALIGNMENT);
    ldr_view_unmap(view);
    ldr_section_close(section);
}

Test(data_create, huge_reserved_section_costs_nothing)
{
    ldr_section *section = data_section(NULL, UINT64_C(1) << 40, RW, LDR_SEC_RESERVE);
    ldr_view *view = data_view(section, UINT64_C(1) << 39, 0x100000, 0);
    cr_expect_eq(ldr_view_commit(view, 0x80000, 1, 0, NULL), LDR_OK);
    ((uint8_t *)ldr_view_base(view))[0x80000] = 1;
    ldr_view_unmap(view);
    ldr_section_close(section);
}

/* ---- Images by the same call ---- */

Test(data_create, image_attribute_makes_an_image_section)
{
    img_image image = img_plain(IMG_PE32_PLUS);
    char *path = fixture_file(image.bytes, image.size);
    ldr_file *file = data_open(path, READ | EXECUTE);
    static const uint32_t protections[] = {RO, LDR_PAGE_WRITECOPY, LDR_PAGE_EXECUTE_READ};
    for (size_t i = 0; i < 3; i++) {
        ldr_section *section = data_section(file, 0, protections[i], LDR_SEC_IMAGE);
        cr_expect_not_null(ldr_section_image(section));
        ldr_view *view = data_view(section, 0, 0, LDR_PAGE_READONLY);
        cr_expect_eq(data_region(view, 0x1000).protect, (uint32_t)LDR_PAGE_EXECUTE_READ);
        cr_expect_eq(data_region(view, 0x1000).type, (uint32_t)LDR_MEM_IMAGE);
        ldr_view_unmap(view);
        ldr_section_close(section);
    }
    ldr_file_close(file);
    fixture_remove(path);
    img_free(&image);
}

Test(data_create, image_without_execute_rights_is_another_attribute)
{
    img_image image = img_plain(IMG_PE32_PLUS);
    char *path = fixture_file(image.bytes, image.size);
    ldr_file *file = data_open(path, READ);
    ldr_section *section = data_section(file, 0, RO, LDR_SEC_IMAGE_NO_EXECUTE);
    ldr_view *view = data_view(section, 0, 0, 0);
    cr_expect_eq(data_region(view, 0x1000).protect, (uint32_t)LDR_PAGE_READONLY);
    ldr_view_unmap(view);
    ldr_section_close(section);
    ldr_file_close(file);
    fixture_remove(path);
    img_free(&image);
}

Test(data_create, image_size_up_to_its_own_is_reported_as_asked_for)
{
    img_image image = img_plain(IMG_PE32_PLUS);
    char *path = fixture_file(image.bytes, image.size);
    ldr_file *file = data_open(path, READ);
    ldr_section *section = data_section(file, 0, RO, LDR_SEC_IMAGE);
    uint64_t size = ldr_section_size(section);
    ldr_section_close(section);
    for (uint64_t asked = 1; asked <= size; asked += size - 1) {
        section = data_section(file, asked, RO, LDR_SEC_IMAGE);
        cr_expect_eq(ldr_section_size(section), asked);
        ldr_section_close(section);
    }
    ldr_create_options options = {.size = sizeof options,
                                  .file = file,
                                  .maximum_size = size + 1,
                                  .protect = RO,
                                  .attributes = LDR_SEC_IMAGE};
    cr_expect_eq(data_refused(&options), (uint32_t)PE_NT_SECTION_TOO_BIG);
    ldr_file_close(file);
    fixture_remove(path);
    img_free(&image);
}
