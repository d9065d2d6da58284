/* Images: what VirtualQuery, which knows nothing of us, says of our views. */
#include "suite.h"
#include "support/image_builder.h"

#include <windows.h>

#include <psapi.h>

#define CODE_RVA  0x1000
#define DATA_RVA  0x2000
#define BSS_RVA   0x3000
#define SIZE      0x6000
#define FAR_BASE  UINT64_C(0x180000000)
#define DATA_BYTE 0x5A

/* Code, data of which one word is a pointer to itself, and a page of zero fill. */
static img_image make_image(uint16_t characteristics)
{
    static const uint8_t code[] = {0xB8, 42, 0, 0, 0, 0xC3}; /* mov eax, 42; ret */
    uint8_t data[0x200];
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.image_base = FAR_BASE;
    builder.characteristics |= characteristics;
    memset(data, DATA_BYTE, sizeof data);
    uint32_t text = img_add_section(&builder, ".text", IMG_RX, code, sizeof code, 0);
    uint32_t rw = img_add_section(&builder, ".data", IMG_RW, data, sizeof data, 0);
    img_add_section(&builder, ".bss", IMG_RW, NULL, 0, 0x1000);
    img_add_section(&builder, ".ro", IMG_RO, data, sizeof data, 0);
    img_add_export(&builder, "answer", 1, text);
    if ((characteristics & PE_FILE_RELOCS_STRIPPED) == 0)
        img_put_pointer(&builder, rw + 8, rw);
    return img_finish(&builder);
}

static ldr_section *section_of_file(const img_image *image, const char **ret_path)
{
    ldr_section *section = NULL;
    ldr_diag diag = {0};
    char text[512];
    *ret_path = suite_file(image->bytes, image->size);
    if (ldr_section_from_file(*ret_path, NULL, &section, &diag) != LDR_OK)
        printf("%s\n", ldr_diag_text(&diag, text, sizeof text));
    return section;
}

static ldr_section *section_of_memory(const img_image *image)
{
    ldr_section *section = NULL;
    ldr_section_from_memory("memory", image->bytes, image->size, NULL, &section, NULL);
    return section;
}

static ldr_view *view_of(ldr_section *section)
{
    ldr_view *view = NULL;
    return ldr_view_map(section, NULL, &view, NULL) == LDR_OK ? view : NULL;
}

static MEMORY_BASIC_INFORMATION query(const ldr_view *view, size_t rva)
{
    MEMORY_BASIC_INFORMATION told = {0};
    VirtualQuery((uint8_t *)ldr_view_base(view) + rva, &told, sizeof told);
    return told;
}

static bool is_free(const void *base)
{
    MEMORY_BASIC_INFORMATION told;
    VirtualQuery(base, &told, sizeof told);
    return told.State == MEM_FREE;
}

/* ---- Tests ---- */

static void check_protections(const ldr_view *view, DWORD type)
{
    CHECK(query(view, 0).Protect == PAGE_READONLY);
    CHECK(query(view, CODE_RVA).Protect == PAGE_EXECUTE_READ);
    CHECK(query(view, DATA_RVA).Protect == PAGE_WRITECOPY);
    CHECK(query(view, BSS_RVA).Protect == PAGE_WRITECOPY);
    CHECK(query(view, BSS_RVA + 0x1000).Protect == PAGE_READONLY);
    CHECK(query(view, DATA_RVA).AllocationProtect == PAGE_EXECUTE_WRITECOPY);
    CHECK(query(view, DATA_RVA).AllocationBase == ldr_view_base(view));
    CHECK(query(view, DATA_RVA).Type == type);
}

static void file_image_is_the_systems_own(void)
{
    img_image image = make_image(0);
    const char *path;
    ldr_section *section = section_of_file(&image, &path);
    REQUIRE(section != NULL);
    ldr_view *view = view_of(section);
    REQUIRE(view != NULL);
    check_protections(view, MEM_IMAGE);
    char name[MAX_PATH] = "";
    CHECK(GetMappedFileNameA(GetCurrentProcess(), ldr_view_base(view), name, sizeof name) != 0);
    CHECK((uintptr_t)ldr_view_base(view) == FAR_BASE);
    CHECK(ldr_view_nt_status(view) == PE_NT_SUCCESS);
    void *base = ldr_view_base(view);
    ldr_view_unmap(view);
    CHECK(is_free(base));
    ldr_section_close(section);
    suite_remove(path);
    img_free(&image);
}

static void memory_image_has_the_same_layout(void)
{
    img_image image = make_image(0);
    ldr_section *section = section_of_memory(&image);
    REQUIRE(section != NULL);
    ldr_view *view = view_of(section);
    REQUIRE(view != NULL);
    check_protections(view, MEM_MAPPED);
    ldr_region region;
    CHECK(ldr_view_query(view, CODE_RVA, &region) == LDR_OK && region.type == LDR_MEM_MAPPED);
    CHECK(region.backing == LDR_BACKING_SEGMENT && region.private_bytes == 0);
    int (*answer)(void) = (int (*)(void))((uintptr_t)ldr_view_base(view) + CODE_RVA);
    CHECK(answer() == 42);
    ldr_view_unmap(view);
    ldr_section_close(section);
    img_free(&image);
}

static void check_copies(ldr_section *section)
{
    ldr_view *first = view_of(section), *second = view_of(section);
    ldr_region region;
    REQUIRE(first != NULL && second != NULL);
    CHECK(ldr_view_base(first) != ldr_view_base(second));
    CHECK(ldr_view_nt_status(second) == PE_NT_IMAGE_NOT_AT_BASE);
    volatile uint8_t *one = (uint8_t *)ldr_view_base(first) + DATA_RVA;
    volatile uint8_t *two = (uint8_t *)ldr_view_base(second) + DATA_RVA;
    CHECK(ldr_view_query(first, DATA_RVA, &region) == LDR_OK && region.private_bytes == 0);
    CHECK(region.protect == LDR_PAGE_WRITECOPY);
    CHECK(one[0] == DATA_BYTE && two[0] == DATA_BYTE);
    one[0] = 1;
    CHECK(two[0] == DATA_BYTE);
    CHECK(ldr_view_query(first, DATA_RVA, &region) == LDR_OK && region.size == 0x1000);
    CHECK(region.backing == LDR_BACKING_PRIVATE && region.protect == LDR_PAGE_READWRITE);
    CHECK(ldr_view_query(second, DATA_RVA, &region) == LDR_OK);
    CHECK(region.backing != LDR_BACKING_PRIVATE);
    ldr_view_unmap(first);
    ldr_view_unmap(second);
}

static void views_copy_what_they_write(void)
{
    img_image image = make_image(0);
    const char *path;
    ldr_section *file = section_of_file(&image, &path), *memory = section_of_memory(&image);
    REQUIRE(file != NULL && memory != NULL);
    check_copies(file);
    check_copies(memory);
    ldr_section_close(file);
    ldr_section_close(memory);
    suite_remove(path);
    img_free(&image);
}

static void check_relocated(ldr_section *section)
{
    ldr_view *at_base = view_of(section), *view = view_of(section);
    ldr_diag diag = {0};
    REQUIRE(at_base != NULL && view != NULL);
    CHECK(ldr_view_relocate(view, &diag) == LDR_OK);
    uint8_t *data = (uint8_t *)ldr_view_base(view) + DATA_RVA;
    uint64_t pointer;
    memcpy(&pointer, data + 8, sizeof pointer);
    CHECK(pointer == (uintptr_t)data);
    DWORD protect = query(view, DATA_RVA).Protect;
    CHECK(protect == PAGE_WRITECOPY || protect == PAGE_READWRITE);
    CHECK(query(view, CODE_RVA).Protect == PAGE_EXECUTE_READ);
    ldr_view_unmap(at_base);
    ldr_view_unmap(view);
}

static void views_elsewhere_are_relocated(void)
{
    img_image image = make_image(0);
    const char *path;
    ldr_section *file = section_of_file(&image, &path), *memory = section_of_memory(&image);
    REQUIRE(file != NULL && memory != NULL);
    check_relocated(file);
    check_relocated(memory);
    ldr_section_close(file);
    ldr_section_close(memory);
    suite_remove(path);
    img_free(&image);
}

static void fixed_image_is_refused_where_its_base_is_taken(void)
{
    img_image image = make_image(PE_FILE_RELOCS_STRIPPED);
    ldr_section *section = section_of_memory(&image);
    REQUIRE(section != NULL);
    ldr_view *first = view_of(section), *second = view_of(section);
    ldr_diag diag = {0};
    REQUIRE(first != NULL && second != NULL);
    CHECK(ldr_view_relocate(first, &diag) == LDR_OK);
    CHECK(ldr_view_relocate(second, &diag) == LDR_NOT_RELOCATABLE);
    CHECK(diag.why.nt_status == PE_NT_CONFLICTING_ADDRESSES);
    ldr_view_unmap(first);
    ldr_view_unmap(second);
    ldr_section_close(section);
    img_free(&image);
}

static void base_that_is_taken_is_refused(void)
{
    img_image image = make_image(0);
    const char *path;
    ldr_section *file = section_of_file(&image, &path), *memory = section_of_memory(&image);
    REQUIRE(file != NULL && memory != NULL);
    void *taken = VirtualAlloc(NULL, SIZE, MEM_RESERVE, PAGE_NOACCESS);
    ldr_view_options options = {.size = sizeof options, .base = (uintptr_t)taken};
    ldr_view *view = NULL;
    ldr_diag diag = {0};
    CHECK(ldr_view_map(file, &options, &view, &diag) == LDR_ADDRESS_BUSY);
    CHECK(ldr_view_map(memory, &options, &view, &diag) == LDR_ADDRESS_BUSY);
    VirtualFree(taken, 0, MEM_RELEASE);
    CHECK(ldr_view_map(file, &options, &view, &diag) == LDR_OK);
    CHECK(view != NULL && ldr_view_base(view) == taken);
    ldr_view_unmap(view);
    CHECK(ldr_view_map(memory, &options, &view, &diag) == LDR_OK);
    CHECK(view != NULL && ldr_view_base(view) == taken);
    ldr_view_unmap(view);
    ldr_section_close(file);
    ldr_section_close(memory);
    suite_remove(path);
    img_free(&image);
}

static void check_protect(ldr_section *section)
{
    ldr_view *view = view_of(section);
    uint32_t old = 0;
    REQUIRE(view != NULL);
    CHECK(ldr_view_protect(view, CODE_RVA, 1, LDR_PAGE_READWRITE, &old, NULL) == LDR_OK);
    CHECK(old == LDR_PAGE_EXECUTE_READ);
    CHECK(query(view, CODE_RVA).Protect == PAGE_WRITECOPY);
    *((volatile uint8_t *)ldr_view_base(view) + CODE_RVA + 1) = 43;
    CHECK(ldr_view_protect(view, CODE_RVA, 1, LDR_PAGE_EXECUTE_READ, &old, NULL) == LDR_OK);
    CHECK(old == LDR_PAGE_READWRITE);
    int (*answer)(void) = (int (*)(void))((uintptr_t)ldr_view_base(view) + CODE_RVA);
    CHECK(answer() == 43);
    CHECK(ldr_view_protect(view, SIZE + 0x10000, 1, LDR_PAGE_READONLY, NULL, NULL) ==
          LDR_INVALID_ARGUMENT);
    CHECK(ldr_view_protect(view, 0, 1, 0x33, NULL, NULL) == LDR_INVALID_ARGUMENT);
    ldr_view_unmap(view);
}

static void protections_can_be_changed(void)
{
    img_image image = make_image(0);
    const char *path;
    ldr_section *file = section_of_file(&image, &path), *memory = section_of_memory(&image);
    REQUIRE(file != NULL && memory != NULL);
    check_protect(file);
    check_protect(memory);
    ldr_section_close(file);
    ldr_section_close(memory);
    suite_remove(path);
    img_free(&image);
}

static void snapshot_option_leaves_the_file_alone(void)
{
    img_image image = make_image(0);
    const char *path = suite_file(image.bytes, image.size);
    ldr_section_options options = {.size = sizeof options, .source = LDR_SOURCE_SNAPSHOT};
    ldr_section *section = NULL;
    CHECK(ldr_section_from_file(path, &options, &section, NULL) == LDR_OK);
    CHECK(DeleteFileA(path));
    ldr_view *view = view_of(section);
    REQUIRE(view != NULL);
    CHECK(query(view, CODE_RVA).Type == MEM_MAPPED);
    ldr_view_unmap(view);
    ldr_section_close(section);
    img_free(&image);
}

static void no_execute_takes_the_right_away(void)
{
    img_image image = make_image(0);
    ldr_section_options options = {.size = sizeof options, .no_execute = true};
    ldr_section *section = NULL;
    REQUIRE(ldr_section_from_memory("memory", image.bytes, image.size, &options, &section, NULL) ==
            LDR_OK);
    ldr_view *view = view_of(section);
    REQUIRE(view != NULL);
    CHECK(query(view, CODE_RVA).Protect == PAGE_READONLY);
    ldr_view_unmap(view);
    ldr_section_close(section);
    img_free(&image);
}

static void broken_images_are_refused_with_the_rule(void)
{
    img_image image = make_image(0);
    ldr_section *section = NULL;
    ldr_diag diag = {0};
    img_set(&image, IMG_SIZE_OF_IMAGE, 0x1000);
    const char *path = suite_file(image.bytes, image.size);
    CHECK(ldr_section_from_file(path, NULL, &section, &diag) == LDR_IMAGE_REFUSED);
    CHECK(diag.why.rule != NULL && diag.why.nt_status == PE_NT_INVALID_IMAGE_FORMAT);
    suite_remove(path);
    CHECK(ldr_section_from_file(path, NULL, &section, &diag) == LDR_FILE_NOT_FOUND);
    img_free(&image);
}

static const check_test tests[] = {
    {"file_image, is_the_systems_own", file_image_is_the_systems_own},
    {"memory_image, has_the_same_layout", memory_image_has_the_same_layout},
    {"views, copy_what_they_write", views_copy_what_they_write},
    {"views, elsewhere_are_relocated", views_elsewhere_are_relocated},
    {"fixed_image, is_refused_where_its_base_is_taken",
     fixed_image_is_refused_where_its_base_is_taken},
    {"views, base_that_is_taken_is_refused", base_that_is_taken_is_refused},
    {"protections, can_be_changed", protections_can_be_changed},
    {"snapshot_option, leaves_the_file_alone", snapshot_option_leaves_the_file_alone},
    {"no_execute, takes_the_right_away", no_execute_takes_the_right_away},
    {"broken_images, are_refused_with_the_rule", broken_images_are_refused_with_the_rule},
};
const suite image_suite = {tests, sizeof tests / sizeof tests[0]};
