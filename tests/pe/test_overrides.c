#include "layouts.h"

#include <criterion/criterion.h>

/* RVAs in an image with .text at 0x1000 and .rdata at 0x2000: the table has one entry. */
enum { CONFIG = 0x2000, TABLE = 0x2200, FIXUPS = TABLE + 20, FIRST = FIXUPS + 4, FIXUPS_SIZE = 80 };

/* Two functions, the second with nothing; a diagram of two nodes that name each other. */
static const uint32_t table[] = {
    1,           FIXUPS_SIZE + 12, /* header */
    7,           0,
    FIXUPS_SIZE, /* entry */
    52,          /* bytes of overrides */
    0x1010,      0,
    8,           12,     /* original, diagram, sizes */
    0x1020,      0x1030, /* replacements */
    0x1000,      12,
    0x20081004, /* block */
    0x1040,      0,
    0,           0,  /* the second function */
    1,           16, /* diagram */
    1,           5,
    0x00010001,  6, /* nodes */
};

static img_image with_overrides(void)
{
    static const uint32_t size = 328;
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0);
    img_add_section(&builder, ".rdata", IMG_RO, NULL, 0x400, 0x1000);
    img_put(&builder, CONFIG, &size, sizeof size);
    img_put_pointer(&builder, CONFIG + 192, TABLE);
    img_put(&builder, TABLE, table, sizeof table);
    img_set_directory(&builder, PE_DIRECTORY_LOAD_CONFIG, CONFIG, size);
    return img_finish(&builder);
}

/* The same with one 32-bit field changed. */
static layouts overrides_with(uint32_t rva, uint32_t value)
{
    img_image file = with_overrides();
    img_set_u32(&file, img_offset_of(&file, rva), value);
    return layouts_open(file);
}

static pe_override_iter overrides_of(const pe_image *image)
{
    pe_load_config config;
    pe_dynamic_table found;
    pe_dynamic_iter entries;
    pe_dynamic_entry entry;
    pe_override_iter iter;
    cr_assert_eq(pe_load_config_open(image, &config), PE_OK);
    cr_assert_eq(pe_dynamic_table_open(image, &config, &found), PE_OK);
    pe_dynamic_entries(image, &found, &entries);
    cr_assert_eq(pe_dynamic_next(&entries, &entry), PE_OK);
    pe_overrides(image, &entry, &iter);
    return iter;
}

static pe_override next_override(pe_override_iter *iter)
{
    pe_override override = {0};
    cr_assert_eq(pe_override_next(iter, &override), PE_OK);
    return override;
}

static void expect_end(layouts both, pe_status status, uint32_t count)
{
    pe_override_iter iter = overrides_of(&both.image[0]);
    pe_override override;
    uint32_t found = 0;
    while (pe_override_next(&iter, &override) == PE_OK)
        found++;
    cr_expect_eq(iter.status, status);
    cr_expect_eq(pe_override_next(&iter, &override), status);
    cr_expect_eq(found, count);
    layouts_close(&both);
}

Test(overrides, functions_are_told_with_their_replacements)
{
    layouts both = layouts_open(with_overrides());
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_rva rva = {0};
        pe_override_iter iter = overrides_of(&both.image[l]);
        pe_override override = next_override(&iter);
        cr_expect_eq(override.at.value, FIRST);
        cr_expect_eq(override.original.value, 0x1010);
        cr_expect_eq(override.rvas.size, 8);
        cr_expect_eq(pe_override_rva(&both.image[l], &override, 1, &rva), PE_OK);
        cr_expect_eq(rva.value, 0x1030);
        cr_expect_eq(pe_override_rva(&both.image[l], &override, 2, &rva), PE_NOT_FOUND);
        override = next_override(&iter);
        cr_expect_eq(override.original.value, 0x1040);
        cr_expect_eq(pe_override_rva(&both.image[l], &override, 0, &rva), PE_NOT_FOUND);
        cr_expect_eq(pe_override_next(&iter, &override), PE_END);
        cr_expect_eq(pe_override_next(&iter, &override), PE_END);
    }
    layouts_close(&both);
}

Test(overrides, places_have_types)
{
    layouts both = layouts_open(with_overrides());
    pe_override_iter iter = overrides_of(&both.image[0]);
    pe_override override = next_override(&iter);
    pe_dynamic_block_iter blocks;
    pe_dynamic_block block;
    pe_dynamic_record_iter records;
    pe_dynamic_record record;
    pe_override_blocks(&both.image[0], &override, &blocks);
    cr_assert_eq(pe_dynamic_block_next(&blocks, &block), PE_OK);
    pe_dynamic_records(&both.image[0], &block, &records);
    cr_assert_eq(pe_dynamic_record_next(&records, &record), PE_OK);
    cr_expect_eq(record.target, 0x1004);
    cr_expect_eq(record.type, PE_OVERRIDE_X64_REL32);
    cr_assert_eq(pe_dynamic_record_next(&records, &record), PE_OK);
    cr_expect_eq(record.target, 0x1008);
    cr_expect_eq(record.type, PE_OVERRIDE_ARM64_BRANCH26);
    cr_expect_eq(pe_dynamic_record_next(&records, &record), PE_END);
    cr_expect_eq(pe_dynamic_block_next(&blocks, &block), PE_END);
    layouts_close(&both);
}

Test(overrides, diagram_has_nodes)
{
    layouts both = layouts_open(with_overrides());
    pe_override_iter iter = overrides_of(&both.image[0]);
    pe_bdd bdd;
    pe_bdd_node node;
    cr_assert_eq(pe_bdd_open(&iter, 0, &bdd), PE_OK);
    cr_expect_eq(bdd.version, 1);
    cr_expect_eq(bdd.nodes.size, 16);
    cr_assert_eq(pe_bdd_node_at(&both.image[0], &bdd, 0, &node), PE_OK);
    cr_expect_eq(node.left, 1);
    cr_expect_eq(node.right, 0);
    cr_expect_eq(node.value, 5);
    cr_assert_eq(pe_bdd_node_at(&both.image[0], &bdd, 1, &node), PE_OK);
    cr_expect_eq(node.value, 6);
    cr_expect_eq(pe_bdd_node_at(&both.image[0], &bdd, 2, &node), PE_NOT_FOUND);
    layouts_close(&both);
}

Test(overrides, diagram_that_leaves_the_fixups_is_out_of_bounds)
{
    layouts both = layouts_open(with_overrides());
    pe_override_iter iter = overrides_of(&both.image[0]);
    pe_bdd bdd = {.version = 7};
    cr_expect_eq(pe_bdd_open(&iter, 20, &bdd), PE_OUT_OF_BOUNDS);
    cr_expect_eq(pe_bdd_open(&iter, 0xFFFFFFFF, &bdd), PE_OUT_OF_BOUNDS);
    img_set_u32(&both.file, img_offset_of(&both.file, FIRST + 52 + 4), 17);
    cr_expect_eq(pe_bdd_open(&iter, 0, &bdd), PE_OUT_OF_BOUNDS);
    cr_expect_eq(bdd.version, 7);
    layouts_close(&both);
}

Test(overrides, entry_of_another_symbol_has_none)
{
    expect_end(overrides_with(TABLE + 8, 6), PE_NOT_FOUND, 0);
}

Test(overrides, size_that_leaves_the_fixups_is_out_of_bounds)
{
    expect_end(overrides_with(FIXUPS, FIXUPS_SIZE - 3), PE_OUT_OF_BOUNDS, 0);
    expect_end(overrides_with(FIXUPS, 0xFFFFFFFF), PE_OUT_OF_BOUNDS, 0);
}

Test(overrides, fixups_without_room_for_the_size_are_out_of_bounds)
{
    expect_end(overrides_with(TABLE + 16, 3), PE_OUT_OF_BOUNDS, 0);
}

Test(overrides, function_that_leaves_the_overrides_is_out_of_bounds)
{
    expect_end(overrides_with(FIXUPS, 51), PE_OUT_OF_BOUNDS, 1);
    expect_end(overrides_with(FIRST + 8, 0xFFFFFFFF), PE_OUT_OF_BOUNDS, 0);
    expect_end(overrides_with(FIRST + 12, 0xFFFFFFFF), PE_OUT_OF_BOUNDS, 0);
    expect_end(overrides_with(FIRST + 12, 29), PE_OUT_OF_BOUNDS, 0);
}
