#include "call_values.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int out_of_memory(void)
{
    fprintf(stderr, "peload: %s\n", ldr_status_text(LDR_NO_MEMORY));
    return CLI_FAILED;
}

/* ---- Arguments: one parser for each prefix; `text` is what follows it ---- */

static int parse_str(const char *text, call_value *value)
{
    value->memory = strdup(text);
    return value->memory != NULL ? CLI_DONE : out_of_memory();
}

static int parse_wstr(const char *text, call_value *value)
{
    value->memory = cli_utf16_copy(text);
    return value->memory != NULL ? CLI_DONE : out_of_memory();
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c + 0x20 : c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

static int parse_hex(const char *text, call_value *value)
{
    size_t length = strlen(text);
    uint8_t *bytes = calloc(length / 2 + 1, 1);
    if (bytes == NULL)
        return out_of_memory();
    value->memory = bytes;
    for (size_t i = 0; i < length; i++) {
        int digit = hex_digit(text[i]);
        if (digit < 0 || length % 2 != 0)
            return CLI_USAGE;
        bytes[i / 2] = (uint8_t)(bytes[i / 2] << 4 | digit);
    }
    return CLI_DONE;
}

static int parse_file(const char *text, call_value *value)
{
    uint8_t *bytes;
    ldr_diag diag;
    if (cli_read_file(text, &bytes, &value->size, &diag) != LDR_OK) {
        cli_report(&diag);
        return CLI_FAILED;
    }
    value->memory = bytes;
    return CLI_DONE;
}

static int parse_buf(const char *text, call_value *value)
{
    uint64_t size;
    if (!cli_number(text, &size) || text[0] == '-')
        return CLI_USAGE;
    value->size = size;
    value->show = CALL_SHOW_BYTES;
    value->memory = calloc(size > 0 ? size : 1, 1);
    return value->memory != NULL ? CLI_DONE : out_of_memory();
}

static int parse_pointer(const char *text, call_value *value, call_show show, size_t size)
{
    uint64_t number;
    if (!cli_number(text, &number) || (size == 4 && number > UINT32_MAX))
        return CLI_USAGE;
    value->show = show;
    value->memory = calloc(1, sizeof number);
    if (value->memory == NULL)
        return out_of_memory();
    memcpy(value->memory, &number, size); /* little-endian */
    return CLI_DONE;
}

static int parse_u32(const char *text, call_value *value)
{
    return parse_pointer(text, value, CALL_SHOW_U32, 4);
}

static int parse_u64(const char *text, call_value *value)
{
    return parse_pointer(text, value, CALL_SHOW_U64, 8);
}

/* An integer, or a double with its suffix. */
static int parse_number(const char *text, call_value *value)
{
    if (cli_number(text, &value->number))
        return CLI_DONE;
    char *end;
    double real = strtod(text, &end);
    if (end == text || strcmp(end, "f64") != 0)
        return CLI_USAGE;
    memcpy(&value->number, &real, sizeof real);
    return CLI_DONE;
}

static const struct {
    const char *prefix;
    int (*parse)(const char *text, call_value *value);
} forms[] = {
    {"str:", parse_str}, {"wstr:", parse_wstr}, {"hex:", parse_hex}, {"file:", parse_file},
    {"buf:", parse_buf}, {"u32:", parse_u32},   {"u64:", parse_u64}, {"", parse_number},
};

int call_value_parse(const char *text, call_value *ret_value)
{
    call_value value = {.text = text};
    size_t form = 0;
    while (strncmp(text, forms[form].prefix, strlen(forms[form].prefix)) != 0)
        form++; /* ends at the empty prefix */
    int result = forms[form].parse(text + strlen(forms[form].prefix), &value);
    if (result == CLI_USAGE)
        fprintf(stderr, "peload: not an argument: %s\n", text);
    if (result != CLI_DONE)
        call_value_free(&value);
    else
        *ret_value = value;
    return result;
}

void call_value_free(call_value *value)
{
    free(value->memory);
    value->memory = NULL;
}

uint64_t call_value_slot(const call_value *value)
{
    return value->memory != NULL ? (uintptr_t)value->memory : value->number;
}

static uint64_t pointed_to(const call_value *value)
{
    uint64_t number = 0;
    memcpy(&number, value->memory, value->show == CALL_SHOW_U32 ? 4 : 8);
    return number;
}

void call_value_print(const call_value *value, size_t index)
{
    if (value->show == CALL_SHOW_NOT)
        return;
    printf("argument %zu (%s): ", index, value->text);
    if (value->show == CALL_SHOW_BYTES)
        cli_print_hex(stdout, value->memory, value->size);
    else
        printf("0x%" PRIx64, pointed_to(value));
    putchar('\n');
}

void call_value_json(cli_json *json, const call_value *value, size_t index)
{
    cli_json_open(json, NULL, '{');
    cli_json_number(json, "index", index);
    cli_json_text(json, "text", value->text);
    if (value->show == CALL_SHOW_BYTES)
        cli_json_dump(json, "after", value->memory, value->size);
    else if (value->show != CALL_SHOW_NOT)
        cli_json_hex(json, "after", pointed_to(value), 1);
    cli_json_close(json, '}');
}
