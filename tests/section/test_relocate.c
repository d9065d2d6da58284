/* Base relocations: what they change, what they leave, and which are refused. */
#include "section/fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BASE      FIXTURE_BASE
#define PREFERRED UINT64_C(0x180000000)
#define DELTA     (BASE - PREFERRED)

enum { TEXT = 0x1000, RDATA = 0x3000, DATA = 0x5000 };

/* .text of two pages, .rdata of two, .data of one; all content, all zeros. */
static void start(img_builder *b, img_kind kind)
{
    img_start(b, kind);
    b->image_base = PREFERRED;
    b->characteristics |= PE_FILE_DLL;
    cr_assert_eq(img_add_section(b, ".text", IMG_RX, NULL, 0x2000, 0), (uint32_t)TEXT);
    cr_assert_eq(img_add_section(b, ".rdata", IMG_RO, NULL, 0x2000, 0), (uint32_t)RDATA);
    cr_assert_eq(img_add_section(b, ".data", IMG_RW, NULL, 0x200, 0x1000), (uint32_t)DATA);
}

static ldr_view *view_of(img_builder *b, uint64_t base)
{
    img_image image = img_finish(b);
    ldr_view *view = fixture_view(fixture_section(&image, NULL), base);
    img_free(&image);
    return view;
}

static uint64_t value_at(const ldr_view *view, uint32_t rva, size_t width)
{
    uint64_t value = 0;
    memcpy(&value, (const uint8_t *)ldr_view_base(view) + rva, width);
    return value;
}

static ldr_backing backing_at(const ldr_view *view, uint32_t rva)
{
    ldr_region region;
    cr_assert_eq(ldr_view_query(view, rva, &region), LDR_OK);
    return region.backing;
}

/* ---- What they change ---- */

Test(relocate, pointers_in_code_constants_and_data_follow_the_base)
{
    img_builder b;
    start(&b, IMG_PE32_PLUS);
    img_put_pointer(&b, TEXT + 0x10, DATA);
    img_put_pointer(&b, RDATA + 0x1008, TEXT + 4);
    img_put_pointer(&b, DATA + 0x1F8, RDATA);
    ldr_view *view = view_of(&b, BASE);
    fixture_expect_relocated(view);
    cr_assert_eq(value_at(view, TEXT + 0x10, 8), BASE + DATA);
    cr_assert_eq(value_at(view, RDATA + 0x1008, 8), BASE + TEXT + 4);
    cr_assert_eq(value_at(view, DATA + 0x1F8, 8), BASE + RDATA);
    ldr_view_unmap(view);
}

Test(relocate, every_byte_that_no_fixup_names_stays)
{
    img_builder b;
    start(&b, IMG_PE32_PLUS);
    for (uint32_t at = TEXT; at < DATA; at += 24)
        img_put_pointer(&b, at, DATA + at % 0x100);
    img_image image = img_finish(&b);
    pe_image parsed;
    cr_assert_eq(pe_open((pe_span){image.bytes, image.size}, PE_LAYOUT_FILE, &parsed, NULL), PE_OK);
    pe_span expected = img_map(&parsed);
    for (uint32_t at = TEXT; at < DATA; at += 24) {
        uint64_t pointer = BASE + DATA + at % 0x100;
        memcpy((uint8_t *)expected.data + at, &pointer, sizeof pointer);
    }
    ldr_view *view = fixture_view(fixture_section(&image, NULL), BASE);
    fixture_expect_relocated(view);
    fixture_expect_bytes(view, expected);
    ldr_view_unmap(view);
    free((void *)expected.data);
    img_free(&image);
}

Test(relocate, highlow_adds_the_low_half_of_the_delta)
{
    img_builder b;
    start(&b, IMG_PE32);
    b.image_base = 0x10000000;
    img_put_pointer(&b, DATA, TEXT);
    ldr_view *view = view_of(&b, BASE);
    fixture_expect_relocated(view);
    cr_assert_eq(value_at(view, DATA, 8), BASE + TEXT);
    ldr_view_unmap(view);
}

Test(relocate, high_and_low_add_sixteen_bits_each)
{
    static const uint16_t words[] = {0x1234, 0x8000, 0x5678, 0x9999};
    img_builder b;
    start(&b, IMG_PE32);
    b.image_base = 0x10000000;
    img_put(&b, DATA, words, sizeof words);
    img_add_reloc(&b, DATA, PE_REL_HIGH);
    img_add_reloc(&b, DATA + 4, PE_REL_LOW);
    ldr_view *view = view_of(&b, BASE + 0x340000);
    fixture_expect_relocated(view);
    cr_assert_eq(value_at(view, DATA, 2), 0x1234 + 0x1034u);
    cr_assert_eq(value_at(view, DATA + 2, 2), 0x8000u);
    cr_assert_eq(value_at(view, DATA + 4, 2), 0x5678u);
    ldr_view_unmap(view);
}

Test(relocate, fixup_may_cross_pages_and_sections)
{
    img_builder b;
    start(&b, IMG_PE32_PLUS);
    static const uint64_t value = PREFERRED + 0x1234;
    img_put(&b, TEXT + 0xFFD, &value, sizeof value);
    img_add_reloc(&b, TEXT + 0xFFD, PE_REL_DIR64);
    img_put(&b, RDATA - 3, &value, 3);
    img_put(&b, RDATA, (const uint8_t *)&value + 3, 5);
    img_add_reloc(&b, RDATA - 3, PE_REL_DIR64);
    ldr_view *view = view_of(&b, BASE);
    fixture_expect_relocated(view);
    cr_assert_eq(value_at(view, TEXT + 0xFFD, 8), BASE + 0x1234);
    cr_assert_eq(value_at(view, RDATA - 3, 8), BASE + 0x1234);
    ldr_view_unmap(view);
}

Test(relocate, section_without_access_is_relocated_and_stays_so)
{
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.image_base = PREFERRED;
    uint32_t none = img_add_section(&b, ".none", PE_SCN_CNT_INITIALIZED_DATA, NULL, 0x200, 0x1000);
    img_put_pointer(&b, none, none);
    ldr_view *view = view_of(&b, BASE);
    fixture_expect_relocated(view);
    cr_assert_eq(backing_at(view, none), LDR_BACKING_PRIVATE);
    ldr_view_unmap(view);
}

Test(relocate, pages_with_fixups_are_private_and_keep_their_protection)
{
    img_builder b;
    start(&b, IMG_PE32_PLUS);
    img_put_pointer(&b, TEXT + 0x1000, DATA);
    ldr_view *view = view_of(&b, BASE);
    fixture_expect_relocated(view);
    ldr_region region;
    cr_assert_eq(ldr_view_query(view, TEXT + 0x1000, &region), LDR_OK);
    cr_assert_eq(region.backing, LDR_BACKING_PRIVATE);
    cr_assert_eq(region.protect, LDR_PAGE_EXECUTE_READ);
    cr_assert_eq(backing_at(view, TEXT), LDR_BACKING_SEGMENT);
    cr_assert_eq(backing_at(view, RDATA), LDR_BACKING_SEGMENT);
    ldr_view_unmap(view);
}

Test(relocate, second_call_changes_nothing)
{
    img_builder b;
    start(&b, IMG_PE32_PLUS);
    img_put_pointer(&b, DATA, TEXT);
    ldr_view *view = view_of(&b, BASE);
    fixture_expect_relocated(view);
    fixture_expect_relocated(view);
    cr_assert_eq(value_at(view, DATA, 8), BASE + TEXT);
    ldr_view_unmap(view);
}

Test(relocate, view_at_its_preferred_base_is_left_alone)
{
    img_builder b;
    start(&b, IMG_PE32_PLUS);
    b.image_base = BASE;
    img_put_pointer(&b, DATA, TEXT);
    ldr_view *view = view_of(&b, 0);
    fixture_expect_relocated(view);
    cr_assert_eq(value_at(view, DATA, 8), BASE + TEXT);
    cr_assert_eq(backing_at(view, DATA), LDR_BACKING_SEGMENT);
    ldr_view_unmap(view);
}

Test(relocate, two_views_are_relocated_independently)
{
    img_builder b;
    start(&b, IMG_PE32_PLUS);
    img_put_pointer(&b, RDATA, TEXT);
    img_image image = img_finish(&b);
    ldr_section *section = fixture_section(&image, NULL);
    ldr_diag diag;
    ldr_view *first, *second;
    ldr_view_options options = {.size = sizeof options, .base = BASE};
    cr_assert_eq(ldr_view_map(section, &options, &first, &diag), LDR_OK);
    options.base = BASE + 0x100000;
    cr_assert_eq(ldr_view_map(section, &options, &second, &diag), LDR_OK);
    fixture_expect_relocated(first);
    fixture_expect_relocated(second);
    cr_assert_eq(value_at(first, RDATA, 8), BASE + TEXT);
    cr_assert_eq(value_at(second, RDATA, 8), BASE + 0x100000 + TEXT);
    ldr_view_unmap(first);
    ldr_view_unmap(second);
    ldr_section_close(section);
    img_free(&image);
}

Test(relocate, header_keeps_the_base_of_the_file)
{
    img_builder b;
    start(&b, IMG_PE32_PLUS);
    img_put_pointer(&b, DATA, TEXT);
    ldr_view *view = view_of(&b, BASE);
    fixture_expect_relocated(view);
    cr_assert_eq(value_at(view, 0x80 + 24 + 24, 8), PREFERRED);
    ldr_view_unmap(view);
}

/* ---- Without relocations: the table of D.1 ---- */

static void expect_no_directory(uint16_t characteristics, uint64_t base, ldr_status status)
{
    img_builder b;
    ldr_diag diag = {0};
    start(&b, IMG_PE32_PLUS);
    b.image_base = BASE;
    b.characteristics |= characteristics;
    ldr_view *view = view_of(&b, base);
    cr_assert_eq(ldr_view_relocate(view, &diag), status);
    if (status != LDR_OK) {
        cr_assert_eq(diag.status, status);
        cr_assert_eq(diag.why.nt_status, PE_NT_CONFLICTING_ADDRESSES);
    }
    ldr_view_unmap(view);
}

Test(relocate, fixed_image_is_refused_away_from_its_base)
{
    expect_no_directory(PE_FILE_RELOCS_STRIPPED, BASE + 0x10000, LDR_NOT_RELOCATABLE);
}

Test(relocate, fixed_image_is_fine_at_its_base)
{
    expect_no_directory(PE_FILE_RELOCS_STRIPPED, 0, LDR_OK);
}

Test(relocate, image_without_directory_that_is_not_stripped_is_left_as_it_is)
{
    expect_no_directory(0, BASE + 0x10000, LDR_OK);
}

Test(relocate, directory_of_a_stripped_image_is_used)
{
    img_builder b;
    start(&b, IMG_PE32_PLUS);
    b.characteristics |= PE_FILE_RELOCS_STRIPPED;
    img_put_pointer(&b, DATA, TEXT);
    ldr_view *view = view_of(&b, BASE);
    fixture_expect_relocated(view);
    cr_assert_eq(value_at(view, DATA, 8), BASE + TEXT);
    ldr_view_unmap(view);
}

/* ---- Broken ones ---- */

/* The RVA of the first entry of the first block. */
static uint64_t first_entry(const ldr_view *view)
{
    return pe_directory_at(ldr_view_image(view), PE_DIRECTORY_BASE_RELOCATION).rva.value + 8;
}

static void expect_broken(ldr_view *view, const char *rule, uint64_t offset, uint64_t value,
                          uint64_t allowed)
{
    ldr_diag diag = {0};
    cr_assert_eq(ldr_view_relocate(view, &diag), LDR_BAD_RELOCATIONS);
    cr_assert_eq(diag.status, LDR_BAD_RELOCATIONS);
    cr_assert_eq(diag.why.nt_status, PE_NT_INVALID_IMAGE_FORMAT);
    cr_assert_str_eq(diag.why.rule, rule);
    cr_assert_eq(diag.why.offset, offset);
    cr_assert_eq(diag.why.value, value);
    cr_assert_eq(diag.why.allowed, allowed);
    fixture_expect_access(view);
    ldr_view_unmap(view);
}

Test(relocate, unknown_types_are_refused)
{
    static const uint16_t types[] = {5, 6, 7, 8, 9, 11, 12, 13, 14, 15};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        img_builder b;
        start(&b, IMG_PE32_PLUS);
        img_add_reloc(&b, TEXT + 8, PE_REL_DIR64);
        img_add_reloc(&b, TEXT + 16, types[i]);
        ldr_view *view = view_of(&b, BASE);
        expect_broken(view, "D8", first_entry(view) + 2, types[i], PE_REL_DIR64);
    }
}

Test(relocate, fixup_beyond_the_image_is_refused)
{
    img_builder b;
    start(&b, IMG_PE32_PLUS);
    img_add_reloc(&b, TEXT, PE_REL_DIR64);
    img_image image = img_finish(&b);
    uint64_t size = img_get_u32(&image, img_at(&image, IMG_SIZE_OF_IMAGE));
    uint32_t directory =
        img_get_u32(&image, img_directory_at(&image, PE_DIRECTORY_BASE_RELOCATION));
    img_set_u32(&image, img_offset_of(&image, directory), (uint32_t)size - 0x1000);
    img_set_u16(&image, img_offset_of(&image, directory) + 8, 0xAFF9);
    ldr_view *view = fixture_view(fixture_section(&image, NULL), BASE);
    expect_broken(view, "D4", first_entry(view), size - 7, size);
    img_free(&image);
}

Test(relocate, fixup_far_beyond_the_image_is_refused)
{
    img_builder b;
    start(&b, IMG_PE32_PLUS);
    img_add_reloc(&b, TEXT, PE_REL_DIR64);
    img_image image = img_finish(&b);
    uint32_t directory =
        img_get_u32(&image, img_directory_at(&image, PE_DIRECTORY_BASE_RELOCATION));
    uint64_t size = img_get_u32(&image, img_at(&image, IMG_SIZE_OF_IMAGE));
    img_set_u32(&image, img_offset_of(&image, directory), 0xFFFFF000);
    ldr_view *view = fixture_view(fixture_section(&image, NULL), BASE);
    expect_broken(view, "D4", first_entry(view), 0xFFFFF000, size);
    img_free(&image);
}

Test(relocate, fixup_in_a_gap_is_refused)
{
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.image_base = PREFERRED;
    b.section_alignment = 0x4000;
    img_add_section(&b, ".data", IMG_RW, NULL, 0x200, 0x1000);
    img_add_reloc(&b, 0x4008, PE_REL_DIR64);
    img_add_reloc(&b, 0x5008, PE_REL_DIR64);
    ldr_view *view = view_of(&b, BASE);
    expect_broken(view, "D9", 0x5008, 0x5008, 0x5000);
}

Test(relocate, block_smaller_than_its_header_is_refused)
{
    img_builder b;
    start(&b, IMG_PE32_PLUS);
    img_add_reloc(&b, TEXT, PE_REL_DIR64);
    img_image image = img_finish(&b);
    uint32_t directory =
        img_get_u32(&image, img_directory_at(&image, PE_DIRECTORY_BASE_RELOCATION));
    img_set_u32(&image, img_offset_of(&image, directory) + 4, 4);
    ldr_view *view = fixture_view(fixture_section(&image, NULL), BASE);
    expect_broken(view, "D3", directory + 4, 4, 8);
    img_free(&image);
}

/* An image that would like to be at PREFERRED is relocated in `limit` milliseconds of work. */
static void expect_quick(const img_image *image, long limit)
{
    fixture_occupy(PREFERRED, 0x1000);
    ldr_view *view = fixture_view(fixture_section(image, NULL), 0);
    ldr_diag diag;
    struct timespec start, end;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    cr_assert_eq(ldr_view_relocate(view, &diag), LDR_OK);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    long spent = (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000;
    cr_assert_lt(spent, limit, "%ld ms", spent);
    ldr_view_unmap(view);
}

/* 1.8 GiB of entries that no file holds: they say ABSOLUTE without being read. */
Test(relocate, block_of_zero_fill_costs_nothing, .timeout = 5)
{
    static const uint32_t block[] = {0x1000, 0x6FFFFFF0};
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.image_base = PREFERRED;
    img_add_section(&b, ".data", IMG_RW, NULL, 0x200, 0x1000);
    uint32_t table = img_add_section(&b, ".big", IMG_RO, block, sizeof block, 0x70000000);
    img_set_directory(&b, PE_DIRECTORY_BASE_RELOCATION, table, 0x6FFFFFF0);
    img_image image = img_finish(&b);
    expect_quick(&image, 200);
    img_free(&image);
}

/* Fixups go to and fro between thousands of sections that open together and one that does not. */
Test(relocate, fixups_between_long_runs_of_sections_are_quick, .timeout = 20)
{
    enum { SECTIONS = 8000, BLOCKS = 200000 };
    static uint32_t table[BLOCKS][3];
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.image_base = PREFERRED;
    b.header_size = 0x400 + 40 * SECTIONS;
    uint32_t many = img_add_section(&b, "many", IMG_RO, NULL, 0, 0x1000);
    for (int i = 1; i < SECTIONS; i++)
        img_add_section(&b, "many", IMG_RO, NULL, 0, 0x1000);
    uint32_t one = img_add_section(&b, ".data", IMG_RW, NULL, 0, 0x1000);
    for (int i = 0; i < BLOCKS; i++) {
        table[i][0] = i % 2 ? one : many;
        table[i][1] = sizeof table[i];
        table[i][2] = PE_REL_DIR64 << 12;
    }
    uint32_t directory = img_add_section(&b, "table", IMG_RO, table, sizeof table, sizeof table);
    img_set_directory(&b, PE_DIRECTORY_BASE_RELOCATION, directory, sizeof table);
    img_image image = img_finish(&b);
    expect_quick(&image, 500);
    img_free(&image);
}

Test(relocate, fixup_that_damages_the_headers_is_refused_since_windows_7)
{
    img_builder b;
    start(&b, IMG_PE32_PLUS);
    img_add_reloc(&b, 0x80, PE_REL_HIGHLOW);
    img_image image = img_finish(&b);
    ldr_view *view = fixture_view(fixture_section(&image, NULL), BASE);
    expect_broken(view, "A83", 0x80, DELTA, 0);
    ldr_section_options xp = {.size = sizeof xp, .profile = PE_WINXP};
    view = fixture_view(fixture_section(&image, &xp), BASE);
    fixture_expect_relocated(view);
    ldr_view_unmap(view);
    img_free(&image);
}

Test(relocate, fixup_elsewhere_in_the_headers_is_applied)
{
    img_builder b;
    start(&b, IMG_PE32_PLUS);
    img_add_reloc(&b, 0x80 + 24 + 24, PE_REL_DIR64);
    ldr_view *view = view_of(&b, BASE);
    fixture_expect_relocated(view);
    cr_assert_eq(value_at(view, 0x80 + 24 + 24, 8), BASE);
    ldr_view_unmap(view);
}
