/* Loading on Windows: native/, and what it has the resolver do. */
#include "native.h"

#include <stdlib.h>
#include <windows.h>

#define FOLDER_ROOM 1024

static const char *guest_folder(void)
{
    static char folder[FOLDER_ROOM];
    if (folder[0] == '\0') {
        GetModuleFileNameA(NULL, folder, FOLDER_ROOM - 16);
        strcpy(strrchr(folder, '\\') + 1, "guest");
    }
    return folder;
}

const char *guest_path(const char *name)
{
    static char path[FOLDER_ROOM];
    snprintf(path, sizeof path, "%s\\%s", guest_folder(), name);
    return path;
}

bool has_guest(const char *name)
{
    bool is_there = GetFileAttributesA(guest_path(name)) != INVALID_FILE_ATTRIBUTES;
    if (!is_there)
        printf("left out: %s was not built\n", name);
    return is_there;
}

ldr_context *guest_context(void)
{
    const char *folder = guest_folder();
    const ldr_context_options options = {
        .size = sizeof options, .search_folders = &folder, .search_folder_count = 1};
    ldr_context *ctx = NULL;
    CHECK(ldr_context_create(&options, &ctx) == LDR_OK);
    return ctx;
}

void *read_guest(const char *name, size_t *ret_size)
{
    FILE *file = fopen(guest_path(name), "rb");
    if (file == NULL)
        return NULL;
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    void *bytes = malloc(size);
    rewind(file);
    *ret_size = bytes != NULL ? fread(bytes, 1, size, file) : 0;
    fclose(file);
    return bytes;
}

static ldr_module *told(ldr_status status, ldr_module *module, const ldr_diag *diag)
{
    char text[1024];
    if (status == LDR_OK)
        return module;
    printf("%s\n", ldr_diag_text(diag, text, sizeof text));
    return NULL;
}

ldr_module *load_guest(ldr_context *ctx, const char *name)
{
    ldr_module *module = NULL;
    ldr_diag diag = {0};
    ldr_status status = ldr_load(ctx, guest_path(name), NULL, &module, &diag);
    return told(status, module, &diag);
}

ldr_module *load_guest_from_memory(ldr_context *ctx, const char *name)
{
    ldr_module *module = NULL;
    ldr_diag diag = {0};
    size_t size = 0;
    void *bytes = read_guest(name, &size);
    ldr_status status = ldr_load_memory(ctx, name, bytes, size, NULL, &module, &diag);
    free(bytes);
    return told(status, module, &diag);
}

int check_failures;

int main(int argc, char **argv)
{
    static const check_test *const lists[] = {tests_of_loading, tests_of_threads,
                                              tests_of_exceptions, tests_of_guest_calls,
                                              tests_of_programs};
    const char *only = argc > 1 ? argv[1] : NULL;
    int ran = 0;
    if (only != NULL && (strcmp(only, "leave") == 0 || strcmp(only, "destroy") == 0))
        return run_as_child(only);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        size_t count = 0;
        while (lists[i][count].name != NULL)
            count++;
        ran += check_run(lists[i], count, only);
    }
    printf("%d tests, %d failures\n", ran, check_failures);
    return check_failures != 0 || ran == 0;
}
