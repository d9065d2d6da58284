/*
 * bench_sharing: what an image costs that several processes have loaded.
 *
 * Ten processes load the same image, one after the other, touch all of its pages and write to some.
 * Printed is the memory behind their views, each page divided by the number of those who have it,
 * as the system counts it; beside it the floor: the image once, and what each has written. Then the
 * time of loading it: by the first process, and by the others.
 */
#include "../load/make_image.h"
#include "../timing.h"

#include <peload/section.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES     10
#define PAGE          4096
#define WRITTEN_PAGES 100

/* What the processes tell each other. */
typedef struct board {
    sem_t loaded, measure, measured, end;
    double bytes[PROCESSES], microseconds[PROCESSES];
    uint64_t size; /* of the image: pages with content */
} board;

_Noreturn static void stop(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static ldr_view *load(const char *path)
{
    ldr_diag diag;
    ldr_section *section;
    ldr_view *view;
    char text[512];
    if (ldr_section_from_file(path, NULL, &section, &diag) != LDR_OK ||
        ldr_view_map(section, NULL, &view, &diag) != LDR_OK ||
        ldr_view_relocate(view, &diag) != LDR_OK)
        stop(ldr_diag_text(&diag, text, sizeof text));
    ldr_section_close(section);
    return view;
}

/* Reads each page and writes to the first of those that can be written. Returns the bytes of all.
 */
static uint64_t touch(const ldr_view *view)
{
    uint64_t bytes = 0, written = 0;
    ldr_region region;
    for (uint64_t rva = 0; rva < ldr_view_size(view); rva += region.size) {
        if (ldr_view_query(view, rva, &region) != LDR_OK)
            stop("no query");
        volatile uint8_t *start = (uint8_t *)ldr_view_base(view) + rva;
        for (uint64_t at = 0; region.committed && at < region.size; at += PAGE, bytes += PAGE) {
            uint8_t byte = start[at];
            if (region.protect == LDR_PAGE_WRITECOPY && written++ < WRITTEN_PAGES)
                start[at] = byte;
        }
    }
    return bytes;
}

/* Pss: what the system counts of the mappings in the view for this process. */
static double count_bytes(const ldr_view *view)
{
    uintptr_t start = (uintptr_t)ldr_view_base(view), end = start + ldr_view_size(view);
    unsigned long from, to, kilobytes, sum = 0;
    char line[512];
    bool is_inside = false;
    FILE *maps = fopen("/proc/self/smaps", "re");
    if (maps == NULL)
        stop("no /proc/self/smaps");
    while (fgets(line, sizeof line, maps) != NULL) {
        if (sscanf(line, "%lx-%lx", &from, &to) == 2)
            is_inside = from >= start && to <= end;
        else if (is_inside && sscanf(line, "Pss: %lu kB", &kilobytes) == 1)
            sum += kilobytes;
    }
    fclose(maps);
    return (double)sum * 1024;
}

static void be_process(board *b, unsigned index, const char *path)
{
    double start = bench_now();
    ldr_view *view = load(path);
    b->microseconds[index] = bench_now() - start;
    b->size = touch(view);
    sem_post(&b->loaded);
    sem_wait(&b->measure);
    b->bytes[index] = count_bytes(view);
    sem_post(&b->measured);
    sem_wait(&b->end);
    _exit(0);
}

static board *make_board(void)
{
    board *b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (b == MAP_FAILED)
        stop("out of memory");
    sem_t *const all[] = {&b->loaded, &b->measure, &b->measured, &b->end};
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
        sem_init(all[i], 1, 0);
    return b;
}

/* All at once, while all have the image. */
static void step(sem_t *go, sem_t *done)
{
    for (unsigned i = 0; i < PROCESSES; i++)
        sem_post(go);
    for (unsigned i = 0; i < PROCESSES && done != NULL; i++)
        sem_wait(done);
}

static void run(board *b, const char *path)
{
    for (unsigned i = 0; i < PROCESSES; i++) {
        if (fork() == 0)
            be_process(b, i, path);
        sem_wait(&b->loaded);
    }
    step(&b->measure, &b->measured);
    step(&b->end, NULL);
    for (unsigned i = 0; i < PROCESSES; i++)
        wait(NULL);
}

static void report(const board *b)
{
    double sum = 0, later = 0;
    double floor = (double)b->size + (double)PROCESSES * WRITTEN_PAGES * PAGE;
    for (unsigned i = 0; i < PROCESSES; i++)
        sum += b->bytes[i];
    for (unsigned i = 1; i < PROCESSES; i++)
        later += b->microseconds[i] / (PROCESSES - 1);
    printf("%-28s %10s %10s %7s\n", "", "figure", "floor", "ratio");
    printf("%-28s %7.1f MB %7.1f MB %6.2fx\n", "memory of ten processes", sum / 1e6, floor / 1e6,
           sum / floor);
    printf("%-28s %7.0f us; the other nine %.0f us each\n", "load by the first process",
           b->microseconds[0], later);
}

int main(void)
{
    static const bench_recipe recipe = {20u << 20, 9u << 20, 6u << 20, 200000};
    char folder[] = "/tmp/peload-bench-XXXXXX", path[512];
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(path, sizeof path, "%s/bench.dll", folder);
    if (!bench_make_image(path, &recipe))
        stop("the image cannot be written");
    usleep(100000); /* what has just been written is not shared */
    board *b = make_board();
    run(b, path);
    report(b);
    unlink(path);
    rmdir(folder);
    return 0;
}
