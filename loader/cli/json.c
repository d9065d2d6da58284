#include "cli.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
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

/* Makes room in a line for `size` bytes more. */
static bool make_room(cli_line *line, size_t size)
{
    enum { FIRST = 4096 };
    if (size <= line->capacity - line->size)
        return true;
    size_t capacity = line->capacity > 0 ? line->capacity : FIRST;
    while (capacity - line->size < size)
        capacity *= 2;
    char *text = realloc(line->text, capacity);
    line->has_failed |= text == NULL;
    if (text == NULL)
        return false;
    line->text = text;
    line->capacity = capacity;
    return true;
}

bool cli_line_add(cli_line *line, const void *bytes, size_t size)
{
    if (!make_room(line, size))
        return false;
    memcpy(line->text + line->size, bytes, size);
    line->size += size;
    return !line->has_failed;
}

static void put(cli_json *json, const void *bytes, size_t size)
{
    if (json->line == NULL)
        fwrite(bytes, 1, size, json->out);
    else
        cli_line_add(json->line, bytes, size);
}

static void put_char(cli_json *json, char c)
{
    put(json, &c, 1);
}

static void put_text(cli_json *json, const char *text)
{
    put(json, text, strlen(text));
}

/* One byte of a string that needs an escape. */
static void put_escape(cli_json *json, uint8_t byte)
{
    const char unit[] = {'\\', 'u', '0', '0', "01234567"[byte >> 4], "0123456789abcdef"[byte & 15]};
    const char other[] = {'\\', (char)byte};
    if (byte == '"' || byte == '\\')
        put(json, other, sizeof other);
    else
        put(json, unit, sizeof unit);
}

/* A JSON string (RFC 8259, section 7); a byte that is not UTF-8 becomes U+FFFD. */
static void put_string(cli_json *json, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    put_char(json, '"');
    for (size_t i = 0; i < size;) {
        uint32_t code_point;
        size_t plain = plain_length(at + i, size - i);
        put(json, at + i, plain);
        i += plain;
        if (i == size)
            break;
        size_t length = cli_utf8_decode(at + i, size - i, &code_point);
        if (length == 0)
            put_text(json, "\\ufffd");
        else if (at[i] < 0x80)
            put_escape(json, at[i]);
        else
            put(json, at + i, length);
        i += length > 0 ? length : 1;
    }
    put_char(json, '"');
}

/* Writes what comes before a value: a comma if it is not the first, and its key if it has one. */
static cli_json *begin_value(cli_json *json, const char *key)
{
    if (json->has_items[json->depth])
        put_text(json, ", ");
    json->has_items[json->depth] = true;
    if (key != NULL) {
        put_char(json, '"');
        put_text(json, key);
        put_text(json, "\": ");
    }
    return json;
}

/* `value` in `base`, with at least `digits` digits: numbers are most of what is written. */
static void put_number(cli_json *json, uint64_t value, unsigned base, int digits)
{
    enum { LONGEST = 20 };
    char text[LONGEST];
    int length = 0;
    for (; value != 0 || length == 0 || (length < digits && length < LONGEST); value /= base)
        text[LONGEST - ++length] = "0123456789abcdef"[value % base];
    put(json, text + LONGEST - length, (size_t)length);
}

void cli_json_open(cli_json *json, const char *key, char bracket)
{
    if (json->muted > 0)
        return;
    put_char(begin_value(json, key), bracket);
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
    put_char(json, bracket);
}

void cli_json_bytes(cli_json *json, const char *key, const void *bytes, size_t size)
{
    if (json->muted > 0)
        return;
    put_string(begin_value(json, key), bytes, size);
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
    put_number(begin_value(json, key), value, 10, 1);
}

void cli_json_signed(cli_json *json, const char *key, int64_t value)
{
    if (json->muted > 0)
        return;
    if (value < 0)
        put_char(begin_value(json, key), '-');
    else
        begin_value(json, key);
    put_number(json, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, 1);
}

void cli_json_real(cli_json *json, const char *key, double value)
{
    if (json->muted > 0)
        return;
    char text[32];
    if (!(fabs(value) <= DBL_MAX)) {
        cli_json_null(json, key);
        return;
    }
    snprintf(text, sizeof text, "%.17g", value);
    put_text(begin_value(json, key), text);
}

void cli_json_bool(cli_json *json, const char *key, bool value)
{
    if (json->muted > 0)
        return;
    put_text(begin_value(json, key), value ? "true" : "false");
}

void cli_json_null(cli_json *json, const char *key)
{
    if (json->muted > 0)
        return;
    put_text(begin_value(json, key), "null");
}

void cli_json_hex(cli_json *json, const char *key, uint64_t value, int digits)
{
    if (json->muted > 0)
        return;
    put_text(begin_value(json, key), "\"0x");
    put_number(json, value, 16, digits);
    put_char(json, '"');
}

void cli_json_dump(cli_json *json, const char *key, const void *bytes, size_t size)
{
    if (json->muted > 0)
        return;
    const uint8_t *at = bytes;
    put_char(begin_value(json, key), '"');
    for (size_t i = 0; i < size; i++)
        put_number(json, at[i], 16, 2);
    put_char(json, '"');
}

void cli_json_end_line(cli_json *json)
{
    put_char(json, '\n');
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
    cli_json_end_line(&json);
}
