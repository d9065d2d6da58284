#include "layouts.h"
#include "leaves.h"

#include <criterion/criterion.h>

/* One resource, built as img_add_resource says: offsets from the root. */
enum {
    ROOT = 0,
    TYPE_TABLE = 24,
    NAME_TABLE = 48,
    DATA_ENTRY = 72,
    DATA = 88,
    FIRST_ENTRY = 16, /* from a table */
    ID_COUNT = 14,
    OFFSET_FIELD = 4, /* from an entry */
};

#define TOP_BIT 0x80000000u

static img_image with_one(uint64_t *ret_root)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0);
    img_add_resource(&builder, (img_name){NULL, PE_RT_RCDATA}, (img_name){NULL, 7}, 0x409, "bytes",
                     5);
    uint32_t rva = 0x2000;
    img_image image = img_finish(&builder);
    *ret_root = img_offset_of(&image, rva);
    return image;
}

static img_image with_three(void)
{
    img_builder builder;
    img_name config = {"CONFIG", 0}, first = {"FIRST", 0}, icon = {NULL, PE_RT_ICON};
    img_start(&builder, IMG_PE32);
    img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0);
    img_add_resource(&builder, config, first, 0x409, "one", 3);
    img_add_resource(&builder, icon, (img_name){NULL, 1}, 0x409, "two", 3);
    img_add_resource(&builder, icon, (img_name){NULL, 1}, 0x407, "three", 5);
    return img_finish(&builder);
}

/* The walk ends with `status` after `count` leaves, in both layouts. */
static void expect_walk(img_image image, uint32_t count, pe_status status, uint32_t problem)
{
    layouts both = layouts_open(image);
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        uint32_t leaves = 0;
        pe_resource_walk walk;
        pe_resource_item item;
        pe_resource_walk_start(&both.image[l], &walk);
        while (pe_resource_walk_next(&walk, &item) == PE_OK)
            leaves++;
        cr_expect_eq(leaves, count, "%u leaves", leaves);
        cr_expect_eq(walk.status, status, "status %d", walk.status);
        cr_expect_eq(pe_resource_walk_next(&walk, &item), status);
        if (status != PE_END && status != PE_NOT_PRESENT)
            cr_expect_eq(walk.problem.value, problem, "problem at %#x", walk.problem.value);
    }
    layouts_close(&both);
}

Test(resources, entries_are_told_with_their_fields)
{
    uint64_t root;
    layouts both = layouts_open(with_one(&root));
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_resource_iter types;
        pe_resource_entry type;
        pe_resources(&both.image[l], &types);
        cr_expect_eq(types.directory.at.value, 0x2000);
        cr_expect_eq(types.directory.named_count, 0);
        cr_expect_eq(types.directory.id_count, 1);
        cr_assert_eq(pe_resource_next(&types, &type), PE_OK);
        cr_expect_eq(type.at.value, 0x2000 + FIRST_ENTRY);
        cr_expect_eq(type.id.number, PE_RT_RCDATA);
        cr_expect_not(type.id.is_named);
        cr_expect(type.is_directory);
        cr_expect_eq(type.target.value, 0x2000 + TYPE_TABLE);
        cr_expect_eq(type.offset_field, TOP_BIT | TYPE_TABLE);
        cr_expect_eq(pe_resource_next(&types, &type), PE_END);
        cr_expect_eq(pe_resource_next(&types, &type), PE_END);
    }
    layouts_close(&both);
}

Test(resources, directory_is_no_leaf_and_leaf_no_directory)
{
    uint64_t root;
    layouts both = layouts_open(with_one(&root));
    pe_resource_iter level;
    pe_resource_entry entry;
    pe_resource_leaf leaf;
    pe_resources(&both.image[0], &level);
    cr_assert_eq(pe_resource_next(&level, &entry), PE_OK);
    cr_expect_eq(pe_resource_leaf_open(&both.image[0], &entry, &leaf), PE_BAD_FORMAT);
    while (entry.is_directory) {
        pe_resource_children(&both.image[0], &entry, &level);
        cr_assert_eq(pe_resource_next(&level, &entry), PE_OK);
    }
    cr_assert_eq(pe_resource_leaf_open(&both.image[0], &entry, &leaf), PE_OK);
    cr_expect_eq(leaf.entry.value, 0x2000 + DATA_ENTRY);
    pe_resource_children(&both.image[0], &entry, &level);
    cr_expect_eq(pe_resource_next(&level, &entry), PE_BAD_FORMAT);
    layouts_close(&both);
}

Test(resources, walk_tells_leaves_with_their_paths)
{
    layouts both = layouts_open(with_three());
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_resource_walk walk;
        pe_resource_item item;
        pe_resource_walk_start(&both.image[l], &walk);
        cr_assert_eq(pe_resource_walk_next(&walk, &item), PE_OK);
        cr_expect_eq(item.depth, 3);
        cr_expect(item.path[0].is_named && utf16_is(&item.path[0].name, "CONFIG"));
        cr_expect(item.path[1].is_named && utf16_is(&item.path[1].name, "FIRST"));
        cr_expect_eq(item.path[2].number, 0x409);
        cr_expect(span_is(item.leaf.bytes, "one"));
        cr_assert_eq(pe_resource_walk_next(&walk, &item), PE_OK);
        cr_expect_eq(item.path[0].number, PE_RT_ICON);
        cr_expect_eq(item.path[2].number, 0x409);
        cr_expect(span_is(item.leaf.bytes, "two"));
        cr_assert_eq(pe_resource_walk_next(&walk, &item), PE_OK);
        cr_expect_eq(item.path[1].number, 1);
        cr_expect_eq(item.path[2].number, 0x407);
        cr_expect_eq(item.leaf.size, 5);
        cr_expect(span_is(item.leaf.bytes, "three"));
        cr_expect_eq(pe_resource_walk_next(&walk, &item), PE_END);
    }
    layouts_close(&both);
}

Test(resources, borrowed_bytes_know_where_they_lie)
{
    uint64_t root;
    layouts both = layouts_open(with_one(&root));
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_resource_walk walk;
        pe_resource_item item;
        pe_resource_walk_start(&both.image[l], &walk);
        cr_assert_eq(pe_resource_walk_next(&walk, &item), PE_OK);
        uint64_t expected = both.image[l].layout == PE_LAYOUT_FILE ? root + DATA : 0x2000 + DATA;
        cr_expect_eq(item.leaf.rva.value, 0x2000 + DATA);
        cr_expect_eq(pe_offset_of_span(&both.image[l], item.leaf.bytes).value, expected);
    }
    layouts_close(&both);
}

Test(resources, types_have_the_names_of_windows)
{
    cr_expect_str_eq(pe_resource_type_name(PE_RT_ICON), "RT_ICON");
    cr_expect_str_eq(pe_resource_type_name(24), "RT_MANIFEST");
    cr_expect_null(pe_resource_type_name(0));
    cr_expect_null(pe_resource_type_name(13));
    cr_expect_null(pe_resource_type_name(240));
}

Test(resources, image_without_directory_has_none)
{
    expect_walk(img_plain(IMG_PE32), 0, PE_NOT_PRESENT, 0);
}

/* Rule R1. */
Test(resources, size_of_the_directory_is_ignored)
{
    uint64_t root;
    img_image image = with_one(&root);
    img_set_directory_entry(&image, PE_DIRECTORY_RESOURCE, 0x2000, 0);
    expect_walk(image, 1, PE_END, 0);
}

Test(resources, directory_outside_the_image_is_out_of_bounds)
{
    static const uint32_t outside[] = {0x20000000, 0xFFFFFFF0, 0xFFFFFFFF};
    for (size_t i = 0; i < 3; i++) {
        uint64_t root;
        img_image image = with_one(&root);
        img_set_directory_entry(&image, PE_DIRECTORY_RESOURCE, outside[i], 0x100);
        expect_walk(image, 0, PE_OUT_OF_BOUNDS, outside[i]);
    }
}

/* Rule R3: every level may be its own child or name a level above it. */
Test(resources, directory_that_holds_itself_is_not_entered_again)
{
    static const struct {
        uint32_t table, target;
    } loops[] = {{ROOT, ROOT}, {TYPE_TABLE, ROOT}, {TYPE_TABLE, TYPE_TABLE}, {NAME_TABLE, ROOT}};
    for (size_t i = 0; i < sizeof loops / sizeof loops[0]; i++) {
        uint64_t root;
        img_image image = with_one(&root);
        img_set_u32(&image, root + loops[i].table + FIRST_ENTRY + OFFSET_FIELD,
                    loops[i].target | TOP_BIT);
        expect_walk(image, 0, PE_BAD_FORMAT, 0x2000 + loops[i].target);
    }
}

/* Rule R3: tables of 0x1F0 entries each, all of which name the next table, would be walked for
 * millions of entries. */
Test(resources, directories_that_are_shared_do_not_multiply)
{
    enum { COUNT = 0x1F0, TABLES = 4, SIZE = 16 + 8 * COUNT };
    img_builder builder;
    img_start(&builder, IMG_PE32);
    uint32_t rsrc = img_add_section(&builder, ".rsrc", IMG_RO, NULL, TABLES * SIZE + 16, 0x10000);
    img_set_directory(&builder, PE_DIRECTORY_RESOURCE, rsrc, TABLES * SIZE);
    img_image image = img_finish(&builder);
    for (uint32_t t = 0; t < TABLES; t++) {
        uint64_t table = img_offset_of(&image, rsrc + t * SIZE);
        uint32_t target = t + 1 < TABLES ? ((t + 1) * SIZE) | TOP_BIT : TABLES * SIZE;
        img_set_u16(&image, table + ID_COUNT, COUNT);
        for (uint32_t i = 0; i < COUNT; i++)
            img_set_u32(&image, table + 16 + 8 * (uint64_t)i + OFFSET_FIELD, target);
    }
    layouts both = layouts_open(image);
    uint32_t leaves = 0;
    pe_resource_walk walk;
    pe_resource_item item;
    pe_resource_walk_start(&both.image[0], &walk);
    while (pe_resource_walk_next(&walk, &item) == PE_OK)
        leaves++;
    cr_expect_eq(walk.status, PE_BAD_FORMAT);
    cr_expect_lt(leaves, 0x10000 / 8);
    layouts_close(&both);
}

/* Rule R4. */
Test(resources, directories_below_the_depth_limit_are_left_out)
{
    enum { LEVELS = PE_RESOURCE_DEPTH + 1, TABLE = 24 };
    for (uint32_t levels = PE_RESOURCE_DEPTH; levels <= LEVELS; levels++) {
        img_builder builder;
        img_start(&builder, IMG_PE32);
        uint32_t rsrc = img_add_section(&builder, ".rsrc", IMG_RO, NULL, 0x200, 0x1000);
        img_set_directory(&builder, PE_DIRECTORY_RESOURCE, rsrc, 0x200);
        img_image image = img_finish(&builder);
        for (uint32_t l = 0; l < levels; l++) {
            uint64_t table = img_offset_of(&image, rsrc + l * TABLE);
            uint32_t below = (l + 1) * TABLE | (l + 1 < levels ? TOP_BIT : 0);
            img_set_u16(&image, table + ID_COUNT, 1);
            img_set_u32(&image, table + FIRST_ENTRY + OFFSET_FIELD, below);
        }
        bool fits = levels == PE_RESOURCE_DEPTH;
        expect_walk(image, fits, fits ? PE_END : PE_BAD_FORMAT, rsrc + PE_RESOURCE_DEPTH * TABLE);
    }
}

Test(resources, count_of_65535_entries_ends_with_the_section)
{
    uint64_t root;
    img_image image = with_one(&root);
    img_set_u16(&image, root + ID_COUNT, 0xFFFF);
    img_set_u16(&image, root + ID_COUNT - 2, 0xFFFF);
    layouts both = layouts_open(image);
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        uint32_t count = 0;
        pe_resource_iter iter;
        pe_resource_entry entry;
        pe_resources(&both.image[l], &iter);
        while (pe_resource_next(&iter, &entry) == PE_OK)
            count++;
        cr_expect_eq(iter.status, PE_OUT_OF_BOUNDS);
        cr_expect_eq(count, (0x1000 - FIRST_ENTRY) / 8);
        cr_expect_eq(pe_resource_next(&iter, &entry), PE_OUT_OF_BOUNDS);
    }
    layouts_close(&both);
}

Test(resources, name_beyond_the_end_fails_the_name_only)
{
    static const uint32_t fields[] = {TOP_BIT | 0x0FFF, TOP_BIT | 0x7FFFFFFF, TOP_BIT | 0x1000};
    for (size_t i = 0; i < 3; i++) {
        uint64_t root;
        img_image image = with_one(&root);
        img_set_u32(&image, root + FIRST_ENTRY, fields[i]);
        layouts both = layouts_open(image);
        for (int l = 0; l < LAYOUT_COUNT; l++) {
            pe_resource_walk walk;
            pe_resource_item item;
            pe_resource_walk_start(&both.image[l], &walk);
            cr_assert_eq(pe_resource_walk_next(&walk, &item), PE_OK);
            cr_expect(item.path[0].is_named);
            cr_expect_eq(item.path[0].name_status, PE_OUT_OF_BOUNDS);
            cr_expect_eq(item.path[0].name.length, 0);
            cr_expect(span_is(item.leaf.bytes, "bytes"));
        }
        layouts_close(&both);
    }
}

Test(resources, name_longer_than_the_section_is_out_of_bounds)
{
    uint64_t root;
    img_image image = with_one(&root);
    img_set_u32(&image, root + FIRST_ENTRY, TOP_BIT | DATA);
    img_set_u16(&image, root + DATA, 0xFFFF);
    layouts both = layouts_open(image);
    pe_resource_iter iter;
    pe_resource_entry entry;
    pe_resources(&both.image[0], &iter);
    cr_assert_eq(pe_resource_next(&iter, &entry), PE_OK);
    cr_expect_eq(entry.id.name_status, PE_OUT_OF_BOUNDS);
    layouts_close(&both);
}

Test(resources, leaf_outside_the_image_has_no_bytes)
{
    static const struct {
        uint32_t rva, size;
    } outside[] = {{0x20000000, 5}, {0xFFFFFFFF, 5}, {0x2FFC, 5}, {0x2000, 0xFFFFFFFF}};
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        uint64_t root;
        img_image image = with_one(&root);
        img_set_u32(&image, root + DATA_ENTRY, outside[i].rva);
        img_set_u32(&image, root + DATA_ENTRY + 4, outside[i].size);
        layouts both = layouts_open(image);
        for (int l = 0; l < LAYOUT_COUNT; l++) {
            pe_resource_walk walk;
            pe_resource_item item;
            pe_resource_walk_start(&both.image[l], &walk);
            cr_assert_eq(pe_resource_walk_next(&walk, &item), PE_OK);
            cr_expect_eq(item.leaf.status, PE_OUT_OF_BOUNDS);
            cr_expect_eq(item.leaf.rva.value, outside[i].rva);
            cr_expect_eq(item.leaf.size, outside[i].size);
            cr_expect_eq(item.leaf.bytes.size, 0);
            cr_expect_eq(pe_resource_walk_next(&walk, &item), PE_END);
        }
        layouts_close(&both);
    }
}

Test(resources, leaf_without_bytes_may_lie_anywhere)
{
    uint64_t root;
    img_image image = with_one(&root);
    img_set_u32(&image, root + DATA_ENTRY, 0xFFFFFFFF);
    img_set_u32(&image, root + DATA_ENTRY + 4, 0);
    layouts both = layouts_open(image);
    pe_resource_walk walk;
    pe_resource_item item;
    pe_resource_walk_start(&both.image[0], &walk);
    cr_assert_eq(pe_resource_walk_next(&walk, &item), PE_OK);
    cr_expect_eq(item.leaf.status, PE_OK);
    layouts_close(&both);
}

Test(resources, data_entry_outside_the_image_is_left_out)
{
    uint64_t root;
    img_image image = with_one(&root);
    img_set_u32(&image, root + NAME_TABLE + FIRST_ENTRY + OFFSET_FIELD, 0x7FFFFFFF);
    expect_walk(image, 0, PE_OUT_OF_BOUNDS, 0x2000u + 0x7FFFFFFF);
}

Test(resources, broken_part_does_not_hide_the_others)
{
    img_image image = with_three();
    uint64_t root = img_offset_of(&image, 0x2000);
    img_set_u32(&image, root + FIRST_ENTRY + OFFSET_FIELD, 0x10000 | TOP_BIT);
    expect_walk(image, 2, PE_OUT_OF_BOUNDS, 0x12000);
}

/* The leaf is all `size` bytes of a section, of which `stored` are in the file. */
static layouts with_leaf_in(uint32_t characteristics, uint32_t stored, uint32_t size)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    uint32_t data = img_add_section(&builder, ".data", characteristics, NULL, stored, size);
    img_add_resource(&builder, (img_name){NULL, PE_RT_RCDATA}, (img_name){NULL, 7}, 0x409, "bytes",
                     5);
    img_image image = img_finish(&builder);
    uint64_t entry = img_offset_of(&image, 0x2000) + DATA_ENTRY;
    img_set_u32(&image, entry, data);
    img_set_u32(&image, entry + 4, size);
    return layouts_open(image);
}

static pe_resource_leaf first_leaf(const pe_image *image)
{
    pe_resource_walk walk;
    pe_resource_item item;
    pe_resource_walk_start(image, &walk);
    cr_assert_eq(pe_resource_walk_next(&walk, &item), PE_OK);
    return item.leaf;
}

Test(resources, leaf_in_zero_fill_is_stored_in_memory_only)
{
    layouts both = with_leaf_in(IMG_RO, 0x200, 0x300);
    pe_resource_leaf in_file = first_leaf(&both.image[0]), in_memory = first_leaf(&both.image[1]);
    cr_expect_eq(in_file.status, PE_OK);
    cr_expect_eq(in_file.size, 0x300);
    cr_expect_eq(in_file.bytes.size, 0x200);
    cr_expect_eq(in_memory.status, PE_OK);
    cr_expect_eq(in_memory.bytes.size, 0x300);
    layouts_close(&both);
}

Test(resources, leaf_in_a_section_without_access_is_unreadable_in_memory)
{
    layouts both = with_leaf_in(PE_SCN_CNT_INITIALIZED_DATA, 0x200, 0x200);
    cr_expect_eq(first_leaf(&both.image[0]).status, PE_OK);
    pe_resource_leaf leaf = first_leaf(&both.image[1]);
    cr_expect_eq(leaf.status, PE_UNREADABLE);
    cr_expect_eq(leaf.bytes.size, 0);
    layouts_close(&both);
}
