/* DLLs of the system's own loader, where the environment has one: as on Windows. */
#include <criterion/criterion.h>
#include <string.h>

#include "fake_environment.h"
#include "modules/module.h"

enum { KERNEL32, USERS, FOLDERS, CONTRACT, KNOWN, PATH, SYSTEM_DLLS };

static fake_system_dll system_dlls[] = {
    [KERNEL32] = {"kernel32.dll", "C:/s/kernel32.dll", LDR__SYSTEM_LOADED, true, 0, {0}},
    [USERS] = {"users.dll", "C:/app/users.dll", LDR__SYSTEM_LOADED, false, 0, {0}},
    [FOLDERS] = {"folders.dll", "C:/s/folders.dll", LDR__SYSTEM_FOLDER, true, 0, {0}},
    [CONTRACT] = {"api-ms-win-x-l1-1-0.dll", "C:/s/base.dll", LDR__SYSTEM_KNOWN, true, 0, {0}},
    [KNOWN] = {"known.dll", "C:/s/known.dll", LDR__SYSTEM_KNOWN, true, 0, {0}},
    [PATH] = {"/s/path.dll", "/s/path.dll", LDR__SYSTEM_PATH, true, 0, {0}},
};

static int references(void)
{
    int count = 0;
    for (size_t i = 0; i < SYSTEM_DLLS; i++)
        count += system_dlls[i].references;
    return count;
}

static ldr_context *context_with(ldr_policy policy, const ldr_context_options *more)
{
    ldr_context_options options = more ? *more : (ldr_context_options){0};
    const char *folder = folder_path("");
    ldr_context *ctx;
    fake_system(system_dlls, SYSTEM_DLLS);
    options.size = sizeof(options);
    options.policy = policy;
    options.search_folders = &folder;
    options.search_folder_count = 1;
    cr_assert_eq(ldr_context_create(&options, &ctx), LDR_OK);
    return ctx;
}

static ldr_module *load(ldr_context *ctx, const char *name)
{
    ldr_module *module = NULL;
    ldr_diag diag;
    char text[512];
    ldr_status status = ldr_load_name(ctx, name, NULL, &module, &diag);
    cr_assert_eq(status, LDR_OK, "%s", ldr_diag_text(&diag, text, sizeof(text)));
    return module;
}

static void expect_system(ldr_context *ctx, const char *name, int dll)
{
    ldr_module *module = load(ctx, name);
    cr_assert_eq(ldr_module_base(module), system_dlls[dll].image);
    cr_assert_eq(ldr_module_size(module), sizeof(system_dlls[dll].image));
    cr_assert_str_eq(ldr_module_path(module), system_dlls[dll].path);
    cr_assert_null(ldr_module_view(module));
    cr_assert_eq(ldr_symbol(module, "fn"), system_dlls[dll].image + 8);
    cr_assert_eq(ldr_symbol_ordinal(module, 7), system_dlls[dll].image + 8);
    cr_assert_null(ldr_symbol(module, "no"));
    cr_assert_null(ldr_symbol_ordinal(module, 8));
    cr_assert_eq(system_dlls[dll].references, 1);
}

Test(system, dlls_are_host_modules_until_the_context_ends)
{
    ldr_context *ctx = context_with(LDR_POLICY_PLUGIN, NULL);
    expect_system(ctx, "kernel32.dll", KERNEL32);
    expect_system(ctx, "kernel32", KERNEL32);
    expect_system(ctx, "users.dll", USERS);
    expect_system(ctx, "folders.dll", FOLDERS);
    expect_system(ctx, "known.dll", KNOWN);
    expect_system(ctx, "/s/path.dll", PATH);
    cr_assert_str_eq(ldr_module_name(load(ctx, "api-ms-win-x-l1-1-0")), "base.dll");
    ldr_context_destroy(ctx);
    cr_assert_eq(references(), 0);
}

Test(system, path_that_is_loaded_directly_is_the_systems)
{
    ldr_context *ctx = context_with(LDR_POLICY_PLUGIN, NULL);
    ldr_module *module = NULL;
    cr_assert_eq(ldr_load(ctx, "/s/path.dll", NULL, &module, NULL), LDR_OK);
    cr_assert_eq(ldr_module_base(module), system_dlls[PATH].image);
    ldr_context_destroy(ctx);
    cr_assert_eq(references(), 0);
}

Test(system, images_import_from_it)
{
    folder_dll("a", "kernel32.dll folders.dll api-ms-win-x-l1-1-0.dll");
    ldr_context *ctx = context_with(LDR_POLICY_PLUGIN, NULL);
    ldr_module *module = folder_load(ctx, "a.dll");
    cr_assert_eq(references(), 3);
    cr_assert_eq(fake_hosts(), 3);
    ldr_unload(module);
    cr_assert_eq(references(), 3);
    ldr_context_destroy(ctx);
    cr_assert_eq(references(), 0);
}

Test(system, policy_without_host_modules_does_not_ask_it)
{
    static const char *const names[] = {"kernel32.dll", "folders.dll", "known.dll", "/s/path.dll",
                                        "api-ms-win-x-l1-1-0.dll"};
    ldr_context *ctx = context_with(LDR_POLICY_FILES, NULL);
    ldr_module *module = NULL;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        cr_assert_eq(ldr_load_name(ctx, names[i], NULL, &module, NULL), LDR_DLL_NOT_FOUND);
    ldr_context_destroy(ctx);
}

Test(system, folder_that_is_given_takes_the_place_of_its_own)
{
    const ldr_context_options options = {.system_folder = "/nowhere"};
    ldr_context *ctx = context_with(LDR_POLICY_PLUGIN, &options);
    ldr_module *module = NULL;
    cr_assert_eq(ldr_load_name(ctx, "folders.dll", NULL, &module, NULL), LDR_DLL_NOT_FOUND);
    expect_system(ctx, "kernel32.dll", KERNEL32);
    ldr_context_destroy(ctx);
}

Test(system, finding_loads_nothing)
{
    ldr_context *ctx = context_with(LDR_POLICY_PLUGIN, NULL);
    ldr_found found = {0};
    cr_assert_eq(ldr_find(ctx, "folders.dll", NULL, &found, NULL), LDR_OK);
    cr_assert_null(found.module);
    cr_assert_eq(found.place, LDR_PLACE_SYSTEM);
    cr_assert_str_eq(found.path, "C:/s/folders.dll");
    ldr_found_release(&found);
    cr_assert_eq(ldr_find(ctx, "kernel32.dll", NULL, &found, NULL), LDR_OK);
    cr_assert_eq(ldr_module_base(found.module), system_dlls[KERNEL32].image);
    cr_assert_eq(found.place, LDR_PLACE_HOST);
    ldr_found_release(&found);
    ldr_context_destroy(ctx);
    cr_assert_eq(references(), 0);
}

Test(system, is_not_asked_for_what_the_context_has_an_image_of)
{
    folder_dll("users", "");
    folder_dll("kernel32", "");
    ldr_context *ctx = context_with(LDR_POLICY_PLUGIN, NULL);
    ldr_module *users = folder_load(ctx, "users.dll");
    ldr_module *kernel32 = folder_load(ctx, "kernel32.dll");
    cr_assert_eq(load(ctx, "users.dll"), users);
    cr_assert_eq(load(ctx, "kernel32.dll"), kernel32);
    ldr_context_destroy(ctx);
    cr_assert_eq(references(), 0);
}

static int released;

static void release_bundled(const ldr_bundle_file *file)
{
    (void)file;
    released++;
}

static bool bundle(void *user, const char *name, ldr_bundle_file *ret_file)
{
    *ret_file = (ldr_bundle_file){.bytes = user, .size = 1, .release = release_bundled};
    return strcmp(name, "users.dll") == 0;
}

Test(system, dll_of_a_program_is_passed_over_where_the_bundle_has_one)
{
    char bytes[1] = {0};
    const ldr_context_options options = {.bundle = bundle, .bundle_user = bytes};
    ldr_context *ctx = context_with(LDR_POLICY_PLUGIN, &options);
    ldr_found found = {0};
    cr_assert_eq(ldr_find(ctx, "users.dll", NULL, &found, NULL), LDR_OK);
    cr_assert_eq(found.place, LDR_PLACE_BUNDLE);
    cr_assert_eq(released, 1);
    ldr_found_release(&found);
    cr_assert_eq(released, 2);
    ldr_context_destroy(ctx);
    cr_assert_eq(references(), 0);
}

Test(system, functions_of_the_embedder_come_first)
{
    static const char mine;
    static const ldr_export exports[] = {{.name = "mine", .address = &mine}};
    static const ldr_export others[] = {{.name = "fn", .address = &mine}};
    ldr_context *ctx = context_with(LDR_POLICY_PLUGIN, NULL);
    cr_assert_eq(ldr_host_module_add(ctx, "KERNEL32.dll", exports, 1), LDR_OK);
    ldr_module *module = ldr_module_find(ctx, "kernel32.dll");
    cr_assert_eq(ldr_module_base(module), system_dlls[KERNEL32].image);
    cr_assert_eq(ldr_symbol(module, "mine"), (void *)&mine);
    cr_assert_eq(ldr_symbol(module, "fn"), system_dlls[KERNEL32].image + 8);
    load(ctx, "folders.dll");
    cr_assert_eq(ldr_host_module_add(ctx, "folders.dll", others, 1), LDR_OK);
    cr_assert_eq(ldr_symbol(load(ctx, "folders.dll"), "fn"), (void *)&mine);
    ldr_context_destroy(ctx);
    cr_assert_eq(references(), 0);
}

Test(system, address_is_told_by_its_module)
{
    ldr_symbol_place place;
    char text[128];
    ldr_context *ctx = context_with(LDR_POLICY_PLUGIN, NULL);
    load(ctx, "kernel32.dll");
    cr_assert_eq(ldr_symbol_at(ctx, system_dlls[KERNEL32].image + 12, &place), LDR_OK);
    cr_assert_str_eq(ldr_symbol_place_text(&place, text, sizeof(text)), "kernel32.dll+0xc");
    cr_assert_null(ldr_module_at(ctx, system_dlls[KERNEL32].image + 12));
    cr_assert_eq(ldr_symbol_at(ctx, system_dlls[KERNEL32].image + 64, &place),
                 LDR_EXPORT_NOT_FOUND);
    ldr_context_destroy(ctx);
}

/* One load, in which OS call number `call` fails. False when there are not that many. */
static bool load_once(unsigned call)
{
    ldr_module *module = NULL;
    ldr_diag diag = {.status = LDR_OK};
    ldr_context *ctx = context_with(LDR_POLICY_PLUGIN, NULL);
    faulty_os_fail_at(call, false);
    ldr_status status = ldr_load(ctx, folder_path("a.dll"), NULL, &module, &diag);
    bool failed = faulty_os_stop() > call;
    if (status != LDR_OK)
        cr_assert_eq(diag.status, status);
    ldr_unload(module);
    cr_assert_eq(fake_modules(), 0);
    ldr_context_destroy(ctx);
    cr_assert_eq(references(), 0, "after call %u (%s)", call, faulty_os_failed());
    fake_log_clear();
    return failed;
}

Test(system, each_call_failing_once_gives_all_references_back)
{
    unsigned call = 0;
    folder_dll("a", "kernel32.dll folders.dll api-ms-win-x-l1-1-0.dll");
    while (load_once(call))
        call++;
    cr_assert_gt(call, 10);
}
