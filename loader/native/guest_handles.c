/* guest_handles.c: GetModuleHandle and its like, for the guest. */
#include "native/guest.h"
#include "native/state.h"

#include <string.h>
#include <wchar.h>

#include "os/os.h"

#define CALLER() ldr__context_at(__builtin_return_address(0))

static ldr__keep keep_of(DWORD flags)
{
    if (flags & GET_MODULE_HANDLE_EX_FLAG_PIN)
        return LDR__KEEP_PINNED;
    return flags & GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT ? LDR__KEEP_NOT
                                                                : LDR__KEEP_REFERENCE;
}

/* The context's module that holds an address, has a name, or (NULL) is the program. */
static ldr_module *find(ldr_context *ctx, DWORD flags, const wchar_t *name)
{
    ldr_module *module = NULL;
    ldr_context *other = NULL;
    char *text = NULL;
    if (flags & GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS) {
        other = ldr__context_at(name);
        return other != NULL ? ldr__guest_find_at(other, name, false, keep_of(flags)) : NULL;
    }
    if (ctx == NULL)
        return NULL;
    if (name == NULL)
        return ldr__module_main(ctx);
    text = ldr__text_of(name);
    if (text == NULL || ldr__guest_module(ctx, text, keep_of(flags), &module) != LDR_OK)
        module = NULL;
    ldr__os_free(text);
    return module;
}

static BOOL get_handle(ldr_context *ctx, DWORD flags, const wchar_t *name, HMODULE *ret_handle)
{
    const DWORD known = GET_MODULE_HANDLE_EX_FLAG_PIN |
                        GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT |
                        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS;
    const ldr_module *module = NULL;
    if (ret_handle != NULL && (flags & ~known) == 0)
        module = find(ctx, flags, name);
    if (module == NULL)
        return GetModuleHandleExW(flags, name, ret_handle);
    *ret_handle = ldr_module_base(module);
    return TRUE;
}

static BOOL get_handle_ansi(ldr_context *ctx, DWORD flags, const char *name, HMODULE *ret_handle)
{
    wchar_t *wide = NULL;
    char *text = NULL;
    if (name == NULL || flags & GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS)
        return get_handle(ctx, flags, (const wchar_t *)(const void *)name, ret_handle);
    text = ldr__text_of_ansi(name);
    if (text != NULL)
        wide = ldr__wide_of(text);
    ldr__os_free(text);
    if (wide == NULL) {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        return FALSE;
    }
    BOOL is_found = get_handle(ctx, flags, wide, ret_handle);
    DWORD error = GetLastError();
    ldr__os_free(wide);
    SetLastError(error);
    return is_found;
}

HMODULE WINAPI ldr__guest_GetModuleHandleA(LPCSTR name)
{
    HMODULE handle = NULL;
    get_handle_ansi(CALLER(), GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, name, &handle);
    return handle;
}

HMODULE WINAPI ldr__guest_GetModuleHandleW(LPCWSTR name)
{
    HMODULE handle = NULL;
    get_handle(CALLER(), GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, name, &handle);
    return handle;
}

BOOL WINAPI ldr__guest_GetModuleHandleExA(DWORD flags, LPCSTR name, HMODULE *ret_handle)
{
    return get_handle_ansi(CALLER(), flags, name, ret_handle);
}

BOOL WINAPI ldr__guest_GetModuleHandleExW(DWORD flags, LPCWSTR name, HMODULE *ret_handle)
{
    return get_handle(CALLER(), flags, name, ret_handle);
}

/* ---- Names ---- */

/* The image of a handle, or the program for NULL; NULL if it is the system's. */
static ldr_module *image_of(ldr_context *caller, HMODULE handle)
{
    ldr_context *ctx = handle != NULL ? ldr__context_at(handle) : caller;
    ldr_module *module = NULL;
    if (ctx != NULL)
        module = handle != NULL ? ldr__module_from_base(ctx, handle) : ldr__module_main(ctx);
    return module != NULL && ldr_module_view(module) != NULL ? module : NULL;
}

static wchar_t *path_of(ldr_context *caller, HMODULE handle)
{
    const ldr_module *module = image_of(caller, handle);
    return module != NULL ? ldr__wide_path_of(ldr_module_path(module)) : NULL;
}

/* What does not fit is cut, and ends with a NUL all the same. */
DWORD WINAPI ldr__guest_GetModuleFileNameW(HMODULE handle, LPWSTR buffer, DWORD size)
{
    wchar_t *path = path_of(CALLER(), handle);
    if (path == NULL || size == 0) {
        ldr__os_free(path);
        return GetModuleFileNameW(handle, buffer, size);
    }
    size_t length = wcslen(path), room = size - 1;
    bool fits = length <= room;
    memcpy(buffer, path, (fits ? length : room) * sizeof *path);
    buffer[fits ? length : room] = L'\0';
    ldr__os_free(path);
    SetLastError(fits ? ERROR_SUCCESS : ERROR_INSUFFICIENT_BUFFER);
    return fits ? (DWORD)length : size;
}

DWORD WINAPI ldr__guest_GetModuleFileNameA(HMODULE handle, LPSTR buffer, DWORD size)
{
    UINT code_page = AreFileApisANSI() ? CP_ACP : CP_OEMCP;
    wchar_t *path = path_of(CALLER(), handle);
    int needed = 0;
    if (path != NULL && size != 0)
        needed = WideCharToMultiByte(code_page, 0, path, -1, NULL, 0, NULL, NULL);
    char *text = needed > 0 ? ldr__os_alloc((size_t)needed) : NULL;
    if (text == NULL) {
        ldr__os_free(path);
        return GetModuleFileNameA(handle, buffer, size);
    }
    WideCharToMultiByte(code_page, 0, path, -1, text, needed, NULL, NULL);
    size_t length = (size_t)needed - 1;
    bool fits = length < size;
    memcpy(buffer, text, fits ? length : size - 1);
    buffer[fits ? length : size - 1] = '\0';
    ldr__os_free(text);
    ldr__os_free(path);
    SetLastError(fits ? ERROR_SUCCESS : ERROR_INSUFFICIENT_BUFFER);
    return fits ? (DWORD)length : size;
}

BOOL WINAPI ldr__guest_DisableThreadLibraryCalls(HMODULE handle)
{
    ldr_module *module = image_of(CALLER(), handle);
    if (handle == NULL || module == NULL)
        return DisableThreadLibraryCalls(handle);
    ldr__module_no_thread_calls(module);
    return TRUE;
}
