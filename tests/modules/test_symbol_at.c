/* What lies at an address: module and nearest export. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "fake_environment.h"

static void *at(const ldr_module *module, uint32_t rva)
{
    return (uint8_t *)ldr_module_base(module) + rva;
}

/* Exports: #1 "first" at 0x1010, #2 without a name at 0x1020, #3 "beta" and "alpha" at 0x1030, #9
 * "far" (a forwarder), #5 "data" at 0x2008. */
static ldr_module *load_exporter(ldr_context *ctx)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    uint32_t text = img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0x1000);
    uint32_t data = img_add_section(&builder, ".data", IMG_RW, NULL, 0x200, 0x1000);
    img_add_export(&builder, "first", 1, text + 0x10);
    img_add_export(&builder, NULL, 2, text + 0x20);
    img_add_export(&builder, "beta", 3, text + 0x30);
    img_add_export(&builder, "alpha", 4, text + 0x30);
    img_add_export(&builder, "data", 5, data + 8);
    img_add_forwarder(&builder, "far", 9, "b.fn");
    folder_image("a", &builder);
    return folder_load(ctx, "a.dll");
}

/* The same is expected often: all exports are looked through first, then there is a map. */
static void expect_place(ldr_context *ctx, const void *address, const char *expected)
{
    char text[128];
    ldr_symbol_place place;
    for (int i = 0; i < 8; i++) {
        cr_assert_eq(ldr_symbol_at(ctx, address, &place), LDR_OK, "%s", expected);
        cr_assert_eq((const uint8_t *)place.start + place.displacement, address);
        cr_expect_str_eq(ldr_symbol_place_text(&place, text, sizeof(text)), expected);
    }
}

Test(symbol_at, address_has_its_module_and_the_nearest_export_below)
{
    ldr_context *ctx = fake_context();
    ldr_module *a = load_exporter(ctx);
    expect_place(ctx, at(a, 0), "a.dll+0x0");
    expect_place(ctx, at(a, 0x100F), "a.dll+0x100f");
    expect_place(ctx, at(a, 0x1010), "a.dll!first");
    expect_place(ctx, at(a, 0x101F), "a.dll!first+0xf");
    expect_place(ctx, at(a, 0x1024), "a.dll!#2+0x4");
    expect_place(ctx, at(a, 0x1030), "a.dll!beta");
    expect_place(ctx, at(a, 0x1FFF), "a.dll!beta+0xfcf");
    ldr_context_destroy(ctx);
}

Test(symbol_at, export_of_another_section_is_not_near)
{
    ldr_context *ctx = fake_context();
    ldr_module *a = load_exporter(ctx);
    expect_place(ctx, at(a, 0x2000), "a.dll+0x2000");
    expect_place(ctx, at(a, 0x200C), "a.dll!data+0x4");
    expect_place(ctx, at(a, 0x3000), "a.dll+0x3000");
    ldr_context_destroy(ctx);
}

Test(symbol_at, module_without_exports_has_places_all_the_same)
{
    img_image image = img_plain(IMG_PE32_PLUS);
    folder_write("plain.exe", image.bytes, image.size);
    img_free(&image);
    ldr_context *ctx = fake_context();
    ldr_module *plain = folder_load(ctx, "plain.exe");
    expect_place(ctx, at(plain, 0x1004), "plain.exe+0x1004");
    ldr_context_destroy(ctx);
}

Test(symbol_at, host_functions_and_data_are_known_by_all_of_their_addresses)
{
    static const int value = 7;
    static const ldr_export exports[] = {{"variable", &value, 3, sizeof(value)}};
    ldr_context *ctx = fake_context();
    ldr_module *host = ldr_module_find(ctx, "host.exe");
    const uint8_t *function = ldr_symbol(host, "host_fn");
    ldr_symbol_place place;
    expect_place(ctx, function, "host.exe!host_fn");
    expect_place(ctx, function + 15, "host.exe!host_fn+0xf");
    cr_assert_eq(ldr_symbol_at(ctx, function + 16, &place), LDR_EXPORT_NOT_FOUND);
    cr_assert_eq(ldr_host_module_add(ctx, "host.exe", exports, 1), LDR_OK);
    uint8_t *own = ldr__host_data(ctx, "host.exe", "variable");
    expect_place(ctx, own + 2, "host.exe!variable+0x2");
    ldr_context_destroy(ctx);
}

Test(symbol_at, address_of_no_module_is_not_found)
{
    ldr_context *ctx = fake_context();
    ldr_module *a = load_exporter(ctx);
    ldr_symbol_place place = {.ordinal = 77};
    cr_assert_eq(ldr_symbol_at(ctx, at(a, (uint32_t)ldr_module_size(a)), &place),
                 LDR_EXPORT_NOT_FOUND);
    cr_assert_eq(ldr_symbol_at(ctx, NULL, &place), LDR_EXPORT_NOT_FOUND);
    cr_assert_eq(place.ordinal, 77, "the output is untouched on failure");
    cr_assert_eq(ldr_symbol_at(NULL, a, &place), LDR_INVALID_ARGUMENT);
    ldr_context_destroy(ctx);
}

/* The map is not believed where the tables have changed since. */
Test(symbol_at, slots_that_the_guest_changes_are_followed)
{
    ldr_context *ctx = fake_context();
    ldr_module *a = load_exporter(ctx);
    expect_place(ctx, at(a, 0x1014), "a.dll!first+0x4");
    pe_exports exports;
    cr_assert_eq(pe_exports_open(ldr_view_image(ldr_module_view(a)), &exports), PE_OK);
    cr_assert_eq(mprotect(ldr_module_base(a), ldr_module_size(a), PROT_READ | PROT_WRITE), 0);
    uint32_t *slots = at(a, exports.slots.value);
    slots[0] = 0x1012;
    expect_place(ctx, at(a, 0x1014), "a.dll!first+0x2");
    expect_place(ctx, at(a, 0x1010), "a.dll+0x1010");
    ldr_context_destroy(ctx);
}

Test(symbol_at, long_names_are_cut)
{
    enum { LONG = 1000 };
    static char name[LONG + 1];
    char text[64];
    img_builder builder;
    memset(name, 'n', LONG);
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    uint32_t code = img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0x1000);
    img_add_export(&builder, name, 1, code);
    folder_image("a", &builder);
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll");
    ldr_symbol_place place;
    cr_assert_eq(ldr_symbol_at(ctx, at(a, code), &place), LDR_OK);
    cr_assert_eq(strlen(place.name), sizeof(place.name) - 1);
    ldr_symbol_place_text(&place, text, sizeof(text));
    cr_assert_eq(strlen(text), sizeof(text) - 1);
    ldr_context_destroy(ctx);
}

/* A table of 65,536 slots at one place, all of whose names name the last one. */
Test(symbol_at, hostile_tables_take_bounded_time, .timeout = 20)
{
    enum { COUNT = 60000 };
    static char names[COUNT][8];
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    uint32_t code = img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0x1000);
    for (int i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof(names[i]), "f%05d", i);
        img_add_export(&builder, names[i], (uint16_t)(i + 1), code);
    }
    img_image image = img_finish(&builder);
    uint32_t directory = img_get_u32(&image, img_directory_at(&image, PE_DIRECTORY_EXPORT));
    uint32_t slots = img_get_u32(&image, img_offset_of(&image, directory) + 36);
    for (int i = 0; i < COUNT; i++)
        img_set_u16(&image, img_offset_of(&image, slots) + 2 * (uint64_t)i, COUNT - 1);
    img_set_u32(&image, img_offset_of(&image, directory) + 20, UINT32_MAX);
    img_set_u32(&image, img_offset_of(&image, directory) + 24, UINT32_MAX);
    folder_write("a.dll", image.bytes, image.size);
    img_free(&image);
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll");
    ldr_symbol_place place;
    for (int i = 0; i < 20; i++)
        cr_assert_eq(ldr_symbol_at(ctx, at(a, code + 1), &place), LDR_OK);
    ldr_context_destroy(ctx);
}
