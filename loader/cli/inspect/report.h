/*
 * report.h: the parts of `peload inspect`, each as aligned text or as a member of one JSON
 * object, which pe/inspect.schema.json describes. Tables are objects with a count, a status and
 * their items; a broken table says so in its status and ends at the first item that cannot be read.
 */
#ifndef PELOAD_INSPECT_REPORT_H
#define PELOAD_INSPECT_REPORT_H

#include "cli/cli.h"

/* What pe/inspect.schema.json describes, and the same with less in it. */
#define INSPECT_SCHEMA         "peload.inspect/1"
#define INSPECT_SUMMARY_SCHEMA "peload.scan/1"

typedef struct inspect_report {
    const pe_image *image;
    cli_json *json;        /* NULL: text */
    bool is_coloured;      /* text for a terminal */
    bool without_items;    /* of tables only counts and statuses (JSON) */
    bool without_contents; /* leaves out what all bytes of the file must be read for */
    uint64_t budget;
    ldr_diag verdict; /* of Windows 10 */
    /* Of the text, what is open: levels, those of them that are rows or indented (bits), a line. */
    unsigned depth;
    uint32_t rows, indents;
    bool is_mid_line;
} inspect_report;

enum { INSPECT_PARTS_MAX = 32 };

/* Which parts are shown, and how. Zero is no part. */
typedef struct inspect_choice {
    bool is_wanted[INSPECT_PARTS_MAX];
    bool without_items, without_contents;
} inspect_choice;

/* Marks the parts that a list such as "imports,exports" names (NULL: all; without contents, all but
 * those that are contents). False, said on stderr, if there is no such part. */
bool inspect_choose(const char *list, inspect_choice *choice);

/* The JSON object of a file whose bytes are there, or that could not be read, and a newline. */
void inspect_write(cli_json *json, const char *path, pe_span bytes, const inspect_choice *choice);
void inspect_write_failure(cli_json *json, const char *path, const inspect_choice *choice,
                           const ldr_diag *diag);

/* What the image is, and whether Windows 10 would take it (the JSON's status members). */
void inspect_verdict(inspect_report *report, const char *path);

/* The parts: rows of the table in inspect.c. */
void inspect_file(inspect_report *report);
void inspect_headers(inspect_report *report);
void inspect_rich(inspect_report *report); /* count: entries */
void inspect_directories(inspect_report *report);
void inspect_sections(inspect_report *report);            /* count: entries */
void inspect_imports(inspect_report *report);             /* count: functions */
void inspect_bound_imports(inspect_report *report);       /* count: entries */
void inspect_delay_imports(inspect_report *report);       /* count: functions */
void inspect_exports(inspect_report *report);             /* count: slots */
void inspect_resources(inspect_report *report);           /* count: leaves */
void inspect_decoded(inspect_report *report);             /* tables by type; count: leaves */
void inspect_exceptions(inspect_report *report);          /* count: functions */
void inspect_load_config(inspect_report *report);         /* count: fields */
void inspect_dynamic_relocations(inspect_report *report); /* count: entries */
void inspect_chpe(inspect_report *report);                /* count: fields of its version */
void inspect_volatile(inspect_report *report);            /* count: accesses */
void inspect_enclave(inspect_report *report);             /* count: imports */
void inspect_clr(inspect_report *report);                 /* count: metadata streams */
void inspect_relocations(inspect_report *report);         /* count: entries, ABSOLUTE included */
void inspect_tls(inspect_report *report);                 /* count: callbacks */
void inspect_certificates(inspect_report *report);        /* count: certificates */
void inspect_debug(inspect_report *report);               /* count: entries */

void inspect_symbols(inspect_report *report); /* count: symbols, not auxiliary records */

void inspect_findings(inspect_report *report); /* count: findings */

/* The import hash (none without imports, or where they cannot all be read) and what Authenticode
 * signs; none at all without libcrypto. */
void inspect_hashes(inspect_report *report);

/* ---- What the parts share (table.c) ---- */

/* Takes one item and the bytes of its name from the budget; false when that is spent. */
bool inspect_charge(inspect_report *report, pe_span name);

/* A table's title, or its JSON object up to the first item; and what follows the last one, at once
 * or with further members between the two. */
void inspect_open_table(inspect_report *report, const char *name);
void inspect_close_table(inspect_report *report, uint64_t count, pe_status status);
void inspect_close_items(inspect_report *report, uint64_t count);
void inspect_end_table(inspect_report *report, pe_status status);

/* Prints how a table ended: nothing for PE_OK and PE_END. JSON: the member "status". */
void inspect_table_status(inspect_report *report, pe_status status);

/* Prints text, in colour where that is wanted. */
typedef enum inspect_colour { INSPECT_TITLE, INSPECT_GOOD, INSPECT_BAD } inspect_colour;
void inspect_paint(const inspect_report *report, inspect_colour colour, const char *text);

/* ---- Fields: each is told once, for the text and the JSON (field.c) ----
 *
 * A record is an object of JSON. As text it is a block of lines, one for each field, or a row, all
 * fields in one line. A list is an array; what is in it has no name. Nested ones are indented.
 */
typedef enum inspect_shape { INSPECT_BLOCK, INSPECT_ROW } inspect_shape;

void inspect_open_record(inspect_report *report, const char *name, inspect_shape shape);
void inspect_close_record(inspect_report *report);
void inspect_open_list(inspect_report *report, const char *name);
void inspect_close_list(inspect_report *report);

void inspect_number(inspect_report *report, const char *name, uint64_t value);
void inspect_signed(inspect_report *report, const char *name, int64_t value);
void inspect_hex(inspect_report *report, const char *name, uint64_t value, int digits);
void inspect_rva(inspect_report *report, const char *name, pe_rva rva); /* JSON: a number */
void inspect_real(inspect_report *report, const char *name, double value);
void inspect_bool(inspect_report *report, const char *name, bool value);
void inspect_text(inspect_report *report, const char *name, const char *text); /* NULL: none */
void inspect_span(inspect_report *report, const char *name, pe_span span);
void inspect_utf16(inspect_report *report, const char *name, const pe_utf16 *text);
void inspect_dump(inspect_report *report, const char *name, const void *bytes, size_t size);
void inspect_status(inspect_report *report, pe_status status);

/* Where an item's bytes lie: the member "range", the first column of a row. `unit` is "rva" or
 * "offset". */
void inspect_range(inspect_report *report, const char *unit, uint64_t start, uint64_t size);

/* The functions of ARM64 or ARM, counted (exceptions_arm.c). */
uint64_t inspect_show_arm_functions(inspect_report *report, pe_arm_function_iter *functions,
                                    pe_status *ret_status);

/* One imported function (imports.c). */
void inspect_show_import(inspect_report *report, const pe_import *import);

/* The names of the bits of `value` that have one, as a list. */
void inspect_flags(inspect_report *report, const char *name, uint32_t value,
                   const char *(*name_of)(uint32_t bit));

/* The member "range": where an item's bytes lie. `unit` is "rva" or "offset". */
void inspect_json_range(cli_json *json, const char *unit, uint64_t start, uint64_t size);

void inspect_json_span(cli_json *json, const char *key, pe_span span);
void inspect_print_span(pe_span span);

/* A UTF-8 copy, for the caller to free; NULL when out of memory. A NUL inside becomes U+FFFD. */
char *inspect_utf8(const pe_utf16 *text);

#endif
