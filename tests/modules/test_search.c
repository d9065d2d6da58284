/* Where DLLs are found: policies, flags, what the guest sets, names, API sets, bundles. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_environment.h"
#include "modules/module.h"
#include "support/faulty_os.h"

/* A folder of the test's, with NAME.dll in it that needs `needs` ("" for none). */
static const char *folder_with(const char *folder, const char *name, const char *needs)
{
    char path[128];
    mkdir(folder_path(folder), 0700);
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    folder_dll(path, needs);
    return folder_path(folder);
}

static ldr_context *context_with(const ldr_context_options *options)
{
    ldr_context *ctx;
    cr_assert_eq(ldr_context_create(options, &ctx), LDR_OK);
    return ctx;
}

static ldr_context *context_of(ldr_policy policy, const char *system)
{
    const ldr_context_options options = {
        .size = sizeof(options), .policy = policy, .system_folder = system};
    return context_with(&options);
}

static ldr_status load(ldr_context *ctx, const char *name, uint32_t flags, ldr_module **ret_module)
{
    const ldr_load_options options = {.size = sizeof(options), .search_flags = flags};
    return ldr_load(ctx, folder_path(name), &options, ret_module, NULL);
}

/* The module that is called `name` comes from that folder of the test's. */
static void expect_from(ldr_context *ctx, const char *name, const char *folder)
{
    char path[256];
    ldr_module *module = ldr_module_find(ctx, name);
    cr_assert_not_null(module, "%s is not loaded", name);
    snprintf(path, sizeof(path), "%s/%s", folder_path(folder), name);
    cr_assert_str_eq(ldr_module_path(module), path);
}

static ldr_status guest_load(ldr_context *ctx, const char *name, uint32_t flags)
{
    ldr_module *module;
    return ldr__guest_load(ctx, name, flags, &module, NULL);
}

/* The program, whose folder is "app". */
static void load_program(ldr_context *ctx)
{
    img_builder builder;
    mkdir(folder_path("app"), 0700);
    img_start(&builder, IMG_PE32_PLUS);
    folder_image("app/prog.exe", &builder);
    folder_load(ctx, "app/prog.exe");
}

/* ---- Policies ---- */

Test(search, plugin_finds_its_dlls_beside_it_first)
{
    folder_with("a", "x", "y");
    folder_with("a", "y", "");
    const char *folders[] = {folder_with("b", "y", "")};
    const ldr_context_options options = {
        .size = sizeof(options), .search_folders = folders, .search_folder_count = 1};
    ldr_context *ctx = context_with(&options);
    folder_load(ctx, "a/x.dll");
    expect_from(ctx, "y.dll", "a");
    ldr_context_destroy(ctx);
}

Test(search, windows_does_not_look_beside_the_importer)
{
    folder_with("a", "x", "y");
    folder_with("a", "y", "z");
    folder_with("a", "z", "");
    ldr_context *ctx = context_of(LDR_POLICY_WINDOWS, NULL);
    ldr_module *x;
    cr_assert_eq(load(ctx, "a/x.dll", 0, &x), LDR_DLL_NOT_FOUND);
    cr_assert_eq(load(ctx, "a/x.dll", LDR_SEARCH_ALTERED, &x), LDR_OK);
    expect_from(ctx, "y.dll", "a");
    expect_from(ctx, "z.dll", "a");
    cr_assert_eq(guest_load(ctx, "other", 0), LDR_DLL_NOT_FOUND);
    ldr_context_destroy(ctx);
}

/* The DLL is in all places; those before are emptied one after the other. */
static void expect_order(ldr_policy policy, const char *const *order)
{
    static const char *const places[] = {"app", "added", "system", "windows", "current"};
    char cwd[4096];
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        folder_with(places[i], "y", "");
    const char *folders[] = {folder_path("added")};
    const ldr_context_options options = {.size = sizeof(options),
                                         .policy = policy,
                                         .search_folders = folders,
                                         .search_folder_count = 1,
                                         .system_folder = folder_path("system"),
                                         .windows_folder = folder_path("windows")};
    ldr_context *ctx = context_with(&options);
    load_program(ctx);
    cr_assert_not_null(getcwd(cwd, sizeof(cwd)));
    cr_assert_eq(chdir(folder_path("current")), 0);
    for (; *order; order++) {
        char name[64];
        cr_assert_eq(guest_load(ctx, "y", 0), LDR_OK);
        expect_from(ctx, "y.dll", *order);
        ldr_unload(ldr_module_find(ctx, "y.dll"));
        snprintf(name, sizeof(name), "%s/y.dll", *order);
        cr_assert_eq(unlink(folder_path(name)), 0);
    }
    cr_assert_eq(guest_load(ctx, "y", 0), LDR_DLL_NOT_FOUND);
    cr_assert_eq(chdir(cwd), 0);
    ldr_context_destroy(ctx);
}

Test(search, windows_looks_in_its_places_in_order)
{
    static const char *const order[] = {"app", "added", "system", "windows", "current", NULL};
    expect_order(LDR_POLICY_WINDOWS, order);
}

Test(search, unsafe_windows_looks_in_the_current_folder_second)
{
    static const char *const order[] = {"app", "current", "added", "system", "windows", NULL};
    expect_order(LDR_POLICY_WINDOWS_UNSAFE, order);
}

Test(search, plugin_does_not_look_in_the_current_folder)
{
    static const char *const order[] = {"app", "added", "system", "windows", NULL};
    expect_order(LDR_POLICY_PLUGIN, order);
}

Test(search, policy_of_the_callers_own_is_followed)
{
    static const ldr_place places[] = {LDR_PLACE_WINDOWS, LDR_PLACE_SYSTEM};
    const ldr_context_options options = {.size = sizeof(options),
                                         .places = places,
                                         .place_count = 2,
                                         .system_folder = folder_with("system", "y", ""),
                                         .windows_folder = folder_with("windows", "y", "")};
    ldr_context *ctx = context_with(&options);
    cr_assert_eq(guest_load(ctx, "y", 0), LDR_OK);
    expect_from(ctx, "y.dll", "windows");
    ldr_context_destroy(ctx);
}

Test(search, policy_that_does_not_exist_is_refused)
{
    static const ldr_place wrong[] = {LDR_PLACE_HOST, (ldr_place)99};
    ldr_context_options options = {.size = sizeof(options), .policy = (ldr_policy)7};
    ldr_context *ctx;
    size_t count = 1;
    cr_assert_eq(ldr_context_create(&options, &ctx), LDR_INVALID_ARGUMENT);
    options = (ldr_context_options){.size = sizeof(options), .places = wrong, .place_count = 2};
    cr_assert_eq(ldr_context_create(&options, &ctx), LDR_INVALID_ARGUMENT);
    cr_assert_null(ldr_policy_places((ldr_policy)7, &count));
    cr_assert_eq(count, 0);
    cr_assert_null(ldr_place_name((ldr_place)0));
    cr_assert_str_eq(ldr_place_name(LDR_PLACE_PATH), "path");
}

Test(search, known_dll_comes_from_the_system_folder_and_not_from_the_program)
{
    static const char *const known[] = {"Y.dll"};
    const ldr_context_options options = {.size = sizeof(options),
                                         .policy = LDR_POLICY_WINDOWS,
                                         .system_folder = folder_with("system", "y", ""),
                                         .known_dlls = known,
                                         .known_dll_count = 1};
    ldr_context *ctx = context_with(&options);
    load_program(ctx);
    folder_with("app", "y", "");
    cr_assert_eq(guest_load(ctx, "y", 0), LDR_OK);
    expect_from(ctx, "y.dll", "system");
    ldr_context_destroy(ctx);
}

Test(search, host_module_comes_before_a_file_unless_the_policy_says_files)
{
    static const int target = 0;
    static const ldr_export exports[] = {{"fn", &target, 0, 0}};
    folder_with("a", "x", "y");
    folder_with("a", "y", "");
    for (int files = 0; files <= 1; files++) {
        ldr_context *ctx = context_of(files ? LDR_POLICY_FILES : LDR_POLICY_PLUGIN, NULL);
        cr_assert_eq(ldr_host_module_add(ctx, "y.dll", exports, 1), LDR_OK);
        folder_load(ctx, "a/x.dll");
        cr_assert_eq(ldr_module_find(ctx, folder_path("a/y.dll")) != NULL, files);
        ldr_context_destroy(ctx);
    }
}

/* ---- Flags ---- */

Test(search, flags_name_the_only_folders_that_are_looked_in)
{
    const char *folders[] = {folder_with("added", "u", "")};
    const ldr_context_options options = {.size = sizeof(options),
                                         .policy = LDR_POLICY_WINDOWS,
                                         .search_folders = folders,
                                         .search_folder_count = 1,
                                         .system_folder = folder_with("system", "s", "")};
    ldr_context *ctx = context_with(&options);
    load_program(ctx);
    folder_with("app", "p", "");
    static const struct {
        uint32_t flags;
        bool u, s, p;
    } cases[] = {{LDR_SEARCH_USER, true, false, false},
                 {LDR_SEARCH_SYSTEM, false, true, false},
                 {LDR_SEARCH_APPLICATION, false, false, true},
                 {LDR_SEARCH_USER | LDR_SEARCH_SYSTEM, true, true, false},
                 {LDR_SEARCH_DEFAULT, true, true, true}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_expect_eq(guest_load(ctx, "u", cases[i].flags) == LDR_OK, cases[i].u);
        cr_expect_eq(guest_load(ctx, "s", cases[i].flags) == LDR_OK, cases[i].s);
        cr_expect_eq(guest_load(ctx, "p", cases[i].flags) == LDR_OK, cases[i].p);
        ldr_unload(ldr_module_find(ctx, "u.dll"));
        ldr_unload(ldr_module_find(ctx, "s.dll"));
        ldr_unload(ldr_module_find(ctx, "p.dll"));
    }
    ldr_context_destroy(ctx);
}

Test(search, folder_of_the_loaded_dll_serves_its_imports_by_flag)
{
    folder_with("a", "x", "y");
    folder_with("a", "y", "");
    ldr_context *ctx = context_of(LDR_POLICY_WINDOWS, NULL);
    ldr_module *x;
    cr_assert_eq(load(ctx, "a/x.dll", LDR_SEARCH_DEFAULT, &x), LDR_DLL_NOT_FOUND);
    cr_assert_eq(load(ctx, "a/x.dll", LDR_SEARCH_DEFAULT | LDR_SEARCH_LOAD_FOLDER, &x), LDR_OK);
    ldr_unload(x);
    cr_assert_eq(guest_load(ctx, folder_path("a/x.dll"), LDR_SEARCH_LOAD_FOLDER), LDR_OK);
    expect_from(ctx, "y.dll", "a");
    ldr_context_destroy(ctx);
}

Test(search, flags_that_contradict_each_other_are_refused)
{
    static const struct {
        const char *name;
        uint32_t flags;
    } wrong[] = {
        {"y", LDR_SEARCH_ALTERED | LDR_SEARCH_SYSTEM},
        {"y", LDR_SEARCH_LOAD_FOLDER},
        {"y", LDR_SEARCH_DEFAULT | LDR_SEARCH_LOAD_FOLDER},
        {"a/y", LDR_SEARCH_LOAD_FOLDER},
        {"y", 0x2000},
    };
    ldr_context *ctx = context_of(LDR_POLICY_WINDOWS, NULL);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ldr_module *module = NULL;
        ldr_diag diag;
        cr_assert_eq(ldr__guest_load(ctx, wrong[i].name, wrong[i].flags, &module, &diag),
                     LDR_INVALID_ARGUMENT);
        cr_assert_eq(diag.why.nt_status, PE_NT_INVALID_PARAMETER);
        cr_assert_null(module);
    }
    ldr_context_destroy(ctx);
}

Test(search, default_flags_of_the_guest_count_where_a_load_has_none)
{
    ldr_context *ctx = context_of(LDR_POLICY_WINDOWS, folder_with("system", "y", ""));
    load_program(ctx);
    folder_with("app", "p", "");
    cr_assert_eq(ldr__guest_set_default_flags(ctx, 0), LDR_INVALID_ARGUMENT);
    cr_assert_eq(ldr__guest_set_default_flags(ctx, LDR_SEARCH_LOAD_FOLDER), LDR_INVALID_ARGUMENT);
    cr_assert_eq(ldr__guest_set_default_flags(ctx, LDR_SEARCH_ALTERED), LDR_INVALID_ARGUMENT);
    cr_assert_eq(ldr__guest_set_default_flags(ctx, LDR_SEARCH_SYSTEM), LDR_OK);
    cr_assert_eq(guest_load(ctx, "y", 0), LDR_OK);
    cr_assert_eq(guest_load(ctx, "p", 0), LDR_DLL_NOT_FOUND);
    cr_assert_eq(guest_load(ctx, "p", LDR_SEARCH_APPLICATION), LDR_OK);
    ldr_context_destroy(ctx);
}

/* A load configuration with DependentLoadFlags, which are at offset 78 of the structure. */
static void folder_dll_with_flags(const char *name, const char *needs, uint32_t flags)
{
    img_builder builder;
    uint8_t config[0x100] = {0xA0};
    config[78 + 1] = (uint8_t)(flags >> 8);
    mkdir(folder_path("a"), 0700);
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    uint32_t rva = img_add_section(&builder, ".rdata", IMG_RO, config, sizeof(config), 0x1000);
    img_set_directory(&builder, PE_DIRECTORY_LOAD_CONFIG, rva, 0xA0);
    img_add_import(&builder, needs, "fn");
    folder_image(name, &builder);
}

Test(search, dependent_load_flags_are_about_the_images_own_imports)
{
    folder_with("a", "y", "z");
    folder_with("a", "z", "");
    folder_dll_with_flags("a/x", "y.dll", LDR_SEARCH_SYSTEM);
    ldr_context *ctx = context_of(LDR_POLICY_PLUGIN, folder_with("system", "other", ""));
    ldr_module *x;
    cr_assert_eq(load(ctx, "a/x.dll", 0, &x), LDR_DLL_NOT_FOUND);
    folder_with("system", "y", "z");
    folder_with("system", "z", "");
    cr_assert_eq(load(ctx, "a/x.dll", 0, &x), LDR_OK);
    cr_assert_eq(x->dependent_flags, LDR_SEARCH_SYSTEM);
    expect_from(ctx, "y.dll", "system");
    expect_from(ctx, "z.dll", "system");
    ldr_context_destroy(ctx);
}

Test(search, dependent_load_flags_can_name_the_images_own_folder)
{
    folder_dll_with_flags("a/x", "y.dll", LDR_SEARCH_LOAD_FOLDER);
    folder_with("a", "y", "");
    ldr_context *ctx = context_of(LDR_POLICY_WINDOWS, NULL);
    ldr_module *x;
    cr_assert_eq(load(ctx, "a/x.dll", 0, &x), LDR_OK);
    expect_from(ctx, "y.dll", "a");
    ldr_context_destroy(ctx);
}

Test(search, dll_for_another_machine_ends_the_search)
{
    img_builder builder;
    mkdir(folder_path("a"), 0700);
    img_start(&builder, IMG_PE32);
    builder.characteristics |= PE_FILE_DLL;
    folder_image("a/y.dll", &builder);
    folder_with("a", "x", "y");
    ldr_context *ctx = context_of(LDR_POLICY_PLUGIN, folder_with("system", "y", ""));
    ldr_module *x;
    cr_assert_eq(load(ctx, "a/x.dll", 0, &x), LDR_WRONG_MACHINE);
    cr_assert_null(ldr_module_find(ctx, "x.dll"));
    ldr_context_destroy(ctx);
}

/* ---- What the guest sets ---- */

Test(search, set_folder_comes_after_the_program_and_takes_the_current_folders_place)
{
    char cwd[4096], *got = NULL;
    ldr_context *ctx = context_of(LDR_POLICY_WINDOWS, folder_with("system", "s", ""));
    folder_with("set", "s", "");
    folder_with("set", "y", "");
    folder_with("current", "c", "");
    cr_assert_not_null(getcwd(cwd, sizeof(cwd)));
    cr_assert_eq(chdir(folder_path("current")), 0);
    cr_assert_eq(guest_load(ctx, "y", 0), LDR_DLL_NOT_FOUND);
    cr_assert_eq(ldr__guest_set_folder(ctx, folder_path("set")), LDR_OK);
    cr_assert_eq(ldr__guest_folder(ctx, &got), LDR_OK);
    cr_assert_str_eq(got, folder_path("set"));
    ldr__os_free(got);
    cr_assert_eq(guest_load(ctx, "s", 0), LDR_OK);
    expect_from(ctx, "s.dll", "set");
    cr_assert_eq(guest_load(ctx, "c", 0), LDR_DLL_NOT_FOUND);
    cr_assert_eq(ldr__guest_set_folder(ctx, ""), LDR_OK);
    cr_assert_eq(guest_load(ctx, "c", 0), LDR_DLL_NOT_FOUND);
    cr_assert_eq(ldr__guest_set_folder(ctx, NULL), LDR_OK);
    cr_assert_eq(guest_load(ctx, "c", 0), LDR_OK);
    cr_assert_eq(chdir(cwd), 0);
    ldr_context_destroy(ctx);
}

Test(search, added_folders_count_with_the_flag_the_last_one_first)
{
    void *first, *second;
    ldr_context *ctx = context_of(LDR_POLICY_WINDOWS, NULL);
    cr_assert_eq(ldr__guest_add_folder(ctx, folder_with("one", "y", ""), &first), LDR_OK);
    cr_assert_eq(ldr__guest_add_folder(ctx, folder_with("two", "y", ""), &second), LDR_OK);
    cr_assert_eq(guest_load(ctx, "y", 0), LDR_DLL_NOT_FOUND);
    cr_assert_eq(guest_load(ctx, "y", LDR_SEARCH_USER), LDR_OK);
    expect_from(ctx, "y.dll", "two");
    ldr_unload(ldr_module_find(ctx, "y.dll"));
    cr_assert(ldr__guest_remove_folder(ctx, second));
    cr_assert_not(ldr__guest_remove_folder(ctx, second));
    cr_assert_eq(guest_load(ctx, "y", LDR_SEARCH_USER), LDR_OK);
    expect_from(ctx, "y.dll", "one");
    ldr_context_destroy(ctx);
}

/* ---- Names ---- */

Test(search, names_are_completed_and_compared_as_windows_does)
{
    static const char *const same[] = {"y",        "Y",      "y.dll",    "Y.DLL", "y.dll.",
                                       "y.dll...", "y.dll ", "y.dll. .", NULL};
    static const char *const other[] = {"y.", "y.dl", "y.dll.dll", "", ".", ".dll", "..", NULL};
    ldr_context *ctx = context_of(LDR_POLICY_PLUGIN, folder_with("system", "y", ""));
    for (size_t i = 0; same[i]; i++) {
        cr_expect_eq(guest_load(ctx, same[i], 0), LDR_OK, "%s", same[i]);
        ldr_unload(ldr_module_find(ctx, "y.dll"));
        cr_assert_null(ldr_module_find(ctx, "y.dll"));
    }
    for (size_t i = 0; other[i]; i++)
        cr_expect_eq(guest_load(ctx, other[i], 0), LDR_DLL_NOT_FOUND, "%s", other[i]);
    ldr_context_destroy(ctx);
}

Test(search, letters_beyond_ascii_have_an_upper_case_too)
{
    cr_assert(
        ldr__same_name("stra\u00DFe\u00E9\u03B1\u0436.dll", "STRA\u00DFE\u00C9\u0391\u0416.DLL"));
    cr_assert(ldr__same_name("\u00FF", "\u0178"));
    cr_assert_not(ldr__same_name("\u0131", "I"), "Windows leaves the dotless i alone");
    cr_assert_not(ldr__same_name("\u03C2", "\u03A3"), "and the final sigma");
    cr_assert_not(ldr__same_name("\xE9", "\xC9"), "bytes that are no text are themselves");
    cr_assert(ldr__same_name("\xE9", "\xE9"));
    cr_assert_not(ldr__same_name("a", "ab"));
    cr_assert_eq(ldr__name_hash("\u00E9.DLL", 7), ldr__name_hash("\u00C9.dll", 7));
    ldr_context *ctx = context_of(LDR_POLICY_PLUGIN, folder_with("system", "\u00E9t\u00E9", ""));
    cr_assert_eq(guest_load(ctx, "\u00C9T\u00C9", 0), LDR_OK);
    cr_assert_not_null(ldr_module_find(ctx, "\u00C9t\u00E9.dll"));
    ldr_context_destroy(ctx);
}

Test(search, relative_path_is_looked_for_in_every_folder_with_either_slash)
{
    mkdir(folder_path("system"), 0700);
    folder_with("system/Sub", "y", "");
    ldr_context *ctx = context_of(LDR_POLICY_PLUGIN, folder_path("system"));
    static const char *const paths[] = {"sub\\y",   "Sub/y.dll",       "SUB\\\\Y.DLL",
                                        ".\\sub/y", "sub\\..\\sub\\y", NULL};
    for (size_t i = 0; paths[i]; i++) {
        cr_expect_eq(guest_load(ctx, paths[i], 0), LDR_OK, "%s", paths[i]);
        ldr_unload(ldr_module_find(ctx, "y.dll"));
    }
    cr_assert_eq(guest_load(ctx, "sub\\", 0), LDR_DLL_NOT_FOUND);
    cr_assert_eq(guest_load(ctx, "other\\y", 0), LDR_DLL_NOT_FOUND);
    ldr_context_destroy(ctx);
}

Test(search, absolute_path_is_looked_for_nowhere_else_and_in_any_case)
{
    char path[256];
    ldr_context *ctx = context_of(LDR_POLICY_PLUGIN, folder_with("system", "y", ""));
    snprintf(path, sizeof(path), "Z:%s", folder_path("SYSTEM\\Y"));
    cr_assert_eq(guest_load(ctx, path, 0), LDR_OK);
    expect_from(ctx, "y.dll", "system");
    cr_assert_eq(guest_load(ctx, folder_path("other/y.dll"), 0), LDR_DLL_NOT_FOUND);
    cr_assert_eq(guest_load(ctx, "C:\\y.dll", 0), LDR_DLL_NOT_FOUND);
    ldr_context_destroy(ctx);
}

Test(search, two_files_of_one_name_are_two_modules_and_the_bare_name_means_the_first)
{
    folder_with("a", "y", "");
    folder_with("b", "y", "");
    folder_with("b", "x", "y");
    ldr_context *ctx = context_of(LDR_POLICY_PLUGIN, NULL);
    ldr_module *first = folder_load(ctx, "a/y.dll"), *second = folder_load(ctx, "b/y.dll");
    cr_assert_neq(first, second);
    cr_assert_eq(ldr_module_find(ctx, "y.dll"), first);
    cr_assert_eq(ldr_module_find(ctx, folder_path("b/y.dll")), second);
    cr_assert_eq(ldr_module_find(ctx, folder_path("b/../a/y.dll")), first);
    cr_assert_null(ldr_module_find(ctx, folder_path("c/y.dll")));
    ldr_module *x = folder_load(ctx, "b/x.dll");
    cr_assert_eq(x->need_count, 1);
    cr_assert_eq(x->needs[0], first);
    ldr_unload(x);
    ldr_unload(first);
    cr_assert_eq(ldr_module_find(ctx, "y.dll"), second);
    ldr_context_destroy(ctx);
}

Test(search, links_to_a_file_are_one_module)
{
    folder_with("a", "y", "");
    ldr_context *ctx = context_of(LDR_POLICY_PLUGIN, NULL);
    cr_assert_eq(link(folder_path("a/y.dll"), folder_path("a/hard.dll")), 0);
    cr_assert_eq(symlink(folder_path("a/y.dll"), folder_path("a/soft.dll")), 0);
    ldr_module *y = folder_load(ctx, "a/y.dll");
    cr_assert_eq(folder_load(ctx, "a/hard.dll"), y);
    cr_assert_eq(folder_load(ctx, "a/soft.dll"), y);
    ldr_context_destroy(ctx);
}

/* ---- API sets ---- */

static void expect_contract(ldr_context *ctx, const char *name, const char *host)
{
    ldr_found found;
    cr_assert_eq(ldr_find(ctx, name, NULL, &found, NULL), LDR_OK, "%s", name);
    cr_assert_not_null(found.module, "%s", name);
    cr_assert_str_eq(ldr_module_name(found.module), host);
    ldr_found_release(&found);
}

Test(search, api_set_goes_to_its_host_whatever_its_last_number)
{
    static const char *const hosts[] = {"kernel32.dll", "advapi32.dll", "ucrtbase.dll",
                                        "ntdll.dll"};
    ldr_context *ctx = context_of(LDR_POLICY_PLUGIN, NULL);
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        cr_assert_eq(ldr_host_module_add(ctx, hosts[i], NULL, 0), LDR_OK);
    expect_contract(ctx, "api-ms-win-core-file-l1-2-0.dll", "kernel32.dll");
    expect_contract(ctx, "API-MS-Win-Core-File-L1-2-4", "kernel32.dll");
    expect_contract(ctx, "api-ms-win-core-atoms-l1-1-0.dll", "kernel32.dll");
    expect_contract(ctx, "api-ms-win-crt-runtime-l1-1-0.dll", "ucrtbase.dll");
    expect_contract(ctx, "api-ms-win-core-registry-l1-1-0.dll", "advapi32.dll");
    expect_contract(ctx, "api-ms-win-security-base-l1-1-0.dll", "advapi32.dll");
    expect_contract(ctx, "api-ms-win-core-rtlsupport-l1-1-0.dll", "ntdll.dll");
    expect_contract(ctx, "ext-ms-win-kernel32-file-l1-1-0.dll", "kernel32.dll");
    expect_contract(ctx, "kernelbase.dll", "kernel32.dll");
    expect_contract(ctx, "sechost", "advapi32.dll");
    static const char *const unknown[] = {
        "api-ms-win-core-file-l9-1-0.dll", "api-ms-win-core-file-l1.dll",
        "api-ms-win-core-file.dll",        "api-.dll",
        "ext-ms-win-nothing-l1-1-0.dll",   "api-ms-win-deprecated-apis-legacy-l1-1-0.dll"};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        ldr_found found;
        cr_assert_eq(ldr_find(ctx, unknown[i], NULL, &found, NULL), LDR_DLL_NOT_FOUND);
    }
    ldr_context_destroy(ctx);
}

Test(search, api_set_is_hosted_by_the_system_folder_and_not_by_the_importers)
{
    folder_with("a", "x", "api-ms-win-shcore-path-l1-1-0.dll");
    folder_with("a", "shcore", "");
    ldr_context *ctx = context_of(LDR_POLICY_PLUGIN, folder_with("system", "shcore", ""));
    folder_load(ctx, "a/x.dll");
    expect_from(ctx, "shcore.dll", "system");
    ldr_context_destroy(ctx);
}

Test(search, contract_without_its_host_is_a_file_like_any_other)
{
    folder_with("a", "x", "api-ms-win-shcore-path-l1-1-0.dll api-ms-win-new-thing-l1-1-0");
    folder_with("a", "api-ms-win-shcore-path-l1-1-0.dll", "");
    folder_with("a", "api-ms-win-new-thing-l1-1-0.dll", "");
    ldr_context *ctx = context_of(LDR_POLICY_PLUGIN, NULL);
    folder_load(ctx, "a/x.dll");
    expect_from(ctx, "api-ms-win-shcore-path-l1-1-0.dll", "a");
    expect_from(ctx, "api-ms-win-new-thing-l1-1-0.dll", "a");
    ldr_context_destroy(ctx);
}

/* ---- Bundles and memory ---- */

typedef struct bundle {
    const char *name;
    img_image image;
    int asked, released;
} bundle;

static void release(const ldr_bundle_file *file)
{
    ((bundle *)file->user)->released++;
}

static bool provide(void *user, const char *name, ldr_bundle_file *ret_file)
{
    bundle *self = user;
    if (!ldr__same_name(name, self->name))
        return false;
    self->asked++;
    *ret_file = (ldr_bundle_file){self->image.bytes, self->image.size, release, self};
    return true;
}

static img_image small_dll(void)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    builder.entry_point = img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0x1000);
    img_add_export(&builder, "fn", 1, builder.entry_point);
    return img_finish(&builder);
}

Test(search, bundle_provides_a_dll_once_and_before_files)
{
    bundle files = {.name = "y.dll", .image = small_dll()};
    const ldr_context_options options = {
        .size = sizeof(options), .bundle = provide, .bundle_user = &files};
    folder_with("a", "x", "Y");
    folder_with("a", "z", "y.DLL");
    folder_with("a", "y", "");
    ldr_context *ctx = context_with(&options);
    folder_load(ctx, "a/x.dll");
    folder_load(ctx, "a/z.dll");
    cr_assert_eq(files.asked, 1);
    cr_assert_eq(files.released, 1);
    cr_assert_str_eq(ldr_module_path(ldr_module_find(ctx, "y.dll")), "Y.dll");
    ldr_context_destroy(ctx);
    img_free(&files.image);
}

Test(search, bundle_hosts_api_sets)
{
    bundle files = {.name = "shcore.dll", .image = small_dll()};
    const ldr_context_options options = {
        .size = sizeof(options), .bundle = provide, .bundle_user = &files};
    folder_with("a", "x", "api-ms-win-shcore-path-l1-1-0.dll shcore");
    ldr_context *ctx = context_with(&options);
    folder_load(ctx, "a/x.dll");
    cr_assert_eq(files.asked, 1);
    cr_assert_not_null(ldr_module_find(ctx, "shcore.dll"));
    ldr_context_destroy(ctx);
    img_free(&files.image);
}

Test(search, bundle_that_gives_no_image_fails_the_load)
{
    bundle files = {.name = "y.dll"};
    const ldr_context_options options = {
        .size = sizeof(options), .bundle = provide, .bundle_user = &files};
    folder_with("a", "x", "y");
    ldr_context *ctx = context_with(&options);
    ldr_module *x;
    cr_assert_eq(load(ctx, "a/x.dll", 0, &x), LDR_IMAGE_REFUSED);
    cr_assert_eq(files.released, 1);
    cr_assert_null(ldr_module_find(ctx, "x.dll"));
    ldr_context_destroy(ctx);
}

Test(search, dll_from_memory_is_found_by_the_imports_of_others)
{
    img_image image = small_dll();
    ldr_module *memory;
    folder_with("a", "x", "y");
    ldr_context *ctx = context_of(LDR_POLICY_PLUGIN, NULL);
    cr_assert_eq(ldr_load_memory(ctx, "Y.dll", image.bytes, image.size, NULL, &memory, NULL),
                 LDR_OK);
    ldr_module *x = folder_load(ctx, "a/x.dll");
    cr_assert_eq(x->needs[0], memory);
    ldr_context_destroy(ctx);
    img_free(&image);
}

/* ---- Finding without loading ---- */

Test(search, find_says_where_and_loads_nothing)
{
    ldr_found found;
    bundle files = {.name = "b.dll", .image = small_dll()};
    const ldr_context_options options = {.size = sizeof(options),
                                         .bundle = provide,
                                         .bundle_user = &files,
                                         .system_folder = folder_with("system", "y", "")};
    ldr_context *ctx = context_with(&options);
    cr_assert_eq(ldr_find(ctx, "Y", NULL, &found, NULL), LDR_OK);
    cr_assert_eq(found.place, LDR_PLACE_SYSTEM);
    cr_assert_str_eq(found.path, folder_path("system/y.dll"));
    ldr_found_release(&found);
    cr_assert_eq(ldr_find(ctx, "b.dll", NULL, &found, NULL), LDR_OK);
    cr_assert_eq(found.place, LDR_PLACE_BUNDLE);
    cr_assert_eq(found.bundle.size, files.image.size);
    ldr_found_release(&found);
    cr_assert_eq(files.released, 1);
    folder_with("a", "z", "");
    ldr_find_options find = {.size = sizeof(find), .importer = folder_path("a/x.dll")};
    cr_assert_eq(ldr_find(ctx, "z", &find, &found, NULL), LDR_OK);
    cr_assert_eq(found.place, LDR_PLACE_IMPORTER);
    ldr_found_release(&found);
    find.search_flags = LDR_SEARCH_SYSTEM;
    cr_assert_eq(ldr_find(ctx, "z", &find, &found, NULL), LDR_DLL_NOT_FOUND);
    find.search_flags = LDR_SEARCH_SYSTEM | LDR_SEARCH_ALTERED;
    cr_assert_eq(ldr_find(ctx, "z", &find, &found, NULL), LDR_INVALID_ARGUMENT);
    cr_assert_null(ldr_module_find(ctx, "y.dll"));
    ldr_context_destroy(ctx);
    img_free(&files.image);
}

static ldr_module *guest_module(ldr_context *ctx, const char *name)
{
    ldr_module *module = NULL;
    ldr_status status = ldr__guest_module(ctx, name, LDR__KEEP_NOT, &module);
    cr_assert_eq(status, module != NULL ? LDR_OK : LDR_DLL_NOT_FOUND);
    return module;
}

Test(search, guest_asks_for_loaded_modules_by_name_path_and_contract)
{
    ldr_context *ctx = context_of(LDR_POLICY_PLUGIN, NULL);
    cr_assert_eq(ldr_host_module_add(ctx, "kernel32.dll", NULL, 0), LDR_OK);
    folder_with("a", "y", "");
    folder_with("b", "y", "");
    ldr_module *first = folder_load(ctx, "a/y.dll"), *second = folder_load(ctx, "b/y.dll");
    ldr_module *host = ldr_module_find(ctx, "kernel32.dll");
    cr_assert_eq(guest_module(ctx, "Y"), first);
    cr_assert_eq(guest_module(ctx, "y.dll."), first);
    cr_assert_null(guest_module(ctx, "y."));
    cr_assert_eq(guest_module(ctx, "b\\Y"), second);
    cr_assert_eq(guest_module(ctx, folder_path("B/Y")), second);
    cr_assert_null(guest_module(ctx, "c\\y"));
    cr_assert_null(guest_module(ctx, "/y.dll"));
    cr_assert_null(guest_module(ctx, "C:\\y.dll"));
    cr_assert_eq(guest_module(ctx, "api-ms-win-core-file-l1-2-2"), host);
    cr_assert_eq(guest_module(ctx, "KernelBase"), host);
    cr_assert_null(guest_module(ctx, "api-ms-win-core-nothing-l1-2-2"));
    ldr_context_destroy(ctx);
}

/* ---- Failures ---- */

/* Everything that a search can go through before it finds something, call by call. */
static bool search_with_failure(ldr_context *ctx, unsigned call, const char *name)
{
    ldr_module *module = NULL;
    faulty_os_held before = faulty_os_holds();
    faulty_os_fail_at(call, false);
    ldr_status status = ldr__guest_load(ctx, name, 0, &module, NULL);
    bool failed = faulty_os_stop() > call;
    cr_assert_eq(status == LDR_OK, module != NULL);
    if (failed)
        cr_assert_neq(status, LDR_DLL_NOT_FOUND, "call %u: it is there", call);
    ldr_unload(module);
    cr_assert_null(ldr_module_find(ctx, "y.dll"));
    faulty_os_held after = faulty_os_holds();
    if (failed)
        cr_assert_eq(memcmp(&before, &after, sizeof(before)), 0, "call %u (%s) leaves something",
                     call, faulty_os_failed());
    return failed;
}

Test(search, each_call_failing_once_leaves_nothing_and_is_no_missing_dll)
{
    static const char *const names[] = {"y", "sub\\Y.dll", "api-ms-win-shcore-path-l1-1-0"};
    const char *folders[] = {folder_with("one", "other", "")};
    mkdir(folder_path("system"), 0700);
    mkdir(folder_path("system/Sub"), 0700);
    folder_with("system/Sub", "y", "");
    folder_with("system", "shcore", "");
    const ldr_context_options options = {.size = sizeof(options),
                                         .search_folders = folders,
                                         .search_folder_count = 1,
                                         .system_folder = folder_with("system", "y", "")};
    ldr_context *ctx = context_with(&options);
    cr_assert_eq(ldr__guest_set_folder(ctx, "Z:\\no\\such\\folder"), LDR_OK);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        unsigned calls = 0;
        search_with_failure(ctx, UINT32_MAX, names[i]);
        while (search_with_failure(ctx, calls, names[i]))
            calls++;
        cr_assert_gt(calls, 10u, "%s", names[i]);
    }
    ldr_context_destroy(ctx);
}

Test(search, guest_that_cannot_set_a_folder_keeps_the_old_ones)
{
    ldr_context *ctx = context_of(LDR_POLICY_WINDOWS, NULL);
    char *got = NULL;
    void *cookie = NULL;
    cr_assert_eq(ldr__guest_set_folder(ctx, "a"), LDR_OK);
    faulty_os_fail_at(0, false);
    cr_assert_eq(ldr__guest_set_folder(ctx, "b"), LDR_NO_MEMORY);
    faulty_os_stop();
    for (unsigned call = 0; call < 2; call++) {
        faulty_os_fail_at(call, false);
        cr_assert_eq(ldr__guest_add_folder(ctx, "/tmp", &cookie), LDR_NO_MEMORY);
        faulty_os_stop();
    }
    cr_assert_null(cookie);
    cr_assert_eq(ldr__guest_folder(ctx, &got), LDR_OK);
    cr_assert_str_eq(got, "a");
    ldr__os_free(got);
    ldr_context_destroy(ctx);
}
