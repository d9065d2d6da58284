/* suite.h: what the tests of sections share. */
#ifndef PELOAD_SUITE_H
#define PELOAD_SUITE_H

#include "check.h"

#include <peload/section.h>

/* The tests of a file of this folder. */
typedef struct suite {
    const check_test *tests;
    size_t count;
} suite;
extern const suite image_suite, data_suite, named_suite, snapshot_suite, process_suite;

/* Makes a file of these bytes in the folder for temporary files; its path in UTF-8, static, or
 * NULL. The next call makes another one. */
const char *suite_file(const void *bytes, size_t size);
void suite_remove(const char *path);

bool suite_is_wine(void);

/* Runs this program as a child that does `what` and nothing else: its exit code, or -1. */
int suite_child(const char *what, const char *argument);
/* What the child does: its exit code. */
int run_as_child(const char *what, const char *argument);

#endif
