/* What guest code may do while it is being told something: load, unload, ask for symbols. */
#include <criterion/criterion.h>
#include <string.h>

#include "fake_environment.h"

static ldr_context *context_of(ldr_module *module, const char *name, uint32_t reason,
                               uint32_t wanted)
{
    bool is_it = reason == wanted && strcmp(ldr_module_name(module), name) == 0;
    return is_it ? fake_current() : NULL;
}

/* a.dll, whose export "fn" forwards to `target`. */
static void forwarding_dll(const char *target)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    builder.entry_point = img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0x1000);
    img_add_forwarder(&builder, "fn", 1, target);
    folder_image("a", &builder);
}

Test(nesting, forwarder_to_a_missing_export_costs_the_module_nothing)
{
    forwarding_dll("b.gone");
    folder_dll("b", "");
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll");
    cr_assert_null(ldr_symbol(a, "fn"));
    cr_assert_eq(ldr_module_find(ctx, "a.dll"), a);
    cr_assert_null(ldr_module_find(ctx, "b.dll"));
    cr_assert_str_eq(fake_log(), "a+");
    ldr_unload(a);
    ldr_context_destroy(ctx);
}

Test(nesting, forwarder_to_a_dll_that_fails_costs_the_module_nothing)
{
    forwarding_dll("b.fn");
    folder_dll("b", "");
    fake_attach_fails("b.dll");
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll");
    cr_assert_null(ldr_symbol(a, "fn"));
    cr_assert_eq(ldr_module_find(ctx, "a.dll"), a);
    cr_assert_null(ldr_module_find(ctx, "b.dll"));
    cr_assert_str_eq(fake_log(), "a+ b+ b-");
    ldr_unload(a);
    cr_assert_str_eq(fake_log(), "a+ b+ b- a-");
    ldr_context_destroy(ctx);
}

static void load_c_when_a_leaves(ldr_module *module, uint32_t reason)
{
    ldr_module *c;
    ldr_context *ctx = context_of(module, "a.dll", reason, LDR__PROCESS_DETACH);
    if (ctx)
        ldr__guest_load(ctx, "c", 0, &c, NULL);
}

Test(nesting, dll_loaded_while_the_context_ends_is_released_before_the_environment)
{
    folder_dll("a", "");
    folder_dll("c", "");
    fake_on_call(load_c_when_a_leaves);
    ldr_context *ctx = fake_context();
    folder_load(ctx, "a.dll");
    ldr_context_destroy(ctx);
    cr_assert_eq(fake_modules(), 0);
}

static void unload_a_when_b_arrives(ldr_module *module, uint32_t reason)
{
    ldr_context *ctx = context_of(module, "b.dll", reason, LDR__PROCESS_ATTACH);
    if (ctx)
        ldr_unload(ldr_module_find(ctx, "a.dll"));
}

Test(nesting, module_unloaded_while_it_is_loaded_stays_until_the_load_ends)
{
    folder_dll("a", "b");
    folder_dll("b", "");
    fake_on_call(unload_a_when_b_arrives);
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll");
    cr_assert_str_eq(fake_log(), "b+ a+");
    ldr_unload(a);
    cr_assert_str_eq(fake_log(), "b+ a+ a- b-");
    ldr_context_destroy(ctx);
}

static void load_d_when_a_leaves(ldr_module *module, uint32_t reason)
{
    ldr_module *d;
    ldr_context *ctx = context_of(module, "a.dll", reason, LDR__PROCESS_DETACH);
    if (ctx)
        cr_assert_eq(ldr__guest_load(ctx, "d", 0, &d, NULL), LDR_INIT_FAILED);
}

/* d and e need each other: e has been attached when d fails. */
Test(nesting, load_that_fails_during_a_detach_has_its_modules_detached)
{
    folder_dll("a", "");
    folder_dll("d", "e");
    folder_dll("e", "d");
    fake_attach_fails("d.dll");
    fake_on_call(load_d_when_a_leaves);
    ldr_context *ctx = fake_context();
    ldr_unload(folder_load(ctx, "a.dll"));
    cr_assert_str_eq(fake_log(), "a+ a- e+ d+ d- e-");
    cr_assert_eq(fake_modules(), 0);
    ldr_context_destroy(ctx);
}

static void ask_for_forwarder_when_c_arrives(ldr_module *module, uint32_t reason)
{
    ldr_context *ctx = context_of(module, "c.dll", reason, LDR__PROCESS_ATTACH);
    if (ctx)
        cr_assert_not_null(ldr_symbol(ldr_module_find(ctx, "a.dll"), "fn"));
}

/* a forwards to b, which needs c; c asks a for b's function and then fails. */
Test(nesting, failed_load_leaves_earlier_modules_that_forward_to_it)
{
    forwarding_dll("b.fn");
    folder_dll("b", "c");
    folder_dll("c", "");
    fake_attach_fails("c.dll");
    fake_on_call(ask_for_forwarder_when_c_arrives);
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll"), *b;
    cr_assert_eq(ldr_load(ctx, folder_path("b.dll"), NULL, &b, NULL), LDR_INIT_FAILED);
    cr_assert_eq(ldr_module_find(ctx, "a.dll"), a);
    cr_assert_null(ldr_module_find(ctx, "b.dll"));
    cr_assert_str_eq(fake_log(), "a+ c+ c-");
    ldr_context_destroy(ctx);
}

static void load_d_when_c_arrives(ldr_module *module, uint32_t reason)
{
    ldr_module *d;
    ldr_context *ctx = context_of(module, "c.dll", reason, LDR__PROCESS_ATTACH);
    if (ctx)
        cr_assert_eq(ldr__guest_load(ctx, "d", 0, &d, NULL), LDR_INIT_FAILED);
}

static void two_forwarders_when_d_arrives(ldr_module *module, uint32_t reason)
{
    ldr_context *ctx = context_of(module, "d.dll", reason, LDR__PROCESS_ATTACH);
    load_d_when_c_arrives(module, reason);
    if (!ctx)
        return;
    cr_assert_not_null(ldr_symbol(ldr_module_find(ctx, "a.dll"), "fn"));
    cr_assert_not_null(ldr_symbol(ldr_module_find(ctx, "a.dll"), "second"));
}

/*
 * While a waits for c, its first need, c loads d, which makes a need d and e by forwarders, and
 * fails. The walk along a's needs must go on with b.
 */
Test(nesting, needs_that_are_taken_back_skip_no_other)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    builder.entry_point = img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0x1000);
    img_add_forwarder(&builder, "fn", 1, "d.fn");
    img_add_forwarder(&builder, "second", 2, "e.fn");
    img_add_import(&builder, "c.dll", "fn");
    img_add_import(&builder, "b.dll", "fn");
    folder_image("a", &builder);
    folder_dll("b", "");
    folder_dll("c", "");
    folder_dll("d", "e");
    folder_dll("e", "d");
    fake_attach_fails("d.dll");
    fake_on_call(two_forwarders_when_d_arrives);
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll");
    cr_assert_str_eq(fake_log(), "c+ e+ d+ d- e- b+ a+");
    ldr_unload(a);
    cr_assert_str_eq(fake_log(), "c+ e+ d+ d- e- b+ a+ a- b- c-");
    ldr_context_destroy(ctx);
}

static void *base_of_e;

static void pin_e_once_condemned(ldr_module *module, uint32_t reason)
{
    ldr_context *ctx = context_of(module, "a.dll", reason, LDR__PROCESS_DETACH);
    if (context_of(module, "e.dll", reason, LDR__PROCESS_ATTACH))
        base_of_e = ldr_module_base(module);
    load_d_when_a_leaves(module, reason);
    if (ctx)
        cr_assert_not_null(ldr__guest_find_at(ctx, base_of_e, true, LDR__KEEP_PINNED));
}

/* The load of d has failed, and e waits for its detach when somebody pins it. */
Test(nesting, module_pinned_while_it_is_dying_goes_all_the_same)
{
    folder_dll("a", "");
    folder_dll("d", "e");
    folder_dll("e", "d");
    fake_attach_fails("d.dll");
    fake_on_call(pin_e_once_condemned);
    ldr_context *ctx = fake_context();
    ldr_unload(folder_load(ctx, "a.dll"));
    cr_assert_str_eq(fake_log(), "a+ a- e+ d+ d- e-");
    cr_assert_eq(fake_modules(), 0);
    ldr_context_destroy(ctx);
}

static void ask_for_forwarder_when_a_leaves(ldr_module *module, uint32_t reason)
{
    if (context_of(module, "a.dll", reason, LDR__PROCESS_DETACH))
        cr_assert_not_null(ldr_symbol(module, "fn"));
}

Test(nesting, dying_module_that_follows_a_forwarder_is_not_counted)
{
    forwarding_dll("b.fn");
    folder_dll("b", "");
    fake_on_call(ask_for_forwarder_when_a_leaves);
    ldr_context *ctx = fake_context();
    ldr_module *b = folder_load(ctx, "b.dll");
    ldr_unload(folder_load(ctx, "a.dll"));
    cr_assert_str_eq(fake_log(), "b+ a+ a-");
    cr_assert_eq(ldr__module_facts_of(b).count, 1);
    ldr_context_destroy(ctx);
}

static void keep_e_when_d_arrives(ldr_module *module, uint32_t reason)
{
    ldr_module *e;
    ldr_context *ctx = context_of(module, "d.dll", reason, LDR__PROCESS_ATTACH);
    if (!ctx)
        return;
    cr_assert_not_null(ldr_symbol(ldr_module_find(ctx, "a.dll"), "fn"));
    cr_assert_eq(ldr__guest_load(ctx, "e", 0, &e, NULL), LDR_OK);
}

/* e has come with d, which fails, and stays since it is kept; a's need of it has been undone. */
Test(nesting, need_that_is_taken_back_is_not_counted)
{
    forwarding_dll("e.fn");
    folder_dll("d", "e");
    folder_dll("e", "");
    fake_attach_fails("d.dll");
    fake_on_call(keep_e_when_d_arrives);
    ldr_context *ctx = fake_context();
    ldr_module *d;
    folder_load(ctx, "a.dll");
    cr_assert_eq(ldr_load(ctx, folder_path("d.dll"), NULL, &d, NULL), LDR_INIT_FAILED);
    ldr_module *e = ldr_module_find(ctx, "e.dll");
    cr_assert_not_null(e);
    cr_assert_eq(ldr__module_facts_of(e).count, 1);
    ldr_context_destroy(ctx);
}

/* ---- Unloading while threads are announced ---- */

static void unload_b_when_a_hears(ldr_module *module, uint32_t reason)
{
    ldr_context *ctx = context_of(module, "a.dll", reason, LDR__THREAD_ATTACH);
    if (!ctx)
        return;
    ldr__guest_unload(ldr_module_find(ctx, "b.dll"));
    cr_assert_null(ldr_module_find(ctx, "b.dll"), "at once");
}

Test(nesting, dll_that_is_unloaded_in_thread_attach_goes_at_once)
{
    folder_dll("a", "");
    folder_dll("b", "");
    folder_dll("c", "");
    ldr_context *ctx = fake_context();
    folder_load(ctx, "a.dll");
    folder_load(ctx, "b.dll");
    folder_load(ctx, "c.dll");
    fake_log_clear();
    fake_on_call(unload_b_when_a_hears);
    ldr__modules_thread_notify(ctx, LDR__THREAD_ATTACH);
    cr_assert_str_eq(fake_log(), "a> b- c>");
    cr_assert_eq(fake_modules(), 2);
    ldr_context_destroy(ctx);
}

static void unload_all_when_a_hears(ldr_module *module, uint32_t reason)
{
    ldr_context *ctx = context_of(module, "a.dll", reason, LDR__THREAD_ATTACH);
    if (!ctx)
        return;
    ldr__guest_unload(ldr_module_find(ctx, "c.dll"));
    ldr__guest_unload(module);
    ldr__guest_unload(ldr_module_find(ctx, "b.dll"));
    cr_assert_not_null(ldr_module_find(ctx, "a.dll"), "its code runs");
}

Test(nesting, dll_that_unloads_itself_in_thread_attach_goes_when_it_returns)
{
    folder_dll("a", "");
    folder_dll("b", "");
    folder_dll("c", "");
    folder_dll("d", "");
    ldr_context *ctx = fake_context();
    folder_load(ctx, "a.dll");
    folder_load(ctx, "b.dll");
    folder_load(ctx, "c.dll");
    folder_load(ctx, "d.dll");
    fake_log_clear();
    fake_on_call(unload_all_when_a_hears);
    ldr__modules_thread_notify(ctx, LDR__THREAD_ATTACH);
    cr_assert_str_eq(fake_log(), "a> c- b- a- d>");
    cr_assert_eq(fake_modules(), 1);
    ldr_context_destroy(ctx);
}
