/*
 * inspect_report.h: the parts of `peload inspect`, each as aligned text or as a member of one JSON
 * object. Tables are objects with a count, a status and their items; a broken table says so in its
 * status and ends at the first item that cannot be read.
 */
#ifndef PELOAD_INSPECT_REPORT_H
#define PELOAD_INSPECT_REPORT_H

#include "cli.h"

typedef struct inspect_report {
    const pe_image *image;
    cli_json *json; /* NULL: text */
    uint64_t budget;
    ldr_diag verdict; /* of Windows 10 */
    bool is_cut_off;  /* the file ends before the bytes of a section do */
} inspect_report;

/* What the image is, and whether Windows 10 would take it (the JSON's status members). */
void inspect_verdict(inspect_report *report, const char *path);

void inspect_headers(inspect_report *report);
void inspect_directories(inspect_report *report);
void inspect_sections(inspect_report *report); /* count: entries */
void inspect_imports(inspect_report *report);  /* count: functions */
void inspect_exports(inspect_report *report);  /* count: slots */

/* Takes one item and the bytes of its name from the budget; false when that is spent. */
bool inspect_charge(inspect_report *report, pe_span name);

/* Prints how a table ended: nothing for PE_OK and PE_END. JSON: the member "status". */
void inspect_table_status(inspect_report *report, pe_status status);

#endif
