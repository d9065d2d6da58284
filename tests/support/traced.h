/*
 * traced.h: tests that run a second time with their contexts traced (CTest's NAME_traced): nothing
 * may be different.
 */
#ifndef PELOAD_TESTS_TRACED_H
#define PELOAD_TESTS_TRACED_H

#include <peload/loader.h>

/* Options of a context that is traced if PELOAD_TEST_TRACE is set, else NULL. Its events are
 * checked and counted. */
const ldr_context_options *traced_options(void);

#endif
