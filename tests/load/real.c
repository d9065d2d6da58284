#include "real.h"
#include "support/traced.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *existing_file(const char *folder, const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "build/corpus", name);
    if (access(path, R_OK) != 0) {
        fprintf(stderr, "SKIPPED: %s is missing (tests/run makes or fetches it)\n", path);
        cr_skip_test("%s is missing", path);
    }
    return path;
}

const char *guest_file(const char *name)
{
    return existing_file(PELOAD_GUESTS, name);
}

const char *corpus_file(const char *name)
{
    return existing_file(getenv("PELOAD_CORPUS"), name);
}

ldr_context *real_context(void)
{
    ldr_context *ctx;
    cr_assert_eq(ldr_context_create(traced_options(), &ctx), LDR_OK);
    return ctx;
}

ldr_module *real_load(ldr_context *ctx, const char *path)
{
    ldr_diag diag;
    char text[512];
    ldr_module *module;
    ldr_status status = ldr_load(ctx, path, NULL, &module, &diag);
    cr_assert_eq(status, LDR_OK, "%s", ldr_diag_text(&diag, text, sizeof text));
    return module;
}

void occupy_base_of(const char *path)
{
    ldr_section *section;
    cr_assert_eq(ldr_section_from_file(path, NULL, &section, NULL), LDR_OK);
    uint64_t base = ldr_section_image(section)->optional.image_base;
    ldr_section_close(section);
    mmap((void *)(uintptr_t)base, 4096, PROT_NONE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
}

const char *read_mappings(char text[MAPPINGS_SIZE])
{
    int file = open("/proc/self/maps", O_RDONLY);
    size_t size = 0;
    ssize_t got;
    cr_assert_geq(file, 0);
    while ((got = read(file, text + size, MAPPINGS_SIZE - 1 - size)) > 0)
        size += (size_t)got;
    text[size] = '\0';
    close(file);
    return text;
}

size_t count_mappings(void)
{
    static char text[MAPPINGS_SIZE];
    size_t count = 0;
    for (const char *at = read_mappings(text); (at = strchr(at, '\n')) != NULL; at++)
        count++;
    return count;
}

size_t heap_bytes(void)
{
    return mallinfo2().uordblks;
}
