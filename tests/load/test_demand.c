/* Real DLLs whose pages are filled when they are first touched: loaded, called, forked. */
#include "real.h"
#include "support/faulty_os.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef uint32_t LDR_WINAPI checksum_function(uint32_t, const void *, uint32_t);
typedef int LDR_WINAPI compress_function(void *, uint32_t *, const void *, uint32_t);

static ldr_context *demand_context(void)
{
    ldr_context_options options = {.size = sizeof options, .section = {.fill = LDR_FILL_ON_DEMAND}};
    ldr_context *ctx;
    cr_assert_eq(ldr_context_create(&options, &ctx), LDR_OK);
    return ctx;
}

static ldr_module *load_zlib(ldr_context *ctx)
{
    const char *path = corpus_file(ZLIB_FILE);
    ldr_module *zlib;
    ldr_status status = ldr_load(ctx, path, NULL, &zlib, NULL);
    if (status == LDR_OS_ERROR)
        cr_skip_test("the system does not grant userfaultfd");
    cr_assert_eq(status, LDR_OK);
    cr_assert_eq(ldr_section_fill(ldr_view_section(ldr_module_view(zlib))), LDR_FILL_ON_DEMAND);
    return zlib;
}

static bool gives_known_results(ldr_module *zlib)
{
    static uint8_t text[65536], packed[131072], back[65536];
    checksum_function *crc32 = ldr_symbol(zlib, "crc32");
    compress_function *compress = ldr_symbol(zlib, "compress");
    compress_function *uncompress = ldr_symbol(zlib, "uncompress");
    uint32_t packed_size = sizeof packed, back_size = sizeof back;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)((i * 7) >> 5);
    return crc32(0, "123456789", 9) == 0xCBF43926 &&
           compress(packed, &packed_size, text, sizeof text) == 0 && packed_size == 1932 &&
           uncompress(back, &back_size, packed, packed_size) == 0 && back_size == sizeof text &&
           memcmp(text, back, sizeof text) == 0;
}

Test(demand, zlib_gives_the_known_results)
{
    ldr_context *ctx = demand_context();
    cr_expect(gives_known_results(load_zlib(ctx)));
    ldr_context_destroy(ctx);
}

Test(demand, zlib_with_its_base_taken_gives_the_known_results)
{
    ldr_context *ctx = demand_context();
    occupy_base_of(corpus_file(ZLIB_FILE));
    ldr_module *zlib = load_zlib(ctx);
    uint64_t preferred =
        ldr_section_image(ldr_view_section(ldr_module_view(zlib)))->optional.image_base;
    cr_assert_neq((uint64_t)(uintptr_t)ldr_module_base(zlib), preferred);
    cr_expect(gives_known_results(zlib));
    ldr_context_destroy(ctx);
}

static void *use(void *ctx)
{
    ldr_thread_scope scope;
    if (ldr_thread_enter(ctx, &scope) != LDR_OK)
        return NULL;
    ldr_module *zlib = ldr_module_find(ctx, "zlib1.dll");
    checksum_function *adler32 = ldr_symbol(zlib, "adler32");
    void *is_right = adler32(1, "Wikipedia", 9) == 0x11E60398 ? ctx : NULL;
    ldr_thread_leave(&scope);
    return is_right;
}

Test(demand, threads_call_code_that_nobody_has_touched)
{
    ldr_context *ctx = demand_context();
    pthread_t threads[8];
    load_zlib(ctx);
    for (size_t i = 0; i < 8; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, use, ctx), 0);
    for (size_t i = 0; i < 8; i++) {
        void *is_right;
        pthread_join(threads[i], &is_right);
        cr_expect_not_null(is_right);
    }
    ldr_context_destroy(ctx);
}

Test(demand, child_calls_code_that_nobody_has_touched)
{
    ldr_context *ctx = demand_context();
    ldr_module *zlib = load_zlib(ctx);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(gives_known_results(zlib) ? 0 : 1);
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0);
    cr_expect(gives_known_results(zlib));
    ldr_context_destroy(ctx);
}

/* ---- A file that is cut off while it is loaded ---- */

static struct {
    char path[64];
    unsigned at;
} cut;

static void cut_at_call(unsigned call)
{
    if (call == cut.at)
        cr_assert_eq(truncate(cut.path, 0x600), 0);
}

static void copy_zlib(void)
{
    static char bytes[1 << 20];
    FILE *from = fopen(corpus_file(ZLIB_FILE), "rb"), *to = fopen(cut.path, "wb");
    cr_assert(from != NULL && to != NULL);
    size_t size = fread(bytes, 1, sizeof bytes, from);
    cr_assert_eq(fwrite(bytes, 1, size, to), size);
    fclose(from);
    fclose(to);
}

/* Before any call to the system: a status each time, as long as no code of the image has run. */
Test(demand, file_that_is_cut_off_while_it_is_loaded_is_a_status, .timeout = 120)
{
    ldr_load_options options = {.size = sizeof options, .no_initialise = true};
    ldr_context *ctx = demand_context();
    unsigned failures = 0;
    snprintf(cut.path, sizeof cut.path, "/tmp/peload-demand-%d.dll", (int)getpid());
    load_zlib(ctx);
    ldr_status status = LDR_IO_ERROR;
    for (unsigned call = 0; status != LDR_OK; call++) {
        ldr_module *module;
        copy_zlib();
        cut.at = call;
        faulty_os_on_call(cut_at_call);
        status = ldr_load(ctx, cut.path, &options, &module, NULL);
        faulty_os_on_call(NULL);
        failures += status != LDR_OK;
        cr_assert(status == LDR_OK || status == LDR_IO_ERROR || status == LDR_IMAGE_REFUSED,
                  "call %u: %s", call, ldr_status_text(status));
    }
    cr_expect_gt(failures, 10u);
    unlink(cut.path);
    ldr_context_destroy(ctx);
}
