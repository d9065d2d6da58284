/*
 * load_bundle: how does a program load DLLs that need each other from memory, without files?
 *
 *   load_bundle dependent.dll dependency.dll...
 *
 * Loads the first, which exports dependent_answer; what it needs comes from the others. (They are
 * read from files here; a program would have them inside itself, or in an archive.)
 */
#include <peload/loader.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 16 };

typedef struct file {
    const char *name; /* without its folders */
    void *bytes;
    size_t size;
} file;

typedef struct bundle {
    file files[FILES_MAX];
    size_t count;
} bundle;

static const char *name_of(const char *path)
{
    const char *name = path;
    for (; *path != '\0'; path++)
        if (*path == '/' || *path == '\\')
            name = path + 1;
    return name;
}

static bool read_file(const char *path, file *ret_file)
{
    FILE *stream = fopen(path, "rb");
    if (stream == NULL)
        return false;
    *ret_file = (file){.name = name_of(path)};
    if (fseek(stream, 0, SEEK_END) == 0 && ftell(stream) > 0) {
        ret_file->size = (size_t)ftell(stream);
        ret_file->bytes = malloc(ret_file->size);
        rewind(stream);
    }
    bool is_read = ret_file->bytes != NULL &&
                   fread(ret_file->bytes, 1, ret_file->size, stream) == ret_file->size;
    fclose(stream);
    return is_read;
}

static int lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* DLLs are known by their names in any case. */
static bool is_same(const char *a, const char *b)
{
    while (*a != '\0' && lower(*a) == lower(*b))
        a++, b++;
    return *a == *b;
}

/* The context asks here for each DLL that is neither the host's nor loaded. */
static bool provide(void *user, const char *name, ldr_bundle_file *ret_file)
{
    const bundle *all = user;
    for (size_t i = 0; i < all->count; i++) {
        if (is_same(all->files[i].name, name)) {
            printf("asked for %s\n", name);
            *ret_file = (ldr_bundle_file){.bytes = all->files[i].bytes, .size = all->files[i].size};
            return true;
        }
    }
    return false;
}

static int load_first(bundle *all)
{
    const ldr_context_options options = {
        .size = sizeof options, .bundle = provide, .bundle_user = all};
    const file *first = &all->files[0];
    ldr_context *ctx;
    ldr_module *module;
    ldr_diag diag;
    char text[512];
    int result = 1;

    if (ldr_context_create(&options, &ctx) != LDR_OK)
        return 1;
    if (ldr_load_memory(ctx, first->name, first->bytes, first->size, NULL, &module, &diag) ==
        LDR_OK) {
        int(LDR_WINAPI * answer)(void) = ldr_symbol(module, "dependent_answer");
        printf("the answer is %d\n", answer != NULL ? answer() : -1);
        result = 0;
    } else {
        fprintf(stderr, "%s\n", ldr_diag_text(&diag, text, sizeof text));
    }
    ldr_context_destroy(ctx);
    return result;
}

int main(int argc, char **argv)
{
    bundle all = {0};
    int result = argc < 2 || argc > FILES_MAX ? 2 : 0;
    for (int i = 1; i < argc && result == 0; i++) {
        if (read_file(argv[i], &all.files[all.count]))
            all.count++;
        else
            result = 1;
    }
    if (result == 0)
        result = load_first(&all);
    for (size_t i = 0; i < all.count; i++)
        free(all.files[i].bytes);
    return result;
}
