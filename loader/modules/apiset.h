/* apiset.h: API set contracts ("api-ms-win-...") and the modules that host them (rule E.6). */
#ifndef PELOAD_MODULES_APISET_H
#define PELOAD_MODULES_APISET_H

/* The module that hosts the contract `name` belongs to, static; NULL if it is no known contract. */
const char *ldr__apiset_host(const char *name);

#endif
