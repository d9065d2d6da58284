/*
 * guest_memory.c: VirtualProtect, for the guest. An image that came from memory is a view that is
 * copied on writing, and of such a view the system makes no page PAGE_READWRITE, while of an image
 * it takes that for PAGE_WRITECOPY. Code that opens its own constants for a moment says the former.
 */
#include "native/guest.h"
#include "native/state.h"

static bool is_copied_on_writing(HANDLE process, const void *address)
{
    MEMORY_BASIC_INFORMATION info;
    return process == GetCurrentProcess() && ldr__context_at(address) != NULL &&
           VirtualQuery(address, &info, sizeof info) != 0 && info.Type == MEM_MAPPED;
}

static DWORD copied(DWORD protect)
{
    DWORD rest = protect & ~(DWORD)0xFF;
    switch (protect & 0xFF) {
    case PAGE_READWRITE:
        return PAGE_WRITECOPY | rest;
    case PAGE_EXECUTE_READWRITE:
        return PAGE_EXECUTE_WRITECOPY | rest;
    default:
        return protect;
    }
}

BOOL WINAPI ldr__guest_VirtualProtectEx(HANDLE process, LPVOID address, SIZE_T size, DWORD protect,
                                        PDWORD ret_old)
{
    if (is_copied_on_writing(process, address))
        protect = copied(protect);
    return VirtualProtectEx(process, address, size, protect, ret_old);
}

BOOL WINAPI ldr__guest_VirtualProtect(LPVOID address, SIZE_T size, DWORD protect, PDWORD ret_old)
{
    return ldr__guest_VirtualProtectEx(GetCurrentProcess(), address, size, protect, ret_old);
}
