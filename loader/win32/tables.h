/*
 * tables.h: the tables of the host modules that win32/ provides, in one list.
 */
#ifndef PELOAD_WIN32_TABLES_H
#define PELOAD_WIN32_TABLES_H

#include "win32/win32.h"

extern const ldr__host_table *const ldr__system_tables[];
extern const size_t ldr__system_table_count;

#endif
