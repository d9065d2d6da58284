#include "cli/map/control_area.h"
#include "cli/map/map.h"

#include <inttypes.h>
#include <string.h>

/* ---- JSON ---- */

static void print_attributes(cli_json *json, uint32_t attributes)
{
    cli_json_open(json, "attributes", '[');
    if ((attributes & LDR_SEC_IMAGE_NO_EXECUTE) == LDR_SEC_IMAGE_NO_EXECUTE)
        cli_json_text(json, NULL, "SEC_IMAGE_NO_EXECUTE");
    else
        cli_json_text(json, NULL, "SEC_IMAGE");
    if ((attributes & LDR_SEC_FILE) != 0)
        cli_json_text(json, NULL, "SEC_FILE");
    cli_json_close(json, ']');
}

static void print_file(cli_json *json, const ldr_view *view, const ldr_control_area *area)
{
    ldr_file_use use;
    if (!area->has_file) {
        cli_json_null(json, "file");
        return;
    }
    cli_json_open(json, "file", '{');
    cli_json_number(json, "size", area->file_size);
    cli_json_number(json, "device", area->file_device);
    cli_json_number(json, "index", area->file_index);
    if (ldr_section_file_use(ldr_view_section(view), &use) == LDR_OK) {
        cli_json_bool(json, "other_image", use.has_image);
        cli_json_bool(json, "other_section", use.has_section);
        if (use.is_cache_known) {
            cli_json_number(json, "cached_pages", use.cached_pages);
            cli_json_number(json, "dirty_pages", use.dirty_pages);
        }
    }
    cli_json_close(json, '}');
}

static void print_subsection(cli_json *json, const ldr_view *view, const ldr_subsection *s)
{
    pe_section section = map_section_at(view, s->pe_section);
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "section", s->pe_section >= 0 ? section.name : NULL);
    cli_json_number(json, "rva", s->rva);
    cli_json_text(json, "protect", ldr_protect_name(s->protect));
    cli_json_number(json, "pages", s->page_count);
    cli_json_number(json, "unused_pages", s->unused_pages);
    cli_json_number(json, "file_offset", s->file_offset);
    cli_json_number(json, "file_size", s->file_size);
    cli_json_number(json, "first_sector", s->first_sector);
    cli_json_number(json, "sectors", s->sector_count);
    cli_json_open(json, "backing", '{');
    cli_json_number(json, ldr_backing_name(LDR_BACKING_FILE), s->file_pages);
    cli_json_number(json, ldr_backing_name(LDR_BACKING_SEGMENT), s->segment_pages);
    cli_json_number(json, ldr_backing_name(LDR_BACKING_ZERO), s->zero_pages);
    cli_json_number(json, ldr_backing_name(LDR_BACKING_SHARED), s->shared_pages);
    cli_json_close(json, '}');
    cli_json_close(json, '}');
}

void map_control_area_json(cli_json *json, const ldr_view *view)
{
    const ldr_section *section = ldr_view_section(view);
    ldr_control_area area;
    ldr_subsection subsection;
    ldr_section_describe(section, &area);
    cli_json_open(json, "control_area", '{');
    print_attributes(json, area.attributes);
    cli_json_open(json, "segment", '{');
    cli_json_hex(json, "base", area.segment_base, 1);
    cli_json_number(json, "size", area.segment_size);
    cli_json_number(json, "pages", area.page_count);
    cli_json_number(json, "relocated_pages", area.relocated_pages);
    cli_json_text(json, "sharing", ldr_sharing_name(area.segment));
    cli_json_text(json, "shared_sharing", ldr_sharing_name(area.shared));
    cli_json_close(json, '}');
    cli_json_number(json, "sections", area.section_count);
    cli_json_number(json, "views", area.view_count);
    cli_json_number(json, "flushes", area.flush_count);
    print_file(json, view, &area);
    cli_json_open(json, "subsections", '[');
    for (uint32_t i = 0; ldr_section_subsection(section, i, &subsection) == LDR_OK; i++)
        print_subsection(json, view, &subsection);
    cli_json_close(json, ']');
    cli_json_close(json, '}');
}

/* ---- Text ---- */

static void print_file_text(const ldr_section *section, const ldr_control_area *area)
{
    ldr_file_use use;
    printf("  file: 0x%" PRIx64 " bytes, device %" PRIu64 ", index %" PRIu64, area->file_size,
           area->file_device, area->file_index);
    if (ldr_section_file_use(section, &use) == LDR_OK) {
        printf("; other images: %s, other sections: %s", use.has_image ? "yes" : "no",
               use.has_section ? "yes" : "no");
        if (use.is_cache_known)
            printf("; page cache: %" PRIu64 " pages, %" PRIu64 " dirty", use.cached_pages,
                   use.dirty_pages);
    }
    putchar('\n');
}

static void print_area(const ldr_view *view, const ldr_control_area *area)
{
    printf("\ncontrol area: %s%s, %" PRIu32 " section, %" PRIu32 " view\n",
           (area->attributes & LDR_SEC_IMAGE_NO_EXECUTE) == LDR_SEC_IMAGE_NO_EXECUTE
               ? "SEC_IMAGE_NO_EXECUTE"
               : "SEC_IMAGE",
           area->has_file ? " | SEC_FILE" : "", area->section_count, area->view_count);
    printf("  segment: base 0x%" PRIx64 ", 0x%" PRIx64 " bytes, %" PRIu64 " pages, %" PRIu64
           " of them relocated and shared\n",
           area->segment_base, area->segment_size, area->page_count, area->relocated_pages);
    printf("  shared with other sections: copy in image layout %s, SHARED pages %s\n",
           ldr_sharing_name(area->segment), ldr_sharing_name(area->shared));
    if (area->has_file)
        print_file_text(ldr_view_section(view), area);
}

static void print_subsection_text(const ldr_view *view, const ldr_subsection *s)
{
    pe_section section = map_section_at(view, s->pe_section);
    printf("  0x%08" PRIx64 "  %-8" PRIu64 "  %-6" PRIu64 "  %-22s  0x%08" PRIx64 "  %-8" PRIu64
           "  ",
           s->rva, s->page_count, s->unused_pages, ldr_protect_name(s->protect), s->file_offset,
           s->sector_count);
    cli_print_bytes(stdout, section.name, strlen(section.name));
    putchar('\n');
}

void map_control_area_text(const ldr_view *view)
{
    const ldr_section *section = ldr_view_section(view);
    ldr_control_area area;
    ldr_subsection subsection;
    ldr_section_describe(section, &area);
    print_area(view, &area);
    printf("  %-10s  %-8s  %-6s  %-22s  %-10s  %-8s  %s\n", "rva", "pages", "unused", "protect",
           "offset", "sectors", "section");
    for (uint32_t i = 0; ldr_section_subsection(section, i, &subsection) == LDR_OK; i++)
        print_subsection_text(view, &subsection);
}
