/*
 * load_time.exe: how long LoadLibrary takes, in microseconds.
 *
 *   load_time.exe DLL
 *
 * Prints one line of three times: until the first DLL is about to be initialised, when all are
 * mapped, relocated and bound; until LoadLibrary returns; and, since much is done only once in a
 * process, the second time for a load after FreeLibrary.
 */
#include <stdio.h>
#include <windows.h>

typedef void CALLBACK callback(ULONG reason, const void *data, void *context);
typedef LONG WINAPI register_function(ULONG flags, callback *function, void *context,
                                      void **ret_cookie);

static double first;

static double now(void)
{
    LARGE_INTEGER count, frequency;
    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&frequency);
    return (double)count.QuadPart * 1e6 / (double)frequency.QuadPart;
}

/* Wine notifies of a DLL just before it calls its DllMain; none is called before all are bound. */
static void CALLBACK note_first(ULONG reason, const void *data, void *context)
{
    (void)reason;
    (void)data;
    (void)context;
    if (first == 0)
        first = now();
}

int main(int argc, char **argv)
{
    void *cookie;
    HMODULE ntdll = GetModuleHandleA("ntdll.dll");
    register_function *add =
        (register_function *)(void *)GetProcAddress(ntdll, "LdrRegisterDllNotification");
    if (argc != 2 || add == NULL || add(0, note_first, NULL, &cookie) != 0)
        return 2;
    double start = now();
    HMODULE module = LoadLibraryA(argv[1]);
    double end = now();
    if (module == NULL)
        return 1;
    FreeLibrary(module);
    double again = now();
    LoadLibraryA(argv[1]);
    printf("%.1f %.1f %.1f\n", first - start, end - start, now() - again);
    return 0;
}
