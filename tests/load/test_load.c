/* Real DLLs, loaded and called; what is left when they are gone or could not be loaded. */
#include "real.h"
#include "support/faulty_os.h"
#include "support/process.h"
#include "support/sanitizer.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint32_t LDR_WINAPI checksum_function(uint32_t, const void *, uint32_t);
typedef int LDR_WINAPI compress_function(void *, uint32_t *, const void *, uint32_t);
typedef int LDR_WINAPI query_function(void);
typedef int LDR_WINAPI sum_function(const int *, int);

enum { ROUND_TRIP = 65536 };

static void check_round_trip(ldr_module *zlib)
{
    static uint8_t text[ROUND_TRIP], packed[2 * ROUND_TRIP], back[ROUND_TRIP];
    uint32_t packed_size = sizeof packed, back_size = sizeof back;
    compress_function *compress = ldr_symbol(zlib, "compress");
    compress_function *uncompress = ldr_symbol(zlib, "uncompress");
    for (int i = 0; i < ROUND_TRIP; i++)
        text[i] = (uint8_t)((i * 7) >> 5);
    cr_assert_eq(compress(packed, &packed_size, text, sizeof text), 0);
    cr_assert_eq(packed_size, 1932);
    cr_assert_eq(uncompress(back, &back_size, packed, packed_size), 0);
    cr_assert_eq(back_size, sizeof text);
    cr_assert_eq(memcmp(text, back, sizeof text), 0);
}

static void check_zlib(ldr_module *zlib)
{
    checksum_function *crc32 = ldr_symbol(zlib, "crc32");
    checksum_function *adler32 = ldr_symbol(zlib, "adler32");
    cr_assert_eq(crc32(0, "123456789", 9), 0xCBF43926);
    cr_assert_eq(adler32(1, "Wikipedia", 9), 0x11E60398);
    check_round_trip(zlib);
}

Test(load, zlib_gives_the_known_results)
{
    ldr_context *ctx = real_context();
    check_zlib(real_load(ctx, corpus_file(ZLIB_FILE)));
    ldr_context_destroy(ctx);
}

Test(load, address_within_a_function_of_the_host_has_its_name)
{
    char text[64];
    ldr_symbol_place place;
    ldr_context *ctx = real_context();
    const uint8_t *function = ldr_symbol(ldr_module_find(ctx, "kernel32.dll"), "LoadLibraryExW");
    cr_assert_eq(ldr_symbol_at(ctx, function + 1, &place), LDR_OK);
    cr_assert_str_eq(ldr_symbol_place_text(&place, text, sizeof text),
                     "kernel32.dll!LoadLibraryExW+0x1");
    ldr_context_destroy(ctx);
}

Test(load, zlib_with_its_base_taken_loads_elsewhere_with_the_same_results)
{
    const char *path = corpus_file(ZLIB_FILE);
    ldr_context *ctx = real_context();
    occupy_base_of(path);
    ldr_module *zlib = real_load(ctx, path);
    uint64_t preferred =
        ldr_section_image(ldr_view_section(ldr_module_view(zlib)))->optional.image_base;
    cr_assert_neq((uint64_t)(uintptr_t)ldr_module_base(zlib), preferred);
    check_zlib(zlib);
    ldr_context_destroy(ctx);
}

Test(load, zlib_from_memory_and_from_a_snapshot_gives_the_same_results)
{
    const char *path = corpus_file(ZLIB_FILE);
    static uint8_t bytes[1 << 20];
    FILE *file = fopen(path, "rb");
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    ldr_context_options options = {.size = sizeof options,
                                   .section = {.source = LDR_SOURCE_SNAPSHOT}};
    ldr_context *ctx;
    ldr_module *zlib;
    cr_assert_eq(ldr_context_create(&options, &ctx), LDR_OK);
    cr_assert_eq(ldr_load_memory(ctx, "zlib.dll", bytes, size, NULL, &zlib, NULL), LDR_OK);
    check_zlib(zlib);
    check_zlib(real_load(ctx, path));
    ldr_context_destroy(ctx);
}

Test(load, two_contexts_have_a_zlib_each)
{
    const char *path = corpus_file(ZLIB_FILE);
    ldr_context *one = real_context(), *two = real_context();
    ldr_module *first = real_load(one, path), *second = real_load(two, path);
    cr_assert_neq(ldr_module_base(first), ldr_module_base(second));
    check_zlib(second);
    ldr_context_destroy(two);
    ldr_thread_scope scope;
    cr_assert_eq(ldr_thread_enter(one, &scope), LDR_OK);
    check_zlib(first);
    ldr_thread_leave(&scope);
    ldr_context_destroy(one);
}

Test(load, dependency_has_run_its_dllmain_before_the_dependent)
{
    ldr_context *ctx = real_context();
    ldr_module *module = real_load(ctx, guest_file("dependent.dll"));
    query_function *answer = ldr_symbol(module, "dependent_answer");
    cr_assert_eq(answer(), 42);
    ldr_context_destroy(ctx);
}

/* ---- A plugin with a host, callbacks and thread-local data ---- */

static int LDR_WINAPI square(int value)
{
    return value * value;
}

static ldr_module *load_plugin(ldr_context *ctx)
{
    static const ldr_export exports[] = {{"host_transform", (const void *)square, 0, 0}};
    cr_assert_eq(ldr_host_module_add(ctx, "host.exe", exports, 1), LDR_OK);
    return real_load(ctx, guest_file("plugin.dll"));
}

Test(load, plugin_is_initialised_and_calls_its_host)
{
    static const int values[] = {1, 2, 3};
    ldr_context *ctx = real_context();
    ldr_module *plugin = load_plugin(ctx);
    query_function *initialised = ldr_symbol(plugin, "plugin_is_initialised");
    sum_function *sum = ldr_symbol(plugin, "plugin_sum");
    query_function *calls = ldr_symbol(plugin, "plugin_calls");
    cr_assert_eq(initialised(), 1);
    cr_assert_eq(sum(values, 3), 14);
    cr_assert_eq(calls(), 101);
    ldr_context_destroy(ctx);
}

static void *use_plugin_on_a_thread(void *plugin)
{
    static const int values[] = {2};
    static const char text[] = "done";
    ldr_thread_scope scope;
    ldr_context *ctx = *(ldr_context **)plugin;
    ldr_module *module = ldr_module_find(ctx, "plugin.dll");
    if (ldr_thread_enter(ctx, &scope) != LDR_OK)
        return NULL;
    sum_function *sum = ldr_symbol(module, "plugin_sum");
    query_function *calls = ldr_symbol(module, "plugin_calls");
    bool right = calls() == 100 && sum(values, 1) == 4 && calls() == 101;
    ldr_thread_leave(&scope);
    return right ? (void *)text : NULL;
}

Test(load, plugin_has_thread_local_data_of_its_own_on_each_thread)
{
    static const int values[] = {1};
    pthread_t thread;
    void *result;
    ldr_context *ctx = real_context();
    ldr_module *plugin = load_plugin(ctx);
    sum_function *sum = ldr_symbol(plugin, "plugin_sum");
    query_function *calls = ldr_symbol(plugin, "plugin_calls");
    sum(values, 1);
    sum(values, 1);
    cr_assert_eq(pthread_create(&thread, NULL, use_plugin_on_a_thread, &ctx), 0);
    pthread_join(thread, &result);
    cr_assert_not_null(result);
    cr_assert_eq(calls(), 102);
    ldr_context_destroy(ctx);
}

/* ---- /FIXED ---- */

Test(load, fixed_dll_loads_at_its_base)
{
    ldr_context *ctx = real_context();
    ldr_module *fixed = real_load(ctx, guest_file("fixed.dll"));
    query_function *value = ldr_symbol(fixed, "fixed_value");
    cr_assert_eq(value(), 7);
    ldr_context_destroy(ctx);
}

Test(load, fixed_dll_with_its_base_taken_is_refused_and_leaves_nothing)
{
    static char before[MAPPINGS_SIZE], after[MAPPINGS_SIZE];
    const char *path = guest_file("fixed.dll");
    ldr_context *ctx = real_context();
    ldr_module *module = NULL;
    ldr_diag diag;
    occupy_base_of(path);
    cr_assert_eq(ldr_load(ctx, path, NULL, &module, &diag), LDR_NOT_RELOCATABLE);
    size_t descriptors = process_descriptors();
    faulty_os_held held = faulty_os_holds();
    read_mappings(before);
    cr_assert_eq(ldr_load(ctx, path, NULL, &module, &diag), LDR_NOT_RELOCATABLE);
    cr_assert_eq(diag.why.nt_status, PE_NT_CONFLICTING_ADDRESSES);
    cr_assert_null(module);
    if (!WITH_ASAN) /* whose own mappings come and go */
        cr_assert_str_eq(read_mappings(after), before);
    cr_assert_eq(faulty_os_holds().bytes, held.bytes);
    cr_assert_eq(process_descriptors(), descriptors);
    ldr_context_destroy(ctx);
}

/* ---- Again and again ---- */

/* What a process has of what can leak. */
typedef struct footprint {
    size_t mappings, descriptors, heap;
    faulty_os_held held;
} footprint;

static footprint measure(void)
{
    return (footprint){count_mappings(), process_descriptors(), heap_bytes(), faulty_os_holds()};
}

/*
 * After 1000 more rounds nothing may have grown by even a tenth of a mapping or 100 bytes a round:
 * the rest is malloc's cache of small blocks, which counts as used, and a sanitizer's own heap.
 * What the library holds is counted exactly, and a leak of any size fails the sanitized run.
 */
static void expect_no_growth(footprint before)
{
    footprint after = measure();
    cr_assert_leq(after.mappings, before.mappings + 100);
    cr_assert_eq(after.held.bytes, before.held.bytes);
    cr_assert_eq(after.held.blocks, before.held.blocks);
    cr_assert_eq(after.descriptors, before.descriptors);
    cr_assert_leq(after.heap, before.heap + 100000);
}

static void load_and_unload(ldr_context *ctx, const char *path, int times)
{
    for (int i = 0; i < times; i++)
        ldr_unload(real_load(ctx, path));
}

Test(load, thousand_cycles_of_a_dll_with_a_dependency_grow_nothing)
{
    const char *path = guest_file("dependent.dll");
    ldr_context *ctx = real_context();
    load_and_unload(ctx, path, 200);
    footprint before = measure();
    load_and_unload(ctx, path, 1000);
    expect_no_growth(before);
    cr_assert_null(ldr_module_find(ctx, "dependency.dll"));
    ldr_context_destroy(ctx);
}

static void use_contexts(const char *path, int times)
{
    for (int i = 0; i < times; i++) {
        ldr_context *ctx = real_context();
        load_and_unload(ctx, path, 1);
        ldr_context_destroy(ctx);
    }
}

Test(load, thousand_contexts_grow_nothing)
{
    const char *path = guest_file("dependent.dll");
    use_contexts(path, 200);
    footprint before = measure();
    use_contexts(path, 1000);
    expect_no_growth(before);
}

Test(load, contexts_may_be_destroyed_in_any_order)
{
    const char *path = guest_file("dependent.dll");
    ldr_context *one = real_context(), *two = real_context();
    real_load(one, path);
    real_load(two, path);
    ldr_context_destroy(one);
    query_function *answer = ldr_symbol(ldr_module_find(two, "dependent.dll"), "dependent_answer");
    cr_assert_eq(answer(), 42);
    ldr_context_destroy(two);
}

/* ---- What is no image ---- */

typedef struct bad_file {
    const char *path;
    ldr_status status;
} bad_file;

Test(load, what_is_no_image_is_refused_and_leaves_nothing)
{
    static const bad_file files[] = {
        {"/nonexistent/a.dll", LDR_FILE_NOT_FOUND},
        {"/tmp", LDR_NOT_A_FILE},
        {"/dev/zero", LDR_NOT_A_FILE},
        {"/dev/null", LDR_NOT_A_FILE},
        {"/proc/self/maps", LDR_IMAGE_REFUSED},
        {"/etc/passwd", LDR_IMAGE_REFUSED},
    };
    ldr_context *ctx = real_context();
    ldr_module *module = NULL;
    ldr_diag diag;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        ldr_load(ctx, files[i].path, NULL, &module, &diag);
        footprint before = measure();
        faulty_os_held held = faulty_os_holds();
        cr_assert_eq(ldr_load(ctx, files[i].path, NULL, &module, &diag), files[i].status, "%s",
                     files[i].path);
        cr_assert_neq(diag.why.nt_status, PE_NT_SUCCESS);
        cr_assert_eq(process_descriptors(), before.descriptors);
        cr_assert_eq(faulty_os_holds().bytes, held.bytes);
    }
    ldr_context_destroy(ctx);
}
