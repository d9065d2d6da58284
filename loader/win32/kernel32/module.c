#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "win32/kernel32/kernel32.h"
#include "win32/kernel32/module.h"

enum {
    GET_MODULE_HANDLE_EX_FLAG_PIN = 1,
    GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT = 2,
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS = 4,
    DONT_RESOLVE_DLL_REFERENCES = 1,
    ORDINALS_END = 0x10000,
    /* LOAD_WITH_ALTERED_SEARCH_PATH, LOAD_LIBRARY_SEARCH_*: where to look. */
    SEARCH_FLAGS = 0x8 | 0x1F00,
    LOAD_IGNORE_CODE_AUTHZ_LEVEL = 0x10,
};

static ldr_context *own_context(void)
{
    return ldr__process_self()->ctx;
}

/* ---- Loading ---- */

/* A bare name stays as it is: it is looked for. A path is the host's, and has a '/'. */
char *ldr__name_to_load(const char *name)
{
    if (strpbrk(name, "\\/:") == NULL)
        return strdup(name);
    char *host = ldr__path_to_host(name);
    if (host == NULL || strchr(host, '/') != NULL)
        return host;
    char *path = malloc(strlen(host) + sizeof "./");
    if (path != NULL) {
        strcpy(path, "./");
        strcat(path, host);
    }
    free(host);
    return path;
}

/* NULL with the last error. */
static void *load_module(const char *wanted, DWORD flags)
{
    ldr_module *module = NULL;
    ldr_diag diag = {0};
    uint32_t how = flags & SEARCH_FLAGS;
    how |= flags & DONT_RESOLVE_DLL_REFERENCES ? LDR__GUEST_LOAD_BARE : 0;
    ldr_status status = ldr__guest_load(own_context(), wanted, how, &module, &diag);
    if (status == LDR_OK)
        return ldr_module_base(module);
    ldr__set_last_error(status == LDR_NO_MEMORY ? ERROR_NOT_ENOUGH_MEMORY
                                                : ldr__error_from_nt_status(diag.why.nt_status));
    return NULL;
}

static void *LDR_WINAPI guest_LoadLibraryExA(const char *name, HANDLE reserved, DWORD flags)
{
    const DWORD known =
        SEARCH_FLAGS | LOAD_IGNORE_CODE_AUTHZ_LEVEL | DONT_RESOLVE_DLL_REFERENCES | LDR__AS_DATA;
    if (name == NULL || reserved != NULL || (flags & ~known) != 0) {
        ldr__set_last_error(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    char *wanted = ldr__name_to_load(name);
    if (wanted == NULL) {
        ldr__set_last_error(errno == ENOENT ? ERROR_MOD_NOT_FOUND : ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    void *handle =
        flags & LDR__AS_DATA ? ldr__data_file_load(wanted, flags) : load_module(wanted, flags);
    free(wanted);
    ldr__thread_continue_exit();
    return handle;
}

static void *LDR_WINAPI guest_LoadLibraryExW(const WCHAR *name, HANDLE reserved, DWORD flags)
{
    char *narrow = name ? ldr__utf8_from(name) : NULL;
    if (name != NULL && narrow == NULL) {
        ldr__set_last_error(ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    void *base = guest_LoadLibraryExA(narrow, reserved, flags);
    free(narrow);
    return base;
}

static void *LDR_WINAPI guest_LoadLibraryA(const char *name)
{
    return guest_LoadLibraryExA(name, NULL, 0);
}

static void *LDR_WINAPI guest_LoadLibraryW(const WCHAR *name)
{
    return guest_LoadLibraryExW(name, NULL, 0);
}

/* The module of an HMODULE, NULL with the last error. The low bits mark images loaded as data. */
static ldr_module *module_from(const void *base)
{
    ldr_module *module = ldr__module_from_base(own_context(), base);
    if (module == NULL)
        ldr__set_last_error(ERROR_MOD_NOT_FOUND);
    return module;
}

static BOOL LDR_WINAPI guest_FreeLibrary(void *base)
{
    if (base == NULL)
        return ldr__win_error(ERROR_INVALID_HANDLE);
    if (((uintptr_t)base & LDR__DATA_BITS) != 0)
        return ldr__data_file_free(base) ? true : ldr__win_error(ERROR_MOD_NOT_FOUND);
    ldr_module *module = module_from(base);
    if (module == NULL)
        return false;
    ldr__guest_unload(module);
    ldr__thread_continue_exit();
    return true;
}

static void LDR_WINAPI guest_FreeLibraryAndExitThread(void *base, DWORD exit_code)
{
    guest_FreeLibrary(base);
    ldr__thread_exit(exit_code);
}

static BOOL LDR_WINAPI guest_DisableThreadLibraryCalls(void *base)
{
    ldr_module *module = module_from(base);
    if (module == NULL)
        return false;
    if (ldr__module_has_tls(module))
        return ldr__win_error(ERROR_MOD_NOT_FOUND); /* rule F16 */
    ldr__module_no_thread_calls(module);
    return true;
}

/* ---- Looking up ---- */

static ldr_module *program(void)
{
    return ldr__module_main(own_context());
}

static ldr_status module_at(const void *address, bool only_base, ldr__keep how,
                            ldr_module **ret_module)
{
    ldr_module *module = ldr__guest_find_at(own_context(), address, only_base, how);
    if (module == NULL)
        return LDR_DLL_NOT_FOUND;
    *ret_module = module;
    return LDR_OK;
}

ldr_status ldr__module_wanted(const char *name, ldr__keep how, ldr_module **ret_module)
{
    ldr_module *main = name ? NULL : program();
    if (name != NULL)
        return ldr__guest_module(own_context(), name, how, ret_module);
    return main ? module_at(ldr_module_base(main), true, how, ret_module) : LDR_DLL_NOT_FOUND;
}

static ldr_status find_module(const char *name, DWORD flags, ldr_module **ret_module)
{
    ldr__keep how = LDR__KEEP_REFERENCE;
    if (flags & GET_MODULE_HANDLE_EX_FLAG_PIN)
        how = LDR__KEEP_PINNED;
    else if (flags & GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT)
        how = LDR__KEEP_NOT;
    if (name != NULL && flags & GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS)
        return module_at(name, false, how, ret_module);
    return ldr__module_wanted(name, how, ret_module);
}

/* All of them known, and not two that contradict each other. */
static bool are_handle_flags(DWORD flags)
{
    const DWORD references =
        GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
    return (flags & ~(references | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS)) == 0 &&
           (flags & references) != references;
}

static BOOL LDR_WINAPI guest_GetModuleHandleExA(DWORD flags, const char *name, void **ret_base)
{
    if (ret_base != NULL)
        *ret_base = NULL;
    if (ret_base == NULL || !are_handle_flags(flags))
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    ldr_module *module;
    ldr_status status = find_module(name, flags, &module);
    if (status != LDR_OK)
        return ldr__win_error(status == LDR_NO_MEMORY ? ERROR_NOT_ENOUGH_MEMORY
                                                      : ERROR_MOD_NOT_FOUND);
    *ret_base = ldr_module_base(module);
    return true;
}

static BOOL LDR_WINAPI guest_GetModuleHandleExW(DWORD flags, const WCHAR *name, void **ret_base)
{
    if (name == NULL || (flags & GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS))
        return guest_GetModuleHandleExA(flags, (const char *)name, ret_base);
    char *narrow = ldr__utf8_from(name);
    if (narrow == NULL)
        return ldr__win_error(ERROR_NOT_ENOUGH_MEMORY);
    BOOL done = guest_GetModuleHandleExA(flags, narrow, ret_base);
    free(narrow);
    return done;
}

static void *LDR_WINAPI guest_GetModuleHandleA(const char *name)
{
    void *base = NULL;
    guest_GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, name, &base);
    return base;
}

static void *LDR_WINAPI guest_GetModuleHandleW(const WCHAR *name)
{
    void *base = NULL;
    guest_GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, name, &base);
    return base;
}

/* Why there is no such function: for whatever reason, unless the way to it could not be gone. */
static DWORD missing_error(ldr_status status)
{
    switch (status) {
    case LDR_NO_MEMORY:
        return ERROR_NOT_ENOUGH_MEMORY;
    case LDR_OS_ERROR:
        return ERROR_NO_SYSTEM_RESOURCES;
    default:
        return ERROR_PROC_NOT_FOUND;
    }
}

static void *LDR_WINAPI guest_GetProcAddress(void *base, const char *name)
{
    ldr_module *module = base ? module_from(base) : program();
    bool by_name = (uintptr_t)name >= ORDINALS_END;
    uint32_t ordinal = by_name ? 0 : (uint32_t)(uintptr_t)name;
    if (module == NULL)
        return NULL;
    /* Names are this long at the most. To look here, before anything is locked, lets a guest that
     * gave a bad pointer go on after the exception. */
    if (by_name && strlen(name) > UINT16_MAX)
        return ldr__win_error(ERROR_INVALID_PARAMETER), NULL;
    void *address = NULL;
    ldr_status status = ldr__guest_symbol(module, by_name ? name : NULL, ordinal, &address, NULL);
    if (status != LDR_OK)
        return ldr__set_last_error(missing_error(status)), NULL;
    return (void *)(uintptr_t)ldr__trace_found(module, by_name ? name : NULL, ordinal, address);
}

/* ---- File names ---- */

/* The guest's path of a module, allocated; NULL with the last error. */
static char *module_path(void *base)
{
    ldr_module *module = base ? module_from(base) : program();
    if (module == NULL) {
        ldr__set_last_error(ERROR_MOD_NOT_FOUND);
        return NULL;
    }
    char *path = ldr__path_to_guest(ldr_module_path(module));
    if (path == NULL)
        ldr__set_last_error(ERROR_NOT_ENOUGH_MEMORY);
    return path;
}

/* The length, or all of `size` with ERROR_INSUFFICIENT_BUFFER when it was cut. */
static DWORD cut_to_size(size_t length, DWORD size)
{
    ldr__set_last_error(length < size ? ERROR_SUCCESS : ERROR_INSUFFICIENT_BUFFER);
    return length < size ? (DWORD)length : size;
}

static DWORD LDR_WINAPI guest_GetModuleFileNameA(void *base, char *ret_path, DWORD size)
{
    char *path = module_path(base);
    if (path == NULL)
        return 0;
    size_t length = strlen(path);
    DWORD result = cut_to_size(length, size);
    if (size != 0) {
        size_t copied = length < size ? length : size - 1;
        memcpy(ret_path, path, copied);
        ret_path[copied] = 0;
    }
    free(path);
    return result;
}

static DWORD LDR_WINAPI guest_GetModuleFileNameW(void *base, WCHAR *ret_path, DWORD size)
{
    char *path = module_path(base);
    WCHAR *wide = path ? ldr__utf16_from(path) : NULL;
    free(path);
    if (path == NULL)
        return 0;
    if (wide == NULL)
        return (DWORD)ldr__win_error(ERROR_NOT_ENOUGH_MEMORY);
    size_t length = ldr__wcslen(wide);
    DWORD result = cut_to_size(length, size);
    if (size != 0) {
        size_t copied = length < size ? length : size - 1;
        memcpy(ret_path, wide, copied * sizeof *wide);
        ret_path[copied] = 0;
    }
    free(wide);
    return result;
}

static const ldr_export lines[] = {
    LDR__FN(LoadLibraryA),
    LDR__FN(LoadLibraryW),
    LDR__FN(LoadLibraryExA),
    LDR__FN(LoadLibraryExW),
    LDR__FN(FreeLibrary),
    LDR__FN(FreeLibraryAndExitThread),
    LDR__FN(DisableThreadLibraryCalls),
    LDR__FN(GetModuleHandleA),
    LDR__FN(GetModuleHandleW),
    LDR__FN(GetModuleHandleExA),
    LDR__FN(GetModuleHandleExW),
    LDR__FN(GetProcAddress),
    LDR__FN(GetModuleFileNameA),
    LDR__FN(GetModuleFileNameW),
};

LDR__TABLE(ldr__kernel32_module, "kernel32.dll", lines);
