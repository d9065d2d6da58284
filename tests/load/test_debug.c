/* What a debugger is told of modules: an object that binutils can read. */
#include "real.h"
#include "support/image_builder.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "JIT Compilation Interface" of GDB's manual. */
struct jit_code_entry {
    struct jit_code_entry *next, *previous;
    const char *object;
    uint64_t size;
};

struct jit_descriptor {
    uint32_t version, action;
    struct jit_code_entry *relevant, *first;
};

extern struct jit_descriptor __jit_debug_descriptor;

static ldr_context *debug_context(void)
{
    ldr_context_options options = {.size = sizeof options, .debug = LDR_DEBUG_GDB};
    ldr_context *ctx;
    cr_assert_eq(ldr_context_create(&options, &ctx), LDR_OK);
    return ctx;
}

static ldr_module *load(ldr_context *ctx, const char *path)
{
    const ldr_load_options options = {
        .size = sizeof options, .no_initialise = true, .missing = LDR_MISSING_STUB};
    ldr_module *module;
    cr_assert_eq(ldr_load(ctx, path, &options, &module, NULL), LDR_OK, "%s", path);
    return module;
}

/* Lines of what readelf says of the object that match; -1 if it complains. */
static int lines_of_readelf(const struct jit_code_entry *entry, const char *option,
                            const char *pattern)
{
    char path[64], command[256], line[1024];
    int count = 0;
    snprintf(path, sizeof path, "/tmp/peload-debug-%d.o", (int)getpid());
    FILE *file = fopen(path, "wb");
    cr_assert(file != NULL && fwrite(entry->object, 1, entry->size, file) == entry->size);
    fclose(file);
    snprintf(command, sizeof command, "readelf -W %s %s 2>&1", option, path);
    FILE *output = popen(command, "r");
    cr_assert_not_null(output);
    while (fgets(line, sizeof line, output) != NULL) {
        if (strstr(line, "arning") != NULL || strstr(line, "rror:") != NULL)
            count = -1 - 1000000;
        count += strstr(line, pattern) != NULL;
    }
    pclose(output);
    unlink(path);
    return count;
}

static void skip_without_readelf(void)
{
    if (system("readelf --version >/dev/null 2>&1") != 0)
        cr_skip_test("readelf is missing (Debian: binutils)");
}

Test(debug, object_of_zlib_is_well_formed)
{
    skip_without_readelf();
    ldr_context *ctx = debug_context();
    ldr_module *zlib = load(ctx, corpus_file(ZLIB_FILE));
    const struct jit_code_entry *entry = __jit_debug_descriptor.first;
    cr_assert_not_null(entry);
    cr_expect_eq(lines_of_readelf(entry, "-s", " zlib1!crc32\n"), 1);
    cr_expect_gt(lines_of_readelf(entry, "-s", " FUNC "), 100);
    cr_expect_gt(lines_of_readelf(entry, "--debug-dump=frames", " FDE "), 100);
    cr_expect_eq(lines_of_readelf(entry, "-h", "Advanced Micro Devices X86-64"), 1);
    ldr_unload(zlib);
    cr_expect_null(__jit_debug_descriptor.first);
    ldr_context_destroy(ctx);
}

/* Two contexts have one list, and each takes out what is its own. */
Test(debug, contexts_share_the_list)
{
    ldr_context *first = debug_context(), *second = debug_context();
    load(first, corpus_file(ZLIB_FILE));
    load(second, corpus_file(ZLIB_FILE));
    cr_assert_not_null(__jit_debug_descriptor.first);
    cr_assert_not_null(__jit_debug_descriptor.first->next);
    ldr_context_destroy(second);
    cr_assert_not_null(__jit_debug_descriptor.first);
    cr_expect_null(__jit_debug_descriptor.first->next);
    cr_expect_null(__jit_debug_descriptor.first->previous);
    ldr_context_destroy(first);
    cr_expect_null(__jit_debug_descriptor.first);
}

/* Frame registers, chained functions, large frames: what compilers make. */
Test(debug, objects_of_large_dlls_are_well_formed, .timeout = 120)
{
    static const char *const names[] = {
        "deb/gcc-mingw-w64-x86-64-win32-runtime/usr/lib/gcc/x86_64-w64-mingw32/12-win32/"
        "libstdc++-6.dll",
        "npm/sodium-native@2.4.9/package/prebuilds/win32-x64/libsodium.dll",
    };
    skip_without_readelf();
    ldr_context *ctx = debug_context();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        load(ctx, corpus_file(names[i]));
        for (const struct jit_code_entry *e = __jit_debug_descriptor.first; e != NULL; e = e->next)
            cr_expect_gt(lines_of_readelf(e, "--debug-dump=frames", " FDE "), 50);
    }
    ldr_context_destroy(ctx);
}

/* ---- Unwind tables made by hand ---- */

/* A DLL with a section of code and `count` functions in it, all with the same unwind codes. */
static img_image image_with_functions(uint32_t count, uint8_t frame_register, const uint16_t *codes,
                                      uint32_t code_count)
{
    enum { FUNCTION = 12, HEADER = 4 };
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    uint32_t text = img_add_section(&builder, ".text", IMG_RX, NULL, count, 0);
    const uint8_t header[HEADER] = {1, 0xFF, (uint8_t)code_count, frame_register};
    uint32_t unwind = img_add_section(&builder, ".xdata", IMG_RO, NULL, 0x400, 0);
    uint32_t table = img_add_section(&builder, ".pdata", IMG_RO, NULL, count * FUNCTION, 0);
    img_put(&builder, unwind, header, sizeof header);
    img_put(&builder, unwind + HEADER, codes, code_count * sizeof *codes);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t function[] = {text + i, text + i + 1, unwind};
        img_put(&builder, table + i * FUNCTION, function, sizeof function);
    }
    img_set_directory(&builder, PE_DIRECTORY_EXCEPTION, table, count * FUNCTION);
    return img_finish(&builder);
}

static void load_made(ldr_context *ctx, const img_image *image)
{
    ldr_module *module;
    const ldr_load_options options = {.size = sizeof options, .no_initialise = true};
    cr_assert_eq(
        ldr_load_memory(ctx, "made.dll", image->bytes, image->size, &options, &module, NULL),
        LDR_OK);
    cr_assert_not_null(__jit_debug_descriptor.first);
}

/* mov [rsp + 0x10], rbx (5 bytes); sub rsp, 0x20 (4 bytes). */
Test(debug, register_in_the_home_space_is_above_the_frame)
{
    enum { ALLOC_0x20 = 0x3209, RBX_SAVED = 0x3405, AT_0x30 = 0x30 / 8 };
    const uint16_t codes[] = {ALLOC_0x20, RBX_SAVED, AT_0x30};
    skip_without_readelf();
    img_image image = image_with_functions(1, 0, codes, 3);
    ldr_context *ctx = debug_context();
    load_made(ctx, &image);
    cr_expect_eq(
        lines_of_readelf(__jit_debug_descriptor.first, "--debug-dump=frames", "r3 (rbx) at cfa+8"),
        1);
    ldr_context_destroy(ctx);
    img_free(&image);
}

/* push rbp; mov rbp, rsp; sub rsp, 0x20; mov [rbp + 0x10], rbx. */
Test(debug, register_is_saved_above_the_frame_register)
{
    enum { RBP = 5, RBX_SAVED = 0x340C, AT_0x10 = 0x10 / 8, ALLOC_0x20 = 0x3208 };
    enum { SET_FRAME = 0x0304, PUSH_RBP = 0x5001 };
    const uint16_t codes[] = {RBX_SAVED, AT_0x10, ALLOC_0x20, SET_FRAME, PUSH_RBP};
    skip_without_readelf();
    img_image image = image_with_functions(1, RBP, codes, 5);
    ldr_context *ctx = debug_context();
    load_made(ctx, &image);
    cr_expect_eq(
        lines_of_readelf(__jit_debug_descriptor.first, "--debug-dump=frames", "r3 (rbx) at cfa+0"),
        1);
    ldr_context_destroy(ctx);
    img_free(&image);
}

/* 255 codes shared by all functions would make 2 KB of frames for each line of 12 bytes. */
Test(debug, functions_that_share_long_codes_make_a_bounded_object)
{
    enum { COUNT = 50000, CODES = 255, PUSH_RBX = 0x30, TIMES = 8, FIXED = 1 << 19 };
    uint16_t codes[CODES];
    for (uint32_t i = 0; i < CODES; i++)
        codes[i] = (uint16_t)(PUSH_RBX << 8 | (CODES - i));
    img_image image = image_with_functions(COUNT, 0, codes, CODES);
    ldr_context *ctx = debug_context();
    load_made(ctx, &image);
    cr_expect_gt(__jit_debug_descriptor.first->size, image.size);
    cr_expect_lt(__jit_debug_descriptor.first->size, TIMES * image.size + FIXED);
    ldr_context_destroy(ctx);
    img_free(&image);
}
