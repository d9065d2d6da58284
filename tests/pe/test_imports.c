#include "layouts.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static img_image importer(img_kind kind)
{
    img_builder builder;
    img_start(&builder, kind);
    img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0);
    img_add_import(&builder, "first.dll", "one");
    img_add_import_ordinal(&builder, "first.dll", 77);
    img_add_import(&builder, "second.dll", "two");
    return img_finish(&builder);
}

/* The file offset of field `field` of import descriptor `index`. */
static uint64_t descriptor_field(const img_image *image, uint32_t index, uint32_t field)
{
    uint32_t rva = img_get_u32(image, img_directory_at(image, PE_DIRECTORY_IMPORT));
    return img_offset_of(image, rva) + 20 * index + field;
}

enum { LOOKUP = 0, NAME = 12, ADDRESS = 16 };

/* "dll:name,#ordinal;" for each DLL, then the status that ended the walk. */
static void expect_imports(const pe_image *image, const char *text, pe_status status)
{
    char found[256] = "";
    pe_import_iter dlls;
    pe_import_dll dll;
    pe_imports(image, &dlls);
    while (pe_import_next(&dlls, &dll) == PE_OK) {
        pe_thunk_iter thunks;
        pe_import import;
        sprintf(found + strlen(found), "%.*s:", (int)dll.name.size, dll.name.data);
        pe_thunks(image, &dll, &thunks);
        while (pe_thunk_next(&thunks, &import) == PE_OK) {
            if (import.by_ordinal)
                sprintf(found + strlen(found), "#%u,", import.ordinal);
            else
                sprintf(found + strlen(found), "%.*s,", (int)import.name.size, import.name.data);
        }
        cr_expect_eq(pe_thunk_next(&thunks, &import), thunks.status, "said again");
        strcat(found, thunks.status == PE_END ? ";" : "!;");
    }
    cr_expect_str_eq(found, text);
    cr_expect_eq(dlls.status, status);
    cr_expect_eq(pe_import_next(&dlls, &dll), status, "said again");
}

static void expect_in_both(img_image image, const char *text, pe_status status)
{
    layouts both = layouts_open(image);
    for (int l = 0; l < LAYOUT_COUNT; l++)
        expect_imports(&both.image[l], text, status);
    layouts_close(&both);
}

Test(imports, both_widths_and_layouts_give_the_same_list)
{
    expect_in_both(importer(IMG_PE32), "first.dll:one,#77,;second.dll:two,;", PE_END);
    expect_in_both(importer(IMG_PE32_PLUS), "first.dll:one,#77,;second.dll:two,;", PE_END);
}

Test(imports, image_without_directory_has_none)
{
    expect_in_both(img_plain(IMG_PE32), "", PE_END);
}

Test(imports, slots_are_the_entries_of_the_address_table)
{
    layouts both = layouts_open(importer(IMG_PE32_PLUS));
    pe_import_iter dlls;
    pe_import_dll dll;
    pe_thunk_iter thunks;
    pe_import import;
    pe_imports(&both.image[0], &dlls);
    cr_assert_eq(pe_import_next(&dlls, &dll), PE_OK);
    cr_expect_neq(dll.lookup_table.value, dll.address_table.value);
    pe_thunks(&both.image[0], &dll, &thunks);
    cr_assert_eq(pe_thunk_next(&thunks, &import), PE_OK);
    cr_expect_eq(import.slot.value, dll.address_table.value);
    cr_assert_eq(pe_thunk_next(&thunks, &import), PE_OK);
    cr_expect_eq(import.slot.value, dll.address_table.value + 8);
    layouts_close(&both);
}

/* Rule E2. */
Test(imports, descriptor_without_name_ends_the_walk)
{
    img_image image = importer(IMG_PE32);
    img_set_u32(&image, descriptor_field(&image, 1, NAME), 0);
    expect_in_both(image, "first.dll:one,#77,;", PE_END);
}

/* Rule E2. */
Test(imports, descriptor_without_address_table_ends_the_walk)
{
    img_image image = importer(IMG_PE32);
    img_set_u32(&image, descriptor_field(&image, 1, ADDRESS), 0);
    expect_in_both(image, "first.dll:one,#77,;", PE_END);
}

/* Rule E4: the name is not even looked at. */
Test(imports, descriptor_without_thunks_is_skipped)
{
    img_image image = importer(IMG_PE32);
    uint32_t lookup = img_get_u32(&image, descriptor_field(&image, 0, LOOKUP));
    img_set_u32(&image, img_offset_of(&image, lookup), 0);
    img_set_u32(&image, descriptor_field(&image, 0, NAME), 0xFFFFFFFF);
    expect_in_both(image, "second.dll:two,;", PE_END);
}

/* Rule E5. */
Test(imports, lookup_table_in_the_headers_or_outside_is_not_used)
{
    static const uint32_t unusable[] = {0, 0x1FF, 0x3000, 0xFFFFFFFF};
    for (size_t i = 0; i < sizeof unusable / sizeof unusable[0]; i++) {
        img_image image = importer(IMG_PE32);
        img_set_u32(&image, descriptor_field(&image, 0, LOOKUP), unusable[i]);
        expect_in_both(image, "first.dll:one,#77,;second.dll:two,;", PE_END);
    }
}

/* Rule E5: with a lookup table the address table is not read. */
Test(imports, address_table_is_not_read_when_there_is_a_lookup_table)
{
    img_image image = importer(IMG_PE32);
    uint32_t address = img_get_u32(&image, descriptor_field(&image, 0, ADDRESS));
    memset(image.bytes + img_offset_of(&image, address), 0xEE, 12);
    expect_in_both(image, "first.dll:one,#77,;second.dll:two,;", PE_END);
}

/* Rule E3. */
Test(imports, terminator_may_lie_in_zero_fill)
{
    img_builder builder;
    uint8_t raw[0x200] = {0};
    img_start(&builder, IMG_PE32);
    memcpy(raw + 0x80, "\0\0zero", 7);
    raw[0x40] = 0x80;
    raw[0x41] = 0x10;
    uint32_t rva = img_add_section(&builder, ".data", IMG_RW, raw, sizeof raw, 0x1000);
    uint8_t descriptor[20] = {[12] = 0x82, [13] = 0x10, [16] = 0x40, [17] = 0x10};
    img_put(&builder, rva + 0x1EC, descriptor, sizeof descriptor);
    img_set_directory(&builder, PE_DIRECTORY_IMPORT, rva + 0x1EC, 0);
    expect_in_both(img_finish(&builder), "zero:zero,;", PE_END);
}

Test(imports, directory_outside_the_image_is_out_of_bounds)
{
    static const uint32_t outside[] = {0x3000, 0x80000000, 0xFFFFFFEC, 0xFFFFFFFF};
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        img_image image = importer(IMG_PE32);
        img_set_directory_entry(&image, PE_DIRECTORY_IMPORT, outside[i], 40);
        expect_in_both(image, "", PE_OUT_OF_BOUNDS);
    }
}

Test(imports, dll_name_outside_the_image_ends_the_walk)
{
    img_image image = importer(IMG_PE32);
    img_set_u32(&image, descriptor_field(&image, 1, NAME), 0xFFFFFFFF);
    expect_in_both(image, "first.dll:one,#77,;", PE_OUT_OF_BOUNDS);
}

Test(imports, function_name_outside_the_image_ends_its_dll_only)
{
    img_image image = importer(IMG_PE32);
    uint32_t lookup = img_get_u32(&image, descriptor_field(&image, 0, LOOKUP));
    img_set_u32(&image, img_offset_of(&image, lookup), 0x7FFFFFFF);
    expect_in_both(image, "first.dll:!;second.dll:two,;", PE_END);
}

/* Rule E7: in a PE32+ thunk only the low 31 bits are the RVA. */
Test(imports, high_bits_of_a_thunk_are_ignored)
{
    img_image image = importer(IMG_PE32_PLUS);
    uint32_t lookup = img_get_u32(&image, descriptor_field(&image, 1, LOOKUP));
    uint64_t thunk = img_offset_of(&image, lookup);
    img_set_u32(&image, thunk, img_get_u32(&image, thunk) | 0x80000000);
    img_set_u32(&image, thunk + 4, 0x7FFFFFFF);
    lookup = img_get_u32(&image, descriptor_field(&image, 0, LOOKUP));
    img_set_u32(&image, img_offset_of(&image, lookup) + 8, 0xFFFF004D);
    expect_in_both(image, "first.dll:one,#77,;second.dll:two,;", PE_END);
}

Test(imports, table_without_terminator_ends_with_its_section)
{
    img_builder builder;
    uint8_t raw[0x1000];
    img_start(&builder, IMG_PE32);
    memset(raw, 0xFF, sizeof raw);
    uint32_t rva = img_add_section(&builder, ".data", IMG_RW, raw, sizeof raw, 0);
    memset(raw, 0, 20);
    raw[13] = 0x02; /* name: 0x200, in the headers */
    raw[16] = 0xF4;
    raw[17] = 0x1F; /* address table: the last three thunks of the image */
    img_put(&builder, rva, raw, 20);
    img_set_directory(&builder, PE_DIRECTORY_IMPORT, rva, 0);
    expect_in_both(img_finish(&builder), ":#65535,#65535,#65535,!;", PE_OUT_OF_BOUNDS);
}
