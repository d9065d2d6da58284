/* debug.h: modules told to debuggers and profilers (ldr_context_options.debug). */
#ifndef PELOAD_MODULES_DEBUG_H
#define PELOAD_MODULES_DEBUG_H

#include "modules/module.h"

/* Tells of a module that has been mapped, if the context is to; one that cannot be told of is
 * loaded all the same. */
void ldr__debug_load(ldr_module *module);
/* Before it is unmapped; for every module. */
void ldr__debug_unload(ldr_module *module);

#endif
