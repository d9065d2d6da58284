#include <criterion/criterion.h>
#include <string.h>

#include "guest.h"

TestSuite(crt_tables);

static const ldr_export *find(const char *module, const char *name, const ldr_export *other)
{
    for (size_t i = 0; i < ldr__crt_table_count; i++) {
        const ldr__host_table *table = ldr__crt_tables[i];
        for (size_t j = 0; strcmp(table->module, module) == 0 && j < table->count; j++)
            if (&table->exports[j] != other && strcmp(table->exports[j].name, name) == 0)
                return &table->exports[j];
    }
    return NULL;
}

Test(crt_tables, every_name_is_exported_once)
{
    for (size_t i = 0; i < ldr__crt_table_count; i++) {
        const ldr__host_table *table = ldr__crt_tables[i];
        for (size_t j = 0; j < table->count; j++) {
            const ldr_export *line = &table->exports[j];
            cr_expect_not_null(line->address, "%s!%s", table->module, line->name);
            cr_expect_null(find(table->module, line->name, line), "%s!%s twice", table->module,
                           line->name);
        }
    }
}

/* What start-up code of msvcrt and ucrt programs and of MSVC's DLLs imports. */
Test(crt_tables, start_up_code_finds_its_imports)
{
    static const char *const msvcrt[] = {
        "__getmainargs",    "__initenv", "__iob_func", "__lconv_init", "__set_app_type",
        "__setusermatherr", "_acmdln",   "_amsg_exit", "_cexit",       "_commode",
        "_fmode",           "_initterm", "_onexit",    "__dllonexit",  "_lock",
        "_unlock",          "abort",     "calloc",     "exit",         "signal"};
    static const char *const ucrt[] = {"_configure_narrow_argv",
                                       "_initialize_narrow_environment",
                                       "_crt_atexit",
                                       "_get_initial_narrow_environment",
                                       "__p___argc",
                                       "__p___argv",
                                       "_set_app_type",
                                       "_configthreadlocale",
                                       "__setusermatherr",
                                       "_set_fmode",
                                       "__p__fmode",
                                       "__p__commode",
                                       "__stdio_common_vfprintf",
                                       "exit",
                                       "_exit",
                                       "_c_exit",
                                       "_cexit",
                                       "_initterm",
                                       "_initterm_e",
                                       "_register_thread_local_exe_atexit_callback",
                                       "_seh_filter_exe",
                                       "_seh_filter_dll",
                                       "_initialize_onexit_table",
                                       "_register_onexit_function",
                                       "_execute_onexit_table",
                                       "_set_new_mode",
                                       "_crt_at_quick_exit"};
    for (size_t i = 0; i < sizeof msvcrt / sizeof msvcrt[0]; i++)
        cr_expect_not_null(find("msvcrt.dll", msvcrt[i], NULL), "%s", msvcrt[i]);
    for (size_t i = 0; i < sizeof ucrt / sizeof ucrt[0]; i++)
        cr_expect_not_null(find("ucrtbase.dll", ucrt[i], NULL), "%s", ucrt[i]);
}
