/* A graph of DLLs that is loaded and unloaded again and again: nothing of the process grows. */
#include "faulty_libc.h"
#include "made.h"
#include "real.h"
#include "support/faulty_os.h"
#include "support/process.h"
#include "support/sanitizer.h"
#include "support/traced.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

enum { WARM_UP = WITH_ASAN ? 100 : 500, CYCLES = WITH_ASAN ? 300 : 10000, TRACED_CYCLES = 2000 };

/* Everything is there and has run: attached by its TLS callback and by its DllMain. */
static void check_graph(ldr_context *ctx)
{
    cr_assert_eq(made_present(ctx), MADE_DLLS);
    for (int i = 0; i < MADE_DLLS; i++) {
        made_counter *counter = ldr_symbol(ldr_module_find(ctx, made_names[i]), "counter");
        cr_assert_eq(*counter(), 1000 * i + 2, "%s", made_names[i]);
    }
}

static void cycle(ldr_context *ctx, int times)
{
    for (int i = 0; i < times; i++) {
        ldr_module *module;
        cr_assert_eq(ldr_load_name(ctx, "m0.dll", NULL, &module, NULL), LDR_OK);
        cr_assert_not_null(ldr_symbol(module, "late"));
        check_graph(ctx);
        ldr_unload(module);
        cr_assert_eq(made_present(ctx), 0);
    }
}

static size_t resident_bytes(void)
{
    unsigned long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    cr_assert_not_null(file);
    cr_assert_eq(fscanf(file, "%lu %lu", &size, &resident), 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

typedef struct footprint {
    size_t mappings, descriptors, threads, heap, resident;
    long blocks;
    faulty_os_held held;
} footprint;

static footprint measure(void)
{
    return (footprint){count_mappings(), process_descriptors(), process_threads(), heap_bytes(),
                       resident_bytes(), faulty_libc_blocks(),  faulty_os_holds()};
}

/* Blocks are counted exactly; what is let pass of the heap is what malloc keeps of them. A
 * sanitizer's heap keeps what is freed. */
static void expect_no_growth(footprint before)
{
    footprint after = measure();
    cr_expect_eq(after.descriptors, before.descriptors);
    cr_expect_eq(after.threads, before.threads);
    cr_expect_eq(after.blocks, before.blocks);
    cr_expect_eq(after.held.blocks, before.held.blocks);
    cr_expect_eq(after.held.bytes, before.held.bytes);
    cr_expect_eq(after.held.handles, before.held.handles);
    if (WITH_ASAN)
        return;
    cr_expect_leq(after.mappings, before.mappings + 2);
    cr_expect_leq(after.heap, before.heap + 65536);
    cr_expect_leq(after.resident, before.resident + 262144);
    cr_log_info("mappings %zu -> %zu, heap %zu -> %zu, resident %zu -> %zu", before.mappings,
                after.mappings, before.heap, after.heap, before.resident, after.resident);
}

Test(cycles, ten_thousand_cycles_of_twenty_dlls_grow_nothing, .timeout = 600)
{
    made_build();
    ldr_context *ctx = made_context();
    cycle(ctx, WARM_UP);
    footprint before = measure();
    cycle(ctx, traced_options() != NULL && CYCLES > TRACED_CYCLES ? TRACED_CYCLES : CYCLES);
    expect_no_growth(before);
    ldr_context_destroy(ctx);
    made_free();
}
