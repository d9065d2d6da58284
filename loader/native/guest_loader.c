/*
 * guest_loader.c: LoadLibrary and its like, for the guest. The context whose image calls is asked
 * first; what it does not know is the system's.
 */
#include "native/guest.h"
#include "native/state.h"

#include <winternl.h>

#include "os/os.h"

#define CALLER() ldr__context_at(__builtin_return_address(0))

static void set_error(const ldr_diag *diag)
{
    SetLastError(RtlNtStatusToDosError((NTSTATUS)diag->why.nt_status));
}

/* ---- Loading ---- */

/* Flags that say which code is loaded, and from where; others are about data, or signatures. */
enum {
    FLAGS_OF_SEARCH = LOAD_WITH_ALTERED_SEARCH_PATH | LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR |
                      LOAD_LIBRARY_SEARCH_APPLICATION_DIR | LOAD_LIBRARY_SEARCH_USER_DIRS |
                      LOAD_LIBRARY_SEARCH_SYSTEM32 | LOAD_LIBRARY_SEARCH_DEFAULT_DIRS |
                      DONT_RESOLVE_DLL_REFERENCES,
    FLAGS_IGNORED = LOAD_IGNORE_CODE_AUTHZ_LEVEL | 0x2000, /* ..._SAFE_CURRENT_DIRS */
};

/* Whether the context has the DLL, which then has failed for want of another one. */
static bool is_there(ldr_context *ctx, const char *name)
{
    ldr_found found = {0};
    bool is_found = ldr__guest_find(ctx, name, &found, NULL) == LDR_OK;
    ldr_found_release(&found);
    return is_found;
}

/* The system's loader, which may be waited for: others are told so (contexts.c). */
static HMODULE load_systems(const wchar_t *name, HANDLE file, DWORD flags)
{
    ldr__system_enter();
    HMODULE module = LoadLibraryExW(name, file, flags);
    DWORD error = GetLastError();
    ldr__system_leave();
    SetLastError(error);
    return module;
}

static BOOL free_systems(HMODULE module)
{
    ldr__system_enter();
    BOOL is_freed = FreeLibrary(module);
    DWORD error = GetLastError();
    ldr__system_leave();
    SetLastError(error);
    return is_freed;
}

static HMODULE load(ldr_context *ctx, const wchar_t *name, HANDLE file, DWORD flags)
{
    ldr_module *module = NULL;
    ldr_diag diag = {0};
    char *text = NULL;
    bool is_ours = ctx != NULL && name != NULL && file == NULL &&
                   (flags & ~(DWORD)(FLAGS_OF_SEARCH | FLAGS_IGNORED)) == 0;
    if (is_ours && (text = ldr__text_of(name)) == NULL) {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    ldr_status status = LDR_DLL_NOT_FOUND;
    if (is_ours)
        status = ldr__guest_load(ctx, text, flags & FLAGS_OF_SEARCH, &module, &diag);
    bool is_systems = status == LDR_DLL_NOT_FOUND && !(is_ours && is_there(ctx, text));
    ldr__os_free(text);
    if (is_systems)
        return load_systems(name, file, flags);
    if (status == LDR_OK)
        return ldr_module_base(module);
    set_error(&diag);
    return NULL;
}

static HMODULE load_ansi(ldr_context *ctx, const char *name, HANDLE file, DWORD flags)
{
    wchar_t *wide = NULL;
    char *text = name != NULL ? ldr__text_of_ansi(name) : NULL;
    if (text != NULL)
        wide = ldr__wide_of(text);
    ldr__os_free(text);
    if (name != NULL && wide == NULL) {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    HMODULE module = load(ctx, wide, file, flags);
    DWORD error = GetLastError();
    ldr__os_free(wide);
    SetLastError(error);
    return module;
}

HMODULE WINAPI ldr__guest_LoadLibraryA(LPCSTR name)
{
    return load_ansi(CALLER(), name, NULL, 0);
}

HMODULE WINAPI ldr__guest_LoadLibraryW(LPCWSTR name)
{
    return load(CALLER(), name, NULL, 0);
}

HMODULE WINAPI ldr__guest_LoadLibraryExA(LPCSTR name, HANDLE file, DWORD flags)
{
    return load_ansi(CALLER(), name, file, flags);
}

HMODULE WINAPI ldr__guest_LoadLibraryExW(LPCWSTR name, HANDLE file, DWORD flags)
{
    return load(CALLER(), name, file, flags);
}

/* ---- Unloading ---- */

/* The module of a handle in the caller's context, or in that of the image it is the base of. */
static ldr_module *module_of(ldr_context *caller, HMODULE handle)
{
    ldr_module *module =
        caller != NULL && handle != NULL ? ldr__module_from_base(caller, handle) : NULL;
    if (module != NULL || handle == NULL)
        return module;
    ldr_context *other = ldr__context_at(handle);
    return other != NULL ? ldr__module_from_base(other, handle) : NULL;
}

static BOOL free_library(ldr_context *ctx, HMODULE handle)
{
    ldr_module *module = module_of(ctx, handle);
    if (module == NULL)
        return free_systems(handle);
    ldr__guest_unload(module);
    return TRUE;
}

BOOL WINAPI ldr__guest_FreeLibrary(HMODULE handle)
{
    return free_library(CALLER(), handle);
}

void WINAPI ldr__guest_FreeLibraryAndExitThread(HMODULE handle, DWORD exit_code)
{
    free_library(CALLER(), handle);
    ExitThread(exit_code);
}

/* ---- Functions ---- */

FARPROC WINAPI ldr__guest_GetProcAddress(HMODULE handle, LPCSTR name)
{
    ldr_context *ctx = CALLER();
    void *address = NULL;
    ldr_diag diag = {0};
    ldr_module *module = module_of(ctx, handle);
    if (handle == NULL && ctx != NULL)
        module = ldr__module_main(ctx);
    if (module == NULL)
        return GetProcAddress(handle, name);
    bool by_ordinal = (uintptr_t)name <= UINT16_MAX;
    ldr_status status =
        ldr__guest_symbol(module, by_ordinal ? NULL : name,
                          by_ordinal ? (uint32_t)(uintptr_t)name : 0, &address, &diag);
    if (status == LDR_OK)
        return (FARPROC)(uintptr_t)address;
    set_error(&diag);
    return NULL;
}
