/* Modules whose pages come back to what they held after loading. */
#include "real.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

typedef uint32_t LDR_WINAPI checksum_function(uint32_t, const void *, uint32_t);
typedef int LDR_WINAPI compress_function(void *, uint32_t *, const void *, uint32_t);

/* All that the module's code could have written to, and can be read. */
static uint8_t *bytes_of(const ldr_module *module)
{
    const ldr_view *view = ldr_module_view(module);
    uint8_t *bytes = calloc(1, ldr_module_size(module));
    ldr_region region;
    for (uint64_t rva = 0; rva < ldr_module_size(module); rva += region.size) {
        cr_assert_eq(ldr_view_query(view, rva, &region), LDR_OK);
        if (region.committed && (region.protect & 0xFF) != LDR_PAGE_NOACCESS)
            memcpy(bytes + rva, (const uint8_t *)ldr_module_base(module) + rva, region.size);
    }
    return bytes;
}

static void expect_bytes(const ldr_module *module, const uint8_t *before)
{
    uint8_t *now = bytes_of(module);
    for (size_t i = 0; i < ldr_module_size(module); i++)
        cr_assert_eq(now[i], before[i], "0x%zx", i);
    free(now);
}

static void compress_and_back(ldr_module *zlib)
{
    static uint8_t text[65536], packed[131072], back[65536];
    checksum_function *crc32 = ldr_symbol(zlib, "crc32");
    compress_function *compress = ldr_symbol(zlib, "compress");
    compress_function *uncompress = ldr_symbol(zlib, "uncompress");
    uint32_t packed_size = sizeof packed, back_size = sizeof back;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)((i * 7) >> 5);
    cr_assert_eq(crc32(0, "123456789", 9), 0xCBF43926);
    cr_assert_eq(compress(packed, &packed_size, text, sizeof text), 0);
    cr_assert_eq(packed_size, 1932);
    cr_assert_eq(uncompress(back, &back_size, packed, packed_size), 0);
    cr_assert_eq(memcmp(text, back, sizeof text), 0);
}

static void scribble(const ldr_module *module)
{
    const ldr_view *view = ldr_module_view(module);
    ldr_region region;
    for (uint64_t rva = 0; rva < ldr_module_size(module); rva += region.size) {
        cr_assert_eq(ldr_view_query(view, rva, &region), LDR_OK);
        uint32_t protect = region.protect & 0xFF;
        if (protect == LDR_PAGE_READWRITE || protect == LDR_PAGE_WRITECOPY)
            memset((uint8_t *)ldr_module_base(module) + rva, 0xEE, region.size);
    }
}

static void use_and_reset(ldr_module *zlib)
{
    uint8_t *before = bytes_of(zlib);
    cr_assert_eq(ldr_module_snapshot(zlib), LDR_OK);
    for (int i = 0; i < 3; i++) {
        compress_and_back(zlib);
        scribble(zlib);
        cr_assert_eq(ldr_module_reset(zlib), LDR_OK);
        expect_bytes(zlib, before);
    }
    compress_and_back(zlib);
    free(before);
}

Test(reset, zlib_works_again_after_all_its_data_was_overwritten)
{
    ldr_context *ctx = real_context();
    use_and_reset(real_load(ctx, corpus_file(ZLIB_FILE)));
    ldr_context_destroy(ctx);
}

Test(reset, relocated_zlib_works_again_after_all_its_data_was_overwritten)
{
    ldr_context *ctx = real_context();
    occupy_base_of(corpus_file(ZLIB_FILE));
    use_and_reset(real_load(ctx, corpus_file(ZLIB_FILE)));
    ldr_context_destroy(ctx);
}

Test(reset, zlib_filled_on_demand_works_again)
{
    ldr_context_options options = {.size = sizeof options, .section = {.fill = LDR_FILL_ON_DEMAND}};
    ldr_context *ctx;
    ldr_module *zlib;
    cr_assert_eq(ldr_context_create(&options, &ctx), LDR_OK);
    ldr_status status = ldr_load(ctx, corpus_file(ZLIB_FILE), NULL, &zlib, NULL);
    if (status == LDR_OS_ERROR)
        cr_skip_test("the system does not grant userfaultfd");
    cr_assert_eq(status, LDR_OK);
    use_and_reset(zlib);
    ldr_context_destroy(ctx);
}

Test(reset, module_without_image_or_snapshot_is_refused)
{
    ldr_context *ctx = real_context();
    ldr_module *kernel32 = ldr_module_find(ctx, "kernel32.dll");
    cr_assert_not_null(kernel32);
    cr_expect_eq(ldr_module_snapshot(kernel32), LDR_INVALID_ARGUMENT);
    cr_expect_eq(ldr_module_reset(kernel32), LDR_INVALID_ARGUMENT);
    cr_expect_eq(ldr_module_reset(NULL), LDR_INVALID_ARGUMENT);
    ldr_module *zlib = real_load(ctx, corpus_file(ZLIB_FILE));
    cr_expect_eq(ldr_module_reset(zlib), LDR_INVALID_ARGUMENT);
    ldr_context_destroy(ctx);
}
