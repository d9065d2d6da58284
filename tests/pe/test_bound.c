#include "layouts.h"

#include <criterion/criterion.h>

enum { TABLE = 0x1000 };

/* A table with one DLL that has one forwarder reference, and another DLL. */
static const char table[] = "\1\0\0\0\50\0\1\0"
                            "\2\0\0\0\56\0\7\0"
                            "\3\0\0\0\64\0\0\0"
                            "\0\0\0\0\0\0\0\0"
                            "\0\0\0\0\0\0\0\0"
                            "a.dll\0b.dll\0c.dll";

static img_image with_table(const char *data, uint32_t size)
{
    img_builder builder;
    img_start(&builder, IMG_PE32);
    uint32_t at = img_add_section(&builder, ".rdata", IMG_RO, data, size, 0);
    cr_assert_eq(at, TABLE);
    img_set_directory(&builder, PE_DIRECTORY_BOUND_IMPORT, at, size);
    return img_finish(&builder);
}

Test(bound, dlls_and_their_references_are_told_in_order)
{
    layouts both = layouts_open(with_table(table, sizeof table));
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        static const char *const names[] = {"a.dll", "b.dll", "c.dll"};
        pe_bound_iter entries;
        pe_bound_import bound;
        pe_bound_imports(&both.image[l], &entries);
        for (uint32_t i = 0; i < 3; i++) {
            cr_assert_eq(pe_bound_next(&entries, &bound), PE_OK);
            cr_expect(span_is(bound.name, names[i]));
            cr_expect_eq(bound.time_date_stamp, i + 1);
            cr_expect_eq(bound.at.value, TABLE + 8 * i);
            cr_expect_eq(bound.is_reference, i == 1);
            cr_expect_eq(bound.reference_count, i == 0 ? 1 : 0);
        }
        cr_expect_eq(pe_bound_next(&entries, &bound), PE_END);
        cr_expect_eq(pe_bound_next(&entries, &bound), PE_END);
    }
    layouts_close(&both);
}

Test(bound, table_without_end_is_out_of_bounds)
{
    img_image image = with_table(table, sizeof table);
    img_set_directory_entry(&image, PE_DIRECTORY_BOUND_IMPORT, 0xFFFFFFF8, 8);
    layouts both = layouts_open(image);
    pe_bound_iter entries;
    pe_bound_import bound;
    pe_bound_imports(&both.image[0], &entries);
    cr_expect_eq(pe_bound_next(&entries, &bound), PE_OUT_OF_BOUNDS);
    cr_expect_eq(pe_bound_next(&entries, &bound), PE_OUT_OF_BOUNDS);
    layouts_close(&both);
}

Test(bound, name_outside_the_image_is_out_of_bounds)
{
    layouts both = layouts_open(with_table("\1\0\0\0\xFF\xFF\0\0", 8));
    pe_bound_iter entries;
    pe_bound_import bound;
    pe_bound_imports(&both.image[0], &entries);
    cr_expect_eq(pe_bound_next(&entries, &bound), PE_OUT_OF_BOUNDS);
    layouts_close(&both);
}

Test(bound, image_without_table_has_none)
{
    layouts both = layouts_open(img_plain(IMG_PE32));
    pe_bound_iter entries;
    pe_bound_import bound;
    pe_bound_imports(&both.image[0], &entries);
    cr_expect_eq(pe_bound_next(&entries, &bound), PE_NOT_PRESENT);
    layouts_close(&both);
}
