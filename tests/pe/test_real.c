/*
 * Real files, where they are there: zlib1.dll of the MinGW toolchain, and Wine's modules in the
 * folder that the environment variable PELOAD_CORPUS names (at any depth, in a folder libwine).
 * The expected counts were made with other tools (pefile, llvm-readobj; icon groups with wrestool,
 * messages with ntdll's RtlFindMessage under Wine).
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
    uint64_t files, sections, imports, slots, used_slots, names, relocs, delayed, resources;
    uint64_t versions, version_strings, translations, manifests, icons, cursors, strings;
    uint64_t message_blocks, messages, functions, codes;
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

static void count_delay_imports(const pe_image *image, struct counts *counts)
{
    pe_delay_iter dlls;
    pe_delay_dll dll;
    pe_delay_thunk_iter thunks;
    pe_import import;
    pe_delay_imports(image, image->optional.image_base, &dlls);
    while (pe_delay_next(&dlls, &dll) == PE_OK) {
        pe_delay_thunks(&dlls, &dll, &thunks);
        while (pe_delay_thunk_next(&thunks, &import) == PE_OK)
            counts->delayed++;
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

static void count_version(const pe_resource_leaf *leaf, struct counts *counts)
{
    pe_version version;
    pe_version_iter tables, strings, translations;
    pe_version_table table;
    pe_version_string string;
    pe_version_translation translation;
    cr_assert_eq(pe_version_open(leaf, &version), PE_OK);
    counts->versions += version.has_fixed;
    pe_version_tables(&version, &tables);
    while (pe_version_table_next(&tables, &table) == PE_OK) {
        cr_assert(table.has_language);
        pe_version_strings(&version, &table, &strings);
        while (pe_version_string_next(&strings, &string) == PE_OK)
            counts->version_strings++;
        cr_assert_eq(strings.status, PE_END);
    }
    cr_assert_eq(tables.status, PE_END);
    pe_version_translations(&version, &translations);
    while (pe_version_translation_next(&translations, &translation) == PE_OK)
        counts->translations++;
    cr_assert_eq(translations.status, PE_END);
}

static void count_icons(const pe_resource_leaf *leaf, struct counts *counts)
{
    pe_icon_group group;
    pe_icon icon;
    cr_assert_eq(pe_icon_group_open(leaf, &group), PE_OK);
    for (uint32_t i = 0; i < group.count; i++)
        cr_assert_eq(pe_icon_at(&group, i, &icon), PE_OK);
    *(group.is_cursor ? &counts->cursors : &counts->icons) += group.count;
}

/* Those that are not empty. */
static void count_strings(const pe_resource_item *item, struct counts *counts)
{
    pe_string_block_iter iter;
    pe_resource_string string;
    pe_string_block(&item->leaf, &item->path[1], &iter);
    while (pe_string_block_next(&iter, &string) == PE_OK)
        counts->strings += string.text.length != 0;
    cr_assert_eq(iter.status, PE_END);
    cr_assert_eq(iter.index, PE_STRINGS_PER_BLOCK);
}

static void count_messages(const pe_resource_leaf *leaf, struct counts *counts)
{
    pe_message_table table;
    pe_message_block block;
    pe_message_iter iter;
    pe_message message;
    cr_assert_eq(pe_message_table_open(leaf, &table), PE_OK);
    counts->message_blocks += table.block_count;
    for (uint32_t i = 0; i < table.block_count; i++) {
        cr_assert_eq(pe_message_block_at(&table, i, &block), PE_OK);
        pe_messages(&table, &block, &iter);
        while (pe_message_next(&iter, &message) == PE_OK)
            counts->messages++;
        cr_assert_eq(iter.status, PE_END);
    }
}

static void count_leaf(const pe_resource_item *item, struct counts *counts)
{
    pe_manifest manifest;
    switch (item->path[0].is_named ? 0 : item->path[0].number) {
    case PE_RT_VERSION:
        count_version(&item->leaf, counts);
        break;
    case PE_RT_GROUP_ICON:
    case PE_RT_GROUP_CURSOR:
        count_icons(&item->leaf, counts);
        break;
    case PE_RT_STRING:
        count_strings(item, counts);
        break;
    case PE_RT_MESSAGETABLE:
        count_messages(&item->leaf, counts);
        break;
    case PE_RT_MANIFEST:
        counts->manifests += pe_manifest_open(&item->leaf, &manifest) == PE_OK;
        break;
    default:
        break;
    }
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
        count_leaf(&item, counts);
    }
    cr_assert(walk.status == PE_END || walk.status == PE_NOT_PRESENT);
}

/* An entry of a chain counts with the function that it belongs to. */
static void count_codes(const pe_image *image, const pe_x64_function *function,
                        struct counts *counts)
{
    pe_x64_chain_iter chain;
    pe_x64_function link;
    pe_x64_unwind unwind;
    pe_x64_code_iter codes;
    pe_x64_code code;
    pe_x64_chain(image, function, &chain);
    cr_assert_eq(pe_x64_chain_next(&chain, &link, &unwind), PE_OK);
    pe_x64_codes(&unwind, &codes);
    while (pe_x64_code_next(&codes, &code) == PE_OK)
        counts->codes++;
    cr_assert_eq(codes.status, PE_END);
    while (pe_x64_chain_next(&chain, &link, &unwind) == PE_OK)
        continue;
    cr_assert_eq(chain.status, PE_END);
}

static void count_functions(const pe_image *image, struct counts *counts)
{
    pe_x64_function_iter iter;
    pe_x64_function function;
    pe_x64_functions(image, &iter);
    while (pe_x64_function_next(&iter, &function) == PE_OK) {
        counts->functions++;
        count_codes(image, &function, counts);
    }
    cr_assert(iter.status == PE_END || iter.status == PE_NOT_PRESENT);
}

static void count_image(const pe_image *image, struct counts *counts)
{
    counts->files++;
    counts->sections += image->file.section_count;
    count_imports(image, counts);
    count_delay_imports(image, counts);
    count_exports(image, counts);
    count_relocs(image, counts);
    count_functions(image, counts);
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

static void count_mapped(const pe_image *image, struct counts *counts)
{
    pe_span memory = img_map(image);
    pe_image mapped = pe_image_mapped(image, memory);
    count_image(&mapped, counts);
    free((void *)(uintptr_t)memory.data);
}

/* Every profile accepts a real DLL. */
static void count_file(const char *path, struct counts *counts, struct counts *mapped)
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
    count_mapped(&image, mapped);
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

Test(real, zlib_has_the_tables_that_other_tools_see_also_in_memory)
{
    struct counts counts = {0}, mapped = {0};
    if (access(ZLIB, R_OK) != 0)
        cr_skip_test("%s is not installed (package libz-mingw-w64)", ZLIB);
    count_file(ZLIB, &counts, &mapped);
    expect_zlib(&counts);
    expect_zlib(&mapped);
}

/* nftw has no argument for its callback. */
static struct counts libwine, libwine_mapped;

static int count_libwine(const char *path, const struct stat *facts, int type, struct FTW *place)
{
    (void)facts;
    (void)place;
    if (type == FTW_F && strstr(path, "/libwine/") != NULL)
        count_file(path, &libwine, &libwine_mapped);
    return 0;
}

Test(real, libwine_has_the_tables_that_other_tools_see_also_in_memory)
{
    const char *corpus = getenv("PELOAD_CORPUS");
    if (corpus != NULL)
        nftw(corpus, count_libwine, 16, FTW_PHYS);
    if (libwine.files == 0)
        cr_skip_test("no folder libwine below PELOAD_CORPUS");
    cr_expect_eq(libwine.files, 693);
    cr_expect_eq(libwine.sections, 12083);
    cr_expect_eq(libwine.imports, 41432);
    cr_expect_eq(libwine.delayed, 0);
    cr_expect_eq(libwine.slots, 89997);
    cr_expect_eq(libwine.used_slots, 83637);
    cr_expect_eq(libwine.names, 82417);
    cr_expect_eq(libwine.relocs, 169544);
    cr_expect_eq(libwine.functions, 176340);
    cr_expect_eq(libwine.codes, 600670);
    cr_expect_eq(libwine.resources, 23955);
    cr_expect_eq(libwine.versions, 268);
    cr_expect_eq(libwine.version_strings, 2171);
    cr_expect_eq(libwine.translations, 268);
    cr_expect_eq(libwine.manifests, 38);
    cr_expect_eq(libwine.icons, 2255);
    cr_expect_eq(libwine.cursors, 171);
    cr_expect_eq(libwine.strings, 77013);
    cr_expect_eq(libwine.message_blocks, 3135);
    cr_expect_eq(libwine.messages, 28660);
    cr_expect_eq(memcmp(&libwine, &libwine_mapped, sizeof libwine), 0);
}
