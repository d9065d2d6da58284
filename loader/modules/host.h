/* host.h: the exports of a module that the host provides, found by name or by ordinal. By any
 * number of threads at once. */
#ifndef PELOAD_MODULES_HOST_H
#define PELOAD_MODULES_HOST_H

#include <peload/loader.h>

typedef struct ldr__host ldr__host;

/* An empty table with an address of its own; released with ldr__host_destroy, which takes NULL. */
ldr_status ldr__host_create(ldr__host **ret_host);
/* An empty one before the exports of a DLL that the system's loader has loaded; it takes over the
 * reference of `handle`, also on failure. */
ldr_status ldr__host_create_on(void *handle, size_t size, ldr__host **ret_host);
void ldr__host_destroy(ldr__host *host);

/* Adds lines, which are borrowed; they come before those added earlier. LDR_NO_MEMORY. */
ldr_status ldr__host_add(ldr__host *host, const ldr_export *exports, size_t count);

/* The address of an export by name, or by ordinal (not 0). NULL if there is none. */
const void *ldr__host_by_name(ldr__host *host, pe_span name);
const void *ldr__host_by_ordinal(ldr__host *host, uint32_t ordinal);

/* The line of a function that starts at `address`, or of data that holds it, with its own address;
 * NULL if there is none. */
const ldr_export *ldr__host_at(const ldr__host *host, const void *address, const void **ret_start);

/* The address that stands for the module (its HMODULE): reserved, without access, or the base of
 * the system's DLL; and the size of that, else 0. */
void *ldr__host_base(const ldr__host *host);
size_t ldr__host_size(const ldr__host *host);

#endif
