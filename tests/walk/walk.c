/*
 * Walks all that the parser tells of real images, with the walkers of the fuzz target.
 *
 *   walk memory FILE...    no allocation, and how much memory
 *   walk layouts FILE...   file and view, mapped by the section layer, tell the same
 *   walk budget FILE...    how much of its budget each uses up, in percent
 *
 * Prints one line of figures. Exit status 1 if an allocation was made, a layout differs, or an
 * image uses up two thirds of its budget. `memory` wants count_malloc preloaded.
 */
#include "fuzz/walk/walk.h"

#include <fcntl.h>
#include <inttypes.h>
#include <peload/section.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of count_malloc.c, if it is preloaded. */
extern uint64_t walk_allocations(void) __attribute__((weak));

static uint64_t digest_all(const pe_image *image)
{
    struct walk walk = {.image = image, .by_type = true};
    walk_all(&walk);
    return walk.digest;
}

typedef struct figures {
    uint64_t images, allocations, differences, left_out, anonymous_kib, percent;
} figures;

/* Maps a file; an empty span if that fails. */
static pe_span map_file(const char *path)
{
    struct stat about;
    pe_span bytes = {0};
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0 && fstat(file, &about) == 0 && about.st_size > 0) {
        void *data = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (data != MAP_FAILED)
            bytes = (pe_span){data, (uint64_t)about.st_size};
    }
    if (file >= 0)
        close(file);
    return bytes;
}

/* Memory of the process that no file backs, in KiB, read without an allocation. */
static uint64_t anonymous_kib(void)
{
    char text[4096] = {0};
    int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t size = read(file, text, sizeof text - 1);
    close(file);
    const char *line = size > 0 ? strstr(text, "RssAnon:") : NULL;
    return line != NULL ? strtoull(line + strlen("RssAnon:"), NULL, 10) : 0;
}

static uint64_t allocations(void)
{
    return walk_allocations != NULL ? walk_allocations() : 0;
}

/* A counter that sees nothing would prove nothing. */
static bool is_counting(void)
{
    uint64_t before = allocations();
    void *volatile block = malloc(1);
    free(block);
    return allocations() > before;
}

static void walk_memory(const char *path, pe_span bytes, figures *totals)
{
    pe_image image;
    (void)path;
    uint64_t before = allocations();
    if (pe_open(bytes, PE_LAYOUT_FILE, &image, NULL) != PE_OK)
        return;
    digest_all(&image);
    walk_file(&image);
    totals->allocations += allocations() - before;
    totals->images++;
    uint64_t now = anonymous_kib();
    totals->anonymous_kib = now > totals->anonymous_kib ? now : totals->anonymous_kib;
}

static void walk_budget(const char *path, pe_span bytes, figures *totals)
{
    pe_image image;
    pe_budget budget = pe_budget_for(bytes.size);
    uint64_t whole = budget.left;
    if (pe_open(bytes, PE_LAYOUT_FILE, &image, NULL) != PE_OK)
        return;
    image.budget = &budget;
    digest_all(&image);
    walk_file(&image);
    totals->images++;
    uint64_t percent = 100 * (whole - budget.left) / whole;
    if (percent > totals->percent)
        printf("%s: %" PRIu64 " percent\n", path, percent);
    totals->percent = percent > totals->percent ? percent : totals->percent;
}

static void compare(const char *path, const pe_image *file, const pe_image *view, figures *totals)
{
    totals->images++;
    if (digest_all(file) == digest_all(view))
        return;
    totals->differences++;
    printf("%s: the view tells something else than the file\n", path);
}

/* Left out: what Windows does not map, and images with pages that nobody may read. */
static void walk_views(const char *path, pe_span bytes, figures *totals)
{
    pe_image image;
    ldr_section *section = NULL;
    ldr_view *view = NULL;
    bool is_mapped = pe_open(bytes, PE_LAYOUT_FILE, &image, NULL) == PE_OK &&
                     is_all_readable(&image) &&
                     ldr_section_from_file(path, NULL, &section, NULL) == LDR_OK &&
                     ldr_view_map(section, NULL, &view, NULL) == LDR_OK;
    if (is_mapped)
        compare(path, &image, ldr_view_image(view), totals);
    else
        totals->left_out++;
    ldr_view_unmap(view);
    ldr_section_close(section);
}

int main(int argc, char **argv)
{
    figures totals = {0};
    if (argc < 2)
        return 2;
    bool of_memory = strcmp(argv[1], "memory") == 0, of_budget = strcmp(argv[1], "budget") == 0;
    if (of_memory && !is_counting())
        return 2;
    void (*walk)(const char *, pe_span, figures *) = of_memory   ? walk_memory
                                                     : of_budget ? walk_budget
                                                                 : walk_views;
    for (int i = 2; i < argc; i++) {
        pe_span bytes = map_file(argv[i]);
        if (bytes.data == NULL)
            continue;
        walk(argv[i], bytes, &totals);
        munmap((void *)(uintptr_t)bytes.data, (size_t)bytes.size);
    }
    printf("%" PRIu64 " images, %" PRIu64 " left out, %" PRIu64 " allocations, %" PRIu64
           " KiB of memory, %" PRIu64 " layouts differ, %" PRIu64 " percent of a budget\n",
           totals.images, totals.left_out, totals.allocations, totals.anonymous_kib,
           totals.differences, totals.percent);
    return totals.allocations != 0 || totals.differences != 0 || totals.percent > 66;
}
