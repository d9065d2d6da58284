/* dependency.dll: what dependent.dll needs. */
#include <windows.h>

static int answer;

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, void *reserved)
{
    (void)module, (void)reserved;
    if (reason == DLL_PROCESS_ATTACH)
        answer = 42;
    return TRUE;
}

/* 42, or 0 before DllMain has run. */
__declspec(dllexport) int dependency_answer(void)
{
    return answer;
}
