#include "walk.h"

static void walk_vtables(struct walk *walk, const pe_clr *clr)
{
    pe_clr_vtable_iter vtables;
    pe_clr_vtable vtable;
    pe_clr_vtables(walk->image, clr, &vtables);
    while (pe_clr_vtable_next(&vtables, &vtable) == PE_OK) {
        uint64_t value = 0;
        note(walk, vtable.slots.value ^ vtable.count ^ vtable.type);
        for (uint32_t i = 0; i < 4 && i < vtable.count; i++) {
            note(walk, (uint64_t)pe_clr_vtable_slot(walk->image, &vtable, i, &value));
            note(walk, value);
        }
        REQUIRE(pe_clr_vtable_slot(walk->image, &vtable, vtable.count, &value) == PE_NOT_FOUND);
    }
    note(walk, (uint64_t)vtables.status);
    if (vtables.status != PE_OK)
        REQUIRE(pe_clr_vtable_next(&vtables, &vtable) == vtables.status);
}

static void walk_tables(struct walk *walk, const pe_clr_stream *stream)
{
    pe_clr_tables tables;
    if (pe_clr_tables_open(walk->image, stream, &tables) != PE_OK)
        return;
    REQUIRE(tables.data <= stream->size);
    note(walk, tables.valid ^ tables.sorted ^ tables.heap_sizes);
    for (uint32_t i = 0; i < PE_CLR_TABLE_COUNT; i++) {
        REQUIRE((tables.valid >> i & 1) != 0 || tables.rows[i] == 0);
        note(walk, tables.rows[i]);
    }
}

static void walk_metadata(struct walk *walk, pe_directory place)
{
    pe_clr_metadata metadata;
    pe_clr_stream_iter streams;
    pe_clr_stream stream, found;
    pe_status status = pe_clr_metadata_open(walk->image, place, &metadata);
    note(walk, (uint64_t)status);
    if (status != PE_OK)
        return;
    note_trimmed(walk, metadata.version);
    pe_clr_streams(&metadata, &streams);
    while (pe_clr_stream_next(&streams, &stream) == PE_OK) {
        REQUIRE(stream.name[PE_CLR_STREAM_NAME_SIZE - 1] == '\0');
        note(walk, stream.offset ^ stream.size ^ (uint8_t)stream.name[1]);
        note(walk, (uint64_t)stream.status);
        note_trimmed(walk, stream.data);
        walk_tables(walk, &stream);
    }
    note(walk, (uint64_t)streams.status);
    if (streams.status != PE_OK)
        REQUIRE(pe_clr_stream_next(&streams, &stream) == streams.status);
    note(walk, (uint64_t)pe_clr_stream_find(&metadata, "#~", &found));
}

void walk_clr(struct walk *walk)
{
    pe_clr clr;
    pe_status status = pe_clr_open(walk->image, &clr);
    note(walk, (uint64_t)status);
    if (status != PE_OK)
        return;
    note(walk, clr.flags ^ clr.entry_point);
    walk_vtables(walk, &clr);
    walk_metadata(walk, clr.metadata);
    walk_metadata(walk, clr.managed_native_header);
}
