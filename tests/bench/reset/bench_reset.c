/*
 * Resetting a module whose code has written to ten pages, beside a floor: a loop that knows which
 * pages those are and copies them back. All pages that can be written have been touched before.
 */
#include "../timing.h"
#include "support/image_builder.h"

#include <peload/loader.h>

#include <stdio.h>
#include <string.h>

enum { DIRTY = 10, ROUNDS = 2001, PAGE = 0x1000, DATA = 0x2000 };

static ldr_module *load(ldr_context *ctx, uint32_t pages)
{
    ldr_load_options options = {.size = sizeof options, .no_initialise = true};
    img_builder builder;
    ldr_module *module = NULL;
    img_start(&builder, IMG_PE32_PLUS);
    builder.characteristics |= PE_FILE_DLL;
    img_add_section(&builder, ".text", IMG_RX, NULL, PAGE, PAGE);
    img_add_section(&builder, ".data", IMG_RW, NULL, pages * PAGE / 2, pages * PAGE);
    img_image image = img_finish(&builder);
    ldr_load_memory(ctx, "bench.dll", image.bytes, image.size, &options, &module, NULL);
    img_free(&image);
    return module;
}

static void touch(volatile uint8_t *data, uint32_t pages)
{
    for (uint32_t i = 0; i < pages; i++)
        (void)data[i * PAGE];
}

static void dirty(uint8_t *data, uint32_t pages, int value)
{
    for (uint32_t i = 0; i < DIRTY; i++)
        memset(data + (size_t)(i * (pages / DIRTY)) * PAGE, value, 64);
}

static double floor_of(uint8_t *data, uint32_t pages)
{
    static uint8_t copies[DIRTY][PAGE];
    static double times[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        dirty(data, pages, round);
        double start = bench_now();
        for (uint32_t i = 0; i < DIRTY; i++)
            memcpy(data + (size_t)(i * (pages / DIRTY)) * PAGE, copies[i], PAGE);
        times[round] = bench_now() - start;
    }
    return bench_median(times, ROUNDS);
}

/* Returns whether the module has come back each time. */
static bool measure(ldr_context *ctx, uint32_t pages)
{
    static double times[ROUNDS];
    ldr_module *module = load(ctx, pages);
    bool is_right = module != NULL && ldr_module_snapshot(module) == LDR_OK;
    if (!is_right)
        return false;
    uint8_t *data = (uint8_t *)ldr_module_base(module) + DATA;
    touch(data, pages);
    for (int round = 0; round < ROUNDS; round++) {
        dirty(data, pages, round + 1);
        double start = bench_now();
        is_right = ldr_module_reset(module) == LDR_OK && is_right;
        times[round] = bench_now() - start;
        is_right = is_right && data[0] == 0;
    }
    double median = bench_median(times, ROUNDS), least = floor_of(data, pages);
    printf("%u writable pages, %d written: reset %.2f us (at best %.2f), copy alone %.2f us, "
           "ratio %.1f\n",
           pages, DIRTY, median, times[0], least, median / least);
    ldr_unload(module);
    return is_right;
}

int main(void)
{
    ldr_context *ctx;
    if (ldr_context_create(NULL, &ctx) != LDR_OK)
        return 1;
    bool is_right = measure(ctx, 16) && measure(ctx, 256) && measure(ctx, 4096);
    ldr_context_destroy(ctx);
    return is_right ? 0 : 1;
}
