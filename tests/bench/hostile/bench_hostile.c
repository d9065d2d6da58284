/*
 * bench_hostile: how long files take that are made to be slow, under the default budget.
 *
 * Each is walked through every accessor of the parser. The floor is a sum over the bytes of the
 * file: what anybody must do who looks at all of it once.
 */
#include "../timing.h"
#include "fuzz/walk/walk.h"
#include "support/image_hostile.h"

#include <stdio.h>

enum { ROUNDS = 5 };

/* Returns whether the budget was spent. */
static bool walk_file_of(const img_image *file)
{
    pe_image image;
    pe_budget budget = pe_budget_for(file->size);
    struct walk walk = {.image = &image};
    if (pe_open((pe_span){file->bytes, file->size}, PE_LAYOUT_FILE, &image, NULL) != PE_OK)
        return false;
    image.budget = &budget;
    walk_all(&walk);
    walk_file(&image);
    return budget.is_spent;
}

static uint64_t sum(const img_image *file)
{
    uint64_t total = 0;
    for (size_t i = 0; i < file->size; i++)
        total += file->bytes[i];
    return total;
}

static double measure(hostile_kind kind)
{
    bool is_spent = false;
    double best = 1e9, floor = 1e9;
    uint64_t total = 0;
    img_image file = hostile_make(kind);
    for (int i = 0; i < ROUNDS; i++) {
        double start = bench_now() / 1e3;
        is_spent = walk_file_of(&file);
        double middle = bench_now() / 1e3;
        total += sum(&file);
        double end = bench_now() / 1e3;
        best = middle - start < best ? middle - start : best;
        floor = end - middle < floor ? end - middle : floor;
    }
    printf("%-28s %5zu KiB %9.2f ms %8.3f ms %8.1fx  %s\n", hostile_name(kind), file.size / 1024,
           best, total != 0 ? floor : 0, best / floor, is_spent ? "budget spent" : "");
    img_free(&file);
    return best;
}

int main(void)
{
    double worst = 0;
    printf("%-28s %9s %12s %11s %9s\n", "image", "size", "peload", "floor", "ratio");
    for (unsigned kind = 0; kind < HOSTILE_COUNT; kind++) {
        double time = measure((hostile_kind)kind);
        worst = time > worst ? time : worst;
    }
    printf("the slowest: %.2f ms\n", worst);
    return 0;
}
