/* by_name.c: what kernel32 does with the delay imports of a module beside calls of them. */
#include "helper.h"

LONG WINAPI ResolveDelayLoadsFromDll(const void *base, const char *dll, ULONG flags);
void *WINAPI ResolveDelayLoadedAPI(const void *base, PCImgDelayDescr tables, void *hook,
                                   void *system, FARPROC *slot, ULONG flags);
void *WINAPI DelayLoadFailureHook(const char *dll, const char *function);

extern const char __ImageBase[];
int helper_calls;
static void *system_hook;

FARPROC WINAPI __delayLoadHelper2(PCImgDelayDescr tables, FARPROC *slot);
FARPROC WINAPI __delayLoadHelper2(PCImgDelayDescr tables, FARPROC *slot)
{
    helper_calls++;
    return (FARPROC)ResolveDelayLoadedAPI(__ImageBase, tables, NULL, system_hook, slot, 0);
}

static void query(const char *dll, const char *function)
{
    BOOL found = QueryOptionalDelayLoadedAPI((HMODULE)__ImageBase, dll, function, 0);
    printf("  %s: %d", dll, found);
    if (!found)
        printf(", error %lu", GetLastError());
    printf(", loaded: %s\n", loaded("target.dll"));
}

/* ntdll's, which says why and leaves the last error. */
static void query_status(const char *dll, const char *function, ULONG flags)
{
    LONG(WINAPI * query_ntdll)
    (const void *, const char *, const char *, ULONG) =
        (void *)GetProcAddress(GetModuleHandleA("ntdll.dll"), "LdrQueryOptionalDelayLoadedAPI");
    printf("  %s: %08lX\n", dll, query_ntdll(__ImageBase, dll, function, flags));
}

/* Ends the program: this exception cannot be continued. */
static LONG CALLBACK end(EXCEPTION_POINTERS *pointers)
{
    const EXCEPTION_RECORD *record = pointers->ExceptionRecord;
    const DelayLoadInfo *info = (const DelayLoadInfo *)record->ExceptionInformation[0];
    printf("exception %08lX, %lu argument: %s, %s, error %lu\n", record->ExceptionCode,
           record->NumberParameters, info->szDll, info->dlp.szProcName, info->dwLastError);
    return EXCEPTION_CONTINUE_SEARCH;
}

int main(void)
{
    printf("optional functions:\n");
    query("absent.dll", "absent_function");
    query("other.dll", "absent_function");
    query("target.dll", "target_nowhere");
    query("target.dll", "target_absent");
    query("TARGET", "target_add");
    query("target.dll", (const char *)10);
    query_status("absent.dll", "absent_function", 0);
    query_status("other.dll", "absent_function", 0);
    query_status("target.dll", "target_nowhere", 0);
    query_status("target.dll", "target_add", 1);
    query_status("target.dll", "target_add", 0);
    printf("2 + 3 = %d\n", target_add(2, 3));
    printf("6 * 7 = %d\n", target_mul(6, 7));
    printf("calls of the helper: %d\n", helper_calls);
    printf("all: %08lX\n", ResolveDelayLoadsFromDll(__ImageBase, "target.dll", 0));
    printf("all: %08lX\n", ResolveDelayLoadsFromDll(__ImageBase, "absent.dll", 0));
    printf("all: %08lX\n", ResolveDelayLoadsFromDll(__ImageBase, "other.dll", 0));
    AddVectoredExceptionHandler(1, end);
    system_hook = (void *)DelayLoadFailureHook;
    return target_absent(1, 2);
}
