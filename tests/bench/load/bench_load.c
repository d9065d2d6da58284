/*
 * bench_load: what it costs to load an image, beside what it costs at the least.
 *
 *   bench_load [SHELL32]
 *
 * For each image, at its preferred base and with that base taken: the time in microseconds of
 * section, view, relocations and unmapping; that of the bare system calls; of these and of copying
 * the pages that relocations change; of a plain copy of the image's bytes, which is the floor where
 * they cannot be mapped; of a loader that reads, copies and relocates. Each round measures all of
 * them one after the other; medians are printed, ratios are medians of the rounds' ratios. SHELL32
 * is libwine's shell32.dll (x86_64); without it, the one under $PELOAD_CORPUS.
 */
#include "../timing.h"
#include "floors.h"
#include "make_image.h"

#include <peload/section.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROUNDS_MAX      1001
#define ROUNDS_MIN      15
#define LOOP_ROUNDS     41
#define SECONDS_OF_CASE 1.0

enum { OURS, CALLS, CALLS_AND_COPIES, PLAIN_COPY, COPYING, CONTENDERS };

typedef struct samples {
    double microseconds[CONTENDERS][ROUNDS_MAX];
    double ratios[CONTENDERS][ROUNDS_MAX];
    size_t count;
} samples;

/* What it costs to fill an image on demand is shown by bench_demand. */
static const ldr_section_options at_once = {.size = sizeof at_once, .fill = LDR_FILL_EAGER};

_Noreturn static void stop(const ldr_diag *diag)
{
    char text[512];
    fprintf(stderr, "%s\n", ldr_diag_text(diag, text, sizeof text));
    exit(1);
}

static void load(const char *path)
{
    ldr_diag diag;
    ldr_section *section;
    ldr_view *view;
    if (ldr_section_from_file(path, &at_once, &section, &diag) != LDR_OK ||
        ldr_view_map(section, NULL, &view, &diag) != LDR_OK ||
        ldr_view_relocate(view, &diag) != LDR_OK)
        stop(&diag);
    ldr_view_unmap(view);
    ldr_section_close(section);
}

static void run_one(int contender, const bench_layout *layout, uint64_t base)
{
    if (contender == OURS)
        load(layout->path);
    else if (contender == CALLS || contender == CALLS_AND_COPIES)
        bench_system_calls(layout, base, contender == CALLS_AND_COPIES);
    else if (contender == PLAIN_COPY)
        bench_plain_copy(layout);
    else
        bench_copying_loader(layout, base);
}

/* Once without the clock: what ran before must not decide what is in the processor's caches. */
static double time_one(int contender, const bench_layout *layout, uint64_t base)
{
    run_one(contender, layout, base);
    double start = bench_now();
    run_one(contender, layout, base);
    return bench_now() - start;
}

static void measure_round(const bench_layout *layout, uint64_t base, samples *ret_samples)
{
    size_t i = ret_samples->count++;
    for (int contender = 0; contender < CONTENDERS; contender++)
        ret_samples->microseconds[contender][i] = time_one(contender, layout, base);
    for (int contender = 0; contender < CONTENDERS; contender++)
        ret_samples->ratios[contender][i] =
            ret_samples->microseconds[OURS][i] / ret_samples->microseconds[contender][i];
}

/* The first round fills the page cache and is thrown away. */
static void measure(const bench_layout *layout, uint64_t base, samples *ret_samples)
{
    ret_samples->count = 0;
    measure_round(layout, base, ret_samples);
    ret_samples->count = 0;
    double end = bench_now() + SECONDS_OF_CASE * 1e6;
    while (ret_samples->count < ROUNDS_MAX &&
           (ret_samples->count < ROUNDS_MIN || bench_now() < end))
        measure_round(layout, base, ret_samples);
}

static void print_heading(void)
{
    printf("%-22s %-10s %9s %7s %8s %10s %8s %11s %8s %9s %7s\n", "image", "base", "peload",
           "calls", "ratio", "+ copies", "ratio", "plain copy", "ratio", "copying", "faster");
}

static void report(const char *name, const char *where, samples *s)
{
    double times[CONTENDERS];
    double ratios[CONTENDERS];
    for (int i = 0; i < CONTENDERS; i++) {
        times[i] = bench_median(s->microseconds[i], s->count);
        ratios[i] = bench_median(s->ratios[i], s->count);
    }
    printf("%-22s %-10s %9.1f %7.1f %7.2fx %10.1f %7.2fx %11.1f %7.2fx %9.1f %6.1fx\n", name, where,
           times[OURS], times[CALLS], ratios[CALLS], times[CALLS_AND_COPIES],
           ratios[CALLS_AND_COPIES], times[PLAIN_COPY], ratios[PLAIN_COPY], times[COPYING],
           1 / ratios[COPYING]);
}

/* ---- The relocation loop ---- */

static ldr_view *map_touched(ldr_section *section, const bench_layout *layout)
{
    ldr_diag diag;
    ldr_view *view;
    if (ldr_view_map(section, NULL, &view, &diag) != LDR_OK)
        stop(&diag);
    bench_touch(ldr_view_base(view), layout);
    return view;
}

static double time_loop(ldr_section *section, const bench_layout *layout, bool bare)
{
    ldr_diag diag;
    ldr_view *view = map_touched(section, layout);
    double start = bench_now();
    if (bare)
        bench_bare_relocation(ldr_view_base(view), layout);
    else if (ldr_view_relocate(view, &diag) != LDR_OK)
        stop(&diag);
    double time = bench_now() - start;
    ldr_view_unmap(view);
    return time;
}

/* Which of the two goes first changes from round to round. */
static void bench_loop(const bench_layout *layout)
{
    static double ours[LOOP_ROUNDS], ratios[LOOP_ROUNDS];
    ldr_diag diag;
    ldr_section *section;
    if (ldr_section_from_file(layout->path, &at_once, &section, &diag) != LDR_OK)
        stop(&diag);
    for (size_t i = 0; i < LOOP_ROUNDS; i++) {
        double times[2];
        for (size_t j = 0; j < 2; j++) {
            bool bare = (i + j) % 2 == 1;
            times[bare] = time_loop(section, layout, bare);
        }
        ours[i] = times[0];
        ratios[i] = times[0] / times[1];
    }
    ldr_section_close(section);
    printf(
        "%-22s its relocations alone, on pages that are copies already: %.1f, %.2fx a bare loop\n",
        "", bench_median(ours, LOOP_ROUNDS), bench_median(ratios, LOOP_ROUNDS));
}

/* ---- Images ---- */

static void bench_image(const char *name, const char *path)
{
    static samples space;
    static bench_layout layout;
    if (!bench_layout_read(path, &layout)) {
        fprintf(stderr, "%s: not an image that can be read\n", path);
        exit(1);
    }
    measure(&layout, layout.preferred_base, &space);
    report(name, "preferred", &space);
    void *taken = mmap((void *)(uintptr_t)layout.preferred_base, layout.size, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    measure(&layout, 0, &space);
    report(name, "elsewhere", &space);
    bench_loop(&layout);
    if (taken != MAP_FAILED)
        munmap(taken, layout.size);
}

static void bench_generated(const char *folder, const char *name, const bench_recipe *recipe)
{
    char path[512];
    snprintf(path, sizeof path, "%s/bench.dll", folder);
    if (!bench_make_image(path, recipe)) {
        fprintf(stderr, "%s: cannot be written\n", path);
        exit(1);
    }
    bench_image(name, path);
    unlink(path);
}

static const char *shell32_path(int argc, char **argv, char *buffer, size_t size)
{
    const char *corpus = getenv("PELOAD_CORPUS");
    if (argc > 1)
        return argv[1];
    if (corpus == NULL)
        return NULL;
    snprintf(buffer, size,
             "%s/deb/libwine/usr/lib/x86_64-linux-gnu/wine/x86_64-windows/shell32.dll", corpus);
    return buffer;
}

int main(int argc, char **argv)
{
    static const bench_recipe small = {3584, 1024, 1024, 16};
    static const bench_recipe large = {20u << 20, 9u << 20, 6u << 20, 200000};
    char folder[] = "/tmp/peload-bench-XXXXXX";
    char buffer[512];
    if (mkdtemp(folder) == NULL)
        return 1;
    print_heading();
    bench_generated(folder, "small (7 KB)", &small);
    const char *shell32 = shell32_path(argc, argv, buffer, sizeof buffer);
    if (shell32 != NULL)
        bench_image("shell32.dll (14 MB)", shell32);
    else
        printf("shell32.dll            skipped: no PELOAD_CORPUS\n");
    bench_generated(folder, "200,000 relocs (35 MB)", &large);
    rmdir(folder);
    return 0;
}
