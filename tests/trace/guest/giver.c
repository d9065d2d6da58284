/* giver.dll: gives away the address of a function as it has imported it. */
#include <windows.h>

__declspec(dllexport) void *give(void)
{
    return (void *)lstrlenA;
}
