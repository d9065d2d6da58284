/* Real images: mapped and relocated, they are what their files say, byte by byte. */
#include "section/fixture.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Far from every preferred base, and free in every build. */
#define BASE UINT64_C(0x40000000)

static const char *corpus(void)
{
    const char *folder = getenv("PELOAD_CORPUS");
    return folder != NULL ? folder : PELOAD_SOURCE_DIR "/build/corpus";
}

static pe_span read_file(const char *path)
{
    struct stat info;
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return (pe_span){0};
    cr_assert_eq(fstat(fileno(file), &info), 0);
    uint8_t *bytes = malloc((size_t)info.st_size);
    cr_assert_eq(fread(bytes, 1, (size_t)info.st_size, file), (size_t)info.st_size);
    fclose(file);
    return (pe_span){bytes, (uint64_t)info.st_size};
}

static uint32_t u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void add(uint8_t *at, uint64_t delta, unsigned width)
{
    uint64_t value = 0;
    memcpy(&value, at, width);
    value += delta;
    memcpy(at, &value, width);
}

/* As the specification tells it, without a bounds check: the images are good ones. */
static void relocate_by_hand(uint8_t *bytes, const pe_image *image, uint64_t delta)
{
    pe_directory directory = pe_directory_at(image, PE_DIRECTORY_BASE_RELOCATION);
    uint32_t at = directory.rva.value;
    while (at < directory.rva.value + directory.size) {
        uint32_t page = u32(bytes + at);
        uint32_t size = u32(bytes + at + 4);
        for (uint32_t i = 8; i < size; i += 2) {
            unsigned entry = bytes[at + i] | (unsigned)bytes[at + i + 1] << 8;
            if (entry >> 12 == PE_REL_DIR64)
                add(bytes + page + (entry & 0xFFF), delta, 8);
            else if (entry >> 12 == PE_REL_HIGHLOW)
                add(bytes + page + (entry & 0xFFF), delta, 4);
        }
        at += size;
    }
}

static void expect_as_file(const char *path, pe_span file, ldr_source source)
{
    pe_image image;
    ldr_diag diag;
    ldr_section *section;
    char text[512];
    ldr_section_options options = {.size = sizeof options, .source = source};
    cr_assert_eq(pe_open(file, PE_LAYOUT_FILE, &image, NULL), PE_OK);
    pe_span expected = img_map(&image);
    cr_assert_eq(ldr_section_from_file(path, &options, &section, &diag), LDR_OK, "%s",
                 ldr_diag_text(&diag, text, sizeof text));
    ldr_view *view = fixture_view(section, BASE);
    fixture_expect_bytes(view, expected);
    relocate_by_hand((uint8_t *)expected.data, &image, BASE - image.optional.image_base);
    cr_assert_eq(ldr_view_relocate(view, &diag), LDR_OK, "%s",
                 ldr_diag_text(&diag, text, sizeof text));
    fixture_expect_bytes(view, expected);
    fixture_expect_access(view);
    ldr_view_unmap(view);
    free((void *)expected.data);
}

/* False if there is no such file. */
static bool check(const char *path, ldr_source source)
{
    pe_span file = read_file(path);
    if (file.data == NULL)
        return false;
    expect_as_file(path, file, source);
    free((void *)file.data);
    return true;
}

static void check_zlib(const char *machine)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/deb/libz-mingw-w64/usr/%s-w64-mingw32/lib/zlib1.dll", corpus(),
             machine);
    if (!check(path, LDR_SOURCE_FILE_BACKED) || !check(path, LDR_SOURCE_SNAPSHOT))
        cr_skip_test("%s is missing: tests/run fetches it", path);
}

Test(real, zlib_is_mapped_and_relocated)
{
    check_zlib("x86_64");
}

Test(real, zlib_for_i386_is_mapped_and_relocated)
{
    check_zlib("i686");
}

/* Page-aligned modules of every shape: drivers, programs, DLLs without code. */
Test(real, modules_of_wine_are_mapped_and_relocated, .timeout = 200)
{
    char folder[4096];
    snprintf(folder, sizeof folder, "%s/deb/libwine/usr/lib/x86_64-linux-gnu/wine/x86_64-windows",
             corpus());
    DIR *entries = opendir(folder);
    if (entries == NULL)
        cr_skip_test("%s is missing: tests/run --corpus fetches it", folder);
    int count = 0;
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        char path[8192];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        const char *dot = strrchr(entry->d_name, '.');
        if (dot == NULL || (strcmp(dot, ".dll") != 0 && strcmp(dot, ".drv") != 0))
            continue;
        cr_assert(check(path, count++ % 4 == 0 ? LDR_SOURCE_SNAPSHOT : LDR_SOURCE_FILE_BACKED));
    }
    closedir(entries);
    cr_assert_gt(count, 400);
}
