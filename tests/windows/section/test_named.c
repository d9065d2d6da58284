/* Sections that are found by name, and images that must not be executed. */
#include "suite.h"
#include "support/image_builder.h"

#include <windows.h>

#define CODE_RVA 0x1000
#define DATA_RVA 0x2000
#define NAME     "peload-named"

static const char *make_file(void)
{
    static const uint8_t code[] = {0xB8, 42, 0, 0, 0, 0xC3}; /* mov eax, 42; ret */
    uint8_t data[0x200] = {0};
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.image_base = UINT64_C(0x180000000);
    img_add_section(&builder, ".text", IMG_RX, code, sizeof code, 0);
    uint32_t at = img_add_section(&builder, ".data", IMG_RW, data, sizeof data, 0);
    img_put_pointer(&builder, at, at);
    img_put_pointer(&builder, CODE_RVA + 0x10, at);
    img_image image = img_finish(&builder);
    const char *path = suite_file(image.bytes, image.size);
    img_free(&image);
    return path;
}

static ldr_section *create(const char *path, uint32_t protect, uint32_t attributes,
                           const char *name)
{
    ldr_file_options access = {.size = sizeof access,
                               .access = protect == LDR_PAGE_READWRITE
                                             ? LDR_FILE_READ | LDR_FILE_WRITE
                                             : LDR_FILE_READ | LDR_FILE_EXECUTE,
                               .share = LDR_SHARE_READ | LDR_SHARE_WRITE | LDR_SHARE_DELETE};
    ldr_create_options options = {
        .size = sizeof options, .protect = protect, .attributes = attributes, .name = name};
    ldr_section *section = NULL;
    ldr_diag diag = {0};
    if (ldr_file_open(path, &access, &options.file, NULL, &diag) == LDR_OK)
        ldr_section_create(&options, &section, NULL, &diag);
    if (section == NULL)
        printf("%s %x\n", ldr_status_text(diag.status), (unsigned)diag.why.nt_status);
    ldr_file_close(options.file);
    return section;
}

/* Two views, so that the second is relocated; closes the section. */
static void check_image(ldr_section *section, uint32_t protect_of_code)
{
    ldr_view *first = NULL, *view = NULL;
    ldr_region region;
    uint64_t pointer = 0;
    REQUIRE(section != NULL);
    CHECK(ldr_view_map(section, NULL, &first, NULL) == LDR_OK);
    CHECK(ldr_view_map(section, NULL, &view, NULL) == LDR_OK);
    REQUIRE(view != NULL);
    CHECK(ldr_view_relocate(view, NULL) == LDR_OK);
    uint8_t *base = ldr_view_base(view);
    memcpy(&pointer, base + DATA_RVA, sizeof pointer);
    CHECK(pointer == (uintptr_t)base + DATA_RVA);
    CHECK(ldr_view_query(view, CODE_RVA, &region) == LDR_OK);
    CHECK(ldr_view_query(first, CODE_RVA, &region) == LDR_OK && region.protect == protect_of_code);
    ldr_view_unmap(view);
    ldr_view_unmap(first);
    ldr_section_close(section);
}

static void named_image_is_found(void)
{
    const char *path = make_file();
    ldr_section *section = create(path, LDR_PAGE_EXECUTE_READ, LDR_SEC_IMAGE, NAME);
    ldr_section *other = NULL;
    REQUIRE(section != NULL);
    CHECK(ldr_section_open(NAME, 0, &other, NULL) == LDR_OK);
    check_image(other, LDR_PAGE_EXECUTE_READ);
    check_image(section, LDR_PAGE_EXECUTE_READ);
    suite_remove(path);
}

static void named_image_without_execution_is_found_so(void)
{
    const char *path = make_file();
    ldr_section *section = create(path, LDR_PAGE_READONLY, LDR_SEC_IMAGE_NO_EXECUTE, NAME);
    ldr_section *other = NULL;
    REQUIRE(section != NULL);
    CHECK(ldr_section_open(NAME, 0, &other, NULL) == LDR_OK);
    /* Which does not tell of a section what it must not be used for. */
    check_image(other, suite_is_wine() ? LDR_PAGE_EXECUTE_READ : LDR_PAGE_READONLY);
    check_image(section, LDR_PAGE_READONLY);
    suite_remove(path);
}

static void no_execute_cannot_be_taken_back(void)
{
    const char *path = make_file();
    ldr_section *section = create(path, LDR_PAGE_READONLY, LDR_SEC_IMAGE_NO_EXECUTE, NULL);
    ldr_view *view = NULL;
    ldr_diag diag = {0};
    REQUIRE(section != NULL && ldr_view_map(section, NULL, &view, NULL) == LDR_OK);
    CHECK(ldr_view_protect(view, CODE_RVA, 1, LDR_PAGE_EXECUTE_READ, NULL, &diag) ==
          LDR_ACCESS_DENIED);
    CHECK(diag.why.nt_status == PE_NT_SECTION_PROTECTION);
    CHECK(ldr_view_protect(view, CODE_RVA, 1, LDR_PAGE_READWRITE, NULL, &diag) == LDR_OK);
    ldr_view_unmap(view);
    ldr_section_close(section);
    suite_remove(path);
}

static void name_with_a_folder_is_refused(void)
{
    ldr_create_options options = {.size = sizeof options,
                                  .maximum_size = 0x1000,
                                  .protect = LDR_PAGE_READWRITE,
                                  .name = "peload-none\\name"};
    ldr_section *section = NULL;
    ldr_diag diag = {0};
    CHECK(ldr_section_open(options.name, 0, &section, &diag) == LDR_INVALID_ARGUMENT);
    CHECK(diag.why.nt_status == PE_NT_OBJECT_PATH_NOT_FOUND);
    CHECK(ldr_section_create(&options, &section, NULL, &diag) == LDR_INVALID_ARGUMENT);
    CHECK(diag.why.nt_status == PE_NT_OBJECT_PATH_NOT_FOUND);
}

static void check_flush(ldr_section *section)
{
    ldr_view *view = NULL;
    ldr_diag diag = {0};
    REQUIRE(section != NULL);
    CHECK(ldr_view_map(section, NULL, &view, NULL) == LDR_OK);
    CHECK(ldr_view_flush(view, 0, 0, true, &diag) == LDR_OK);
    ldr_view_unmap(view);
    ldr_section_close(section);
}

static void views_are_flushed_whoever_has_the_file(void)
{
    const char *path = make_file();
    ldr_section *section = create(path, LDR_PAGE_READWRITE, 0, NAME), *other = NULL;
    CHECK(ldr_section_open(NAME, 0, &other, NULL) == LDR_OK);
    check_flush(other);
    check_flush(section);
    check_flush(create(path, LDR_PAGE_READONLY, 0, NULL));
    suite_remove(path);
}

static const check_test tests[] = {
    {"named_image, is_found", named_image_is_found},
    {"named_image, without_execution_is_found_so", named_image_without_execution_is_found_so},
    {"no_execute, cannot_be_taken_back", no_execute_cannot_be_taken_back},
    {"name, with_a_folder_is_refused", name_with_a_folder_is_refused},
    {"views, are_flushed_whoever_has_the_file", views_are_flushed_whoever_has_the_file},
};
const suite named_suite = {tests, sizeof tests / sizeof tests[0]};
