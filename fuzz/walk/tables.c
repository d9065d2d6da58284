/* The headers and the tables that link an image; and all tables together. */
#include "walk.h"

#include <string.h>

static void walk_sections(struct walk *walk)
{
    pe_section section, found;
    for (uint32_t i = 0; pe_section_at(walk->image, i, &section) == PE_OK; i++) {
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
    pe_status status = pe_read(walk->image, rva, copy, size);
    REQUIRE(status == PE_OK || status == PE_BUDGET_SPENT);
    REQUIRE(status != PE_OK || memcmp(copy, tail.data, size) == 0);
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
    for (uint32_t i = 0; i < exports.slot_count && status != PE_BUDGET_SPENT; i++) {
        pe_export item;
        status = pe_export_by_ordinal(walk->image, &exports, exports.ordinal_base + i, &item);
        note(walk, status);
        if (status == PE_OK)
            note_export(walk, &item);
    }
    for (uint32_t i = 0; i < exports.name_count && status != PE_BUDGET_SPENT; i++) {
        pe_export item, by_hint, by_search;
        status = pe_export_name_at(walk->image, &exports, i, &item);
        note(walk, status);
        if (status != PE_OK)
            continue;
        note_export(walk, &item);
        status = pe_export_by_name(walk->image, &exports, item.name, i, &by_hint);
        REQUIRE(status == PE_OK || status == PE_BUDGET_SPENT);
        REQUIRE(status != PE_OK || by_hint.ordinal == item.ordinal);
        note(walk, pe_export_by_name(walk->image, &exports, item.name, UINT32_MAX, &by_search));
    }
}

static void walk_thunks(struct walk *walk, const pe_import_dll *dll)
{
    pe_thunk_iter thunks;
    pe_import import;
    pe_thunks(walk->image, dll, &thunks);
    while (pe_thunk_next(&thunks, &import) == PE_OK) {
        note(walk, import.slot.value);
        note(walk, import.by_ordinal ? import.ordinal : import.hint);
        if (!import.by_ordinal)
            note_span(walk, import.name);
    }
    note(walk, thunks.status);
    if (thunks.status != PE_OK)
        REQUIRE(pe_thunk_next(&thunks, &import) == thunks.status);
}

static void walk_imports(struct walk *walk)
{
    pe_import_iter dlls;
    pe_import_dll dll;
    pe_imports(walk->image, &dlls);
    while (pe_import_next(&dlls, &dll) == PE_OK) {
        note_span(walk, dll.name);
        note(walk, dll.lookup_table.value);
        note(walk, dll.address_table.value);
        walk_thunks(walk, &dll);
    }
    note(walk, dlls.status);
    if (dlls.status != PE_OK)
        REQUIRE(pe_import_next(&dlls, &dll) == dlls.status);
}

void note_diag(struct walk *walk, const pe_diag *diag)
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
    pe_reloc_iter iter;
    pe_reloc_block block;
    pe_relocs(walk->image, &iter);
    while (pe_reloc_next(&iter, &block) == PE_OK) {
        REQUIRE(block.entries.size <= 2 * (uint64_t)block.count);
        REQUIRE(lies_inside(block.entries, walk->image->bytes));
        note(walk, block.at.value);
        note(walk, block.page.value);
        note(walk, block.count);
        for (uint32_t i = 0; i < block.count; i++)
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
    pe_bound_imports(walk->image, &entries);
    while (pe_bound_next(&entries, &bound) == PE_OK) {
        note(walk, bound.at.value ^ bound.time_date_stamp);
        note(walk, bound.is_reference ? 1 : 2 + (uint64_t)bound.reference_count);
        note_span(walk, bound.name);
    }
    note(walk, (uint64_t)entries.status);
}

static void walk_delay_thunks(struct walk *walk, const pe_delay_iter *dlls, const pe_delay_dll *dll)
{
    pe_delay_thunk_iter thunks;
    pe_import import;
    pe_delay_thunks(dlls, dll, &thunks);
    while (pe_delay_thunk_next(&thunks, &import) == PE_OK) {
        note(walk, import.slot.value);
        note(walk, import.by_ordinal ? import.ordinal : import.hint);
    }
    note(walk, thunks.status);
    if (thunks.status != PE_OK)
        REQUIRE(pe_delay_thunk_next(&thunks, &import) == thunks.status);
}

static void walk_delay_imports(struct walk *walk)
{
    pe_delay_iter dlls;
    pe_delay_dll dll;
    pe_delay_imports(walk->image, walk->image->optional.image_base, &dlls);
    while (pe_delay_next(&dlls, &dll) == PE_OK) {
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

void walk_all(struct walk *walk)
{
    walk_sections(walk);
    walk_directories(walk);
    walk_exports(walk);
    walk_imports(walk);
    walk_relocs(walk);
    walk_delay_imports(walk);
    walk_bound_imports(walk);
    walk_tls(walk);
    walk_load_config(walk);
    walk_exceptions(walk);
    walk_arm_exceptions(walk);
    walk_debug(walk);
    walk_clr(walk);
    walk_config_pointers(walk);
    walk_resources(walk);
}
