#include "report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { INDENT = 2, NAME_WIDTH = 28 };

static bool is_row(const inspect_report *report)
{
    return (report->rows >> report->depth & 1) != 0;
}

static void end_line(inspect_report *report)
{
    if (report->is_mid_line)
        putchar('\n');
    report->is_mid_line = false;
}

static void indent(const inspect_report *report)
{
    for (unsigned level = 1; level <= report->depth; level++)
        printf("%*s", (report->indents >> level & 1) != 0 ? INDENT : 0, "");
}

/* The text up to a field's value. */
static void begin_field(inspect_report *report, const char *name)
{
    if (report->is_mid_line)
        printf("  ");
    else
        indent(report);
    if (name != NULL && is_row(report))
        printf("%s ", name);
    else if (name != NULL)
        printf("%-*s", NAME_WIDTH, name);
    report->is_mid_line = true;
}

static void end_field(inspect_report *report)
{
    if (!is_row(report))
        end_line(report);
}

static void print_name(inspect_report *report, const char *name)
{
    if (report->depth == 0)
        putchar('\n');
    indent(report);
    if (report->depth == 0)
        inspect_paint(report, INSPECT_TITLE, name);
    else
        fputs(name, stdout);
    putchar('\n');
}

/* What has a name is below it; items of a list are not further in than the list. */
static void open_level(inspect_report *report, const char *name, bool as_row)
{
    end_line(report);
    if (name != NULL)
        print_name(report, name);
    report->depth++;
    uint32_t bit = UINT32_C(1) << report->depth;
    report->rows = (report->rows & ~bit) | (as_row ? bit : 0);
    report->indents = (report->indents & ~bit) | (name != NULL ? bit : 0);
}

static void close_level(inspect_report *report)
{
    end_line(report);
    report->depth--;
}

void inspect_open_record(inspect_report *report, const char *name, inspect_shape shape)
{
    if (report->json != NULL)
        cli_json_open(report->json, name, '{');
    else
        open_level(report, name, shape == INSPECT_ROW);
}

void inspect_close_record(inspect_report *report)
{
    if (report->json != NULL)
        cli_json_close(report->json, '}');
    else
        close_level(report);
}

void inspect_open_list(inspect_report *report, const char *name)
{
    if (report->json != NULL)
        cli_json_open(report->json, name, '[');
    else
        open_level(report, name, false);
}

void inspect_close_list(inspect_report *report)
{
    if (report->json != NULL)
        cli_json_close(report->json, ']');
    else
        close_level(report);
}

void inspect_number(inspect_report *report, const char *name, uint64_t value)
{
    if (report->json != NULL) {
        cli_json_number(report->json, name, value);
        return;
    }
    begin_field(report, name);
    printf("%" PRIu64, value);
    end_field(report);
}

void inspect_signed(inspect_report *report, const char *name, int64_t value)
{
    if (report->json != NULL) {
        cli_json_signed(report->json, name, value);
        return;
    }
    begin_field(report, name);
    printf("%" PRId64, value);
    end_field(report);
}

void inspect_hex(inspect_report *report, const char *name, uint64_t value, int digits)
{
    if (report->json != NULL) {
        cli_json_hex(report->json, name, value, digits);
        return;
    }
    begin_field(report, name);
    printf("0x%0*" PRIx64, digits, value);
    end_field(report);
}

void inspect_rva(inspect_report *report, const char *name, pe_rva rva)
{
    if (report->json != NULL)
        cli_json_number(report->json, name, rva.value);
    else
        inspect_hex(report, name, rva.value, 8);
}

void inspect_real(inspect_report *report, const char *name, double value)
{
    if (report->json != NULL) {
        cli_json_real(report->json, name, value);
        return;
    }
    begin_field(report, name);
    printf("%.3f", value);
    end_field(report);
}

void inspect_bool(inspect_report *report, const char *name, bool value)
{
    if (report->json != NULL) {
        cli_json_bool(report->json, name, value);
        return;
    }
    begin_field(report, name);
    fputs(value ? "yes" : "no", stdout);
    end_field(report);
}

void inspect_span(inspect_report *report, const char *name, pe_span span)
{
    if (report->json != NULL) {
        inspect_json_span(report->json, name, span);
        return;
    }
    begin_field(report, name);
    inspect_print_span(span);
    end_field(report);
}

void inspect_text(inspect_report *report, const char *name, const char *text)
{
    if (text != NULL)
        inspect_span(report, name, (pe_span){(const uint8_t *)text, strlen(text)});
    else if (report->json != NULL)
        cli_json_null(report->json, name);
    else if (!is_row(report))
        inspect_text(report, name, "-");
}

void inspect_utf16(inspect_report *report, const char *name, const pe_utf16 *text)
{
    char *copy = inspect_utf8(text);
    inspect_text(report, name, copy);
    free(copy);
}

void inspect_dump(inspect_report *report, const char *name, const void *bytes, size_t size)
{
    if (report->json != NULL) {
        cli_json_dump(report->json, name, bytes, size);
        return;
    }
    begin_field(report, name);
    cli_print_hex(stdout, bytes, size);
    end_field(report);
}

void inspect_status(inspect_report *report, pe_status status)
{
    if (report->json != NULL || status != PE_OK)
        inspect_text(report, "status", pe_status_text(status));
}

void inspect_range(inspect_report *report, const char *unit, uint64_t start, uint64_t size)
{
    if (report->json != NULL)
        inspect_json_range(report->json, unit, start, size);
    else if (is_row(report))
        inspect_hex(report, NULL, start, 8);
    else
        inspect_hex(report, unit, start, 8);
}

static void put_flags(inspect_report *report, uint32_t value, const char *(*name_of)(uint32_t bit))
{
    bool is_first = true;
    for (unsigned i = 0; i < 32; i++) {
        uint32_t bit = UINT32_C(1) << i;
        const char *name = (value & bit) != 0 ? name_of(bit) : NULL;
        if (name != NULL && report->json != NULL)
            cli_json_text(report->json, NULL, name);
        else if (name != NULL)
            printf("%s%s", is_first ? "" : " ", name);
        is_first = is_first && name == NULL;
    }
}

void inspect_flags(inspect_report *report, const char *name, uint32_t value,
                   const char *(*name_of)(uint32_t bit))
{
    if (report->json != NULL) {
        cli_json_open(report->json, name, '[');
        put_flags(report, value, name_of);
        cli_json_close(report->json, ']');
        return;
    }
    begin_field(report, name);
    put_flags(report, value, name_of);
    end_field(report);
}
