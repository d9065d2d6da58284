/* crt/vcruntime.c: what of vcruntime140.dll is not memory, strings or exceptions: type_info. */
#include <stdlib.h>
#include <string.h>

#include "win32/crt/state.h"

/* __std_type_info_data: a type's undecorated name once somebody has asked for it, then its name. */
typedef struct type_info {
    const char *undecorated;
    char decorated[];
} type_info;

/* SLIST_HEADER's first word points at the first entry, in the list that a module keeps. */
typedef struct type_list {
    struct type_entry *first;
} type_list;

typedef struct type_entry {
    struct type_entry *next;
} type_entry;

static void LDR_WINAPI guest___std_type_info_destroy_list(type_list *list)
{
    type_entry *entry = list->first;
    list->first = NULL;
    while (entry) {
        type_entry *next = entry->next;
        free(entry);
        entry = next;
    }
}

static int LDR_WINAPI guest___std_type_info_compare(const type_info *a, const type_info *b)
{
    if (a == b)
        return 0;
    /* The first character only says that the name is decorated. */
    int order = strcmp(a->decorated + 1, b->decorated + 1);
    return (order > 0) - (order < 0);
}

static size_t LDR_WINAPI guest___std_type_info_hash(const type_info *type)
{
    uint64_t hash = 0xCBF29CE484222325u;
    for (const char *c = type->decorated + 1; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001B3u;
    return hash ^ hash >> 32;
}

/* ---- std::exception's text ---- */

typedef struct exception_data {
    const char *what;
    bool owned;
} exception_data;

static void LDR_WINAPI guest___std_exception_copy(const exception_data *from, exception_data *to)
{
    if (!from->owned || !from->what) {
        *to = (exception_data){from->what, false};
        return;
    }
    char *copy = strdup(from->what);
    if (copy)
        *to = (exception_data){copy, true};
}

static void LDR_WINAPI guest___std_exception_destroy(exception_data *data)
{
    if (data->owned)
        free((void *)(uintptr_t)data->what);
    *data = (exception_data){NULL, false};
}

static void **LDR_WINAPI guest___current_exception(void)
{
    ldr__crt_thread *thread = ldr__crt_thread_self();
    return thread ? &thread->exception[0] : NULL;
}

static void **LDR_WINAPI guest___current_exception_context(void)
{
    ldr__crt_thread *thread = ldr__crt_thread_self();
    return thread ? &thread->exception[1] : NULL;
}

static const ldr_export lines[] = {
    LDR__FN(__std_type_info_destroy_list), LDR__FN(__std_type_info_compare),
    LDR__FN(__std_type_info_hash),         LDR__FN(__std_exception_copy),
    LDR__FN(__std_exception_destroy),      LDR__FN(__current_exception),
    LDR__FN(__current_exception_context),
};
LDR__TABLE(ldr__crt_vcruntime, "vcruntime140.dll", lines);
