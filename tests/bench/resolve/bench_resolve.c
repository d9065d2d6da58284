/*
 * bench_resolve: what finding, binding and asking for functions costs.
 *
 *   bench_resolve WINE_FOLDER [DLL]
 *
 * Maps, relocates and binds DLL (default: shell32.dll) of Wine's x86_64-windows folder with all
 * that it needs, and runs nothing; beside it the bare system calls that map the same files. Then
 * the imports per second of one DLL with many imports, and the time of one ldr_symbol in a DLL with
 * 10,000 exports. What Wine takes is told by wine_times.py.
 */
#include "../load/floors.h"
#include "../timing.h"
#include "support/image_builder.h"

#include "modules/module.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROUNDS = 51, MODULES_MAX = 512, EXPORTS = 10000, PATH = 4096 };

_Noreturn static void stop(const ldr_diag *diag)
{
    char text[512];
    fprintf(stderr, "%s\n", ldr_diag_text(diag, text, sizeof text));
    exit(1);
}

static ldr_context *make_context(const char *folder)
{
    ldr_context *ctx;
    ldr_context_options options = {
        .size = sizeof options, .search_folders = &folder, .search_folder_count = 1};
    if (ldr_context_create(&options, &ctx) != LDR_OK)
        exit(1);
    return ctx;
}

static ldr_module *load(ldr_context *ctx, const char *path)
{
    ldr_diag diag;
    ldr_module *module;
    ldr_load_options options = {.size = sizeof options, .no_initialise = true};
    if (ldr_load(ctx, path, &options, &module, &diag) != LDR_OK)
        stop(&diag);
    return module;
}

/* ---- A whole graph ---- */

static bench_layout *layouts[MODULES_MAX];
static size_t layout_count;
static bool relocated[MODULES_MAX];

static size_t count_imports(const pe_image *image)
{
    pe_import_iter dlls;
    pe_import_dll dll;
    pe_thunk_iter thunks;
    pe_import import;
    size_t count = 0;
    pe_imports(image, &dlls);
    while (pe_import_next(&dlls, &dll) == PE_OK) {
        pe_thunks(image, &dll, &thunks);
        while (pe_thunk_next(&thunks, &import) == PE_OK)
            count++;
    }
    return count;
}

/* Remembers the files of the graph for the floor; returns the number of imports. */
static size_t note_graph(const ldr_context *ctx)
{
    size_t imports = 0;
    for (const ldr_module *m = ctx->first; m && layout_count < MODULES_MAX; m = m->next) {
        bench_layout *layout = malloc(sizeof *layout);
        if (layout == NULL || !bench_layout_read(strdup(m->path), layout))
            exit(1);
        relocated[layout_count] = (uintptr_t)ldr_module_base(m) != layout->preferred_base;
        layouts[layout_count++] = layout;
        imports += count_imports(ldr_view_image(m->view));
    }
    return imports;
}

static void map_graph(bool copies)
{
    for (size_t i = 0; i < layout_count; i++)
        bench_system_calls(layouts[i], 0, copies && relocated[i]);
}

static size_t count_relocated(void)
{
    size_t count = 0;
    for (size_t i = 0; i < layout_count; i++)
        count += relocated[i];
    return count;
}

/* Without what it takes to make and to end a context. */
static double time_load(const char *folder, const char *path)
{
    ldr_context *ctx = make_context(folder);
    double start = bench_now();
    load(ctx, path);
    double time = bench_now() - start;
    ldr_context_destroy(ctx);
    return time;
}

static double time_floor(bool copies)
{
    double start = bench_now();
    map_graph(copies);
    return bench_now() - start;
}

static void bench_graph(const char *folder, const char *dll)
{
    static double ours[ROUNDS], calls[ROUNDS], copies[ROUNDS];
    char path[PATH];
    snprintf(path, sizeof path, "%s/%s", folder, dll);
    ldr_context *ctx = make_context(folder);
    load(ctx, path);
    size_t imports = note_graph(ctx);
    ldr_context_destroy(ctx);
    for (int i = 0; i < ROUNDS; i++) {
        ours[i] = time_load(folder, path);
        calls[i] = time_floor(false);
        copies[i] = time_floor(true);
    }
    double median = bench_median(ours, ROUNDS), bare = bench_median(calls, ROUNDS);
    double copied = bench_median(copies, ROUNDS);
    printf("%s: %zu modules (%zu not at their base), %zu imports\n", dll, layout_count,
           count_relocated(), imports);
    printf("  map, relocate and bind  %9.1f us, %.1f at best\n", median, ours[0]);
    printf("  the bare system calls   %9.1f us, %.1f times\n", bare, median / bare);
    printf("  and copies of the pages %9.1f us, %.1f times\n", copied, median / copied);
}

/* ---- Many exports, many imports ---- */

static char names[EXPORTS][32];

static void write_image(const char *folder, const char *name, img_builder *builder)
{
    char path[PATH];
    img_image image = img_finish(builder);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(image.bytes, image.size, 1, file) != 1 || fclose(file) != 0)
        exit(1);
    img_free(&image);
}

static void write_images(const char *folder)
{
    img_builder many, user;
    img_start(&many, IMG_PE32_PLUS);
    img_start(&user, IMG_PE32_PLUS);
    many.characteristics |= PE_FILE_DLL;
    user.characteristics |= PE_FILE_DLL;
    uint32_t text = img_add_section(&many, ".text", IMG_RX, NULL, EXPORTS, 0);
    for (uint32_t i = 0; i < EXPORTS; i++) {
        snprintf(names[i], sizeof names[i], "GetSomeFunction%uName", i * 7919 % EXPORTS);
        img_add_export(&many, names[i], (uint16_t)(i + 1), text + i);
        img_add_import(&user, "many.dll", names[i]);
    }
    write_image(folder, "many.dll", &many);
    write_image(folder, "user.dll", &user);
}

static void bench_bind(const char *folder)
{
    static double times[ROUNDS];
    char many[PATH], user[PATH];
    snprintf(many, sizeof many, "%s/many.dll", folder);
    snprintf(user, sizeof user, "%s/user.dll", folder);
    for (int i = 0; i < ROUNDS; i++) {
        ldr_context *ctx = make_context(folder);
        load(ctx, many);
        double start = bench_now();
        load(ctx, user);
        times[i] = bench_now() - start;
        ldr_context_destroy(ctx);
    }
    double median = bench_median(times, ROUNDS);
    printf("%d imports of one DLL, hints of no use: %.0f us with mapping, %.1f million a second\n",
           EXPORTS, median, EXPORTS / median);
}

static void bench_place(ldr_context *ctx, ldr_module *module)
{
    ldr_symbol_place place;
    const uint8_t *text = ldr_symbol(module, names[0]);
    double start = bench_now(), first = 0;
    for (uint32_t i = 0; i < EXPORTS; i++) {
        if (ldr_symbol_at(ctx, text + i * 7919 % EXPORTS / 2, &place) != LDR_OK)
            exit(1);
        if (i == 0)
            first = bench_now() - start;
    }
    printf("ldr_symbol_at: %.0f ns, the first time %.0f us\n",
           (bench_now() - start) / EXPORTS * 1000, first);
}

static void bench_symbol(const char *folder)
{
    static double times[ROUNDS];
    char path[PATH];
    snprintf(path, sizeof path, "%s/many.dll", folder);
    ldr_context *ctx = make_context(folder);
    ldr_module *module = load(ctx, path);
    for (int i = 0; i < ROUNDS; i++) {
        double start = bench_now();
        for (uint32_t j = 0; j < EXPORTS; j++)
            if (ldr_symbol(module, names[j]) == NULL)
                exit(1);
        times[i] = (bench_now() - start) / EXPORTS * 1000;
    }
    double first = times[0];
    printf("ldr_symbol, %d exports: %.0f ns; %.0f in the first round, which makes the index\n",
           EXPORTS, bench_median(times, ROUNDS), first);
    double start = bench_now();
    for (uint32_t j = 1; j <= EXPORTS; j++)
        if (ldr_symbol_ordinal(module, j) == NULL)
            exit(1);
    printf("ldr_symbol_ordinal: %.0f ns\n", (bench_now() - start) / EXPORTS * 1000);
    bench_place(ctx, module);
    ldr_context_destroy(ctx);
}

static void remove_images(const char *folder)
{
    static const char *const files[] = {"many.dll", "user.dll"};
    char path[PATH];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    rmdir(folder);
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/peload-bench-XXXXXX";
    if (argc < 2) {
        fprintf(stderr, "usage: bench_resolve WINE_FOLDER [DLL]\n");
        return 2;
    }
    bench_graph(argv[1], argc > 2 ? argv[2] : "shell32.dll");
    if (mkdtemp(folder) == NULL)
        return 1;
    write_images(folder);
    bench_bind(folder);
    bench_symbol(folder);
    remove_images(folder);
    return 0;
}
