#include "layouts.h"

#include <criterion/criterion.h>

/* RVAs in an image with .text at 0x1000, .rdata at 0x2000 and .reloc after it. */
enum { CONFIG = 0x2000, ENCLAVE = 0x2200, IMPORTS = 0x2280, NAME = 0x2380, IMPORT_SIZE = 84 };

static void put_u32(img_builder *builder, uint32_t rva, uint32_t value)
{
    img_put(builder, rva, &value, sizeof value);
}

static void put_imports(img_builder *builder)
{
    put_u32(builder, IMPORTS, PE_ENCLAVE_MATCH_IMAGE_ID);
    put_u32(builder, IMPORTS + 4, 3);
    img_put(builder, IMPORTS + 8, "unique or author id, 32 bytes...", 32);
    img_put(builder, IMPORTS + 40, "family id......\1", 16);
    img_put(builder, IMPORTS + 56, "image id.......\2", 16);
    put_u32(builder, IMPORTS + 72, NAME);
    put_u32(builder, IMPORTS + IMPORT_SIZE + 72, 0xFFFFFFF0);
    img_put(builder, NAME, "ucrtbase_enclave.dll", 21);
}

/* Imports are 84 bytes, more than is known of them. */
static img_image with_enclave(img_kind kind, uint32_t size)
{
    static const uint32_t config_size = 328;
    const uint32_t wide = kind == IMG_PE32 ? 0 : 4;
    const uint32_t head[] = {size, 76, 1, 2, IMPORTS, IMPORT_SIZE};
    img_builder builder;
    img_start(&builder, kind);
    img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0);
    img_add_section(&builder, ".rdata", IMG_RO, NULL, 0x400, 0x1000);
    img_put(&builder, CONFIG, &config_size, sizeof config_size);
    img_put_pointer(&builder, CONFIG + (kind == IMG_PE32 ? 156 : 248), ENCLAVE);
    img_put(&builder, ENCLAVE, head, sizeof head);
    img_put(&builder, ENCLAVE + 24, "family id......\3image id.......\4", 32);
    put_u32(&builder, ENCLAVE + 56, 5);
    put_u32(&builder, ENCLAVE + 60, 6);
    put_u32(&builder, ENCLAVE + 64, 0x10000000);
    put_u32(&builder, ENCLAVE + 68, wide != 0 ? 1 : 7);
    put_u32(&builder, ENCLAVE + 68 + wide, 7);
    put_u32(&builder, ENCLAVE + 72 + wide, PE_ENCLAVE_PRIMARY_IMAGE);
    put_imports(&builder);
    img_set_directory(&builder, PE_DIRECTORY_LOAD_CONFIG, CONFIG, config_size);
    return img_finish(&builder);
}

static layouts enclave_with(uint32_t offset, uint32_t value)
{
    img_image file = with_enclave(IMG_PE32_PLUS, 80);
    img_set_u32(&file, img_offset_of(&file, ENCLAVE + offset), value);
    return layouts_open(file);
}

static pe_status try_enclave(const pe_image *image, pe_enclave *ret_enclave)
{
    pe_load_config config;
    cr_assert_eq(pe_load_config_open(image, &config), PE_OK);
    return pe_enclave_open(image, &config, ret_enclave);
}

static pe_enclave open_enclave(const pe_image *image)
{
    pe_enclave enclave;
    cr_assert_eq(try_enclave(image, &enclave), PE_OK);
    return enclave;
}

static void expect_imports_end(layouts both, pe_status status, uint32_t most)
{
    pe_enclave enclave = open_enclave(&both.image[0]);
    pe_enclave_iter iter;
    pe_enclave_import import;
    uint32_t count = 0;
    pe_enclave_imports(&both.image[0], &enclave, &iter);
    while (pe_enclave_import_next(&iter, &import) == PE_OK)
        count++;
    cr_expect_eq(iter.status, status);
    cr_expect_eq(pe_enclave_import_next(&iter, &import), status);
    cr_expect_leq(count, most);
    layouts_close(&both);
}

Test(enclave, configuration_is_told_in_both_layouts)
{
    static const img_kind kinds[] = {IMG_PE32, IMG_PE32_PLUS};
    for (int i = 0; i < 2 * LAYOUT_COUNT; i++) {
        layouts both = layouts_open(with_enclave(kinds[i / 2], i / 2 == 0 ? 76 : 80));
        pe_enclave enclave = open_enclave(&both.image[i % 2]);
        cr_expect_eq(enclave.at.value, ENCLAVE);
        cr_expect_eq(enclave.minimum_size, 76);
        cr_expect_eq(enclave.policy, PE_ENCLAVE_POLICY_DEBUGGABLE);
        cr_expect_arr_eq(enclave.family_id, "family id......\3", 16);
        cr_expect_arr_eq(enclave.image_id, "image id.......\4", 16);
        cr_expect_eq(enclave.image_version, 5);
        cr_expect_eq(enclave.security_version, 6);
        cr_expect_eq(enclave.enclave_size, UINT64_C(0x10000000) + (i / 2 == 0 ? 0 : 1ull << 32));
        cr_expect_eq(enclave.threads, 7);
        cr_expect_eq(enclave.flags, PE_ENCLAVE_PRIMARY_IMAGE);
        layouts_close(&both);
    }
}

Test(enclave, names_are_those_of_the_lists)
{
    cr_expect_str_eq(pe_enclave_policy_name(PE_ENCLAVE_POLICY_DEBUGGABLE), "DEBUGGABLE");
    cr_expect_null(pe_enclave_policy_name(4));
    cr_expect_str_eq(pe_enclave_match_name(PE_ENCLAVE_MATCH_AUTHOR_ID), "AUTHOR_ID");
    cr_expect_null(pe_enclave_match_name(5));
}

Test(enclave, flags_need_a_size_that_covers_them)
{
    static const uint32_t sizes[][2] = {{76, 0}, {79, 0}, {80, 1}, {0xFFFFFFFF, 1}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        layouts both = layouts_open(with_enclave(IMG_PE32_PLUS, sizes[i][0]));
        cr_expect_eq(open_enclave(&both.image[0]).flags, sizes[i][1]);
        layouts_close(&both);
    }
}

Test(enclave, size_below_the_fields_is_bad_format)
{
    static const uint32_t sizes[] = {0, 75};
    for (size_t i = 0; i < 2; i++) {
        layouts both = layouts_open(with_enclave(IMG_PE32_PLUS, sizes[i]));
        pe_enclave enclave = {.size = 7};
        cr_expect_eq(try_enclave(&both.image[0], &enclave), PE_BAD_FORMAT);
        cr_expect_eq(enclave.size, 7);
        layouts_close(&both);
    }
}

Test(enclave, pointer_outside_the_image_is_out_of_bounds)
{
    static const uint64_t addresses[] = {0x400000 + 0x3FFE, 1};
    for (size_t i = 0; i < 2; i++) {
        img_image file = with_enclave(IMG_PE32_PLUS, 80);
        img_set_u64(&file, img_offset_of(&file, CONFIG + 248), addresses[i]);
        layouts both = layouts_open(file);
        pe_enclave enclave;
        cr_expect_eq(try_enclave(&both.image[0], &enclave), PE_OUT_OF_BOUNDS);
        layouts_close(&both);
    }
}

Test(enclave, imports_are_told_in_both_layouts)
{
    layouts both = layouts_open(with_enclave(IMG_PE32_PLUS, 80));
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_enclave enclave = open_enclave(&both.image[l]);
        pe_enclave_iter iter;
        pe_enclave_import import;
        pe_enclave_imports(&both.image[l], &enclave, &iter);
        cr_assert_eq(pe_enclave_import_next(&iter, &import), PE_OK);
        cr_expect_eq(import.match, PE_ENCLAVE_MATCH_IMAGE_ID);
        cr_expect_eq(import.minimum_security_version, 3);
        cr_expect_arr_eq(import.unique_or_author_id, "unique or author id, 32 bytes...", 32);
        cr_expect_arr_eq(import.image_id, "image id.......\2", 16);
        cr_expect(span_is(import.name, "ucrtbase_enclave.dll"));
        cr_assert_eq(pe_enclave_import_next(&iter, &import), PE_OK);
        cr_expect_eq(import.at.value, IMPORTS + IMPORT_SIZE);
        cr_expect_eq(import.name_status, PE_OUT_OF_BOUNDS);
        cr_expect_eq(import.name.size, 0);
        cr_expect_eq(pe_enclave_import_next(&iter, &import), PE_END);
    }
    layouts_close(&both);
}

Test(enclave, import_count_beyond_the_image_ends_the_walk)
{
    expect_imports_end(enclave_with(12, 0xFFFFFFFF), PE_OUT_OF_BOUNDS, 0x2000 / IMPORT_SIZE);
}

Test(enclave, imports_outside_the_image_are_out_of_bounds)
{
    expect_imports_end(enclave_with(16, 0xFFFFFFF0), PE_OUT_OF_BOUNDS, 0);
    expect_imports_end(enclave_with(20, 0xFFFFFFFF), PE_OUT_OF_BOUNDS, 1);
}

Test(enclave, import_size_below_the_fields_is_bad_format)
{
    expect_imports_end(enclave_with(20, 0), PE_BAD_FORMAT, 0);
    expect_imports_end(enclave_with(20, 79), PE_BAD_FORMAT, 0);
}

Test(enclave, imports_may_be_absent)
{
    expect_imports_end(enclave_with(12, 0), PE_NOT_PRESENT, 0);
    expect_imports_end(enclave_with(16, 0), PE_NOT_PRESENT, 0);
}
