/* dependent.dll: is a dependency found, bound and initialised before the DLL that needs it? */
#include <windows.h>

__declspec(dllimport) int dependency_answer(void);

static int answer_at_attach;

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, void *reserved)
{
    (void)module, (void)reserved;
    if (reason == DLL_PROCESS_ATTACH)
        answer_at_attach = dependency_answer();
    return TRUE;
}

/* What dependency.dll answered when our DllMain asked: 42 if its own had run by then. */
__declspec(dllexport) int dependent_answer(void)
{
    return answer_at_attach;
}
