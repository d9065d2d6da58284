/* Real images that are filled on demand: every byte is that of the eager way. */
#include "section/demand.h"
#include "support/sanitizer.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* How many images there were, and of those that are not at their preferred base how many had their
 * relocations applied on demand, and how many not. */
static struct {
    unsigned images, on_demand, at_once;
} tally;

/* A view at `base`, or at the preferred one for 0; NULL if it cannot be had there, or relocated. */
static ldr_view *view_at(const char *path, ldr_fill fill, uint64_t base)
{
    ldr_section_options options = {
        .size = sizeof options, .fill = fill, .platform = PE_PLATFORM_ANY};
    ldr_view_options where = {.size = sizeof where, .base = base};
    ldr_section *section;
    ldr_view *view = NULL;
    if (ldr_section_from_file(path, &options, &section, NULL) != LDR_OK)
        return NULL;
    if (where.base == 0)
        where.base = ldr_section_image(section)->optional.image_base;
    if (where.base != 0 && ldr_view_map(section, &where, &view, NULL) == LDR_OK &&
        ldr_view_relocate(view, NULL) != LDR_OK) {
        ldr_view_unmap(view);
        view = NULL;
    }
    ldr_section_close(section);
    return view;
}

/* The bytes that can be read, zeros elsewhere; and what of them is relocated on demand. */
static uint8_t *take_bytes(const ldr_view *view, uint64_t *ret_relocated)
{
    uint8_t *bytes = calloc(1, ldr_view_size(view));
    *ret_relocated = 0;
    for (uint64_t rva = 0; rva < ldr_view_size(view);) {
        ldr_region region;
        cr_assert_eq(ldr_view_query(view, rva, &region), LDR_OK);
        if (region.protect > LDR_PAGE_NOACCESS)
            memcpy(bytes + rva, (uint8_t *)ldr_view_base(view) + rva, region.size);
        *ret_relocated += region.backing == LDR_BACKING_RELOCATED ? region.size : 0;
        rva += region.size;
    }
    return bytes;
}

/* One view after the other, so that both can have the same base. False if it cannot be had. */
static bool compare(const char *path, uint64_t base)
{
    uint64_t relocated;
    ldr_view *view = view_at(path, LDR_FILL_EAGER, base);
    if (view == NULL)
        return false;
    size_t size = ldr_view_size(view);
    uint8_t *expected = take_bytes(view, &relocated);
    ldr_view_unmap(view);
    view = view_at(path, LDR_FILL_ON_DEMAND, base);
    cr_assert_not_null(view, "%s", path);
    bool is_demanded = ldr_section_fill(ldr_view_section(view)) == LDR_FILL_ON_DEMAND;
    bool is_moved = ldr_section_image(ldr_view_section(view))->optional.image_base !=
                    (uintptr_t)ldr_view_base(view);
    uint8_t *bytes = take_bytes(view, &relocated);
    cr_assert_eq(memcmp(bytes, expected, size), 0, "%s", path);
    if (is_demanded && is_moved && pe_has_relocs(ldr_view_image(view)))
        *(relocated > 0 ? &tally.on_demand : &tally.at_once) += 1;
    ldr_view_unmap(view);
    free(bytes);
    free(expected);
    return true;
}

static bool is_sector_aligned(const char *path)
{
    ldr_section_options options = {.size = sizeof options, .platform = PE_PLATFORM_ANY};
    ldr_section *section;
    if (ldr_section_from_file(path, &options, &section, NULL) != LDR_OK)
        return false;
    bool is_sector = ldr_section_image(section)->optional.file_alignment < 0x1000;
    ldr_section_close(section);
    return is_sector;
}

static void check_file(const char *path)
{
    if (!is_sector_aligned(path))
        return;
    tally.images++;
    compare(path, 0);
    compare(path, DEMAND_BASE);
}

static void check_folder(const char *path)
{
    char name[4096];
    struct stat info;
    DIR *folder = opendir(path);
    if (folder == NULL)
        return;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] == '.' ||
            snprintf(name, sizeof name, "%s/%s", path, entry->d_name) >= (int)sizeof name ||
            lstat(name, &info) != 0)
            continue;
        if (S_ISDIR(info.st_mode))
            check_folder(name);
        else if (S_ISREG(info.st_mode))
            check_file(name);
    }
    closedir(folder);
}

/* Under AddressSanitizer the preferred bases of 64-bit images cannot be had. */
Test(demand_real, images_that_are_aligned_to_sectors_show_their_bytes, .timeout = 900)
{
    const char *corpus = getenv("PELOAD_CORPUS");
    demand_case c = demand_case_make(); /* or skip */
    demand_case_release(&c);
    check_folder(corpus != NULL ? corpus : PELOAD_SOURCE_DIR "/build/corpus");
    if (tally.images == 0)
        cr_skip_test("there is no corpus: tests/run --corpus fetches it");
    fprintf(stderr, "%u images; relocated on demand %u, at once %u\n", tally.images,
            tally.on_demand, tally.at_once);
    cr_expect_gt(tally.on_demand, 10 * tally.at_once);
}
