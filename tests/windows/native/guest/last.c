/* last.c: tells of its end on the standard output. */
#include <windows.h>

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, void *reserved)
{
    DWORD written;
    (void)module;
    if (reason == DLL_PROCESS_DETACH)
        WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), reserved != NULL ? "process" : "library", 7,
                  &written, NULL);
    return TRUE;
}
