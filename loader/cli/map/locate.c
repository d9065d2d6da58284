/* locate.c: from an address to module, section, file, page tables and frame. */
#include "cli/map/control_area.h"
#include "cli/map/map.h"

#include <inttypes.h>
#include <string.h>

bool map_locations_parse(const cli_list *wanted)
{
    uint64_t value;
    for (size_t i = 0; i < wanted->count; i++) {
        if (cli_number(wanted->items[i], &value))
            continue;
        fprintf(stderr, "peload: --locate: not an address: %s\n", wanted->items[i]);
        return false;
    }
    return true;
}

bool map_locations_find(const ldr_view *view, const cli_list *wanted, map_locations *ret_locations)
{
    uint64_t base = (uintptr_t)ldr_view_base(view), value = 0;
    map_locations locations = {.count = wanted->count};
    for (size_t i = 0; i < wanted->count; i++) {
        cli_number(wanted->items[i], &value);
        uint64_t rva = value - base < ldr_view_size(view) ? value - base : value;
        ldr_status status = ldr_view_locate(view, rva, &locations.items[i]);
        if (status == LDR_OK)
            continue;
        fprintf(stderr, "peload: --locate %s: %s\n", wanted->items[i],
                status == LDR_INVALID_ARGUMENT ? "not in the view" : ldr_status_text(status));
        return false;
    }
    *ret_locations = locations;
    return true;
}

static void print_json(cli_json *json, const ldr_view *view, const ldr_location *at)
{
    pe_section section = map_section_at(view, at->pe_section);
    cli_json_open(json, NULL, '{');
    cli_json_hex(json, "address", at->address, 1);
    cli_json_number(json, "rva", at->rva);
    cli_json_text(json, "section", at->pe_section >= 0 ? section.name : NULL);
    cli_json_number(json, "subsection", at->subsection);
    if (at->has_file_offset)
        cli_json_number(json, "file_offset", at->file_offset);
    else
        cli_json_null(json, "file_offset");
    cli_json_text(json, "protect", ldr_protect_name(at->protect));
    cli_json_text(json, "backing", ldr_backing_name(at->backing));
    cli_json_number(json, "pml4", at->pml4);
    cli_json_number(json, "pdpt", at->pdpt);
    cli_json_number(json, "pd", at->pd);
    cli_json_number(json, "pt", at->pt);
    cli_json_number(json, "page_offset", at->page_offset);
    cli_json_bool(json, "present", at->is_present);
    if (at->has_frame)
        cli_json_hex(json, "frame", at->frame, 1);
    else
        cli_json_null(json, "frame");
    cli_json_close(json, '}');
}

void map_locations_json(cli_json *json, const ldr_view *view, const map_locations *locations)
{
    cli_json_open(json, "locations", '[');
    for (size_t i = 0; i < locations->count; i++)
        print_json(json, view, &locations->items[i]);
    cli_json_close(json, ']');
}

static void print_text(const ldr_view *view, const ldr_location *at)
{
    pe_section section = map_section_at(view, at->pe_section);
    printf("\n0x%" PRIx64 ": rva 0x%" PRIx64 " in ", at->address, at->rva);
    if (at->pe_section >= 0)
        cli_print_bytes(stdout, section.name, strlen(section.name));
    else
        printf("no section");
    printf(" (subsection %" PRIu32 "), %s, %s", at->subsection, ldr_protect_name(at->protect),
           ldr_backing_name(at->backing));
    if (at->has_file_offset)
        printf(", file offset 0x%" PRIx64, at->file_offset);
    printf("\n  PML4 %u, PDPT %u, PD %u, PT %u, byte 0x%x of the page; ", at->pml4, at->pdpt,
           at->pd, at->pt, at->page_offset);
    if (at->has_frame)
        printf("frame 0x%" PRIx64 "\n", at->frame);
    else
        printf("%s\n", at->is_present ? "the frame is not told" : "not in the page tables yet");
}

void map_locations_text(const ldr_view *view, const map_locations *locations)
{
    for (size_t i = 0; i < locations->count; i++)
        print_text(view, &locations->items[i]);
}
