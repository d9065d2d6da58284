/* crt/onexit.c: functions to call at exit, and the tables of them that modules keep themselves. */
#include "win32/crt/onexit.h"

#include <stdlib.h>
#include <string.h>

/* _onexit_table_t, which lives in the guest; three pointers, of which the last two move. */
typedef struct exit_table {
    ldr__crt_void_function *first, *last, *end;
} exit_table;

static bool push(ldr__crt_exit_list *list, ldr__crt_void_function function)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 32;
        ldr__crt_void_function *grown = realloc(list->functions, capacity * sizeof *grown);
        if (!grown)
            return false;
        list->functions = grown;
        list->capacity = capacity;
    }
    list->functions[list->count++] = function;
    return true;
}

static bool add(ldr__crt_exit_list *list, ldr__crt_void_function function)
{
    ldr__crt *crt = ldr__crt_self();
    ldr__crt_lock(crt);
    bool added = push(list, function);
    ldr__crt_unlock(crt);
    return added;
}

static ldr__crt_void_function pop(ldr__crt *crt, ldr__crt_exit_list *list)
{
    ldr__crt_lock(crt);
    ldr__crt_void_function function = list->count ? list->functions[--list->count] : NULL;
    ldr__crt_unlock(crt);
    return function;
}

void ldr__crt_run_exit_list(ldr__crt *crt, ldr__crt_exit_list *list)
{
    ldr__crt_void_function function;
    while ((function = pop(crt, list)))
        function();
}

/* _onexit returns its argument, atexit 0. */
static ldr__crt_void_function LDR_WINAPI guest__onexit(ldr__crt_void_function function)
{
    return function && add(&ldr__crt_self()->at_exit, function) ? function : NULL;
}

static int LDR_WINAPI guest_atexit(ldr__crt_void_function function)
{
    return guest__onexit(function) ? 0 : -1;
}

static int LDR_WINAPI guest__crt_at_quick_exit(ldr__crt_void_function function)
{
    return function && add(&ldr__crt_self()->at_quick_exit, function) ? 0 : -1;
}

/* Puts one function more into an array of the guest's heap, which may move. */
static bool append(ldr__crt_void_function function, exit_table *table)
{
    size_t count = (size_t)(table->last - table->first);
    if (table->last == table->end) {
        size_t capacity = count ? count * 2 : 32;
        ldr__crt_void_function *grown = realloc(table->first, capacity * sizeof *grown);
        if (!grown)
            return false;
        *table = (exit_table){grown, grown + count, grown + capacity};
    }
    *table->last++ = function;
    return true;
}

static int LDR_WINAPI guest__initialize_onexit_table(exit_table *table)
{
    if (!table)
        return -1;
    if (table->first == table->end)
        memset(table, 0, sizeof *table);
    return 0;
}

static int LDR_WINAPI guest__register_onexit_function(exit_table *table,
                                                      ldr__crt_void_function function)
{
    if (!table)
        return -1;
    ldr__crt *crt = ldr__crt_self();
    ldr__crt_lock(crt);
    bool added = append(function, table);
    ldr__crt_unlock(crt);
    return added ? 0 : -1;
}

static ldr__crt_void_function take_last(ldr__crt *crt, exit_table *table)
{
    ldr__crt_void_function function = NULL;
    ldr__crt_lock(crt);
    while (!function && table->first && table->last > table->first)
        function = *--table->last;
    ldr__crt_unlock(crt);
    return function;
}

static int LDR_WINAPI guest__execute_onexit_table(exit_table *table)
{
    if (!table)
        return -1;
    ldr__crt *crt = ldr__crt_self();
    ldr__crt_void_function function;
    while ((function = take_last(crt, table)))
        function();
    free(table->first);
    memset(table, 0, sizeof *table);
    return 0;
}

/* The same for msvcrt, whose modules keep the two ends in variables of their own. */
static ldr__crt_void_function LDR_WINAPI guest___dllonexit(ldr__crt_void_function function,
                                                           ldr__crt_void_function **first,
                                                           ldr__crt_void_function **last)
{
    if (!function || !first || !last || !*first || *first == (ldr__crt_void_function *)-1)
        return NULL;
    ldr__crt *crt = ldr__crt_self();
    ldr__crt_lock(crt);
    size_t count = (size_t)(*last - *first);
    ldr__crt_void_function *grown = realloc(*first, (count + 1) * sizeof *grown);
    if (grown) {
        grown[count] = function;
        *first = grown;
        *last = grown + count + 1;
    }
    ldr__crt_unlock(crt);
    return grown ? function : NULL;
}

static const ldr_export shared[] = {
    LDR__FN(_onexit),
    LDR__FN(atexit),
    LDR__FN(_initialize_onexit_table),
    LDR__FN(_register_onexit_function),
    LDR__FN(_execute_onexit_table),
};
LDR__CRT_TABLES(ldr__crt_onexit, shared);

static const ldr_export msvcrt_lines[] = {LDR__FN(__dllonexit)};
LDR__TABLE(ldr__crt_onexit_msvcrt_only, "msvcrt.dll", msvcrt_lines);

static const ldr_export ucrt_lines[] = {
    LDR__FN_AS("_crt_atexit", guest_atexit),
    LDR__FN(_crt_at_quick_exit),
};
LDR__TABLE(ldr__crt_onexit_ucrt_only, "ucrtbase.dll", ucrt_lines);
