#include "helper.h"

extern const char __ImageBase[];

PfnDliHook __pfnDliNotifyHook2, __pfnDliFailureHook2;
int helper_calls;

static void *at(RVA rva)
{
    return (void *)(__ImageBase + rva);
}

static FARPROC notify(PfnDliHook hook, unsigned reason, DelayLoadInfo *info)
{
    return hook != NULL ? hook(reason, info) : NULL;
}

static void raise(DWORD error, const DelayLoadInfo *info)
{
    ULONG_PTR argument = (ULONG_PTR)info;
    RaiseException((DWORD)VcppException(ERROR_SEVERITY_ERROR, error), 0, 1, &argument);
}

static DelayLoadInfo describe(PCImgDelayDescr tables, FARPROC *slot)
{
    const IMAGE_THUNK_DATA *names = at(tables->rvaINT);
    ULONGLONG wanted = names[slot - (FARPROC *)at(tables->rvaIAT)].u1.Ordinal;
    DelayLoadInfo info = {.cb = sizeof info,
                          .pidd = tables,
                          .ppfn = slot,
                          .szDll = at(tables->rvaDLLName),
                          .dlp.fImportByName = !IMAGE_SNAP_BY_ORDINAL64(wanted)};
    if (info.dlp.fImportByName)
        info.dlp.szProcName = (const char *)at((RVA)wanted) + 2;
    else
        info.dlp.dwOrdinal = IMAGE_ORDINAL64(wanted);
    return info;
}

/* NULL when a hook or a handler has put a function into `info` instead. */
static HMODULE load(DelayLoadInfo *info)
{
    HMODULE module = (HMODULE)notify(__pfnDliNotifyHook2, dliNotePreLoadLibrary, info);
    if (module == NULL)
        module = LoadLibraryExA(info->szDll, NULL, 0);
    if (module == NULL) {
        info->dwLastError = GetLastError();
        module = (HMODULE)notify(__pfnDliFailureHook2, dliFailLoadLib, info);
    }
    if (module == NULL) {
        raise(ERROR_MOD_NOT_FOUND, info);
        return NULL;
    }
    HMODULE *handle = at(info->pidd->rvaHmod);
    if (InterlockedExchangePointer((void **)handle, module) == module)
        FreeLibrary(module);
    return module;
}

static void find(DelayLoadInfo *info)
{
    const char *name = info->dlp.fImportByName ? info->dlp.szProcName
                                               : (const char *)(ULONG_PTR)info->dlp.dwOrdinal;
    info->pfnCur = notify(__pfnDliNotifyHook2, dliNotePreGetProcAddress, info);
    if (info->pfnCur == NULL)
        info->pfnCur = GetProcAddress(info->hmodCur, name);
    if (info->pfnCur == NULL) {
        info->dwLastError = GetLastError();
        info->pfnCur = notify(__pfnDliFailureHook2, dliFailGetProc, info);
    }
    if (info->pfnCur == NULL)
        raise(ERROR_PROC_NOT_FOUND, info);
}

FARPROC WINAPI __delayLoadHelper2(PCImgDelayDescr tables, FARPROC *slot);
FARPROC WINAPI __delayLoadHelper2(PCImgDelayDescr tables, FARPROC *slot)
{
    DelayLoadInfo info = describe(tables, slot);
    helper_calls++;
    info.hmodCur = *(HMODULE *)at(tables->rvaHmod);
    info.pfnCur = notify(__pfnDliNotifyHook2, dliStartProcessing, &info);
    if (info.pfnCur == NULL) {
        if (info.hmodCur == NULL)
            info.hmodCur = load(&info);
        if (info.hmodCur != NULL) {
            find(&info);
            *slot = info.pfnCur;
        }
    }
    notify(__pfnDliNotifyHook2, dliNoteEndProcessing, &info);
    return info.pfnCur;
}

BOOL helper_unload(PCImgDelayDescr tables)
{
    HMODULE *handle = at(tables->rvaHmod);
    FARPROC *slots = at(tables->rvaIAT), *fresh = at(tables->rvaUnloadIAT);
    const IMAGE_THUNK_DATA *names = at(tables->rvaINT);
    if (*handle == NULL || tables->rvaUnloadIAT == 0)
        return FALSE;
    for (int i = 0; names[i].u1.Ordinal != 0; i++)
        slots[i] = fresh[i];
    FreeLibrary(*handle);
    *handle = NULL;
    return TRUE;
}
