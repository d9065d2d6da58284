/* guest.h: functions that the guest gets in place of the system's. */
#ifndef PELOAD_NATIVE_GUEST_H
#define PELOAD_NATIVE_GUEST_H

#include <windows.h>

/* guest_loader.c */
HMODULE WINAPI ldr__guest_LoadLibraryA(LPCSTR name);
HMODULE WINAPI ldr__guest_LoadLibraryW(LPCWSTR name);
HMODULE WINAPI ldr__guest_LoadLibraryExA(LPCSTR name, HANDLE file, DWORD flags);
HMODULE WINAPI ldr__guest_LoadLibraryExW(LPCWSTR name, HANDLE file, DWORD flags);
BOOL WINAPI ldr__guest_FreeLibrary(HMODULE handle);
void WINAPI ldr__guest_FreeLibraryAndExitThread(HMODULE handle, DWORD exit_code);
FARPROC WINAPI ldr__guest_GetProcAddress(HMODULE handle, LPCSTR name);

/* guest_handles.c */
HMODULE WINAPI ldr__guest_GetModuleHandleA(LPCSTR name);
HMODULE WINAPI ldr__guest_GetModuleHandleW(LPCWSTR name);
BOOL WINAPI ldr__guest_GetModuleHandleExA(DWORD flags, LPCSTR name, HMODULE *ret_handle);
BOOL WINAPI ldr__guest_GetModuleHandleExW(DWORD flags, LPCWSTR name, HMODULE *ret_handle);
DWORD WINAPI ldr__guest_GetModuleFileNameA(HMODULE handle, LPSTR buffer, DWORD size);
DWORD WINAPI ldr__guest_GetModuleFileNameW(HMODULE handle, LPWSTR buffer, DWORD size);
BOOL WINAPI ldr__guest_DisableThreadLibraryCalls(HMODULE handle);

/* guest_memory.c */
BOOL WINAPI ldr__guest_VirtualProtect(LPVOID address, SIZE_T size, DWORD protect, PDWORD ret_old);
BOOL WINAPI ldr__guest_VirtualProtectEx(HANDLE process, LPVOID address, SIZE_T size, DWORD protect,
                                        PDWORD ret_old);

/* throw.c */
void *WINAPI ldr__guest_RtlPcToFileHeader(void *pc, void **ret_base);
void ldr__guest_CxxThrowException(void *object, void *throw_info);

#endif
