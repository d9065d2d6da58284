/*
 * bench_life: what it costs to load and unload when many modules are there.
 *
 *   bench_life [COUNT]
 *
 * COUNT (default 9,000) DLLs that need nothing, from files, one ldr_load each and then one
 * ldr_unload each: the microseconds of one, for the first tenth and the last. Then a ring of COUNT
 * DLLs, each of which needs the next, whose first one's DllMain fails when all others are
 * initialised, so that all are taken back.
 */
#include "support/image_builder.h"

#include <peload/loader.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATH = 64 };

static char folder[] = "/tmp/peload-bench-XXXXXX";

/* Microseconds of this process: what others do does not count. */
static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static const char *path_of(char kind, unsigned number)
{
    static char path[PATH];
    snprintf(path, sizeof path, "%s/%c%u.dll", folder, kind, number);
    return path;
}

static void write_dll(char kind, unsigned number, img_builder *builder)
{
    img_image image = img_finish(builder);
    FILE *file = fopen(path_of(kind, number), "wb");
    if (file == NULL || fwrite(image.bytes, image.size, 1, file) != 1 || fclose(file) != 0)
        exit(1);
    img_free(&image);
}

/* DllMain returns `result`. */
static void start_dll(img_builder *builder, uint8_t result)
{
    const uint8_t code[] = {0xB8, result, 0, 0, 0, 0xC3}; /* mov eax, result; ret */
    img_start(builder, IMG_PE32_PLUS);
    builder->characteristics |= PE_FILE_DLL;
    builder->entry_point = img_add_section(builder, ".text", IMG_RX, code, sizeof code, 0);
    img_add_export(builder, "fn", 1, builder->entry_point);
}

static void write_dlls(unsigned count)
{
    img_builder builder;
    char next[PATH];
    for (unsigned i = 0; i < count; i++) {
        start_dll(&builder, 1);
        write_dll('s', i, &builder);
        start_dll(&builder, i != 0);
        snprintf(next, sizeof next, "r%u.dll", (i + 1) % count);
        img_add_import(&builder, next, "fn");
        write_dll('r', i, &builder);
    }
}

static ldr_context *make_context(void)
{
    const char *folders[] = {folder};
    ldr_context_options options = {
        .size = sizeof options, .search_folders = folders, .search_folder_count = 1};
    ldr_context *ctx;
    if (ldr_context_create(&options, &ctx) != LDR_OK)
        exit(1);
    return ctx;
}

_Noreturn static void stop(const ldr_diag *diag)
{
    char text[512];
    fprintf(stderr, "%s\n", ldr_diag_text(diag, text, sizeof text));
    exit(1);
}

static void tell(const char *what, const double *times, unsigned count)
{
    unsigned tenth = count / 10;
    double first = times[tenth] - times[0], last = times[count] - times[count - tenth];
    printf("%-8s %8.1f us each, %8.1f of the first tenth, %8.1f of the last\n", what,
           (times[count] - times[0]) / count, first / tenth, last / tenth);
}

static void bench_separate(unsigned count)
{
    ldr_context *ctx = make_context();
    ldr_module **modules = malloc(count * sizeof *modules);
    double *times = malloc((count + 1) * sizeof *times);
    ldr_diag diag;
    if (modules == NULL || times == NULL)
        exit(1);
    times[0] = now();
    for (unsigned i = 0; i < count; i++) {
        if (ldr_load(ctx, path_of('s', i), NULL, &modules[i], &diag) != LDR_OK)
            stop(&diag);
        times[i + 1] = now();
    }
    tell("load", times, count);
    times[0] = now();
    for (unsigned i = 0; i < count; i++) {
        ldr_unload(modules[i]);
        times[i + 1] = now();
    }
    tell("unload", times, count);
    ldr_context_destroy(ctx);
    free(modules);
    free(times);
}

static void bench_ring(unsigned count)
{
    ldr_context *ctx = make_context();
    ldr_module *module;
    ldr_diag diag;
    double start = now();
    if (ldr_load(ctx, path_of('r', 0), NULL, &module, &diag) != LDR_INIT_FAILED)
        stop(&diag);
    printf("a ring that fails: %.1f us for each of its DLLs\n", (now() - start) / count);
    ldr_context_destroy(ctx);
}

int main(int argc, char **argv)
{
    unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 9000;
    if (count < 10 || mkdtemp(folder) == NULL)
        return 2;
    write_dlls(count);
    bench_separate(count);
    bench_ring(count);
    for (unsigned i = 0; i < count; i++) {
        unlink(path_of('s', i));
        unlink(path_of('r', i));
    }
    return rmdir(folder) == 0 ? 0 : 1;
}
