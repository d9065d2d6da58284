#include "layouts.h"

#include <criterion/criterion.h>

static img_image with_tls(img_kind kind, uint32_t *ret_directory)
{
    img_builder builder;
    uint32_t callback = 0x1000;
    img_start(&builder, kind);
    img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0);
    *ret_directory = img_add_tls(&builder, "template", 8, 24, &callback, 1);
    return img_finish(&builder);
}

Test(tls, directory_is_decoded_in_both_widths)
{
    for (int is_64 = 0; is_64 < 2; is_64++) {
        uint32_t directory;
        layouts both = layouts_open(with_tls(is_64 ? IMG_PE32_PLUS : IMG_PE32, &directory));
        for (int l = 0; l < LAYOUT_COUNT; l++) {
            const pe_image *image = &both.image[l];
            pe_tls tls;
            pe_rva at;
            uint64_t callback;
            cr_assert_eq(pe_tls_open(image, &tls), PE_OK);
            cr_expect_eq(tls.directory.value, directory);
            cr_expect_eq(tls.data_end - tls.data_start, 8);
            cr_expect_eq(tls.zero_fill, 24);
            cr_assert_eq(pe_va_to_rva(image, 0x400000, tls.callbacks, &at), PE_OK);
            cr_assert_eq(pe_read_pointer(image, at, &callback), PE_OK);
            cr_expect_eq(callback, 0x401000);
        }
        layouts_close(&both);
    }
}

Test(tls, image_without_directory_has_none)
{
    layouts both = layouts_open(img_plain(IMG_PE32));
    pe_tls tls;
    cr_expect_eq(pe_tls_open(&both.image[0], &tls), PE_NOT_PRESENT);
    layouts_close(&both);
}

Test(tls, directory_outside_the_image_is_out_of_bounds)
{
    static const uint32_t outside[] = {0x20000000, 0xFFFFFFF0, 0xFFFFFFFF};
    for (size_t i = 0; i < 3; i++) {
        uint32_t directory;
        img_image image = with_tls(IMG_PE32, &directory);
        img_set_directory_entry(&image, PE_DIRECTORY_TLS, outside[i], 24);
        layouts both = layouts_open(image);
        pe_tls tls;
        cr_expect_eq(pe_tls_open(&both.image[0], &tls), PE_OUT_OF_BOUNDS);
        layouts_close(&both);
    }
}

/* Rule F.1. */
Test(tls, size_of_the_directory_is_ignored)
{
    uint32_t directory;
    img_image image = with_tls(IMG_PE32, &directory);
    img_set_directory_entry(&image, PE_DIRECTORY_TLS, directory, 0);
    layouts both = layouts_open(image);
    pe_tls tls;
    cr_expect_eq(pe_tls_open(&both.image[0], &tls), PE_OK);
    layouts_close(&both);
}
