#include "cli.h"

#include "inspect_report.h"

#include <stdlib.h>
#include <string.h>

/* Items and bytes of names shown in all: what a hostile table could repeat without end. */
enum { BUDGET = 1 << 24 };

static int fail(bool as_json, const char *path, const ldr_diag *diag)
{
    cli_report(diag);
    if (as_json)
        cli_json_failure(path, diag);
    return CLI_FAILED;
}

static int show_image(inspect_report *report, const char *path)
{
    cli_json *json = report->json;
    if (json != NULL) {
        cli_json_open(json, NULL, '{');
        cli_json_text(json, "file", path);
    }
    inspect_verdict(report, path);
    inspect_headers(report);
    inspect_directories(report);
    inspect_sections(report);
    inspect_imports(report);
    inspect_exports(report);
    if (json != NULL) {
        cli_json_close(json, '}');
        putchar('\n');
    }
    /* What a refused image says is an answer; a file that is not all there is a failure. */
    if (!report->is_cut_off || report->verdict.status == LDR_OK)
        return CLI_DONE;
    cli_report(&report->verdict);
    return CLI_FAILED;
}

int cli_inspect(int argc, char **argv)
{
    bool as_json = false;
    const cli_option table[] = {{"--json", CLI_FLAG, &as_json}};
    const cli_syntax syntax = {table, 1, false, 1, 1};
    uint8_t *bytes;
    size_t size;
    ldr_diag diag;

    if (cli_parse(&syntax, argc, argv) < 0)
        return CLI_USAGE;
    const char *path = argv[1];
    if (cli_read_file(path, &bytes, &size, &diag) != LDR_OK)
        return fail(as_json, path, &diag);

    int result;
    pe_image image;
    pe_diag why;
    pe_span span = {bytes, size};
    if (pe_open(span, PE_LAYOUT_FILE, &image, &why) != PE_OK) {
        cli_fail(&diag, LDR_IMAGE_REFUSED, why.nt_status, path);
        diag.why = why;
        result = fail(as_json, path, &diag);
    } else {
        cli_json json = {.out = stdout};
        inspect_report report = {.image = &image, .json = as_json ? &json : NULL, .budget = BUDGET};
        result = show_image(&report, path);
    }
    free(bytes);
    return result;
}
