/* system.c: the same by ResolveDelayLoadedAPI, with the hooks that it takes. */
#include "helper.h"

/* DELAYLOAD_INFO is laid out as DelayLoadInfo is. */
typedef void *WINAPI dll_hook(ULONG reason, DelayLoadInfo *info);
typedef void *WINAPI system_hook(const char *dll, const char *function);

void *WINAPI ResolveDelayLoadedAPI(const void *base, PCImgDelayDescr tables, dll_hook *hook,
                                   system_hook *system, FARPROC *slot, ULONG flags);

extern const char __ImageBase[];
int helper_calls;
static dll_hook *hook;

static int stand_in(int a, int b)
{
    return 1000 + a + b;
}

static void *WINAPI fail(ULONG reason, DelayLoadInfo *info)
{
    printf("  failed with %lu: size %lu, %s, by name: %d, DLL there: %s, error: %s\n", reason,
           info->cb, info->szDll, info->dlp.fImportByName, info->hmodCur != NULL ? "yes" : "no",
           info->dwLastError != 0 ? "yes" : "no");
    return (void *)stand_in;
}

static void *WINAPI fail_for_system(const char *dll, const char *function)
{
    printf("  system's hook: %s, %s\n", dll, function);
    return (void *)stand_in;
}

FARPROC WINAPI __delayLoadHelper2(PCImgDelayDescr tables, FARPROC *slot);
FARPROC WINAPI __delayLoadHelper2(PCImgDelayDescr tables, FARPROC *slot)
{
    helper_calls++;
    return (FARPROC)ResolveDelayLoadedAPI(__ImageBase, tables, hook, fail_for_system, slot, 0);
}

int main(void)
{
    printf("loaded: %s\n", loaded("target.dll"));
    printf("2 + 3 = %d\n", target_add(2, 3));
    printf("4 + 5 = %d\n", target_add(4, 5));
    printf("calls: %d, loaded: %s\n", helper_calls, loaded("target.dll"));
    printf("by ordinal: 6 * 7 = %d\n", target_mul(6, 7));
    printf("no function: %d\n", target_absent(1, 2));
    printf("no DLL: %d\n", absent_function(1, 2));
    hook = fail;
    printf("no function: %d\n", target_absent(3, 4));
    printf("no DLL: %d\n", absent_function(3, 4));
    printf("calls: %d\n", helper_calls);
    return 0;
}
