#include "layouts.h"

#include <criterion/criterion.h>

/* Ordinals 5 to 9: alpha 5, gamma 7 (forwarded), beta 8, 9 without a name; 6 is empty. */
static img_image exporter(void)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    uint32_t text = img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0);
    img_add_export(&builder, "alpha", 5, text + 1);
    img_add_export(&builder, "beta", 8, text + 2);
    img_add_forwarder(&builder, "gamma", 7, "other.delta");
    img_add_export(&builder, NULL, 9, text + 3);
    return img_finish(&builder);
}

static pe_exports open_exports(const pe_image *image)
{
    pe_exports exports = {0};
    cr_assert_eq(pe_exports_open(image, &exports), PE_OK);
    return exports;
}

/* The file offset of a field of the export directory. */
static uint64_t directory_field(const img_image *image, uint32_t field)
{
    uint32_t rva = img_get_u32(image, img_directory_at(image, PE_DIRECTORY_EXPORT));
    return img_offset_of(image, rva) + field;
}

enum { BASE = 16, SLOT_COUNT = 20, NAME_COUNT = 24, SLOTS = 28, NAMES = 32, NAME_ORDINALS = 36 };

Test(exports, directory_is_decoded)
{
    layouts both = layouts_open(exporter());
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_exports exports = open_exports(&both.image[l]);
        pe_span name;
        cr_expect_eq(exports.ordinal_base, 5);
        cr_expect_eq(exports.slot_count, 5);
        cr_expect_eq(exports.name_count, 3);
        cr_assert_eq(pe_string(&both.image[l], exports.name, &name), PE_OK);
        cr_expect(span_is(name, "test.dll"));
    }
    layouts_close(&both);
}

Test(exports, image_without_directory_has_none)
{
    layouts both = layouts_open(img_plain(IMG_PE32));
    pe_exports exports;
    cr_expect_eq(pe_exports_open(&both.image[0], &exports), PE_NOT_PRESENT);
    layouts_close(&both);
}

Test(exports, directory_outside_the_image_is_out_of_bounds)
{
    img_image image = exporter();
    img_set_directory_entry(&image, PE_DIRECTORY_EXPORT, 0xFFFFFFF0, 40);
    layouts both = layouts_open(image);
    pe_exports exports;
    cr_expect_eq(pe_exports_open(&both.image[0], &exports), PE_OUT_OF_BOUNDS);
    layouts_close(&both);
}

Test(exports, ordinals_count_from_the_base)
{
    layouts both = layouts_open(exporter());
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        const pe_image *image = &both.image[l];
        pe_exports exports = open_exports(image);
        pe_export found;
        cr_assert_eq(pe_export_by_ordinal(image, &exports, 9, &found), PE_OK);
        cr_expect_eq(found.rva.value, 0x1003);
        cr_expect_eq(found.ordinal, 9);
        cr_expect_eq(found.name.size, 0);
        cr_expect_not(found.is_forwarder);
        cr_expect_eq(pe_export_by_ordinal(image, &exports, 4, &found), PE_NOT_FOUND);
        cr_expect_eq(pe_export_by_ordinal(image, &exports, 10, &found), PE_NOT_FOUND);
        cr_expect_eq(pe_export_by_ordinal(image, &exports, 6, &found), PE_NOT_FOUND, "empty slot");
    }
    layouts_close(&both);
}

Test(exports, names_are_found_with_any_hint)
{
    static const char *const names[] = {"alpha", "beta", "gamma"};
    static const uint32_t ordinals[] = {5, 8, 7};
    layouts both = layouts_open(exporter());
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        const pe_image *image = &both.image[l];
        pe_exports exports = open_exports(image);
        pe_export found;
        for (uint32_t i = 0; i < 12; i++) {
            uint32_t hint = i % 4 == 3 ? UINT32_MAX : i % 4;
            pe_span name = span_of(names[i / 4]);
            cr_assert_eq(pe_export_by_name(image, &exports, name, hint, &found), PE_OK);
            cr_expect_eq(found.ordinal, ordinals[i / 4]);
        }
    }
    layouts_close(&both);
}

Test(exports, names_that_are_almost_right_are_not_found)
{
    static const char *const names[] = {"", "alph", "alphab", "Alpha", "beta ", "delta", "zeta"};
    layouts both = layouts_open(exporter());
    pe_exports exports = open_exports(&both.image[0]);
    pe_export found;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        cr_expect_eq(pe_export_by_name(&both.image[0], &exports, span_of(names[i]), 0, &found),
                     PE_NOT_FOUND, "%s", names[i]);
    layouts_close(&both);
}

Test(exports, address_inside_the_directory_is_a_forwarder)
{
    layouts both = layouts_open(exporter());
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_exports exports = open_exports(&both.image[l]);
        pe_export found;
        cr_assert_eq(pe_export_by_ordinal(&both.image[l], &exports, 7, &found), PE_OK);
        cr_expect(found.is_forwarder);
        cr_expect(span_is(found.forwarder, "other.delta"));
    }
    layouts_close(&both);
}

Test(exports, address_at_the_end_of_the_directory_is_no_forwarder)
{
    img_image image = exporter();
    uint64_t entry = img_directory_at(&image, PE_DIRECTORY_EXPORT);
    uint32_t end = img_get_u32(&image, entry) + img_get_u32(&image, entry + 4);
    uint32_t slots = img_get_u32(&image, directory_field(&image, SLOTS));
    img_set_u32(&image, img_offset_of(&image, slots), end);
    layouts both = layouts_open(image);
    pe_exports exports = open_exports(&both.image[0]);
    pe_export found;
    cr_assert_eq(pe_export_by_ordinal(&both.image[0], &exports, 5, &found), PE_OK);
    cr_expect_eq(found.rva.value, end);
    cr_expect_not(found.is_forwarder);
    layouts_close(&both);
}

Test(exports, unsorted_name_is_found_by_its_hint_only)
{
    img_image image = exporter();
    uint32_t table = img_get_u32(&image, directory_field(&image, NAMES));
    uint64_t first = img_offset_of(&image, table);
    uint32_t alpha = img_get_u32(&image, first), gamma = img_get_u32(&image, first + 8);
    img_set_u32(&image, first, gamma);
    img_set_u32(&image, first + 8, alpha);
    layouts both = layouts_open(image);
    pe_exports exports = open_exports(&both.image[0]);
    pe_export found;
    pe_span name = span_of("alpha");
    cr_expect_eq(pe_export_by_name(&both.image[0], &exports, name, 0, &found), PE_NOT_FOUND);
    cr_expect_eq(pe_export_by_name(&both.image[0], &exports, name, 2, &found), PE_OK);
    layouts_close(&both);
}

Test(exports, names_are_listed_with_their_slots)
{
    static const char *const names[] = {"alpha", "beta", "gamma"};
    layouts both = layouts_open(exporter());
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        pe_exports exports = open_exports(&both.image[l]);
        pe_export found;
        for (uint32_t i = 0; i < 3; i++) {
            cr_assert_eq(pe_export_name_at(&both.image[l], &exports, i, &found), PE_OK);
            cr_expect(span_is(found.name, names[i]));
        }
        cr_expect_eq(pe_export_name_at(&both.image[l], &exports, 3, &found), PE_NOT_FOUND);
    }
    layouts_close(&both);
}

Test(exports, name_ordinal_beyond_the_slots_is_not_found)
{
    img_image image = exporter();
    uint32_t table = img_get_u32(&image, directory_field(&image, NAME_ORDINALS));
    img_set_u16(&image, img_offset_of(&image, table), 5);
    layouts both = layouts_open(image);
    pe_exports exports = open_exports(&both.image[0]);
    pe_export found;
    cr_expect_eq(pe_export_by_name(&both.image[0], &exports, span_of("alpha"), 0, &found),
                 PE_NOT_FOUND);
    layouts_close(&both);
}

Test(exports, tables_that_wrap_are_out_of_bounds)
{
    static const uint32_t fields[] = {SLOTS, NAMES, NAME_ORDINALS};
    for (size_t i = 0; i < 3; i++) {
        img_image image = exporter();
        img_set_u32(&image, directory_field(&image, fields[i]), 0xFFFFFFFE);
        img_set_u32(&image, directory_field(&image, SLOT_COUNT), 0x7FFFFFFF);
        img_set_u32(&image, directory_field(&image, NAME_COUNT), 0x7FFFFFFF);
        layouts both = layouts_open(image);
        pe_exports exports = open_exports(&both.image[0]);
        pe_export found;
        cr_expect_eq(pe_export_name_at(&both.image[0], &exports, 1, &found), PE_OUT_OF_BOUNDS);
        layouts_close(&both);
    }
}

Test(exports, ordinal_below_the_base_does_not_wrap)
{
    img_image image = exporter();
    img_set_u32(&image, directory_field(&image, SLOT_COUNT), 0xFFFFFFFF);
    img_set_u32(&image, directory_field(&image, BASE), 0xFFFFFFFF);
    layouts both = layouts_open(image);
    pe_exports exports = open_exports(&both.image[0]);
    pe_export found;
    cr_expect_eq(pe_export_by_ordinal(&both.image[0], &exports, 0, &found), PE_NOT_FOUND);
    layouts_close(&both);
}

Test(exports, ordinal_of_the_last_slot_does_not_wrap)
{
    img_image image = exporter();
    img_set_u32(&image, directory_field(&image, SLOT_COUNT), 0xFFFFFFFF);
    img_set_u32(&image, directory_field(&image, BASE), 0);
    layouts both = layouts_open(image);
    pe_exports exports = open_exports(&both.image[0]);
    pe_export found;
    cr_expect_eq(pe_export_by_ordinal(&both.image[0], &exports, 0xFFFFFFFE, &found),
                 PE_OUT_OF_BOUNDS);
    layouts_close(&both);
}

Test(exports, forwarder_text_is_taken_apart_at_its_last_dot)
{
    pe_forwarder forwarder;
    cr_assert_eq(pe_forwarder_parse(span_of("a.b.Name"), &forwarder), PE_OK);
    cr_expect(span_is(forwarder.dll, "a.b"));
    cr_expect(span_is(forwarder.name, "Name"));
    cr_expect_not(forwarder.by_ordinal);
    cr_assert_eq(pe_forwarder_parse(span_of("other.#70"), &forwarder), PE_OK);
    cr_expect(forwarder.by_ordinal);
    cr_expect_eq(forwarder.ordinal, 70);
    cr_expect_eq(forwarder.name.size, 0);
}

Test(exports, forwarder_text_without_its_parts_is_bad_format)
{
    static const char *const texts[] = {"",      ".",     "dll",     "dll.",
                                        ".Name", "dll.#", "dll.#7a", "dll.#65536"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        pe_forwarder forwarder = {.ordinal = 5};
        cr_expect_eq(pe_forwarder_parse(span_of(texts[i]), &forwarder), PE_BAD_FORMAT, "%s",
                     texts[i]);
        cr_expect_eq(forwarder.ordinal, 5);
    }
}
