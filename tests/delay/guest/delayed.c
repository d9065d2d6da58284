/*
 * delayed.c: calls functions of DLLs that are loaded at the first call, with the hooks of the
 * helper that is linked into the image. Its tables are made by lld-link or by dlltool.
 */
#include "helper.h"

static int stand_in(int a, int b)
{
    return 1000 + a + b;
}

static const char *function_of(const DelayLoadInfo *info)
{
    return info->dlp.fImportByName ? info->dlp.szProcName : "an ordinal";
}

static FARPROC WINAPI note(unsigned reason, PDelayLoadInfo info)
{
    printf("  notified of %u: %s, %s\n", reason, info->szDll, function_of(info));
    return NULL;
}

static FARPROC WINAPI replace(unsigned reason, PDelayLoadInfo info)
{
    printf("  failed with %u: %s, %s, error %lu\n", reason, info->szDll, function_of(info),
           info->dwLastError);
    return reason == dliFailGetProc ? (FARPROC)(void *)stand_in : NULL;
}

/* A handler may continue once it has found a function itself. */
static LONG CALLBACK mend(EXCEPTION_POINTERS *pointers)
{
    const EXCEPTION_RECORD *record = pointers->ExceptionRecord;
    DelayLoadInfo *info = (DelayLoadInfo *)record->ExceptionInformation[0];
    if (record->ExceptionCode >> 16 != 0xC06D)
        return EXCEPTION_CONTINUE_SEARCH;
    printf("  exception %08lX, flags %lu, %lu argument: %s, %s, error %lu\n", record->ExceptionCode,
           record->ExceptionFlags, record->NumberParameters, info->szDll, function_of(info),
           info->dwLastError);
    info->pfnCur = (FARPROC)(void *)stand_in; /* and the next time it will be tried again */
    return EXCEPTION_CONTINUE_EXECUTION;
}

static void first_calls(void)
{
    printf("loaded: %s\n", loaded("target.dll"));
    printf("2 + 3 = %d\n", target_add(2, 3));
    printf("calls of the helper: %d\n", helper_calls);
    printf("loaded: %s\n", loaded("target.dll"));
    printf("4 + 5 = %d\n", target_add(4, 5));
    printf("calls of the helper: %d\n", helper_calls);
    printf("by ordinal: 6 * 7 = %d\n", target_mul(6, 7));
    FARPROC found = GetProcAddress(GetModuleHandleA("target.dll"), "target_add");
    printf("slot bound: %s\n", __imp_target_add == (void *)found ? "yes" : "no");
}

static void failures(void)
{
    void *handler = AddVectoredExceptionHandler(1, mend);
    printf("no DLL, no hook: %d\n", absent_function(1, 2));
    __pfnDliFailureHook2 = replace;
    printf("no DLL: %d\n", absent_function(3, 4));
    printf("no function: %d\n", target_absent(3, 4));
    __pfnDliFailureHook2 = NULL;
    printf("no function, no hook: %d\n", target_extra(5, 6));
    RemoveVectoredExceptionHandler(handler);
}

int main(void)
{
    first_calls();
    __pfnDliNotifyHook2 = note;
    printf("notified: 9 - 2 = %d\n", target_sub(9, 2));
    __pfnDliNotifyHook2 = NULL;
    failures();
    return 0;
}
