#include "report.h"

#include <inttypes.h>
#include <stdlib.h>

bool inspect_charge(inspect_report *report, pe_span name)
{
    uint64_t cost = 1 + name.size;
    if (cost > report->budget) {
        report->budget = 0;
        return false;
    }
    report->budget -= cost;
    return true;
}

void inspect_paint(const inspect_report *report, inspect_colour colour, const char *text)
{
    static const char *const codes[] = {"\033[1m", "\033[32m", "\033[31m"};
    if (report->is_coloured)
        printf("%s%s\033[0m", codes[colour], text);
    else
        fputs(text, stdout);
}

void inspect_table_status(inspect_report *report, pe_status status)
{
    bool is_whole = status == PE_OK || status == PE_END;
    const char *text = report->budget == 0 ? "too much to show" : pe_status_text(status);
    if (report->json != NULL) {
        cli_json_text(report->json, "status", is_whole ? pe_status_text(PE_OK) : text);
    } else if (!is_whole) {
        inspect_text(report, "...", text);
    }
}

void inspect_open_table(inspect_report *report, const char *name)
{
    inspect_open_record(report, name, INSPECT_BLOCK);
    if (report->json != NULL && report->without_items)
        report->json->muted++;
    else if (report->json != NULL)
        cli_json_open(report->json, "items", '[');
}

void inspect_close_items(inspect_report *report, uint64_t count)
{
    if (report->json == NULL)
        return;
    if (report->without_items)
        report->json->muted--;
    else
        cli_json_close(report->json, ']');
    cli_json_number(report->json, "count", count);
}

void inspect_end_table(inspect_report *report, pe_status status)
{
    inspect_table_status(report, status);
    inspect_close_record(report);
}

void inspect_close_table(inspect_report *report, uint64_t count, pe_status status)
{
    inspect_close_items(report, count);
    inspect_end_table(report, status);
}

void inspect_json_range(cli_json *json, const char *unit, uint64_t start, uint64_t size)
{
    cli_json_open(json, "range", '{');
    cli_json_number(json, unit, start);
    cli_json_number(json, "size", size);
    cli_json_close(json, '}');
}

void inspect_json_span(cli_json *json, const char *key, pe_span span)
{
    cli_json_bytes(json, key, span.data, span.size);
}

void inspect_print_span(pe_span span)
{
    cli_print_bytes(stdout, span.data, span.size);
}

char *inspect_utf8(const pe_utf16 *text)
{
    uint16_t *units = malloc(((size_t)text->length + 1) * sizeof *units);
    if (units == NULL)
        return NULL;
    for (uint32_t i = 0; i < text->length; i++) {
        uint16_t unit = pe_utf16_unit(text, i);
        units[i] = unit != 0 ? unit : 0xFFFD;
    }
    units[text->length] = 0;
    char *copy = cli_utf8_copy(units);
    free(units);
    return copy;
}
