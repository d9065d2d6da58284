/*
 * bench_parse: what it costs to iterate all directories of images that are already in memory.
 *
 *   bench_parse FILE...       or a list of paths, one a line, on standard input
 *
 * Each pass opens every image and goes through its sections, imports, exports, relocations,
 * resources and functions of x64, item by item, names included. The floor is a loop that reads the
 * very bytes that such a pass looks at and nothing else. Passes and floors take turns; the medians
 * are printed, and the ratio is the median of the rounds' ratios.
 */
#include "../timing.h"
#include "walk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 101, PATH_SIZE = 4096 };

typedef struct files {
    pe_span *items;
    size_t count, capacity;
    uint64_t bytes;
} files;

_Noreturn static void stop(const char *subject)
{
    perror(subject);
    exit(1);
}

static void add_file(files *all, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        stop(path);
    size_t size = (size_t)ftell(file);
    uint8_t *data = malloc(size + 1);
    rewind(file);
    if (data == NULL || fread(data, 1, size, file) != size)
        stop(path);
    fclose(file);
    if (all->count == all->capacity) {
        all->capacity = all->capacity == 0 ? 1024 : 2 * all->capacity;
        all->items = realloc(all->items, all->capacity * sizeof *all->items);
        if (all->items == NULL)
            stop(path);
    }
    all->items[all->count++] = (pe_span){data, size};
    all->bytes += size;
}

static void read_list(files *all)
{
    char path[PATH_SIZE];
    while (fgets(path, sizeof path, stdin) != NULL) {
        path[strcspn(path, "\n")] = '\0';
        add_file(all, path);
    }
}

/* Prints the counts, so that a peer's can be laid beside them. */
static void report_counts(const files *all, const bench_counts *counts)
{
    printf("%zu files of %" PRIu64 " MB, %" PRIu64 " images: %" PRIu64 " sections, %" PRIu64
           " imports, %" PRIu64 " exports, %" PRIu64 " relocations, %" PRIu64 " resources, %" PRIu64
           " functions\n",
           all->count, all->bytes / 1000000, counts->images, counts->sections, counts->imports,
           counts->exports, counts->relocations, counts->resources, counts->functions);
}

/* Returns what the floor has read, so that it is not optimised away. */
static uint64_t measure(const files *all, const bench_ranges *ranges)
{
    uint64_t digest = 0;
    static double ours[ROUNDS], floors[ROUNDS], ratios[ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++) {
        bench_counts counts = {0};
        double start = bench_now() / 1e3;
        bench_walk(all->items, all->count, &counts);
        double middle = bench_now() / 1e3;
        digest += bench_read(ranges);
        double end = bench_now() / 1e3;
        ours[i] = middle - start;
        floors[i] = end - middle;
        ratios[i] = ours[i] / floors[i];
    }
    double time = bench_median(ours, ROUNDS);
    printf("%.3f ms for all, %.2f us for an image, %" PRIu64 " bytes touched; floor %.3f ms, "
           "ratio %.2f\n",
           time, 1e3 * time / (double)all->count, ranges->bytes, bench_median(floors, ROUNDS),
           bench_median(ratios, ROUNDS));
    return digest;
}

int main(int argc, char **argv)
{
    files all = {0};
    bench_counts counts = {0};
    bench_ranges ranges = {0};
    for (int i = 1; i < argc; i++)
        add_file(&all, argv[i]);
    if (argc == 1)
        read_list(&all);
    if (all.count == 0)
        return 2;
    bench_record(all.items, all.count, &ranges, &counts);
    report_counts(&all, &counts);
    return measure(&all, &ranges) != 0 ? 0 : 1;
}
