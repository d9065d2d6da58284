/*
 * What a refusal says: rule, file offset of the field, value found, value allowed. The verdicts
 * themselves are tested in test_cases.c.
 */
#include "support/edits.h"

#include <criterion/criterion.h>

enum { FILE_SIZE = 0x600 };

/* The last edit is of the field that the diagnostic names, unless `at` says another. */
struct refusal {
    const char *rule;
    img_kind kind;
    struct edit edits[3];
    struct edit at;
    uint64_t value, allowed;
    pe_profile profile; /* 0: Windows 10 */
};

static const struct refusal refusals[] = {
    {"A3", IMG_PE32, {H(DOS_MAGIC, 0x4D5A)}, H(DOS_MAGIC, 0), 0x4D5A, 0x5A4D, 0},
    {"A4", IMG_PE32, {H(LFANEW, 0xFFFFFF00)}, H(LFANEW, 0), 0xFFFFFF00, 0xFFFFFFFF - 0x108, 0},
    {"A5", IMG_PE32, {H(LFANEW, 0x4F9)}, H(LFANEW, 0), 0x4F9, FILE_SIZE - 0x108, 0},
    {"A6", IMG_PE32, {H(SIGNATURE, 0x4551)}, H(SIGNATURE, 0), 0x4551, 0x4550, 0},
    {"A7", IMG_PE32, {H(MACHINE, 0), H(OPTIONAL_SIZE, 0)}, H(MACHINE, 0), 0, PE_MACHINE_AMD64, 0},
    {"A8", IMG_PE32, {H(CHARACTERISTICS, 0x101)}, H(CHARACTERISTICS, 0), 0x101, 2, 0},
    {"A10", IMG_PE32, {H(MAGIC, 0x107)}, H(MAGIC, 0), 0x107, PE_MAGIC_PE32_PLUS, 0},
    {"A11", IMG_PE32, {H(FILE_ALIGNMENT, 0x100)}, H(FILE_ALIGNMENT, 0), 0x100, 0x200, 0},
    {"A12", IMG_PE32, {H(FILE_ALIGNMENT, 0)}, H(FILE_ALIGNMENT, 0), 0, 0x200, 0},
    {"A13", IMG_PE32, {H(SECTION_ALIGNMENT, 0x3000)}, H(SECTION_ALIGNMENT, 0), 0x3000, 0x1000, 0},
    {"A14", IMG_PE32, {H(FILE_ALIGNMENT, 0x600)}, H(FILE_ALIGNMENT, 0), 0x600, 0x200, 0},
    {"A15", IMG_PE32, {H(FILE_ALIGNMENT, 0x2000)}, H(SECTION_ALIGNMENT, 0), 0x1000, 0x2000, 0},
    {"A16",
     IMG_PE32,
     {H(SIZE_OF_IMAGE, 0x80000000)},
     H(SIZE_OF_IMAGE, 0),
     0x80000000,
     0x77000000,
     0},
    {"A17", IMG_PE32, {H(SECTION_COUNT, 97)}, H(SECTION_COUNT, 0), 97, 96, PE_WINXP},
    {"A18", IMG_PE32, {H(MACHINE, 0x8664)}, H(MACHINE, 0), 0x8664, PE_MACHINE_I386, 0},
    {"A18", IMG_PE32_PLUS, {H(MACHINE, 0x14C)}, H(MACHINE, 0), 0x14C, PE_MACHINE_AMD64, 0},
    {"A19", IMG_PE32, {H(SIZE_OF_HEADERS, 0x3000)}, H(SIZE_OF_HEADERS, 0), 0x3000, 0x3000, 0},
    {"A20", IMG_PE32, {H(SIZE_OF_IMAGE, 0)}, H(SIZE_OF_IMAGE, 0), 0, 1, PE_WINXP},
    {"A21", IMG_PE32, {H(IMAGE_BASE, 0x408000)}, H(IMAGE_BASE, 0), 0x408000, 0x10000, 0},
    {"A21", IMG_PE32_PLUS, {H(IMAGE_BASE, 1)}, H(IMAGE_BASE, 0), 1, 0x10000, 0},
    {"A31",
     IMG_PE32,
     {H(OPTIONAL_SIZE, 0x2000)},
     H(OPTIONAL_SIZE, 0),
     0x80 + 24 + 0x2000,
     FILE_SIZE,
     0},
    {"A32", IMG_PE32, {H(SECTION_COUNT, 50)}, H(SECTION_COUNT, 0), 0x178 + 2000, FILE_SIZE, 0},
    {"A32",
     IMG_PE32,
     {H(SECTION_COUNT, 50)},
     H(SECTION_COUNT, 0),
     0x178 + 2000,
     FILE_SIZE,
     PE_WIN7},
    {"A33",
     IMG_FLAT_PE32,
     {H(SIZE_OF_IMAGE, 0x148), H(SIZE_OF_HEADERS, 0)},
     H(SECTION_COUNT, 0),
     24 + 0xE0 + 80,
     0x148,
     0},
    {"A33",
     IMG_FLAT_PE32,
     {H(SIZE_OF_IMAGE, 0x1C8), H(SIZE_OF_HEADERS, 0)},
     H(SECTION_COUNT, 0),
     0x80 + 24 + 0xE0 + 80,
     0x1C8,
     PE_WIN7},
    {"A40", IMG_PE32, {H(SIZE_OF_HEADERS, 0)}, H(SIZE_OF_HEADERS, 0), 0, 0xFFFFF000, 0},
    {"A41", IMG_PE32, {H(SECTION_ALIGNMENT, 0x4000)}, H(SIZE_OF_HEADERS, 0), 0x4000, 0x3000, 0},
    {"A42", IMG_PE32, {H(SECTION_COUNT, 0)}, H(SECTION_COUNT, 0), 0, 1, 0},
    {"A43", IMG_PE32, {S(1, RVA, 0x3000)}, S(1, RVA, 0), 0x3000, 0x2000, 0},
    {"A44", IMG_PE32, {S(0, VIRTUAL_SIZE, 0), S(0, RAW_SIZE, 0)}, S(0, VIRTUAL_SIZE, 0), 0, 1, 0},
    {"A45",
     IMG_PE32,
     {S(1, VIRTUAL_SIZE, 0xFFFFF001)},
     S(1, VIRTUAL_SIZE, 0),
     0xFFFFF001,
     0xFFFFF000,
     0},
    {"A46", IMG_PE32, {S(1, VIRTUAL_SIZE, 0x1001)}, S(1, VIRTUAL_SIZE, 0), 0x1001, 0x1000, 0},
    {"A46",
     IMG_PE32,
     {S(1, VIRTUAL_SIZE, 0), S(1, RAW_SIZE, 0x1001)},
     S(1, RAW_SIZE, 0),
     0x1001,
     0x1000,
     0},
    {"A47",
     IMG_PE32,
     {S(0, RAW_SIZE, 0xFFFFFE00)},
     S(0, RAW_SIZE, 0),
     0xFFFFFE00,
     0xFFFFFFFF - 0x200,
     0},
    {"A47",
     IMG_PE32,
     {S(1, RAW_SIZE, 0), S(1, RAW, 0xFFFFFFFF), S(0, RAW_SIZE, 0xFFFFFFFF)},
     S(0, RAW_SIZE, 0),
     0xFFFFFFFF,
     0xFFFFFFFF - 0x200,
     PE_WIN7},
    {"A48",
     IMG_PE32,
     {S(0, RAW_SIZE, 0xFFFFFC00), S(0, RAW, 0x300)},
     S(0, RAW_SIZE, 0),
     0,
     0x300,
     0},
    {"A49", IMG_PE32, {S(0, RAW, 0x600)}, S(0, RAW, 0), 0x600, FILE_SIZE, PE_WIN7},
    {"A50",
     IMG_PE32,
     {S(0, VIRTUAL_SIZE, 0), S(0, RAW_SIZE, 0x401)},
     S(0, RAW_SIZE, 0),
     0x601,
     FILE_SIZE,
     PE_WIN7},
    {"A51", IMG_PE32, {S(1, RAW_SIZE, 0x201)}, S(1, RAW_SIZE, 0), 0x601, FILE_SIZE, 0},
    {"A52", IMG_PE32, {H(SIZE_OF_IMAGE, 0x4000)}, H(SIZE_OF_IMAGE, 0), 0x4000, 0x3FFF, 0},
    {"A62", IMG_FLAT_PE32, {S(1, RVA, 0x420)}, S(1, RVA, 0), 0x420, 0x400, 0},
    {"A62", IMG_FLAT_PE32, {S(1, VIRTUAL_SIZE, 0x201)}, S(1, VIRTUAL_SIZE, 0), 0x201, 0x200, 0},
    {"A62",
     IMG_FLAT_PE32,
     {S(1, RAW_SIZE, 0xFFFFFFFF)},
     S(1, RAW_SIZE, 0),
     0xFFFFFFFF,
     0xFFFFFFFF - 0x400,
     0},
};

static pe_status judge(const img_image *image, pe_profile profile, pe_diag *diag)
{
    return pe_accept((pe_span){image->bytes, image->size}, image->size, profile, diag);
}

Test(accept, refusal_names_rule_offset_value_and_limit)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *row = &refusals[i];
        img_image image = img_plain(row->kind);
        pe_diag diag = {0};
        edit_apply(&image, row->edits, 3);
        pe_profile profile = row->profile != 0 ? row->profile : PE_WIN10;
        cr_expect_eq(judge(&image, profile, &diag), PE_REFUSED, "row %zu", i);
        cr_expect_str_eq(diag.rule != NULL ? diag.rule : "", row->rule, "row %zu: %s", i,
                         diag.rule);
        cr_expect_eq(diag.offset, edit_offset(&image, &row->at), "%s: offset %lx", row->rule,
                     (long)diag.offset);
        cr_expect_eq(diag.value, row->value, "%s: value %lx", row->rule, (long)diag.value);
        cr_expect_eq(diag.allowed, row->allowed, "%s: allowed %lx", row->rule, (long)diag.allowed);
        cr_expect_not_null(diag.detail);
        img_free(&image);
    }
}

Test(accept, lfanew_that_is_not_aligned_is_refused)
{
    img_builder builder;
    pe_diag diag = {0};
    img_start(&builder, IMG_PE32);
    builder.lfanew = 0x82;
    img_image image = img_finish(&builder);
    cr_expect_eq(judge(&image, PE_WIN10, &diag), PE_REFUSED);
    cr_expect_str_eq(diag.rule, "A9");
    cr_expect_eq(diag.offset, 60);
    cr_expect_eq(diag.value, 0x82);
    cr_expect_eq(diag.allowed, 4);
    img_free(&image);
}

Test(accept, sizes_that_no_file_has_are_refused)
{
    img_image image = img_plain(IMG_PE32);
    pe_span prefix = {image.bytes, image.size};
    pe_diag diag = {0};
    cr_expect_eq(pe_accept(prefix, 0, PE_WIN10, &diag), PE_REFUSED);
    cr_expect_str_eq(diag.rule, "A1");
    cr_expect_eq(diag.allowed, 1);
    cr_expect_eq(pe_accept(prefix, 0x100000000, PE_WIN10, &diag), PE_REFUSED);
    cr_expect_str_eq(diag.rule, "A2");
    cr_expect_eq(diag.value, 0x100000000);
    cr_expect_eq(diag.allowed, 0xFFFFFFFF);
    img_free(&image);
}

Test(accept, file_shorter_than_a_dos_header_is_refused)
{
    img_image image = img_plain(IMG_PE32);
    pe_diag diag = {0};
    img_resize(&image, 63);
    cr_expect_eq(judge(&image, PE_WIN10, &diag), PE_REFUSED);
    cr_expect_str_eq(diag.rule, "A3");
    cr_expect_eq(diag.value, 63);
    cr_expect_eq(diag.allowed, 64);
    img_free(&image);
}

Test(accept, diagnostic_is_optional)
{
    img_image image = img_plain(IMG_PE32);
    cr_expect_eq(judge(&image, PE_WIN10, NULL), PE_OK);
    img_set(&image, IMG_SIGNATURE, 0x454E);
    cr_expect_eq(judge(&image, PE_WIN10, NULL), PE_REFUSED);
    img_free(&image);
}

Test(accept, diagnostic_is_untouched_on_success)
{
    img_image image = img_plain(IMG_PE32_PLUS);
    pe_diag diag = {.value = 7};
    cr_expect_eq(judge(&image, PE_WIN10, &diag), PE_OK);
    cr_expect_eq(diag.value, 7);
    img_free(&image);
}

Test(accept, header_extent_is_all_that_is_read)
{
    img_image image = img_plain(IMG_PE32_PLUS);
    pe_span prefix = {image.bytes, image.size};
    prefix.size = pe_header_extent(prefix, image.size);
    cr_expect_lt(prefix.size, image.size);
    cr_expect_eq(pe_accept(prefix, image.size, PE_WIN10, NULL), PE_OK);
    img_free(&image);
}
