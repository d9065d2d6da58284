#include "call_values.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const type_names[] = {
    [CALL_U64] = "u64",   [CALL_I64] = "i64", [CALL_INT] = "int",
    [CALL_UINT] = "uint", [CALL_PTR] = "ptr", [CALL_STR] = "str",
    [CALL_WSTR] = "wstr", [CALL_F64] = "f64", [CALL_VOID] = "void",
};

bool call_type_parse(const char *name, call_type *ret_type)
{
    for (size_t i = 0; i < sizeof type_names / sizeof type_names[0]; i++) {
        if (name == NULL || strcmp(type_names[i], name) == 0) {
            *ret_type = (call_type)i;
            return true;
        }
    }
    fprintf(stderr, "peload: --ret: no such type: %s\n", name);
    return false;
}

/* A copy of the text that the result points to, for the caller to free; NULL for a null pointer. */
static char *copy_text(const call_result *result, call_type type)
{
    const void *text = (const void *)(uintptr_t)result->integer;
    if (text == NULL)
        return NULL;
    return type == CALL_WSTR ? cli_utf8_copy(text) : strdup(text);
}

static void print_string(const call_result *result, call_type type)
{
    char *text = copy_text(result, type);
    printf("%s\n", text != NULL ? text : "NULL");
    free(text);
}

void call_result_print(const call_result *result, call_type type)
{
    switch (type) {
    case CALL_U64:
    case CALL_PTR:
        printf("0x%" PRIx64 "\n", result->integer);
        break;
    case CALL_I64:
        printf("%" PRId64 "\n", (int64_t)result->integer);
        break;
    case CALL_INT:
        printf("%" PRId32 "\n", (int32_t)result->integer);
        break;
    case CALL_UINT:
        printf("%" PRIu32 "\n", (uint32_t)result->integer);
        break;
    case CALL_STR:
    case CALL_WSTR:
        print_string(result, type);
        break;
    case CALL_F64:
        printf("%.17g\n", result->real);
        break;
    case CALL_VOID:
        break;
    }
}

static void json_string(cli_json *json, const call_result *result, call_type type)
{
    char *text = copy_text(result, type);
    cli_json_text(json, "result", text);
    free(text);
}

void call_result_json(cli_json *json, const call_result *result, call_type type)
{
    switch (type) {
    case CALL_U64:
    case CALL_PTR:
        cli_json_hex(json, "result", result->integer, 1);
        break;
    case CALL_I64:
        cli_json_signed(json, "result", (int64_t)result->integer);
        break;
    case CALL_INT:
        cli_json_signed(json, "result", (int32_t)result->integer);
        break;
    case CALL_UINT:
        cli_json_number(json, "result", (uint32_t)result->integer);
        break;
    case CALL_STR:
    case CALL_WSTR:
        json_string(json, result, type);
        break;
    case CALL_F64:
        cli_json_real(json, "result", result->real);
        break;
    case CALL_VOID:
        cli_json_null(json, "result");
        break;
    }
}
