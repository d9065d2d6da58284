/* What two processes share: named memory, and PE sections that are SHARED. */
#include "suite.h"
#include "support/image_builder.h"

#define SHARED_RVA 0x1000
#define OWN_RVA    0x2000
#define UNIT       0x10000

enum { FROM_PARENT = 17, FROM_CHILD = 42 };

static img_image make_image(void)
{
    uint8_t data[0x200] = {0};
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    img_add_section(&builder, ".shared", IMG_RW | PE_SCN_MEM_SHARED, data, sizeof data, 0);
    img_add_section(&builder, ".own", IMG_RW, data, sizeof data, 0);
    return img_finish(&builder);
}

static ldr_view *view_of_file(const char *path, ldr_section **ret_section)
{
    ldr_view *view = NULL;
    if (ldr_section_from_file(path, NULL, ret_section, NULL) != LDR_OK)
        return NULL;
    return ldr_view_map(*ret_section, NULL, &view, NULL) == LDR_OK ? view : NULL;
}

static ldr_view *view_of_name(const char *name, ldr_section **ret_section)
{
    ldr_view *view = NULL;
    if (ldr_section_open(name, 0, ret_section, NULL) != LDR_OK)
        return NULL;
    return ldr_view_map(*ret_section, NULL, &view, NULL) == LDR_OK ? view : NULL;
}

/* The first byte of what is shared, which becomes another one; and of what is not, if it is not as
 * it should be. */
int run_as_child(const char *what, const char *argument)
{
    ldr_section *section = NULL;
    bool is_image = strcmp(what, "image") == 0;
    ldr_view *view = is_image ? view_of_file(argument, &section) : view_of_name(argument, &section);
    if (view == NULL)
        return 1;
    volatile uint8_t *bytes = ldr_view_base(view);
    volatile uint8_t *shared = is_image ? bytes + SHARED_RVA : bytes;
    int found = is_image && bytes[OWN_RVA] != 0 ? 2 : shared[0];
    shared[0] = FROM_CHILD;
    ldr_view_unmap(view);
    ldr_section_close(section);
    return found;
}

static void named_memory_is_one_for_processes(void)
{
    const ldr_create_options options = {.size = sizeof options,
                                        .maximum_size = UNIT,
                                        .protect = LDR_PAGE_READWRITE,
                                        .name = "Local\\peload-test-processes"};
    ldr_section *section = NULL;
    ldr_view *view = NULL;
    REQUIRE(ldr_section_create(&options, &section, NULL, NULL) == LDR_OK);
    REQUIRE(ldr_view_map(section, NULL, &view, NULL) == LDR_OK);
    volatile uint8_t *bytes = ldr_view_base(view);
    bytes[0] = FROM_PARENT;
    CHECK(suite_child("name", options.name) == FROM_PARENT);
    CHECK(bytes[0] == FROM_CHILD);
    ldr_view_unmap(view);
    ldr_section_close(section);
}

static void shared_pe_sections_are_one_for_processes(void)
{
    img_image image = make_image();
    const char *path = suite_file(image.bytes, image.size);
    ldr_section *section = NULL;
    ldr_view *view = view_of_file(path, &section);
    REQUIRE(view != NULL);
    volatile uint8_t *bytes = ldr_view_base(view);
    bytes[SHARED_RVA] = FROM_PARENT;
    bytes[OWN_RVA] = FROM_PARENT;
    CHECK(suite_child("image", path) == FROM_PARENT);
    CHECK(bytes[SHARED_RVA] == FROM_CHILD);
    CHECK(bytes[OWN_RVA] == FROM_PARENT);
    ldr_region region;
    CHECK(ldr_view_query(view, SHARED_RVA, &region) == LDR_OK);
    CHECK(region.backing == LDR_BACKING_SHARED && region.private_bytes == 0);
    ldr_view_unmap(view);
    ldr_section_close(section);
    suite_remove(path);
    img_free(&image);
}

static const check_test tests[] = {
    {"processes, named_memory_is_one", named_memory_is_one_for_processes},
    {"processes, shared_pe_sections_are_one", shared_pe_sections_are_one_for_processes},
};
const suite process_suite = {tests, sizeof tests / sizeof tests[0]};
