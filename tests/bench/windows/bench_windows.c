/*
 * bench_windows: what it costs to load a DLL on Windows, or under Wine, by this library, by the
 * system's loader, and by a plain loader that copies.
 *
 *     bench_windows.exe DLL...
 *
 * Microseconds for loading and unloading, the file in the cache, what it imports loaded before: by
 * LoadLibrary; by ldr_load; by ldr_load_memory; by the copying loader. Each round measures all of
 * them one after the other, and the next round begins with the next of them; medians are printed,
 * and as ratios the medians of the rounds' ratios to LoadLibrary's time and to the copying
 * loader's.
 */
#include "../timing.h"
#include "copying_loader.h"

#include <peload/loader.h>
#include <stdio.h>
#include <stdlib.h>

enum { LOAD_LIBRARY, OURS, OURS_MEMORY, COPYING, CONTENDERS };
enum { ROUNDS = 201 };

typedef struct image {
    const char *path;
    wchar_t wide[MAX_PATH];
    void *bytes;
    size_t size;
} image;

_Noreturn static void stop(const char *path, const ldr_diag *diag)
{
    char text[512];
    fprintf(stderr, "%s: %s\n", path,
            diag != NULL ? ldr_diag_text(diag, text, sizeof text) : "cannot be loaded");
    exit(1);
}

static void run_ours(ldr_context *ctx, const image *dll, bool from_memory)
{
    ldr_diag diag;
    ldr_module *module;
    ldr_status status =
        from_memory ? ldr_load_memory(ctx, "bench.dll", dll->bytes, dll->size, NULL, &module, &diag)
                    : ldr_load(ctx, dll->path, NULL, &module, &diag);
    if (status != LDR_OK)
        stop(dll->path, &diag);
    ldr_unload(module);
}

static void run_library(const image *dll)
{
    HMODULE module = LoadLibraryW(dll->wide);
    if (module == NULL)
        stop(dll->path, NULL);
    FreeLibrary(module);
}

static void run_copying(const image *dll)
{
    BYTE *base = bench_copying_load(dll->wide);
    if (base == NULL)
        stop(dll->path, NULL);
    bench_copying_unload(base);
}

static double time_one(int contender, ldr_context *ctx, const image *dll)
{
    double start = bench_now();
    if (contender == LOAD_LIBRARY)
        run_library(dll);
    else if (contender == COPYING)
        run_copying(dll);
    else
        run_ours(ctx, dll, contender == OURS_MEMORY);
    return bench_now() - start;
}

static void measure(ldr_context *ctx, const image *dll)
{
    static double times[CONTENDERS][ROUNDS], to_library[CONTENDERS][ROUNDS],
        to_copying[CONTENDERS][ROUNDS];
    for (int i = 0; i < CONTENDERS; i++)
        time_one(i, ctx, dll);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CONTENDERS; i++) {
            int contender = (round + i) % CONTENDERS;
            times[contender][round] = time_one(contender, ctx, dll);
        }
        for (int i = 0; i < CONTENDERS; i++) {
            to_library[i][round] = times[i][round] / times[LOAD_LIBRARY][round];
            to_copying[i][round] = times[i][round] / times[COPYING][round];
        }
    }
    static const char *const names[] = {"LoadLibrary", "ldr_load", "ldr_load_memory", "copying"};
    for (int i = 0; i < CONTENDERS; i++)
        printf("  %-16s %10.1f us %8.2fx LoadLibrary %8.2fx copying\n", names[i],
               bench_median(times[i], ROUNDS), bench_median(to_library[i], ROUNDS),
               bench_median(to_copying[i], ROUNDS));
}

static void read_image(const char *path, image *ret_image)
{
    *ret_image = (image){.path = path};
    MultiByteToWideChar(CP_ACP, 0, path, -1, ret_image->wide, MAX_PATH);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        stop(path, NULL);
    fseek(file, 0, SEEK_END);
    ret_image->size = (size_t)ftell(file);
    rewind(file);
    ret_image->bytes = malloc(ret_image->size);
    if (ret_image->bytes == NULL ||
        fread(ret_image->bytes, 1, ret_image->size, file) != ret_image->size)
        stop(path, NULL);
    fclose(file);
}

/* What a DLL needs is looked for in the current folder, as LoadLibrary does: one that comes from
 * memory has none of its own. */
static ldr_context *make_context(void)
{
    static const char *const folders[] = {"."};
    const ldr_context_options options = {
        .size = sizeof options, .search_folders = folders, .search_folder_count = 1};
    ldr_context *ctx;
    if (ldr_context_create(&options, &ctx) != LDR_OK)
        stop("context", NULL);
    return ctx;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench_windows DLL...\n");
        return 2;
    }
    ldr_context *ctx = make_context();
    for (int i = 1; i < argc; i++) {
        image dll;
        read_image(argv[i], &dll);
        printf("%s, %zu bytes\n", argv[i], dll.size);
        measure(ctx, &dll);
        free(dll.bytes);
    }
    ldr_context_destroy(ctx);
    return 0;
}
