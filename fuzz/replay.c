/*
 * Runs a fuzz target without libFuzzer.
 *
 *   replay_image                      the seeds, small changes to each of them, some mutations
 *   replay_image FILE...              these inputs
 *   replay_image --write DIR          writes the seeds to DIR, for libFuzzer to start from
 *   replay_image --mutate N [FILE...] N mutations of the seeds, or of these files
 *
 * Mutations are the same in each run. With them goes the longest time that one took. A target that
 * focuses on no directory takes scripts instead of images: bytes that are random, and the same in
 * each run.
 */
#include "mutate/mutate.h"
#include "seeds.h"
#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SOME_MUTATIONS = 3000,
    GROWTH = 0x1000,
    CHANGES_MAX = 6,
    SCRIPT_SIZE = 160,
    SOME_SCRIPTS = 600
};

static double slowest; /* in milliseconds */

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* An input in a block of its own size, so that reads beyond it are seen. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    REQUIRE(copy != NULL);
    memcpy(copy, data, size);
    double start = now();
    LLVMFuzzerTestOneInput(copy, size);
    double time = now() - start;
    slowest = time > slowest ? time : slowest;
    free(copy);
}

/* Values that break things, at each even offset of the first bytes and of each table. */
static size_t run_changes(img_image *image)
{
    static const uint16_t values[] = {0x0000, 0x0001, 0x7FFF, 0xFFFF, 0xFFFE};
    size_t count = 0;
    for (size_t at = 0; at + 2 <= image->size; at += 2) {
        uint8_t saved[2] = {image->bytes[at], image->bytes[at + 1]};
        if (at >= 0x240 && saved[0] == 0 && saved[1] == 0)
            continue;
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++, count++) {
            img_set_u16(image, at, values[i]);
            run(image->bytes, image->size);
        }
        memcpy(image->bytes + at, saved, 2);
    }
    return count;
}

static size_t run_cuts(const img_image *image)
{
    size_t step = 61, count = 0;
    for (size_t size = 0; size < image->size; size += step, count++)
        run(image->bytes, size);
    return count;
}

/* One to CHANGES_MAX changes, one on top of the other. */
static void run_mutation(const uint8_t *data, size_t size, uint32_t seed)
{
    size_t capacity = size + GROWTH;
    uint8_t *copy = malloc(capacity);
    REQUIRE(copy != NULL && size > 0);
    memcpy(copy, data, size);
    for (uint32_t i = 0; i <= seed % CHANGES_MAX; i++)
        size = fuzz_mutate(copy, size, capacity, seed * CHANGES_MAX + i, fuzz_focus);
    run(copy, size);
    free(copy);
}

/* ---- Seeds: images, or scripts ---- */

static void fill_script(uint32_t seed, uint8_t *ret_bytes)
{
    uint64_t state = (seed + 1) * UINT64_C(0x9E3779B97F4A7C15);
    for (size_t i = 0; i < SCRIPT_SIZE; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ret_bytes[i] = (uint8_t)(state >> 32);
    }
}

static void run_scripts(uint32_t count)
{
    for (uint32_t seed = 0; seed < count; seed++) {
        uint8_t script[SCRIPT_SIZE];
        fill_script(seed, script);
        run(script, sizeof script);
    }
}

/* Seed `index`, to be released with img_free. */
static img_image make_seed(size_t index)
{
    if (fuzz_focus != 0)
        return seed_make(index);
    img_image script = {.bytes = malloc(SCRIPT_SIZE), .size = SCRIPT_SIZE};
    REQUIRE(script.bytes != NULL);
    fill_script((uint32_t)index, script.bytes);
    return script;
}

static void run_mutations_of_seeds(uint32_t count)
{
    if (fuzz_focus == 0) {
        run_scripts(count);
        return;
    }
    for (uint32_t i = 0; i < SEED_COUNT; i++) {
        img_image image = seed_make(i);
        for (uint32_t seed = i; seed < count; seed += SEED_COUNT)
            run_mutation(image.bytes, image.size, seed);
        img_free(&image);
    }
}

static int run_seeds(void)
{
    size_t count = fuzz_focus != 0 ? SOME_MUTATIONS : SOME_SCRIPTS;
    for (size_t i = 0; i < SEED_COUNT && fuzz_focus != 0; i++) {
        img_image image = seed_make(i);
        run(image.bytes, image.size);
        count += 1 + run_cuts(&image) + run_changes(&image);
        img_free(&image);
    }
    run_mutations_of_seeds(fuzz_focus != 0 ? SOME_MUTATIONS : SOME_SCRIPTS);
    printf("%zu inputs, the slowest took %.1f ms\n", count, slowest);
    return 0;
}

static int write_seeds(const char *folder)
{
    for (size_t i = 0; i < SEED_COUNT; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/seed-%zu", folder, i);
        FILE *file = fopen(path, "wb");
        if (file == NULL) {
            perror(path);
            return 1;
        }
        img_image image = make_seed(i);
        bool is_written = fwrite(image.bytes, 1, image.size, file) == image.size;
        img_free(&image);
        if (fclose(file) != 0 || !is_written) {
            perror(path);
            return 1;
        }
    }
    return 0;
}

/* The bytes of a file, for the caller to free; NULL, said on stderr, if it cannot be read. */
static uint8_t *read_file(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        return NULL;
    }
    long size = ftell(file);
    rewind(file);
    uint8_t *data = malloc(size <= 0 ? 1 : (size_t)size);
    REQUIRE(data != NULL);
    *ret_size = fread(data, 1, size <= 0 ? 0 : (size_t)size, file);
    fclose(file);
    return data;
}

static int run_files(char **paths, int count)
{
    int result = 0;
    for (int i = 0; i < count; i++) {
        size_t size;
        uint8_t *data = read_file(paths[i], &size);
        if (data != NULL)
            run(data, size);
        else
            result = 1;
        free(data);
    }
    return result;
}

static int run_mutations_of_files(uint32_t count, char **paths, uint32_t path_count)
{
    for (uint32_t i = 0; i < path_count; i++) {
        size_t size;
        uint8_t *data = read_file(paths[i], &size);
        if (data == NULL || size == 0)
            return 1;
        for (uint32_t seed = i; seed < count; seed += path_count)
            run_mutation(data, size, seed);
        free(data);
    }
    return 0;
}

static int run_mutations(const char *count, char **paths, int path_count)
{
    uint32_t number = (uint32_t)strtoul(count, NULL, 10);
    int result = 0;
    if (path_count == 0)
        run_mutations_of_seeds(number);
    else
        result = run_mutations_of_files(number, paths, (uint32_t)path_count);
    printf("%u mutations, the slowest took %.1f ms\n", number, slowest);
    return result;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        return write_seeds(argv[2]);
    if (argc >= 3 && strcmp(argv[1], "--mutate") == 0)
        return run_mutations(argv[2], argv + 3, argc - 3);
    if (argc == 1)
        return run_seeds();
    return run_files(argv + 1, argc - 1);
}
