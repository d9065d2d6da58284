/*
 * trace.h: events of a context for who asked for them (ldr_context_options.trace).
 *
 * Where nobody did, each of these functions does nothing, and import slots hold the functions
 * themselves.
 */
#ifndef PELOAD_MODULES_TRACE_H
#define PELOAD_MODULES_TRACE_H

#include "modules/module.h"

/* Notes what the options of the context say. */
void ldr__trace_start(ldr_context *ctx, const ldr_context_options *options);

/* A module has been mapped, on behalf of `asker` (NULL: the program), or is going. */
void ldr__trace_load(ldr_module *module, const ldr_module *asker);
void ldr__trace_unload(const ldr_module *module);

/*
 * An import is bound to *address, which `provider` was asked for (NULL: nobody has it, it is a
 * stub). A function's address becomes that of a thunk, which tells of each call; it lasts until the
 * module that has the function is released, of a stub until the importer is. LDR_NO_MEMORY.
 */
ldr_status ldr__trace_bind(ldr_module *importer, const ldr_module *provider,
                           const pe_import_dll *dll, const pe_import *import, const void **address);

/* Around a call of DllMain, or of a TLS callback: the number of the event, and what came of it. */
uint64_t ldr__trace_entry(ldr_module *module, const void *function, uint32_t reason,
                          const void *reserved);
void ldr__trace_entry_end(ldr_module *module, const void *function, uint64_t call, bool returned,
                          uint32_t result);

#endif
