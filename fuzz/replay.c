/*
 * Runs a fuzz target without libFuzzer.
 *
 *   replay_pe                 the seeds and small changes to each of them
 *   replay_pe FILE...         these inputs
 *   replay_pe --write DIR     writes the seeds to DIR, for libFuzzer to start from
 */
#include "seeds.h"
#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An input in a block of its own size, so that reads beyond it are seen. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    REQUIRE(copy != NULL);
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
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

static int run_seeds(void)
{
    size_t count = 0;
    for (size_t i = 0; i < SEED_COUNT; i++) {
        img_image image = seed_make(i);
        run(image.bytes, image.size);
        count += 1 + run_cuts(&image) + run_changes(&image);
        img_free(&image);
    }
    printf("%zu inputs\n", count);
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
        img_image image = seed_make(i);
        bool is_written = fwrite(image.bytes, 1, image.size, file) == image.size;
        img_free(&image);
        if (fclose(file) != 0 || !is_written) {
            perror(path);
            return 1;
        }
    }
    return 0;
}

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        return 1;
    }
    long size = ftell(file);
    rewind(file);
    uint8_t *data = malloc(size <= 0 ? 1 : (size_t)size);
    REQUIRE(data != NULL);
    size_t count = fread(data, 1, size <= 0 ? 0 : (size_t)size, file);
    fclose(file);
    run(data, count);
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        return write_seeds(argv[2]);
    if (argc == 1)
        return run_seeds();
    int result = 0;
    for (int i = 1; i < argc; i++)
        result |= run_file(argv[i]);
    return result;
}
