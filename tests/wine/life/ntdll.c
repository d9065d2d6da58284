/* ntdll.c: the same through ntdll's own functions. */
#include <string.h>

#include "life.h"

/* What is missing is said by name, once. */
static void *function_of_ntdll(const char *name)
{
    void *function = (void *)GetProcAddress(GetModuleHandleA("ntdll.dll"), name);
    if (function == NULL) {
        say("ntdll has no %s", name);
        ExitProcess(1);
    }
    return function;
}
#define NTDLL(name, ...) ((LONG(NTAPI *)(__VA_ARGS__))function_of_ntdll(#name))

static text16 text_of(const WCHAR *text)
{
    USHORT length = (USHORT)(wcslen(text) * sizeof(WCHAR));
    return (text16){length, length, (WCHAR *)text};
}

typedef struct text8 {
    USHORT length, maximum;
    const char *buffer;
} text8;

static void load_and_unload(void)
{
    text16 l = text_of(L"l.dll"), gone = text_of(L"gone.dll");
    void *module = NULL;
    LONG status =
        NTDLL(LdrLoadDll, const WCHAR *, ULONG *, const text16 *, void **)(NULL, NULL, &l, &module);
    say("load: %x, %d", (unsigned)status, module == GetModuleHandleA("l"));
    module = (void *)1;
    status = NTDLL(LdrLoadDll, const WCHAR *, ULONG *, const text16 *, void **)(NULL, NULL, &gone,
                                                                                &module);
    say("load gone: %x, %d", (unsigned)status, module != NULL);
    show("l");
    module = GetModuleHandleA("l");
    say("unload: %x", (unsigned)NTDLL(LdrUnloadDll, void *)(module));
    show("l");
    say("unload again: %x", (unsigned)NTDLL(LdrUnloadDll, void *)(module));
    script("l+:false");
    status =
        NTDLL(LdrLoadDll, const WCHAR *, ULONG *, const text16 *, void **)(NULL, NULL, &l, &module);
    say("load what fails: %x", (unsigned)status);
    script("l+:crash");
    status =
        NTDLL(LdrLoadDll, const WCHAR *, ULONG *, const text16 *, void **)(NULL, NULL, &l, &module);
    say("load what crashes: %x", (unsigned)status);
}

static void statuses_of_missing(void)
{
    text16 x = text_of(L"x1.dll"), w = text_of(L"w1.dll");
    void *module = NULL;
    LONG status =
        NTDLL(LdrLoadDll, const WCHAR *, ULONG *, const text16 *, void **)(NULL, NULL, &x, &module);
    say("missing function: %x", (unsigned)status);
    status =
        NTDLL(LdrLoadDll, const WCHAR *, ULONG *, const text16 *, void **)(NULL, NULL, &w, &module);
    say("missing DLL: %x", (unsigned)status);
}

static void add_reference(void)
{
    HMODULE l = load("l");
    say("add: %x", (unsigned)NTDLL(LdrAddRefDll, ULONG, void *)(0, l));
    show("l");
    say("unknown flag: %x", (unsigned)NTDLL(LdrAddRefDll, ULONG, void *)(2, l));
    say("nothing: %x", (unsigned)NTDLL(LdrAddRefDll, ULONG, void *)(0, (void *)0x123450000));
    say("pin: %x", (unsigned)NTDLL(LdrAddRefDll, ULONG, void *)(1, l));
    show("l");
    for (int i = 0; i < 3; i++)
        unload(l, "l");
    show("l");
}

static void get_handle(void)
{
    text16 name = text_of(L"l.dll"), gone = text_of(L"gone"), bare = text_of(L"l");
    HMODULE l = load("l");
    void *module = (void *)1;
    LONG status = NTDLL(LdrGetDllHandle, const WCHAR *, ULONG *, const text16 *,
                        void **)(NULL, NULL, &name, &module);
    say("handle: %x, %d", (unsigned)status, module == l);
    module = (void *)1;
    status = NTDLL(LdrGetDllHandle, const WCHAR *, ULONG *, const text16 *,
                   void **)(NULL, NULL, &bare, &module);
    say("without extension: %x, %d", (unsigned)status, module == l);
    status = NTDLL(LdrGetDllHandle, const WCHAR *, ULONG *, const text16 *,
                   void **)(NULL, NULL, &gone, &module);
    say("of nothing: %x", (unsigned)status);
    show("l");
    for (ULONG flags = 0; flags < 4; flags++) {
        status = NTDLL(LdrGetDllHandleEx, ULONG, const WCHAR *, ULONG *, const text16 *,
                       void **)(flags, NULL, NULL, &name, &module);
        say("flags %d: %x", (int)flags, (unsigned)status);
        show("l");
    }
}

static void procedure_address(void)
{
    text8 name = {4, 5, "l_fn"}, gone = {4, 5, "gone"};
    HMODULE l = load("l");
    void *address = NULL;
    LONG status =
        NTDLL(LdrGetProcedureAddress, void *, const text8 *, ULONG, void **)(l, &name, 0, &address);
    say("by name: %x, %d", (unsigned)status, address == (void *)GetProcAddress(l, "l_fn"));
    status =
        NTDLL(LdrGetProcedureAddress, void *, const text8 *, ULONG, void **)(l, NULL, 1, &address);
    say("by ordinal: %x, %d", (unsigned)status, address == (void *)GetProcAddress(l, "l_fn"));
    status =
        NTDLL(LdrGetProcedureAddress, void *, const text8 *, ULONG, void **)(l, &gone, 0, &address);
    say("gone: %x", (unsigned)status);
    status =
        NTDLL(LdrGetProcedureAddress, void *, const text8 *, ULONG, void **)(l, NULL, 99, &address);
    say("ordinal gone: %x", (unsigned)status);
    status = NTDLL(LdrGetProcedureAddress, void *, const text8 *, ULONG,
                   void **)((void *)0x123450000, &name, 0, &address);
    say("of nothing: %x", (unsigned)status);
}

static void disable_callouts(void)
{
    HMODULE l = load("l"), t = load("t"), t2 = load("t2");
    LONG(NTAPI * disable)(void *) = NTDLL(LdrDisableThreadCalloutsForDll, void *);
    say("l: %x, t: %x, t2: %x", (unsigned)disable(l), (unsigned)disable(t), (unsigned)disable(t2));
    say("nothing: %x", (unsigned)disable((void *)0x123450000));
}

static void loader_lock(void)
{
    LONG(NTAPI * lock)
    (ULONG, ULONG *, ULONG_PTR *) = NTDLL(LdrLockLoaderLock, ULONG, ULONG *, ULONG_PTR *);
    LONG(NTAPI * unlock)(ULONG, ULONG_PTR) = NTDLL(LdrUnlockLoaderLock, ULONG, ULONG_PTR);
    ULONG result = 9;
    ULONG_PTR first = 0, second = 0;
    say("no cookie: %x", (unsigned)lock(0, &result, NULL));
    say("flags 0x100: %x", (unsigned)lock(0x100, &result, &first));
    say("try without a result: %x", (unsigned)lock(2, NULL, &first));
    say("lock: %x", (unsigned)lock(0, NULL, &first));
    say("again: %x", (unsigned)lock(0, &result, &second));
    say("result %d, cookies %d %d", (int)result, first != 0, second != 0);
    HMODULE l = load("l");
    unload(l, "l");
    say("unlock: %x", (unsigned)unlock(0, second));
    say("unlock: %x", (unsigned)unlock(0, first));
    say("unlock with flags: %x", (unsigned)unlock(0x100, first));
    say("try: %x", (unsigned)lock(2, &result, &first));
    say("result %d", (int)result);
    say("unlock: %x", (unsigned)unlock(0, first));
    say("unlock nothing: %x", (unsigned)unlock(0, 0));
}

static HANDLE locked, go_on;

static DWORD WINAPI holds_the_lock(void *unused)
{
    ULONG_PTR cookie;
    (void)unused;
    LONG(NTAPI * unlock)(ULONG, ULONG_PTR) = NTDLL(LdrUnlockLoaderLock, ULONG, ULONG_PTR);
    NTDLL(LdrLockLoaderLock, ULONG, ULONG *, ULONG_PTR *)(0, NULL, &cookie);
    SetEvent(locked);
    WaitForSingleObject(go_on, INFINITE);
    unlock(0, cookie);
    return 0;
}

static void loader_lock_of_another(void)
{
    ULONG result = 9;
    ULONG_PTR cookie = 5;
    LONG(NTAPI * lock)
    (ULONG, ULONG *, ULONG_PTR *) = NTDLL(LdrLockLoaderLock, ULONG, ULONG *, ULONG_PTR *);
    locked = CreateEventA(NULL, FALSE, FALSE, NULL);
    go_on = CreateEventA(NULL, FALSE, FALSE, NULL);
    HANDLE thread = CreateThread(NULL, 0, holds_the_lock, NULL, 0, NULL);
    WaitForSingleObject(locked, INFINITE);
    LONG status = lock(2, &result, &cookie);
    say("try: %x, result %d, cookie %d", (unsigned)status, (int)result, cookie != 0);
    SetEvent(go_on);
    WaitForSingleObject(thread, INFINITE);
}

static void NTAPI see_module(module_entry *entry, void *user, BOOLEAN *stop)
{
    int *count = user;
    ++*count;
    if (entry->base == GetModuleHandleA("l"))
        *stop = TRUE;
}

static void enumerate(void)
{
    module_entry *entry = NULL;
    int count = 0;
    HMODULE l = load("l");
    load("m");
    LONG status =
        NTDLL(LdrEnumerateLoadedModules, ULONG, void *, void *)(0, (void *)see_module, &count);
    say("enumerate: %x, some: %d", (unsigned)status, count > 1);
    status = NTDLL(LdrFindEntryForAddress, const void *,
                   module_entry **)((void *)GetProcAddress(l, "l_fn"), &entry);
    say("entry: %x, %d", (unsigned)status, entry == entry_of(l));
    status = NTDLL(LdrFindEntryForAddress, const void *, module_entry **)((void *)16, &entry);
    say("entry of nothing: %x", (unsigned)status);
}

static void flags_of(const char *name)
{
    module_entry *entry = entry_of(GetModuleHandleA(name));
    say("%s: DLL %d, attached %d, entry %d, name %d", name, (entry->flags & ENTRY_IS_DLL) != 0,
        (entry->flags & ENTRY_ATTACHED) != 0, entry->entry != NULL,
        entry->path.length > entry->name.length && entry->name.maximum > entry->name.length);
}

static void entries(void)
{
    load("l");
    flags_of("l");
    flags_of("p");
    module_entry *program = entry_of(GetModuleHandleA(NULL));
    say("the program is first: %d", &program->load == loader_of_process()->load.Flink);
    say("it is a DLL: %d", (program->flags & ENTRY_IS_DLL) != 0);
    say("length %d, ready %d", (int)loader_of_process()->length, loader_of_process()->is_ready);
    say("ntdll is second: %d",
        loader_of_process()->load.Flink->Flink == &entry_of(GetModuleHandleA("ntdll"))->load);
}

static int is_listed(const WCHAR *name)
{
    LIST_ENTRY *head = &loader_of_process()->load;
    for (LIST_ENTRY *link = head->Flink; link != head; link = link->Flink) {
        const module_entry *entry = CONTAINING_RECORD(link, module_entry, load);
        if (entry->name.length == wcslen(name) * sizeof *name &&
            _wcsnicmp(entry->name.buffer, name, wcslen(name)) == 0)
            return 1;
    }
    return 0;
}

static void entries_of_the_system(void)
{
    say("kernel32 %d, ntdll %d, ws2_32 %d", is_listed(L"kernel32.dll"), is_listed(L"ntdll.dll"),
        is_listed(L"ws2_32.dll"));
    HMODULE sockets = load("ws2_32.dll");
    module_entry *entry = entry_of(sockets);
    say("ws2_32 %d, its entry %d", is_listed(L"ws2_32.dll"), entry != NULL);
    say("initialised: %d", entry != NULL && entry->initialised.Flink != NULL);
    load("ws2_32.dll");
    say("once: %d", entry == entry_of(sockets));
}

/* ---- Notifications ---- */

typedef struct notice {
    ULONG flags;
    const text16 *path, *name;
    void *base;
    ULONG size;
} notice;

static void NTAPI on_notice(ULONG reason, const notice *what, void *user)
{
    char name[16] = "";
    for (int i = 0; i < 12 && i < what->name->length / 2; i++)
        name[i] = (char)what->name->buffer[i];
    say("  notice %s %s of %s, flags %d", (const char *)user,
        reason == 1   ? "loaded"
        : reason == 2 ? "unloaded"
                      : "?",
        name, (int)what->flags);
}

static void notifications(void)
{
    LONG(NTAPI * add)
    (ULONG, void *, const void *, void **) =
        NTDLL(LdrRegisterDllNotification, ULONG, void *, const void *, void **);
    LONG(NTAPI * take)(void *) = NTDLL(LdrUnregisterDllNotification, void *);
    void *one = NULL, *two = NULL;
    say("register: %x", (unsigned)add(0, (void *)on_notice, "one", &one));
    HMODULE k = load("k1");
    say("register: %x", (unsigned)add(0, (void *)on_notice, "two", &two));
    unload(k, "k1");
    script("l+:false");
    load("l");
    load("x1");
    say("unregister: %x", (unsigned)take(one));
    say("again: %x", (unsigned)take(one));
    script("");
    unload(load("l"), "l");
    say("unregister: %x", (unsigned)take(two));
    unload(load("l"), "l");
}

const scenario ntdll_scenarios[] = {
    {"load_and_unload", load_and_unload},
    {"statuses_of_missing", statuses_of_missing},
    {"add_reference", add_reference},
    {"get_handle", get_handle},
    {"procedure_address", procedure_address},
    {"disable_callouts", disable_callouts},
    {"loader_lock", loader_lock},
    {"loader_lock_of_another", loader_lock_of_another},
    {"enumerate", enumerate},
    {"entries", entries},
    {"entries_of_the_system", entries_of_the_system},
    {"notifications", notifications},
    {0},
};
