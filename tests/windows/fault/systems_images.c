/*
 * Images as Windows has them, and Wine has not: those that it does not trust, and those that the
 * kernel has relocated. The views that the library gets are made here what they are on Windows,
 * where all views of an image are relocated for one base.
 */
#include <peload/section.h>

#include "check.h"
#include "faults.h"
#include "support/image_builder.h"
#include "tests.h"

#include <windows.h>

#define PREFERRED UINT64_C(0x180000000)
#define CHOSEN    UINT64_C(0x7FF800000000)
#define DATA_RVA  0x1000

/* Data whose second word is its own address. */
static img_image make_image(void)
{
    uint8_t data[0x200] = {0};
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.image_base = PREFERRED;
    uint32_t at = img_add_section(&builder, ".data", IMG_RW, data, sizeof data, 0);
    img_put_pointer(&builder, at + 8, at);
    return img_finish(&builder);
}

static void write(uint8_t *at, uint64_t value)
{
    DWORD before;
    VirtualProtect(at, sizeof value, PAGE_READWRITE, &before);
    memcpy(at, &value, sizeof value);
    VirtualProtect(at, sizeof value, before, &before);
}

static void relocate_as_the_kernel(const ldr__native_place *place)
{
    uint8_t *base = (uint8_t *)(uintptr_t)place->base;
    uint32_t nt;
    memcpy(&nt, base + 0x3C, sizeof nt);
    write(base + nt + 24 + 24, CHOSEN); /* ImageBase */
    write(base + DATA_RVA + 8, CHOSEN + DATA_RVA);
}

static void make_file(char *path)
{
    img_image image = make_image();
    char folder[MAX_PATH];
    GetTempPathA(sizeof folder, folder);
    GetTempFileNameA(folder, "pel", 0, path);
    FILE *file = fopen(path, "wb");
    if (file != NULL) {
        fwrite(image.bytes, 1, image.size, file);
        fclose(file);
    }
    img_free(&image);
}

static void check_refused(const char *path, uint32_t nt_status, ldr_status expected)
{
    ldr_section_options options = {.size = sizeof options, .profile = PE_WIN7};
    ldr_section *section = NULL;
    ldr_diag diag = {0};
    faults_create_gives(nt_status);
    CHECK(ldr_section_from_file(path, &options, &section, &diag) == expected);
    CHECK(diag.why.nt_status == nt_status && section == NULL);
    faults_create_gives(0);
    ldr_section_close(section);
}

/* STATUS_INVALID_IMAGE_HASH, STATUS_SYSTEM_INTEGRITY_POLICY_VIOLATION and
 * STATUS_ACCESS_DISABLED_BY_POLICY_DEFAULT: a copy would be what they forbid, also of images for
 * another Windows. */
void systems_image_that_is_not_trusted_is_refused(void)
{
    char path[MAX_PATH];
    make_file(path);
    check_refused(path, 0xC0000428, LDR_ACCESS_DENIED);
    check_refused(path, 0xC0E90002, LDR_ACCESS_DENIED);
    check_refused(path, 0xC0000361, LDR_ACCESS_DENIED);
    check_refused(path, PE_NT_COMMITMENT_LIMIT, LDR_NO_MEMORY);
    DeleteFileA(path);
}

/* As one is that has not got the base, which a view before it has. */
void systems_view_elsewhere_is_relocated_from_the_kernels_base(void)
{
    char path[MAX_PATH];
    ldr_section *section = NULL;
    ldr_view *view = NULL;
    ldr_control_area area;
    uint64_t pointer;
    make_file(path);
    REQUIRE(ldr_section_from_file(path, NULL, &section, NULL) == LDR_OK);
    faults_after_map(relocate_as_the_kernel);
    ldr_status status = ldr_view_map(section, NULL, &view, NULL);
    faults_after_map(NULL);
    REQUIRE(status == LDR_OK);
    CHECK(ldr_view_relocate(view, NULL) == LDR_OK);
    uint8_t *data = (uint8_t *)ldr_view_base(view) + DATA_RVA;
    memcpy(&pointer, data + 8, sizeof pointer);
    CHECK(pointer == (uintptr_t)data);
    ldr_section_describe(section, &area);
    CHECK(area.segment_base == CHOSEN);
    ldr_view_unmap(view);
    ldr_section_close(section);
    DeleteFileA(path);
}

/* It would have no more room than the image itself. */
void systems_image_is_not_copied_where_its_base_is_taken(void)
{
    char path[MAX_PATH];
    void *taken = VirtualAlloc(NULL, 0x10000, MEM_RESERVE, PAGE_NOACCESS);
    ldr_view_options options = {.size = sizeof options, .base = (uintptr_t)taken};
    ldr_section *section = NULL;
    ldr_view *view = NULL;
    make_file(path);
    REQUIRE(ldr_section_from_file(path, NULL, &section, NULL) == LDR_OK);
    faults_held before = faults_holds();
    CHECK(ldr_view_map(section, &options, &view, NULL) == LDR_ADDRESS_BUSY);
    faults_held after = faults_holds();
    CHECK(memcmp(&before, &after, sizeof before) == 0);
    ldr_section_close(section);
    VirtualFree(taken, 0, MEM_RELEASE);
    DeleteFileA(path);
}
