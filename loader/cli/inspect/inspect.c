#include "cli/cli.h"
#include "cli/system.h"

#include "report.h"

#include <stdlib.h>
#include <string.h>

/* Items and bytes of names shown in all: what a hostile table could repeat without end. */
enum { BUDGET = 1 << 24 };

typedef struct part {
    const char *name;
    void (*show)(inspect_report *report); /* as text, or into the JSON object */
    bool reads_contents;                  /* what the resources hold, symbols */
} part;

static const part parts[] = {
    {"file_facts", inspect_file, false},
    {"headers", inspect_headers, false},
    {"rich", inspect_rich, false},
    {"directories", inspect_directories, false},
    {"sections", inspect_sections, false},
    {"imports", inspect_imports, false},
    {"bound_imports", inspect_bound_imports, false},
    {"delay_imports", inspect_delay_imports, false},
    {"exports", inspect_exports, false},
    {"resources", inspect_resources, false},
    {"decoded_resources", inspect_decoded, true},
    {"exceptions", inspect_exceptions, false},
    {"relocations", inspect_relocations, false},
    {"tls", inspect_tls, false},
    {"load_config", inspect_load_config, false},
    {"dynamic_relocations", inspect_dynamic_relocations, false},
    {"chpe", inspect_chpe, false},
    {"volatile_metadata", inspect_volatile, false},
    {"enclave", inspect_enclave, false},
    {"clr", inspect_clr, false},
    {"debug", inspect_debug, false},
    {"certificates", inspect_certificates, false},
    {"symbols", inspect_symbols, true},
    {"hashes", inspect_hashes, false},
    {"findings", inspect_findings, false},
};

enum { PART_COUNT = sizeof parts / sizeof parts[0] };

_Static_assert((int)PART_COUNT <= (int)INSPECT_PARTS_MAX, "a choice has room for all parts");

bool inspect_choose(const char *list, inspect_choice *choice)
{
    for (size_t i = 0; i < PART_COUNT; i++)
        choice->is_wanted[i] =
            list == NULL && !(choice->without_contents && parts[i].reads_contents);
    while (list != NULL) {
        size_t length = strcspn(list, ","), i = 0;
        while (i < PART_COUNT &&
               (strlen(parts[i].name) != length || strncmp(parts[i].name, list, length) != 0))
            i++;
        if (i == PART_COUNT) {
            fprintf(stderr, "peload: --only: no such part: %.*s\n", (int)length, list);
            return false;
        }
        choice->is_wanted[i] = true;
        list = list[length] == ',' ? list + length + 1 : NULL;
    }
    return true;
}

static void begin_json(cli_json *json, const char *path, const inspect_choice *choice)
{
    bool is_whole = !choice->without_items && !choice->without_contents;
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "schema", is_whole ? INSPECT_SCHEMA : INSPECT_SUMMARY_SCHEMA);
    cli_json_text(json, "file", path);
}

static void end_json(cli_json *json)
{
    cli_json_close(json, '}');
    cli_json_end_line(json);
}

void inspect_write_failure(cli_json *json, const char *path, const inspect_choice *choice,
                           const ldr_diag *diag)
{
    begin_json(json, path, choice);
    cli_json_diag(json, diag);
    end_json(json);
}

static int fail(cli_json *json, const char *path, const ldr_diag *diag)
{
    const inspect_choice whole = {0};
    cli_report(diag);
    if (json != NULL)
        inspect_write_failure(json, path, &whole, diag);
    return CLI_FAILED;
}

/* True if the file ends before the bytes of a section do. */
static bool is_cut_off(const pe_image *image)
{
    for (uint32_t i = 0; i < image->file.section_count; i++) {
        pe_section section;
        if (pe_section_at(image, i, &section) != PE_OK)
            return true;
        if (section.raw_size > 0 &&
            !pe_range_ok(image->bytes.size, section.raw.value, section.raw_size))
            return true;
    }
    return false;
}

static void show_parts(inspect_report *report, const char *path, const inspect_choice *choice)
{
    cli_json *json = report->json;
    if (json != NULL)
        begin_json(json, path, choice);
    inspect_verdict(report, path);
    for (size_t i = 0; i < PART_COUNT; i++) {
        if (choice->is_wanted[i])
            parts[i].show(report);
    }
    if (json != NULL)
        end_json(json);
}

/* What a refused image says is an answer; a file that is not all there is a failure. */
static int judge(const inspect_report *report)
{
    if (report->verdict.status == LDR_OK || !is_cut_off(report->image))
        return CLI_DONE;
    cli_report(&report->verdict);
    return CLI_FAILED;
}

/* Opens the image with a budget; false, with the diagnostic, if its headers cannot be read. */
static bool open_image(const char *path, pe_span bytes, pe_budget *budget, pe_image *ret_image,
                       ldr_diag *ret_diag)
{
    pe_diag why;
    if (pe_open(bytes, PE_LAYOUT_FILE, ret_image, &why) != PE_OK) {
        cli_fail(ret_diag, LDR_IMAGE_REFUSED, why.nt_status, path);
        ret_diag->why = why;
        return false;
    }
    /* A table is read for its part, for a hash, and for the findings. */
    *budget = pe_budget_for(bytes.size);
    budget->left *= 4;
    ret_image->budget = budget;
    return true;
}

void inspect_write(cli_json *json, const char *path, pe_span bytes, const inspect_choice *choice)
{
    pe_image image;
    pe_budget budget;
    ldr_diag diag;
    inspect_report report = {
        .image = &image,
        .json = json,
        .without_items = choice->without_items,
        .without_contents = choice->without_contents,
        .budget = BUDGET,
    };
    if (open_image(path, bytes, &budget, &image, &diag))
        show_parts(&report, path, choice);
    else
        inspect_write_failure(json, path, choice, &diag);
}

/* See no-color.org. */
static bool wants_colour(void)
{
    const char *no_color = getenv("NO_COLOR");
    return cli_is_terminal(stdout) && (no_color == NULL || no_color[0] == '\0');
}

int cli_inspect(int argc, char **argv)
{
    bool as_json = false;
    inspect_choice choice = {0};
    const char *only = NULL;
    const cli_option table[] = {{"--json", CLI_FLAG, &as_json}, {"--only", CLI_TEXT, &only}};
    const cli_syntax syntax = {table, 2, false, 1, 1};
    uint8_t *bytes;
    size_t size;
    ldr_diag diag;

    if (cli_parse(&syntax, argc, argv) < 0 || !inspect_choose(only, &choice))
        return CLI_USAGE;
    const char *path = argv[1];
    cli_json writer = {.out = stdout};
    cli_json *json = as_json ? &writer : NULL;
    if (cli_read_file(path, &bytes, &size, &diag) != LDR_OK)
        return fail(json, path, &diag);

    int result;
    pe_image image;
    pe_budget budget;
    if (open_image(path, (pe_span){bytes, size}, &budget, &image, &diag)) {
        inspect_report report = {
            .image = &image, .json = json, .is_coloured = wants_colour(), .budget = BUDGET};
        show_parts(&report, path, &choice);
        result = judge(&report);
    } else {
        result = fail(json, path, &diag);
    }
    free(bytes);
    return result;
}
