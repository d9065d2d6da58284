#include "layouts.h"

#include <criterion/criterion.h>

enum { PDATA = 0x1000, XDATA = PDATA + 0x100 };

/* An image of `machine` with the function words and the .xdata words given. */
static layouts with_tables(uint16_t machine, const uint32_t *pdata, uint32_t pdata_size,
                           const uint32_t *xdata, uint32_t xdata_size)
{
    img_builder builder;
    img_start(&builder, machine == PE_MACHINE_ARM64 ? IMG_PE32_PLUS : IMG_PE32);
    builder.machine = machine;
    uint32_t at = img_add_section(&builder, ".pdata", IMG_RO, NULL, 0x200, 0x1000);
    cr_assert_eq(at, PDATA);
    img_put(&builder, PDATA, pdata, pdata_size);
    if (xdata_size > 0)
        img_put(&builder, XDATA, xdata, xdata_size);
    img_set_directory(&builder, PE_DIRECTORY_EXCEPTION, PDATA, pdata_size);
    return layouts_open(img_finish(&builder));
}

static pe_arm_function only_function(const pe_image *image)
{
    pe_arm_function_iter functions;
    pe_arm_function function, unused;
    pe_arm_functions(image, &functions);
    cr_assert_eq(pe_arm_function_next(&functions, &function), PE_OK);
    cr_expect_eq(pe_arm_function_next(&functions, &unused), PE_END);
    cr_expect_eq(pe_arm_function_next(&functions, &unused), PE_END);
    return function;
}

/* One function with an .xdata record, opened. The caller closes *ret_both. */
static pe_arm_xdata with_record(uint16_t machine, const uint32_t *words, uint32_t size,
                                layouts *ret_both)
{
    const uint32_t pdata[] = {0x2000, XDATA};
    pe_arm_xdata xdata = {0};
    *ret_both = with_tables(machine, pdata, sizeof pdata, words, size);
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_arm_function function = only_function(&ret_both->image[l]);
        cr_expect_eq(function.flag, PE_ARM_XDATA);
        cr_assert_eq(pe_arm_xdata_open(&ret_both->image[l], &function, &xdata), PE_OK);
    }
    return xdata;
}

/* The only code before an end among the bytes `raw`, padded to words; both take one .xdata record
 * of ARM64 or ARM without epilogs. */
static pe_arm_code first_code(uint16_t machine, uint32_t raw, pe_status expected)
{
    bool is_64 = machine == PE_MACHINE_ARM64;
    const uint32_t words[] = {(is_64 ? UINT32_C(2) << 27 : UINT32_C(2) << 28) | 4, raw,
                              is_64 ? 0xE4E4E4E4 : 0xFFFFFFFF};
    layouts both;
    pe_arm_code_iter codes;
    pe_arm_code code = {0};
    pe_arm_xdata xdata = with_record(machine, words, sizeof words, &both);
    pe_arm_codes(&both.image[0], &xdata, 0, &codes);
    cr_expect_eq(pe_arm_code_next(&codes, &code), expected, "0x%08x", raw);
    layouts_close(&both);
    return code;
}

/* ---- Packed ---- */

Test(exceptions_arm, packed_word_of_arm64_has_its_fields)
{
    const uint32_t pdata[] = {0x2000,
                              1 | 100 << 2 | 3 << 13 | 7 << 16 | 1 << 20 | 2 << 21 | 9u << 23};
    layouts both = with_tables(PE_MACHINE_ARM64, pdata, sizeof pdata, NULL, 0);
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_arm_packed packed;
        pe_arm_function function = only_function(&both.image[l]);
        cr_expect_eq(function.at.value, PDATA);
        cr_expect_eq(function.begin.value, 0x2000);
        cr_expect_eq(function.flag, PE_ARM_PACKED);
        cr_assert_eq(pe_arm_packed_of(&function, &packed), PE_OK);
        cr_expect_eq(packed.length, 400);
        cr_expect_eq(packed.float_registers, 3);
        cr_expect_eq(packed.registers, 7);
        cr_expect(packed.homes_parameters);
        cr_expect_eq(packed.chain, 2);
        cr_expect_eq(packed.frame_size, 144);
    }
    layouts_close(&both);
}

Test(exceptions_arm, packed_word_of_arm_has_its_fields)
{
    const uint32_t pdata[] = {0x2001, 2 | 50 << 2 | 1 << 13 | 1 << 15 | 5 << 16 | 1 << 19 |
                                          1 << 20 | 1 << 21 | 0x3F4u << 22};
    layouts both = with_tables(PE_MACHINE_ARMNT, pdata, sizeof pdata, NULL, 0);
    pe_arm_packed packed;
    pe_arm_function function = only_function(&both.image[0]);
    cr_expect_eq(function.begin.value, 0x2000);
    cr_expect_eq(function.flag, PE_ARM_PACKED_FRAGMENT);
    cr_assert_eq(pe_arm_packed_of(&function, &packed), PE_OK);
    cr_expect_eq(packed.length, 100);
    cr_expect_eq(packed.returns, 1);
    cr_expect(packed.homes_parameters);
    cr_expect_eq(packed.registers, 5);
    cr_expect(packed.saves_float);
    cr_expect(packed.saves_lr);
    cr_expect_eq(packed.chain, 1);
    cr_expect_eq(packed.stack_adjust, 0x3F4);
    layouts_close(&both);
}

Test(exceptions_arm, stack_adjustment_from_3f4_on_is_folded)
{
    static const struct {
        uint32_t adjust, size;
        bool folds_prolog, folds_epilog;
    } cases[] = {
        {0, 0, false, false},     {0x3F3, 0xFCC, false, false}, {0x3F4, 4, true, false},
        {0x3FB, 16, false, true}, {0x3FE, 12, true, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pe_arm_packed packed;
        pe_arm_function function = {.flag = PE_ARM_PACKED, .word = 1 | cases[i].adjust << 22};
        cr_assert_eq(pe_arm_packed_of(&function, &packed), PE_OK);
        cr_expect_eq(packed.stack_size, cases[i].size);
        cr_expect_eq(packed.folds_prolog, cases[i].folds_prolog);
        cr_expect_eq(packed.folds_epilog, cases[i].folds_epilog);
    }
}

Test(exceptions_arm, reserved_flag_is_neither_packed_nor_a_record)
{
    const uint32_t pdata[] = {0x2000, 3};
    layouts both = with_tables(PE_MACHINE_ARM64, pdata, sizeof pdata, NULL, 0);
    pe_arm_packed packed;
    pe_arm_xdata xdata;
    pe_arm_function function = only_function(&both.image[0]);
    cr_expect_eq(pe_arm_packed_of(&function, &packed), PE_BAD_FORMAT);
    cr_expect_eq(pe_arm_xdata_open(&both.image[0], &function, &xdata), PE_BAD_FORMAT);
    layouts_close(&both);
}

Test(exceptions_arm, other_machines_have_none)
{
    const uint32_t pdata[] = {0x2000, 1};
    layouts both = with_tables(PE_MACHINE_I386, pdata, sizeof pdata, NULL, 0);
    pe_arm_function_iter functions;
    pe_arm_function function;
    pe_arm_functions(&both.image[0], &functions);
    cr_expect_eq(pe_arm_function_next(&functions, &function), PE_NOT_PRESENT);
    pe_arm_functions_in(&both.image[0], (pe_directory){{PDATA}, 8}, true, &functions);
    cr_expect_eq(pe_arm_function_next(&functions, &function), PE_OK);
    layouts_close(&both);
}

Test(exceptions_arm, table_that_leaves_the_image_is_out_of_bounds)
{
    const uint32_t pdata[] = {0x2000, 1};
    layouts both = with_tables(PE_MACHINE_ARM64, pdata, sizeof pdata, NULL, 0);
    pe_arm_function_iter functions;
    pe_arm_function function;
    pe_arm_functions_in(&both.image[0], (pe_directory){{0x1FF8}, 0x100}, true, &functions);
    cr_expect_eq(pe_arm_function_next(&functions, &function), PE_OK);
    cr_expect_eq(pe_arm_function_next(&functions, &function), PE_OUT_OF_BOUNDS);
    cr_expect_eq(pe_arm_function_next(&functions, &function), PE_OUT_OF_BOUNDS);
    layouts_close(&both);
}

/* ---- Records ---- */

Test(exceptions_arm, record_of_arm64_has_epilogs_codes_and_a_handler)
{
    const uint32_t words[] = {
        6 | 1 << 20 | 2 << 22 | 1u << 27, 3 | 1 << 22, 5 | 2 << 22, 0xE4E48183, 0x3000, 0x12345678};
    layouts both;
    pe_arm_epilog epilog;
    pe_arm_xdata xdata = with_record(PE_MACHINE_ARM64, words, sizeof words, &both);
    cr_expect_eq(xdata.length, 24);
    cr_expect_eq(xdata.size, 20);
    cr_expect_eq(xdata.epilog_count, 2);
    cr_expect_eq(xdata.codes.value, XDATA + 12);
    cr_expect_eq(xdata.code_size, 4);
    cr_expect_eq(xdata.handler.value, 0x3000);
    cr_expect_eq(xdata.language_data.value, XDATA + 20);
    cr_assert_eq(pe_arm_epilog_at(&both.image[0], &xdata, 1, &epilog), PE_OK);
    cr_expect_eq(epilog.at.value, XDATA + 8);
    cr_expect_eq(epilog.start, 20);
    cr_expect_eq(epilog.code, 2);
    cr_expect_eq(pe_arm_epilog_at(&both.image[0], &xdata, 2, &epilog), PE_NOT_FOUND);
    layouts_close(&both);
}

Test(exceptions_arm, record_of_arm_has_conditions_and_fragments)
{
    const uint32_t words[] = {8 | 1 << 22 | 1 << 23 | 1u << 28, 4 | 14 << 20 | 1u << 24,
                              0xFFFFFF01};
    layouts both;
    pe_arm_epilog epilog;
    pe_arm_xdata xdata = with_record(PE_MACHINE_ARMNT, words, sizeof words, &both);
    cr_expect_eq(xdata.length, 16);
    cr_expect(xdata.is_fragment);
    cr_assert_eq(pe_arm_epilog_at(&both.image[0], &xdata, 0, &epilog), PE_OK);
    cr_expect_eq(epilog.start, 8);
    cr_expect_eq(epilog.condition, 14);
    cr_expect_eq(epilog.code, 1);
    layouts_close(&both);
}

Test(exceptions_arm, counts_of_zero_lead_to_an_extension)
{
    const uint32_t words[] = {6, 0 | 2 << 16, 0xE4E4E4E4, 0xE4E4E4E4};
    layouts both;
    pe_arm_xdata xdata = with_record(PE_MACHINE_ARM64, words, sizeof words, &both);
    cr_expect_eq(xdata.epilog_count, 0);
    cr_expect_eq(xdata.code_size, 8);
    cr_expect_eq(xdata.codes.value, XDATA + 8);
    layouts_close(&both);
}

Test(exceptions_arm, packed_epilog_has_an_index_for_a_count)
{
    const uint32_t words[] = {6 | 1 << 21 | 3 << 22 | 1u << 27, 0xE4E4E4E4};
    layouts both;
    pe_arm_xdata xdata = with_record(PE_MACHINE_ARM64, words, sizeof words, &both);
    cr_expect(xdata.is_packed);
    cr_expect_eq(xdata.first_epilog, 3);
    cr_expect_eq(xdata.epilog_count, 0);
    layouts_close(&both);
}

Test(exceptions_arm, record_outside_the_image_is_out_of_bounds)
{
    const uint32_t pdata[] = {0x2000, 0x8000};
    layouts both = with_tables(PE_MACHINE_ARM64, pdata, sizeof pdata, NULL, 0);
    pe_arm_xdata xdata;
    pe_arm_function function = only_function(&both.image[0]);
    cr_expect_eq(pe_arm_xdata_open(&both.image[0], &function, &xdata), PE_OUT_OF_BOUNDS);
    layouts_close(&both);
}

/* A function of ARM64 whose record starts with `word`, `size` bytes before the end of the image. */
static layouts with_cut_record(uint32_t word, uint32_t size)
{
    const uint32_t pdata[] = {0x2000, 0x2000 - size};
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.machine = PE_MACHINE_ARM64;
    img_add_section(&builder, ".pdata", IMG_RO, NULL, 0x1000, 0);
    img_put(&builder, PDATA, pdata, sizeof pdata);
    img_put(&builder, 0x2000 - size, &word, size < sizeof word ? size : sizeof word);
    img_set_directory(&builder, PE_DIRECTORY_EXCEPTION, PDATA, sizeof pdata);
    return layouts_open(img_finish(&builder));
}

Test(exceptions_arm, extension_or_handler_outside_the_image_is_out_of_bounds)
{
    static const struct {
        uint32_t word, size;
    } cases[] = {
        {4, 4},                      /* its second word */
        {4 | 1u << 20 | 1u << 27, 8} /* the handler behind one word of codes */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        layouts both = with_cut_record(cases[i].word, cases[i].size);
        for (int l = 0; l < LAYOUT_COUNT; l++) {
            pe_arm_xdata xdata = {.size = 77};
            pe_arm_function function = only_function(&both.image[l]);
            cr_expect_eq(pe_arm_xdata_open(&both.image[l], &function, &xdata), PE_OUT_OF_BOUNDS);
            cr_expect_eq(xdata.size, 77);
        }
        layouts_close(&both);
    }
}

Test(exceptions_arm, epilogs_and_codes_outside_the_image_are_out_of_bounds_where_they_are_read)
{
    layouts both = with_cut_record(4 | 2u << 22 | 1u << 27, 8); /* one epilog of two, no codes */
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_arm_xdata xdata;
        pe_arm_epilog epilog;
        pe_arm_code_iter codes;
        pe_arm_code code;
        pe_arm_function function = only_function(&both.image[l]);
        cr_assert_eq(pe_arm_xdata_open(&both.image[l], &function, &xdata), PE_OK);
        cr_expect_eq(pe_arm_epilog_at(&both.image[l], &xdata, 0, &epilog), PE_OK);
        cr_expect_eq(pe_arm_epilog_at(&both.image[l], &xdata, 1, &epilog), PE_OUT_OF_BOUNDS);
        pe_arm_codes(&both.image[l], &xdata, 0, &codes);
        cr_expect_eq(pe_arm_code_next(&codes, &code), PE_OUT_OF_BOUNDS);
        cr_expect_eq(pe_arm_code_next(&codes, &code), PE_OUT_OF_BOUNDS);
    }
    layouts_close(&both);
}

/* ---- Codes ---- */

/* Bytes are given as they lie in memory, so the first code is in the low byte. */
Test(exceptions_arm, codes_of_arm64_are_scaled)
{
    static const struct {
        uint32_t raw;
        pe_arm_operation operation;
        uint32_t first, value;
    } cases[] = {
        {0x1F, PE_ARM64_ALLOC_S, 0, 496},
        {0x24, PE_ARM64_SAVE_R19R20_X, 19, 32},
        {0x42, PE_ARM64_SAVE_FPLR, 29, 16},
        {0x83, PE_ARM64_SAVE_FPLR_X, 29, 32},
        {0xFFC7, PE_ARM64_ALLOC_M, 0, 0x7FF * 16},
        {0x42C8, PE_ARM64_SAVE_REGP, 20, 16},
        {0x43CC, PE_ARM64_SAVE_REGP_X, 20, 32},
        {0x82D0, PE_ARM64_SAVE_REG, 21, 16},
        {0x21D4, PE_ARM64_SAVE_REG_X, 20, 16},
        {0x45D6, PE_ARM64_SAVE_LRPAIR, 21, 40},
        {0x41D8, PE_ARM64_SAVE_FREGP, 9, 8},
        {0x41DA, PE_ARM64_SAVE_FREGP_X, 9, 16},
        {0x41DC, PE_ARM64_SAVE_FREG, 9, 8},
        {0x21DE, PE_ARM64_SAVE_FREG_X, 9, 16},
        {0x030000E0, PE_ARM64_ALLOC_L, 0, 48},
        {0xE1, PE_ARM64_SET_FP, 0, 0},
        {0x02E2, PE_ARM64_ADD_FP, 0, 16},
        {0xE6, PE_ARM64_SAVE_NEXT, 0, 0},
        {0xFC, PE_ARM64_PAC_SIGN_LR, 0, 0},
        {0x12DF, PE_ARM64_ALLOC_Z, 0, 18},
        {0xE3, PE_ARM64_NOP, 0, 0},
        {0xE4, PE_ARM64_END, 0, 0},
        {0xE5, PE_ARM64_END_C, 0, 0},
        {0xE8, PE_ARM64_TRAP_FRAME, 0, 0},
        {0xE9, PE_ARM64_MACHINE_FRAME, 0, 0},
        {0xEA, PE_ARM64_CONTEXT, 0, 0},
        {0xEB, PE_ARM64_EC_CONTEXT, 0, 0},
        {0xEC, PE_ARM64_CLEAR_UNWOUND_TO_CALL, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pe_arm_code code = first_code(PE_MACHINE_ARM64, cases[i].raw, PE_OK);
        cr_expect_eq(code.operation, cases[i].operation, "0x%08x", cases[i].raw);
        cr_expect_eq(code.first, cases[i].first, "0x%08x", cases[i].raw);
        cr_expect_eq(code.value, cases[i].value, "0x%08x", cases[i].raw);
    }
}

Test(exceptions_arm, any_register_has_a_class_and_a_mode)
{
    pe_arm_code code = first_code(PE_MACHINE_ARM64, 0x0303E7, PE_OK);
    cr_expect_eq(code.kind, 'x');
    cr_expect_eq(code.first, 3);
    cr_expect_eq(code.value, 24);
    code = first_code(PE_MACHINE_ARM64, 0x8365E7, PE_OK);
    cr_expect_eq(code.kind, 'q');
    cr_expect_eq(code.first, 5);
    cr_expect(code.is_pair && code.is_writeback);
    cr_expect_eq(code.value, 64);
    code = first_code(PE_MACHINE_ARM64, 0x4243E7, PE_OK);
    cr_expect_eq(code.kind, 'd');
    cr_expect(code.is_pair && !code.is_writeback);
    cr_expect_eq(code.value, 32);
    first_code(PE_MACHINE_ARM64, 0x0083E7, PE_BAD_FORMAT);
}

Test(exceptions_arm, scalable_registers_start_at_z8_and_p4)
{
    static const struct {
        uint32_t raw;
        char kind;
        uint32_t first, value;
    } cases[] = {
        {0xC200E7, 'z', 8, 2}, {0xD10FE7, 'z', 23, 17}, {0xFF6FE7, 'z', 23, 255},
        {0xC014E7, 'p', 4, 0}, {0xCB3FE7, 'p', 15, 75},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pe_arm_code code = first_code(PE_MACHINE_ARM64, cases[i].raw, PE_OK);
        cr_expect_eq(code.kind, cases[i].kind, "0x%08x", cases[i].raw);
        cr_expect_eq(code.first, cases[i].first, "0x%08x", cases[i].raw);
        cr_expect_eq(code.value, cases[i].value, "0x%08x", cases[i].raw);
        cr_expect(!code.is_pair && !code.is_writeback);
    }
    first_code(PE_MACHINE_ARM64, 0xC013E7, PE_BAD_FORMAT);
}

Test(exceptions_arm, codes_of_arm_have_sets_of_registers)
{
    static const struct {
        uint32_t raw;
        pe_arm_operation operation;
        uint32_t registers, value, instruction_size;
    } cases[] = {
        {0x04, PE_ARM_ALLOC_S, 0, 16, 2},
        {0x0FA0, PE_ARM_POP_W, 0x400F, 0, 4},
        {0xC7, PE_ARM_MOV_SP, 0, 0, 2},
        {0xD7, PE_ARM_POP_R4_TO, 0x40F0, 0, 2},
        {0xDB, PE_ARM_POP_R4_TO_W, 0x0FF0, 0, 4},
        {0xE1, PE_ARM_VPOP_D8_TO, 0x0300, 0, 4},
        {0x01E9, PE_ARM_ALLOC_M_W, 0, 0x101 * 4, 4},
        {0x03ED, PE_ARM_POP, 0x4003, 0, 2},
        {0x03EF, PE_ARM_LDR_LR, 0, 12, 4},
        {0x13F5, PE_ARM_VPOP, 0x000E, 0, 4},
        {0x0FF6, PE_ARM_VPOP_D16, 0xFFFF0000, 0, 4},
        {0x0201F7, PE_ARM_ALLOC_L, 0, 0x102 * 4, 2},
        {0x030201F8, PE_ARM_ALLOC_XL, 0, 0x10203 * 4, 2},
        {0x0302F9, PE_ARM_ALLOC_L_W, 0, 0x203 * 4, 4},
        {0x040302FA, PE_ARM_ALLOC_XL_W, 0, 0x20304 * 4, 4},
        {0x0CEE, PE_ARM_MICROSOFT, 0, 12, 2},
        {0xFB, PE_ARM_NOP, 0, 0, 2},
        {0xFD, PE_ARM_END_NOP, 0, 0, 2},
        {0xFF, PE_ARM_END, 0, 0, 0},
        {0xFC, PE_ARM_NOP_W, 0, 0, 4},
        {0xFE, PE_ARM_END_NOP_W, 0, 0, 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pe_arm_code code = first_code(PE_MACHINE_ARMNT, cases[i].raw, PE_OK);
        cr_expect_eq(code.operation, cases[i].operation, "0x%08x", cases[i].raw);
        cr_expect_eq(code.registers, cases[i].registers, "0x%08x", cases[i].raw);
        cr_expect_eq(code.value, cases[i].value, "0x%08x", cases[i].raw);
        cr_expect_eq(code.instruction_size, cases[i].instruction_size, "0x%08x", cases[i].raw);
    }
}

Test(exceptions_arm, reserved_codes_are_bad_format)
{
    static const uint8_t of_arm64[] = {0xED, 0xEE, 0xEF, 0xF0, 0xF7, 0xF8,
                                       0xF9, 0xFA, 0xFB, 0xFD, 0xFE, 0xFF};
    static const uint8_t of_arm[] = {0xF0, 0xF1, 0xF2, 0xF3, 0xF4};
    for (size_t i = 0; i < sizeof of_arm64; i++)
        first_code(PE_MACHINE_ARM64, of_arm64[i], PE_BAD_FORMAT);
    for (size_t i = 0; i < sizeof of_arm; i++)
        first_code(PE_MACHINE_ARMNT, of_arm[i], PE_BAD_FORMAT);
    first_code(PE_MACHINE_ARMNT, 0x10EE, PE_BAD_FORMAT);
    first_code(PE_MACHINE_ARMNT, 0x13EF, PE_BAD_FORMAT);
}

Test(exceptions_arm, sequence_ends_with_its_end_and_latches)
{
    const uint32_t words[] = {4 | 1u << 27, 0x02E4E181};
    layouts both;
    pe_arm_code_iter codes;
    pe_arm_code code;
    pe_arm_xdata xdata = with_record(PE_MACHINE_ARM64, words, sizeof words, &both);
    pe_arm_codes(&both.image[0], &xdata, 0, &codes);
    cr_assert_eq(pe_arm_code_next(&codes, &code), PE_OK);
    cr_assert_eq(pe_arm_code_next(&codes, &code), PE_OK);
    cr_assert_eq(pe_arm_code_next(&codes, &code), PE_OK);
    cr_expect_eq(code.operation, PE_ARM64_END);
    cr_expect_eq(code.at.value, XDATA + 6);
    cr_expect_eq(pe_arm_code_next(&codes, &code), PE_END);
    cr_expect_eq(pe_arm_code_next(&codes, &code), PE_END);
    layouts_close(&both);
}

Test(exceptions_arm, codes_of_the_whole_function_follow_those_of_its_part)
{
    static const pe_arm_operation expected[] = {PE_ARM64_SAVE_R19R20_X, PE_ARM64_END_C,
                                                PE_ARM64_SAVE_FPLR_X, PE_ARM64_END};
    const uint32_t words[] = {4 | 1u << 27, 0xE481E522};
    layouts both;
    pe_arm_code_iter codes;
    pe_arm_code code;
    pe_arm_xdata xdata = with_record(PE_MACHINE_ARM64, words, sizeof words, &both);
    pe_arm_codes(&both.image[0], &xdata, 0, &codes);
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(pe_arm_code_next(&codes, &code), PE_OK);
        cr_expect_eq(code.operation, expected[i]);
    }
    cr_expect_eq(pe_arm_code_next(&codes, &code), PE_END);
    layouts_close(&both);
}

Test(exceptions_arm, sequence_without_an_end_goes_up_to_the_last_code)
{
    const uint32_t words[] = {4 | 1u << 22 | 1u << 27, 3 | 1u << 22, 0xE3E383E4, 0xE4E4E4E4};
    layouts both;
    pe_arm_code_iter codes;
    pe_arm_code code;
    pe_arm_epilog epilog;
    pe_arm_xdata xdata = with_record(PE_MACHINE_ARM64, words, sizeof words, &both);
    cr_assert_eq(pe_arm_epilog_at(&both.image[0], &xdata, 0, &epilog), PE_OK);
    pe_arm_codes(&both.image[0], &xdata, epilog.code, &codes);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(pe_arm_code_next(&codes, &code), PE_OK);
    cr_expect_eq(code.operation, PE_ARM64_NOP);
    cr_expect_eq(pe_arm_code_next(&codes, &code), PE_END);
    cr_expect_eq(pe_arm_code_next(&codes, &code), PE_END);
    layouts_close(&both);
}

Test(exceptions_arm, code_that_is_cut_off_is_bad_format)
{
    const uint32_t words[] = {4 | 1u << 27, 0xE0020202}; /* the last has 4 bytes */
    layouts both;
    pe_arm_code_iter codes;
    pe_arm_code code;
    pe_arm_xdata xdata = with_record(PE_MACHINE_ARM64, words, sizeof words, &both);
    pe_arm_codes(&both.image[0], &xdata, 0, &codes);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(pe_arm_code_next(&codes, &code), PE_OK);
    cr_expect_eq(pe_arm_code_next(&codes, &code), PE_BAD_FORMAT);
    cr_expect_eq(pe_arm_code_next(&codes, &code), PE_BAD_FORMAT);
    cr_expect_eq(code.at.value, XDATA + 6);
    layouts_close(&both);
}

Test(exceptions_arm, epilog_behind_the_codes_is_bad_format)
{
    static const uint32_t starts[] = {4, 5, 255};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        const uint32_t words[] = {4 | 1 << 23 | 1u << 28, 14 << 20 | starts[i] << 24, 0xFFFFFFFF,
                                  0xFFFFFFFF};
        layouts both;
        pe_arm_code_iter codes;
        pe_arm_code code;
        pe_arm_epilog epilog;
        pe_arm_xdata xdata = with_record(PE_MACHINE_ARMNT, words, sizeof words, &both);
        cr_assert_eq(pe_arm_epilog_at(&both.image[0], &xdata, 0, &epilog), PE_OK);
        cr_expect_eq(epilog.code, starts[i]);
        pe_arm_codes(&both.image[0], &xdata, epilog.code, &codes);
        cr_expect_eq(pe_arm_code_next(&codes, &code), PE_BAD_FORMAT);
        cr_expect_eq(pe_arm_code_next(&codes, &code), PE_BAD_FORMAT);
        layouts_close(&both);
    }
}

Test(exceptions_arm, operations_have_names)
{
    cr_expect_str_eq(pe_arm_operation_name(PE_ARM64_SAVE_FPLR_X), "SAVE_FPLR_X");
    cr_expect_str_eq(pe_arm_operation_name(PE_ARM_LDR_LR), "LDR_LR");
    cr_expect_null(pe_arm_operation_name(PE_ARM_OPERATION_COUNT));
}
