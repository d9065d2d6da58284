/*
 * bench_demand: what it costs to fill an image on demand, beside what it costs at the least.
 *
 *   bench_demand
 *
 * All images are generated, and aligned to sectors. Each line has medians in microseconds: ours, a
 * floor that is measured in the same rounds, and the median of the rounds' ratios. The table of
 * load times has the best of the rounds: they are minutes apart. The last table shows at which size
 * it begins to pay, which LDR_FILL_AUTO goes by (loader/section/demand.c).
 */
#include "../load/floors.h"
#include "../load/make_image.h"
#include "../timing.h"

#include <peload/section.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROUNDS 41
#define PAGE   UINT64_C(4096)

/* Not the preferred base of the images. */
#define ELSEWHERE UINT64_C(0x100000000)

static char folder[] = "/tmp/peload-bench-XXXXXX";
static char path[64];
static bench_layout layout;

_Noreturn static void stop(const char *why)
{
    fprintf(stderr, "%s\n", why);
    unlink(path);
    rmdir(folder);
    exit(1);
}

/* ---- What is measured ---- */

typedef struct work {
    ldr_fill fill;
    uint64_t base;  /* 0: the preferred one */
    unsigned touch; /* percent of the granules that are touched afterwards */
} work;

static ldr_section *open_section(ldr_fill fill)
{
    ldr_section_options options = {.size = sizeof options, .fill = fill};
    ldr_section *section;
    ldr_diag diag;
    char text[512];
    if (ldr_section_from_file(path, &options, &section, &diag) != LDR_OK)
        stop(ldr_diag_text(&diag, text, sizeof text));
    return section;
}

static ldr_view *open_view(ldr_section *section, uint64_t base)
{
    ldr_view_options options = {.size = sizeof options, .base = base};
    ldr_view *view;
    ldr_diag diag;
    char text[512];
    if (ldr_view_map(section, &options, &view, &diag) != LDR_OK ||
        ldr_view_relocate(view, &diag) != LDR_OK)
        stop(ldr_diag_text(&diag, text, sizeof text));
    return view;
}

/* One byte of each page of the granules. */
static void touch(const ldr_view *view, unsigned percent)
{
    const volatile uint8_t *bytes = ldr_view_base(view);
    for (uint64_t rva = 0; rva < ldr_view_size(view); rva += PAGE) {
        if (rva / 65536 * percent / 100 != (rva / 65536 + 1) * percent / 100)
            (void)bytes[rva];
    }
}

/* The time until the view can be used, and that with touching and unmapping it. */
static double load(const work *w, double *ret_whole)
{
    double start = bench_now();
    ldr_section *section = open_section(w->fill);
    ldr_view *view = open_view(section, w->base);
    double loaded = bench_now() - start;
    touch(view, w->touch);
    ldr_view_unmap(view);
    ldr_section_close(section);
    *ret_whole = bench_now() - start;
    return loaded;
}

static double plain_copy(void)
{
    double start = bench_now();
    bench_plain_copy(&layout);
    return bench_now() - start;
}

static void make(const bench_recipe *recipe)
{
    if (!bench_make_image(path, recipe) || !bench_layout_read(path, &layout))
        stop("the image cannot be written");
}

static void report(const char *what, double *ours, double *floor, double *ratios, double limit)
{
    double ratio = bench_median(ratios, ROUNDS);
    printf("%-62s %9.1f %9.1f %8.4f", what, bench_median(ours, ROUNDS), bench_median(floor, ROUNDS),
           ratio);
    if (limit > 0)
        printf("   at most %g%s", limit, ratio <= limit ? "" : "  MISSED");
    printf("\n");
}

/* ---- 35 MB ---- */

static void bench_against_copy(const char *what, const work *w, bool whole, double limit)
{
    static double ours[ROUNDS], copies[ROUNDS], ratios[ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++) {
        double all, loaded = load(w, &all);
        ours[i] = whole ? all : loaded;
        copies[i] = plain_copy();
        ratios[i] = ours[i] / copies[i];
    }
    report(what, ours, copies, ratios, limit);
}

/* ---- Second views ---- */

/* A memfd with the whole image in it is mapped run by run, each with its own access. */
static double map_ready(int segment)
{
    double start = bench_now();
    uint8_t *image =
        mmap(NULL, layout.size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    for (size_t i = 0; i < layout.run_count; i++) {
        const bench_run *run = &layout.runs[i];
        if (mmap(image + run->rva, run->size, run->protection, MAP_PRIVATE | MAP_FIXED, segment,
                 (off_t)run->rva) == MAP_FAILED)
            stop("mmap");
    }
    munmap(image, layout.size);
    return bench_now() - start;
}

/* At a base that has had a view, while another view is there. */
static void bench_second_view(const char *what, uint64_t base)
{
    static double ours[ROUNDS], floors[ROUNDS], ratios[ROUNDS];
    ldr_section *section = open_section(LDR_FILL_ON_DEMAND);
    ldr_view *other = open_view(section, ELSEWHERE + 0x80000000);
    ldr_view *first = open_view(section, base);
    touch(first, 100);
    ldr_view_unmap(first);
    int segment = memfd_create("bench", MFD_CLOEXEC);
    if (segment < 0 || ftruncate(segment, (off_t)layout.size) != 0)
        stop("memfd_create");
    for (size_t i = 0; i < ROUNDS; i++) {
        double start = bench_now();
        ldr_view_unmap(open_view(section, base));
        ours[i] = bench_now() - start;
        floors[i] = map_ready(segment);
        ratios[i] = ours[i] / floors[i];
    }
    close(segment);
    ldr_view_unmap(other);
    ldr_section_close(section);
    report(what, ours, floors, ratios, 2);
}

/* ---- Sizes ---- */

static double time_load(uint32_t text_size)
{
    static double times[ROUNDS];
    work w = {LDR_FILL_ON_DEMAND, ELSEWHERE, 0};
    make(&(bench_recipe){text_size, 64 << 10, 64 << 10, 1000});
    for (size_t i = 0; i < ROUNDS; i++) {
        double whole;
        times[i] = load(&w, &whole);
    }
    qsort(times, ROUNDS, sizeof *times, bench_compare_doubles);
    return times[0];
}

static void bench_sizes(void)
{
    double first = 0;
    printf("\nload time by size, 1,000 relocations, base taken\n");
    for (uint32_t megabytes = 1; megabytes <= 1024; megabytes *= 4) {
        double time = time_load(megabytes << 20);
        first = megabytes == 1 ? time : first;
        printf("%6u MB %9.1f us %6.2f times that of 1 MB\n", megabytes, time, time / first);
    }
}

/* ---- Where it begins to pay ---- */

static double time_whole(const work *w)
{
    static double times[ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++)
        load(w, &times[i]);
    return bench_median(times, ROUNDS);
}

static void bench_worth(void)
{
    printf("\nload, touch, unmap, base taken: eager, and on demand by the part that is touched\n");
    printf("%9s %9s %9s %9s %9s %9s\n", "KiB", "eager", "0%", "25%", "50%", "100%");
    for (uint32_t kilobytes = 64; kilobytes <= 16384; kilobytes *= 2) {
        uint32_t part = kilobytes << 8;
        make(&(bench_recipe){2 * part, part, part, kilobytes * 5});
        printf("%9u %9.1f", kilobytes, time_whole(&(work){LDR_FILL_EAGER, ELSEWHERE, 50}));
        for (unsigned percent = 0; percent <= 100; percent += percent < 50 ? 25 : 50)
            printf(" %9.1f", time_whole(&(work){LDR_FILL_ON_DEMAND, ELSEWHERE, percent}));
        printf("\n");
    }
}

int main(void)
{
    static const bench_recipe large = {20u << 20, 9u << 20, 6u << 20, 200000};
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(path, sizeof path, "%s/bench.dll", folder);
    make(&large);
    printf("%-62s %9s %9s %8s\n", "35 MB, 200,000 relocations", "peload", "floor", "ratio");
    bench_against_copy("load, base taken, against a plain copy",
                       &(work){LDR_FILL_ON_DEMAND, ELSEWHERE, 0}, false, 0.02);
    bench_against_copy("for scale: load and unmap, which waits for a new thread to end",
                       &(work){LDR_FILL_ON_DEMAND, ELSEWHERE, 0}, true, 0);
    bench_against_copy("load, touch all pages, unmap", &(work){LDR_FILL_ON_DEMAND, ELSEWHERE, 100},
                       true, 2);
    bench_against_copy("for scale: all at once, touched", &(work){LDR_FILL_EAGER, ELSEWHERE, 100},
                       true, 0);
    bench_second_view("second view, preferred base, against mapping a ready memfd", 0);
    bench_second_view("second view, same base, relocated", ELSEWHERE);
    bench_sizes();
    bench_worth();
    unlink(path);
    rmdir(folder);
    return 0;
}
