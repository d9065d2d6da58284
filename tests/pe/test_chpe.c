#include "layouts.h"

#include <criterion/criterion.h>

/* RVAs in an image with .text at 0x1000, .rdata at 0x2000 and .reloc after it. */
enum { CONFIG = 0x2000, CHPE = 0x2200, TABLES = 0x2280, VERSION_1 = 20, VERSION_2 = 23 };

/* Two ranges, one entry point, one redirection. */
static const uint32_t tables[] = {0x1001, 0x10,   0x1022, 0x20,  0x1020,
                                  0x1040, 0x1008, 0x1020, 0x1004};

static img_image with_values(img_kind kind, const uint32_t *values, uint32_t count)
{
    static const uint32_t size = 328;
    img_builder builder;
    img_start(&builder, kind);
    img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0);
    img_add_section(&builder, ".rdata", IMG_RO, NULL, 0x400, 0x1000);
    img_put(&builder, CONFIG, &size, sizeof size);
    img_put_pointer(&builder, CONFIG + (kind == IMG_PE32 ? 124 : 200), CHPE);
    img_put(&builder, CHPE, values, count * sizeof *values);
    img_put(&builder, TABLES, tables, sizeof tables);
    img_set_directory(&builder, PE_DIRECTORY_LOAD_CONFIG, CONFIG, size);
    return img_finish(&builder);
}

static img_image arm64ec(uint32_t version)
{
    uint32_t values[VERSION_2] = {
        [PE_CHPE_VERSION] = version,
        [PE_CHPE_CODE_MAP] = TABLES,
        [PE_CHPE_CODE_MAP_COUNT] = 2,
        [PE_CHPE_CODE_RANGES_TO_ENTRY_POINTS] = TABLES + 16,
        [PE_CHPE_CODE_RANGES_TO_ENTRY_POINTS_COUNT] = 1,
        [PE_CHPE_REDIRECTION_METADATA] = TABLES + 28,
        [PE_CHPE_REDIRECTION_METADATA_COUNT] = 1,
        [PE_CHPE_AUXILIARY_IAT_COPY] = 0x1234,
        [PE_CHPE_HYBRID_IMAGE_INFO_BITFIELD] = 0x5678,
    };
    return with_values(IMG_PE32_PLUS, values, VERSION_2);
}

static img_image x86(uint32_t version)
{
    uint32_t values[] = {version, TABLES, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    return with_values(IMG_PE32, values, PE_CHPE_X86_VALUE_COUNT);
}

static layouts arm64ec_with(pe_chpe_arm64ec_field field, uint32_t value)
{
    img_image file = arm64ec(1);
    img_set_u32(&file, img_offset_of(&file, CHPE) + 4 * (uint64_t)field, value);
    return layouts_open(file);
}

static pe_status try_chpe(const pe_image *image, pe_chpe *ret_chpe)
{
    pe_load_config config;
    cr_assert_eq(pe_load_config_open(image, &config), PE_OK);
    return pe_chpe_open(image, &config, ret_chpe);
}

static pe_chpe open_chpe(const pe_image *image)
{
    pe_chpe chpe;
    cr_assert_eq(try_chpe(image, &chpe), PE_OK);
    return chpe;
}

Test(chpe, values_are_told_with_names_in_both_layouts)
{
    layouts both = layouts_open(arm64ec(1));
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_chpe chpe = open_chpe(&both.image[l]);
        cr_expect_eq(chpe.at.value, CHPE);
        cr_expect_not(chpe.is_x86);
        cr_expect_eq(chpe.count, VERSION_1);
        cr_expect_eq(chpe.values[PE_CHPE_CODE_MAP_COUNT], 2);
        cr_expect_eq(chpe.values[PE_CHPE_AUXILIARY_IAT_COPY], 0x1234);
        cr_expect_str_eq(pe_chpe_value_name(&chpe, 1), "CODE_MAP");
        cr_expect_str_eq(pe_chpe_value_name(&chpe, VERSION_2 - 1), "HYBRID_IMAGE_INFO_BITFIELD");
        cr_expect_null(pe_chpe_value_name(&chpe, VERSION_2));
        cr_expect_null(pe_chpe_value_name(&chpe, 0xFFFFFFFF));
    }
    layouts_close(&both);
}

Test(chpe, later_version_has_more_values)
{
    static const uint32_t cases[][2] = {{0, VERSION_1}, {1, VERSION_1}, {2, VERSION_2}, {~0u, 23}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        layouts both = layouts_open(arm64ec(cases[i][0]));
        pe_chpe chpe = open_chpe(&both.image[0]);
        cr_expect_eq(chpe.count, cases[i][1]);
        cr_expect_eq(chpe.values[PE_CHPE_HYBRID_IMAGE_INFO_BITFIELD],
                     cases[i][1] == VERSION_2 ? 0x5678 : 0);
        layouts_close(&both);
    }
}

Test(chpe, x86_has_fields_of_its_own)
{
    static const uint32_t counts[] = {10, 10, 11, 12, 12};
    for (uint32_t version = 0; version < 5; version++) {
        layouts both = layouts_open(x86(version));
        pe_chpe chpe = open_chpe(&both.image[0]);
        cr_expect(chpe.is_x86);
        cr_expect_eq(chpe.count, counts[version]);
        cr_expect_str_eq(pe_chpe_value_name(&chpe, 10), "COMPILER_IAT");
        cr_expect_null(pe_chpe_value_name(&chpe, 12));
        layouts_close(&both);
    }
}

Test(chpe, ranges_have_kinds)
{
    layouts both = layouts_open(arm64ec(1));
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_chpe chpe = open_chpe(&both.image[l]);
        pe_chpe_iter iter;
        pe_chpe_range range;
        pe_chpe_ranges(&both.image[l], &chpe, &iter);
        cr_assert_eq(pe_chpe_range_next(&iter, &range), PE_OK);
        cr_expect_eq(range.at.value, TABLES);
        cr_expect_eq(range.start.value, 0x1000);
        cr_expect_eq(range.length, 0x10);
        cr_expect_eq(range.kind, PE_CHPE_RANGE_ARM64EC);
        cr_assert_eq(pe_chpe_range_next(&iter, &range), PE_OK);
        cr_expect_eq(range.start.value, 0x1020);
        cr_expect_eq(range.kind, PE_CHPE_RANGE_AMD64);
        cr_expect_eq(pe_chpe_range_next(&iter, &range), PE_END);
        cr_expect_eq(pe_chpe_range_next(&iter, &range), PE_END);
    }
    cr_expect_str_eq(pe_chpe_range_name(PE_CHPE_RANGE_AMD64), "AMD64");
    cr_expect_null(pe_chpe_range_name(3));
    layouts_close(&both);
}

Test(chpe, ranges_of_x86_are_native_or_not)
{
    layouts both = layouts_open(x86(1));
    pe_chpe chpe = open_chpe(&both.image[0]);
    pe_chpe_iter iter;
    pe_chpe_range range;
    pe_chpe_entry_point entry_point;
    pe_chpe_redirection redirection;
    pe_chpe_ranges(&both.image[0], &chpe, &iter);
    cr_assert_eq(pe_chpe_range_next(&iter, &range), PE_OK);
    cr_expect_eq(range.kind, PE_CHPE_RANGE_ARM64);
    cr_assert_eq(pe_chpe_range_next(&iter, &range), PE_OK);
    cr_expect_eq(range.start.value, 0x1022);
    cr_expect_eq(range.kind, PE_CHPE_RANGE_X86);
    pe_chpe_entry_points(&both.image[0], &chpe, &iter);
    cr_expect_eq(pe_chpe_entry_point_next(&iter, &entry_point), PE_NOT_PRESENT);
    pe_chpe_redirections(&both.image[0], &chpe, &iter);
    cr_expect_eq(pe_chpe_redirection_next(&iter, &redirection), PE_NOT_PRESENT);
    layouts_close(&both);
}

Test(chpe, entry_points_and_redirections_are_told)
{
    layouts both = layouts_open(arm64ec(1));
    pe_chpe chpe = open_chpe(&both.image[0]);
    pe_chpe_iter iter;
    pe_chpe_entry_point entry_point;
    pe_chpe_redirection redirection;
    pe_chpe_entry_points(&both.image[0], &chpe, &iter);
    cr_assert_eq(pe_chpe_entry_point_next(&iter, &entry_point), PE_OK);
    cr_expect_eq(entry_point.start.value, 0x1020);
    cr_expect_eq(entry_point.end.value, 0x1040);
    cr_expect_eq(entry_point.entry_point.value, 0x1008);
    cr_expect_eq(pe_chpe_entry_point_next(&iter, &entry_point), PE_END);
    pe_chpe_redirections(&both.image[0], &chpe, &iter);
    cr_assert_eq(pe_chpe_redirection_next(&iter, &redirection), PE_OK);
    cr_expect_eq(redirection.at.value, TABLES + 28);
    cr_expect_eq(redirection.source.value, 0x1020);
    cr_expect_eq(redirection.destination.value, 0x1004);
    cr_expect_eq(pe_chpe_redirection_next(&iter, &redirection), PE_END);
    layouts_close(&both);
}

Test(chpe, count_beyond_the_image_ends_the_walk)
{
    layouts both = arm64ec_with(PE_CHPE_CODE_MAP_COUNT, 0xFFFFFFFF);
    pe_chpe chpe = open_chpe(&both.image[0]);
    pe_chpe_iter iter;
    pe_chpe_range range;
    uint32_t count = 0;
    pe_chpe_ranges(&both.image[0], &chpe, &iter);
    while (pe_chpe_range_next(&iter, &range) == PE_OK)
        count++;
    cr_expect_eq(iter.status, PE_OUT_OF_BOUNDS);
    cr_expect_leq(count, 0x2000 / 8);
    cr_expect_eq(pe_chpe_range_next(&iter, &range), PE_OUT_OF_BOUNDS);
    layouts_close(&both);
}

Test(chpe, table_outside_the_image_is_out_of_bounds)
{
    layouts both = arm64ec_with(PE_CHPE_CODE_RANGES_TO_ENTRY_POINTS, 0xFFFFFFF8);
    pe_chpe chpe = open_chpe(&both.image[0]);
    pe_chpe_iter iter;
    pe_chpe_entry_point entry_point = {.at = {7}};
    pe_chpe_entry_points(&both.image[0], &chpe, &iter);
    cr_expect_eq(pe_chpe_entry_point_next(&iter, &entry_point), PE_OUT_OF_BOUNDS);
    cr_expect_eq(entry_point.at.value, 7);
    layouts_close(&both);
}

Test(chpe, metadata_that_leave_the_image_are_out_of_bounds)
{
    static const uint64_t addresses[] = {0x400000 + 0x3FFD, 0x400000 + 0x3FB4, 0x500000, 1};
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        img_image file = arm64ec(1);
        img_set_u64(&file, img_offset_of(&file, CONFIG + 200), addresses[i]);
        layouts both = layouts_open(file);
        pe_chpe chpe = {.count = 7};
        cr_expect_eq(try_chpe(&both.image[0], &chpe), PE_OUT_OF_BOUNDS);
        cr_expect_eq(chpe.count, 7);
        layouts_close(&both);
    }
}

Test(chpe, image_without_the_pointer_has_none)
{
    img_image file = arm64ec(1);
    img_set_u64(&file, img_offset_of(&file, CONFIG + 200), 0);
    layouts both = layouts_open(file);
    pe_chpe chpe;
    cr_expect_eq(try_chpe(&both.image[0], &chpe), PE_NOT_PRESENT);
    layouts_close(&both);
}
