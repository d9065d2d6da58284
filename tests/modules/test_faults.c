/* Every call of the operating system and every allocation failing once while a graph is loaded. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fake_environment.h"
#include "modules/module.h"
#include "support/faulty_os.h"

/* a.dll has pages of every kind, and fixups in those that have to be opened. */
static void write_graph(void)
{
    img_builder builder;
    static const uint32_t callbacks[] = {0x1100};
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    builder.file_alignment = builder.header_size = 0x1000;
    builder.entry_point = img_add_section(&builder, ".text", IMG_RX, NULL, 0x1000, 0x1000);
    uint32_t constants = img_add_section(&builder, ".rdata", IMG_RO, NULL, 0x1000, 0x1000);
    img_add_section(&builder, ".bss", IMG_RW, NULL, 0, 0x1000);
    img_add_section(&builder, ".shared", IMG_RW | PE_SCN_MEM_SHARED, NULL, 0x1000, 0x1000);
    img_put_pointer(&builder, builder.entry_point + 8, constants);
    img_put_pointer(&builder, constants, constants);
    img_add_export(&builder, "fn", 1, builder.entry_point);
    img_add_forwarder(&builder, "far", 2, "d.fn");
    img_add_import(&builder, "b.dll", "fn");
    img_add_import(&builder, "c.dll", "fn");
    img_add_import(&builder, "host.exe", "host_fn");
    img_add_tls(&builder, "abcd", 4, 0, callbacks, 1);
    folder_image("a", &builder);
    folder_dll("b", "c");
    folder_dll("c", "a");
    folder_dll("d", "");
}

/* Loads, asks for a forwarder and unloads with `call` failing; false once there are fewer calls. */
static bool load_once(ldr_context *ctx, unsigned call)
{
    ldr_module *module = NULL;
    ldr_diag diag = {.status = LDR_OK};
    faulty_os_held before = faulty_os_holds();
    faulty_os_fail_at(call, false);
    ldr_status status = ldr_load(ctx, folder_path("a.dll"), NULL, &module, &diag);
    if (status == LDR_OK)
        ldr_symbol(module, "far");
    bool failed = faulty_os_stop() > call;
    if (status != LDR_OK) {
        cr_assert_eq(diag.status, status, "call %u (%s)", call, faulty_os_failed());
        cr_assert_neq(diag.why.nt_status, PE_NT_SUCCESS);
    }
    ldr_unload(module);
    expect_held(before, call);
    cr_assert_eq(fake_modules(), 0);
    cr_assert_eq(fake_tls_slots(), 0);
    fake_log_clear();
    return failed;
}

Test(faults, each_call_failing_once_while_loading_leaves_nothing)
{
    write_graph();
    ldr_context *ctx = fake_context();
    unsigned calls = 0;
    load_once(ctx, UINT32_MAX);
    while (load_once(ctx, calls))
        calls++;
    cr_assert_gt(calls, 50);
    ldr_context_destroy(ctx);
}

/* Who is told of modules for their sake only is no reason not to load them. */
static bool load_for_debuggers(ldr_context *ctx, unsigned call)
{
    ldr_module *module = NULL;
    faulty_os_held before = faulty_os_holds();
    faulty_os_fail_at(call, false);
    ldr_status status = ldr_load(ctx, folder_path("a.dll"), NULL, &module, NULL);
    bool failed = faulty_os_stop() > call;
    const char *what = faulty_os_failed();
    bool is_told =
        what != NULL && (strcmp(what, "detach") == 0 || strcmp(what, "debugger_add") == 0 ||
                         strcmp(what, "profile_append") == 0);
    if (is_told)
        cr_assert_eq(status, LDR_OK, "call %u (%s)", call, what);
    ldr_unload(module);
    expect_held(before, call);
    fake_log_clear();
    return failed;
}

Test(faults, each_call_failing_once_while_debuggers_are_told_leaves_nothing)
{
    unsigned call = 0;
    char map[64];
    write_graph();
    ldr_context *ctx = fake_context();
    ctx->debug = LDR_DEBUG_GDB | LDR_DEBUG_PERF;
    load_for_debuggers(ctx, UINT32_MAX);
    while (load_for_debuggers(ctx, call))
        call++;
    ldr_context_destroy(ctx);
    cr_expect(faulty_os_has_failed("detach"));
    cr_expect(faulty_os_has_failed("debugger_add"));
    cr_expect(faulty_os_has_failed("profile_append"));
    snprintf(map, sizeof map, "/tmp/perf-%d.map", (int)getpid());
    unlink(map);
}

static unsigned cut_call;
static bool was_cut;

static void cut_at_call(unsigned call)
{
    if (call == cut_call)
        was_cut = truncate(folder_path("a.dll"), 0x1000) == 0;
}

/* Loads a.dll, of which only the headers are left once the library asks for its `call`th call. */
static ldr_status load_cut(ldr_context *ctx, unsigned call)
{
    ldr_module *module = NULL;
    ldr_diag diag = {.status = LDR_OK};
    faulty_os_held before = faulty_os_holds();
    write_graph();
    cut_call = call;
    was_cut = false;
    faulty_os_on_call(cut_at_call);
    ldr_status status = ldr_load(ctx, folder_path("a.dll"), NULL, &module, &diag);
    if (status == LDR_OK)
        ldr_symbol(module, "fn");
    faulty_os_on_call(NULL);
    cr_assert_eq(diag.status, status);
    ldr_unload(module);
    expect_held(before, call);
    cr_assert_eq(fake_modules(), 0);
    fake_log_clear();
    return status;
}

/* Whatever has been mapped, relocated and bound by then: no signal, and nothing is left. */
Test(faults, file_cut_off_while_it_is_loaded_is_a_status, .timeout = 120)
{
    write_graph();
    ldr_context *ctx = fake_context();
    unsigned errors = 0;
    was_cut = true;
    for (unsigned call = 0; was_cut; call++)
        errors += load_cut(ctx, call) == LDR_IO_ERROR;
    cr_expect_gt(errors, 20);
    ldr_context_destroy(ctx);
}

/* What a module has of others, and others of it. */
static void expect_as_before(const ldr_module *module, const ldr_module *before, unsigned call)
{
    const char *failed = faulty_os_failed();
    cr_assert_eq(module->references, before->references, "call %u (%s)", call, failed);
    cr_assert_eq(module->need_count, before->need_count, "call %u (%s)", call, failed);
    cr_assert_eq(module->state, before->state, "call %u (%s)", call, failed);
    cr_assert_eq(module->pinned, before->pinned, "call %u (%s)", call, failed);
}

/* The graph leads to d.dll, which is loaded already, by a forwarder. */
static bool load_beside(ldr_context *ctx, ldr_module *earlier, unsigned call)
{
    const ldr_module before = *earlier;
    ldr_module *module = NULL;
    faulty_os_fail_at(call, false);
    ldr_status status = ldr_load(ctx, folder_path("a.dll"), NULL, &module, NULL);
    if (status == LDR_OK)
        ldr_symbol(module, "far");
    bool failed = faulty_os_stop() > call;
    ldr_unload(module);
    expect_as_before(earlier, &before, call);
    cr_assert_null(ldr_module_find(ctx, "a.dll"));
    cr_assert_eq(fake_modules(), 1);
    fake_log_clear();
    return failed;
}

Test(faults, each_call_failing_once_leaves_earlier_modules_as_they_were)
{
    write_graph();
    ldr_context *ctx = fake_context();
    ldr_module *earlier = folder_load(ctx, "d.dll");
    load_beside(ctx, earlier, UINT32_MAX);
    faulty_os_held before = faulty_os_holds();
    unsigned calls = 0;
    while (load_beside(ctx, earlier, calls)) {
        expect_held(before, calls);
        calls++;
    }
    cr_assert_gt(calls, 50u);
    static const char *const names[] = {"path_absolute", "folder_find", "map_private", "map_shared",
                                        "map_zero",      "protect",     "peek",        "poke"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        cr_assert(faulty_os_has_failed(names[i]), "%s never failed", names[i]);
    ldr_unload(earlier);
    cr_assert_null(ldr_module_find(ctx, "d.dll"));
    cr_assert_eq(fake_modules(), 0);
    ldr_context_destroy(ctx);
}

Test(faults, each_call_failing_once_while_a_context_is_made_leaves_nothing)
{
    static const int target = 0;
    static const ldr_export exports[] = {{"f", &target, 0, 0}, {"d", &target, 0, sizeof target}};
    const char *folders[] = {"/tmp", "/usr"};
    ldr_context_options options = {.size = sizeof options,
                                   .search_folders = folders,
                                   .search_folder_count = 2,
                                   .known_dlls = folders,
                                   .known_dll_count = 2,
                                   .system_folder = "/tmp",
                                   .windows_folder = "/usr"};
    bool failed = true;
    for (unsigned call = 0; failed; call++) {
        faulty_os_held before = faulty_os_holds();
        ldr_context *ctx = NULL;
        faulty_os_fail_at(call, false);
        ldr_status status = ldr_context_create(&options, &ctx);
        if (status == LDR_OK)
            status = ldr_host_module_add(ctx, "host.exe", exports, 2);
        failed = faulty_os_stop() > call;
        cr_assert_eq(status != LDR_OK, failed);
        ldr_context_destroy(ctx);
        expect_held(before, call);
    }
}

/* The caller's table may be gone after a failure: nothing may refer to it. */
Test(faults, host_module_that_could_not_be_added_provides_nothing)
{
    static const int target = 0;
    static const ldr_export exports[] = {{"new", &target, 9, 0},
                                         {"data", &target, 0, sizeof target}};
    ldr_context *ctx = fake_context();
    bool failed = true;
    for (unsigned call = 0; failed; call++) {
        faulty_os_held before = faulty_os_holds();
        faulty_os_fail_at(call, false);
        ldr_status status = ldr_host_module_add(ctx, "other.exe", exports, 2);
        failed = faulty_os_stop() > call;
        cr_assert_eq(status != LDR_OK, failed);
        if (failed)
            cr_assert_null(ldr_module_find(ctx, "other.exe"), "call %u leaves the module", call);
        if (failed)
            expect_held(before, call);
    }
    for (unsigned call = 0, more = 1; more; call++) {
        faulty_os_fail_at(call, false);
        ldr_status status = ldr_host_module_add(ctx, "host.exe", exports, 2);
        more = faulty_os_stop() > call;
        if (status != LDR_OK)
            cr_assert_null(ldr_symbol(ldr_module_find(ctx, "host.exe"), "new"));
    }
    cr_assert_not_null(ldr_symbol(ldr_module_find(ctx, "host.exe"), "new"));
    ldr_context_destroy(ctx);
}
