#include "layouts.h"

#include <criterion/criterion.h>
#include <string.h>

/* RVAs in an image with .text at 0x1000, .rdata at 0x2000 and .reloc after it. */
enum { CONFIG = 0x2000, TABLE = 0x2200, ENTRIES = TABLE + 8, IMAGE_END = 0x4000 };

/* Offsets in the load configuration of PE32+. */
enum { TABLE_VA = 192, TABLE_OFFSET = 224, TABLE_SECTION = 228 };

/* What a table is made of, in 32-bit words: for PE32+ a symbol takes two. */
typedef struct words {
    const uint32_t *at;
    uint32_t count;
} words;

#define WORDS(...)                                                                          \
    (words)                                                                                 \
    {                                                                                       \
        (const uint32_t[]){__VA_ARGS__}, sizeof(uint32_t[]){__VA_ARGS__} / sizeof(uint32_t) \
    }

/* An image whose table has the version and the entries given; found by its address. */
static img_image with_table(img_kind kind, uint32_t version, words entries)
{
    static const uint32_t size = 328;
    uint32_t header[2] = {version, entries.count * 4};
    img_builder builder;
    img_start(&builder, kind);
    img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0);
    img_add_section(&builder, ".rdata", IMG_RO, NULL, 0x400, 0x1000);
    img_put(&builder, CONFIG, &size, sizeof size);
    img_put_pointer(&builder, CONFIG + (kind == IMG_PE32 ? 120 : TABLE_VA), TABLE);
    img_put(&builder, TABLE, header, sizeof header);
    img_put(&builder, ENTRIES, entries.at, entries.count * sizeof *entries.at);
    img_set_directory(&builder, PE_DIRECTORY_LOAD_CONFIG, CONFIG, size);
    return img_finish(&builder);
}

static pe_status open_table(const pe_image *image, pe_dynamic_table *ret_table)
{
    pe_load_config config;
    cr_assert_eq(pe_load_config_open(image, &config), PE_OK);
    return pe_dynamic_table_open(image, &config, ret_table);
}

static pe_dynamic_iter entries_of(const pe_image *image)
{
    pe_dynamic_table table;
    pe_dynamic_iter iter;
    cr_assert_eq(open_table(image, &table), PE_OK);
    pe_dynamic_entries(image, &table, &iter);
    return iter;
}

static pe_dynamic_entry first_entry(const pe_image *image)
{
    pe_dynamic_iter iter = entries_of(image);
    pe_dynamic_entry entry;
    cr_assert_eq(pe_dynamic_next(&iter, &entry), PE_OK);
    return entry;
}

/* What ends a walk along the entries; said twice. */
static pe_status walk_entries(const pe_image *image, uint32_t *ret_count)
{
    pe_dynamic_iter iter = entries_of(image);
    pe_dynamic_entry entry;
    for (*ret_count = 0; pe_dynamic_next(&iter, &entry) == PE_OK; ++*ret_count)
        continue;
    cr_expect_eq(pe_dynamic_next(&iter, &entry), iter.status);
    return iter.status;
}

static void expect_entries_end(img_image file, pe_status status, uint32_t count)
{
    layouts both = layouts_open(file);
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        uint32_t found;
        cr_expect_eq(walk_entries(&both.image[l], &found), status);
        cr_expect_eq(found, count);
    }
    layouts_close(&both);
}

/* The blocks of the first entry of `both`, and the records of the first of them. */
static pe_dynamic_block_iter blocks_of(const pe_image *image)
{
    pe_dynamic_entry entry = first_entry(image);
    pe_dynamic_block_iter iter;
    pe_dynamic_blocks(image, &entry, &iter);
    return iter;
}

static pe_dynamic_record_iter records_of(const pe_image *image)
{
    pe_dynamic_block_iter blocks = blocks_of(image);
    pe_dynamic_block block;
    pe_dynamic_record_iter iter;
    cr_assert_eq(pe_dynamic_block_next(&blocks, &block), PE_OK);
    pe_dynamic_records(image, &block, &iter);
    return iter;
}

static pe_dynamic_record next_record(pe_dynamic_record_iter *iter)
{
    pe_dynamic_record record = {0};
    cr_assert_eq(pe_dynamic_record_next(iter, &record), PE_OK);
    return record;
}

/* The first block's records are walked to the end, which is said twice. */
static void expect_records_end(words entries, pe_status status, uint32_t count)
{
    layouts both = layouts_open(with_table(IMG_PE32_PLUS, 1, entries));
    pe_dynamic_record_iter iter = records_of(&both.image[0]);
    pe_dynamic_record record;
    uint32_t found = 0;
    while (pe_dynamic_record_next(&iter, &record) == PE_OK)
        found++;
    cr_expect_eq(iter.status, status);
    cr_expect_eq(pe_dynamic_record_next(&iter, &record), status);
    cr_expect_eq(found, count);
    layouts_close(&both);
}

static void expect_blocks_end(words entries, pe_status status, uint32_t count)
{
    layouts both = layouts_open(with_table(IMG_PE32_PLUS, 1, entries));
    pe_dynamic_block_iter iter = blocks_of(&both.image[0]);
    pe_dynamic_block block;
    uint32_t found = 0;
    while (pe_dynamic_block_next(&iter, &block) == PE_OK)
        found++;
    cr_expect_eq(iter.status, status);
    cr_expect_eq(pe_dynamic_block_next(&iter, &block), status);
    cr_expect_eq(found, count);
    layouts_close(&both);
}

Test(dynamic_relocs, names_are_those_of_the_lists)
{
    cr_expect_str_eq(pe_dynamic_symbol_name(6), "ARM64X");
    cr_expect_null(pe_dynamic_symbol_name(0));
    cr_expect_null(pe_dynamic_symbol_name(UINT64_C(0x100000006)));
    cr_expect_str_eq(pe_arm64x_type_name(PE_ARM64X_DELTA), "DELTA");
    cr_expect_null(pe_arm64x_type_name(3));
    cr_expect_str_eq(pe_override_type_name(1), "X64_REL32");
    cr_expect_null(pe_override_type_name(4));
}

Test(dynamic_relocs, image_without_the_fields_has_no_table)
{
    layouts both = layouts_open(with_table(IMG_PE32_PLUS, 1, WORDS(0)));
    img_set_u32(&both.file, img_offset_of(&both.file, CONFIG), 192);
    pe_dynamic_table table = {.version = 7};
    cr_expect_eq(open_table(&both.image[0], &table), PE_NOT_PRESENT);
    cr_expect_eq(table.version, 7);
    layouts_close(&both);
}

Test(dynamic_relocs, table_is_found_by_address)
{
    layouts both = layouts_open(with_table(IMG_PE32_PLUS, 1, WORDS(3, 0, 0)));
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_dynamic_table table;
        cr_assert_eq(open_table(&both.image[l], &table), PE_OK);
        cr_expect_eq(table.at.value, TABLE);
        cr_expect_eq(table.version, 1);
        cr_expect_eq(table.entries.rva.value, ENTRIES);
        cr_expect_eq(table.entries.size, 12);
    }
    layouts_close(&both);
}

Test(dynamic_relocs, table_is_found_by_section_first)
{
    img_image file = with_table(IMG_PE32_PLUS, 1, WORDS(3, 0, 0));
    img_set_u64(&file, img_offset_of(&file, CONFIG + TABLE_VA), 1);
    img_set_u32(&file, img_offset_of(&file, CONFIG + TABLE_OFFSET), TABLE - CONFIG);
    img_set_u16(&file, img_offset_of(&file, CONFIG + TABLE_SECTION), 2);
    layouts both = layouts_open(file);
    pe_dynamic_table table;
    cr_assert_eq(open_table(&both.image[0], &table), PE_OK);
    cr_expect_eq(table.at.value, TABLE);
    layouts_close(&both);
}

Test(dynamic_relocs, table_outside_the_image_is_out_of_bounds)
{
    static const uint32_t cases[][2] = {
        {4, 0}, {0xFFFF, 0}, {3, 0x1000 - 7}, {2, 0xFFFFFFFF}, {1, 0xFFFFEFFC}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        img_image file = with_table(IMG_PE32_PLUS, 1, WORDS(0));
        img_set_u16(&file, img_offset_of(&file, CONFIG + TABLE_SECTION), (uint16_t)cases[i][0]);
        img_set_u32(&file, img_offset_of(&file, CONFIG + TABLE_OFFSET), cases[i][1]);
        layouts both = layouts_open(file);
        pe_dynamic_table table;
        cr_expect_eq(open_table(&both.image[0], &table), PE_OUT_OF_BOUNDS);
        layouts_close(&both);
    }
}

Test(dynamic_relocs, address_outside_the_image_is_out_of_bounds)
{
    img_image file = with_table(IMG_PE32_PLUS, 1, WORDS(0));
    img_set_u64(&file, img_offset_of(&file, CONFIG + TABLE_VA), 1);
    layouts both = layouts_open(file);
    pe_dynamic_table table;
    cr_expect_eq(open_table(&both.image[0], &table), PE_OUT_OF_BOUNDS);
    layouts_close(&both);
}

Test(dynamic_relocs, entries_of_version_1_follow_each_other)
{
    static const img_kind kinds[] = {IMG_PE32, IMG_PE32_PLUS};
    for (int k = 0; k < 2; k++) {
        words entries = k == 0 ? WORDS(4, 8, 1, 2, 0x7FFE0000, 0)
                               : WORDS(4, 0, 8, 1, 2, 0x7FFE0000, 0xFFFFF780, 0);
        layouts both = layouts_open(with_table(kinds[k], 1, entries));
        for (int l = 0; l < LAYOUT_COUNT; l++) {
            pe_dynamic_iter iter = entries_of(&both.image[l]);
            pe_dynamic_entry entry;
            cr_assert_eq(pe_dynamic_next(&iter, &entry), PE_OK);
            cr_expect_eq(entry.at.value, ENTRIES);
            cr_expect_eq(entry.symbol, PE_DYNAMIC_GUARD_INDIR_CONTROL_TRANSFER);
            cr_expect_eq(entry.header_size, k == 0 ? 8 : 12);
            cr_expect_eq(entry.fixups.rva.value, ENTRIES + entry.header_size);
            cr_expect_eq(entry.fixups.size, 8);
            cr_assert_eq(pe_dynamic_next(&iter, &entry), PE_OK);
            cr_expect_eq(entry.symbol,
                         k == 0 ? UINT64_C(0x7FFE0000) : UINT64_C(0xFFFFF7807FFE0000));
            cr_expect_eq(entry.fixups.size, 0);
            cr_expect_eq(pe_dynamic_next(&iter, &entry), PE_END);
            cr_expect_eq(pe_dynamic_next(&iter, &entry), PE_END);
        }
        layouts_close(&both);
    }
}

Test(dynamic_relocs, entries_of_version_2_have_group_and_flags)
{
    static const img_kind kinds[] = {IMG_PE32, IMG_PE32_PLUS};
    for (int k = 0; k < 2; k++) {
        words entries =
            k == 0 ? WORDS(24, 8, 1, 5, 6, 0xAA, 1, 2) : WORDS(28, 8, 1, 0, 5, 6, 0xAA, 1, 2);
        layouts both = layouts_open(with_table(kinds[k], 2, entries));
        pe_dynamic_iter iter = entries_of(&both.image[0]);
        pe_dynamic_entry entry;
        cr_assert_eq(pe_dynamic_next(&iter, &entry), PE_OK);
        cr_expect_eq(entry.symbol, PE_DYNAMIC_GUARD_RF_PROLOGUE);
        cr_expect_eq(entry.group, 5);
        cr_expect_eq(entry.flags, 6);
        cr_expect_eq(entry.fixups.rva.value, ENTRIES + (k == 0 ? 24u : 28u));
        cr_expect_eq(entry.fixups.size, 8);
        cr_expect_eq(pe_dynamic_next(&iter, &entry), PE_END);
        layouts_close(&both);
    }
}

Test(dynamic_relocs, unknown_version_is_bad_format)
{
    expect_entries_end(with_table(IMG_PE32_PLUS, 0, WORDS(3, 0, 0)), PE_BAD_FORMAT, 0);
    expect_entries_end(with_table(IMG_PE32_PLUS, 3, WORDS(3, 0, 0)), PE_BAD_FORMAT, 0);
}

Test(dynamic_relocs, header_size_below_the_header_is_bad_format)
{
    words none = WORDS(0, 0, 1, 0, 0, 0), short_one = WORDS(23, 0, 1, 0, 0, 0);
    expect_entries_end(with_table(IMG_PE32_PLUS, 2, none), PE_BAD_FORMAT, 0);
    expect_entries_end(with_table(IMG_PE32_PLUS, 2, short_one), PE_BAD_FORMAT, 0);
}

Test(dynamic_relocs, entry_that_leaves_the_table_is_out_of_bounds)
{
    words longer = WORDS(3, 0, 5, 0), huge = WORDS(3, 0, 0xFFFFFFFF, 0);
    words cut = WORDS(3, 0), header = WORDS(0xFFFFFFFF, 0xFFFFFFFF, 1, 0, 0, 0);
    expect_entries_end(with_table(IMG_PE32_PLUS, 1, longer), PE_OUT_OF_BOUNDS, 0);
    expect_entries_end(with_table(IMG_PE32_PLUS, 1, huge), PE_OUT_OF_BOUNDS, 0);
    expect_entries_end(with_table(IMG_PE32_PLUS, 1, cut), PE_OUT_OF_BOUNDS, 0);
    expect_entries_end(with_table(IMG_PE32_PLUS, 2, header), PE_OUT_OF_BOUNDS, 0);
}

Test(dynamic_relocs, table_size_beyond_the_image_ends_the_walk)
{
    img_image file = with_table(IMG_PE32, 1, WORDS(0));
    img_set_u32(&file, img_offset_of(&file, TABLE + 4), 0xFFFFFFFF);
    layouts both = layouts_open(file);
    uint32_t count;
    cr_expect_eq(walk_entries(&both.image[0], &count), PE_OUT_OF_BOUNDS);
    cr_expect_leq(count, (IMAGE_END - ENTRIES) / 8);
    layouts_close(&both);
}

Test(dynamic_relocs, import_transfer_names_its_slot)
{
    words entries = WORDS(3, 0, 16, 0x1000, 16, 0x00007123, 0xFFFFE004);
    layouts both = layouts_open(with_table(IMG_PE32_PLUS, 1, entries));
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_dynamic_record_iter iter = records_of(&both.image[l]);
        pe_dynamic_record record = next_record(&iter);
        cr_expect_eq(record.at.value, ENTRIES + 20);
        cr_expect_eq(record.size, 4);
        cr_expect_eq(record.target, 0x1123);
        cr_expect(record.is_call);
        cr_expect_eq(record.iat_index, 3);
        record = next_record(&iter);
        cr_expect_not(record.is_call);
        cr_expect_eq(record.iat_index, PE_DYNAMIC_NO_IAT_INDEX);
        cr_expect_eq(pe_dynamic_record_next(&iter, &record), PE_END);
    }
    layouts_close(&both);
}

Test(dynamic_relocs, import_transfer_of_arm64_counts_instructions)
{
    img_image file = with_table(IMG_PE32_PLUS, 1, WORDS(3, 0, 12, 0x1000, 12, 0xFFFF8402));
    img_set(&file, IMG_MACHINE, PE_MACHINE_ARM64);
    layouts both = layouts_open(file);
    pe_dynamic_record_iter iter = records_of(&both.image[0]);
    pe_dynamic_record record = next_record(&iter);
    cr_expect_eq(record.target, 0x1008);
    cr_expect(record.is_call && record.is_delay);
    cr_expect_eq(record.register_no, 16);
    cr_expect_eq(record.iat_index, PE_DYNAMIC_NO_IAT_INDEX_ARM64);
    layouts_close(&both);
}

Test(dynamic_relocs, indirect_transfer_has_its_bits)
{
    layouts both =
        layouts_open(with_table(IMG_PE32_PLUS, 1, WORDS(4, 0, 12, 0x1000, 12, 0x50042FFF)));
    pe_dynamic_record_iter iter = records_of(&both.image[0]);
    pe_dynamic_record record = next_record(&iter);
    cr_expect_eq(record.target, 0x1FFF);
    cr_expect(!record.is_call && record.has_rex_w && !record.has_cfg_check);
    record = next_record(&iter);
    cr_expect_eq(record.target, 0x1004);
    cr_expect(record.is_call && !record.has_rex_w && record.has_cfg_check);
    layouts_close(&both);
}

Test(dynamic_relocs, switchtable_branch_has_a_register)
{
    layouts both = layouts_open(with_table(IMG_PE32_PLUS, 1, WORDS(5, 0, 10, 0x1000, 10, 0xF010)));
    img_set_u32(&both.file, img_offset_of(&both.file, TABLE + 4), 22);
    pe_dynamic_record_iter iter = records_of(&both.image[0]);
    pe_dynamic_record record = next_record(&iter);
    cr_expect_eq(record.target, 0x1010);
    cr_expect_eq(record.register_no, 15);
    cr_expect_eq(pe_dynamic_record_next(&iter, &record), PE_END);
    layouts_close(&both);
}

Test(dynamic_relocs, address_has_records_as_base_relocations)
{
    words entries = WORDS(0x7FFE0000, 0, 12, 0x1000, 12, 0x0000A008);
    layouts both = layouts_open(with_table(IMG_PE32_PLUS, 1, entries));
    pe_dynamic_record_iter iter = records_of(&both.image[0]);
    pe_dynamic_record record = next_record(&iter);
    cr_expect_eq(record.target, 0x1008);
    cr_expect_eq(record.type, 10);
    record = next_record(&iter);
    cr_expect_eq(record.type, 0);
    layouts_close(&both);
}

/* A value of 8 bytes, deltas of both scales and signs, 4 zeros. */
Test(dynamic_relocs, arm64x_records_are_told_in_both_layouts)
{
    words entries =
        WORDS(6, 0, 28, 0x1000, 28, 0x4444D010, 0x22223333, 0x20181111, 0xE0200003, 0x80300002);
    layouts both = layouts_open(with_table(IMG_PE32_PLUS, 1, entries));
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_dynamic_record_iter iter = records_of(&both.image[l]);
        pe_dynamic_record record = next_record(&iter);
        cr_expect_eq(record.type, PE_ARM64X_VALUE);
        cr_expect_eq(record.target, 0x1010);
        cr_expect_eq(record.width, 8);
        cr_expect_eq(record.size, 10);
        cr_expect_eq(record.value, UINT64_C(0x1111222233334444));
        record = next_record(&iter);
        cr_expect_eq(record.type, PE_ARM64X_DELTA);
        cr_expect_eq(record.target, 0x1018);
        cr_expect_eq(record.size, 4);
        cr_expect_eq(record.delta, 12);
        record = next_record(&iter);
        cr_expect_eq(record.delta, -16);
        record = next_record(&iter);
        cr_expect_eq(record.type, PE_ARM64X_ZEROFILL);
        cr_expect_eq(record.target, 0x1030);
        cr_expect_eq(record.width, 4);
        cr_expect_eq(pe_dynamic_record_next(&iter, &record), PE_END);
    }
    layouts_close(&both);
}

Test(dynamic_relocs, arm64x_padding_ends_the_block)
{
    expect_records_end(WORDS(6, 0, 12, 0x1000, 12, 0x00008010), PE_END, 1);
    expect_records_end(WORDS(6, 0, 12, 0x1000, 12, 0x80100000), PE_END, 2);
}

Test(dynamic_relocs, arm64x_record_of_unknown_type_is_bad_format)
{
    expect_records_end(WORDS(6, 0, 12, 0x1000, 12, 0x30108010), PE_BAD_FORMAT, 1);
}

Test(dynamic_relocs, arm64x_value_of_one_byte_is_bad_format)
{
    expect_records_end(WORDS(6, 0, 12, 0x1000, 12, 0x00011010), PE_BAD_FORMAT, 0);
}

Test(dynamic_relocs, record_that_leaves_its_block_is_out_of_bounds)
{
    expect_records_end(WORDS(6, 0, 12, 0x1000, 12, 0x0000D010), PE_OUT_OF_BOUNDS, 0);
    expect_records_end(WORDS(6, 0, 12, 0x1000, 12, 0x20108010), PE_OUT_OF_BOUNDS, 1);
    expect_records_end(WORDS(3, 0, 12, 0x1000, 10, 0x20108010), PE_OUT_OF_BOUNDS, 0);
    expect_records_end(WORDS(4, 0, 12, 0x1000, 9, 0x20108010), PE_OUT_OF_BOUNDS, 0);
}

Test(dynamic_relocs, block_without_records_is_empty)
{
    expect_records_end(WORDS(4, 0, 8, 0x1000, 8), PE_END, 0);
    expect_blocks_end(WORDS(4, 0, 16, 0x1000, 8, 0x2000, 8), PE_END, 2);
    expect_blocks_end(WORDS(4, 0, 0), PE_END, 0);
}

Test(dynamic_relocs, block_size_below_header_is_bad_format)
{
    expect_blocks_end(WORDS(4, 0, 16, 0x1000, 0, 0, 0), PE_BAD_FORMAT, 0);
    expect_blocks_end(WORDS(4, 0, 16, 0x1000, 8, 0x1000, 7), PE_BAD_FORMAT, 1);
}

Test(dynamic_relocs, block_that_leaves_the_fixups_is_out_of_bounds)
{
    expect_blocks_end(WORDS(4, 0, 8, 0x1000, 9), PE_OUT_OF_BOUNDS, 0);
    expect_blocks_end(WORDS(4, 0, 8, 0x1000, 0xFFFFFFFF), PE_OUT_OF_BOUNDS, 0);
    expect_blocks_end(WORDS(4, 0, 4, 0x1000), PE_OUT_OF_BOUNDS, 0);
}

Test(dynamic_relocs, other_symbols_have_no_blocks)
{
    static const uint32_t symbols[] = {0, 1, 2, 7, 8, 0xFFFF};
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++)
        expect_blocks_end(WORDS(symbols[i], 0, 8, 0x1000, 8), PE_NOT_FOUND, 0);
}
