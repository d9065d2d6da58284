#include "walk.h"

#include <stdlib.h>
#include <string.h>

/* A pass. With `ranges` it records; both kinds are compiled from the same functions, inlined. */
typedef struct pass {
    const pe_image *image;
    bench_counts *counts;
    bench_ranges *ranges;
} pass;

#define PASS static inline __attribute__((always_inline)) void

enum { DIRECTORY_SIZE = 16, ENTRY_SIZE = 8, DATA_ENTRY_SIZE = 16, FUNCTION_SIZE = 12 };
enum { BLOCK_HEADER = 8, DESCRIPTOR_SIZE = 20, EXPORTS_SIZE = 40, SECTION_SIZE = 40 };

static void add_range(bench_ranges *ranges, pe_span bytes)
{
    pe_span *last = ranges->count > 0 ? &ranges->items[ranges->count - 1] : NULL;
    ranges->bytes += bytes.size;
    if (last != NULL && last->data + last->size == bytes.data) {
        last->size += bytes.size;
        return;
    }
    if (ranges->count == ranges->capacity) {
        ranges->capacity = ranges->capacity == 0 ? 1 << 16 : 2 * ranges->capacity;
        ranges->items = realloc(ranges->items, ranges->capacity * sizeof *ranges->items);
        if (ranges->items == NULL)
            abort();
    }
    ranges->items[ranges->count++] = bytes;
}

static void note_rva(const pass *self, pe_rva rva, uint64_t size)
{
    pe_span bytes = pe_tail(self->image, rva);
    bytes.size = bytes.size < size ? bytes.size : size;
    if (bytes.size > 0)
        add_range(self->ranges, bytes);
}

PASS touch(const pass *self, pe_rva rva, uint64_t size)
{
    if (self->ranges != NULL)
        note_rva(self, rva, size);
}

PASS note(const pass *self, uint64_t fact)
{
    self->counts->digest += fact;
}

/* A name: where it ends has been looked for, so that all of it and its NUL were read. */
PASS note_name(const pass *self, pe_span name)
{
    self->counts->digest += name.size;
    if (self->ranges != NULL && name.size > 0)
        add_range(self->ranges, (pe_span){name.data, name.size + 1});
}

PASS walk_sections(const pass *self)
{
    pe_section section;
    for (uint32_t i = 0; pe_section_at(self->image, i, &section) == PE_OK; i++) {
        self->counts->sections++;
        note(self, section.rva.value + section.virtual_size + (uint8_t)section.name[0]);
        if (self->ranges != NULL)
            add_range(self->ranges,
                      (pe_span){self->image->headers.data + section.offset.value, SECTION_SIZE});
    }
}

PASS walk_thunks(const pass *self, const pe_import_dll *dll)
{
    uint32_t width = pe_is_64(self->image) ? 8 : 4;
    pe_thunk_iter thunks;
    pe_import import;
    pe_thunks(self->image, dll, &thunks);
    while (pe_thunk_next(&thunks, &import) == PE_OK) {
        self->counts->imports++;
        note(self, import.by_ordinal ? import.ordinal : import.hint);
        touch(self, import.lookup, width);
        if (import.by_ordinal)
            continue;
        touch(self, (pe_rva){(uint32_t)import.thunk}, 2);
        note_name(self, import.name);
    }
    touch(self, thunks.lookup, width);
}

PASS walk_imports(const pass *self)
{
    pe_import_iter dlls;
    pe_import_dll dll;
    pe_imports(self->image, &dlls);
    while (pe_import_next(&dlls, &dll) == PE_OK) {
        touch(self, dll.descriptor, DESCRIPTOR_SIZE);
        note_name(self, dll.name);
        walk_thunks(self, &dll);
    }
    touch(self, dlls.next, DESCRIPTOR_SIZE);
}

PASS note_export(const pass *self, const pe_export *item)
{
    self->counts->exports++;
    note(self, item->ordinal + (uint64_t)item->rva.value);
    note_name(self, item->name);
    if (item->is_forwarder)
        note_name(self, item->forwarder);
}

/* Each name with its slot, then each slot. */
PASS walk_exports(const pass *self)
{
    pe_exports exports;
    pe_export item;
    if (pe_exports_open(self->image, &exports) != PE_OK)
        return;
    touch(self, exports.directory.rva, EXPORTS_SIZE);
    touch(self, exports.names, 4 * (uint64_t)exports.name_count);
    touch(self, exports.name_ordinals, 2 * (uint64_t)exports.name_count);
    touch(self, exports.slots, 4 * (uint64_t)exports.slot_count);
    for (uint32_t i = 0; i < exports.name_count; i++) {
        if (pe_export_name_at(self->image, &exports, i, &item) != PE_OK)
            break;
        note_export(self, &item);
    }
}

PASS walk_relocations(const pass *self)
{
    pe_reloc_iter blocks;
    pe_reloc_block block;
    pe_relocs(self->image, &blocks);
    while (pe_reloc_next(&blocks, &block) == PE_OK) {
        touch(self, block.at, BLOCK_HEADER + 2 * (uint64_t)block.count);
        self->counts->relocations += block.count;
        uint64_t sum = 0;
        for (uint32_t i = 0; i < block.count; i++)
            sum += block.page.value + (uint64_t)pe_reloc_entry(&block, i);
        note(self, sum);
    }
}

/* The level is bounded by pe_resource_walk, as are loops. */
PASS walk_resources(const pass *self)
{
    pe_resource_walk walk;
    pe_resource_item item;
    pe_resource_walk_start(self->image, &walk);
    while (pe_resource_walk_next(&walk, &item) == PE_OK) {
        self->counts->resources++;
        note(self, item.leaf.rva.value + (uint64_t)item.leaf.size);
        note(self, item.path[0].number + item.path[1].number + item.path[2].number);
        touch(self, item.leaf.entry, DATA_ENTRY_SIZE);
        for (uint32_t i = 0; i < item.depth; i++)
            note_name(self, item.path[i].name.bytes);
        if (walk.depth > 0)
            touch(self, walk.levels[walk.depth - 1].directory.at, DIRECTORY_SIZE + ENTRY_SIZE);
    }
}

PASS walk_functions(const pass *self)
{
    pe_x64_function_iter functions;
    pe_x64_function function;
    pe_x64_functions(self->image, &functions);
    while (pe_x64_function_next(&functions, &function) == PE_OK) {
        self->counts->functions++;
        note(self, function.begin.value + (uint64_t)function.end.value + function.unwind.value);
        touch(self, function.at, FUNCTION_SIZE);
    }
}

PASS walk_image(pe_span file, bench_counts *counts, bench_ranges *ranges)
{
    pe_image image;
    pass self = {&image, counts, ranges};
    if (pe_open(file, PE_LAYOUT_FILE, &image, NULL) != PE_OK)
        return;
    counts->images++;
    if (ranges != NULL)
        add_range(ranges, (pe_span){file.data, image.section_table.value});
    walk_sections(&self);
    walk_imports(&self);
    walk_exports(&self);
    walk_relocations(&self);
    walk_resources(&self);
    walk_functions(&self);
}

void bench_walk(const pe_span files[], size_t count, bench_counts *counts)
{
    for (size_t i = 0; i < count; i++)
        walk_image(files[i], counts, NULL);
}

void bench_record(const pe_span files[], size_t count, bench_ranges *ranges, bench_counts *counts)
{
    for (size_t i = 0; i < count; i++)
        walk_image(files[i], counts, ranges);
}

uint64_t bench_read(const bench_ranges *ranges)
{
    uint64_t digest = 0;
    for (size_t i = 0; i < ranges->count; i++) {
        pe_span bytes = ranges->items[i];
        uint64_t word = 0;
        while (bytes.size >= sizeof word) {
            memcpy(&word, bytes.data, sizeof word);
            digest += word;
            bytes = (pe_span){bytes.data + sizeof word, bytes.size - sizeof word};
        }
        for (uint64_t k = 0; k < bytes.size; k++)
            digest += bytes.data[k];
    }
    return digest;
}
