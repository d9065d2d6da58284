/* Loads that fail: the right status, and nothing left of them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "fake_environment.h"

static ldr_status try_load(ldr_context *ctx, const char *name, ldr_diag *diag)
{
    ldr_module *module = NULL;
    ldr_status status = ldr_load(ctx, folder_path(name), NULL, &module, diag);
    if (status != LDR_OK)
        cr_assert_null(module, "the output is untouched on failure");
    return status;
}

static void expect_nothing_left(ldr_context *ctx, const char *const *names)
{
    for (; *names; names++)
        cr_assert_null(ldr_module_find(ctx, *names), "%s is still there", *names);
    cr_assert_eq(fake_modules(), 0);
    cr_assert_eq(fake_tls_slots(), 0);
    ldr_context_destroy(ctx);
}

static const char *const abc[] = {"a.dll", "b.dll", "c.dll", NULL};

Test(failures, dllmain_false_detaches_it_at_once_and_its_dependencies_in_reverse)
{
    folder_dll("a", "b");
    folder_dll("b", "c");
    folder_dll("c", "");
    fake_attach_fails("b.dll");
    ldr_context *ctx = fake_context();
    ldr_diag diag;
    cr_assert_eq(try_load(ctx, "a.dll", &diag), LDR_INIT_FAILED);
    cr_assert_eq(diag.why.nt_status, PE_NT_DLL_INIT_FAILED);
    cr_assert_str_eq(diag.subject, folder_path("b.dll"));
    cr_assert_str_eq(fake_log(), "c+ b+ b- c-");
    expect_nothing_left(ctx, abc);
}

Test(failures, dllmain_exception_is_a_failure_without_detach)
{
    folder_dll("a", "b");
    folder_dll("b", "");
    fake_attach_raises("b.dll");
    ldr_context *ctx = fake_context();
    ldr_diag diag;
    cr_assert_eq(try_load(ctx, "a.dll", &diag), LDR_INIT_FAILED);
    cr_assert_eq(diag.why.value, 0xE0000001);
    cr_assert_str_eq(diag.why.rule, "E63");
    cr_assert_str_eq(fake_log(), "b+");
    expect_nothing_left(ctx, abc);
}

Test(failures, failure_leaves_earlier_loads_alone)
{
    folder_dll("a", "b c");
    folder_dll("b", "");
    folder_dll("c", "");
    fake_attach_fails("c.dll");
    ldr_context *ctx = fake_context();
    ldr_diag diag;
    cr_assert_eq(try_load(ctx, "b.dll", &diag), LDR_OK);
    cr_assert_eq(try_load(ctx, "a.dll", &diag), LDR_INIT_FAILED);
    cr_assert_str_eq(fake_log(), "b+ c+ c-");
    cr_assert_not_null(ldr_module_find(ctx, "b.dll"));
    cr_assert_eq(fake_modules(), 1);
    ldr_context_destroy(ctx);
}

Test(failures, dll_that_was_loaded_by_the_failing_one_stays_for_its_own_reference)
{
    folder_dll("a", "");
    folder_dll("b", "");
    fake_attach_loads("a.dll", "b");
    fake_attach_fails("a.dll");
    ldr_context *ctx = fake_context();
    ldr_diag diag;
    cr_assert_eq(try_load(ctx, "a.dll", &diag), LDR_INIT_FAILED);
    cr_assert_str_eq(fake_log(), "a+ b+ a-");
    cr_assert_null(ldr_module_find(ctx, "a.dll"));
    cr_assert_not_null(ldr_module_find(ctx, "b.dll"));
    ldr_context_destroy(ctx);
}

Test(failures, dll_that_needs_the_failing_one_goes_with_it)
{
    folder_dll("a", "");
    folder_dll("b", "a");
    fake_attach_loads("a.dll", "b");
    fake_attach_fails("a.dll");
    ldr_context *ctx = fake_context();
    ldr_diag diag;
    cr_assert_eq(try_load(ctx, "a.dll", &diag), LDR_INIT_FAILED);
    cr_assert_str_eq(fake_log(), "a+ b+ a- b-");
    expect_nothing_left(ctx, abc);
}

Test(failures, cycle_goes_with_the_one_in_it_that_fails)
{
    ldr_module *a;
    folder_dll("a", "b");
    folder_dll("b", "c");
    folder_dll("c", "a");
    ldr_context *ctx = fake_context();
    fake_attach_loads("c.dll", "c.dll");
    fake_attach_fails("a.dll");
    cr_assert_eq(ldr_load(ctx, folder_path("a.dll"), NULL, &a, NULL), LDR_INIT_FAILED);
    cr_assert_str_eq(fake_log(), "c+ b+ a+ a- b- c-");
    cr_assert_eq(fake_modules(), 0);
    ldr_context_destroy(ctx);
}

Test(failures, cycle_that_needs_none_that_fails_stays_for_its_own_reference)
{
    ldr_module *a;
    folder_dll("a", "b");
    folder_dll("b", "c");
    folder_dll("c", "b");
    ldr_context *ctx = fake_context();
    fake_attach_loads("c.dll", "c.dll");
    fake_attach_fails("a.dll");
    cr_assert_eq(ldr_load(ctx, folder_path("a.dll"), NULL, &a, NULL), LDR_INIT_FAILED);
    cr_assert_str_eq(fake_log(), "c+ b+ a+ a-");
    cr_assert_not_null(ldr_module_find(ctx, "b.dll"));
    ldr_unload(ldr_module_find(ctx, "c.dll"));
    cr_assert_str_eq(fake_log(), "c+ b+ a+ a- b- c-");
    cr_assert_eq(fake_modules(), 0);
    ldr_context_destroy(ctx);
}

Test(failures, environment_without_memory_undoes_the_load)
{
    folder_dll("a", "b");
    folder_dll("b", "");
    ldr_context *ctx = fake_context();
    ldr_diag diag;
    fake_module_added_fails();
    cr_assert_eq(try_load(ctx, "a.dll", &diag), LDR_NO_MEMORY);
    cr_assert_str_eq(fake_log(), "");
    expect_nothing_left(ctx, abc);
}

Test(failures, tls_slot_that_cannot_be_had_undoes_the_load)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    img_add_tls(&builder, "abcd", 4, 0, NULL, 0);
    folder_image("a", &builder);
    ldr_context *ctx = fake_context();
    ldr_diag diag;
    fake_tls_add_fails();
    cr_assert_eq(try_load(ctx, "a.dll", &diag), LDR_NO_MEMORY);
    expect_nothing_left(ctx, abc);
}

typedef struct missing_log {
    char text[1024];
} missing_log;

static void note_missing(void *user, const ldr_missing_import *import)
{
    missing_log *log = user;
    size_t used = strlen(log->text);
    snprintf(log->text + used, sizeof(log->text) - used, "%s:%s!%s#%u%s;", import->importer,
             import->dll, import->function ? import->function : "", import->ordinal,
             import->dll_missing ? "(dll)" : "");
}

static void write_needy_dlls(void)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    img_add_import(&builder, "b.dll", "fn");
    img_add_import(&builder, "b.dll", "gone");
    img_add_import_ordinal(&builder, "b.dll", 77);
    img_add_import(&builder, "none.dll", "x");
    img_add_import(&builder, "none.dll", "y");
    folder_image("a", &builder);
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    uint32_t text = img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0x1000);
    img_add_export(&builder, "fn", 1, text);
    img_add_import(&builder, "host.exe", "host_gone");
    folder_image("b", &builder);
}

Test(failures, missing_imports_are_all_reported_and_refused)
{
    missing_log log = {""};
    ldr_load_options options = {.size = sizeof(options), .on_missing = note_missing, .user = &log};
    ldr_diag diag;
    ldr_module *module;
    write_needy_dlls();
    ldr_context *ctx = fake_context();
    ldr_status status = ldr_load(ctx, folder_path("a.dll"), &options, &module, &diag);
    cr_assert_eq(status, LDR_IMPORTS_MISSING);
    cr_assert_eq(diag.why.nt_status, PE_NT_ENTRYPOINT_NOT_FOUND);
    cr_assert_str_eq(diag.subject, "b.dll!gone");
    cr_assert_str_eq(log.text, "a.dll:b.dll!gone#0;a.dll:b.dll!#77;a.dll:none.dll!x#0(dll);"
                               "a.dll:none.dll!y#0(dll);b.dll:host.exe!host_gone#0;");
    expect_nothing_left(ctx, abc);
}

Test(failures, missing_imports_become_stubs_on_request)
{
    missing_log log = {""};
    ldr_load_options options = {.size = sizeof(options),
                                .missing = LDR_MISSING_STUB,
                                .on_missing = note_missing,
                                .user = &log};
    ldr_module *module;
    write_needy_dlls();
    ldr_context *ctx = fake_context();
    cr_assert_eq(ldr_load(ctx, folder_path("a.dll"), &options, &module, NULL), LDR_OK);
    cr_assert_neq(log.text[0], '\0');
    cr_assert_eq(fake_stubs(), 5);
    ldr_unload(module);
    cr_assert_eq(fake_stubs(), 0);
    ldr_context_destroy(ctx);
}

/* What binding writes must not be read as further imports: the table would never end. */
Test(failures, address_table_one_entry_behind_its_lookup_table_is_bound_once)
{
    enum { LOOKUP = 0, ADDRESS = 16 };
    img_builder builder;
    ldr_load_options options = {.size = sizeof(options), .missing = LDR_MISSING_STUB};
    ldr_module *module;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    img_add_import(&builder, "none.dll", "x");
    img_image image = img_finish(&builder);
    pe_image parsed;
    cr_assert_eq(pe_open((pe_span){image.bytes, image.size}, PE_LAYOUT_FILE, &parsed, NULL), PE_OK);
    uint32_t directory = pe_directory_at(&parsed, PE_DIRECTORY_IMPORT).rva.value;
    uint64_t descriptor = img_offset_of(&image, directory);
    img_set_u32(&image, descriptor + ADDRESS, img_get_u32(&image, descriptor + LOOKUP) + 8);
    folder_write("a.dll", image.bytes, image.size);
    img_free(&image);
    ldr_context *ctx = fake_context();
    cr_assert_eq(ldr_load(ctx, folder_path("a.dll"), &options, &module, NULL), LDR_OK);
    cr_assert_eq(fake_stubs(), 1);
    ldr_context_destroy(ctx);
}

Test(failures, missing_dll_is_dll_not_found)
{
    folder_dll("a", "none");
    ldr_context *ctx = fake_context();
    ldr_diag diag;
    cr_assert_eq(try_load(ctx, "a.dll", &diag), LDR_DLL_NOT_FOUND);
    cr_assert_eq(diag.why.nt_status, PE_NT_DLL_NOT_FOUND);
    cr_assert_str_eq(diag.subject, "none");
    expect_nothing_left(ctx, abc);
}

Test(failures, dependency_that_windows_refuses_fails_the_load)
{
    folder_dll("a", "b");
    folder_write("b.dll", "garbage", 7);
    ldr_context *ctx = fake_context();
    ldr_diag diag;
    cr_assert_eq(try_load(ctx, "a.dll", &diag), LDR_IMAGE_REFUSED);
    cr_assert_eq(diag.why.nt_status, PE_NT_INVALID_IMAGE_NOT_MZ);
    cr_assert_str_eq(diag.subject, folder_path("b.dll"));
    expect_nothing_left(ctx, abc);
}

Test(failures, pe32_image_is_for_another_machine)
{
    img_builder builder;
    img_start(&builder, IMG_PE32);
    builder.characteristics |= PE_FILE_DLL;
    folder_image("a", &builder);
    ldr_context *ctx = fake_context();
    ldr_diag diag;
    cr_assert_eq(try_load(ctx, "a.dll", &diag), LDR_WRONG_MACHINE);
    cr_assert_eq(diag.why.nt_status, PE_NT_INVALID_IMAGE_FORMAT);
    cr_assert_eq(diag.why.offset, 0x84);
    cr_assert_eq(diag.why.value, PE_MACHINE_I386);
    expect_nothing_left(ctx, abc);
}

Test(failures, entry_point_outside_code_is_an_access_violation_in_dllmain)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    img_add_section(&builder, ".data", IMG_RW, NULL, 0x200, 0x1000);
    builder.entry_point = 0x7FFFFFFF;
    folder_image("a", &builder);
    ldr_context *ctx = fake_context();
    ldr_diag diag;
    cr_assert_eq(try_load(ctx, "a.dll", &diag), LDR_INIT_FAILED);
    cr_assert_eq(diag.why.value, PE_NT_ACCESS_VIOLATION);
    expect_nothing_left(ctx, abc);
}

Test(failures, tls_index_outside_the_image_is_refused)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    uint32_t directory = img_add_tls(&builder, "abcd", 4, 0, NULL, 0);
    img_image image = img_finish(&builder);
    img_set_u64(&image, img_offset_of(&image, directory) + 16, 0x10);
    folder_write("a.dll", image.bytes, image.size);
    img_free(&image);
    ldr_context *ctx = fake_context();
    ldr_diag diag;
    cr_assert_eq(try_load(ctx, "a.dll", &diag), LDR_IMAGE_REFUSED);
    cr_assert_str_eq(diag.why.rule, "F1");
    cr_assert_eq(diag.why.offset, directory);
    expect_nothing_left(ctx, abc);
}

Test(failures, import_name_with_a_path_leads_nowhere)
{
    folder_dll("a", "../b");
    folder_dll("b", "");
    ldr_context *ctx = fake_context();
    ldr_diag diag;
    cr_assert_eq(try_load(ctx, "a.dll", &diag), LDR_DLL_NOT_FOUND);
    expect_nothing_left(ctx, abc);
}

Test(failures, forwarder_to_a_missing_dll_does_not_make_its_own_dll_missing)
{
    missing_log log = {""};
    ldr_load_options options = {.size = sizeof(options), .on_missing = note_missing, .user = &log};
    ldr_diag diag;
    ldr_module *module;
    img_builder builder;
    folder_dll("a", "b");
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    img_add_forwarder(&builder, "fn", 1, "none.fn");
    folder_image("b", &builder);
    ldr_context *ctx = fake_context();
    ldr_status status = ldr_load(ctx, folder_path("a.dll"), &options, &module, &diag);
    cr_assert_eq(status, LDR_DLL_NOT_FOUND);
    cr_assert_str_eq(diag.subject, "none");
    cr_assert_str_eq(log.text, "a.dll:b!fn#0;");
    expect_nothing_left(ctx, abc);
}

Test(failures, long_name_of_a_missing_function_is_cut_and_not_dropped)
{
    char name[400] = "";
    ldr_diag diag;
    img_builder builder;
    memset(name, 'x', sizeof(name) - 1);
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    img_add_import(&builder, "host.exe", name);
    folder_image("a", &builder);
    ldr_context *ctx = fake_context();
    cr_assert_eq(try_load(ctx, "a.dll", &diag), LDR_IMPORTS_MISSING);
    cr_assert_eq(strlen(diag.subject), sizeof(diag.subject) - 1);
    cr_assert_eq(strncmp(diag.subject, "host.exe!xxx", 12), 0);
    expect_nothing_left(ctx, abc);
}

Test(failures, missing_buffer_is_invalid_and_no_file_name)
{
    folder_dll("a", "");
    ldr_context *ctx = fake_context();
    ldr_module *module = NULL;
    ldr_status status = ldr_load_memory(ctx, folder_path("a.dll"), NULL, 1, NULL, &module, NULL);
    cr_assert_eq(status, LDR_INVALID_ARGUMENT);
    cr_assert_null(module);
    expect_nothing_left(ctx, abc);
}

Test(failures, arguments_that_are_missing_are_invalid)
{
    ldr_context *ctx = fake_context();
    ldr_module *module;
    cr_assert_eq(ldr_load(NULL, "a.dll", NULL, &module, NULL), LDR_INVALID_ARGUMENT);
    cr_assert_eq(ldr_load(ctx, NULL, NULL, &module, NULL), LDR_INVALID_ARGUMENT);
    cr_assert_eq(ldr_load(ctx, "a.dll", NULL, NULL, NULL), LDR_INVALID_ARGUMENT);
    cr_assert_eq(ldr_host_module_add(ctx, "", NULL, 0), LDR_INVALID_ARGUMENT);
    ldr_unload(NULL);
    ldr_context_destroy(ctx);
    ldr_context_destroy(NULL);
}
