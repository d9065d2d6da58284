/* What other threads of the host can do while a DllMain runs, and waits for them. */
#include <criterion/criterion.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fake_environment.h"

/* Runs `work` on another thread and waits for its end: from a DllMain, with the loader locked. */
static void wait_for_thread(void *(*work)(void *), void *user)
{
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, work, user), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
}

static void when_b_arrives(const ldr_module *module, uint32_t reason, void *(*work)(void *))
{
    if (reason == LDR__PROCESS_ATTACH && strcmp(ldr_module_name(module), "b.dll") == 0)
        wait_for_thread(work, fake_current());
}

static ldr_context *impatient_context(uint32_t busy_after)
{
    const char *folders[] = {folder_make()};
    ldr_context_options options = {.size = sizeof(options),
                                   .search_folders = folders,
                                   .search_folder_count = 1,
                                   .busy_after = busy_after};
    ldr_context *ctx;
    cr_assert_eq(ldr_context_create(&options, &ctx), LDR_OK);
    return ctx;
}

/* ---- Looking ---- */

/* NAME.dll, whose export "fn" forwards to `target`. */
static void forwarding_dll(const char *name, const char *target)
{
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    builder.entry_point = img_add_section(&builder, ".text", IMG_RX, NULL, 0x200, 0x1000);
    img_add_forwarder(&builder, "fn", 1, target);
    folder_image(name, &builder);
}

static void *look_at_a(void *ctx)
{
    ldr_module *a = ldr_module_find(ctx, "a.dll"), *b = ldr_module_find(ctx, "b.dll");
    cr_assert_not_null(a);
    cr_assert_not_null(b, "listed while its DllMain runs");
    cr_assert_eq(ldr_module_at(ctx, (char *)ldr_module_base(a) + 8), a);
    cr_assert_eq(ldr_symbol(a, "fn"), (char *)ldr_module_base(a) + 0x1000);
    cr_assert_eq(ldr_symbol(b, "data"), (char *)ldr_module_base(b) + 0x2000);
    cr_assert_not_null(ldr_symbol(ldr_module_find(ctx, "f.dll"), "fn"));
    cr_assert_str_eq(ldr_module_path(a), folder_path("a.dll"));
    return NULL;
}

static void look_when_b_arrives(ldr_module *module, uint32_t reason)
{
    when_b_arrives(module, reason, look_at_a);
}

Test(locks, looking_for_modules_and_exports_does_not_wait_for_dllmain)
{
    folder_dll("a", "");
    folder_dll("b", "");
    forwarding_dll("f", "a.fn");
    ldr_context *ctx = fake_context();
    folder_load(ctx, "a.dll");
    cr_assert_not_null(ldr_symbol(folder_load(ctx, "f.dll"), "fn"));
    fake_on_call(look_when_b_arrives);
    folder_load(ctx, "b.dll");
    cr_assert_str_eq(fake_log(), "a+ f+ b+");
    ldr_context_destroy(ctx);
}

/* ---- Loading and unloading ---- */

static void *load_c(void *ctx)
{
    ldr_module *module = NULL;
    ldr_diag diag;
    cr_assert_eq(ldr_load(ctx, folder_path("c.dll"), NULL, &module, &diag), LDR_BUSY);
    cr_assert_eq(diag.status, LDR_BUSY);
    cr_assert_null(module);
    return NULL;
}

static void load_c_when_b_arrives(ldr_module *module, uint32_t reason)
{
    when_b_arrives(module, reason, load_c);
}

Test(locks, load_while_dllmain_waits_for_it_is_busy_and_can_be_tried_again)
{
    folder_dll("b", "");
    folder_dll("c", "");
    ldr_context *ctx = impatient_context(10);
    fake_on_call(load_c_when_b_arrives);
    folder_load(ctx, "b.dll");
    cr_assert_str_eq(fake_log(), "b+");
    folder_load(ctx, "c.dll");
    cr_assert_str_eq(fake_log(), "b+ c+");
    ldr_context_destroy(ctx);
}

static void *unload_a(void *ctx)
{
    ldr_unload(ldr_module_find(ctx, "a.dll"));
    cr_assert_str_eq(fake_log(), "a+ b+", "left to the thread that is busy");
    return NULL;
}

static void *unload_a_in_vain(void *ctx)
{
    ldr_unload(ldr_module_find(ctx, "a.dll"));
    cr_assert_str_eq(fake_log(), "a+");
    return NULL;
}

static void unload_a_when_b_arrives(ldr_module *module, uint32_t reason)
{
    when_b_arrives(module, reason, unload_a);
}

Test(locks, unload_while_dllmain_waits_for_it_is_done_after_dllmain)
{
    folder_dll("a", "");
    folder_dll("b", "");
    ldr_context *ctx = impatient_context(10);
    folder_load(ctx, "a.dll");
    fake_on_call(unload_a_when_b_arrives);
    folder_load(ctx, "b.dll");
    cr_assert_str_eq(fake_log(), "a+ b+ a-");
    cr_assert_null(ldr_module_find(ctx, "a.dll"));
    cr_assert_eq(fake_modules(), 1);
    ldr_context_destroy(ctx);
}

/* ---- All else that waits for a DllMain ---- */

static void *busy_work(void *ctx)
{
    static const ldr_export exports[] = {{"fn", "", 1, 0}};
    ldr_diag diag = {0};
    ldr_found found;
    void *address = &diag;
    ldr_module *a = ldr_module_find(ctx, "a.dll"), *f = ldr_module_find(ctx, "f.dll");
    cr_assert_eq(ldr_find(ctx, "c.dll", NULL, &found, &diag), LDR_BUSY);
    cr_assert_eq(diag.status, LDR_BUSY);
    diag = (ldr_diag){0};
    cr_assert_eq(ldr_symbol_find(f, "fn", 0, &address, &diag), LDR_BUSY);
    cr_assert_eq(diag.status, LDR_BUSY);
    cr_assert_eq(address, &diag, "untouched");
    cr_assert_eq(ldr_module_snapshot(a), LDR_BUSY);
    cr_assert_eq(ldr_module_reset(a), LDR_BUSY);
    cr_assert_eq(ldr_host_module_add(ctx, "new.exe", exports, 1), LDR_BUSY);
    cr_assert_null(ldr_module_find(ctx, "new.exe"));
    return NULL;
}

static void busy_when_b_arrives(ldr_module *module, uint32_t reason)
{
    when_b_arrives(module, reason, busy_work);
}

Test(locks, whatever_waits_for_dllmain_is_busy_and_can_be_tried_again)
{
    static const ldr_export exports[] = {{"fn", "", 1, 0}};
    ldr_found found;
    folder_dll("a", "");
    folder_dll("b", "");
    folder_dll("c", "");
    forwarding_dll("f", "c.fn");
    ldr_context *ctx = impatient_context(1);
    ldr_module *a = folder_load(ctx, "a.dll"), *f = folder_load(ctx, "f.dll");
    fake_on_call(busy_when_b_arrives);
    folder_load(ctx, "b.dll");
    cr_assert_str_eq(fake_log(), "a+ f+ b+");
    cr_assert_eq(ldr_find(ctx, "c.dll", NULL, &found, NULL), LDR_OK);
    ldr_found_release(&found);
    cr_assert_eq(ldr_module_snapshot(a), LDR_OK);
    cr_assert_eq(ldr_module_reset(a), LDR_OK);
    cr_assert_eq(ldr_host_module_add(ctx, "new.exe", exports, 1), LDR_OK);
    cr_assert_not_null(ldr_symbol(f, "fn"));
    cr_assert_str_eq(fake_log(), "a+ f+ b+ c+");
    ldr_context_destroy(ctx);
}

static pthread_t guest;

static void *guest_work(void *ctx)
{
    ldr_found found;
    void *address = NULL;
    ldr_module *a = ldr_module_find(ctx, "a.dll"), *f = ldr_module_find(ctx, "f.dll");
    ldr__guest_unload(a);
    cr_assert_null(ldr_module_find(ctx, "a.dll"), "unloaded before it has returned");
    cr_assert_eq(ldr__guest_find(ctx, "c.dll", &found, NULL), LDR_OK);
    ldr_found_release(&found);
    cr_assert_eq(ldr__guest_symbol(f, "fn", 0, &address, NULL), LDR_OK);
    return address;
}

/* Begins while DllMain has the loader locked, and finds it so for longer than the host may wait. */
static void guest_works_when_b_arrives(ldr_module *module, uint32_t reason)
{
    if (reason != LDR__PROCESS_ATTACH || strcmp(ldr_module_name(module), "b.dll") != 0)
        return;
    cr_assert_eq(pthread_create(&guest, NULL, guest_work, fake_current()), 0);
    usleep(50000);
    cr_assert_not_null(ldr_module_find(fake_current(), "a.dll"));
}

Test(locks, guest_waits_for_dllmain_however_long_the_host_may)
{
    void *address = NULL;
    folder_dll("a", "");
    folder_dll("b", "");
    folder_dll("c", "");
    forwarding_dll("f", "c.fn");
    ldr_context *ctx = impatient_context(1);
    folder_load(ctx, "a.dll");
    folder_load(ctx, "f.dll");
    fake_on_call(guest_works_when_b_arrives);
    folder_load(ctx, "b.dll");
    pthread_join(guest, &address);
    cr_assert_not_null(address);
    cr_assert_str_eq(fake_log(), "a+ f+ b+ a- c+");
    ldr_context_destroy(ctx);
}

/* Provides nothing, after another thread has tried to unload a.dll. */
static bool bundle_that_waits(void *user, const char *name, ldr_bundle_file *ret_file)
{
    (void)user;
    (void)ret_file;
    if (strcmp(name, "nothing.dll") == 0)
        wait_for_thread(unload_a_in_vain, fake_current());
    return false;
}

Test(locks, unload_while_somebody_looks_for_a_dll_is_done_afterwards)
{
    ldr_found found;
    folder_dll("a", "");
    const char *folders[] = {folder_make()};
    ldr_context_options options = {.size = sizeof(options),
                                   .search_folders = folders,
                                   .search_folder_count = 1,
                                   .bundle = bundle_that_waits,
                                   .busy_after = 1};
    ldr_context *ctx;
    cr_assert_eq(ldr_context_create(&options, &ctx), LDR_OK);
    folder_load(ctx, "a.dll");
    cr_assert_eq(ldr_find(ctx, "nothing.dll", NULL, &found, NULL), LDR_DLL_NOT_FOUND);
    cr_assert_str_eq(fake_log(), "a+ a-");
    cr_assert_null(ldr_module_find(ctx, "a.dll"));
    ldr_context_destroy(ctx);
}

/* ---- What a load that may still fail has brought in ---- */

static ldr_status expected;

static void *ask_f(void *ctx)
{
    void *address = NULL;
    cr_assert_eq(ldr_symbol_find(ldr_module_find(ctx, "f.dll"), "fn", 0, &address, NULL), expected);
    return NULL;
}

static void ask_f_when_a_arrives(ldr_module *module, uint32_t reason)
{
    if (reason == LDR__PROCESS_ATTACH && strcmp(ldr_module_name(module), "a.dll") == 0)
        wait_for_thread(ask_f, fake_current());
}

static void two_dlls(void)
{
    folder_dll("a", "b");
    folder_dll("b", "");
    forwarding_dll("f", "b.fn");
}

Test(locks, forwarder_to_what_may_be_taken_back_waits)
{
    two_dlls();
    ldr_context *ctx = impatient_context(1);
    ldr_module *f = folder_load(ctx, "f.dll"), *a;
    fake_on_call(ask_f_when_a_arrives);
    fake_attach_fails("a.dll");
    expected = LDR_BUSY;
    cr_assert_eq(ldr_load(ctx, folder_path("a.dll"), NULL, &a, NULL), LDR_INIT_FAILED);
    cr_assert_null(ldr_module_find(ctx, "b.dll"));
    fake_on_call(NULL);
    const char *address = ldr_symbol(f, "fn");
    cr_assert_eq(address, (char *)ldr_module_base(ldr_module_find(ctx, "b.dll")) + 0x1000);
    fake_on_call(ask_f_when_a_arrives);
    fake_attach_fails("");
    expected = LDR_OK;
    folder_load(ctx, "a.dll");
    cr_assert_str_eq(fake_log(), "f+ b+ a+ a- b- b+ a+");
    ldr_context_destroy(ctx);
}

Test(locks, forwarder_within_a_load_that_may_be_taken_back_does_not_wait)
{
    two_dlls();
    folder_dll("a", "b f");
    ldr_context *ctx = impatient_context(1);
    fake_on_call(ask_f_when_a_arrives);
    expected = LDR_OK;
    folder_load(ctx, "a.dll");
    cr_assert_str_eq(fake_log(), "b+ f+ a+");
    ldr_context_destroy(ctx);
}

/* ---- A thread at a time ---- */

static atomic_int inside;

static void nobody_else_is_inside(ldr_module *module, uint32_t reason)
{
    (void)module;
    (void)reason;
    cr_assert_eq(atomic_fetch_add(&inside, 1), 0);
    sched_yield();
    cr_assert_eq(atomic_fetch_sub(&inside, 1), 1);
}

static char path_of_a[PATH_MAX]; /* folder_path is for one thread */

static void *load_and_unload_a(void *ctx)
{
    for (int i = 0; i < 50; i++) {
        ldr_module *a;
        cr_assert_eq(ldr_load(ctx, path_of_a, NULL, &a, NULL), LDR_OK);
        cr_assert_not_null(ldr_symbol(a, "fn"));
        ldr_unload(a);
    }
    return NULL;
}

Test(locks, threads_that_load_and_unload_the_same_take_turns)
{
    pthread_t threads[4];
    folder_dll("a", "b");
    folder_dll("b", "");
    ldr_context *ctx = fake_context();
    snprintf(path_of_a, sizeof(path_of_a), "%s", folder_path("a.dll"));
    fake_on_call(nobody_else_is_inside);
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, load_and_unload_a, ctx), 0);
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    cr_assert_null(ldr_module_find(ctx, "a.dll"));
    cr_assert_eq(fake_modules(), 0);
    ldr_context_destroy(ctx);
}

enum { HOSTS = 2000 };

static void host_name(char name[16], int number)
{
    snprintf(name, 16, "h%d.exe", number);
}

/* Asks each host module for its export as soon as it is there. */
static void *ask_new_hosts(void *argument)
{
    atomic_int *lacking = argument;
    for (int i = 0; i < HOSTS; i++) {
        char name[16];
        ldr_module *module;
        host_name(name, i);
        while (!(module = ldr_module_find(fake_current(), name)))
            sched_yield();
        if (!ldr_symbol(module, "fn"))
            atomic_fetch_add(lacking, 1);
    }
    return NULL;
}

Test(locks, host_module_has_its_exports_once_it_is_found, .timeout = 60)
{
    static const int target = 0;
    static const ldr_export exports[] = {{"fn", &target, 1, 0}};
    atomic_int lacking = 0;
    pthread_t thread;
    ldr_context *ctx = fake_context();
    cr_assert_eq(pthread_create(&thread, NULL, ask_new_hosts, &lacking), 0);
    for (int i = 0; i < HOSTS; i++) {
        char name[16];
        host_name(name, i);
        cr_assert_eq(ldr_host_module_add(ctx, name, exports, 1), LDR_OK);
    }
    pthread_join(thread, NULL);
    cr_assert_eq(atomic_load(&lacking), 0);
    ldr_context_destroy(ctx);
}
