#include "layouts.h"

#include <criterion/criterion.h>

/* RVAs in an image with .text at 0x1000, .rdata at 0x2000 and .reloc after it. */
enum { CONFIG = 0x2000, METADATA = 0x2200, ACCESSES = 0x2240, RANGES = 0x2260 };

static img_image with_metadata(img_kind kind)
{
    static const uint32_t size = 328, accesses[] = {0x1004, 0x1008}, ranges[] = {0x1000, 0x20};
    static const uint32_t metadata[] = {24, 0x80038002, ACCESSES, 8, RANGES, 8};
    img_builder builder;
    img_start(&builder, kind);
    img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0);
    img_add_section(&builder, ".rdata", IMG_RO, NULL, 0x400, 0x1000);
    img_put(&builder, CONFIG, &size, sizeof size);
    img_put_pointer(&builder, CONFIG + (kind == IMG_PE32 ? 160 : 256), METADATA);
    img_put(&builder, METADATA, metadata, sizeof metadata);
    img_put(&builder, ACCESSES, accesses, sizeof accesses);
    img_put(&builder, RANGES, ranges, sizeof ranges);
    img_set_directory(&builder, PE_DIRECTORY_LOAD_CONFIG, CONFIG, size);
    return img_finish(&builder);
}

static layouts metadata_with(uint32_t offset, uint32_t value)
{
    img_image file = with_metadata(IMG_PE32_PLUS);
    img_set_u32(&file, img_offset_of(&file, METADATA + offset), value);
    return layouts_open(file);
}

static pe_status try_metadata(const pe_image *image, pe_volatile *ret_volatile)
{
    pe_load_config config;
    cr_assert_eq(pe_load_config_open(image, &config), PE_OK);
    return pe_volatile_open(image, &config, ret_volatile);
}

static pe_volatile open_metadata(const pe_image *image)
{
    pe_volatile metadata;
    cr_assert_eq(try_metadata(image, &metadata), PE_OK);
    return metadata;
}

static pe_status walk_accesses(const pe_image *image, uint32_t *ret_count)
{
    pe_volatile metadata = open_metadata(image);
    pe_volatile_iter iter;
    pe_rva instruction;
    pe_volatile_accesses(image, &metadata, &iter);
    for (*ret_count = 0; pe_volatile_access_next(&iter, &instruction) == PE_OK; ++*ret_count)
        continue;
    cr_expect_eq(pe_volatile_access_next(&iter, &instruction), iter.status);
    return iter.status;
}

Test(volatile_metadata, tables_are_told_in_both_layouts)
{
    static const img_kind kinds[] = {IMG_PE32, IMG_PE32_PLUS};
    for (int i = 0; i < 2 * LAYOUT_COUNT; i++) {
        layouts both = layouts_open(with_metadata(kinds[i / 2]));
        pe_volatile metadata = open_metadata(&both.image[i % 2]);
        pe_volatile_iter iter;
        pe_volatile_range range;
        pe_rva instruction;
        cr_expect_eq(metadata.at.value, METADATA);
        cr_expect_eq(metadata.minimum_version, 0x8002);
        cr_expect_eq(metadata.maximum_version, 0x8003);
        pe_volatile_accesses(&both.image[i % 2], &metadata, &iter);
        cr_assert_eq(pe_volatile_access_next(&iter, &instruction), PE_OK);
        cr_assert_eq(pe_volatile_access_next(&iter, &instruction), PE_OK);
        cr_expect_eq(instruction.value, 0x1008);
        cr_expect_eq(pe_volatile_access_next(&iter, &instruction), PE_END);
        pe_volatile_ranges(&both.image[i % 2], &metadata, &iter);
        cr_assert_eq(pe_volatile_range_next(&iter, &range), PE_OK);
        cr_expect_eq(range.at.value, RANGES);
        cr_expect_eq(range.rva.value, 0x1000);
        cr_expect_eq(range.size, 0x20);
        cr_expect_eq(pe_volatile_range_next(&iter, &range), PE_END);
        layouts_close(&both);
    }
}

Test(volatile_metadata, size_below_the_fields_is_bad_format)
{
    static const uint32_t sizes[] = {0, 23};
    for (size_t i = 0; i < 2; i++) {
        layouts both = metadata_with(0, sizes[i]);
        pe_volatile metadata = {.size = 7};
        cr_expect_eq(try_metadata(&both.image[0], &metadata), PE_BAD_FORMAT);
        cr_expect_eq(metadata.size, 7);
        layouts_close(&both);
    }
}

Test(volatile_metadata, pointer_outside_the_image_is_out_of_bounds)
{
    static const uint64_t addresses[] = {0x400000 + 0x3FF0, 1};
    for (size_t i = 0; i < 2; i++) {
        img_image file = with_metadata(IMG_PE32_PLUS);
        img_set_u64(&file, img_offset_of(&file, CONFIG + 256), addresses[i]);
        layouts both = layouts_open(file);
        pe_volatile metadata;
        cr_expect_eq(try_metadata(&both.image[0], &metadata), PE_OUT_OF_BOUNDS);
        layouts_close(&both);
    }
}

Test(volatile_metadata, table_that_leaves_the_image_ends_the_walk)
{
    layouts both = metadata_with(12, 0xFFFFFFFF);
    uint32_t count;
    cr_expect_eq(walk_accesses(&both.image[0], &count), PE_OUT_OF_BOUNDS);
    cr_expect_leq(count, 0x2000 / 4);
    layouts_close(&both);
    both = metadata_with(8, 0xFFFFFFFC);
    cr_expect_eq(walk_accesses(&both.image[0], &count), PE_OUT_OF_BOUNDS);
    cr_expect_eq(count, 0);
    layouts_close(&both);
}

Test(volatile_metadata, rest_of_an_entry_is_left_out)
{
    layouts both = metadata_with(12, 7);
    uint32_t count;
    cr_expect_eq(walk_accesses(&both.image[0], &count), PE_END);
    cr_expect_eq(count, 1);
    layouts_close(&both);
}

Test(volatile_metadata, tables_may_be_absent)
{
    layouts both = metadata_with(8, 0);
    uint32_t count;
    cr_expect_eq(walk_accesses(&both.image[0], &count), PE_NOT_PRESENT);
    layouts_close(&both);
}
