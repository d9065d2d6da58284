/*
 * imports.h: writes the addresses of imported functions into a view's import address tables.
 *
 * Who provides a function is the caller's business: it answers through two callbacks, first once
 * for each DLL and then once for each function of it.
 */
#ifndef PELOAD_IMAGE_IMPORTS_H
#define PELOAD_IMAGE_IMPORTS_H

#include <peload/section.h>

typedef struct ldr__import_resolver {
    /* Names the provider of the functions that follow; anything, also NULL. */
    ldr_status (*dll)(void *user, const pe_import_dll *dll, void **ret_provider);
    /* The address for one import; on LDR_OK it is written to the slot. */
    ldr_status (*function)(void *user, void *provider, const pe_import_dll *dll,
                           const pe_import *import, const void **ret_address);
    /* The address of a provider (its HMODULE); asked about those of delay imports. */
    const void *(*handle)(void *user, const void *provider);
    void *user;
} ldr__import_resolver;

/*
 * Walks the import directory, then writes each slot; nothing is written when anything fails before.
 * Pages without write access are opened for the write and closed again, never executable meanwhile.
 * The first status of a callback that is not
 * LDR_OK ends the walk and is returned; a broken directory is LDR_IMAGE_REFUSED with
 * STATUS_INVALID_IMAGE_FORMAT and the name of the image as subject (rules E2, S3).
 */
ldr_status ldr__bind_imports(ldr_view *view, const char *subject,
                             const ldr__import_resolver *resolver, ldr_diag *diag);

/*
 * The same for the directory of delay imports, which Windows leaves to the image's own helper: all
 * slots are written, and where the helper keeps the handle of a DLL that has a provider, so that it
 * has nothing left to do.
 */
ldr_status ldr__bind_delay_imports(ldr_view *view, const char *subject,
                                   const ldr__import_resolver *resolver, ldr_diag *diag);

#endif
