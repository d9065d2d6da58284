/* overrides.c: exports of the system's DLLs that the guest gets another function for. */
#include "native/guest.h"
#include "native/state.h"

#include <string.h>

/* Of kernel32.dll and those behind it; sorted. */
static const struct {
    const char *name;
    uintptr_t function;
} of_kernel[] = {
#define LINE(name)                          \
    {                                       \
#name, (uintptr_t)ldr__guest_##name \
    }
    LINE(DisableThreadLibraryCalls),
    LINE(FreeLibrary),
    LINE(FreeLibraryAndExitThread),
    LINE(GetModuleFileNameA),
    LINE(GetModuleFileNameW),
    LINE(GetModuleHandleA),
    LINE(GetModuleHandleExA),
    LINE(GetModuleHandleExW),
    LINE(GetModuleHandleW),
    LINE(GetProcAddress),
    LINE(LoadLibraryA),
    LINE(LoadLibraryExA),
    LINE(LoadLibraryExW),
    LINE(LoadLibraryW),
    LINE(RtlPcToFileHeader),
    LINE(VirtualProtect),
    LINE(VirtualProtectEx),
#undef LINE
};

/* Whatever C runtime has it, its own asks for the image in the same way. */
static const char throw_name[] = "_CxxThrowException";

static const void *find(const char *name)
{
    size_t low = 0, high = sizeof of_kernel / sizeof of_kernel[0];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, of_kernel[middle].name);
        if (order == 0)
            return (const void *)of_kernel[middle].function;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static bool is_of_kernel(HMODULE module)
{
    static const wchar_t *const names[] = {L"kernel32.dll", L"kernelbase.dll", L"ntdll.dll"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (module == GetModuleHandleW(names[i]))
            return true;
    }
    return false;
}

const void *ldr__override(HMODULE module, const char *name, const void *found)
{
    if (strcmp(name, throw_name) == 0)
        return (const void *)(uintptr_t)ldr__guest_CxxThrowException;
    const void *function = find(name);
    return function != NULL && is_of_kernel(module) ? function : found;
}
