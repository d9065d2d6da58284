#include "fuzz/walk/walk.h"
#include "support/image_hostile.h"

#include <criterion/criterion.h>

/* What a file needs of its default budget when everything is told once; spent by those that repeat.
 */
static pe_status walk_hostile(hostile_kind kind, pe_budget *ret_budget)
{
    pe_image image;
    img_image file = hostile_make(kind);
    pe_status status = pe_open((pe_span){file.bytes, file.size}, PE_LAYOUT_FILE, &image, NULL);
    if (status == PE_OK) {
        struct walk walk = {.image = &image, .by_type = true};
        *ret_budget = pe_budget_for(file.size);
        image.budget = ret_budget;
        walk_all(&walk);
        walk_file(&image);
    }
    img_free(&file);
    return status;
}

/* Each would take seconds to years without a budget. */
static const hostile_kind endless[] = {
    HOSTILE_MESSAGES_OF_ONE_TEXT,       HOSTILE_EXPORTS_WITHOUT_END,
    HOSTILE_EXPORTS_OF_ONE_LONG_NAME,   HOSTILE_IMPORTS_OF_ONE_TABLE,
    HOSTILE_IMPORTS_OF_ONE_LONG_NAME,   HOSTILE_DELAY_IMPORTS_OF_ONE_TABLE,
    HOSTILE_SECTIONS_OF_THE_SAME_BYTES, HOSTILE_SECTION_NAMES_OF_ONE_STRING,
    HOSTILE_SYMBOLS_OF_ONE_LONG_NAME,   HOSTILE_UNWIND_CHAINS_THAT_LOOP,
    HOSTILE_DEBUG_ENTRIES_OF_ONE_BLOCK, HOSTILE_RESOURCES_OF_ONE_LEAF,
};

Test(hostile, every_kind_can_be_walked_to_an_end, .timeout = 120)
{
    for (unsigned i = 0; i < HOSTILE_COUNT; i++) {
        pe_budget budget;
        hostile_kind kind = (hostile_kind)i;
        cr_expect_eq(walk_hostile(kind, &budget), PE_OK, "%s", hostile_name(kind));
    }
}

Test(hostile, tables_that_repeat_each_other_spend_the_budget, .timeout = 120)
{
    for (size_t i = 0; i < sizeof endless / sizeof endless[0]; i++) {
        pe_budget budget = {0};
        walk_hostile(endless[i], &budget);
        cr_expect(budget.is_spent, "%s has %lu left", hostile_name(endless[i]),
                  (unsigned long)budget.left);
    }
}

/* The image of a kind that one table of is looked at. */
static img_image open_hostile(hostile_kind kind, pe_image *ret_image)
{
    img_image file = hostile_make(kind);
    cr_assert_eq(pe_open((pe_span){file.bytes, file.size}, PE_LAYOUT_FILE, ret_image, NULL), PE_OK);
    return file;
}

Test(hostile, resource_directory_that_is_its_own_child_is_left_out)
{
    pe_image image;
    pe_resource_walk walk;
    pe_resource_item item;
    img_image file = open_hostile(HOSTILE_RESOURCES_THAT_LOOP, &image);
    pe_resource_walk_start(&image, &walk);
    cr_expect_eq(pe_resource_walk_next(&walk, &item), PE_BAD_FORMAT);
    cr_expect_eq(walk.problem.value, pe_directory_at(&image, PE_DIRECTORY_RESOURCE).rva.value);
    img_free(&file);
}

static void expect_reloc_rule(hostile_kind kind, const char *rule, uint64_t value)
{
    pe_image image;
    pe_reloc_iter blocks;
    pe_reloc_block block;
    img_image file = open_hostile(kind, &image);
    pe_relocs(&image, &blocks);
    cr_expect_eq(pe_reloc_next(&blocks, &block), PE_BAD_FORMAT);
    cr_expect_str_eq(blocks.diag.rule, rule);
    cr_expect_eq(blocks.diag.value, value);
    img_free(&file);
}

Test(hostile, relocation_block_without_a_header_or_beyond_the_directory_is_refused)
{
    expect_reloc_rule(HOSTILE_RELOCATION_BLOCKS_OF_SIZE_0, "D3", 0);
    expect_reloc_rule(HOSTILE_RELOCATION_BLOCKS_OF_SIZE_4, "D3", 4);
    expect_reloc_rule(HOSTILE_RELOCATION_BLOCKS_THAT_WRAP, "D2", 0xFFFFFFF8);
}

Test(hostile, export_count_of_2_to_the_31_is_searched_in_logarithmic_time)
{
    pe_image image;
    pe_exports exports;
    pe_export found;
    pe_budget budget = {.left = 10000};
    img_image file = open_hostile(HOSTILE_EXPORTS_WITHOUT_END, &image);
    image.budget = &budget;
    cr_assert_eq(pe_exports_open(&image, &exports), PE_OK);
    pe_span name = {(const uint8_t *)"zlibVersion", 11};
    cr_expect_neq(pe_export_by_name(&image, &exports, name, 0, &found), PE_OK);
    cr_expect(!budget.is_spent);
    img_free(&file);
}

Test(hostile, import_name_without_nul_is_out_of_bounds)
{
    pe_image image;
    pe_import_iter dlls;
    pe_import_dll dll;
    img_image file = open_hostile(HOSTILE_IMPORT_NAMES_WITHOUT_NUL, &image);
    pe_imports(&image, &dlls);
    cr_expect_eq(pe_import_next(&dlls, &dll), PE_OUT_OF_BOUNDS);
    img_free(&file);
}

static void expect_certificate(hostile_kind kind, pe_status status)
{
    pe_image image;
    pe_certificate_iter certificates;
    pe_certificate certificate;
    img_image file = open_hostile(kind, &image);
    pe_certificates(&image, &certificates);
    cr_expect_eq(pe_certificate_next(&certificates, &certificate), status);
    img_free(&file);
}

Test(hostile, certificate_of_length_0_or_beyond_the_table_is_an_error)
{
    expect_certificate(HOSTILE_CERTIFICATE_LENGTH_0, PE_BAD_FORMAT);
    expect_certificate(HOSTILE_CERTIFICATE_LENGTH_NEGATIVE, PE_OUT_OF_BOUNDS);
    expect_certificate(HOSTILE_CERTIFICATES_OF_8, PE_OK);
}

Test(hostile, unwind_chain_that_loops_is_an_error)
{
    pe_image image;
    pe_x64_function_iter functions;
    pe_x64_function function, link;
    pe_x64_chain_iter chain;
    pe_x64_unwind unwind;
    img_image file = open_hostile(HOSTILE_UNWIND_CHAINS_THAT_LOOP, &image);
    pe_x64_functions(&image, &functions);
    cr_assert_eq(pe_x64_function_next(&functions, &function), PE_OK);
    pe_x64_chain(&image, &function, &chain);
    while (pe_x64_chain_next(&chain, &link, &unwind) == PE_OK)
        continue;
    cr_expect_eq(chain.status, PE_BAD_FORMAT);
    img_free(&file);
}

Test(hostile, tls_callbacks_outside_the_image_have_no_rva)
{
    pe_image image;
    pe_tls tls;
    pe_rva rva;
    img_image file = open_hostile(HOSTILE_TLS_CALLBACKS_NOWHERE, &image);
    cr_assert_eq(pe_tls_open(&image, &tls), PE_OK);
    cr_expect_eq(pe_va_to_rva(&image, image.optional.image_base, tls.callbacks, &rva),
                 PE_OUT_OF_BOUNDS);
    img_free(&file);
}

Test(hostile, import_table_over_the_tls_index_is_read_as_it_is)
{
    pe_image image;
    pe_import_iter dlls;
    pe_import_dll dll;
    pe_tls tls;
    pe_rva index;
    img_image file = open_hostile(HOSTILE_IMPORTS_OVER_TLS_INDEX, &image);
    pe_imports(&image, &dlls);
    cr_assert_eq(pe_import_next(&dlls, &dll), PE_OK);
    cr_assert_eq(pe_tls_open(&image, &tls), PE_OK);
    cr_assert_eq(pe_va_to_rva(&image, image.optional.image_base, tls.index, &index), PE_OK);
    cr_expect_eq(dll.name.data, pe_tail(&image, index).data);
    img_free(&file);
}
