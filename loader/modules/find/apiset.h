/* apiset.h: API set contracts ("api-ms-win-...", "ext-ms-...") and who hosts them (rule E.6). */
#ifndef PELOAD_MODULES_FIND_APISET_H
#define PELOAD_MODULES_FIND_APISET_H

#include <stdbool.h>

/* Whether it is the name of a contract, known or not. */
bool ldr__apiset_is_contract(const char *name);

/*
 * The DLL that hosts the contract `name` on Windows, static. NULL if it is no contract that is
 * known, or one that nobody hosts.
 */
const char *ldr__apiset_host(const char *name);

/*
 * The host module that provides what Windows has in `dll`, where the environment splits functions
 * among DLLs in another way: kernel32.dll for kernelbase.dll. `name` is what was asked for: a
 * contract that `dll` hosts, or itself. Static; NULL if `dll` is none of these.
 */
const char *ldr__apiset_stand_in(const char *name, const char *dll);

#endif
