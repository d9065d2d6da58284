#include "layouts.h"

#include <criterion/criterion.h>

/* Fixups at 0x1000, 0x1008 and 0x2010; .reloc at 0x3000 holds blocks of 12 bytes each. */
static img_image relocatable(void)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    uint32_t text = img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0);
    uint32_t data = img_add_section(&builder, ".data", IMG_RW, NULL, 0x200, 0);
    img_put_pointer(&builder, text, data);
    img_put_pointer(&builder, text + 8, data);
    img_put_pointer(&builder, data + 0x10, text);
    return img_finish(&builder);
}

enum { RELOC = 0x3000, FIRST_BLOCK_SIZE = 12, SIZE_FIELD = 4 };

/* Walks up to the end or an error. */
static pe_reloc_iter walk(const pe_image *image, uint32_t *ret_blocks, uint32_t *ret_entries)
{
    pe_reloc_iter iter;
    pe_reloc_block block;
    *ret_blocks = *ret_entries = 0;
    pe_relocs(image, &iter);
    while (pe_reloc_next(&iter, &block) == PE_OK) {
        *ret_blocks += 1;
        *ret_entries += block.count;
    }
    cr_expect_eq(pe_reloc_next(&iter, &block), iter.status, "said again");
    return iter;
}

static void expect_error(img_image image, uint32_t good_blocks, pe_status status, const char *rule,
                         uint32_t nt_status, uint64_t offset, uint64_t value, uint64_t allowed)
{
    layouts both = layouts_open(image);
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        uint32_t blocks, entries;
        pe_reloc_iter iter = walk(&both.image[l], &blocks, &entries);
        cr_expect_eq(blocks, good_blocks);
        cr_expect_eq(iter.status, status);
        cr_expect_str_eq(iter.diag.rule != NULL ? iter.diag.rule : "", rule);
        cr_expect_eq(iter.diag.nt_status, nt_status);
        cr_expect_eq(iter.diag.offset, offset, "offset %lx", (long)iter.diag.offset);
        cr_expect_eq(iter.diag.value, value, "value %lx", (long)iter.diag.value);
        cr_expect_eq(iter.diag.allowed, allowed, "allowed %lx", (long)iter.diag.allowed);
    }
    layouts_close(&both);
}

static void expect_walk(img_image image, uint32_t expected_blocks, uint32_t expected_entries)
{
    layouts both = layouts_open(image);
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        uint32_t blocks, entries;
        pe_reloc_iter iter = walk(&both.image[l], &blocks, &entries);
        cr_expect_eq(iter.status, PE_END);
        cr_expect_eq(blocks, expected_blocks);
        cr_expect_eq(entries, expected_entries);
    }
    layouts_close(&both);
}

Test(relocs, blocks_and_entries_are_decoded)
{
    layouts both = layouts_open(relocatable());
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_reloc_iter iter;
        pe_reloc_block block;
        cr_expect(pe_has_relocs(&both.image[l]));
        pe_relocs(&both.image[l], &iter);
        cr_assert_eq(pe_reloc_next(&iter, &block), PE_OK);
        cr_expect_eq(block.at.value, RELOC);
        cr_expect_eq(block.page.value, 0x1000);
        cr_expect_eq(block.count, 2);
        cr_expect_eq(pe_reloc_entry(&block, 0), PE_REL_DIR64 << 12);
        cr_expect_eq(pe_reloc_entry(&block, 1), PE_REL_DIR64 << 12 | 8);
        cr_assert_eq(pe_reloc_next(&iter, &block), PE_OK);
        cr_expect_eq(block.page.value, 0x2000);
        cr_expect_eq(pe_reloc_entry(&block, 0), PE_REL_DIR64 << 12 | 0x10);
        cr_expect_eq(pe_reloc_entry(&block, 1), PE_REL_ABSOLUTE);
        cr_expect_eq(pe_reloc_next(&iter, &block), PE_END);
    }
    layouts_close(&both);
}

/* Rule D.1: counted, RVA and size not 0. */
Test(relocs, directory_without_rva_or_size_is_absent)
{
    static const uint32_t entries[][2] = {{0, 0}, {0, 24}, {RELOC, 0}};
    for (size_t i = 0; i < 3; i++) {
        img_image image = relocatable();
        img_set_directory_entry(&image, PE_DIRECTORY_BASE_RELOCATION, entries[i][0], entries[i][1]);
        layouts both = layouts_open(image);
        uint32_t blocks, count;
        cr_expect_not(pe_has_relocs(&both.image[0]));
        cr_expect_eq(walk(&both.image[0], &blocks, &count).status, PE_END);
        cr_expect_eq(blocks, 0);
        layouts_close(&both);
    }
}

Test(relocs, block_size_below_header_is_refused)
{
    for (uint32_t size = 0; size < 8; size += 7) {
        img_image image = relocatable();
        uint64_t second = img_offset_of(&image, RELOC) + FIRST_BLOCK_SIZE;
        img_set_u32(&image, second + SIZE_FIELD, size);
        expect_error(image, 1, PE_BAD_FORMAT, "D3", PE_NT_INVALID_IMAGE_FORMAT,
                     RELOC + FIRST_BLOCK_SIZE + SIZE_FIELD, size, 8);
    }
}

Test(relocs, block_larger_than_the_directory_is_refused)
{
    static const uint32_t sizes[] = {25, 0x80000000, 0xFFFFFFFF};
    for (size_t i = 0; i < 3; i++) {
        img_image image = relocatable();
        img_set_u32(&image, img_offset_of(&image, RELOC) + SIZE_FIELD, sizes[i]);
        expect_error(image, 0, PE_BAD_FORMAT, "D2", PE_NT_INVALID_IMAGE_FORMAT, RELOC + SIZE_FIELD,
                     sizes[i], 24);
    }
}

Test(relocs, block_outside_the_image_is_out_of_bounds)
{
    img_image image = relocatable();
    img_set_directory_entry(&image, PE_DIRECTORY_BASE_RELOCATION, 0x5000, 24);
    expect_error(image, 0, PE_OUT_OF_BOUNDS, "D1", PE_NT_ACCESS_VIOLATION, 0x5004, 8, 0);
}

Test(relocs, directory_that_wraps_is_out_of_bounds)
{
    img_image image = relocatable();
    img_set_directory_entry(&image, PE_DIRECTORY_BASE_RELOCATION, 0xFFFFFFFC, 0xFFFFFFFF);
    expect_error(image, 0, PE_OUT_OF_BOUNDS, "D1", PE_NT_ACCESS_VIOLATION, 0x100000000, 8, 0);
}

Test(relocs, block_that_leaves_its_section_is_out_of_bounds)
{
    img_image image = relocatable();
    uint64_t block = img_offset_of(&image, RELOC);
    img_set_directory_entry(&image, PE_DIRECTORY_BASE_RELOCATION, RELOC, 0x2000);
    img_set_u32(&image, block + SIZE_FIELD, 0x1002);
    expect_error(image, 0, PE_OUT_OF_BOUNDS, "D1", PE_NT_ACCESS_VIOLATION, RELOC + SIZE_FIELD,
                 0x1002, 0x4000 - RELOC);
}

/* Rule D1. */
Test(relocs, odd_byte_of_a_block_is_ignored)
{
    img_image image = relocatable();
    img_set_directory_entry(&image, PE_DIRECTORY_BASE_RELOCATION, RELOC, 11);
    img_set_u32(&image, img_offset_of(&image, RELOC) + SIZE_FIELD, 11);
    expect_walk(image, 1, 1);
}

Test(relocs, rest_smaller_than_a_header_ends_the_walk)
{
    img_image image = relocatable();
    img_set_directory_entry(&image, PE_DIRECTORY_BASE_RELOCATION, RELOC, 24 + 7);
    expect_walk(image, 2, 4);
}

Test(relocs, block_without_entries_is_a_block)
{
    img_image image = relocatable();
    img_set_directory_entry(&image, PE_DIRECTORY_BASE_RELOCATION, RELOC, 8);
    img_set_u32(&image, img_offset_of(&image, RELOC) + SIZE_FIELD, 8);
    expect_walk(image, 1, 0);
}

/* Rule D7: entries that are not stored say ABSOLUTE, as they do in memory. */
Test(relocs, entries_in_zero_fill_are_absolute)
{
    img_image image = relocatable();
    img_set_directory_entry(&image, PE_DIRECTORY_BASE_RELOCATION, RELOC, 0x1000);
    img_set_u32(&image, img_offset_of(&image, RELOC) + SIZE_FIELD, 0x1000);
    layouts both = layouts_open(image);
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_reloc_iter iter;
        pe_reloc_block block;
        pe_relocs(&both.image[l], &iter);
        cr_assert_eq(pe_reloc_next(&iter, &block), PE_OK);
        cr_expect_eq(block.count, (0x1000 - 8) / 2);
        cr_expect_eq(pe_reloc_entry(&block, block.count - 1), PE_REL_ABSOLUTE);
        cr_expect_eq(pe_reloc_next(&iter, &block), PE_END);
    }
    layouts_close(&both);
}

Test(relocs, type_is_named_by_machine)
{
    cr_expect_str_eq(pe_reloc_type_name(PE_MACHINE_AMD64, PE_REL_DIR64), "DIR64");
    cr_expect_str_eq(pe_reloc_type_name(PE_MACHINE_I386, PE_REL_HIGHLOW), "HIGHLOW");
    cr_expect_str_eq(pe_reloc_type_name(PE_MACHINE_R4000, 5), "MIPS_JMPADDR");
    cr_expect_str_eq(pe_reloc_type_name(PE_MACHINE_ARM, 5), "ARM_MOV32");
    cr_expect_str_eq(pe_reloc_type_name(PE_MACHINE_ARMNT, 7), "THUMB_MOV32");
    cr_expect_str_eq(pe_reloc_type_name(PE_MACHINE_RISCV64, 8), "RISCV_LOW12S");
    cr_expect_str_eq(pe_reloc_type_name(PE_MACHINE_LOONGARCH64, 8), "LOONGARCH64_MARK_LA");
    cr_expect_str_eq(pe_reloc_type_name(PE_MACHINE_IA64, 9), "IA64_IMM64");
    cr_expect_null(pe_reloc_type_name(PE_MACHINE_AMD64, 5));
    cr_expect_null(pe_reloc_type_name(PE_MACHINE_ARM, 6));
    cr_expect_null(pe_reloc_type_name(PE_MACHINE_AMD64, 11));
    cr_expect_null(pe_reloc_type_name(PE_MACHINE_AMD64, 0xFFFFFFFF));
}
