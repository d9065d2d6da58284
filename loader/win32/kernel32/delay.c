/*
 * delay.c: the system's part in delay imports. Images that are linked with a helper of their own
 * (__delayLoadHelper2 of delayimp.lib) need LoadLibraryEx and GetProcAddress only; others leave the
 * work to ResolveDelayLoadedAPI. [MS-DOCS: delayloadhandler.h], rule E.4.
 *
 * What the guest hands over is read where it lies: what is wrong with it becomes an exception of
 * the guest's, as in all functions that take pointers.
 */
#include <stdlib.h>
#include <string.h>

#include "win32/kernel32/kernel32.h"

/* ImgDelayDescr, IMAGE_DELAYLOAD_DESCRIPTOR: RVAs. */
typedef struct delay_descriptor {
    DWORD attributes; /* bit 0: these are RVAs, as in all images for x64 */
    DWORD dll_name, module_handle;
    DWORD addresses, names, bound, unload; /* tables */
    DWORD time_date_stamp;
} delay_descriptor;

enum { DELAY_RVA = 1, HINT_SIZE = 2, DELAYLOAD_GPA_FAILURE = 4 };

#define ORDINAL_FLAG (UINT64_C(1) << 63)

/* DELAYLOAD_INFO: what hooks are told. Laid out as DelayLoadInfo of delayimp.h, too. */
typedef struct delay_info {
    DWORD size;
    const delay_descriptor *descriptor;
    uint64_t *thunk;
    const char *dll;
    DWORD by_name;
    union {
        const char *name;
        DWORD ordinal;
    } function;
    void *module; /* NULL: that is what was not found */
    void *unused;
    DWORD last_error;
} delay_info;
_Static_assert(sizeof(delay_info) == 72, "DELAYLOAD_INFO layout");

typedef void *LDR_WINAPI dll_hook(DWORD reason, delay_info *info);
typedef void *LDR_WINAPI system_hook(const char *dll, const char *function);

static ldr_context *own_context(void)
{
    return ldr__process_self()->ctx;
}

/* ---- Finding ---- */

static void describe(const uint8_t *base, const delay_descriptor *descriptor, uint64_t *thunk,
                     delay_info *ret_info)
{
    const uint64_t *names = (const void *)(base + descriptor->names);
    uint64_t wanted = names[thunk - (uint64_t *)(uintptr_t)(base + descriptor->addresses)];
    *ret_info = (delay_info){.size = sizeof *ret_info,
                             .descriptor = descriptor,
                             .thunk = thunk,
                             .dll = (const char *)base + descriptor->dll_name,
                             .by_name = (wanted & ORDINAL_FLAG) == 0};
    if (ret_info->by_name)
        ret_info->function.name = (const char *)base + (uint32_t)wanted + HINT_SIZE;
    else
        ret_info->function.ordinal = (uint16_t)wanted;
}

/* A bare name is looked for; a path becomes the host's. */
static ldr_status load_dll(const char *name, ldr_module **ret_module, ldr_diag *diag)
{
    bool is_path = strpbrk(name, "\\/:") != NULL;
    char *wanted = is_path ? ldr__path_to_host(name) : strdup(name);
    if (wanted == NULL)
        return LDR_NO_MEMORY;
    ldr_status status = ldr__guest_load(own_context(), wanted, 0, ret_module, diag);
    free(wanted);
    ldr__thread_continue_exit();
    return status;
}

static DWORD error_of(ldr_status status, const ldr_diag *diag)
{
    return status == LDR_NO_MEMORY ? ERROR_NOT_ENOUGH_MEMORY
                                   : ldr__error_from_nt_status(diag->why.nt_status);
}

/* Gives the descriptor the handle, and with it the reference; a second thread's is given back. */
static ldr_status keep_dll(const uint8_t *base, const delay_info *info, ldr_module *module)
{
    void *before = NULL;
    void **handle = (void **)(uintptr_t)(base + info->descriptor->module_handle);
    ldr_status status = ldr__module_store(own_context(), handle, info->module, &before);
    if (status != LDR_OK || before == info->module)
        ldr__guest_unload(module);
    return status;
}

/* The DLL, loaded unless the descriptor has its handle already. */
static ldr_module *find_dll(const uint8_t *base, delay_info *info)
{
    ldr_module *module;
    ldr_diag diag = {0};
    void *known =
        __atomic_load_n((void *const *)(base + info->descriptor->module_handle), __ATOMIC_ACQUIRE);
    if (known != NULL)
        return info->module = known, ldr__module_from_base(own_context(), known);
    ldr_status status = load_dll(info->dll, &module, &diag);
    if (status != LDR_OK) {
        info->last_error = error_of(status, &diag);
        return NULL;
    }
    info->module = ldr_module_base(module);
    return keep_dll(base, info, module) == LDR_OK ? module : NULL;
}

static void *find_function(ldr_module *module, delay_info *info)
{
    void *address = NULL;
    ldr_diag diag = {0};
    ldr_status status =
        ldr__guest_symbol(module, info->by_name ? info->function.name : NULL,
                          info->by_name ? 0 : info->function.ordinal, &address, &diag);
    if (status != LDR_OK)
        info->last_error =
            status == LDR_EXPORT_NOT_FOUND ? ERROR_PROC_NOT_FOUND : error_of(status, &diag);
    return address;
}

/* What is told of calls through the slot from now on, if somebody listens. */
static void *traced(const uint8_t *base, ldr_module *provider, const delay_info *info,
                    void *function)
{
    const void *address = function;
    ldr__trace_delayed(ldr__module_from_base(own_context(), base), provider, info->dll,
                       info->by_name ? info->function.name : NULL,
                       info->by_name ? 0 : info->function.ordinal, &address);
    return (void *)(uintptr_t)address;
}

/* The function of a slot, which gets its address; NULL with the reason in `info`. */
static void *resolve(const uint8_t *base, const delay_descriptor *descriptor, uint64_t *thunk,
                     delay_info *ret_info)
{
    void *before;
    *ret_info = (delay_info){.last_error = ERROR_INVALID_PARAMETER};
    if ((descriptor->attributes & DELAY_RVA) == 0)
        return NULL;
    describe(base, descriptor, thunk, ret_info);
    ldr_module *module = find_dll(base, ret_info);
    void *function = module ? find_function(module, ret_info) : NULL;
    if (function != NULL)
        function = traced(base, module, ret_info, function);
    if (function != NULL) /* which can be called also where it cannot be stored */
        ldr__module_store(own_context(), (void **)thunk, function, &before);
    else if (ret_info->last_error == 0)
        ret_info->last_error = ERROR_MOD_NOT_FOUND;
    return function;
}

/* ---- Failing ---- */

/* What delayimp.lib raises: VcppException(ERROR_SEVERITY_ERROR, ERROR_MOD_NOT_FOUND or
 * ERROR_PROC_NOT_FOUND) with the address of what hooks are told. */
static void raise_failure(const delay_info *info)
{
    enum { VCPP_ERROR = 0xC06D0000 };
    uint64_t argument = (uintptr_t)info;
    DWORD error = info->module != NULL ? ERROR_PROC_NOT_FOUND : ERROR_MOD_NOT_FOUND;
    ldr__seh_raise(VCPP_ERROR | error, 0, 1, &argument);
}

/* The hook of the image comes first, then that of the system, which is told less. */
static void *ask_hooks(delay_info *info, dll_hook *hook, system_hook *system)
{
    void *function = NULL;
    if (hook != NULL)
        function = hook(DELAYLOAD_GPA_FAILURE, info);
    if (function == NULL && system != NULL)
        function =
            system(info->dll, info->by_name ? info->function.name
                                            : (const char *)(uintptr_t)info->function.ordinal);
    if (function == NULL)
        raise_failure(info);
    return function;
}

static void *LDR_WINAPI guest_ResolveDelayLoadedAPI(const uint8_t *base,
                                                    const delay_descriptor *descriptor,
                                                    dll_hook *hook, system_hook *system,
                                                    uint64_t *thunk, DWORD flags)
{
    delay_info info;
    (void)flags;
    void *function = resolve(base, descriptor, thunk, &info);
    if (function != NULL || info.descriptor == NULL)
        return function;
    ldr__set_last_error(info.last_error);
    return ask_hooks(&info, hook, system);
}

/* The system's own hook: it knows stand-ins for functions of some DLLs, and here for none. */
static void *LDR_WINAPI guest_DelayLoadFailureHook(const char *dll, const char *function)
{
    bool by_name = (uintptr_t)function > UINT16_MAX;
    delay_info info = {.size = sizeof info, .dll = dll, .by_name = by_name};
    ldr_module *module = ldr_module_find(own_context(), dll);
    if (by_name)
        info.function.name = function;
    else
        info.function.ordinal = (DWORD)(uintptr_t)function;
    info.module = module ? ldr_module_base(module) : NULL;
    info.last_error = module ? ERROR_PROC_NOT_FOUND : ERROR_MOD_NOT_FOUND;
    raise_failure(&info);
    return NULL;
}

/* ---- By name ---- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

/* Case-insensitive, with ".dll" where there is no extension. */
static bool names_dll(pe_span stored, const char *name)
{
    static const char extension[] = ".dll";
    size_t length = strlen(name);
    bool is_whole = strchr(name, '.') != NULL;
    if (stored.size != length + (is_whole ? 0 : strlen(extension)))
        return false;
    for (size_t i = 0; i < stored.size; i++) {
        char wanted = i < length ? name[i] : extension[i - length];
        if (lower((char)stored.data[i]) != lower(wanted))
            return false;
    }
    return true;
}

static bool names_function(const pe_import *import, const char *name)
{
    if ((uintptr_t)name <= UINT16_MAX)
        return import->by_ordinal && import->ordinal == (uintptr_t)name;
    return !import->by_ordinal && import->name.size == strlen(name) &&
           memcmp(import->name.data, name, import->name.size) == 0;
}

/* The delay imports of a module from one DLL; false if it has none. */
static bool find_descriptor(ldr_module *module, const char *dll, pe_delay_iter *ret_iter,
                            pe_delay_dll *ret_dll)
{
    const ldr_view *view = ldr_module_view(module);
    if (view == NULL)
        return false;
    pe_delay_imports(ldr_view_image(view), (uintptr_t)ldr_view_base(view), ret_iter);
    while (pe_delay_next(ret_iter, ret_dll) == PE_OK)
        if (names_dll(ret_dll->name, dll))
            return true;
    return false;
}

static void *resolve_import(const uint8_t *base, const pe_delay_dll *dll, const pe_import *import,
                            delay_info *ret_info)
{
    return resolve(base, (const void *)(base + dll->descriptor.value),
                   (uint64_t *)(uintptr_t)(base + import->slot.value), ret_info);
}

/* All functions of a DLL at once; the first one missing ends it. */
static NTSTATUS LDR_WINAPI guest_ResolveDelayLoadsFromDll(const uint8_t *base, const char *dll,
                                                          DWORD flags)
{
    pe_delay_iter dlls;
    pe_delay_dll delayed;
    pe_delay_thunk_iter thunks;
    pe_import import;
    delay_info info;
    ldr_module *module = ldr__module_from_base(own_context(), base);
    if (module == NULL || dll == NULL || flags != 0)
        return (NTSTATUS)PE_NT_INVALID_PARAMETER;
    if (!find_descriptor(module, dll, &dlls, &delayed))
        return (NTSTATUS)PE_NT_DLL_NOT_FOUND;
    pe_delay_thunks(&dlls, &delayed, &thunks);
    while (pe_delay_thunk_next(&thunks, &import) == PE_OK) {
        if (resolve_import(base, &delayed, &import, &info) != NULL)
            continue;
        if (info.module == NULL)
            return (NTSTATUS)PE_NT_DLL_NOT_FOUND;
        return (NTSTATUS)(info.by_name ? PE_NT_ENTRYPOINT_NOT_FOUND : PE_NT_ORDINAL_NOT_FOUND);
    }
    return PE_NT_SUCCESS;
}

/* Whether a delay import can be had. The slot gets its address, as at the first call. */
static BOOL LDR_WINAPI guest_QueryOptionalDelayLoadedAPI(const uint8_t *base, const char *dll,
                                                         const char *function, DWORD reserved)
{
    pe_delay_iter dlls;
    pe_delay_dll delayed;
    pe_delay_thunk_iter thunks;
    pe_import import;
    delay_info info;
    ldr_module *module = ldr__module_from_base(own_context(), base);
    if (module == NULL || dll == NULL || reserved != 0)
        return ldr__win_error(ERROR_INVALID_PARAMETER);
    if (!find_descriptor(module, dll, &dlls, &delayed))
        return ldr__win_error(ERROR_MOD_NOT_FOUND);
    pe_delay_thunks(&dlls, &delayed, &thunks);
    while (pe_delay_thunk_next(&thunks, &import) == PE_OK) {
        if (!names_function(&import, function))
            continue;
        if (resolve_import(base, &delayed, &import, &info) != NULL)
            return true;
        return ldr__win_error(info.last_error);
    }
    return ldr__win_error(ERROR_PROC_NOT_FOUND);
}

/* The same with a status; the last error is not touched. */
static NTSTATUS LDR_WINAPI guest_LdrQueryOptionalDelayLoadedAPI(const uint8_t *base,
                                                                const char *dll,
                                                                const char *function, DWORD flags)
{
    enum { FACILITY_WIN32 = 7 };
    ldr__teb *teb = &ldr__thread_self()->teb;
    DWORD before = teb->last_error;
    if (guest_QueryOptionalDelayLoadedAPI(base, dll, function, flags))
        return PE_NT_SUCCESS;
    DWORD error = teb->last_error;
    teb->last_error = before;
    switch (error) {
    case ERROR_INVALID_PARAMETER:
        return (NTSTATUS)PE_NT_INVALID_PARAMETER;
    case ERROR_MOD_NOT_FOUND:
        return (NTSTATUS)PE_NT_DLL_NOT_FOUND;
    case ERROR_PROC_NOT_FOUND:
        return (NTSTATUS)PE_NT_ENTRYPOINT_NOT_FOUND;
    default:
        return (NTSTATUS)(0xC0000000 | FACILITY_WIN32 << 16 | error);
    }
}

static const ldr_export lines[] = {
    LDR__FN(DelayLoadFailureHook),
    LDR__FN(QueryOptionalDelayLoadedAPI),
    LDR__FN(ResolveDelayLoadedAPI),
    LDR__FN(ResolveDelayLoadsFromDll),
};

static const ldr_export ntdll_lines[] = {
    LDR__FN(LdrQueryOptionalDelayLoadedAPI),
    LDR__FN_AS("LdrResolveDelayLoadedAPI", guest_ResolveDelayLoadedAPI),
    LDR__FN_AS("LdrResolveDelayLoadsFromDll", guest_ResolveDelayLoadsFromDll),
};

LDR__TABLE(ldr__kernel32_delay, "kernel32.dll", lines);
LDR__TABLE(ldr__ntdll_delay, "ntdll.dll", ntdll_lines);
