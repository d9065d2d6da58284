#include "layouts.h"

#include <criterion/criterion.h>

/* RVAs in an image with .text at 0x1000 and .pdata at 0x2000. */
enum { TABLE = 0x2000, INFO = 0x2100, PARENT_INFO = 0x2180 };

static const uint32_t two_functions[] = {0x1000, 0x1040, INFO, 0x1040, 0x1080, PARENT_INFO};

static img_image with_functions(const uint32_t *functions, size_t count, const void *info,
                                size_t info_size)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0);
    img_add_section(&builder, ".pdata", IMG_RO, NULL, 0x200, 0);
    img_put(&builder, TABLE, functions, 4 * count);
    if (info_size != 0)
        img_put(&builder, INFO, info, info_size);
    img_set_directory(&builder, PE_DIRECTORY_EXCEPTION, TABLE, (uint32_t)(4 * count));
    return img_finish(&builder);
}

static img_image with_info(const void *info, size_t size)
{
    return with_functions(two_functions, 6, info, size);
}

/* The status that ends a walk along all functions, and how many there were. */
static pe_status walk_functions(const pe_image *image, uint32_t *ret_count)
{
    pe_x64_function_iter iter;
    pe_x64_function function;
    pe_x64_functions(image, &iter);
    for (*ret_count = 0; pe_x64_function_next(&iter, &function) == PE_OK; ++*ret_count)
        cr_expect_eq(function.at.value, TABLE + 12 * *ret_count);
    cr_expect_eq(pe_x64_function_next(&iter, &function), iter.status);
    return iter.status;
}

static pe_status walk_codes(const pe_x64_unwind *unwind, pe_x64_code *ret_codes,
                            uint32_t *ret_count)
{
    pe_x64_code_iter iter;
    pe_x64_code code;
    pe_x64_codes(unwind, &iter);
    for (*ret_count = 0; pe_x64_code_next(&iter, &code) == PE_OK; ++*ret_count)
        ret_codes[*ret_count] = code;
    cr_expect_eq(pe_x64_code_next(&iter, &code), iter.status);
    return iter.status;
}

static pe_status walk_chain(const pe_image *image, uint32_t *ret_count)
{
    pe_x64_chain_iter iter;
    pe_x64_function function;
    pe_x64_unwind unwind;
    cr_assert_eq(pe_x64_function_at(image, (pe_rva){TABLE}, &function), PE_OK);
    pe_x64_chain(image, &function, &iter);
    *ret_count = 0;
    while (pe_x64_chain_next(&iter, &function, &unwind) == PE_OK)
        ++*ret_count;
    cr_expect_eq(pe_x64_chain_next(&iter, &function, &unwind), iter.status);
    return iter.status;
}

Test(exceptions_x64, functions_are_as_many_as_the_directory_holds)
{
    layouts both = layouts_open(with_info("", 0));
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        uint32_t count;
        cr_expect_eq(walk_functions(&both.image[l], &count), PE_END);
        cr_expect_eq(count, 2);
    }
    layouts_close(&both);
}

Test(exceptions_x64, image_without_directory_has_none)
{
    uint32_t count;
    layouts both = layouts_open(img_plain(IMG_PE32_PLUS));
    cr_expect_eq(walk_functions(&both.image[0], &count), PE_NOT_PRESENT);
    layouts_close(&both);
}

Test(exceptions_x64, other_machine_has_none)
{
    uint32_t count;
    img_image image = with_info("", 0);
    img_set(&image, IMG_MACHINE, PE_MACHINE_ARM64);
    layouts both = layouts_open(image);
    cr_expect_eq(walk_functions(&both.image[0], &count), PE_NOT_PRESENT);
    layouts_close(&both);
}

Test(exceptions_x64, directory_beyond_the_image_ends_with_an_error)
{
    static const uint32_t sizes[] = {0x1004, 0x80000000, 0xFFFFFFFF};
    for (size_t i = 0; i < 3; i++) {
        uint32_t count;
        img_image image = with_info("", 0);
        img_set_directory_entry(&image, PE_DIRECTORY_EXCEPTION, TABLE, sizes[i]);
        layouts both = layouts_open(image);
        cr_expect_eq(walk_functions(&both.image[0], &count), i == 0 ? PE_END : PE_OUT_OF_BOUNDS);
        cr_expect_eq(count, 0x1000 / 12);
        layouts_close(&both);
    }
}

Test(exceptions_x64, codes_of_a_prolog_are_decoded)
{
    static const uint8_t info[] = {
        0x19, 0x20, 14,   0x35,             /* version 1, handler; RBP set at RSP + 0x30 */
        0x20, 0x68, 0x03, 0,                /* SAVE_XMM128 6 at 0x30 */
        0x1C, 0x34, 0x04, 0,                /* SAVE_NONVOL RBX at 0x20 */
        0x18, 0x75, 0x78, 0x56, 0x34, 0x12, /* SAVE_NONVOL_FAR RDI */
        0x10, 0x03,                         /* SET_FPREG */
        0x0C, 0x11, 0,    0,    0x01, 0,    /* ALLOC_LARGE 0x10000 */
        0x08, 0x42,                         /* ALLOC_SMALL 0x28 */
        0x02, 0x50,                         /* PUSH_NONVOL RBP */
        0x00, 0x1A,                         /* PUSH_MACHFRAME with an error code */
        0x10, 0x10, 0,    0,    0xAA,       /* handler, its data */
    };
    static const uint32_t expected[][3] = {
        {PE_X64_SAVE_XMM128, 6, 0x30},
        {PE_X64_SAVE_NONVOL, 3, 0x20},
        {PE_X64_SAVE_NONVOL_FAR, 7, 0x12345678},
        {PE_X64_SET_FPREG, 0, 0x30},
        {PE_X64_ALLOC_LARGE, 1, 0x10000},
        {PE_X64_ALLOC_SMALL, 4, 0x28},
        {PE_X64_PUSH_NONVOL, 5, 0},
        {PE_X64_PUSH_MACHFRAME, 1, 0},
    };
    layouts both = layouts_open(with_info(info, sizeof info));
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_x64_unwind unwind;
        pe_x64_code codes[PE_X64_MAX_SLOTS];
        uint32_t count;
        cr_assert_eq(pe_x64_unwind_at(&both.image[l], (pe_rva){INFO}, &unwind), PE_OK);
        cr_expect_eq(unwind.size, 36);
        cr_expect(unwind.is_known && unwind.has_handler && !unwind.is_chained);
        cr_expect_eq(unwind.frame_register, 5);
        cr_expect_eq(unwind.frame_offset, 0x30);
        cr_expect_eq(unwind.handler.value, 0x1010);
        cr_expect_eq(unwind.language_data.value, INFO + 36);
        cr_expect_eq(walk_codes(&unwind, codes, &count), PE_END);
        cr_assert_eq(count, 8);
        for (uint32_t i = 0; i < count; i++) {
            cr_expect_eq(codes[i].operation, expected[i][0]);
            cr_expect_eq(codes[i].info, expected[i][1]);
            cr_expect_eq(codes[i].value, expected[i][2]);
        }
        cr_expect_eq(codes[1].at.value, INFO + 8);
    }
    layouts_close(&both);
}

Test(exceptions_x64, version_2_lists_epilogs)
{
    static const uint8_t info[] = {0x02, 4, 4, 0, 0x06, 0x16, 0x34, 0x16, 0, 0x06, 4, 0x30};
    static const uint32_t expected[] = {6, 0x134, 0, 0};
    layouts both = layouts_open(with_info(info, sizeof info));
    pe_x64_unwind unwind;
    pe_x64_code codes[PE_X64_MAX_SLOTS];
    uint32_t count;
    cr_assert_eq(pe_x64_unwind_at(&both.image[0], (pe_rva){INFO}, &unwind), PE_OK);
    cr_expect_eq(walk_codes(&unwind, codes, &count), PE_END);
    cr_assert_eq(count, 4);
    for (uint32_t i = 0; i < 4; i++)
        cr_expect_eq(codes[i].value, expected[i]);
    layouts_close(&both);
}

Test(exceptions_x64, unknown_version_is_told_and_not_decoded)
{
    for (uint8_t version = 0; version < 8; version++) {
        uint8_t info[] = {(uint8_t)(version | 8), 0, 0, 0};
        bool is_known = version == 1 || version == 2;
        layouts both = layouts_open(with_info(info, sizeof info));
        pe_x64_unwind unwind;
        pe_x64_code codes[PE_X64_MAX_SLOTS];
        uint32_t count;
        cr_assert_eq(pe_x64_unwind_at(&both.image[0], (pe_rva){INFO}, &unwind), PE_OK);
        cr_expect_eq(unwind.version, version);
        cr_expect_eq(unwind.is_known, is_known);
        cr_expect_eq(unwind.has_handler, is_known);
        cr_expect_eq(unwind.size, is_known ? 8 : 4);
        cr_expect_eq(walk_codes(&unwind, codes, &count), is_known ? PE_END : PE_NOT_PRESENT);
        layouts_close(&both);
    }
}

Test(exceptions_x64, code_that_does_not_exist_or_fit_is_bad_format)
{
    static const uint8_t bad[] = {0x0B, 0x0F, 0x21, 0x01, 0x11, 0x05, 0x09};
    for (size_t i = 0; i < sizeof bad; i++) {
        uint8_t info[] = {1, 4, 2, 0, 4, 0x30, 0, bad[i]};
        layouts both = layouts_open(with_info(info, sizeof info));
        pe_x64_unwind unwind;
        pe_x64_code codes[PE_X64_MAX_SLOTS];
        uint32_t count;
        cr_assert_eq(pe_x64_unwind_at(&both.image[0], (pe_rva){INFO}, &unwind), PE_OK);
        cr_expect_eq(walk_codes(&unwind, codes, &count), PE_BAD_FORMAT);
        cr_expect_eq(count, 1);
        layouts_close(&both);
    }
}

Test(exceptions_x64, chain_leads_to_the_primary_entry)
{
    static const uint8_t info[] = {0x21, 0, 1,    0,    0, 0x30, 0,    0,    0x40, 0x10,
                                   0,    0, 0x80, 0x10, 0, 0,    0x80, 0x21, 0,    0};
    img_image image = with_info(info, sizeof info);
    img_set_u32(&image, img_offset_of(&image, PARENT_INFO), 1);
    layouts both = layouts_open(image);
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_x64_unwind unwind;
        uint32_t count;
        cr_assert_eq(pe_x64_unwind_at(&both.image[l], (pe_rva){INFO}, &unwind), PE_OK);
        cr_expect(unwind.is_chained);
        cr_expect_eq(unwind.size, 20);
        cr_expect_eq(unwind.parent.begin.value, 0x1040);
        cr_expect_eq(unwind.parent.at.value, INFO + 8);
        cr_expect_eq(walk_chain(&both.image[l], &count), PE_END);
        cr_expect_eq(count, 2);
    }
    layouts_close(&both);
}

Test(exceptions_x64, chain_that_loops_ends_at_the_limit)
{
    static const uint8_t info[] = {0x21, 0, 0, 0, 0, 0x10, 0, 0, 0x40, 0x10, 0, 0, 0, 0x21, 0, 0};
    layouts both = layouts_open(with_info(info, sizeof info));
    uint32_t count;
    cr_expect_eq(walk_chain(&both.image[0], &count), PE_BAD_FORMAT);
    cr_expect_eq(count, PE_X64_CHAIN_LIMIT);
    layouts_close(&both);
}

Test(exceptions_x64, indirect_entry_is_followed)
{
    static const uint32_t functions[] = {0x1000, 0x1040, (TABLE + 12) | 1, 0x1040, 0x1080, INFO};
    layouts both = layouts_open(with_functions(functions, 6, "\1\0\0", 4));
    pe_x64_function function;
    uint32_t count;
    cr_assert_eq(pe_x64_function_at(&both.image[0], (pe_rva){TABLE}, &function), PE_OK);
    cr_expect(function.is_indirect);
    cr_expect_eq(function.unwind.value, TABLE + 12);
    cr_expect_eq(walk_chain(&both.image[0], &count), PE_END);
    cr_expect_eq(count, 1);
    layouts_close(&both);
}

Test(exceptions_x64, indirect_entry_that_leads_to_itself_is_bad_format)
{
    static const uint32_t functions[] = {0x1000, 0x1040, TABLE | 1};
    layouts both = layouts_open(with_functions(functions, 3, "", 0));
    uint32_t count;
    cr_expect_eq(walk_chain(&both.image[0], &count), PE_BAD_FORMAT);
    cr_expect_eq(count, 0);
    layouts_close(&both);
}

Test(exceptions_x64, unwind_information_outside_the_image_is_out_of_bounds)
{
    static const uint32_t places[] = {0x2FFE, 0x20000000, 0xFFFFFFFC, 0xFFFFFFFE};
    layouts both = layouts_open(with_info("", 0));
    for (size_t i = 0; i < 4; i++) {
        pe_x64_unwind unwind;
        cr_expect_eq(pe_x64_unwind_at(&both.image[0], (pe_rva){places[i]}, &unwind),
                     PE_OUT_OF_BOUNDS);
    }
    layouts_close(&both);
}

Test(exceptions_x64, operations_and_registers_have_names)
{
    cr_expect_str_eq(pe_x64_operation_name(PE_X64_PUSH_MACHFRAME), "PUSH_MACHFRAME");
    cr_expect_str_eq(pe_x64_operation_name(11), "UNKNOWN");
    cr_expect_str_eq(pe_x64_register_name(4), "RSP");
    cr_expect_str_eq(pe_x64_register_name(16), "UNKNOWN");
}

Test(exceptions_x64, functions_of_another_table_are_read_on_any_machine)
{
    img_image file = with_info("", 0);
    img_set(&file, IMG_MACHINE, PE_MACHINE_ARM64);
    layouts both = layouts_open(file);
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_x64_function_iter iter;
        pe_x64_function function;
        pe_x64_functions(&both.image[l], &iter);
        cr_expect_eq(pe_x64_function_next(&iter, &function), PE_NOT_PRESENT);
        pe_x64_functions_in(&both.image[l], (pe_directory){{TABLE + 12}, 12}, &iter);
        cr_assert_eq(pe_x64_function_next(&iter, &function), PE_OK);
        cr_expect_eq(function.begin.value, 0x1040);
        cr_expect_eq(pe_x64_function_next(&iter, &function), PE_END);
    }
    layouts_close(&both);
}
