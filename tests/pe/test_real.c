/*
 * Real files, where they are there: zlib1.dll of the MinGW toolchain, and Wine's modules in the
 * folder that the environment variable PELOAD_CORPUS names (at any depth, in a folder libwine).
 * The expected counts were made with other tools (pefile, llvm-readobj).
 */
#include "layouts.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZLIB "/usr/x86_64-w64-mingw32/lib/zlib1.dll"

struct counts {
    uint64_t files, sections, imports, slots, used_slots, names, relocs, resources;
};

static void count_imports(const pe_image *image, struct counts *counts)
{
    pe_import_iter dlls;
    pe_import_dll dll;
    pe_thunk_iter thunks;
    pe_import import;
    pe_imports(image, &dlls);
    while (pe_import_next(&dlls, &dll) == PE_OK) {
        pe_thunks(image, &dll, &thunks);
        while (pe_thunk_next(&thunks, &import) == PE_OK)
            counts->imports++;
        cr_assert_eq(thunks.status, PE_END);
    }
    cr_assert_eq(dlls.status, PE_END);
}

static void count_exports(const pe_image *image, struct counts *counts)
{
    pe_exports exports;
    pe_export item, found;
    pe_status status = pe_exports_open(image, &exports);
    if (status == PE_NOT_PRESENT)
        return;
    cr_assert_eq(status, PE_OK);
    counts->slots += exports.slot_count;
    for (uint32_t i = 0; i < exports.slot_count; i++)
        counts->used_slots +=
            pe_export_by_ordinal(image, &exports, exports.ordinal_base + i, &item) == PE_OK;
    for (uint32_t i = 0; i < exports.name_count; i++) {
        cr_assert_eq(pe_export_name_at(image, &exports, i, &item), PE_OK);
        cr_assert_eq(pe_export_by_name(image, &exports, item.name, UINT32_MAX, &found), PE_OK);
        cr_assert_eq(found.ordinal, item.ordinal);
        counts->names++;
    }
}

static void count_relocs(const pe_image *image, struct counts *counts)
{
    pe_reloc_iter iter;
    pe_reloc_block block;
    pe_relocs(image, &iter);
    while (pe_reloc_next(&iter, &block) == PE_OK)
        counts->relocs += block.count;
    cr_assert_eq(iter.status, PE_END);
}

static void count_resources(const pe_image *image, struct counts *counts)
{
    pe_resource_walk walk;
    pe_resource_item item;
    pe_resource_walk_start(image, &walk);
    while (pe_resource_walk_next(&walk, &item) == PE_OK) {
        cr_assert_eq(item.leaf.status, PE_OK);
        cr_assert_eq(item.depth, 3);
        counts->resources++;
    }
    cr_assert(walk.status == PE_END || walk.status == PE_NOT_PRESENT);
}

static void count_image(const pe_image *image, struct counts *counts)
{
    counts->files++;
    counts->sections += image->file.section_count;
    count_imports(image, counts);
    count_exports(image, counts);
    count_relocs(image, counts);
    count_resources(image, counts);
}

/* The file's bytes, to be unmapped; no bytes if it cannot be read or is empty. */
static pe_span map_file(const char *path)
{
    struct stat facts;
    pe_span bytes = {0};
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return bytes;
    if (fstat(file, &facts) == 0 && facts.st_size > 0) {
        void *data = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (data != MAP_FAILED)
            bytes = (pe_span){data, (uint64_t)facts.st_size};
    }
    close(file);
    return bytes;
}

static void unmap_file(pe_span bytes)
{
    munmap((void *)(uintptr_t)bytes.data, bytes.size);
}

/* Every profile accepts a real DLL. */
static void count_file(const char *path, struct counts *counts)
{
    pe_image image;
    pe_diag diag;
    pe_span bytes = map_file(path);
    cr_assert_not_null(bytes.data, "%s", path);
    cr_assert_eq(pe_open(bytes, PE_LAYOUT_FILE, &image, NULL), PE_OK, "%s", path);
    for (unsigned profile = PE_WIN10; profile <= PE_WINXP; profile *= 2)
        cr_assert_eq(pe_accept(bytes, bytes.size, profile, &diag), PE_OK, "%s: %s", path,
                     diag.rule);
    count_image(&image, counts);
    unmap_file(bytes);
}

static void expect_zlib(const struct counts *counts)
{
    cr_expect_eq(counts->sections, 12);
    cr_expect_eq(counts->imports, 44);
    cr_expect_eq(counts->slots, 89);
    cr_expect_eq(counts->used_slots, 89);
    cr_expect_eq(counts->names, 89);
    cr_expect_eq(counts->relocs, 64);
    cr_expect_eq(counts->resources, 1);
}

Test(real, zlib_has_the_tables_that_other_tools_see)
{
    struct counts counts = {0};
    if (access(ZLIB, R_OK) != 0)
        cr_skip_test("%s is not installed (package libz-mingw-w64)", ZLIB);
    count_file(ZLIB, &counts);
    expect_zlib(&counts);
}

Test(real, zlib_in_memory_has_the_same_tables)
{
    struct counts counts = {0};
    pe_image image;
    if (access(ZLIB, R_OK) != 0)
        cr_skip_test("%s is not installed (package libz-mingw-w64)", ZLIB);
    pe_span bytes = map_file(ZLIB);
    cr_assert_eq(pe_open(bytes, PE_LAYOUT_FILE, &image, NULL), PE_OK);
    pe_span memory = img_map(&image);
    pe_image mapped = pe_image_mapped(&image, memory);
    count_image(&mapped, &counts);
    expect_zlib(&counts);
    free((void *)(uintptr_t)memory.data);
    unmap_file(bytes);
}

/* nftw has no argument for its callback. */
static struct counts libwine;

static int count_libwine(const char *path, const struct stat *facts, int type, struct FTW *place)
{
    (void)facts;
    (void)place;
    if (type == FTW_F && strstr(path, "/libwine/") != NULL)
        count_file(path, &libwine);
    return 0;
}

Test(real, libwine_has_the_tables_that_other_tools_see)
{
    const char *corpus = getenv("PELOAD_CORPUS");
    if (corpus != NULL)
        nftw(corpus, count_libwine, 16, FTW_PHYS);
    if (libwine.files == 0)
        cr_skip_test("no folder libwine below PELOAD_CORPUS");
    cr_expect_eq(libwine.files, 693);
    cr_expect_eq(libwine.sections, 12083);
    cr_expect_eq(libwine.imports, 41432);
    cr_expect_eq(libwine.slots, 89997);
    cr_expect_eq(libwine.used_slots, 83637);
    cr_expect_eq(libwine.names, 82417);
    cr_expect_eq(libwine.relocs, 169544);
    cr_expect_eq(libwine.resources, 23955);
}
