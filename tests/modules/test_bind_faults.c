/* Every call of the operating system and every allocation failing once while functions are bound
 * and asked for. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "fake_environment.h"
#include "support/faulty_os.h"

enum { COUNT = 64, TABLES = 0x2000, SLOT = TABLES + 0x60, NAMES = TABLES + 0x80 };

static char names[COUNT][8];

static void *at(const ldr_module *module, uint32_t rva)
{
    return (uint8_t *)ldr_module_base(module) + rva;
}

static void put_u32(img_builder *builder, uint32_t rva, uint32_t value)
{
    img_put(builder, rva, &value, sizeof(value));
}

/* NAME.dll delays "fn" of `target`, in constant pages, and imports "fn" of `needs`. */
static void delaying_dll(const char *name, const char *target, const char *needs)
{
    img_builder builder;
    char dll[16];
    uint32_t hint = TABLES + 0xC0;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    builder.entry_point = img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0x1000);
    img_add_section(&builder, ".didat", IMG_RO, NULL, 0x200, 0x1000);
    put_u32(&builder, TABLES, PE_DELAY_RVA);
    put_u32(&builder, TABLES + 4, TABLES + 0xA0);
    put_u32(&builder, TABLES + 8, TABLES + 0x50);
    put_u32(&builder, TABLES + 12, SLOT);
    put_u32(&builder, TABLES + 16, NAMES);
    put_u32(&builder, NAMES, hint);
    img_put_pointer(&builder, SLOT, 0x1000);
    snprintf(dll, sizeof(dll), "%s.dll", target);
    img_put(&builder, TABLES + 0xA0, dll, strlen(dll) + 1);
    img_put(&builder, hint + 2, "fn", 3);
    img_set_directory(&builder, PE_DIRECTORY_DELAY_IMPORT, TABLES, 64);
    img_add_export(&builder, "fn", 1, builder.entry_point);
    img_add_import(&builder, needs, "fn");
    folder_image(name, &builder);
}

static bool load_eagerly(ldr_context *ctx, unsigned call)
{
    ldr_module *module = NULL;
    ldr_diag diag = {0};
    ldr_load_options options = {.size = sizeof(options), .delay = LDR_DELAY_EAGER};
    faulty_os_held before = faulty_os_holds();
    faulty_os_fail_at(call, false);
    ldr_status status = ldr_load(ctx, folder_path("a.dll"), &options, &module, &diag);
    bool failed = faulty_os_stop() > call;
    cr_assert_eq(diag.status, status, "call %u (%s)", call, faulty_os_failed());
    if (status == LDR_OK)
        cr_assert_eq(*(void **)at(module, SLOT), at(ldr_module_find(ctx, "c.dll"), 0x1000));
    ldr_unload(module);
    expect_held(before, call);
    cr_assert_eq(fake_modules(), 0);
    fake_log_clear();
    return failed;
}

/* a delays c, and b, which a imports, delays a. */
Test(bind_faults, each_call_failing_once_while_delay_imports_are_bound_leaves_nothing)
{
    delaying_dll("a", "c", "b");
    delaying_dll("b", "a", "host.exe");
    folder_dll("c", "");
    static const int target = 0;
    static const ldr_export exports[] = {{"fn", &target, 0, 0}};
    ldr_context *ctx = fake_context();
    cr_assert_eq(ldr_host_module_add(ctx, "host.exe", exports, 1), LDR_OK);
    load_eagerly(ctx, UINT32_MAX);
    unsigned calls = 0;
    while (load_eagerly(ctx, calls))
        calls++;
    cr_assert_gt(calls, 60u);
    ldr_context_destroy(ctx);
}

/* ---- Asking ---- */

static void write_exporter(void)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    uint32_t text = img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0x1000);
    for (int i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof(names[i]), "f%03d", i);
        img_add_export(&builder, names[i], (uint16_t)(i + 1), text + (uint32_t)i);
    }
    folder_image("a", &builder);
}

static void expect_answers(ldr_context *ctx, ldr_module *a)
{
    for (int i = 0; i < COUNT; i++) {
        ldr_symbol_place place;
        void *address = at(a, 0x1000 + (uint32_t)i);
        cr_assert_eq(ldr_symbol(a, names[i]), address);
        cr_assert_eq(ldr_symbol_at(ctx, address, &place), LDR_OK);
        cr_assert_str_eq(place.name, names[i]);
    }
}

/* Without memory for index and map all is found as well, and they are made another time. */
Test(bind_faults, answers_do_not_depend_on_memory)
{
    write_exporter();
    ldr_context *ctx = fake_context();
    faulty_os_held before = faulty_os_holds();
    for (unsigned call = 0; call < 6; call++) {
        ldr_module *a = folder_load(ctx, "a.dll");
        faulty_os_fail_at(call, call % 2 != 0);
        expect_answers(ctx, a);
        faulty_os_stop();
        expect_answers(ctx, a);
        ldr_unload(a);
        expect_held(before, call);
    }
    ldr_context_destroy(ctx);
}

Test(bind_faults, pointer_that_could_not_be_stored_is_not_there)
{
    delaying_dll("a", "c", "host.exe");
    static const int target = 0;
    static const ldr_export exports[] = {{"fn", &target, 0, 0}};
    ldr_context *ctx = fake_context();
    cr_assert_eq(ldr_host_module_add(ctx, "host.exe", exports, 1), LDR_OK);
    ldr_module *a = folder_load(ctx, "a.dll");
    void **slot = at(a, SLOT), *thunk = *slot, *before = NULL;
    faulty_os_fail_at(0, false);
    cr_assert_neq(ldr__module_store(ctx, slot, &before, &before), LDR_OK);
    faulty_os_stop();
    cr_assert_eq(*slot, thunk);
    cr_assert_null(before);
    cr_assert_eq(ldr__module_store(ctx, slot, &before, &before), LDR_OK);
    cr_assert_eq(before, thunk);
    ldr_context_destroy(ctx);
}
