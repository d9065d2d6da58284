/* native.h: what the tests of loading on Windows share. */
#ifndef PELOAD_TESTS_NATIVE_H
#define PELOAD_TESTS_NATIVE_H

#include <peload/loader.h>

#include "check.h"

/* The path of a guest, static; guests lie in guest/ beside the program. */
const char *guest_path(const char *name);
/* Whether it was built. Says so if not. */
bool has_guest(const char *name);

/* A context that looks for DLLs among the guests. */
ldr_context *guest_context(void);
/* A guest in a context, from its file or from memory; NULL, with the reason told, if that fails. */
ldr_module *load_guest(ldr_context *ctx, const char *name);
ldr_module *load_guest_from_memory(ldr_context *ctx, const char *name);
/* The bytes of a guest's file, to be freed. */
void *read_guest(const char *name, size_t *ret_size);

/* The lists of tests, each ended by one without a name. */
extern const check_test tests_of_loading[];
extern const check_test tests_of_threads[];
extern const check_test tests_of_exceptions[];
extern const check_test tests_of_guest_calls[];
extern const check_test tests_of_programs[];

/* What a child of the program does: "leave" or "destroy" a context with last.dll in it. */
int run_as_child(const char *how);

#endif
