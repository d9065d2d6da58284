/* Relocations that cost more than their file is worth, and a directory that changes itself. */
#include "section/fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PREFERRED UINT64_C(0x180000000)

enum { TEXT = 0x1000, RELOC = 0x3000, BLOCK_HEADER = 8 };

static void put_u16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static void put_u32(uint8_t *at, uint32_t value)
{
    put_u16(at, value & 0xFFFF);
    put_u16(at + 2, value >> 16);
}

/* A page-aligned image with two pages of code and `count` sections behind them, each of which shows
 * the `size` bytes at `table`; the relocation directory is all of them. */
static img_image image_with_directory(const uint8_t *table, uint32_t size, uint32_t count)
{
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.image_base = PREFERRED;
    b.file_alignment = b.header_size = 0x1000;
    img_add_section(&b, ".text", IMG_RX, NULL, 0x2000, 0);
    for (uint32_t i = 0; i < count; i++)
        img_add_section(&b, ".reloc", IMG_RO, i == 0 ? table : NULL, i == 0 ? size : 0, size);
    img_set_directory(&b, PE_DIRECTORY_BASE_RELOCATION, RELOC, size * count);
    img_image image = img_finish(&b);
    for (uint32_t i = 1; i <= count; i++) {
        img_set_section(&image, i, IMG_SCN_RAW, 0x3000);
        img_set_section(&image, i, IMG_SCN_RAW_SIZE, size);
    }
    return image;
}

static ldr_status relocate(const img_image *image, ldr_source source, ldr_diag *diag)
{
    ldr_section_options options = {.size = sizeof options, .source = source};
    ldr_view *view = fixture_view(fixture_section(image, &options), FIXTURE_BASE);
    ldr_status status = ldr_view_relocate(view, diag);
    fixture_expect_access(view);
    ldr_view_unmap(view);
    return status;
}

/* A block of one entry again and again, which crosses from the first page to the second one. */
static void fill_with_crossing_fixups(uint8_t *table, uint32_t size)
{
    put_u32(table, TEXT);
    put_u32(table + 4, size);
    for (uint32_t at = BLOCK_HEADER; at < size; at += 2)
        put_u16(table + at, PE_REL_DIR64 << 12 | 0xFFC);
}

Test(reloc_cost, fixups_that_cross_pages_are_quick, .timeout = 20)
{
    enum { SIZE = 0x80000 };
    ldr_diag diag = {0};
    uint8_t *table = malloc(SIZE);
    fill_with_crossing_fixups(table, SIZE);
    img_image image = image_with_directory(table, SIZE, 1);
    cr_expect_eq(relocate(&image, LDR_SOURCE_FILE_BACKED, &diag), LDR_OK);
    img_free(&image);
    free(table);
}

/* Blocks of one entry that go back and forth between pages of the file, shown many times. */
Test(reloc_cost, directory_that_shows_the_same_bytes_again_and_again_is_refused, .timeout = 20)
{
    enum { SIZE = 0x10000, COUNT = 80, BLOCK = 12 };
    ldr_diag diag = {0};
    uint8_t *table = calloc(1, SIZE);
    for (uint32_t at = 0; at + BLOCK <= SIZE; at += BLOCK) {
        put_u32(table + at, TEXT + (at / BLOCK % 2) * 0x1000);
        put_u32(table + at + 4, at + 2 * BLOCK > SIZE ? SIZE - at : BLOCK);
        put_u16(table + at + 8, PE_REL_DIR64 << 12 | 8);
    }
    img_image image = image_with_directory(table, SIZE, COUNT);
    cr_expect_eq(relocate(&image, LDR_SOURCE_FILE_BACKED, &diag), LDR_BAD_RELOCATIONS);
    cr_expect_str_eq(diag.why.rule, "S2");
    cr_expect_eq(diag.why.nt_status, PE_NT_INVALID_IMAGE_FORMAT);
    img_free(&image);
    free(table);
}

/* Rule D6: the first fixup adds to the entry of the second one, ABSOLUTE until then. The high half
 * of the delta makes a DIR64 at offset 0x10 of it. */
Test(reloc_cost, fixup_in_the_directory_changes_entries_behind_it, .timeout = 20)
{
    static const ldr_source sources[] = {LDR_SOURCE_FILE_BACKED, LDR_SOURCE_SNAPSHOT};
    const uint16_t high = (uint16_t)((FIXTURE_BASE - PREFERRED) >> 16);
    for (size_t i = 0; i < 2; i++) {
        uint8_t table[0x1000] = {0};
        put_u32(table, RELOC);
        put_u32(table + 4, 12);
        put_u16(table + 8, PE_REL_HIGH << 12 | 20);
        put_u32(table + 12, TEXT);
        put_u32(table + 16, 12);
        put_u16(table + 20, (uint16_t)((PE_REL_DIR64 << 12 | 0x10) - high));
        img_image image = image_with_directory(table, sizeof table, 1);
        img_set_u32(&image, img_directory_at(&image, PE_DIRECTORY_BASE_RELOCATION) + 4, 24);
        ldr_section_options options = {.size = sizeof options, .source = sources[i]};
        ldr_view *view = fixture_view(fixture_section(&image, &options), FIXTURE_BASE);
        ldr_diag diag;
        uint64_t value;
        cr_assert_eq(ldr_view_relocate(view, &diag), LDR_OK);
        memcpy(&value, (const char *)ldr_view_base(view) + TEXT + 0x10, sizeof value);
        cr_expect_eq(value, FIXTURE_BASE - PREFERRED, "source %zu: %lx", i, (long)value);
        ldr_view_unmap(view);
        img_free(&image);
    }
}
