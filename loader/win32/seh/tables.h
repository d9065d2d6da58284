/* seh/tables.h: the host tables of structured exception handling, for environment.c's list. */
#ifndef PELOAD_SEH_TABLES_H
#define PELOAD_SEH_TABLES_H

#include "win32/win32.h"

extern const ldr__host_table *const ldr__seh_host_tables[];
extern const size_t ldr__seh_host_table_count;

#endif
