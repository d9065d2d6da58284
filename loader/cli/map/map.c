#include "cli/map/map.h"
#include "cli/map/control_area.h"
#include "cli/map/picture.h"
#include "cli/system.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_SIZE = 4096 };

typedef struct map_options {
    bool as_json;
    bool no_relocate;
    const char *dump;
    const char *svg;
    const char *base;
    const char *profile;
    const char *platform;
    const char *aslr;
    const char *machine;
    bool no_execute;
    bool snapshot;
    bool from_memory;
    bool control_area;
    cli_list locate;
} map_options;

static bool is_readable(const ldr_region *region)
{
    return region->committed && region->protect != LDR_PAGE_NOACCESS &&
           region->protect != LDR_PAGE_EXECUTE;
}

/*
 * Writes [at, at + size) at `offset`. The system reads the view, so that a page that is gone (the
 * file behind it was truncated) is stepped over and no crash.
 */
static bool dump_bytes(int file, const uint8_t *at, uint64_t size, uint64_t offset)
{
    size_t done;
    while (size > 0) {
        if (!cli_output_write_at(file, at, size, offset, &done))
            return false;
        uint64_t step = done > 0 ? (uint64_t)done : PAGE_SIZE - offset % PAGE_SIZE;
        step = step < size ? step : size;
        at += step;
        offset += step;
        size -= step;
    }
    return true;
}

static bool dump_regions(const ldr_view *view, int file)
{
    const uint8_t *base = ldr_view_base(view);
    ldr_region region;
    for (uint64_t rva = 0; ldr_view_query(view, rva, &region) == LDR_OK;
         rva = region.rva + region.size) {
        if (is_readable(&region) && !dump_bytes(file, base + region.rva, region.size, region.rva))
            return false;
    }
    return cli_output_resize(file, ldr_view_size(view));
}

static bool dump_view(const ldr_view *view, const char *path)
{
    int file = cli_output_open(path);
    bool ok = file >= 0 && dump_regions(view, file);
    if (file >= 0)
        ok = cli_output_close(file) && ok;
    if (!ok)
        fprintf(stderr, "peload: %s: %s\n", path, strerror(errno));
    return ok;
}

pe_section map_section_at(const ldr_view *view, int32_t index)
{
    pe_section section = {0};
    if (index >= 0)
        pe_section_at(ldr_view_image(view), (uint32_t)index, &section);
    return section;
}

static void print_region_json(cli_json *json, const ldr_view *view, const ldr_region *region)
{
    pe_section section = map_section_at(view, region->pe_section);
    cli_json_open(json, NULL, '{');
    cli_json_number(json, "rva", region->rva);
    cli_json_number(json, "size", region->size);
    cli_json_text(json, "protect", ldr_protect_name(region->protect));
    cli_json_text(json, "allocation_protect", ldr_protect_name(region->allocation_protect));
    cli_json_text(json, "state", region->committed ? "MEM_COMMIT" : "MEM_RESERVE");
    cli_json_text(json, "type", "MEM_IMAGE");
    cli_json_text(json, "backing", ldr_backing_name(region->backing));
    cli_json_text(json, "section", region->pe_section >= 0 ? section.name : NULL);
    cli_json_close(json, '}');
}

static void print_region_text(const ldr_view *view, const ldr_region *region)
{
    pe_section section = map_section_at(view, region->pe_section);
    printf("0x%08" PRIx64 "  0x%08" PRIx64 "  %-22s  %-11s  %-9s  ", region->rva, region->size,
           ldr_protect_name(region->protect), region->committed ? "MEM_COMMIT" : "MEM_RESERVE",
           ldr_backing_name(region->backing));
    cli_print_bytes(stdout, section.name, strlen(section.name));
    putchar('\n');
}

/* As the file says it: in the view ASLR may have changed it. */
static uint64_t preferred_base(const ldr_view *view)
{
    return ldr_section_image(ldr_view_section(view))->optional.image_base;
}

static void print_json(const map_options *options, const map_subject *subject,
                       const map_locations *locations)
{
    const ldr_view *view = subject->view;
    uint64_t base = (uintptr_t)ldr_view_base(view);
    cli_json json = {.out = stdout};

    cli_json_open(&json, NULL, '{');
    cli_json_text(&json, "file", subject->path);
    cli_json_hex(&json, "status", subject->nt_status, 8);
    cli_json_text(&json, "status_name", pe_nt_status_name(subject->nt_status));
    cli_json_open(&json, "view", '{');
    cli_json_hex(&json, "base", base, 1);
    cli_json_number(&json, "size", ldr_view_size(view));
    cli_json_hex(&json, "preferred_base", preferred_base(view), 1);
    cli_json_bool(&json, "relocated", subject->is_relocated);
    cli_json_close(&json, '}');
    cli_json_open(&json, "regions", '[');
    ldr_region region;
    for (uint64_t rva = 0; ldr_view_query(view, rva, &region) == LDR_OK;
         rva = region.rva + region.size)
        print_region_json(&json, view, &region);
    cli_json_close(&json, ']');
    if (options->control_area)
        map_control_area_json(&json, view);
    if (locations->count > 0)
        map_locations_json(&json, view, locations);
    cli_json_close(&json, '}');
    cli_json_end_line(&json);
}

static void print_text(const map_options *options, const map_subject *subject,
                       const map_locations *locations)
{
    const ldr_view *view = subject->view;
    uint64_t base = (uintptr_t)ldr_view_base(view);

    printf("%s: 0x%zx bytes at 0x%" PRIx64 ", preferred base 0x%" PRIx64 ", %s (%s)\n",
           subject->path, ldr_view_size(view), base, preferred_base(view),
           subject->is_relocated ? "relocated" : "not relocated",
           pe_nt_status_name(subject->nt_status));
    printf("%-10s  %-10s  %-22s  %-11s  %-9s  %s\n", "rva", "size", "protect", "state", "backing",
           "section");
    ldr_region region;
    for (uint64_t rva = 0; ldr_view_query(view, rva, &region) == LDR_OK;
         rva = region.rva + region.size)
        print_region_text(view, &region);
    if (options->control_area)
        map_control_area_text(view);
    map_locations_text(view, locations);
}

static int fail(const map_options *options, const char *path, const ldr_diag *diag)
{
    cli_report(diag);
    if (options->as_json)
        cli_json_failure(path, diag);
    return CLI_FAILED;
}

static int show_view(const map_options *options, const char *path, pe_profile profile,
                     ldr_view *view)
{
    bool moved = (uintptr_t)ldr_view_base(view) != preferred_base(view);
    bool relocated = moved && !options->no_relocate;
    ldr_diag diag;
    if (!options->no_relocate && ldr_view_relocate(view, &diag) != LDR_OK)
        return fail(options, path, &diag);
    map_locations locations;
    if (!map_locations_find(view, &options->locate, &locations))
        return CLI_FAILED;
    const map_subject subject = {.path = path,
                                 .view = view,
                                 .profile = profile,
                                 .is_relocated = relocated,
                                 .nt_status = ldr_view_nt_status(view)};
    if (options->as_json)
        print_json(options, &subject, &locations);
    else
        print_text(options, &subject, &locations);
    if (options->dump != NULL && !dump_view(view, options->dump))
        return CLI_FAILED;
    if (options->svg != NULL && !map_picture(&subject, options->svg))
        return CLI_FAILED;
    return CLI_DONE;
}

static ldr_status open_memory(const char *path, const ldr_section_options *options,
                              ldr_section **ret_section, ldr_diag *diag)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    ldr_status status = cli_read_file(path, &bytes, &size, diag);
    if (status == LDR_OK)
        status =
            ldr_section_from_memory(cli_base_name(path), bytes, size, options, ret_section, diag);
    free(bytes);
    return status;
}

static int map_file(const map_options *options, const char *path,
                    const ldr_section_options *section_options,
                    const ldr_view_options *view_options)
{
    ldr_section *section;
    ldr_view *view;
    ldr_diag diag;

    ldr_status status = options->from_memory
                            ? open_memory(path, section_options, &section, &diag)
                            : ldr_section_from_file(path, section_options, &section, &diag);
    if (status != LDR_OK)
        return fail(options, path, &diag);
    status = ldr_view_map(section, view_options, &view, &diag);
    ldr_section_close(section);
    if (status != LDR_OK)
        return fail(options, path, &diag);
    int result = show_view(options, path, section_options->profile, view);
    ldr_view_unmap(view);
    return result;
}

/* False, said on stderr, if a name is none. */
static bool choose(const map_options *options, ldr_section_options *ret_chosen)
{
    *ret_chosen = (ldr_section_options){
        .size = sizeof *ret_chosen,
        .source = options->snapshot ? LDR_SOURCE_SNAPSHOT : LDR_SOURCE_FILE_BACKED,
        .no_execute = options->no_execute,
    };
    return cli_profile(options->profile, &ret_chosen->profile) &&
           cli_platform(options->platform, &ret_chosen->platform) &&
           cli_aslr(options->aslr, &ret_chosen->aslr);
}

int cli_map(int argc, char **argv)
{
    map_options options = {0};
    const cli_option table[] = {
        {"--json", CLI_FLAG, &options.as_json},
        {"--no-relocate", CLI_FLAG, &options.no_relocate},
        {"--dump", CLI_TEXT, &options.dump},
        {"--svg", CLI_TEXT, &options.svg},
        {"--base", CLI_TEXT, &options.base},
        {"--profile", CLI_TEXT, &options.profile},
        {"--platform", CLI_TEXT, &options.platform},
        {"--machine", CLI_TEXT, &options.machine},
        {"--aslr", CLI_TEXT, &options.aslr},
        {"--no-execute", CLI_FLAG, &options.no_execute},
        {"--snapshot", CLI_FLAG, &options.snapshot},
        {"--memory", CLI_FLAG, &options.from_memory},
        {"--control-area", CLI_FLAG, &options.control_area},
        {"--locate", CLI_LIST, &options.locate},
    };
    const cli_syntax syntax = {table, sizeof table / sizeof table[0], false, 1, 1};
    ldr_section_options section_options;
    ldr_view_options view_options = {.size = sizeof view_options};

    if (cli_parse(&syntax, argc, argv) < 0 || !choose(&options, &section_options) ||
        !cli_base(options.base, &view_options.base) || !map_locations_parse(&options.locate) ||
        !cli_machine(options.machine, &view_options.machine))
        return CLI_USAGE;
    return map_file(&options, argv[1], &section_options, &view_options);
}
