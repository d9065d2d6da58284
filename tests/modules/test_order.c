/* Order of initialisation and unloading, and who keeps whom. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "fake_environment.h"

Test(order, chain_is_attached_dependencies_first_and_detached_in_reverse)
{
    folder_dll("a", "b");
    folder_dll("b", "c.dll");
    folder_dll("c", "");
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll");
    cr_assert_str_eq(fake_log(), "c+ b+ a+");
    ldr_unload(a);
    cr_assert_str_eq(fake_log(), "c+ b+ a+ a- b- c-");
    cr_assert_eq(fake_modules(), 0);
    ldr_context_destroy(ctx);
}

Test(order, cycle_skips_the_one_in_progress)
{
    folder_dll("a", "b");
    folder_dll("b", "a");
    ldr_context *ctx = fake_context();
    ldr_unload(folder_load(ctx, "a.dll"));
    cr_assert_str_eq(fake_log(), "b+ a+ a- b-");
    cr_assert_null(ldr_module_find(ctx, "a.dll"));
    ldr_context_destroy(ctx);
}

Test(order, diamond_is_loaded_once)
{
    folder_dll("a", "b c");
    folder_dll("b", "d");
    folder_dll("c", "d");
    folder_dll("d", "");
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll");
    cr_assert_str_eq(fake_log(), "d+ b+ c+ a+");
    ldr_unload(a);
    cr_assert_str_eq(fake_log(), "d+ b+ c+ a+ a- c- b- d-");
    ldr_context_destroy(ctx);
}

Test(order, shared_dependency_stays_for_the_other_dependent)
{
    folder_dll("a", "c");
    folder_dll("b", "c");
    folder_dll("c", "");
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll"), *b = folder_load(ctx, "b.dll");
    ldr_unload(a);
    cr_assert_str_eq(fake_log(), "c+ a+ b+ a-");
    ldr_unload(b);
    cr_assert_str_eq(fake_log(), "c+ a+ b+ a- b- c-");
    ldr_context_destroy(ctx);
}

Test(order, second_load_of_a_file_is_one_module_with_two_references)
{
    folder_dll("a", "");
    ldr_context *ctx = fake_context();
    ldr_module *first = folder_load(ctx, "a.dll"), *second = folder_load(ctx, "./a.dll");
    cr_assert_eq(first, second);
    ldr_unload(first);
    cr_assert_eq(ldr_module_find(ctx, "A.DLL"), second);
    ldr_unload(second);
    cr_assert_str_eq(fake_log(), "a+ a-");
    ldr_context_destroy(ctx);
}

Test(order, context_destroy_unloads_everything)
{
    folder_dll("a", "b");
    folder_dll("b", "");
    ldr_context *ctx = fake_context();
    folder_load(ctx, "a.dll");
    ldr_context_destroy(ctx);
    cr_assert_str_eq(fake_log(), "b+ a+ a- b-");
    cr_assert_eq(fake_modules(), 0);
}

Test(order, program_has_static_dlls_with_reserved_argument)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.entry_point = img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0x1000);
    img_add_import(&builder, "a.dll", "fn");
    folder_image("prog.exe", &builder);
    folder_dll("a", "");
    ldr_context *ctx = fake_context();
    ldr_module *program = folder_load(ctx, "prog.exe");
    cr_assert_str_eq(fake_log(), "a+!");
    cr_assert_eq(ldr__module_main(ctx), program);
    ldr_context_destroy(ctx);
}

Test(order, threads_are_announced_in_order_and_leave_in_reverse)
{
    folder_dll("a", "b");
    folder_dll("b", "");
    folder_dll("c", "");
    ldr_context *ctx = fake_context();
    folder_load(ctx, "a.dll");
    ldr__module_no_thread_calls(folder_load(ctx, "c.dll"));
    fake_log_clear();
    ldr__modules_thread_notify(ctx, LDR__THREAD_ATTACH);
    ldr__modules_thread_notify(ctx, LDR__THREAD_DETACH);
    cr_assert_str_eq(fake_log(), "b> a> a< b<");
    ldr_context_destroy(ctx);
}

/* Whether host.exe is needed by an import or named: once it is told of, and then it is there. */
Test(order, host_module_is_announced_when_it_is_needed_first)
{
    img_builder builder;
    ldr_module *host;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    img_add_import(&builder, "host.exe", "host_fn");
    folder_image("user", &builder);
    folder_dll("a", "");
    ldr_context *ctx = fake_context();
    folder_load(ctx, "a.dll");
    cr_assert_eq(fake_hosts(), 0);
    ldr_unload(folder_load(ctx, "user.dll"));
    cr_assert_eq(fake_hosts(), 1);
    folder_load(ctx, "user.dll");
    cr_assert_eq(ldr__guest_load(ctx, "host.exe", 0, &host, NULL), LDR_OK);
    cr_assert_eq(fake_hosts(), 1);
    ldr_context_destroy(ctx);
}

Test(order, host_module_that_is_loaded_by_name_is_announced)
{
    ldr_module *host;
    ldr_context *ctx = fake_context();
    cr_assert_eq(ldr__guest_load(ctx, "host.exe", 0, &host, NULL), LDR_OK);
    cr_assert_eq(fake_hosts(), 1);
    ldr_context_destroy(ctx);
}

Test(order, process_detach_happens_once)
{
    folder_dll("a", "b");
    folder_dll("b", "");
    ldr_context *ctx = fake_context();
    folder_load(ctx, "a.dll");
    fake_log_clear();
    ldr__modules_process_detach(ctx);
    ldr__modules_process_detach(ctx);
    ldr_context_destroy(ctx);
    cr_assert_str_eq(fake_log(), "a-! b-!");
}

Test(order, dllmain_that_loads_gets_it_initialised_before_itself)
{
    folder_dll("a", "");
    folder_dll("b", "c");
    folder_dll("c", "");
    fake_attach_loads("a.dll", "b");
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll");
    cr_assert_str_eq(fake_log(), "a+ c+ b+");
    ldr_unload(a);
    cr_assert_not_null(ldr_module_find(ctx, "b.dll"));
    ldr_context_destroy(ctx);
    cr_assert_str_eq(fake_log(), "a+ c+ b+ a- b- c-");
}

Test(order, no_initialise_runs_nothing)
{
    folder_dll("a", "b");
    folder_dll("b", "");
    ldr_load_options options = {.size = sizeof(options), .no_initialise = true};
    ldr_context *ctx = fake_context();
    ldr_module *a;
    cr_assert_eq(ldr_load(ctx, folder_path("a.dll"), &options, &a, NULL), LDR_OK);
    ldr_unload(a);
    cr_assert_str_eq(fake_log(), "");
    cr_assert_eq(fake_modules(), 0);
    ldr_context_destroy(ctx);
}

Test(order, tls_callbacks_come_before_dllmain)
{
    img_builder builder;
    static const uint32_t callbacks[] = {0x1100, 0x1110};
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    builder.entry_point = img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0x1000);
    img_add_tls(&builder, "abcd", 4, 8, callbacks, 2);
    folder_image("a", &builder);
    ldr_context *ctx = fake_context();
    ldr_module *a = folder_load(ctx, "a.dll");
    cr_assert_str_eq(fake_log(), "a.0+ a.1+ a+");
    cr_assert_eq(fake_tls_slots(), 1);
    ldr_unload(a);
    cr_assert_str_eq(fake_log(), "a.0+ a.1+ a+ a.0- a.1- a-");
    cr_assert_eq(fake_tls_slots(), 0);
    ldr_context_destroy(ctx);
}

Test(order, long_chain_of_dlls_needs_no_stack)
{
    char name[16], needs[16];
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "d%d", i);
        snprintf(needs, sizeof(needs), "d%d", i + 1);
        folder_dll(name, i < 299 ? needs : "");
    }
    ldr_context *ctx = fake_context();
    ldr_module *module = folder_load(ctx, "d0.dll");
    cr_assert_eq(fake_modules(), 300);
    ldr_unload(module);
    cr_assert_eq(fake_modules(), 0);
    ldr_context_destroy(ctx);
}
