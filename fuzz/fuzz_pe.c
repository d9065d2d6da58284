/*
 * Fuzz target of the parser. Whatever the bytes: verdicts are explained and repeatable, everything
 * reported lies inside the image, and file and memory tell the same facts.
 */
#include "fuzz_pe.h"
#include "support/sanitizer.h"

#include <stdlib.h>
#include <string.h>

#if WITH_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size)   ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

enum {
    VIEW_LIMIT = 0x100000, /* larger images are not laid out in memory */
};

static const pe_profile profiles[] = {PE_WIN10, PE_WIN7, PE_WINXP};

/* ---- Tables ---- */

static void walk_sections(struct walk *walk)
{
    pe_section section, found;
    for (uint32_t i = 0; i < ITEM_LIMIT && pe_section_at(walk->image, i, &section) == PE_OK; i++) {
        REQUIRE(section.name[8] == '\0');
        REQUIRE(section.offset.value < walk->image->headers.size);
        if (pe_section_of(walk->image, section.rva, &found) == PE_OK)
            REQUIRE(found.rva.value <= section.rva.value);
    }
}

/* What pe_tail lends is what pe_read copies. */
static void check_tail(struct walk *walk, pe_rva rva)
{
    uint8_t copy[64];
    pe_span tail = pe_tail(walk->image, rva);
    size_t size = tail.size < sizeof copy ? (size_t)tail.size : sizeof copy;
    REQUIRE(lies_inside(tail, walk->image->bytes));
    if (size == 0)
        return;
    REQUIRE(pe_read(walk->image, rva, copy, size) == PE_OK);
    REQUIRE(memcmp(copy, tail.data, size) == 0);
}

static void walk_directories(struct walk *walk)
{
    for (unsigned i = 0; i <= PE_DIRECTORY_COUNT; i++) {
        uint64_t value = 0;
        pe_directory directory = pe_directory_at(walk->image, i);
        check_tail(walk, directory.rva);
        note(walk, pe_read_u64(walk->image, directory.rva, &value));
        note(walk, value);
    }
}

static void note_export(struct walk *walk, const pe_export *item)
{
    note(walk, item->rva.value);
    note(walk, item->ordinal);
    note_span(walk, item->name);
    note_span(walk, item->forwarder);
}

static void walk_exports(struct walk *walk)
{
    pe_exports exports;
    pe_status status = pe_exports_open(walk->image, &exports);
    note(walk, status);
    if (status != PE_OK)
        return;
    for (uint32_t i = 0; i < ITEM_LIMIT && i < exports.slot_count; i++) {
        pe_export item;
        status = pe_export_by_ordinal(walk->image, &exports, exports.ordinal_base + i, &item);
        note(walk, status);
        if (status == PE_OK)
            note_export(walk, &item);
    }
    for (uint32_t i = 0; i < ITEM_LIMIT && i < exports.name_count; i++) {
        pe_export item, by_hint, by_search;
        status = pe_export_name_at(walk->image, &exports, i, &item);
        note(walk, status);
        if (status != PE_OK)
            continue;
        note_export(walk, &item);
        REQUIRE(pe_export_by_name(walk->image, &exports, item.name, i, &by_hint) == PE_OK);
        REQUIRE(by_hint.ordinal == item.ordinal);
        note(walk, pe_export_by_name(walk->image, &exports, item.name, UINT32_MAX, &by_search));
    }
}

static uint32_t walk_thunks(struct walk *walk, const pe_import_dll *dll, uint32_t limit)
{
    uint32_t count = 0;
    pe_thunk_iter thunks;
    pe_import import;
    pe_thunks(walk->image, dll, &thunks);
    while (count < limit && pe_thunk_next(&thunks, &import) == PE_OK) {
        count++;
        note(walk, import.slot.value);
        note(walk, import.by_ordinal ? import.ordinal : import.hint);
        if (!import.by_ordinal)
            note_span(walk, import.name);
    }
    note(walk, thunks.status);
    if (thunks.status != PE_OK)
        REQUIRE(pe_thunk_next(&thunks, &import) == thunks.status);
    return count + 1;
}

static void walk_imports(struct walk *walk)
{
    uint32_t rest = ITEM_LIMIT;
    pe_import_iter dlls;
    pe_import_dll dll;
    pe_imports(walk->image, &dlls);
    while (rest > 0 && pe_import_next(&dlls, &dll) == PE_OK) {
        note_span(walk, dll.name);
        note(walk, dll.lookup_table.value);
        note(walk, dll.address_table.value);
        uint32_t used = walk_thunks(walk, &dll, rest);
        rest = used < rest ? rest - used : 0;
    }
    note(walk, dlls.status);
    if (dlls.status != PE_OK)
        REQUIRE(pe_import_next(&dlls, &dll) == dlls.status);
}

static void note_diag(struct walk *walk, const pe_diag *diag)
{
    REQUIRE(diag->rule != NULL && diag->detail != NULL && diag->nt_status >= 0xC0000000);
    note(walk, diag->offset);
    note(walk, diag->value);
    note(walk, diag->allowed);
    for (const char *at = diag->rule; *at != '\0'; at++)
        note(walk, (uint8_t)*at);
}

static void walk_relocs(struct walk *walk)
{
    uint32_t blocks = 0;
    pe_reloc_iter iter;
    pe_reloc_block block;
    pe_relocs(walk->image, &iter);
    while (blocks < ITEM_LIMIT && pe_reloc_next(&iter, &block) == PE_OK) {
        blocks++;
        REQUIRE(block.entries.size <= 2 * (uint64_t)block.count);
        REQUIRE(lies_inside(block.entries, walk->image->bytes));
        note(walk, block.at.value);
        note(walk, block.page.value);
        note(walk, block.count);
        for (uint32_t i = 0; i < block.count && i < ITEM_LIMIT; i++)
            note(walk, pe_reloc_entry(&block, i));
    }
    note(walk, iter.status);
    if (iter.status != PE_OK)
        REQUIRE(pe_reloc_next(&iter, &block) == iter.status);
    if (iter.status != PE_OK && iter.status != PE_END)
        note_diag(walk, &iter.diag);
}

static void walk_bound_imports(struct walk *walk)
{
    pe_bound_iter entries;
    pe_bound_import bound;
    int items = 0;
    pe_bound_imports(walk->image, &entries);
    while (items++ < ITEM_LIMIT && pe_bound_next(&entries, &bound) == PE_OK) {
        note(walk, bound.at.value ^ bound.time_date_stamp);
        note(walk, bound.is_reference ? 1 : 2 + (uint64_t)bound.reference_count);
        note_span(walk, bound.name);
    }
    note(walk, (uint64_t)entries.status);
}

static void walk_delay_thunks(struct walk *walk, const pe_delay_iter *dlls, const pe_delay_dll *dll)
{
    uint32_t count = 0;
    pe_delay_thunk_iter thunks;
    pe_import import;
    pe_delay_thunks(dlls, dll, &thunks);
    while (count++ < ITEM_LIMIT / 16 && pe_delay_thunk_next(&thunks, &import) == PE_OK) {
        note(walk, import.slot.value);
        note(walk, import.by_ordinal ? import.ordinal : import.hint);
    }
    note(walk, thunks.status);
    if (thunks.status != PE_OK)
        REQUIRE(pe_delay_thunk_next(&thunks, &import) == thunks.status);
}

static void walk_delay_imports(struct walk *walk)
{
    uint32_t count = 0;
    pe_delay_iter dlls;
    pe_delay_dll dll;
    pe_delay_imports(walk->image, walk->image->optional.image_base, &dlls);
    while (count++ < ITEM_LIMIT / 16 && pe_delay_next(&dlls, &dll) == PE_OK) {
        REQUIRE(lies_inside(dll.name, walk->image->bytes));
        note(walk, dll.name.size);
        note(walk, dll.address_table.value ^ dll.name_table.value);
        walk_delay_thunks(walk, &dlls, &dll);
    }
    note(walk, dlls.status);
    if (dlls.status != PE_OK)
        REQUIRE(pe_delay_next(&dlls, &dll) == dlls.status);
}

static void walk_tls(struct walk *walk)
{
    pe_tls tls;
    pe_rva rva = {0};
    pe_status status = pe_tls_open(walk->image, &tls);
    note(walk, status);
    if (status != PE_OK)
        return;
    note(walk, tls.data_start ^ tls.data_end ^ tls.index ^ tls.callbacks);
    note(walk, tls.zero_fill);
    note(walk, pe_va_to_rva(walk->image, walk->image->optional.image_base, tls.callbacks, &rva));
    note(walk, rva.value);
}

uint64_t walk_all(const pe_image *image)
{
    struct walk walk = {.image = image};
    walk_sections(&walk);
    walk_directories(&walk);
    walk_exports(&walk);
    walk_imports(&walk);
    walk_relocs(&walk);
    walk_delay_imports(&walk);
    walk_bound_imports(&walk);
    walk_tls(&walk);
    walk_load_config(&walk);
    walk_exceptions(&walk);
    walk_arm_exceptions(&walk);
    walk_debug(&walk);
    walk_clr(&walk);
    walk_config_pointers(&walk);
    walk_resources(&walk);
    return walk.digest;
}

/* ---- The verdict ---- */

static bool same_diag(const pe_diag *a, const pe_diag *b)
{
    return a->rule == b->rule && a->nt_status == b->nt_status && a->offset == b->offset &&
           a->value == b->value && a->allowed == b->allowed && a->detail == b->detail;
}

/* As much of the file as pe_header_extent asks for. */
static pe_span header_prefix(pe_span file)
{
    pe_span prefix = {file.data, file.size < 64 ? file.size : 64};
    for (uint64_t wanted = pe_header_extent(prefix, file.size); wanted > prefix.size;
         wanted = pe_header_extent(prefix, file.size)) {
        REQUIRE(wanted <= file.size);
        prefix.size = wanted;
    }
    return prefix;
}

static bool judge(pe_span file)
{
    bool is_accepted = false;
    pe_image image;
    struct walk unused = {0};
    for (size_t i = 0; i < sizeof profiles / sizeof profiles[0]; i++) {
        pe_diag diag = {0}, again = {0};
        pe_status status = pe_accept(file, file.size, profiles[i], &diag);
        REQUIRE(pe_accept(header_prefix(file), file.size, profiles[i], &again) == status);
        REQUIRE(same_diag(&diag, &again));
        if (status == PE_OK)
            REQUIRE(pe_open(file, PE_LAYOUT_FILE, &image, NULL) == PE_OK);
        else
            note_diag(&unused, &diag);
        is_accepted |= status == PE_OK;
    }
    return is_accepted;
}

/* ---- The same image in memory ---- */

bool is_all_readable(const pe_image *image)
{
    pe_section section;
    uint32_t any = PE_SCN_MEM_READ | PE_SCN_MEM_WRITE | PE_SCN_MEM_EXECUTE;
    for (uint32_t i = 0; pe_section_at(image, i, &section) == PE_OK; i++) {
        if ((section.characteristics & any) == 0)
            return false;
    }
    return true;
}

/* Pages that a view would not let anybody read are poisoned, where the image could have a view. */
static void lay_out(const pe_image *image, bool is_accepted, uint8_t *memory, size_t size)
{
    pe_image mapped = pe_image_mapped(image, (pe_span){memory, size});
    for (size_t at = 0; at < size; at += PAGE) {
        pe_rva rva = {(uint32_t)at};
        uint8_t unused;
        if (pe_read(image, rva, memory + at, PAGE) != PE_OK)
            memset(memory + at, 0xCC, PAGE);
        if (is_accepted && pe_read(&mapped, rva, &unused, 1) != PE_OK)
            ASAN_POISON_MEMORY_REGION(memory + at, PAGE);
    }
}

static void compare_layouts(const pe_image *image, bool is_accepted)
{
    size_t size = ((size_t)image->optional.size_of_image + PAGE - 1) & ~(size_t)(PAGE - 1);
    if (size == 0 || size > VIEW_LIMIT)
        return;
    uint8_t *memory = malloc(size);
    if (memory == NULL)
        return;
    lay_out(image, is_accepted, memory, size);
    pe_image mapped = pe_image_mapped(image, (pe_span){memory, size});
    uint64_t digest = walk_all(&mapped);
    if (is_accepted && is_all_readable(image))
        REQUIRE(digest == walk_all(image));
    ASAN_UNPOISON_MEMORY_REGION(memory, size);
    free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pe_span file = {data, size};
    pe_image image;
    struct walk unused = {0};
    pe_diag diag = {0};
    bool is_accepted = judge(file);
    if (pe_open(file, PE_LAYOUT_MAPPED, &image, &diag) == PE_OK)
        walk_all(&image);
    else
        note_diag(&unused, &diag);
    if (pe_open(file, PE_LAYOUT_FILE, &image, NULL) != PE_OK)
        return 0;
    REQUIRE(walk_all(&image) == walk_all(&image));
    walk_file(&image);
    compare_layouts(&image, is_accepted);
    return 0;
}
