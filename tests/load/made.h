/*
 * made.h: a graph of 20 DLLs made on the spot, whose code runs: each has static TLS, a TLS callback
 * and a DllMain that count in it, imports from the others (cycles among them), and forwarders.
 */
#ifndef PELOAD_TESTS_MADE_H
#define PELOAD_TESTS_MADE_H

#include <peload/loader.h>

enum { MADE_DLLS = 20 };

/* "m0.dll" needs all but the last one, which is where its export "late" forwards to. */
extern const char *const made_names[MADE_DLLS];

/* Makes the images; made_free releases them. */
void made_build(void);
void made_free(void);

/* A context whose DLLs all come from the graph, through the bundle; traced as traced_options says.
 */
ldr_status made_context_create(ldr_context **ret_ctx);
ldr_context *made_context(void); /* the test fails when there is none */

/* The calling thread's TLS counter of a DLL: 1000 times its number, one more for each call of its
 * TLS callback and of its DllMain on that thread. */
typedef int32_t *LDR_WINAPI made_counter(void);

/* How many of the DLLs the context has. */
unsigned made_present(ldr_context *ctx);

#endif
