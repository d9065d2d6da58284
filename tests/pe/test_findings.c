#include "support/image_builder.h"

#include <criterion/criterion.h>
#include <string.h>

static pe_image opened(const img_image *file)
{
    pe_image image;
    pe_span bytes = {file->bytes, file->size};
    cr_assert_eq(pe_open(bytes, PE_LAYOUT_FILE, &image, NULL), PE_OK);
    return image;
}

/* The finding `code` of an image, if it has it; *ret_others counts the rest. */
static bool find(const img_image *file, pe_finding_code code, pe_finding *ret_finding,
                 int *ret_others)
{
    pe_image image = opened(file);
    pe_finding_iter findings;
    pe_finding finding;
    bool is_found = false;
    *ret_others = 0;
    pe_findings(&image, &findings);
    while (pe_finding_next(&findings, &finding) == PE_OK) {
        if (finding.code == code)
            *ret_finding = finding;
        is_found = is_found || finding.code == code;
        *ret_others += finding.code != code;
    }
    cr_expect_eq(pe_finding_next(&findings, &finding), PE_END);
    return is_found;
}

/* The only finding of an image, which must be `code`. Releases the image. */
static pe_finding only(img_image file, pe_finding_code code)
{
    pe_finding finding = {0};
    int others;
    cr_expect(find(&file, code, &finding, &others), "%s is missing", pe_finding_name(code));
    cr_expect_eq(others, 0, "%d more than %s", others, pe_finding_name(code));
    img_free(&file);
    return finding;
}

/* A finding of an image that may have others. Releases the image. */
static pe_finding among(img_image file, pe_finding_code code)
{
    pe_finding finding = {0};
    int others;
    cr_expect(find(&file, code, &finding, &others), "%s is missing", pe_finding_name(code));
    img_free(&file);
    return finding;
}

/* A plain image with one field of the header of .data replaced. */
static img_image with_data_field(img_section_field field, uint32_t value)
{
    img_image file = img_plain(IMG_PE32_PLUS);
    img_set_section(&file, 1, field, value);
    return file;
}

static img_image with_header_field(img_field field, uint64_t value)
{
    img_image file = img_plain(IMG_PE32_PLUS);
    img_set(&file, field, value);
    return file;
}

static img_image with_directory(pe_directory_index index, uint32_t rva, uint32_t size)
{
    img_image file = img_plain(IMG_PE32_PLUS);
    img_set_directory_entry(&file, index, rva, size);
    return file;
}

static void expect_about_data(const pe_finding *finding)
{
    img_image plain = img_plain(IMG_PE32_PLUS);
    cr_expect_eq(finding->subject, PE_ABOUT_SECTION);
    cr_expect_eq(finding->index, 1);
    cr_expect_eq(finding->offset.value, img_section_at(&plain, 1, IMG_SCN_NAME));
    img_free(&plain);
}

Test(findings, plain_images_have_none)
{
    for (int kind = IMG_PE32; kind <= IMG_PE32_PLUS; kind++) {
        img_image file = img_plain((img_kind)kind);
        pe_image image = opened(&file);
        pe_finding_iter findings;
        pe_finding finding;
        pe_findings(&image, &findings);
        cr_expect_eq(pe_finding_next(&findings, &finding), PE_END);
        img_free(&file);
    }
}

Test(findings, every_code_has_a_name_text_and_severity)
{
#define X(name, number, severity, text)               \
    cr_expect_str_eq(pe_finding_name(number), #name); \
    cr_expect_str_eq(pe_finding_text(number), text);  \
    cr_expect_not_null(pe_severity_name(PE_##severity));
    PE_FINDING_LIST(X)
#undef X
    cr_expect_null(pe_finding_name(0));
    cr_expect_null(pe_finding_text(0));
    cr_expect_null(pe_severity_name((pe_severity)3));
}

Test(findings, checksum_that_is_wrong_is_told_with_the_right_one)
{
    img_image file = img_plain(IMG_PE32_PLUS);
    uint64_t at = img_at(&file, IMG_CHECKSUM);
    uint32_t checksum;
    pe_image image = opened(&file);
    cr_assert_eq(pe_checksum(&image, &checksum), PE_OK);
    img_set(&file, IMG_CHECKSUM, 1);
    pe_finding finding = only(file, PE_FINDING_CHECKSUM_WRONG);
    cr_expect_eq(finding.severity, PE_NOTICE);
    cr_expect_eq(finding.offset.value, at);
    cr_expect_eq(finding.value, 1);
    cr_expect_eq(finding.expected, checksum);
}

Test(findings, sizes_of_headers_that_disagree)
{
    pe_finding finding =
        only(with_header_field(IMG_SIZE_OF_IMAGE, 0x5000), PE_FINDING_SIZE_OF_IMAGE_WRONG);
    cr_expect_eq(finding.value, 0x5000);
    cr_expect_eq(finding.expected, 0x3000);
    finding = only(with_header_field(IMG_SIZE_OF_HEADERS, 0x100), PE_FINDING_SIZE_OF_HEADERS_SMALL);
    cr_expect_eq(finding.severity, PE_ERROR);
    finding = among(with_header_field(IMG_DIRECTORY_COUNT, 6), PE_FINDING_DIRECTORY_COUNT_UNUSUAL);
    cr_expect_eq(finding.value, 6);
    among(with_header_field(IMG_DIRECTORY_COUNT, 6), PE_FINDING_OPTIONAL_HEADER_SIZE_UNUSUAL);
}

Test(findings, entry_points_that_are_no_code)
{
    only(with_header_field(IMG_ENTRY_POINT, 0x9000), PE_FINDING_ENTRY_POINT_OUTSIDE_IMAGE);
    only(with_header_field(IMG_ENTRY_POINT, 0x10), PE_FINDING_ENTRY_POINT_OUTSIDE_CODE);
    pe_finding finding =
        among(with_header_field(IMG_ENTRY_POINT, 0x2000), PE_FINDING_ENTRY_POINT_OUTSIDE_CODE);
    cr_expect_eq(finding.value, 0x2000);
    among(with_header_field(IMG_ENTRY_POINT, 0x2000), PE_FINDING_ENTRY_POINT_WRITABLE);
    only(with_header_field(IMG_ENTRY_POINT, 0), PE_FINDING_ENTRY_POINT_MISSING);
}

Test(findings, random_base_without_relocations)
{
    img_image file = img_plain(IMG_PE32_PLUS);
    img_set(&file, IMG_CHARACTERISTICS, PE_FILE_EXECUTABLE_IMAGE | PE_FILE_RELOCS_STRIPPED);
    img_set(&file, IMG_DLL_CHARACTERISTICS, PE_DLL_DYNAMIC_BASE);
    only(file, PE_FINDING_RELOCS_STRIPPED_BUT_DYNAMIC_BASE);
}

Test(findings, overlay_is_told_unless_it_is_certificates)
{
    img_image file = img_plain(IMG_PE32_PLUS);
    uint32_t end = (uint32_t)file.size;
    img_resize(&file, end + 0x1000);
    pe_finding finding = only(file, PE_FINDING_OVERLAY);
    cr_expect_eq(finding.offset.value, end);
    cr_expect_eq(finding.value, 0x1000);
    file = img_plain(IMG_PE32_PLUS);
    img_resize(&file, end + 0x1000);
    img_set_u32(&file, end, 0x800);
    img_set_u32(&file, end + 4, 0x00020200);
    img_set_directory_entry(&file, PE_DIRECTORY_CERTIFICATE, end, 0x800);
    finding = among(file, PE_FINDING_CERTIFICATES_NOT_LAST);
    cr_expect_eq(finding.offset.value, end + 0x800);
    cr_expect_eq(finding.value, 0x800);
}

Test(findings, sections_in_the_way_of_others)
{
    pe_finding finding = among(with_data_field(IMG_SCN_RVA, 0x1000), PE_FINDING_SECTIONS_OVERLAP);
    expect_about_data(&finding);
    cr_expect_eq(finding.value, 0x1000);
    finding = among(with_data_field(IMG_SCN_RVA, 0x100), PE_FINDING_SECTION_IN_HEADERS);
    cr_expect_eq(finding.expected, 0x200);
    finding =
        among(with_data_field(IMG_SCN_VIRTUAL_SIZE, 0x1001), PE_FINDING_SECTION_OUTSIDE_IMAGE);
    expect_about_data(&finding);
    cr_expect_eq(finding.value, 0x3001);
}

Test(findings, raw_data_in_the_way_of_others)
{
    pe_finding finding =
        only(with_data_field(IMG_SCN_RAW_SIZE, 0x201), PE_FINDING_RAW_DATA_OUTSIDE_FILE);
    expect_about_data(&finding);
    cr_expect_eq(finding.value, 0x601);
    cr_expect_eq(finding.expected, 0x600);
    only(with_data_field(IMG_SCN_RAW, 0x200), PE_FINDING_RAW_DATA_OVERLAP);
    among(with_data_field(IMG_SCN_RAW, 0x10), PE_FINDING_RAW_DATA_IN_HEADERS);
    among(with_data_field(IMG_SCN_RAW, 0x3F0), PE_FINDING_RAW_DATA_UNALIGNED);
}

Test(findings, sections_that_give_up_protection)
{
    only(with_data_field(IMG_SCN_CHARACTERISTICS, IMG_RW | PE_SCN_MEM_EXECUTE),
         PE_FINDING_SECTION_WRITE_EXECUTE);
    only(with_data_field(IMG_SCN_CHARACTERISTICS, IMG_RW | PE_SCN_MEM_SHARED),
         PE_FINDING_SECTION_WRITE_SHARED);
}

/* The name is 8 bytes in the header; the field is its first half. */
Test(findings, section_names)
{
    img_image file = img_plain(IMG_PE32_PLUS);
    uint64_t at = img_section_at(&file, 1, IMG_SCN_NAME);
    memset(file.bytes + at, 0, 8);
    only(file, PE_FINDING_SECTION_NAME_EMPTY);
    file = img_plain(IMG_PE32_PLUS);
    file.bytes[at] = 0xFF;
    only(file, PE_FINDING_SECTION_NAME_UNPRINTABLE);
    file = img_plain(IMG_PE32_PLUS);
    memcpy(file.bytes + at, ".text\0\0", 8);
    pe_finding finding = only(file, PE_FINDING_SECTION_NAME_REPEATED);
    cr_expect_eq(finding.value, 0);
    file = img_plain(IMG_PE32_PLUS);
    memcpy(file.bytes + at, "/4\0\0\0\0\0", 8);
    only(file, PE_FINDING_SECTION_NAME_LOST);
}

Test(findings, virtual_size_of_zero)
{
    pe_finding finding =
        only(with_data_field(IMG_SCN_VIRTUAL_SIZE, 0), PE_FINDING_SECTION_VIRTUAL_SIZE_ZERO);
    expect_about_data(&finding);
}

Test(findings, code_without_pattern_is_packed)
{
    uint8_t noise[0x2000];
    uint32_t state = 1;
    for (size_t i = 0; i < sizeof noise; i++) {
        state = state * 1664525 + 1013904223;
        noise[i] = (uint8_t)(state >> 24);
    }
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.entry_point =
        img_add_section(&builder, ".text", IMG_RX, noise, sizeof noise, sizeof noise);
    pe_finding finding = only(img_finish(&builder), PE_FINDING_CODE_ENTROPY_HIGH);
    cr_expect_gt(finding.value, 7 * PE_ENTROPY_BIT);
}

Test(findings, directories_that_lead_nowhere)
{
    pe_finding finding = among(with_directory(PE_DIRECTORY_DEBUG, 0x2F00, 0x200),
                               PE_FINDING_DIRECTORY_OUTSIDE_IMAGE);
    cr_expect_eq(finding.subject, PE_ABOUT_DIRECTORY);
    cr_expect_eq(finding.index, PE_DIRECTORY_DEBUG);
    cr_expect_eq(finding.value, 0x3100);
    among(with_directory(PE_DIRECTORY_DEBUG, 0x8000, 28), PE_FINDING_DIRECTORY_UNMAPPED);
    only(with_directory(PE_DIRECTORY_DEBUG, 0, 28), PE_FINDING_DIRECTORY_WITHOUT_RVA);
    only(with_directory(PE_DIRECTORY_ARCHITECTURE, 0x2000, 0), PE_FINDING_DIRECTORY_WITHOUT_SIZE);
    finding = among(with_directory(PE_DIRECTORY_TLS, 0x8000, 40), PE_FINDING_TABLE_BROKEN);
    cr_expect_eq(finding.index, PE_DIRECTORY_TLS);
    cr_expect_eq(finding.value, PE_OUT_OF_BOUNDS);
}

Test(findings, export_names_that_do_not_ascend)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    uint32_t text = img_add_section(&builder, ".text", IMG_RX, "\xC3", 1, 0);
    img_add_export(&builder, "aa", 1, text);
    img_add_export(&builder, "bb", 2, text);
    img_image file = img_finish(&builder);
    pe_image image = opened(&file);
    pe_exports exports;
    pe_export export;
    cr_assert_eq(pe_exports_open(&image, &exports), PE_OK);
    cr_assert_eq(pe_export_name_at(&image, &exports, 0, &export), PE_OK);
    file.bytes[pe_offset_of_span(&image, export.name).value] = 'c';
    pe_finding finding = only(file, PE_FINDING_EXPORT_NAMES_UNSORTED);
    cr_expect_eq(finding.value, 1);
}

Test(findings, functions_that_do_not_ascend)
{
    const uint32_t functions[] = {0x1010, 0x1020, 0x1000, 0x1000, 0x1010, 0x1000};
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    img_add_section(&builder, ".text", IMG_RX, "\xC3", 1, 0);
    uint32_t pdata = img_add_section(&builder, ".pdata", IMG_RO, functions, sizeof functions, 0);
    img_set_directory(&builder, PE_DIRECTORY_EXCEPTION, pdata, sizeof functions);
    pe_finding finding = only(img_finish(&builder), PE_FINDING_FUNCTIONS_UNSORTED);
    cr_expect_eq(finding.value, 0x1000);
    cr_expect_eq(finding.expected, 0x1010);
}

Test(findings, signature_in_the_dos_header)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.lfanew = 0x10;
    among(img_finish(&builder), PE_FINDING_LFANEW_IN_DOS_HEADER);
}

Test(findings, rich_header_that_was_changed)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.lfanew = 0x100;
    img_image file = img_finish(&builder);
    img_set_u32(&file, 0x80, 0x536E6144 ^ 0x77);
    for (uint32_t at = 0x84; at < 0x90; at += 4)
        img_set_u32(&file, at, 0x77);
    img_set_u32(&file, 0x90, 0x68636952);
    img_set_u32(&file, 0x94, 0x77);
    pe_finding finding = only(file, PE_FINDING_RICH_CHECKSUM_WRONG);
    cr_expect_eq(finding.offset.value, 0x80);
    cr_expect_eq(finding.value, 0x77);
}
