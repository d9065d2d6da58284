#include "layouts.h"

#include <criterion/criterion.h>
#include <string.h>

/* .text: one byte 'A' per byte, 0x180 of them in a page; .data: "end" and zero fill. */
static img_image lettered(img_kind kind)
{
    img_builder builder;
    uint8_t letters[0x1000];
    memset(letters, 'A', sizeof letters);
    img_start(&builder, kind);
    img_add_section(&builder, ".text", IMG_RX, letters, sizeof letters, 0);
    img_add_section(&builder, ".data", IMG_RW, "end", 4, 0x1800);
    return img_finish(&builder);
}

static pe_rva rva(uint32_t value)
{
    return (pe_rva){value};
}

Test(read, both_layouts_give_the_same_bytes)
{
    layouts both = layouts_open(lettered(IMG_PE32));
    uint32_t value[LAYOUT_COUNT];
    static const uint32_t places[] = {0,      0x3C,   0x1FF,  0x1000, 0x1FFC,
                                      0x1FFE, 0x2000, 0x21FE, 0x2200, 0x3FFC};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        for (int l = 0; l < LAYOUT_COUNT; l++)
            cr_assert_eq(pe_read_u32(&both.image[l], rva(places[i]), &value[l]), PE_OK);
        cr_expect_eq(value[0], value[1], "at %x", places[i]);
    }
    layouts_close(&both);
}

Test(read, range_may_cross_sections)
{
    layouts both = layouts_open(lettered(IMG_PE32));
    uint32_t value;
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        cr_assert_eq(pe_read_u32(&both.image[l], rva(0x1FFE), &value), PE_OK);
        cr_expect_eq(value, 'A' | 'A' << 8 | 'e' << 16 | 'n' << 24);
    }
    layouts_close(&both);
}

Test(read, zero_fill_reads_as_zeros)
{
    layouts both = layouts_open(lettered(IMG_PE32));
    uint64_t value;
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        cr_assert_eq(pe_read_u64(&both.image[l], rva(0x3000), &value), PE_OK);
        cr_expect_eq(value, 0);
    }
    layouts_close(&both);
}

Test(read, beyond_the_image_is_out_of_bounds)
{
    layouts both = layouts_open(lettered(IMG_PE32));
    uint8_t untouched[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const uint32_t places[] = {0x3FFD, 0x4000, 0x10000, 0x7FFFFFFF, 0xFFFFFFF8, 0xFFFFFFFF};
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
            cr_expect_eq(pe_read(&both.image[l], rva(places[i]), untouched, 8), PE_OUT_OF_BOUNDS,
                         "at %x", places[i]);
            cr_expect_eq(untouched[0], 1);
        }
        cr_expect_eq(pe_read(&both.image[l], rva(0xFFFFFFFF), untouched, 0), PE_OK);
    }
    layouts_close(&both);
}

Test(read, gap_between_sections_is_out_of_bounds)
{
    img_builder builder;
    img_start(&builder, IMG_PE32);
    builder.section_alignment = 0x4000;
    img_add_section(&builder, ".text", IMG_RX, "x", 1, 0);
    img_add_section(&builder, ".data", IMG_RW, "y", 1, 0);
    layouts both = layouts_open(img_finish(&builder));
    uint16_t value;
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        cr_expect_eq(pe_read_u16(&both.image[l], rva(0x4FFE), &value), PE_OK);
        cr_expect_eq(pe_read_u16(&both.image[l], rva(0x5000), &value), PE_OUT_OF_BOUNDS);
        cr_expect_eq(pe_read_u16(&both.image[l], rva(0x7FFF), &value), PE_OUT_OF_BOUNDS);
        cr_expect_eq(pe_read_u16(&both.image[l], rva(0x8000), &value), PE_OK);
        cr_expect_eq(pe_tail(&both.image[l], rva(0x5000)).size, 0);
    }
    layouts_close(&both);
}

/* Rule B2. */
Test(read, headers_take_all_pages_up_to_the_first_section)
{
    img_builder builder;
    img_start(&builder, IMG_PE32);
    builder.section_alignment = 0x4000;
    img_add_section(&builder, ".text", IMG_RX, "x", 2, 0);
    layouts both = layouts_open(img_finish(&builder));
    uint16_t value;
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        cr_assert_eq(pe_read_u16(&both.image[l], rva(0x3FFF), &value), PE_OK);
        cr_expect_eq(value, 'x' << 8);
    }
    layouts_close(&both);
}

Test(read, section_without_access_is_unreadable_when_mapped)
{
    img_builder builder;
    uint16_t value = 7;
    pe_span string;
    img_start(&builder, IMG_PE32);
    img_add_section(&builder, ".text", IMG_RX, "x", 1, 0);
    img_add_section(&builder, ".none", PE_SCN_CNT_INITIALIZED_DATA, "secret", 6, 0);
    layouts both = layouts_open(img_finish(&builder));
    cr_expect_eq(pe_read_u16(&both.image[1], rva(0x2000), &value), PE_UNREADABLE);
    cr_expect_eq(pe_read_u16(&both.image[1], rva(0x1FFF), &value), PE_UNREADABLE);
    cr_expect_eq(value, 7);
    cr_expect_eq(pe_string(&both.image[1], rva(0x2000), &string), PE_UNREADABLE);
    cr_expect_eq(pe_tail(&both.image[1], rva(0x2000)).size, 0);
    cr_expect_eq(pe_read_u16(&both.image[0], rva(0x2000), &value), PE_OK);
    layouts_close(&both);
}

/* Rule B10: a pointer inside a sector means the sector. */
Test(read, raw_pointer_counts_from_its_sector)
{
    img_image image = lettered(IMG_PE32);
    img_set_section(&image, 1, IMG_SCN_RAW, 0x10);
    layouts both = layouts_open(image);
    uint16_t value;
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        cr_assert_eq(pe_read_u16(&both.image[l], rva(0x2000), &value), PE_OK);
        cr_expect_eq(value, 0x5A4D);
    }
    layouts_close(&both);
}

/* Rules B12 and B13: file bytes are visible up to the end of the last sector. */
Test(read, raw_data_is_read_in_whole_sectors)
{
    img_image image = lettered(IMG_PE32);
    img_set_section(&image, 0, IMG_SCN_RAW_SIZE, 0x201);
    layouts both = layouts_open(image);
    uint8_t bytes[2];
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        cr_assert_eq(pe_read(&both.image[l], rva(0x13FF), bytes, 2), PE_OK);
        cr_expect_eq(bytes[0], 'A');
        cr_expect_eq(bytes[1], 0);
    }
    layouts_close(&both);
}

/* Rule B12: never more than the pages of the virtual size. */
Test(read, raw_data_ends_with_the_pages_of_the_section)
{
    img_image image = lettered(IMG_PE32);
    img_set_section(&image, 0, IMG_SCN_RAW_SIZE, 0x1200);
    layouts both = layouts_open(image);
    uint8_t bytes[2];
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        cr_assert_eq(pe_read(&both.image[l], rva(0x1FFF), bytes, 2), PE_OK);
        cr_expect_eq(bytes[0], 'A');
        cr_expect_eq(bytes[1], 'e');
    }
    layouts_close(&both);
}

Test(read, raw_data_beyond_the_file_reads_as_zeros)
{
    img_image image = lettered(IMG_PE32);
    img_set_section(&image, 0, IMG_SCN_RAW, 0x10000);
    layouts both = layouts_open(image);
    uint16_t value;
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        cr_assert_eq(pe_read_u16(&both.image[l], rva(0x1000), &value), PE_OK);
        cr_expect_eq(value, 0);
    }
    layouts_close(&both);
}

/* Rule B4: Windows 7 and later clear the rest of the header page. */
Test(read, header_page_is_zero_after_the_headers)
{
    layouts both = layouts_open(lettered(IMG_PE32));
    uint8_t value[0x200];
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        cr_assert_eq(pe_read(&both.image[l], rva(0x200), value, sizeof value), PE_OK);
        for (size_t i = 0; i < sizeof value; i++)
            cr_assert_eq(value[i], 0);
    }
    layouts_close(&both);
}

/* Rule B5: SizeOfHeaders may be smaller than the headers. */
Test(read, section_table_is_visible_beyond_size_of_headers)
{
    img_image image = lettered(IMG_PE32);
    img_set(&image, IMG_SIZE_OF_HEADERS, 1);
    layouts both = layouts_open(image);
    uint32_t value;
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        cr_assert_eq(pe_read_u32(&both.image[l], rva(0x80), &value), PE_OK);
        cr_expect_eq(value, 0x4550);
    }
    layouts_close(&both);
}

/* Rule B6: the table says where the headers end, but the first section comes first. */
Test(read, first_section_replaces_the_headers_from_its_start_on)
{
    img_builder builder;
    img_start(&builder, IMG_PE32);
    builder.lfanew = 0xF80;
    builder.header_size = 0x1200;
    img_add_section(&builder, ".text", IMG_RX, "text", 4, 0);
    img_image image = img_finish(&builder);
    img_set(&image, IMG_SIZE_OF_HEADERS, 0x1000);
    img_set_section(&image, 0, IMG_SCN_RVA, 0x1000);
    layouts both = layouts_open(image);
    uint32_t value;
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        cr_assert_eq(pe_read_u32(&both.image[l], rva(0xF80), &value), PE_OK);
        cr_expect_eq(value, 0x4550);
        cr_assert_eq(pe_read_u32(&both.image[l], rva(0x1000), &value), PE_OK);
        cr_expect_eq(value, 't' | 'e' << 8 | 'x' << 16 | 't' << 24);
    }
    layouts_close(&both);
}

/* Rule B11. */
Test(read, section_without_raw_pointer_is_zero_fill)
{
    img_image image = lettered(IMG_PE32);
    img_set_section(&image, 0, IMG_SCN_RAW, 0);
    layouts both = layouts_open(image);
    uint16_t value;
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        cr_assert_eq(pe_read_u16(&both.image[l], rva(0x1000), &value), PE_OK);
        cr_expect_eq(value, 0);
        cr_expect_eq(pe_tail(&both.image[0], rva(0x1000)).size, 0);
    }
    layouts_close(&both);
}

Test(read, flat_image_lies_in_memory_as_in_the_file)
{
    layouts both = layouts_open(img_plain(IMG_FLAT_PE32_PLUS));
    uint8_t bytes[0x600];
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        cr_assert_eq(pe_read(&both.image[l], rva(0), bytes, sizeof bytes), PE_OK);
        cr_expect_arr_eq(bytes, both.file.bytes, sizeof bytes);
        cr_expect_eq(pe_read(&both.image[l], rva(0xFFF), bytes, 1), PE_OK);
        cr_expect_eq(pe_read(&both.image[l], rva(0x1000), bytes, 1), PE_OUT_OF_BOUNDS);
    }
    layouts_close(&both);
}

Test(read, short_view_ends_what_can_be_read)
{
    layouts both = layouts_open(lettered(IMG_PE32));
    pe_image cut = pe_image_mapped(&both.image[0], (pe_span){both.mapped.data, 0x2100});
    uint8_t byte;
    cr_expect_eq(pe_read(&cut, rva(0x20FF), &byte, 1), PE_OK);
    cr_expect_eq(pe_read(&cut, rva(0x2100), &byte, 1), PE_OUT_OF_BOUNDS);
    cr_expect_eq(pe_tail(&cut, rva(0x2000)).size, 0x100);
    layouts_close(&both);
}

Test(read, pointer_has_the_width_of_the_image)
{
    for (int is_64 = 0; is_64 < 2; is_64++) {
        layouts both = layouts_open(lettered(is_64 ? IMG_PE32_PLUS : IMG_PE32));
        uint64_t value;
        cr_assert_eq(pe_read_pointer(&both.image[0], rva(0x1000), &value), PE_OK);
        cr_expect_eq(value, is_64 ? 0x4141414141414141u : 0x41414141u);
        layouts_close(&both);
    }
}

Test(section_of, finds_the_section_by_its_pages)
{
    layouts both = layouts_open(lettered(IMG_PE32));
    pe_section section;
    cr_expect_eq(pe_section_of(&both.image[0], rva(0xFFF), &section), PE_NOT_FOUND);
    cr_assert_eq(pe_section_of(&both.image[0], rva(0x1000), &section), PE_OK);
    cr_expect_str_eq(section.name, ".text");
    cr_assert_eq(pe_section_of(&both.image[0], rva(0x3FFF), &section), PE_OK);
    cr_expect_str_eq(section.name, ".data");
    cr_expect_eq(pe_section_of(&both.image[0], rva(0x4000), &section), PE_NOT_FOUND);
    layouts_close(&both);
}

Test(section_of, table_that_descends_is_searched_as_well)
{
    img_image image = lettered(IMG_PE32);
    img_set_section(&image, 0, IMG_SCN_RVA, 0x3000);
    img_set_section(&image, 1, IMG_SCN_RVA, 0x1000);
    layouts both = layouts_open(image);
    pe_section section;
    cr_assert_eq(pe_section_of(&both.image[0], rva(0x3000), &section), PE_OK);
    cr_expect_str_eq(section.name, ".text");
    cr_assert_eq(pe_section_of(&both.image[0], rva(0x2000), &section), PE_OK);
    cr_expect_str_eq(section.name, ".data");
    layouts_close(&both);
}

Test(section_of, table_beyond_the_headers_holds_nothing)
{
    img_image image = lettered(IMG_PE32);
    img_resize(&image, 0x178);
    layouts both = layouts_open(image);
    pe_section section;
    cr_expect_eq(pe_section_of(&both.image[0], rva(0x1000), &section), PE_NOT_FOUND);
    layouts_close(&both);
}

Test(string, ends_before_its_nul)
{
    layouts both = layouts_open(lettered(IMG_PE32));
    pe_span text;
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        cr_assert_eq(pe_string(&both.image[l], rva(0x2000), &text), PE_OK);
        cr_expect(span_is(text, "end"));
        cr_assert_eq(pe_string(&both.image[l], rva(0x3800), &text), PE_OK);
        cr_expect(span_is(text, ""), "zero fill is an empty string");
    }
    layouts_close(&both);
}

Test(string, may_end_where_zero_fill_begins)
{
    img_builder builder;
    uint8_t letters[0x200];
    memset(letters, 'B', sizeof letters);
    img_start(&builder, IMG_PE32);
    img_add_section(&builder, ".data", IMG_RW, letters, sizeof letters, 0);
    layouts both = layouts_open(img_finish(&builder));
    pe_span text;
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        cr_assert_eq(pe_string(&both.image[l], rva(0x11FE), &text), PE_OK);
        cr_expect(span_is(text, "BB"));
    }
    layouts_close(&both);
}

Test(string, without_nul_in_its_region_is_out_of_bounds)
{
    layouts both = layouts_open(lettered(IMG_PE32));
    pe_span text = {0};
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        cr_expect_eq(pe_string(&both.image[l], rva(0x1000), &text), PE_OUT_OF_BOUNDS);
        cr_expect_eq(pe_string(&both.image[l], rva(0x4000), &text), PE_OUT_OF_BOUNDS);
        cr_expect_null(text.data);
    }
    layouts_close(&both);
}

Test(va_to_rva, addresses_outside_the_image_are_out_of_bounds)
{
    layouts both = layouts_open(lettered(IMG_PE32_PLUS));
    pe_rva result;
    cr_assert_eq(pe_va_to_rva(&both.image[0], 0x10000000, 0x10000010, &result), PE_OK);
    cr_expect_eq(result.value, 0x10);
    cr_expect_eq(pe_va_to_rva(&both.image[0], 0x10000000, 0xFFFFFFF, &result), PE_OUT_OF_BOUNDS);
    cr_expect_eq(pe_va_to_rva(&both.image[0], 0x10000000, 0x10004000, &result), PE_OUT_OF_BOUNDS);
    cr_expect_eq(pe_va_to_rva(&both.image[0], UINT64_MAX, 0, &result), PE_OUT_OF_BOUNDS);
    layouts_close(&both);
}

/* Rule H2. Raw data at 0x220, as in images of xen: its sector would start at 0x200. */
Test(read, image_with_small_file_alignment_is_read_exactly)
{
    img_image image = lettered(IMG_PE32);
    img_set(&image, IMG_FILE_ALIGNMENT, 0x20);
    img_set_section(&image, 0, IMG_SCN_RAW, 0x220);
    img_set_section(&image, 0, IMG_SCN_RAW_SIZE, 0x20);
    layouts both = layouts_open(image);
    cr_expect_eq(both.image[0].placement, PE_PLACED_EXACTLY);
    pe_span tail = pe_tail(&both.image[0], rva(0x1000));
    cr_assert_eq(tail.size, 0x20);
    cr_expect_eq(pe_offset_of_span(&both.image[0], tail).value, 0x220);
    layouts_close(&both);
}

/* Rule H2. As in images of iPXE: SectionAlignment 0x20, and sections that lie elsewhere in memory.
 */
Test(read, flat_image_out_of_place_is_read_by_its_sections)
{
    img_image image = lettered(IMG_FLAT_PE32);
    img_set_section(&image, 1, IMG_SCN_RAW, 0x300);
    layouts both = layouts_open(image);
    pe_section section;
    cr_assert_eq(both.image[0].placement, PE_PLACED_EXACTLY);
    cr_assert_eq(pe_section_at(&both.image[0], 1, &section), PE_OK);
    pe_span tail = pe_tail(&both.image[0], section.rva);
    cr_assert_gt(tail.size, 0);
    cr_expect_eq(pe_offset_of_span(&both.image[0], tail).value, 0x300);
    layouts_close(&both);
}
