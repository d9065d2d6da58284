/* Exports by name and ordinal, forwarders, host modules, and what ends up in the IAT. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "fake_environment.h"
#include "support/faulty_os.h"

static void *at(const ldr_module *module, uint32_t rva)
{
    return (uint8_t *)ldr_module_base(module) + rva;
}

/* The value in the IAT slot of the import `index` (over all DLLs) of a module. */
static void *bound(const ldr_module *module, int index)
{
    const pe_image *image = ldr_view_image(ldr_module_view(module));
    pe_import_iter dlls;
    pe_import_dll dll;
    pe_thunk_iter thunks;
    pe_import import;
    pe_imports(image, &dlls);
    while (pe_import_next(&dlls, &dll) == PE_OK) {
        pe_thunks(image, &dll, &thunks);
        while (pe_thunk_next(&thunks, &import) == PE_OK) {
            if (index-- == 0)
                return *(void **)at(module, import.slot.value);
        }
    }
    cr_assert_fail("no such import");
    return NULL;
}

Test(symbols, exports_are_found_by_name_and_ordinal)
{
    folder_dll("a", "");
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll");
    cr_assert_eq(ldr_symbol(a, "fn"), at(a, 0x1000));
    cr_assert_eq(ldr_symbol(a, "data"), at(a, 0x2000));
    cr_assert_eq(ldr_symbol_ordinal(a, 2), at(a, 0x2000));
    cr_assert_null(ldr_symbol(a, "FN"));
    cr_assert_null(ldr_symbol(a, ""));
    cr_assert_null(ldr_symbol_ordinal(a, 3));
    cr_assert_null(ldr_symbol(NULL, "fn"));
    ldr_context_destroy(ctx);
}

Test(symbols, imports_are_bound_by_name_ordinal_and_from_the_host)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    img_add_import(&builder, "b.dll", "data");
    img_add_import_ordinal(&builder, "b.dll", 1);
    img_add_import(&builder, "HOST.exe", "host_fn");
    img_add_import_ordinal(&builder, "host.exe", 7);
    folder_image("a", &builder);
    folder_dll("b", "");
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll"), *b = ldr_module_find(ctx, "b.dll");
    void *host_fn = ldr_symbol(ldr_module_find(ctx, "host.exe"), "host_fn");
    cr_assert_eq(bound(a, 0), at(b, 0x2000));
    cr_assert_eq(bound(a, 1), at(b, 0x1000));
    cr_assert_not_null(host_fn);
    cr_assert_eq(bound(a, 2), host_fn);
    cr_assert_eq(bound(a, 3), host_fn);
    ldr_context_destroy(ctx);
}

Test(symbols, module_is_found_by_any_address_of_its_image)
{
    folder_dll("a", "");
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll");
    size_t size = ldr_module_size(a);
    cr_assert_eq(ldr_module_at(ctx, at(a, 0)), a);
    cr_assert_eq(ldr_module_at(ctx, at(a, (uint32_t)size - 1)), a);
    cr_assert_null(ldr_module_at(ctx, at(a, (uint32_t)size)));
    cr_assert_null(ldr_module_at(ctx, &size));
    ldr_context_destroy(ctx);
}

static void forwarding_dll(const char *name, const char *by_name, const char *by_ordinal)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    builder.entry_point = img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0x1000);
    img_add_forwarder(&builder, "fn", 1, by_name);
    if (by_ordinal)
        img_add_forwarder(&builder, "second", 2, by_ordinal);
    folder_image(name, &builder);
}

Test(symbols, forwarders_load_their_dll_and_keep_it_for_the_importer)
{
    folder_dll("a", "b");
    forwarding_dll("b", "c.fn", NULL);
    forwarding_dll("c", "d.#1", NULL);
    folder_dll("d", "");
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll"), *d = ldr_module_find(ctx, "d.dll");
    cr_assert_not_null(d);
    cr_assert_eq(bound(a, 0), at(d, 0x1000));
    cr_assert_str_eq(fake_log(), "b+ c+ d+ a+");
    ldr_unload(a);
    cr_assert_null(ldr_module_find(ctx, "d.dll"));
    ldr_context_destroy(ctx);
}

Test(symbols, forwarder_to_a_dll_not_loaded_yet_loads_and_initialises_it)
{
    forwarding_dll("a", "b.fn", "none.fn");
    folder_dll("b", "c");
    folder_dll("c", "");
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll");
    cr_assert_null(ldr_module_find(ctx, "b.dll"));
    void *fn = ldr_symbol(a, "fn");
    cr_assert_eq(fn, at(ldr_module_find(ctx, "b.dll"), 0x1000));
    cr_assert_str_eq(fake_log(), "a+ c+ b+");
    cr_assert_null(ldr_symbol(a, "second"));
    ldr_unload(a);
    cr_assert_null(ldr_module_find(ctx, "b.dll"));
    ldr_context_destroy(ctx);
}

Test(symbols, forwarder_loop_is_refused)
{
    folder_dll("a", "b");
    forwarding_dll("b", "c.fn", NULL);
    forwarding_dll("c", "b.fn", NULL);
    ldr_context *ctx = fake_context();
    ldr_module *module = NULL;
    ldr_diag diag;
    ldr_status status = ldr_load(ctx, folder_path("a.dll"), NULL, &module, &diag);
    cr_assert_eq(status, LDR_FORWARDER_LOOP);
    cr_assert_eq(diag.why.nt_status, PE_NT_ENTRYPOINT_NOT_FOUND);
    cr_assert_null(ldr_module_find(ctx, "b.dll"));
    ldr_context_destroy(ctx);
}

Test(symbols, api_set_names_lead_to_their_host)
{
    static const int crt = 0;
    static const ldr_export exports[] = {{"malloc", &crt, 0, 0}};
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    img_add_import(&builder, "api-ms-win-crt-heap-l1-1-0.dll", "malloc");
    folder_image("a", &builder);
    ldr_context *ctx = fake_context();
    ldr_host_module_add(ctx, "ucrtbase.dll", exports, 1);
    cr_assert_eq(bound(folder_load(ctx, "a.dll"), 0), &crt);
    ldr_context_destroy(ctx);
}

Test(symbols, host_exports_added_later_come_first)
{
    static const int first = 1, second = 2;
    static const ldr_export old[] = {{"f", &first, 0, 0}, {"g", &first, 0, 0}};
    static const ldr_export new[] = {{"f", &second, 0, 0}};
    ldr_context *ctx = fake_context();
    cr_assert_eq(ldr_host_module_add(ctx, "x.dll", old, 2), LDR_OK);
    cr_assert_eq(ldr_symbol(ldr_module_find(ctx, "x.dll"), "f"), &first);
    cr_assert_eq(ldr_host_module_add(ctx, "X.dll", new, 1), LDR_OK);
    cr_assert_eq(ldr_symbol(ldr_module_find(ctx, "x.dll"), "f"), &second);
    cr_assert_eq(ldr_symbol(ldr_module_find(ctx, "x.dll"), "g"), &first);
    ldr_context_destroy(ctx);
}

enum { MANY = 3000, STEP = 500 };
static char names[MANY][16];

/* Each third has no number. */
static void add_many(ldr_context *ctx)
{
    static ldr_export exports[MANY];
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "export%u", i);
        exports[i] = (ldr_export){names[i], &names[i], i % 3 == 0 ? 0 : i << 8, 0};
    }
    for (size_t i = 0; i < MANY; i += STEP)
        cr_assert_eq(ldr_host_module_add(ctx, "x.dll", exports + i, STEP), LDR_OK);
}

/* Names and numbers are found by hash: all of them, also those added when the tables are full. */
Test(symbols, many_host_exports_are_each_found)
{
    ldr_context *ctx = fake_context();
    add_many(ctx);
    ldr_module *x = ldr_module_find(ctx, "x.dll");
    for (uint32_t i = 0; i < MANY; i++) {
        cr_assert_eq(ldr_symbol(x, names[i]), names[i]);
        cr_assert_eq(ldr_symbol_ordinal(x, i << 8), i % 3 == 0 ? NULL : (void *)names[i]);
    }
    cr_assert_null(ldr_symbol(x, "export3000"));
    cr_assert_null(ldr_symbol(x, ""));
    ldr_context_destroy(ctx);
}

Test(symbols, host_exports_are_found_without_memory_for_an_index)
{
    ldr_context *ctx = fake_context();
    add_many(ctx);
    ldr_module *x = ldr_module_find(ctx, "x.dll");
    faulty_os_without("alloc");
    cr_expect_eq(ldr_symbol(x, names[7]), names[7]);
    cr_expect_eq(ldr_symbol_ordinal(x, 8 << 8), (void *)names[8]);
    cr_expect_null(ldr_symbol(x, "export3000"));
    faulty_os_without(NULL);
    cr_expect_eq(ldr_symbol(x, names[7]), names[7]);
    ldr_context_destroy(ctx);
}

Test(symbols, host_data_is_each_contexts_own)
{
    static const int initial = 42;
    static const ldr_export exports[] = {{"counter", &initial, 0, sizeof(initial)}};
    ldr_context *one = fake_context(), *two = fake_context();
    ldr_host_module_add(one, "x.dll", exports, 1);
    ldr_host_module_add(two, "x.dll", exports, 1);
    int *mine = ldr__host_data(one, "x.dll", "counter");
    *mine = 7;
    cr_assert_eq(*(int *)ldr__host_data(two, "x.dll", "counter"), 42);
    cr_assert_eq(initial, 42);
    ldr_context_destroy(one);
    ldr_context_destroy(two);
}

Test(symbols, dll_names_are_found_in_any_case_and_without_extension)
{
    folder_dll("MiXed", "");
    folder_dll("a", "mixed");
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll"), *guest;
    ldr_module *mixed = ldr_module_find(ctx, "mixed.dll");
    cr_assert_eq(bound(a, 0), at(mixed, 0x1000));
    cr_assert_eq(ldr__guest_load(ctx, "MIXED", 0, &guest, NULL), LDR_OK);
    cr_assert_eq(guest, mixed);
    cr_assert_eq(ldr__guest_load(ctx, "mixed.", 0, &guest, NULL), LDR_DLL_NOT_FOUND);
    ldr_context_destroy(ctx);
}

Test(symbols, image_from_memory_has_a_name_and_no_folder)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    uint32_t text = img_add_section(&builder, ".text", IMG_RX, "\xC3", 1, 0x1000);
    img_add_export(&builder, "fn", 1, text);
    img_add_import(&builder, "b.dll", "fn");
    img_image image = img_finish(&builder);
    folder_dll("b", "");
    ldr_context *ctx = fake_context();
    ldr_module *module;
    ldr_diag diag;
    ldr_status status =
        ldr_load_memory(ctx, "mem.dll", image.bytes, image.size, NULL, &module, &diag);
    cr_assert_eq(status, LDR_OK);
    memset(image.bytes, 0, image.size);
    img_free(&image);
    cr_assert_str_eq(ldr_module_path(module), "mem.dll");
    cr_assert_eq(*(uint8_t *)ldr_symbol(module, "fn"), 0xC3);
    cr_assert_eq(ldr_load_memory(ctx, "no.dll", NULL, 0, NULL, &module, &diag), LDR_IMAGE_REFUSED);
    ldr_context_destroy(ctx);
}
