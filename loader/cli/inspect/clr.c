#include "report.h"

enum { HEADER_SIZE = 72, VTABLE_SIZE = 8, STREAM_HEADER_SIZE = 8 };

static void show_place(inspect_report *report, const char *name, pe_directory place)
{
    inspect_open_record(report, name, INSPECT_ROW);
    inspect_rva(report, "rva", place.rva);
    inspect_number(report, "size", place.size);
    inspect_close_record(report);
}

static void show_header(inspect_report *report, const pe_clr *clr)
{
    inspect_range(report, "rva", clr->directory.rva.value, HEADER_SIZE);
    inspect_number(report, "size", clr->size);
    inspect_number(report, "runtime_major", clr->runtime_major);
    inspect_number(report, "runtime_minor", clr->runtime_minor);
    inspect_hex(report, "flags", clr->flags, 8);
    inspect_flags(report, "flags_names", clr->flags, pe_clr_flag_name);
    inspect_hex(report, "entry_point", clr->entry_point, 8);
    show_place(report, "metadata", clr->metadata);
    show_place(report, "resources", clr->resources);
    show_place(report, "strong_name_signature", clr->strong_name_signature);
    show_place(report, "code_manager_table", clr->code_manager_table);
    show_place(report, "vtable_fixups", clr->vtable_fixups);
    show_place(report, "export_address_jumps", clr->export_address_jumps);
    show_place(report, "managed_native_header", clr->managed_native_header);
}

static void show_vtables(inspect_report *report, const pe_clr *clr)
{
    pe_clr_vtable_iter vtables;
    pe_clr_vtable vtable;
    pe_clr_vtables(report->image, clr, &vtables);
    inspect_open_list(report, "vtables");
    while (pe_clr_vtable_next(&vtables, &vtable) == PE_OK) {
        if (!inspect_charge(report, (pe_span){0}))
            break;
        inspect_open_record(report, NULL, INSPECT_ROW);
        inspect_range(report, "rva", vtable.at.value, VTABLE_SIZE);
        inspect_rva(report, "slots", vtable.slots);
        inspect_number(report, "count", vtable.count);
        inspect_hex(report, "type", vtable.type, 4);
        inspect_flags(report, "type_names", vtable.type, pe_clr_vtable_flag_name);
        inspect_close_record(report);
    }
    inspect_close_list(report);
}

static void show_rows(inspect_report *report, const pe_clr_tables *tables)
{
    inspect_open_list(report, "tables");
    for (uint32_t i = 0; i < PE_CLR_TABLE_COUNT; i++) {
        if ((tables->valid >> i & 1) == 0)
            continue;
        inspect_open_record(report, NULL, INSPECT_ROW);
        inspect_hex(report, "number", i, 2);
        inspect_number(report, "rows", tables->rows[i]);
        inspect_bool(report, "is_sorted", (tables->sorted >> i & 1) != 0);
        inspect_text(report, "name", pe_clr_table_name(i));
        inspect_close_record(report);
    }
    inspect_close_list(report);
}

/* The stream's own header, if the stream is one of tables. */
static void show_tables(inspect_report *report, const pe_clr_stream *stream)
{
    pe_clr_tables tables;
    if (pe_clr_tables_open(report->image, stream, &tables) != PE_OK)
        return;
    inspect_number(report, "major", tables.major);
    inspect_number(report, "minor", tables.minor);
    inspect_hex(report, "heap_sizes", tables.heap_sizes, 2);
    show_rows(report, &tables);
}

static void show_stream(inspect_report *report, const pe_clr_stream *stream)
{
    inspect_open_record(report, NULL, INSPECT_ROW);
    inspect_range(report, "rva", stream->at.value, STREAM_HEADER_SIZE);
    inspect_number(report, "offset", stream->offset);
    inspect_number(report, "size", stream->size);
    inspect_text(report, "name", stream->name);
    inspect_status(report, stream->status);
    show_tables(report, stream);
    inspect_close_record(report);
}

static pe_status show_streams(inspect_report *report, const pe_clr_metadata *metadata,
                              uint64_t *count)
{
    pe_clr_stream_iter streams;
    pe_clr_stream stream;
    pe_status status;
    pe_clr_streams(metadata, &streams);
    while ((status = pe_clr_stream_next(&streams, &stream)) == PE_OK) {
        if (!inspect_charge(report, (pe_span){0}))
            return PE_OUT_OF_BOUNDS;
        show_stream(report, &stream);
        *count += 1;
    }
    return status;
}

static void show_root(inspect_report *report, const pe_clr_metadata *metadata)
{
    inspect_open_record(report, "metadata_root", INSPECT_ROW);
    inspect_range(report, "rva", metadata->place.rva.value, metadata->headers);
    inspect_number(report, "major", metadata->major);
    inspect_number(report, "minor", metadata->minor);
    inspect_span(report, "version", metadata->version);
    inspect_number(report, "stream_count", metadata->stream_count);
    inspect_close_record(report);
}

void inspect_clr(inspect_report *report)
{
    pe_clr clr;
    pe_clr_metadata metadata;
    uint64_t count = 0;
    pe_status status = pe_clr_open(report->image, &clr);
    bool is_there = status == PE_OK, has_metadata = false;

    inspect_open_table(report, "clr");
    if (is_there)
        status = pe_clr_metadata_open(report->image, clr.metadata, &metadata);
    has_metadata = is_there && status == PE_OK;
    if (has_metadata)
        status = show_streams(report, &metadata, &count);
    inspect_close_items(report, count);
    if (has_metadata)
        show_root(report, &metadata);
    if (is_there) {
        show_header(report, &clr);
        show_vtables(report, &clr);
    }
    inspect_end_table(report, status == PE_NOT_PRESENT ? PE_OK : status);
}
