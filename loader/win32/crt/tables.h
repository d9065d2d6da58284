/*
 * crt/tables.h: the tables of msvcrt.dll, ucrtbase.dll and vcruntime140.dll.
 *
 * Each crt_*.c with functions for the guest ends in one or more tables; functions that both
 * runtimes have are written once and listed for both.
 */
#ifndef PELOAD_CRT_TABLES_H
#define PELOAD_CRT_TABLES_H

#include "win32/win32.h"

/* A table for each of the two runtimes over the same lines. */
#define LDR__CRT_TABLES(symbol, lines)                \
    LDR__TABLE(symbol##_msvcrt, "msvcrt.dll", lines); \
    LDR__TABLE(symbol##_ucrt, "ucrtbase.dll", lines)

/* The tables, by file. */
extern const ldr__host_table ldr__crt_convert_msvcrt;
extern const ldr__host_table ldr__crt_convert_ucrt;
extern const ldr__host_table ldr__crt_convert_ucrt_only;
extern const ldr__host_table ldr__crt_convert_msvcrt_only;
extern const ldr__host_table ldr__crt_ctype_msvcrt;
extern const ldr__host_table ldr__crt_ctype_ucrt;
extern const ldr__host_table ldr__crt_ctype_ucrt_only;
extern const ldr__host_table ldr__crt_ctype_msvcrt_only;
extern const ldr__host_table ldr__crt_environment_msvcrt;
extern const ldr__host_table ldr__crt_environment_ucrt;
extern const ldr__host_table ldr__crt_environment_ucrt_only;
extern const ldr__host_table ldr__crt_environment_msvcrt_only;
extern const ldr__host_table ldr__crt_errno_msvcrt;
extern const ldr__host_table ldr__crt_errno_ucrt;
extern const ldr__host_table ldr__crt_errno_msvcrt_only;
extern const ldr__host_table ldr__crt_errno_ucrt_only;
extern const ldr__host_table ldr__crt_exit_msvcrt;
extern const ldr__host_table ldr__crt_exit_ucrt;
extern const ldr__host_table ldr__crt_exit_vcruntime;
extern const ldr__host_table ldr__crt_exit_ucrt_only;
extern const ldr__host_table ldr__crt_exit_msvcrt_only;
extern const ldr__host_table ldr__crt_find_msvcrt;
extern const ldr__host_table ldr__crt_find_ucrt;
extern const ldr__host_table ldr__crt_find_msvcrt_only;
extern const ldr__host_table ldr__crt_fopen_msvcrt;
extern const ldr__host_table ldr__crt_fopen_ucrt;
extern const ldr__host_table ldr__crt_fpu_msvcrt;
extern const ldr__host_table ldr__crt_fpu_ucrt;
extern const ldr__host_table ldr__crt_fpu_ucrt_only;
extern const ldr__host_table ldr__crt_heap_msvcrt;
extern const ldr__host_table ldr__crt_heap_ucrt;
extern const ldr__host_table ldr__crt_heap_msvcrt_only;
extern const ldr__host_table ldr__crt_heap_ucrt_only;
extern const ldr__host_table ldr__crt_io_msvcrt;
extern const ldr__host_table ldr__crt_io_ucrt;
extern const ldr__host_table ldr__crt_io_ucrt_only;
extern const ldr__host_table ldr__crt_locale_msvcrt;
extern const ldr__host_table ldr__crt_locale_ucrt;
extern const ldr__host_table ldr__crt_locale_msvcrt_only;
extern const ldr__host_table ldr__crt_math_msvcrt;
extern const ldr__host_table ldr__crt_math_ucrt;
extern const ldr__host_table ldr__crt_math_ucrt_only;
extern const ldr__host_table ldr__crt_math_msvcrt_only;
extern const ldr__host_table ldr__crt_memory_msvcrt;
extern const ldr__host_table ldr__crt_memory_ucrt;
extern const ldr__host_table ldr__crt_memory_vcruntime;
extern const ldr__host_table ldr__crt_memory_extra_msvcrt;
extern const ldr__host_table ldr__crt_memory_extra_ucrt;
extern const ldr__host_table ldr__crt_multibyte_msvcrt;
extern const ldr__host_table ldr__crt_multibyte_ucrt;
extern const ldr__host_table ldr__crt_onexit_msvcrt;
extern const ldr__host_table ldr__crt_onexit_ucrt;
extern const ldr__host_table ldr__crt_onexit_msvcrt_only;
extern const ldr__host_table ldr__crt_onexit_ucrt_only;
extern const ldr__host_table ldr__crt_path_msvcrt;
extern const ldr__host_table ldr__crt_path_ucrt;
extern const ldr__host_table ldr__crt_path_msvcrt_only;
extern const ldr__host_table ldr__crt_printf_msvcrt;
extern const ldr__host_table ldr__crt_printf_ucrt;
extern const ldr__host_table ldr__crt_process_msvcrt;
extern const ldr__host_table ldr__crt_process_ucrt;
extern const ldr__host_table ldr__crt_scanf_ucrt;
extern const ldr__host_table ldr__crt_scanf_msvcrt;
extern const ldr__host_table ldr__crt_signal_msvcrt;
extern const ldr__host_table ldr__crt_signal_ucrt;
extern const ldr__host_table ldr__crt_signal_ucrt_only;
extern const ldr__host_table ldr__crt_sort_msvcrt;
extern const ldr__host_table ldr__crt_sort_ucrt;
extern const ldr__host_table ldr__crt_sort_ucrt_only;
extern const ldr__host_table ldr__crt_startup_msvcrt;
extern const ldr__host_table ldr__crt_startup_ucrt;
extern const ldr__host_table ldr__crt_startup_ucrt_only;
extern const ldr__host_table ldr__crt_startup_msvcrt_only;
extern const ldr__host_table ldr__crt_stat_msvcrt;
extern const ldr__host_table ldr__crt_stat_ucrt;
extern const ldr__host_table ldr__crt_stat_msvcrt_only;
extern const ldr__host_table ldr__crt_stdio_msvcrt;
extern const ldr__host_table ldr__crt_stdio_ucrt;
extern const ldr__host_table ldr__crt_stdio_msvcrt_only;
extern const ldr__host_table ldr__crt_string_search_msvcrt;
extern const ldr__host_table ldr__crt_string_search_ucrt;
extern const ldr__host_table ldr__crt_string_search_vcruntime;
extern const ldr__host_table ldr__crt_string_msvcrt;
extern const ldr__host_table ldr__crt_string_ucrt;
extern const ldr__host_table ldr__crt_threads_msvcrt;
extern const ldr__host_table ldr__crt_threads_ucrt;
extern const ldr__host_table ldr__crt_time_msvcrt;
extern const ldr__host_table ldr__crt_time_ucrt;
extern const ldr__host_table ldr__crt_time_ucrt_only;
extern const ldr__host_table ldr__crt_time_msvcrt_only;
extern const ldr__host_table ldr__crt_time_text_msvcrt;
extern const ldr__host_table ldr__crt_time_text_ucrt;
extern const ldr__host_table ldr__crt_time_text_msvcrt_only;
extern const ldr__host_table ldr__crt_time_text_ucrt_only;
extern const ldr__host_table ldr__crt_vcruntime;
extern const ldr__host_table ldr__crt_wide_search_msvcrt;
extern const ldr__host_table ldr__crt_wide_search_ucrt;
extern const ldr__host_table ldr__crt_wide_search_vcruntime;
extern const ldr__host_table ldr__crt_wide_msvcrt;
extern const ldr__host_table ldr__crt_wide_ucrt;
extern const ldr__host_table ldr__crt_wide_msvcrt_only;
extern const ldr__host_table ldr__crt_wide_ucrt_only;
extern const ldr__host_table ldr__crt_wide_stdio_msvcrt;
extern const ldr__host_table ldr__crt_wide_stdio_ucrt;

/* All tables of the C runtimes. */
extern const ldr__host_table *const ldr__crt_tables[];
extern const size_t ldr__crt_table_count;

#endif
