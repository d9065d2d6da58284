#include "layouts.h"

#include <criterion/criterion.h>
#include <string.h>

enum { TABLE = 0x600 }; /* where a plain image ends */

/* A plain image with `size` bytes of certificates behind it. */
static layouts with_table(const void *data, uint32_t size)
{
    img_image image = img_plain(IMG_PE32_PLUS);
    cr_assert_eq(image.size, TABLE);
    img_resize(&image, TABLE + size);
    memcpy(image.bytes + TABLE, data, size);
    img_set_directory_entry(&image, PE_DIRECTORY_CERTIFICATE, TABLE, size);
    return layouts_open(image);
}

/* The status after `expected` certificates, which the iterator repeats. */
static pe_status status_after(const pe_image *image, uint32_t expected)
{
    pe_certificate_iter certificates;
    pe_certificate certificate;
    pe_certificates(image, &certificates);
    for (uint32_t i = 0; i < expected; i++)
        cr_assert_eq(pe_certificate_next(&certificates, &certificate), PE_OK);
    pe_status status = pe_certificate_next(&certificates, &certificate);
    cr_expect_eq(pe_certificate_next(&certificates, &certificate), status);
    return status;
}

Test(certificates, entries_start_at_multiples_of_eight)
{
    static const char data[] = "\12\0\0\0\0\2\2\0ab\0\0\0\0\0\0\11\0\0\0\0\1\1\0c\0\0\0\0\0\0";
    layouts both = with_table(data, sizeof data);
    pe_certificate_iter certificates;
    pe_certificate certificate;
    pe_certificates(&both.image[0], &certificates);
    cr_assert_eq(pe_certificate_next(&certificates, &certificate), PE_OK);
    cr_expect_eq(certificate.at.value, TABLE);
    cr_expect_eq(certificate.length, 10);
    cr_expect_eq(certificate.revision, 0x200);
    cr_expect_eq(certificate.type, PE_CERTIFICATE_PKCS_SIGNED_DATA);
    cr_expect(span_is(certificate.content, "ab"));
    cr_assert_eq(pe_certificate_next(&certificates, &certificate), PE_OK);
    cr_expect_eq(certificate.at.value, TABLE + 16);
    cr_expect(span_is(certificate.content, "c"));
    cr_expect_eq(pe_certificate_next(&certificates, &certificate), PE_END);
    layouts_close(&both);
}

Test(certificates, length_below_the_header_is_bad_format)
{
    for (char length = 0; length < 8; length++) {
        char data[8] = {length};
        layouts both = with_table(data, sizeof data);
        cr_expect_eq(status_after(&both.image[0], 0), PE_BAD_FORMAT);
        layouts_close(&both);
    }
}

Test(certificates, length_beyond_the_table_is_out_of_bounds)
{
    static const char *const lengths[] = {"\11\0\0\0\0\0\0", "\377\377\377\377\0\0\0"};
    for (size_t i = 0; i < 2; i++) {
        layouts both = with_table(lengths[i], 8);
        cr_expect_eq(status_after(&both.image[0], 0), PE_OUT_OF_BOUNDS);
        layouts_close(&both);
    }
}

Test(certificates, rest_too_short_for_a_header_is_out_of_bounds)
{
    layouts both = with_table("\10\0\0\0\0\0\0\0xxxx", 12);
    cr_expect_eq(status_after(&both.image[0], 1), PE_OUT_OF_BOUNDS);
    layouts_close(&both);
}

Test(certificates, table_beyond_the_file_is_out_of_bounds)
{
    img_image image = img_plain(IMG_PE32);
    img_set_directory_entry(&image, PE_DIRECTORY_CERTIFICATE, 0xFFFFFFF8, 0xFFFFFFFF);
    layouts both = layouts_open(image);
    pe_authenticode ranges;
    cr_expect_eq(status_after(&both.image[0], 0), PE_OUT_OF_BOUNDS);
    cr_expect_eq(pe_authenticode_ranges(&both.image[0], &ranges), PE_OUT_OF_BOUNDS);
    layouts_close(&both);
}

Test(certificates, mapped_image_has_none)
{
    layouts both = with_table("\10\0\0\0\0\0\0", 8);
    pe_authenticode ranges;
    cr_expect_eq(status_after(&both.image[1], 0), PE_NOT_PRESENT);
    cr_expect_eq(pe_authenticode_ranges(&both.image[1], &ranges), PE_NOT_PRESENT);
    layouts_close(&both);
}

Test(authenticode, signed_file_is_hashed_but_for_three_holes)
{
    layouts both = with_table("\10\0\0\0\0\0\0", 8);
    uint64_t optional = both.image[0].optional.offset.value;
    pe_authenticode all;
    cr_assert_eq(pe_authenticode_ranges(&both.image[0], &all), PE_OK);
    cr_expect_eq(all.ranges[0].offset.value, 0);
    cr_expect_eq(all.ranges[0].size, optional + 64);
    cr_expect_eq(all.ranges[1].offset.value, optional + 68);
    cr_expect_eq(all.ranges[1].offset.value + all.ranges[1].size, optional + 112 + 32);
    cr_expect_eq(all.ranges[2].offset.value, optional + 112 + 40);
    cr_expect_eq(all.ranges[2].offset.value + all.ranges[2].size, TABLE);
    cr_expect_eq(all.ranges[3].size, 0);
    cr_expect_eq(all.padding, 0);
    layouts_close(&both);
}

Test(authenticode, unsigned_file_is_padded_to_eight)
{
    img_image image = img_plain(IMG_PE32);
    img_resize(&image, TABLE + 3);
    layouts both = layouts_open(image);
    pe_authenticode all;
    cr_assert_eq(pe_authenticode_ranges(&both.image[0], &all), PE_OK);
    cr_expect_eq(all.ranges[2].offset.value + all.ranges[2].size, TABLE + 3);
    cr_expect_eq(all.padding, 5);
    layouts_close(&both);
}

Test(authenticode, table_inside_the_headers_is_bad_format)
{
    img_image image = img_plain(IMG_PE32);
    img_set_directory_entry(&image, PE_DIRECTORY_CERTIFICATE, 8, 8);
    layouts both = layouts_open(image);
    pe_authenticode ranges;
    cr_expect_eq(pe_authenticode_ranges(&both.image[0], &ranges), PE_BAD_FORMAT);
    layouts_close(&both);
}
