#include "layouts.h"

#include <criterion/criterion.h>

/* RVAs in an image with .text at 0x1000 and .rdata at 0x2000. */
enum { CONFIG = 0x2000, TABLE = 0x2180, BASE = 0x400000 };

static const uint8_t table[] = {0, 16, 0, 0, 1, 8, 16, 0, 0, 2, 16, 16, 0, 0, 8};

static uint32_t offset_in(img_kind kind, uint32_t in_32, uint32_t in_64)
{
    return kind == IMG_PE32 ? in_32 : in_64;
}

/* A load configuration of `size` bytes with the table of CF functions. */
static img_image with_config(img_kind kind, uint32_t size, uint64_t count, uint32_t flags)
{
    img_builder builder;
    img_start(&builder, kind);
    img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0);
    img_add_section(&builder, ".rdata", IMG_RO, NULL, 0x200, 0);
    img_put(&builder, CONFIG, &size, sizeof size);
    img_put_pointer(&builder, CONFIG + offset_in(kind, 80, 128), TABLE);
    img_put(&builder, CONFIG + offset_in(kind, 84, 136), &count, kind == IMG_PE32 ? 4 : 8);
    img_put(&builder, CONFIG + offset_in(kind, 88, 144), &flags, sizeof flags);
    img_put(&builder, TABLE, table, sizeof table);
    img_set_directory(&builder, PE_DIRECTORY_LOAD_CONFIG, CONFIG, 0x40);
    return img_finish(&builder);
}

static pe_load_config open_config(const pe_image *image)
{
    pe_load_config config;
    cr_assert_eq(pe_load_config_open(image, &config), PE_OK);
    return config;
}

static uint32_t fields_of(const pe_load_config *config)
{
    uint32_t count = 0;
    for (unsigned i = 0; i < PE_LC_COUNT; i++) {
        uint64_t value;
        count += pe_load_config_value(config, i, &value) == PE_OK;
    }
    return count;
}

static pe_status walk_table(const pe_image *image, pe_guard_table which, pe_guard_entry *ret_last,
                            uint32_t *ret_count)
{
    pe_load_config config = open_config(image);
    pe_guard_iter iter;
    pe_guard_entries(image, &config, which, &iter);
    for (*ret_count = 0; pe_guard_next(&iter, ret_last) == PE_OK; ++*ret_count)
        continue;
    cr_expect_eq(pe_guard_next(&iter, ret_last), iter.status);
    return iter.status;
}

Test(load_config, fields_are_those_that_size_covers)
{
    static const struct {
        img_kind kind;
        uint32_t size, fields;
    } cases[] = {
        {IMG_PE32, 0, 1},
        {IMG_PE32, 4, 1},
        {IMG_PE32, 0x40, 18},
        {IMG_PE32, 0x48, 20},
        {IMG_PE32, 0x5C, 25},
        {IMG_PE32, 0x5D, 25},
        {IMG_PE32, 0xC4, 53},
        {IMG_PE32, 0x1000, 53},
        {IMG_PE32, 0xFFFFFFFF, 53},
        {IMG_PE32_PLUS, 0, 1},
        {IMG_PE32_PLUS, 4, 1},
        {IMG_PE32_PLUS, 0x70, 20},
        {IMG_PE32_PLUS, 0x94, 25},
        {IMG_PE32_PLUS, 0x140, 52},
        {IMG_PE32_PLUS, 0x147, 52},
        {IMG_PE32_PLUS, 0x148, 53},
        {IMG_PE32_PLUS, 0xFFFFFFFF, 53},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        layouts both = layouts_open(with_config(cases[i].kind, cases[i].size, 3, 0));
        for (int l = 0; l < LAYOUT_COUNT; l++) {
            pe_load_config config = open_config(&both.image[l]);
            cr_expect_eq(config.size, cases[i].size);
            cr_expect_eq(fields_of(&config), cases[i].fields, "case %zu: %u", i,
                         fields_of(&config));
        }
        layouts_close(&both);
    }
}

Test(load_config, field_has_value_place_and_name)
{
    for (int is_64 = 0; is_64 < 2; is_64++) {
        layouts both =
            layouts_open(with_config(is_64 ? IMG_PE32_PLUS : IMG_PE32, 0x148, 3, 0x10000500));
        pe_load_config config = open_config(&both.image[0]);
        uint64_t value;
        uint32_t size;
        pe_rva at;
        cr_expect_eq(config.directory.rva.value, CONFIG);
        cr_expect_eq(pe_load_config_value(&config, PE_LC_GUARD_CF_FUNCTION_TABLE, &value), PE_OK);
        cr_expect_eq(value, BASE + TABLE);
        cr_expect_eq(pe_load_config_value(&config, PE_LC_GUARD_FLAGS, &value), PE_OK);
        cr_expect_eq(value, 0x10000500);
        cr_expect_eq(pe_load_config_place(&config, PE_LC_UMA_FUNCTIONS, &at, &size), PE_OK);
        cr_expect_eq(at.value, CONFIG + (is_64 ? 320u : 192u));
        cr_expect_eq(size, is_64 ? 8 : 4);
        cr_expect_eq(pe_load_config_place(&config, PE_LC_COUNT, &at, &size), PE_NOT_FOUND);
        cr_expect_eq(pe_load_config_value(&config, PE_LC_COUNT, &value), PE_NOT_FOUND);
        layouts_close(&both);
    }
    cr_expect_str_eq(pe_load_config_field_name(PE_LC_GUARD_FLAGS), "GUARD_FLAGS");
    cr_expect_str_eq(pe_load_config_field_name(PE_LC_COUNT), "UNKNOWN");
    cr_expect_str_eq(pe_guard_flag_name(PE_GUARD_XFG_ENABLED), "XFG_ENABLED");
    cr_expect_null(pe_guard_flag_name(0x10000000));
}

/* Each field follows the one before it, in both widths, without a gap. */
Test(load_config, fields_cover_the_structure)
{
    static const uint32_t ends[] = {196, 328};
    for (int is_64 = 0; is_64 < 2; is_64++) {
        pe_load_config config = {.is_64 = is_64 != 0};
        uint32_t bytes = 0;
        for (unsigned i = 0; i < PE_LC_COUNT; i++) {
            uint32_t size;
            pe_rva at;
            cr_assert_eq(pe_load_config_place(&config, i, &at, &size), PE_OK);
            cr_expect_eq(at.value % size, 0);
            bytes += size;
        }
        cr_expect_eq(bytes, ends[is_64]);
    }
}

Test(load_config, image_without_directory_has_none)
{
    layouts both = layouts_open(img_plain(IMG_PE32));
    pe_load_config config;
    cr_expect_eq(pe_load_config_open(&both.image[0], &config), PE_NOT_PRESENT);
    layouts_close(&both);
}

Test(load_config, structure_outside_the_image_is_out_of_bounds)
{
    static const uint32_t places[] = {0x20000000, 0xFFFFFFFC, 0xFFFFFFFF};
    for (size_t i = 0; i < 3; i++) {
        img_image image = with_config(IMG_PE32_PLUS, 0x148, 3, 0);
        img_set_directory_entry(&image, PE_DIRECTORY_LOAD_CONFIG, places[i], 0x40);
        layouts both = layouts_open(image);
        pe_load_config config;
        cr_expect_eq(pe_load_config_open(&both.image[0], &config), PE_OUT_OF_BOUNDS);
        layouts_close(&both);
    }
}

/* 0x1FFC is the last word of the image. */
Test(load_config, structure_that_leaves_the_image_is_out_of_bounds)
{
    for (uint32_t size = 4; size <= 8; size += 4) {
        img_builder builder;
        pe_load_config config;
        img_start(&builder, IMG_PE32_PLUS);
        img_add_section(&builder, ".rdata", IMG_RO, NULL, 0x1000, 0);
        img_put(&builder, 0x1FFC, &size, sizeof size);
        img_set_directory(&builder, PE_DIRECTORY_LOAD_CONFIG, 0x1FFC, 0x40);
        layouts both = layouts_open(img_finish(&builder));
        cr_expect_eq(pe_load_config_open(&both.image[0], &config),
                     size == 4 ? PE_OK : PE_OUT_OF_BOUNDS);
        layouts_close(&both);
    }
}

Test(guard_tables, entries_have_the_metadata_that_the_flags_say)
{
    for (int is_64 = 0; is_64 < 2; is_64++) {
        img_kind kind = is_64 ? IMG_PE32_PLUS : IMG_PE32;
        layouts both = layouts_open(with_config(kind, 0xA0, 3, 0x10000500));
        for (int l = 0; l < LAYOUT_COUNT; l++) {
            pe_guard_entry last;
            uint32_t count;
            cr_expect_eq(walk_table(&both.image[l], PE_GUARD_CF_FUNCTIONS, &last, &count), PE_END);
            cr_expect_eq(count, 3);
            cr_expect_eq(last.at.value, TABLE + 10);
            cr_expect_eq(last.size, 5);
            cr_expect_eq(last.target.value, 0x1010);
            cr_expect_eq(last.metadata[0], PE_GUARD_FID_XFG);
        }
        layouts_close(&both);
    }
}

Test(guard_tables, entries_without_metadata_are_four_bytes)
{
    layouts both = layouts_open(with_config(IMG_PE32_PLUS, 0xA0, 2, 0x500));
    pe_guard_entry last;
    uint32_t count;
    cr_expect_eq(walk_table(&both.image[0], PE_GUARD_CF_FUNCTIONS, &last, &count), PE_END);
    cr_expect_eq(count, 2);
    cr_expect_eq(last.size, 4);
    cr_expect_eq(last.target.value, 0x00100801);
    layouts_close(&both);
}

Test(guard_tables, handlers_of_x86_never_have_metadata)
{
    img_image image = with_config(IMG_PE32, 0xA0, 3, 0x10000500);
    uint64_t at = img_offset_of(&image, CONFIG);
    img_set_u32(&image, at + 64, BASE + TABLE);
    img_set_u32(&image, at + 68, 2);
    layouts both = layouts_open(image);
    pe_guard_entry last;
    uint32_t count;
    cr_expect_eq(walk_table(&both.image[0], PE_GUARD_SE_HANDLERS, &last, &count), PE_END);
    cr_expect_eq(count, 2);
    cr_expect_eq(last.size, 4);
    layouts_close(&both);
}

Test(guard_tables, each_table_has_fields_of_its_own)
{
    static const uint32_t places[] = {128, 160, 176, 264, 96};
    for (unsigned t = 0; t < PE_GUARD_TABLE_COUNT; t++) {
        img_image image = with_config(IMG_PE32_PLUS, 0x148, 0, 0);
        uint64_t at = img_offset_of(&image, CONFIG);
        img_set_u64(&image, at + places[t], BASE + TABLE);
        img_set_u64(&image, at + places[t] + 8, 1);
        layouts both = layouts_open(image);
        for (unsigned i = 0; i < PE_GUARD_TABLE_COUNT; i++) {
            pe_guard_entry last;
            uint32_t count;
            cr_expect_eq(walk_table(&both.image[0], i, &last, &count),
                         i == t ? PE_END : PE_NOT_PRESENT);
            cr_expect_eq(count, i == t);
        }
        layouts_close(&both);
    }
}

Test(guard_tables, table_that_size_does_not_cover_is_absent)
{
    layouts both = layouts_open(with_config(IMG_PE32_PLUS, 0x8F, 3, 0x500));
    pe_guard_entry last;
    uint32_t count;
    cr_expect_eq(walk_table(&both.image[0], PE_GUARD_CF_FUNCTIONS, &last, &count), PE_NOT_PRESENT);
    layouts_close(&both);
}

Test(guard_tables, count_beyond_the_image_ends_with_an_error)
{
    static const uint64_t counts[] = {0x80000000, 0xFFFFFFFF, UINT64_MAX};
    for (size_t i = 0; i < 3; i++) {
        layouts both = layouts_open(with_config(IMG_PE32_PLUS, 0xA0, counts[i], 0x500));
        pe_guard_entry last;
        uint32_t count;
        cr_expect_eq(walk_table(&both.image[0], PE_GUARD_CF_FUNCTIONS, &last, &count),
                     PE_OUT_OF_BOUNDS);
        cr_expect_eq(count, (0x4000 - TABLE) / 4);
        layouts_close(&both);
    }
}

Test(guard_tables, address_outside_the_image_is_out_of_bounds)
{
    static const uint64_t addresses[] = {1, BASE - 1, BASE + 0x4000, UINT64_MAX};
    for (size_t i = 0; i < 4; i++) {
        img_image image = with_config(IMG_PE32_PLUS, 0xA0, 3, 0x500);
        img_set_u64(&image, img_offset_of(&image, CONFIG) + 128, addresses[i]);
        layouts both = layouts_open(image);
        pe_guard_entry last;
        uint32_t count;
        cr_expect_eq(walk_table(&both.image[0], PE_GUARD_CF_FUNCTIONS, &last, &count),
                     PE_OUT_OF_BOUNDS);
        cr_expect_eq(count, 0);
        layouts_close(&both);
    }
}

Test(guard_tables, base_of_a_relocated_image_is_taken_into_account)
{
    layouts both = layouts_open(with_config(IMG_PE32_PLUS, 0xA0, 3, 0x500));
    pe_load_config config = open_config(&both.image[0]);
    pe_guard_iter iter;
    pe_guard_entry entry;
    config.base = BASE + 0x100;
    pe_guard_entries(&both.image[0], &config, PE_GUARD_CF_FUNCTIONS, &iter);
    cr_assert_eq(pe_guard_next(&iter, &entry), PE_OK);
    cr_expect_eq(entry.at.value, TABLE - 0x100);
    layouts_close(&both);
}
