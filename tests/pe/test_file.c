#include "support/image_builder.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* .text is at 0x200 of the file and 0x1000 in memory, .data at 0x400 and 0x2000, of 0x200 bytes. */
static pe_image opened(const img_image *file)
{
    pe_image image;
    pe_span bytes = {file->bytes, file->size};
    cr_assert_eq(pe_open(bytes, PE_LAYOUT_FILE, &image, NULL), PE_OK);
    return image;
}

/* CheckSumMappedFile by the letter: words one after the other, the field as if it were 0. */
static uint32_t plain_checksum(const img_image *file)
{
    uint64_t field = img_at(file, IMG_CHECKSUM);
    uint32_t sum = 0;
    for (uint64_t i = 0; i < file->size; i += 2) {
        uint32_t word = file->bytes[i];
        if (i + 1 < file->size)
            word |= (uint32_t)file->bytes[i + 1] << 8;
        if (i < field || i >= field + 4)
            sum += word;
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    return sum + (uint32_t)file->size;
}

Test(file, checksum_is_that_of_the_words_without_the_field)
{
    img_image file = img_plain(IMG_PE32_PLUS);
    for (size_t size = file.size; size < file.size + 5; size++) {
        uint32_t checksum;
        img_image copy = img_plain(IMG_PE32_PLUS);
        img_resize(&copy, size);
        memset(copy.bytes + file.size, 0xFE, size - file.size);
        img_set(&copy, IMG_CHECKSUM, 0xFFFE1234);
        pe_image image = opened(&copy);
        cr_assert_eq(pe_checksum(&image, &checksum), PE_OK);
        cr_expect_eq(checksum, plain_checksum(&copy));
        img_free(&copy);
    }
    img_free(&file);
}

Test(file, overlay_starts_behind_the_last_section)
{
    img_image file = img_plain(IMG_PE32_PLUS);
    pe_span overlay;
    size_t size = file.size;
    pe_image image = opened(&file);
    cr_expect_eq(pe_overlay(&image, &overlay), PE_NOT_PRESENT);
    img_resize(&file, size + 3);
    image = opened(&file);
    cr_assert_eq(pe_overlay(&image, &overlay), PE_OK);
    cr_expect_eq(pe_offset_of_span(&image, overlay).value, size);
    cr_expect_eq(overlay.size, 3);
    img_free(&file);
}

Test(file, section_bytes_end_with_the_file)
{
    img_image file = img_plain(IMG_PE32_PLUS);
    pe_section section;
    img_resize(&file, 0x410);
    pe_image image = opened(&file);
    cr_assert_eq(pe_section_at(&image, 0, &section), PE_OK);
    cr_expect_eq(pe_section_bytes(&image, &section).size, 0x200);
    cr_assert_eq(pe_section_at(&image, 1, &section), PE_OK);
    cr_expect_eq(pe_section_bytes(&image, &section).size, 0x10);
    img_free(&file);
}

Test(file, entropy_is_exact_for_powers_of_two)
{
    uint8_t bytes[256];
    for (int i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    cr_expect_eq(pe_entropy((pe_span){0}), 0);
    cr_expect_eq(pe_entropy((pe_span){bytes, 1}), 0);
    cr_expect_eq(pe_entropy((pe_span){bytes, 2}), 1 * PE_ENTROPY_BIT);
    cr_expect_eq(pe_entropy((pe_span){bytes, 16}), 4 * PE_ENTROPY_BIT);
    cr_expect_eq(pe_entropy((pe_span){bytes, 256}), 8 * PE_ENTROPY_BIT);
    memset(bytes, 7, sizeof bytes);
    cr_expect_eq(pe_entropy((pe_span){bytes, 256}), 0);
}

/* log2(3) is 1.5849625; of one byte in three, 0.9182958. */
Test(file, entropy_of_three_values_is_a_fraction)
{
    const uint8_t three[] = {1, 2, 3}, two[] = {1, 2, 2};
    cr_expect_leq(abs((int)pe_entropy((pe_span){three, 3}) - 103872), 16);
    cr_expect_leq(abs((int)pe_entropy((pe_span){two, 3}) - 60181), 16);
}

static uint64_t offset_of(const pe_image *image, pe_reading reading, uint32_t rva)
{
    pe_offset offset = {UINT64_MAX};
    pe_rva_to_offset(image, reading, (pe_rva){rva}, &offset);
    return offset.value;
}

static uint64_t rva_of(const pe_image *image, pe_reading reading, uint64_t offset)
{
    pe_rva rva;
    pe_status status = pe_offset_to_rva(image, reading, (pe_offset){offset}, &rva);
    return status == PE_OK ? rva.value : UINT64_MAX;
}

Test(file, both_readings_agree_on_an_aligned_image)
{
    img_image file = img_plain(IMG_PE32_PLUS);
    pe_image image = opened(&file);
    for (int i = 0; i < 2; i++) {
        pe_reading reading = (pe_reading)i;
        cr_expect_eq(offset_of(&image, reading, 0x10), 0x10);
        cr_expect_eq(offset_of(&image, reading, 0x2004), 0x404);
        cr_expect_eq(offset_of(&image, reading, 0x2200), UINT64_MAX); /* zero fill */
        cr_expect_eq(offset_of(&image, reading, 0x3000), UINT64_MAX); /* beyond the image */
        cr_expect_eq(rva_of(&image, reading, 0x3C), 0x3C);
        cr_expect_eq(rva_of(&image, reading, 0x3FF), 0x11FF);
        cr_expect_eq(rva_of(&image, reading, 0x600), UINT64_MAX); /* beyond the file */
    }
    img_free(&file);
}

Test(file, windows_rounds_where_the_specification_does_not)
{
    img_image file = img_plain(IMG_PE32_PLUS);
    img_set_section(&file, 1, IMG_SCN_RAW, 0x410);
    img_set_section(&file, 1, IMG_SCN_RAW_SIZE, 0x100);
    img_set_section(&file, 1, IMG_SCN_VIRTUAL_SIZE, 0x1000);
    pe_image image = opened(&file);
    cr_expect_eq(offset_of(&image, PE_READING_WINDOWS, 0x2000), 0x400);
    cr_expect_eq(offset_of(&image, PE_READING_WINDOWS, 0x21FF), 0x5FF);
    cr_expect_eq(offset_of(&image, PE_READING_SPECIFICATION, 0x2000), 0x410);
    cr_expect_eq(offset_of(&image, PE_READING_SPECIFICATION, 0x2100), UINT64_MAX);
    cr_expect_eq(rva_of(&image, PE_READING_WINDOWS, 0x404), 0x2004);
    cr_expect_eq(rva_of(&image, PE_READING_SPECIFICATION, 0x404), UINT64_MAX);
    img_free(&file);
}

Test(file, flat_image_is_mapped_as_it_lies)
{
    img_image file = img_plain(IMG_FLAT_PE32);
    pe_image image = opened(&file);
    cr_expect_eq(offset_of(&image, PE_READING_WINDOWS, 0x123), 0x123);
    cr_expect_eq(rva_of(&image, PE_READING_WINDOWS, 0x123), 0x123);
    img_free(&file);
}

Test(file, mapped_image_still_tells_offsets)
{
    img_image file = img_plain(IMG_PE32_PLUS);
    pe_image image = opened(&file);
    pe_span view = img_map(&image);
    pe_image mapped = pe_image_mapped(&image, view);
    uint32_t checksum;
    cr_expect_eq(offset_of(&mapped, PE_READING_WINDOWS, 0x2004), 0x404);
    cr_expect_eq(rva_of(&mapped, PE_READING_WINDOWS, 0x404), 0x2004);
    cr_expect_eq(pe_checksum(&mapped, &checksum), PE_NOT_PRESENT);
    free((void *)view.data);
    img_free(&file);
}

Test(file, bytes_shared_by_sections_have_the_lowest_rva)
{
    img_image file = img_plain(IMG_PE32_PLUS);
    img_set_section(&file, 1, IMG_SCN_RAW, 0x200);
    pe_image image = opened(&file);
    cr_expect_eq(rva_of(&image, PE_READING_WINDOWS, 0x204), 0x1004);
    img_free(&file);
}

/* .data starts inside .text in memory, whose bytes are hidden from there on. */
Test(file, bytes_that_another_section_hides_are_not_mapped)
{
    img_image file = img_plain(IMG_PE32_PLUS);
    img_set_section(&file, 0, IMG_SCN_VIRTUAL_SIZE, 0x2000);
    img_set_section(&file, 0, IMG_SCN_RAW_SIZE, 0x1200);
    img_resize(&file, 0x1600);
    pe_image image = opened(&file);
    cr_expect_eq(offset_of(&image, PE_READING_WINDOWS, 0x2004), 0x404);
    cr_expect_eq(rva_of(&image, PE_READING_WINDOWS, 0x1204), UINT64_MAX);
    cr_expect_eq(rva_of(&image, PE_READING_WINDOWS, 0x11FF), 0x1FFF);
    img_free(&file);
}

Test(names, flags_of_headers_have_the_names_of_the_specification)
{
    cr_expect_str_eq(pe_file_flag_name(0x2000), "DLL");
    cr_expect_str_eq(pe_dll_flag_name(0x4000), "GUARD_CF");
    cr_expect_str_eq(pe_section_flag_name(0x80000000u), "MEM_WRITE");
    cr_expect_str_eq(pe_subsystem_name(3), "WINDOWS_CUI");
    cr_expect_null(pe_file_flag_name(3));
    cr_expect_null(pe_subsystem_name(4));
}
