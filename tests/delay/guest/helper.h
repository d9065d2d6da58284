/*
 * helper.h: a helper for delay imports that does what the documentation of Visual C++ says of the
 * one in delayimp.lib, which is linked into images and not free. The guests of this folder differ
 * in who has made their import tables.
 */
#ifndef PELOAD_TESTS_DELAY_HELPER_H
#define PELOAD_TESTS_DELAY_HELPER_H

#include <stdio.h>
#include <windows.h>

#include <delayimp.h>

/* How often the helper was called. */
extern int helper_calls;

/* What __FUnloadDelayLoadedDLL2 does, for the tables of one DLL. */
BOOL helper_unload(PCImgDelayDescr tables);

int target_add(int a, int b);
int target_sub(int a, int b);
int target_mul(int a, int b);
int target_absent(int a, int b);
int target_extra(int a, int b);
int absent_function(int a, int b);

extern void *__imp_target_add;

static inline const char *loaded(const char *dll)
{
    return GetModuleHandleA(dll) != NULL ? "yes" : "no";
}

#endif
