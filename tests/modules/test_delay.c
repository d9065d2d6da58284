/* Delay imports: left alone by default, bound with all others on request. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "fake_environment.h"

/* Where the parts of the delay imports of a.dll lie: in a section of their own, at this RVA. */
enum {
    TABLES = 0x2000,
    DESCRIPTOR = TABLES, /* and that of the second DLL, and the end */
    HANDLES = TABLES + 0x80,
    SLOTS = TABLES + 0xA0, /* of the first DLL: by name, by ordinal; of the second: by name */
    NAMES = TABLES + 0xE0,
    TEXTS = TABLES + 0x140,
    THUNK = 0x1100, /* what the slots hold at first */
};

static void put_u32(img_builder *builder, uint32_t rva, uint32_t value)
{
    img_put(builder, rva, &value, sizeof(value));
}

static void put_u64(img_builder *builder, uint32_t rva, uint64_t value)
{
    img_put(builder, rva, &value, sizeof(value));
}

static void put_descriptor(img_builder *builder, int number, uint32_t name, uint32_t slots)
{
    uint32_t at = DESCRIPTOR + 32 * (uint32_t)number;
    put_u32(builder, at, PE_DELAY_RVA);
    put_u32(builder, at + 4, name);
    put_u32(builder, at + 8, HANDLES + 8 * (uint32_t)number);
    put_u32(builder, at + 12, slots);
    put_u32(builder, at + 16, slots + (NAMES - SLOTS));
}

/* a.dll delays "fn" and #2 of b.dll, and `function` of `dll`, in a section of that kind. */
static void start_delaying(img_builder *builder, uint32_t kind, const char *dll,
                           const char *function)
{
    img_start(builder, IMG_PE32_PLUS);
    builder->characteristics |= PE_FILE_DLL;
    builder->entry_point = img_add_section(builder, ".text", IMG_RX, NULL, 0x200, 0x1000);
    cr_assert_eq(img_add_section(builder, ".didat", kind, NULL, 0x400, 0x1000), TABLES);
    put_descriptor(builder, 0, TEXTS, SLOTS);
    put_descriptor(builder, 1, TEXTS + 0x40, SLOTS + 24);
    put_u64(builder, NAMES, TEXTS + 0x20);
    put_u64(builder, NAMES + 8, UINT64_C(1) << 63 | 2);
    put_u64(builder, NAMES + 24, TEXTS + 0x60);
    for (uint32_t slot = 0; slot < 4; slot++)
        if (slot != 2)
            img_put_pointer(builder, SLOTS + 8 * slot, THUNK);
    img_put(builder, TEXTS, "b.dll", 6);
    img_put(builder, TEXTS + 0x22, "fn", 3);
    img_put(builder, TEXTS + 0x40, dll, strlen(dll) + 1);
    img_put(builder, TEXTS + 0x62, function, strlen(function) + 1);
    img_set_directory(builder, PE_DIRECTORY_DELAY_IMPORT, DESCRIPTOR, 96);
    img_add_export(builder, "fn", 1, builder->entry_point);
}

static void *at(const ldr_module *module, uint32_t rva)
{
    return (uint8_t *)ldr_module_base(module) + rva;
}

static void *value_at(const ldr_module *module, uint32_t rva)
{
    void *value;
    memcpy(&value, at(module, rva), sizeof(value));
    return value;
}

static const ldr_load_options eager = {.size = sizeof(eager), .delay = LDR_DELAY_EAGER};

static ldr_module *load_with(ldr_context *ctx, const ldr_load_options *options)
{
    ldr_diag diag;
    char text[512];
    ldr_module *module;
    ldr_status status = ldr_load(ctx, folder_path("a.dll"), options, &module, &diag);
    cr_assert_eq(status, LDR_OK, "%s", ldr_diag_text(&diag, text, sizeof(text)));
    return module;
}

Test(delay, imports_are_left_to_the_image_by_default)
{
    img_builder builder;
    start_delaying(&builder, IMG_RW, "none.dll", "fn");
    folder_image("a", &builder);
    folder_dll("b", "");
    ldr_context *ctx = fake_context();
    ldr_module *a = load_with(ctx, NULL);
    cr_assert_null(ldr_module_find(ctx, "b.dll"));
    cr_assert_eq(value_at(a, SLOTS), at(a, THUNK), "the thunk's address, relocated");
    cr_assert_null(value_at(a, HANDLES));
    ldr_context_destroy(ctx);
}

static void expect_bound(ldr_context *ctx, const ldr_module *a)
{
    ldr_module *b = ldr_module_find(ctx, "b.dll"), *c = ldr_module_find(ctx, "c.dll");
    cr_assert_eq(value_at(a, HANDLES), ldr_module_base(b));
    cr_assert_eq(value_at(a, HANDLES + 8), ldr_module_base(c));
    cr_assert_eq(value_at(a, SLOTS), at(b, 0x1000));
    cr_assert_eq(value_at(a, SLOTS + 8), at(b, 0x2000));
    cr_assert_eq(value_at(a, SLOTS + 24), at(c, 0x1000));
}

Test(delay, imports_are_bound_with_all_others_on_request)
{
    img_builder builder;
    start_delaying(&builder, IMG_RW, "c.dll", "fn");
    folder_image("a", &builder);
    folder_dll("b", "");
    folder_dll("c", "");
    ldr_context *ctx = fake_context();
    ldr_module *a = load_with(ctx, &eager);
    expect_bound(ctx, a);
    cr_assert_str_eq(fake_log(), "b+ c+ a+");
    ldr_unload(a);
    cr_assert_str_eq(fake_log(), "b+ c+ a+ a- c- b-");
    ldr_context_destroy(ctx);
}

Test(delay, tables_in_constant_pages_are_written_and_closed_again)
{
    img_builder builder;
    start_delaying(&builder, IMG_RO, "c.dll", "fn");
    folder_image("a", &builder);
    folder_dll("b", "");
    folder_dll("c", "");
    ldr_context *ctx = fake_context();
    ldr_module *a = load_with(ctx, &eager);
    expect_bound(ctx, a);
    ldr_region region;
    cr_assert_eq(ldr_view_query(ldr_module_view(a), SLOTS, &region), LDR_OK);
    cr_assert_eq(region.protect, LDR_PAGE_READONLY);
    ldr_context_destroy(ctx);
}

static char missing_log[256];

static void note_missing(void *user, const ldr_missing_import *import)
{
    size_t used = strlen(missing_log);
    (void)user;
    snprintf(missing_log + used, sizeof(missing_log) - used, "%s!%s;", import->dll,
             import->function ? import->function : "#");
}

Test(delay, missing_ones_are_reported_and_refused_when_bound)
{
    static const struct {
        const char *dll, *function, *log;
        ldr_status status;
    } cases[] = {{"c.dll", "gone", "c.dll!gone;", LDR_IMPORTS_MISSING},
                 {"none.dll", "fn", "none.dll!fn;", LDR_DLL_NOT_FOUND}};
    ldr_load_options options = eager;
    options.on_missing = note_missing;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        img_builder builder;
        ldr_module *module;
        start_delaying(&builder, IMG_RW, cases[i].dll, cases[i].function);
        folder_image("a", &builder);
        folder_dll("b", "");
        folder_dll("c", "");
        missing_log[0] = '\0';
        ldr_context *ctx = fake_context();
        ldr_status status = ldr_load(ctx, folder_path("a.dll"), &options, &module, NULL);
        cr_expect_eq(status, cases[i].status);
        cr_expect_str_eq(missing_log, cases[i].log);
        cr_expect_eq(fake_modules(), 0);
        ldr_context_destroy(ctx);
    }
}

Test(delay, broken_directory_matters_only_when_it_is_bound)
{
    img_builder builder;
    ldr_diag diag;
    ldr_module *module;
    start_delaying(&builder, IMG_RW, "c.dll", "fn");
    put_u32(&builder, DESCRIPTOR + 32 + 16, 0x7FFFFFF0);
    folder_image("a", &builder);
    folder_dll("b", "");
    folder_dll("c", "");
    ldr_context *ctx = fake_context();
    ldr_unload(load_with(ctx, NULL));
    cr_assert_eq(ldr_load(ctx, folder_path("a.dll"), &eager, &module, &diag), LDR_IMAGE_REFUSED);
    cr_assert_eq(diag.why.nt_status, PE_NT_INVALID_IMAGE_FORMAT);
    cr_assert_eq(diag.why.offset, 0x7FFFFFF0);
    cr_assert_eq(fake_modules(), 0);
    ldr_context_destroy(ctx);
}

/* ---- What the system's helper stores ---- */

Test(delay, pointer_is_stored_whatever_the_protection_of_its_page)
{
    img_builder builder;
    start_delaying(&builder, IMG_RO, "c.dll", "fn");
    folder_image("a", &builder);
    ldr_context *ctx = fake_context();
    ldr_module *a = load_with(ctx, NULL);
    void *before = NULL, *thunk = at(a, THUNK);
    cr_assert_eq(ldr__module_store(ctx, at(a, SLOTS), &builder, &before), LDR_OK);
    cr_assert_eq(before, thunk);
    cr_assert_eq(value_at(a, SLOTS), &builder);
    ldr_region region;
    cr_assert_eq(ldr_view_query(ldr_module_view(a), SLOTS, &region), LDR_OK);
    cr_assert_eq(region.protect, LDR_PAGE_READONLY);
    cr_assert_eq(ldr__module_store(ctx, at(a, SLOTS + 1), &builder, &before), LDR_INVALID_ARGUMENT);
    cr_assert_eq(ldr__module_store(ctx, &before, &builder, &before), LDR_INVALID_ARGUMENT);
    cr_assert_eq(before, thunk, "the output is untouched on failure");
    ldr_context_destroy(ctx);
}
