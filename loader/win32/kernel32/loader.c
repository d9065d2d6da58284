/* loader.c: ntdll's functions about modules. They act on the same modules as those of kernel32. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "win32/kernel32/kernel32.h"
#include "win32/kernel32/module.h"
#include "win32/loader_data.h"

enum {
    STATUS_NO_MORE_ENTRIES = 0x8000001A,
};
#define STATUS_PROCEDURE_NOT_FOUND 0xC000007Au
#define STATUS_INVALID_PARAMETER_1 0xC00000EFu
#define STATUS_INVALID_PARAMETER_2 0xC00000F0u
#define STATUS_INVALID_PARAMETER_3 0xC00000F1u

static ldr_context *own_context(void)
{
    return ldr__process_self()->ctx;
}

static ldr_module *module_of(const void *base, ldr__keep how)
{
    return ldr__guest_find_at(own_context(), base, true, how);
}

/* ---- Loading ---- */

/* The text of a UNICODE_STRING, allocated; NULL when out of memory. */
static char *narrow_from(const ldr__unicode_string *text)
{
    size_t length = text->length / sizeof(WCHAR);
    size_t bytes = ldr__utf16_to_utf8(text->buffer, length, NULL, 0);
    char *narrow = malloc(bytes + 1);
    if (narrow != NULL) {
        ldr__utf16_to_utf8(text->buffer, length, narrow, bytes);
        narrow[bytes] = 0;
    }
    return narrow;
}

/* The path and the characteristics say where to look and what may be loaded: not looked at. */
static NTSTATUS LDR_WINAPI guest_LdrLoadDll(const WCHAR *path, const DWORD *characteristics,
                                            const ldr__unicode_string *name, void **ret_base)
{
    ldr_module *module = NULL;
    ldr_diag diag = {0};
    (void)path;
    (void)characteristics;
    *ret_base = NULL;
    char *narrow = narrow_from(name);
    char *wanted = narrow != NULL ? ldr__name_to_load(narrow) : NULL;
    int error = narrow != NULL ? errno : ENOMEM;
    free(narrow);
    if (wanted == NULL)
        return error == ENOENT ? PE_NT_DLL_NOT_FOUND : PE_NT_NO_MEMORY;
    ldr_status status = ldr__guest_load(own_context(), wanted, 0, &module, &diag);
    free(wanted);
    ldr__thread_continue_exit();
    if (status != LDR_OK)
        return status == LDR_NO_MEMORY ? PE_NT_NO_MEMORY : diag.why.nt_status;
    *ret_base = ldr_module_base(module);
    return PE_NT_SUCCESS;
}

static NTSTATUS LDR_WINAPI guest_LdrUnloadDll(const void *base)
{
    ldr_module *module = module_of(base, LDR__KEEP_NOT);
    if (module == NULL)
        return PE_NT_DLL_NOT_FOUND;
    ldr__guest_unload(module);
    ldr__thread_continue_exit();
    return PE_NT_SUCCESS;
}

/* ---- Keeping ---- */

enum { LDR_ADDREF_DLL_PIN = 1 };

static NTSTATUS LDR_WINAPI guest_LdrAddRefDll(DWORD flags, const void *base)
{
    ldr__keep how = flags & LDR_ADDREF_DLL_PIN ? LDR__KEEP_PINNED : LDR__KEEP_REFERENCE;
    if ((flags & ~(DWORD)LDR_ADDREF_DLL_PIN) != 0)
        return PE_NT_INVALID_PARAMETER;
    return module_of(base, how) != NULL ? PE_NT_SUCCESS : PE_NT_INVALID_PARAMETER;
}

enum { GET_UNCHANGED = 1, GET_PIN = 2 };

static NTSTATUS LDR_WINAPI guest_LdrGetDllHandleEx(DWORD flags, const WCHAR *path,
                                                   const DWORD *characteristics,
                                                   const ldr__unicode_string *name, void **ret_base)
{
    ldr__keep how = LDR__KEEP_REFERENCE;
    (void)path;
    (void)characteristics;
    if (flags > GET_PIN)
        return PE_NT_INVALID_PARAMETER;
    if (flags != 0)
        how = flags == GET_PIN ? LDR__KEEP_PINNED : LDR__KEEP_NOT;
    char *narrow = narrow_from(name);
    if (narrow == NULL)
        return PE_NT_NO_MEMORY;
    ldr_module *module = NULL;
    ldr_status status = ldr__module_wanted(narrow, how, &module);
    free(narrow);
    if (ret_base != NULL)
        *ret_base = module != NULL ? ldr_module_base(module) : NULL;
    if (status != LDR_OK)
        return status == LDR_NO_MEMORY ? PE_NT_NO_MEMORY : PE_NT_DLL_NOT_FOUND;
    return PE_NT_SUCCESS;
}

static NTSTATUS LDR_WINAPI guest_LdrGetDllHandle(const WCHAR *path, const DWORD *characteristics,
                                                 const ldr__unicode_string *name, void **ret_base)
{
    return guest_LdrGetDllHandleEx(GET_UNCHANGED, path, characteristics, name, ret_base);
}

static NTSTATUS LDR_WINAPI guest_LdrDisableThreadCalloutsForDll(const void *base)
{
    ldr_module *module = module_of(base, LDR__KEEP_NOT);
    if (module == NULL || ldr__module_has_tls(module))
        return PE_NT_DLL_NOT_FOUND; /* rule F16 */
    ldr__module_no_thread_calls(module);
    return PE_NT_SUCCESS;
}

/* ---- Functions ---- */

/* ANSI_STRING */
typedef struct ansi_string {
    uint16_t length, maximum;
    const char *buffer;
} ansi_string;

static NTSTATUS LDR_WINAPI guest_LdrGetProcedureAddress(const void *base, const ansi_string *name,
                                                        DWORD ordinal, void **ret_address)
{
    ldr_module *module = module_of(base, LDR__KEEP_NOT);
    char *copy = NULL;
    if (module == NULL)
        return PE_NT_DLL_NOT_FOUND;
    if (name != NULL && (copy = strndup(name->buffer, name->length)) == NULL)
        return PE_NT_NO_MEMORY;
    void *found = NULL;
    ldr_status status = ldr__guest_symbol(module, copy, ordinal, &found, NULL);
    const void *address = found;
    if (status == LDR_OK)
        address = ldr__trace_found(module, copy, copy != NULL ? 0 : ordinal, found);
    free(copy);
    ldr__thread_continue_exit();
    if (status != LDR_OK)
        return status == LDR_NO_MEMORY ? PE_NT_NO_MEMORY : STATUS_PROCEDURE_NOT_FOUND;
    *ret_address = (void *)(uintptr_t)address;
    return PE_NT_SUCCESS;
}

/* ---- The loader lock ---- */

enum {
    LOCK_RAISE = 1, /* raise what would be returned: nothing that is valid fails */
    LOCK_TRY = 2,
    LOCK_ENTERED = 1, /* dispositions */
    LOCK_NOT_ENTERED = 2,
    COOKIE = 0x10001, /* any number but 0 */
};

static NTSTATUS LDR_WINAPI guest_LdrLockLoaderLock(DWORD flags, DWORD *ret_disposition,
                                                   uintptr_t *ret_cookie)
{
    if (ret_disposition != NULL)
        *ret_disposition = 0;
    if (ret_cookie != NULL)
        *ret_cookie = 0;
    if ((flags & ~(DWORD)(LOCK_RAISE | LOCK_TRY)) != 0)
        return STATUS_INVALID_PARAMETER_1;
    if (flags & LOCK_TRY && ret_disposition == NULL)
        return STATUS_INVALID_PARAMETER_2;
    if (ret_cookie == NULL)
        return STATUS_INVALID_PARAMETER_3;
    bool entered = ldr__guest_lock(own_context(), !(flags & LOCK_TRY));
    if (ret_disposition != NULL)
        *ret_disposition = entered ? LOCK_ENTERED : LOCK_NOT_ENTERED;
    *ret_cookie = entered ? COOKIE : 0;
    return PE_NT_SUCCESS;
}

static NTSTATUS LDR_WINAPI guest_LdrUnlockLoaderLock(DWORD flags, uintptr_t cookie)
{
    if ((flags & ~(DWORD)LOCK_RAISE) != 0)
        return STATUS_INVALID_PARAMETER_1;
    if (cookie == 0)
        return PE_NT_SUCCESS;
    if (cookie != COOKIE)
        return STATUS_INVALID_PARAMETER_2;
    ldr__guest_unlock(own_context());
    ldr__thread_continue_exit();
    return PE_NT_SUCCESS;
}

/* ---- Entries ---- */

typedef void(LDR_WINAPI *see_entry)(ldr__module_entry *entry, void *user, uint8_t *stop);

static NTSTATUS LDR_WINAPI guest_LdrEnumerateLoadedModules(DWORD reserved, see_entry see,
                                                           void *user)
{
    ldr__process *process = ldr__process_self();
    uint8_t stop = 0;
    if (reserved != 0 || see == NULL)
        return PE_NT_INVALID_PARAMETER;
    ldr__guest_lock(process->ctx, true);
    ldr__list_entry *head = ldr__loader_data_list(process);
    for (ldr__list_entry *link = head->next; link != head && !stop;) {
        ldr__list_entry *next = link->next;
        see((ldr__module_entry *)(void *)link, user, &stop);
        link = next;
    }
    ldr__guest_unlock(process->ctx);
    return PE_NT_SUCCESS;
}

static NTSTATUS LDR_WINAPI guest_LdrFindEntryForAddress(const void *address,
                                                        ldr__module_entry **ret_entry)
{
    ldr_module *module = ldr__guest_find_at(own_context(), address, false, LDR__KEEP_NOT);
    ldr__module_entry *entry = module != NULL ? ldr__module_guest_entry(module) : NULL;
    if (entry == NULL)
        return STATUS_NO_MORE_ENTRIES;
    *ret_entry = entry;
    return PE_NT_SUCCESS;
}

/* ---- Notices ---- */

static NTSTATUS LDR_WINAPI guest_LdrRegisterDllNotification(DWORD flags, ldr__dll_notice function,
                                                            void *context, void **ret_cookie)
{
    if (flags != 0 || function == NULL || ret_cookie == NULL)
        return PE_NT_INVALID_PARAMETER;
    *ret_cookie = ldr__loader_data_notify(ldr__process_self(), function, context);
    return *ret_cookie != NULL ? PE_NT_SUCCESS : PE_NT_NO_MEMORY;
}

static NTSTATUS LDR_WINAPI guest_LdrUnregisterDllNotification(void *cookie)
{
    return ldr__loader_data_forget(ldr__process_self(), cookie) ? PE_NT_SUCCESS
                                                                : PE_NT_DLL_NOT_FOUND;
}

static const ldr_export lines[] = {
    LDR__FN(LdrLoadDll),
    LDR__FN(LdrUnloadDll),
    LDR__FN(LdrAddRefDll),
    LDR__FN(LdrGetDllHandle),
    LDR__FN(LdrGetDllHandleEx),
    LDR__FN(LdrDisableThreadCalloutsForDll),
    LDR__FN(LdrGetProcedureAddress),
    LDR__FN(LdrLockLoaderLock),
    LDR__FN(LdrUnlockLoaderLock),
    LDR__FN(LdrEnumerateLoadedModules),
    LDR__FN(LdrFindEntryForAddress),
    LDR__FN(LdrRegisterDllNotification),
    LDR__FN(LdrUnregisterDllNotification),
};

LDR__TABLE(ldr__ntdll_loader, "ntdll.dll", lines);
