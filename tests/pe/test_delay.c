#include "layouts.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { BASE = 0x400000, ATTRIBUTES = 0, NAME = 4, HANDLE = 8, ADDRESSES = 12, NAMES = 16 };
enum { AT_NAME = 0x80, AT_NAMES = 0xC0, AT_SLOTS = 0xE0, AT_HINT = 0x100, DATA = 0x1000 };

/* One DLL with a name and an ordinal; `start` is 0 for RVAs, the base for addresses. */
static img_image delayed(img_kind kind, uint32_t attributes, uint32_t start)
{
    img_builder builder;
    img_start(&builder, kind);
    uint32_t data = img_add_section(&builder, ".didat", IMG_RW, NULL, 0x200, 0);
    img_set_directory(&builder, PE_DIRECTORY_DELAY_IMPORT, data, 64);
    cr_assert_eq(data, DATA);
    img_image image = img_finish(&builder);
    uint64_t at = img_offset_of(&image, data);
    img_set_u32(&image, at + ATTRIBUTES, attributes);
    img_set_u32(&image, at + NAME, start + DATA + AT_NAME);
    img_set_u32(&image, at + ADDRESSES, start + DATA + AT_SLOTS);
    img_set_u32(&image, at + NAMES, start + DATA + AT_NAMES);
    memcpy(image.bytes + at + AT_NAME, "late.dll", 9);
    memcpy(image.bytes + at + AT_HINT, "\5\0first", 8);
    img_set_u32(&image, at + AT_NAMES, start + DATA + AT_HINT);
    if (image.is_64)
        img_set_u64(&image, at + AT_NAMES + 8, UINT64_C(1) << 63 | 9);
    else
        img_set_u32(&image, at + AT_NAMES + 4, 0x80000009);
    return image;
}

static void list_thunks(const pe_delay_iter *dlls, const pe_delay_dll *dll, char *text)
{
    pe_delay_thunk_iter thunks;
    pe_import import;
    pe_delay_thunks(dlls, dll, &thunks);
    while (pe_delay_thunk_next(&thunks, &import) == PE_OK) {
        if (import.by_ordinal)
            sprintf(text + strlen(text), "#%u,", import.ordinal);
        else
            sprintf(text + strlen(text), "%.*s,", (int)import.name.size, import.name.data);
    }
    cr_expect_eq(pe_delay_thunk_next(&thunks, &import), thunks.status, "said again");
    strcat(text, thunks.status == PE_END ? ";" : "!;");
}

static void expect_delayed(img_image file, const char *text, pe_status status)
{
    layouts both = layouts_open(file);
    for (int l = 0; l < LAYOUT_COUNT; l++) {
        char found[128] = "";
        pe_delay_iter dlls;
        pe_delay_dll dll;
        pe_delay_imports(&both.image[l], BASE, &dlls);
        while (pe_delay_next(&dlls, &dll) == PE_OK) {
            cr_expect_eq(dll.address_table.value, DATA + AT_SLOTS);
            sprintf(found + strlen(found), "%.*s:", (int)dll.name.size, dll.name.data);
            list_thunks(&dlls, &dll, found);
        }
        cr_expect_str_eq(found, text);
        cr_expect_eq(dlls.status, status);
        cr_expect_eq(pe_delay_next(&dlls, &dll), status, "said again");
    }
    layouts_close(&both);
}

/* Overwrites one number of the section. */
static img_image broken(uint32_t attributes, uint32_t start, uint32_t field, uint32_t value)
{
    img_image image = delayed(IMG_PE32, attributes, start);
    img_set_u32(&image, img_offset_of(&image, DATA) + field, value);
    return image;
}

Test(delay, tables_of_rvas_are_read_in_both_widths)
{
    expect_delayed(delayed(IMG_PE32, PE_DELAY_RVA, 0), "late.dll:first,#9,;", PE_END);
    expect_delayed(delayed(IMG_PE32_PLUS, PE_DELAY_RVA, 0), "late.dll:first,#9,;", PE_END);
}

Test(delay, tables_of_addresses_tell_the_same)
{
    expect_delayed(delayed(IMG_PE32, 0, BASE), "late.dll:first,#9,;", PE_END);
}

Test(delay, image_without_directory_has_none)
{
    expect_delayed(img_plain(IMG_PE32), "", PE_END);
}

Test(delay, descriptor_without_name_ends_the_walk)
{
    expect_delayed(broken(PE_DELAY_RVA, 0, NAME, 0), "", PE_END);
}

Test(delay, name_outside_the_image_is_out_of_bounds)
{
    expect_delayed(broken(PE_DELAY_RVA, 0, NAME, 0xFFFFFFFF), "", PE_OUT_OF_BOUNDS);
    expect_delayed(broken(0, BASE, NAME, BASE - 1), "", PE_OUT_OF_BOUNDS);
}

Test(delay, address_of_a_table_outside_the_image_is_out_of_bounds)
{
    expect_delayed(broken(0, BASE, HANDLE, 0x1000), "", PE_OUT_OF_BOUNDS);
}

Test(delay, descriptor_without_name_table_has_no_functions)
{
    expect_delayed(broken(PE_DELAY_RVA, 0, NAMES, 0), "late.dll:;", PE_END);
}

Test(delay, function_name_outside_the_image_ends_its_dll_only)
{
    expect_delayed(broken(PE_DELAY_RVA, 0, AT_NAMES, 0x7FFFFFFF), "late.dll:!;", PE_END);
    expect_delayed(broken(0, BASE, AT_NAMES, 0x1000), "late.dll:!;", PE_END);
}
