/* Coming back to what the pages of a view held, and what they were allowed. */
#include "section/snapshot.h"
#include "suite.h"
#include "support/image_builder.h"

#include <windows.h>

#define CODE_RVA 0x1000
#define DATA_RVA 0x2000
#define BSS_RVA  0x3000

static img_image make_image(void)
{
    static const uint8_t code[] = {0xB8, 42, 0, 0, 0, 0xC3}; /* mov eax, 42; ret */
    uint8_t data[0x200];
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    memset(data, 0x5A, sizeof data);
    img_add_section(&builder, ".text", IMG_RX, code, sizeof code, 0);
    img_add_section(&builder, ".data", IMG_RW, data, sizeof data, 0);
    img_add_section(&builder, ".bss", IMG_RW, NULL, 0, 0x2000);
    return img_finish(&builder);
}

static DWORD protect_at(const uint8_t *address)
{
    MEMORY_BASIC_INFORMATION told = {0};
    VirtualQuery(address, &told, sizeof told);
    return told.Protect;
}

static void check_restored(ldr_view *view)
{
    uint8_t *base = ldr_view_base(view);
    base[DATA_RVA] = 1; /* before the snapshot, and kept */
    REQUIRE(ldr__snapshot_restore(view) == LDR_INVALID_ARGUMENT);
    REQUIRE(ldr__snapshot_take(view) == LDR_OK);
    for (uint8_t round = 2; round < 5; round++) {
        base[DATA_RVA] = round;
        base[BSS_RVA + 0x1000] = round;
        CHECK(ldr_view_protect(view, CODE_RVA, 1, LDR_PAGE_READWRITE, NULL, NULL) == LDR_OK);
        base[CODE_RVA + 1] = round;
        CHECK(ldr__snapshot_restore(view) == LDR_OK);
        CHECK(base[DATA_RVA] == 1 && base[DATA_RVA + 1] == 0x5A && base[BSS_RVA + 0x1000] == 0);
        CHECK(protect_at(base + CODE_RVA) == PAGE_EXECUTE_READ);
        int (*answer)(void) = (int (*)(void))((uintptr_t)base + CODE_RVA);
        CHECK(answer() == 42);
    }
}

static void view_of_a_file_comes_back(void)
{
    img_image image = make_image();
    const char *path = suite_file(image.bytes, image.size);
    ldr_section *section = NULL;
    ldr_view *view = NULL;
    CHECK(ldr_section_from_file(path, NULL, &section, NULL) == LDR_OK);
    REQUIRE(section != NULL && ldr_view_map(section, NULL, &view, NULL) == LDR_OK);
    check_restored(view);
    ldr_view_unmap(view);
    ldr_section_close(section);
    suite_remove(path);
    img_free(&image);
}

static void view_of_memory_comes_back(void)
{
    img_image image = make_image();
    ldr_section *section = NULL;
    ldr_view *view = NULL;
    CHECK(ldr_section_from_memory("m", image.bytes, image.size, NULL, &section, NULL) == LDR_OK);
    REQUIRE(section != NULL && ldr_view_map(section, NULL, &view, NULL) == LDR_OK);
    check_restored(view);
    ldr_view_unmap(view);
    ldr_section_close(section);
    img_free(&image);
}

static const check_test tests[] = {
    {"snapshot, view_of_a_file_comes_back", view_of_a_file_comes_back},
    {"snapshot, view_of_memory_comes_back", view_of_memory_comes_back},
};
const suite snapshot_suite = {tests, sizeof tests / sizeof tests[0]};
