#include "support/image_builder.h"

#include <criterion/criterion.h>
#include <string.h>

static pe_span span(const img_image *image)
{
    return (pe_span){image->bytes, image->size};
}

static void expect_refusal(const img_image *image, const char *rule, uint32_t nt_status,
                           uint64_t offset, uint64_t value, uint64_t allowed)
{
    pe_diag diag = {0};
    pe_image opened;
    cr_assert_eq(pe_open(span(image), PE_LAYOUT_FILE, &opened, &diag), PE_REFUSED);
    cr_expect_str_eq(diag.rule, rule);
    cr_expect_eq(diag.nt_status, nt_status);
    cr_expect_eq(diag.offset, offset);
    cr_expect_eq(diag.value, value);
    cr_expect_eq(diag.allowed, allowed);
    cr_expect_not_null(diag.detail);
    cr_expect_eq(pe_open(span(image), PE_LAYOUT_FILE, &opened, NULL), PE_REFUSED);
}

Test(open, magic_other_than_mz_is_refused)
{
    img_image image = img_plain(IMG_PE32);
    img_set(&image, IMG_DOS_MAGIC, 0x4D5A);
    expect_refusal(&image, "A3", PE_NT_INVALID_IMAGE_NOT_MZ, 0, 0x4D5A, 0x5A4D);
    img_free(&image);
}

Test(open, file_shorter_than_a_dos_header_is_refused)
{
    img_image image = img_plain(IMG_PE32);
    img_resize(&image, 63);
    expect_refusal(&image, "A3", PE_NT_INVALID_IMAGE_NOT_MZ, 0, 0x5A4D, 0x5A4D);
    img_free(&image);
}

Test(open, empty_span_is_refused)
{
    pe_image opened;
    pe_diag diag = {0};
    cr_expect_eq(pe_open((pe_span){0}, PE_LAYOUT_FILE, &opened, &diag), PE_REFUSED);
    cr_expect_str_eq(diag.rule, "A3");
}

Test(open, lfanew_beyond_the_file_is_refused)
{
    img_image image = img_plain(IMG_PE32);
    img_set(&image, IMG_LFANEW, 0xFFFFFFFC);
    expect_refusal(&image, "H1", PE_NT_INVALID_IMAGE_PROTECT, 60, 0xFFFFFFFC, 0x600);
    img_free(&image);
}

Test(open, directories_beyond_the_file_are_refused)
{
    img_image image = img_plain(IMG_PE32_PLUS);
    img_resize(&image, image.nt + 24 + 112 + 16 * 8 - 1);
    expect_refusal(&image, "H1", PE_NT_INVALID_IMAGE_PROTECT, image.nt, image.size + 1, image.size);
    img_free(&image);
}

Test(open, signature_other_than_pe_is_refused)
{
    img_image image = img_plain(IMG_PE32);
    img_set(&image, IMG_SIGNATURE, 0x4551);
    expect_refusal(&image, "A6", PE_NT_INVALID_IMAGE_PROTECT, image.nt, 0x4551, 0x4550);
    img_free(&image);
}

Test(open, rom_image_is_refused)
{
    img_image image = img_plain(IMG_PE32);
    img_set(&image, IMG_MAGIC, 0x107);
    expect_refusal(&image, "A10", PE_NT_INVALID_IMAGE_FORMAT, image.nt + 24, 0x107, 0x20B);
    img_free(&image);
}

Test(open, refusal_leaves_the_result_untouched)
{
    pe_image opened, before;
    memset(&opened, 0xA5, sizeof opened);
    before = opened;
    pe_open((pe_span){0}, PE_LAYOUT_FILE, &opened, NULL);
    cr_expect_arr_eq((uint8_t *)&opened, (uint8_t *)&before, sizeof opened);
}

static void expect_fields(const pe_image *image, bool is_64)
{
    cr_expect_eq(pe_is_64(image), is_64);
    cr_expect_eq(image->file.machine, is_64 ? PE_MACHINE_AMD64 : PE_MACHINE_I386);
    cr_expect_eq(image->file.section_count, 2);
    cr_expect_eq(image->file.offset.value, 0x80);
    cr_expect_eq(image->optional.image_base, 0x400000);
    cr_expect_eq(image->optional.section_alignment, 0x1000);
    cr_expect_eq(image->optional.file_alignment, 0x200);
    cr_expect_eq(image->optional.size_of_image, 0x3000);
    cr_expect_eq(image->optional.entry_point.value, 0x1000);
    cr_expect_eq(image->optional.stack_reserve, 0x100000);
    cr_expect_eq(image->optional.directory_count, 16);
    cr_expect_eq(image->section_table.value, is_64 ? 0x188u : 0x178u);
}

Test(open, both_widths_give_the_same_fields)
{
    for (int is_64 = 0; is_64 < 2; is_64++) {
        img_image image = img_plain(is_64 ? IMG_PE32_PLUS : IMG_PE32);
        pe_image opened;
        cr_assert_eq(pe_open(span(&image), PE_LAYOUT_FILE, &opened, NULL), PE_OK);
        expect_fields(&opened, is_64);
        img_free(&image);
    }
}

Test(open, wide_fields_are_read_whole)
{
    img_image image = img_plain(IMG_PE32_PLUS);
    pe_image opened;
    img_set(&image, IMG_IMAGE_BASE, 0x123456789ABC0000);
    img_set(&image, IMG_STACK_RESERVE, 0x1122334455667788);
    cr_assert_eq(pe_open(span(&image), PE_LAYOUT_FILE, &opened, NULL), PE_OK);
    cr_expect_eq(opened.optional.image_base, 0x123456789ABC0000);
    cr_expect_eq(opened.optional.stack_reserve, 0x1122334455667788);
    cr_expect_eq(opened.optional.stack_commit, 0);
    img_free(&image);
}

Test(open, directories_beyond_the_count_are_absent)
{
    img_image image = img_plain(IMG_PE32);
    pe_image opened;
    img_set_directory_entry(&image, PE_DIRECTORY_BASE_RELOCATION, 0x2000, 12);
    img_set(&image, IMG_DIRECTORY_COUNT, 5);
    cr_assert_eq(pe_open(span(&image), PE_LAYOUT_FILE, &opened, NULL), PE_OK);
    cr_expect_eq(pe_directory_at(&opened, PE_DIRECTORY_BASE_RELOCATION).size, 0);
    cr_expect_not(pe_has_relocs(&opened));
    img_set(&image, IMG_DIRECTORY_COUNT, 0xFFFFFFFF);
    cr_assert_eq(pe_open(span(&image), PE_LAYOUT_FILE, &opened, NULL), PE_OK);
    cr_expect_eq(pe_directory_at(&opened, PE_DIRECTORY_BASE_RELOCATION).size, 12);
    cr_expect_eq(pe_directory_at(&opened, PE_DIRECTORY_COUNT).size, 0);
    img_free(&image);
}

Test(sections, entries_are_decoded)
{
    img_image image = img_plain(IMG_PE32);
    pe_image opened;
    pe_section section;
    cr_assert_eq(pe_open(span(&image), PE_LAYOUT_FILE, &opened, NULL), PE_OK);
    cr_assert_eq(pe_section_at(&opened, 1, &section), PE_OK);
    cr_expect_str_eq(section.name, ".data");
    cr_expect_eq(section.virtual_size, 0x1000);
    cr_expect_eq(section.rva.value, 0x2000);
    cr_expect_eq(section.raw_size, 0x200);
    cr_expect_eq(section.raw.value, 0x400);
    cr_expect_eq(section.characteristics, IMG_RW);
    cr_expect_eq(section.offset.value, img_section_at(&image, 1, IMG_SCN_NAME));
    cr_expect_eq(pe_section_at(&opened, 2, &section), PE_NOT_FOUND);
    img_free(&image);
}

Test(sections, name_of_eight_bytes_is_terminated)
{
    img_image image = img_plain(IMG_PE32);
    pe_image opened;
    pe_section section;
    memset(image.bytes + img_section_at(&image, 0, IMG_SCN_NAME), 'x', 8);
    cr_assert_eq(pe_open(span(&image), PE_LAYOUT_FILE, &opened, NULL), PE_OK);
    cr_assert_eq(pe_section_at(&opened, 0, &section), PE_OK);
    cr_expect_str_eq(section.name, "xxxxxxxx");
    img_free(&image);
}

Test(sections, table_beyond_the_file_is_out_of_bounds)
{
    img_image image = img_plain(IMG_PE32);
    pe_image opened;
    pe_section section;
    img_resize(&image, 0x178 + 79);
    cr_assert_eq(pe_open(span(&image), PE_LAYOUT_FILE, &opened, NULL), PE_OK);
    cr_expect_eq(pe_section_at(&opened, 0, &section), PE_OK);
    cr_expect_eq(pe_section_at(&opened, 1, &section), PE_OUT_OF_BOUNDS);
    img_free(&image);
}

/* What a caller does that reads as much of a file as the parser asks for. */
static uint64_t extent(const img_image *image)
{
    uint64_t size = 0, wanted = 64;
    for (int steps = 0; size < wanted; steps++) {
        cr_assert_lt(steps, 4);
        size = wanted;
        wanted = pe_header_extent((pe_span){image->bytes, size}, image->size);
    }
    return size;
}

Test(header_extent, grows_to_the_end_of_the_section_table)
{
    img_builder builder;
    img_start(&builder, IMG_PE32);
    builder.lfanew = 0x1F00;
    builder.optional_size = 0x400;
    builder.header_size = 0x2800;
    img_image image = img_finish(&builder);
    cr_expect_eq(extent(&image), 0x1F00 + 24 + 0x400 + 2 * 40);
    img_resize(&image, 0x1F80);
    cr_expect_eq(extent(&image), 0x1F80, "never beyond the file");
    img_free(&image);
}

Test(header_extent, other_files_need_no_more_than_a_dos_header)
{
    img_image image = img_plain(IMG_PE32);
    img_set(&image, IMG_DOS_MAGIC, 0);
    cr_expect_eq(extent(&image), 64);
    img_set(&image, IMG_DOS_MAGIC, 0x5A4D);
    img_set(&image, IMG_LFANEW, 0xFFFFFFF0);
    cr_expect_eq(extent(&image), 64);
    img_free(&image);
}

Test(status, every_code_has_a_text)
{
    cr_expect_str_eq(pe_status_text(PE_REFUSED), "Windows refuses the image");
    cr_expect_str_eq(pe_status_text((pe_status)99), "unknown status");
    cr_expect_str_eq(pe_nt_status_name(0xC000007B), "STATUS_INVALID_IMAGE_FORMAT");
    cr_expect_str_eq(pe_nt_status_name(0x12345678), "STATUS_UNKNOWN");
    cr_expect_str_eq(pe_directory_name(PE_DIRECTORY_TLS), "TLS");
    cr_expect_str_eq(pe_directory_name(PE_DIRECTORY_COUNT), "unknown");
}

Test(open, machine_has_the_name_of_the_specification)
{
    cr_expect_str_eq(pe_machine_name(0x14C), "I386");
    cr_expect_str_eq(pe_machine_name(0xA641), "ARM64EC");
    cr_expect_str_eq(pe_machine_name(0x5064), "RISCV64");
    cr_expect_null(pe_machine_name(0x1234));
}
