/*
 * call_values.h: the arguments and the result of `peload call`, from and to text.
 */
#ifndef PELOAD_CALL_VALUES_H
#define PELOAD_CALL_VALUES_H

#include "cli.h"

enum { CALL_VALUES_MAX = 32 };

typedef enum call_show {
    CALL_SHOW_NOT,   /* nothing is printed after the call */
    CALL_SHOW_BYTES, /* the buffer, in hex */
    CALL_SHOW_U32,   /* the value that is pointed to */
    CALL_SHOW_U64,
} call_show;

/* One argument: a number, the bits of a double, or the address of `memory`, which is owned. */
typedef struct call_value {
    const char *text;
    uint64_t number;
    void *memory;
    size_t size;
    call_show show;
} call_value;

/* Parses one argument as `peload --help` lists them. CLI_DONE; CLI_USAGE or CLI_FAILED, reported.
 */
int call_value_parse(const char *text, call_value *ret_value);
void call_value_free(call_value *value);

/* What the callee gets. */
uint64_t call_value_slot(const call_value *value);

/* Prints what is to be shown of argument `index` (from 1) after the call; JSON: every argument. */
void call_value_print(const call_value *value, size_t index);
void call_value_json(cli_json *json, const call_value *value, size_t index);

typedef enum call_type {
    CALL_U64,
    CALL_I64,
    CALL_INT,
    CALL_UINT,
    CALL_PTR,
    CALL_STR,
    CALL_WSTR,
    CALL_F64,
    CALL_VOID,
} call_type;

typedef struct call_result {
    uint64_t integer;
    double real;
} call_result;

/* The type of that name; NULL is u64. False, said on stderr, if there is none. */
bool call_type_parse(const char *name, call_type *ret_type);

/* Prints a line with the result; JSON: the member "result". */
void call_result_print(const call_result *result, call_type type);
void call_result_json(cli_json *json, const call_result *result, call_type type);

#endif
