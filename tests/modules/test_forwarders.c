/* Chains of forwarders: over many modules, back to where they came from, and in circles. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "fake_environment.h"

static void *at(const ldr_module *module, uint32_t rva)
{
    return (uint8_t *)ldr_module_base(module) + rva;
}

static void start_dll(img_builder *builder)
{
    img_start(builder, IMG_PE32_PLUS);
    builder->characteristics |= PE_FILE_DLL;
    builder->entry_point = img_add_section(builder, ".text", IMG_RX, NULL, 0x200, 0x1000);
}

/* NAME.dll, whose only export "fn", number 1, forwards to `target`. */
static void forwarding_dll(const char *name, const char *target)
{
    img_builder builder;
    start_dll(&builder);
    img_add_forwarder(&builder, "fn", 1, target);
    folder_image(name, &builder);
}

static ldr_status find(ldr_module *module, const char *name, uint32_t ordinal, void **ret_address,
                       ldr_diag *ret_diag)
{
    *ret_diag = (ldr_diag){0};
    return ldr_symbol_find(module, name, ordinal, ret_address, ret_diag);
}

Test(forwarders, chain_within_one_module_ends_somewhere)
{
    img_builder builder;
    ldr_diag diag;
    void *address;
    start_dll(&builder);
    img_add_forwarder(&builder, "first", 1, "a.second");
    img_add_forwarder(&builder, "second", 2, "A.DLL.third");
    img_add_forwarder(&builder, "third", 3, "a.#4");
    img_add_export(&builder, "end", 4, builder.entry_point + 4);
    folder_image("a", &builder);
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll");
    cr_assert_eq(find(a, "first", 0, &address, &diag), LDR_OK);
    cr_assert_eq(address, at(a, 0x1004));
    cr_assert_eq(find(a, NULL, 2, &address, &diag), LDR_OK);
    cr_assert_eq(address, at(a, 0x1004));
    ldr_context_destroy(ctx);
}

/* Names may have dots: the last one ends the DLL's. */
Test(forwarders, module_with_dots_in_its_name_is_split_at_the_last)
{
    ldr_diag diag;
    void *address;
    forwarding_dll("a", "b.c.d.fn");
    folder_dll("b.c.d", "");
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll");
    cr_assert_eq(find(a, "fn", 0, &address, &diag), LDR_OK);
    cr_assert_eq(address, at(ldr_module_find(ctx, "b.c.d"), 0x1000));
    ldr_context_destroy(ctx);
}

Test(forwarders, api_set_leads_to_its_host)
{
    static const int target = 0;
    static const ldr_export exports[] = {{"malloc", &target, 0, 0}};
    ldr_diag diag;
    void *address;
    forwarding_dll("a", "api-ms-win-crt-heap-l1-1-0.malloc");
    ldr_context *ctx = fake_context();
    ldr_host_module_add(ctx, "ucrtbase.dll", exports, 1);
    cr_assert_eq(find(folder_load(ctx, "a.dll"), "fn", 0, &address, &diag), LDR_OK);
    cr_assert_eq(address, &target);
    ldr_context_destroy(ctx);
}

Test(forwarders, host_function_is_reached_by_ordinal)
{
    ldr_diag diag;
    void *address;
    forwarding_dll("a", "host.exe.#7");
    ldr_context *ctx = fake_context();
    cr_assert_eq(find(folder_load(ctx, "a.dll"), "fn", 0, &address, &diag), LDR_OK);
    cr_assert_eq(address, ldr_symbol(ldr_module_find(ctx, "host.exe"), "host_fn"));
    ldr_context_destroy(ctx);
}

Test(forwarders, texts_that_lead_nowhere_say_why)
{
    static const struct {
        const char *text;
        ldr_status status;
        uint32_t nt_status;
    } cases[] = {
        {"nodot", LDR_EXPORT_NOT_FOUND, PE_NT_ENTRYPOINT_NOT_FOUND},
        {".fn", LDR_EXPORT_NOT_FOUND, PE_NT_ENTRYPOINT_NOT_FOUND},
        {"b.", LDR_EXPORT_NOT_FOUND, PE_NT_ENTRYPOINT_NOT_FOUND},
        {"b.#", LDR_EXPORT_NOT_FOUND, PE_NT_ENTRYPOINT_NOT_FOUND},
        {"b.#1x", LDR_EXPORT_NOT_FOUND, PE_NT_ENTRYPOINT_NOT_FOUND},
        {"b.#70000", LDR_EXPORT_NOT_FOUND, PE_NT_ENTRYPOINT_NOT_FOUND},
        {"b.#9", LDR_EXPORT_NOT_FOUND, PE_NT_ORDINAL_NOT_FOUND},
        {"b.FN", LDR_EXPORT_NOT_FOUND, PE_NT_ENTRYPOINT_NOT_FOUND},
        {"none.fn", LDR_DLL_NOT_FOUND, PE_NT_DLL_NOT_FOUND},
    };
    folder_dll("b", "");
    ldr_context *ctx = fake_context();
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char name[16];
        ldr_diag diag;
        void *address = &diag;
        snprintf(name, sizeof(name), "a%zu.dll", i);
        forwarding_dll(name, cases[i].text);
        ldr_module *a = folder_load(ctx, name);
        cr_expect_eq(find(a, "fn", 0, &address, &diag), cases[i].status, "%s", cases[i].text);
        cr_expect_eq(diag.why.nt_status, cases[i].nt_status, "%s", cases[i].text);
        cr_expect_eq(address, &diag);
    }
    ldr_context_destroy(ctx);
}

Test(forwarders, loops_are_refused_wherever_they_are_entered)
{
    ldr_diag diag;
    void *address = NULL;
    img_builder builder;
    start_dll(&builder);
    img_add_forwarder(&builder, "self", 1, "a.self");
    img_add_forwarder(&builder, "tail", 2, "b.fn");
    folder_image("a", &builder);
    forwarding_dll("b", "c.fn");
    forwarding_dll("c", "d.#1");
    forwarding_dll("d", "c.fn");
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll");
    cr_assert_eq(find(a, "self", 0, &address, &diag), LDR_FORWARDER_LOOP);
    cr_assert_eq(diag.why.nt_status, PE_NT_ENTRYPOINT_NOT_FOUND);
    cr_assert_eq(find(a, "tail", 0, &address, &diag), LDR_FORWARDER_LOOP);
    cr_assert_null(address);
    cr_assert_null(ldr_module_find(ctx, "b.dll"), "what came in on the way is gone");
    ldr_context_destroy(ctx);
}

enum { STEPS = 10000 };

static char step_names[STEPS + 1][8], step_targets[STEPS][16];

/* a.dll with a chain of as many steps as there are names, which ends or bites its tail. */
static void write_long_chain(bool is_loop)
{
    img_builder builder;
    start_dll(&builder);
    for (int i = 0; i <= STEPS; i++)
        snprintf(step_names[i], sizeof(step_names[i]), "s%05d", i);
    for (int i = 0; i < STEPS; i++) {
        int next = is_loop && i == STEPS - 1 ? STEPS / 2 : i + 1;
        snprintf(step_targets[i], sizeof(step_targets[i]), "a.%s", step_names[next]);
        img_add_forwarder(&builder, step_names[i], (uint16_t)(i + 1), step_targets[i]);
    }
    img_add_export(&builder, step_names[STEPS], STEPS + 1, builder.entry_point);
    folder_image("a", &builder);
}

Test(forwarders, chain_of_ten_thousand_steps_is_followed, .timeout = 30)
{
    ldr_diag diag;
    void *address;
    write_long_chain(false);
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll");
    cr_assert_eq(find(a, step_names[0], 0, &address, &diag), LDR_OK);
    cr_assert_eq(address, at(a, 0x1000));
    ldr_context_destroy(ctx);
}

Test(forwarders, loop_behind_thousands_of_steps_is_found, .timeout = 30)
{
    ldr_diag diag;
    void *address;
    write_long_chain(true);
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll");
    cr_assert_eq(find(a, step_names[0], 0, &address, &diag), LDR_FORWARDER_LOOP);
    ldr_context_destroy(ctx);
}

/* Each import may lead down a long chain, but not all of them. */
Test(forwarders, imports_that_all_lead_down_a_long_chain_are_refused, .timeout = 60)
{
    enum { IMPORTS = 100 };
    img_builder builder;
    ldr_diag diag;
    ldr_module *module;
    write_long_chain(false);
    start_dll(&builder);
    for (int i = 0; i < IMPORTS; i++)
        img_add_import(&builder, "a.dll", step_names[0]);
    folder_image("b", &builder);
    ldr_context *ctx = fake_context();
    cr_assert_eq(ldr_load(ctx, folder_path("b.dll"), NULL, &module, &diag), LDR_FORWARDER_LOOP);
    cr_assert_null(ldr_module_find(ctx, "a.dll"));
    ldr_context_destroy(ctx);
}

/* Each step in a DLL of its own; all are loaded, needed by the first, and go with it. */
Test(forwarders, chain_over_hundreds_of_modules_loads_and_unloads_them, .timeout = 60)
{
    enum { MODULES = 500 };
    ldr_diag diag;
    void *address;
    for (int i = 0; i < MODULES; i++) {
        char name[16], target[16];
        snprintf(name, sizeof(name), "m%d", i);
        snprintf(target, sizeof(target), "m%d.fn", i + 1);
        if (i == MODULES - 1)
            folder_dll(name, "");
        else
            forwarding_dll(name, target);
    }
    ldr_context *ctx = fake_context();
    ldr_module *first = folder_load(ctx, "m0.dll");
    cr_assert_eq(find(first, "fn", 0, &address, &diag), LDR_OK);
    cr_assert_eq(address, at(ldr_module_find(ctx, "m499.dll"), 0x1000));
    cr_assert_eq(fake_modules(), MODULES);
    ldr_unload(first);
    cr_assert_eq(fake_modules(), 0);
    ldr_context_destroy(ctx);
}
