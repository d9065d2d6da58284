#include "cli.h"

#include <assert.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* How many of the bytes need no escape: printable ASCII but quotes and backslashes. */
static size_t plain_length(const uint8_t *at, size_t size)
{
    size_t length = 0;
    while (length < size && at[length] >= 0x20 && at[length] < 0x7F && at[length] != '"' &&
           at[length] != '\\')
        length++;
    return length;
}

/* A JSON string (RFC 8259, section 7); a byte that is not UTF-8 becomes U+FFFD. */
static void write_string(FILE *out, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    fputc('"', out);
    for (size_t i = 0; i < size;) {
        uint32_t code_point;
        size_t plain = plain_length(at + i, size - i);
        fwrite(at + i, 1, plain, out);
        i += plain;
        if (i == size)
            break;
        size_t length = cli_utf8_decode(at + i, size - i, &code_point);
        if (length == 0)
            fputs("\\ufffd", out);
        else if (at[i] == '"' || at[i] == '\\')
            fprintf(out, "\\%c", at[i]);
        else if (at[i] < 0x20 || at[i] == 0x7F)
            fprintf(out, "\\u%04x", at[i]);
        else
            fwrite(at + i, 1, length, out);
        i += length > 0 ? length : 1;
    }
    fputc('"', out);
}

static void write_text(FILE *out, const char *text)
{
    fwrite(text, 1, strlen(text), out);
}

/* Writes what comes before a value: a comma if it is not the first, and its key if it has one. */
static FILE *begin_value(cli_json *json, const char *key)
{
    if (json->has_items[json->depth])
        write_text(json->out, ", ");
    json->has_items[json->depth] = true;
    if (key != NULL) {
        fputc('"', json->out);
        write_text(json->out, key);
        write_text(json->out, "\": ");
    }
    return json->out;
}

/* `value` in `base`, with at least `digits` digits: numbers are most of what is written. */
static void write_number(FILE *out, uint64_t value, unsigned base, int digits)
{
    enum { LONGEST = 20 };
    char text[LONGEST];
    int length = 0;
    for (; value != 0 || length == 0 || (length < digits && length < LONGEST); value /= base)
        text[LONGEST - ++length] = "0123456789abcdef"[value % base];
    fwrite(text + LONGEST - length, 1, (size_t)length, out);
}

void cli_json_open(cli_json *json, const char *key, char bracket)
{
    if (json->muted > 0)
        return;
    fputc(bracket, begin_value(json, key));
    json->depth++;
    assert(json->depth < CLI_JSON_DEPTH);
    json->has_items[json->depth] = false;
}

void cli_json_close(cli_json *json, char bracket)
{
    if (json->muted > 0)
        return;
    assert(json->depth > 0);
    json->depth--;
    fputc(bracket, json->out);
}

void cli_json_bytes(cli_json *json, const char *key, const void *bytes, size_t size)
{
    if (json->muted > 0)
        return;
    write_string(begin_value(json, key), bytes, size);
}

void cli_json_text(cli_json *json, const char *key, const char *text)
{
    if (text == NULL)
        cli_json_null(json, key);
    else
        cli_json_bytes(json, key, text, strlen(text));
}

void cli_json_number(cli_json *json, const char *key, uint64_t value)
{
    if (json->muted > 0)
        return;
    write_number(begin_value(json, key), value, 10, 1);
}

void cli_json_signed(cli_json *json, const char *key, int64_t value)
{
    if (json->muted > 0)
        return;
    fprintf(begin_value(json, key), "%" PRId64, value);
}

void cli_json_real(cli_json *json, const char *key, double value)
{
    if (json->muted > 0)
        return;
    if (fabs(value) <= DBL_MAX)
        fprintf(begin_value(json, key), "%.17g", value);
    else
        cli_json_null(json, key);
}

void cli_json_bool(cli_json *json, const char *key, bool value)
{
    if (json->muted > 0)
        return;
    fputs(value ? "true" : "false", begin_value(json, key));
}

void cli_json_null(cli_json *json, const char *key)
{
    if (json->muted > 0)
        return;
    fputs("null", begin_value(json, key));
}

void cli_json_hex(cli_json *json, const char *key, uint64_t value, int digits)
{
    if (json->muted > 0)
        return;
    FILE *out = begin_value(json, key);
    write_text(out, "\"0x");
    write_number(out, value, 16, digits);
    fputc('"', out);
}

void cli_json_dump(cli_json *json, const char *key, const void *bytes, size_t size)
{
    if (json->muted > 0)
        return;
    FILE *out = begin_value(json, key);
    fputc('"', out);
    cli_print_hex(out, bytes, size);
    fputc('"', out);
}

void cli_json_diag(cli_json *json, const ldr_diag *diag)
{
    char line[1024];
    uint32_t nt_status = diag->why.nt_status;
    if (diag->status != LDR_OK && nt_status == PE_NT_SUCCESS)
        nt_status = PE_NT_UNSUCCESSFUL;

    cli_json_hex(json, "status", nt_status, 8);
    cli_json_text(json, "status_name", pe_nt_status_name(nt_status));
    if (diag->status == LDR_OK)
        return;
    cli_json_text(json, "error", ldr_diag_text(diag, line, sizeof line));
    cli_json_text(json, "rule", diag->why.rule);
    if (diag->why.rule == NULL)
        return;
    cli_json_number(json, "offset", diag->why.offset);
    cli_json_hex(json, "value", diag->why.value, 1);
    cli_json_hex(json, "allowed", diag->why.allowed, 1);
    cli_json_text(json, "detail", diag->why.detail);
}

void cli_json_failure(const char *file, const ldr_diag *diag)
{
    cli_json json = {.out = stdout};
    cli_json_open(&json, NULL, '{');
    cli_json_text(&json, "file", file);
    cli_json_diag(&json, diag);
    cli_json_close(&json, '}');
    putchar('\n');
}
