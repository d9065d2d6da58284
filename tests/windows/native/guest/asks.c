/* asks.c: asks the system's loader for modules, as code does that does not know who loaded it. */
#include <windows.h>

#include <stdio.h>
#include <string.h>

typedef int (*function)(void);

static HMODULE self;

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, void *reserved)
{
    (void)reserved;
    if (reason == DLL_PROCESS_ATTACH)
        self = module;
    return TRUE;
}

/* Bits of what does not hold; 0 if all does. */
__declspec(dllexport) int ask_for_itself(void)
{
    wchar_t wide[512] = L"";
    char ansi[512] = "";
    HMODULE found = NULL;
    int wrong = 0;
    wrong |= GetModuleHandleA("asks.dll") != self ? 1 : 0;
    wrong |= GetModuleHandleW(L"asks") != self ? 2 : 0;
    wrong |= !GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                                     GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                                 (const wchar_t *)(const void *)&self, &found) ||
                     found != self
                 ? 4
                 : 0;
    wrong |= GetProcAddress(self, "ask_for_itself") != (FARPROC)(INT_PTR)ask_for_itself ? 8 : 0;
    wrong |= GetModuleFileNameW(self, wide, 512) == 0 || wcsstr(wide, L"asks.dll") == NULL ? 16 : 0;
    wrong |= GetModuleFileNameA(self, ansi, 512) != strlen(ansi) || strstr(ansi, "asks.dll") == NULL
                 ? 32
                 : 0;
    wrong |= GetModuleFileNameA(self, ansi, 4) != 4 || ansi[3] != '\0' ? 64 : 0;
    wrong |=
        GetProcAddress(self, "nothing") != NULL || GetLastError() != ERROR_PROC_NOT_FOUND ? 128 : 0;
    return wrong;
}

/* Of a DLL beside it, which the system would not find. */
__declspec(dllexport) int ask_for_other(void)
{
    int wrong = 0;
    HMODULE module = LoadLibraryA("counter.dll");
    if (module == NULL)
        return -1;
    function count = (function)(INT_PTR)GetProcAddress(module, "count");
    wrong |= count == NULL || count() != 1 ? 1 : 0;
    wrong |= GetModuleHandleW(L"counter.dll") != module ? 2 : 0;
    wrong |= LoadLibraryW(L"counter") != module ? 4 : 0;
    wrong |= !FreeLibrary(module) || GetModuleHandleA("counter.dll") != module ? 8 : 0;
    wrong |= !FreeLibrary(module) || GetModuleHandleA("counter.dll") != NULL ? 16 : 0;
    return wrong;
}

/* Of those of the system. */
__declspec(dllexport) int ask_for_systems(void)
{
    int wrong = 0;
    HMODULE kernel = GetModuleHandleA("kernel32.dll");
    wrong |= kernel == NULL || LoadLibraryA("KERNEL32") != kernel ? 1 : 0;
    wrong |= GetProcAddress(kernel, "GetTickCount") == NULL ? 2 : 0;
    wrong |= !FreeLibrary(kernel) ? 4 : 0;
    HMODULE version = LoadLibraryA("version.dll");
    wrong |= version == NULL || GetProcAddress(version, "GetFileVersionInfoSizeW") == NULL ? 8 : 0;
    wrong |= !FreeLibrary(version) ? 16 : 0;
    wrong |= LoadLibraryA("nothere.dll") != NULL || GetLastError() != ERROR_MOD_NOT_FOUND ? 32 : 0;
    wrong |= LoadLibraryExA("api-ms-win-core-synch-l1-1-0.dll", NULL, 0) == NULL ? 64 : 0;
    return wrong;
}

/* Its own resource number 1, of type 10. */
__declspec(dllexport) int ask_for_resource(void)
{
    HRSRC found = FindResourceW(self, MAKEINTRESOURCEW(1), (const wchar_t *)RT_RCDATA);
    if (found == NULL || SizeofResource(self, found) != 5)
        return -1;
    return memcmp(LockResource(LoadResource(self, found)), "hello", 5) == 0;
}
