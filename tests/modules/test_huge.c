/* Graphs that are larger than anybody needs: bounded time, and the right status. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "fake_environment.h"
#include "modules/module.h"

enum { DLLS = 10000 };

/* A bundle of DLLS small images, d0.dll and so on, made when they are asked for. */
typedef struct graph {
    unsigned count, needs; /* DLLs, and how many of the next ones each needs */
    bool last_missing;     /* the last one needs one that is not there */
    bool first_fails;      /* its DllMain does, when all others are initialised */
} graph;

static void release(const ldr_bundle_file *file)
{
    img_image image = {.bytes = file->user};
    img_free(&image);
}

static img_image make_dll(const graph *self, unsigned number)
{
    char names[64][16];
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    uint32_t data = img_add_section(&builder, ".data", IMG_RW, NULL, 0x10, 0x1000);
    img_add_export(&builder, "fn", 1, data);
    if (self->first_fails && number == 0)
        builder.entry_point = img_add_section(&builder, ".text", IMG_RX, NULL, 0x10, 0x2000);
    for (unsigned i = 0; i < self->needs; i++) {
        snprintf(names[i], sizeof(names[i]), "d%u", (number + (i == 0 ? 1 : i * 97)) % self->count);
        img_add_import(&builder, names[i], "fn");
    }
    if (self->last_missing && number == self->count - 1)
        img_add_import(&builder, "absent", "fn");
    return img_finish(&builder);
}

static bool provide(void *user, const char *name, ldr_bundle_file *ret_file)
{
    const graph *self = user;
    unsigned number;
    char end[8];
    if (sscanf(name, "d%u.%4s", &number, end) != 2 || number >= self->count)
        return false;
    img_image image = make_dll(self, number);
    *ret_file = (ldr_bundle_file){image.bytes, image.size, release, image.bytes};
    return true;
}

/* Of this process: what others do on the machine does not count. */
static double seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* As many DLLs as there may be descriptors: an image from memory keeps one. */
static unsigned most_dlls(void)
{
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return limit.rlim_cur < DLLS + 200 ? (unsigned)limit.rlim_cur - 200 : DLLS;
}

static ldr_context *context_for(graph *self)
{
    const ldr_context_options options = {
        .size = sizeof(options), .bundle = provide, .bundle_user = self};
    ldr_context *ctx;
    cr_assert_eq(ldr_context_create(&options, &ctx), LDR_OK);
    return ctx;
}

/* How long it takes to load and unload it all. */
static double go_through(graph self)
{
    ldr_context *ctx = context_for(&self);
    ldr_module *first;
    double start = seconds();
    fake_attach_fails(self.first_fails ? "d0.dll" : "");
    if (self.first_fails) {
        cr_assert_eq(ldr__guest_load(ctx, "d0", 0, &first, NULL), LDR_INIT_FAILED);
    } else {
        cr_assert_eq(ldr__guest_load(ctx, "d0", 0, &first, NULL), LDR_OK);
        cr_assert_eq(fake_modules(), (int)self.count);
        ldr_unload(first);
    }
    cr_assert_eq(fake_modules(), 0);
    double taken = seconds() - start;
    ldr_context_destroy(ctx);
    return taken;
}

/* Four times as many take four times as long, not sixteen times. */
static void expect_linear(graph whole)
{
    graph part = whole;
    part.count /= 4;
    double short_time = go_through(part), long_time = go_through(whole);
    cr_expect_lt(long_time, 10 * short_time, "%u DLLs take %.2f s, %u take %.2f s", part.count,
                 short_time, whole.count, long_time);
}

Test(huge, ten_thousand_dlls_that_need_each_other_take_linear_time, .timeout = 600)
{
    expect_linear((graph){.count = most_dlls(), .needs = 30});
}

Test(huge, chain_of_ten_thousand_dlls_takes_linear_time, .timeout = 600)
{
    expect_linear((graph){.count = most_dlls(), .needs = 1});
}

Test(huge, ring_of_ten_thousand_dlls_whose_first_fails_takes_linear_time, .timeout = 600)
{
    expect_linear((graph){.count = most_dlls(), .needs = 1, .first_fails = true});
}

Test(huge, chain_whose_end_is_missing_leaves_nothing, .timeout = 600)
{
    graph self = {.count = most_dlls(), .needs = 1, .last_missing = true};
    ldr_context *ctx = context_for(&self);
    ldr_module *first = NULL;
    ldr_diag diag;
    double start = seconds();
    cr_assert_eq(ldr__guest_load(ctx, "d0", 0, &first, &diag), LDR_DLL_NOT_FOUND);
    cr_expect_lt(seconds() - start, 60);
    cr_assert_str_eq(diag.subject, "absent");
    cr_assert_null(first);
    cr_assert_eq(fake_modules(), 0);
    cr_assert_null(ldr_module_find(ctx, "d0.dll"));
    cr_assert_null(ldr_module_find(ctx, "d9.dll"));
    ldr_context_destroy(ctx);
}

Test(huge, ten_thousand_modules_of_one_name_take_bounded_time, .timeout = 600)
{
    graph one = {.count = 1};
    img_image image = make_dll(&one, 0);
    double taken[2];
    for (unsigned round = 0; round < 2; round++) {
        ldr_context *ctx = context_for(&one);
        unsigned count = most_dlls() / (round == 0 ? 4 : 1);
        ldr_module *module, *found;
        double start = seconds();
        for (unsigned i = 0; i < count; i++)
            cr_assert_eq(
                ldr_load_memory(ctx, "same.dll", image.bytes, image.size, NULL, &module, NULL),
                LDR_OK);
        found = ldr_module_find(ctx, "SAME.dll");
        cr_assert_eq(found, ldr_module_at(ctx, ldr_module_base(found)));
        cr_assert_eq(module, ldr_module_at(ctx, ldr_module_base(module)));
        ldr_context_destroy(ctx);
        taken[round] = seconds() - start;
    }
    /* Each load looks at all modules once, whatever they are called. */
    cr_expect_lt(taken[1], 25 * taken[0], "%.2f s, %.2f s", taken[0], taken[1]);
    img_free(&image);
}

/* One name that many descriptors share: it is longer than any name that Windows could hold. */
Test(huge, import_name_of_a_megabyte_is_a_dll_that_is_not_found, .timeout = 600)
{
    enum { LENGTH = 1 << 20 };
    char *name = malloc(LENGTH + 1);
    ldr_diag diag;
    ldr_module *module;
    cr_assert_not_null(name);
    memset(name, 'n', LENGTH);
    name[LENGTH] = '\0';
    img_builder builder;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    img_add_import(&builder, name, "fn");
    img_image image = img_finish(&builder);
    ldr_context *ctx = fake_context();
    double start = seconds();
    cr_assert_eq(ldr_load_memory(ctx, "a.dll", image.bytes, image.size, NULL, &module, &diag),
                 LDR_DLL_NOT_FOUND);
    cr_assert_eq(ldr__guest_load(ctx, name, 0, &module, &diag), LDR_DLL_NOT_FOUND);
    cr_expect_lt(seconds() - start, 5);
    ldr_context_destroy(ctx);
    img_free(&image);
    free(name);
}
