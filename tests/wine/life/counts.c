/* counts.c: who counts as a reference, and what handles lead to. */
#include "life.h"

static void loaded_twice(void)
{
    HMODULE first = load("l"), second = load("l");
    say("the same: %d", first == second);
    show("l");
    unload(first, "l");
    show("l");
    unload(second, "l");
    show("l");
    unload(second, "l again");
}

static void need_freed_while_needed(void)
{
    HMODULE k1 = load("k1");
    unload(GetModuleHandleA("k2"), "k2");
    show("k1 k2 k3");
    unload(GetModuleHandleA("k2"), "k2");
    show("k1 k2 k3");
    unload(k1, "k1");
    show("k1 k2 k3");
}

static void need_loaded_by_itself(void)
{
    HMODULE k1 = load("k1"), k3 = load("k3");
    show("k1 k2 k3");
    unload(k1, "k1");
    show("k1 k2 k3");
    unload(k3, "k3");
    show("k1 k2 k3");
}

static void get(DWORD flags, const char *name, const char *what)
{
    HMODULE module = (HMODULE)0x55;
    SetLastError(0);
    BOOL done = GetModuleHandleExA(flags, name, &module);
    say("%s, flags %x: %d, error %d, %s", what, flags, done, done ? 0 : (int)GetLastError(),
        module == NULL            ? "NULL"
        : module == (HMODULE)0x55 ? "untouched"
                                  : "a module");
    show("l");
}

static void handle_by_name(void)
{
    HMODULE l = load("l");
    get(2, "l", "unchanged");
    get(0, "l.dll", "counted");
    get(0, "L.DLL", "counted");
    get(0, "l.", "with a dot");
    get(0, "gone", "not loaded");
    get(8, "l", "unknown flag");
    get(3, "l", "pinned and unchanged");
    say("no place: %d", GetModuleHandleExA(0, "l", NULL));
    get(2, NULL, "the program");
    unload(l, "l");
    unload(l, "l");
    unload(l, "l");
    show("l");
}

static void handle_by_address(void)
{
    HMODULE l = load("l");
    const char *inside = (const char *)GetProcAddress(l, "l_fn");
    get(4 | 2, inside, "unchanged");
    get(4, inside, "counted");
    get(4, (const char *)l, "base");
    get(4, (const char *)16, "nowhere");
    get(4, NULL, "no address");
    get(4 | 1 | 2, inside, "pinned and unchanged");
}

static void pinned(void)
{
    HMODULE l = load("l");
    get(1, "l", "pinned");
    get(1, "l", "pinned");
    get(0, "l", "counted");
    for (int i = 0; i < 4; i++)
        unload(l, "l");
    show("l");
}

static void pinned_with_its_needs(void)
{
    HMODULE module;
    HMODULE k = load("k1");
    GetModuleHandleExA(1, "k1", &module);
    show("k1 k2 k3");
    unload(k, "k1");
    unload(GetModuleHandleA("k3"), "k3");
    show("k1 k2 k3");
}

static void handles_of_nothing(void)
{
    TELL("free NULL", FreeLibrary(NULL));
    TELL("free nonsense", FreeLibrary((HMODULE)0x123450000));
    TELL("function of nonsense", GetProcAddress((HMODULE)0x123450000, "fn") != NULL);
    TELL("disable nonsense", DisableThreadLibraryCalls((HMODULE)0x123450000));
    TELL("load NULL", LoadLibraryA(NULL) != NULL);
    SetLastError(0);
    say("handle of NULL is the program's: %d", GetModuleHandleA(NULL) != NULL);
    TELL("handle of nothing", GetModuleHandleA("gone") != NULL);
    SetLastError(0);
    say("free the program: %d", FreeLibrary(GetModuleHandleA(NULL)));
}

static void functions(void)
{
    HMODULE l = load("l"), q = load("q");
    say("by name: %d", GetProcAddress(l, "l_fn") != NULL);
    TELL("other case", GetProcAddress(l, "L_FN") != NULL);
    TELL("no name", GetProcAddress(l, "") != NULL);
    say("by ordinal: %d", GetProcAddress(l, (const char *)1) == GetProcAddress(l, "l_fn"));
    TELL("ordinal too high", GetProcAddress(l, (const char *)500) != NULL);
    TELL("ordinal 0", GetProcAddress(l, NULL) != NULL);
    say("the program's: %d", GetProcAddress(NULL, "none") != NULL);
    say("forwarded: %d", GetProcAddress(q, "q_fn") == GetProcAddress(l, "l_fn"));
    unload(q, "q");
    unload(l, "l");
}

const scenario count_scenarios[] = {
    {"loaded_twice", loaded_twice},
    {"need_freed_while_needed", need_freed_while_needed},
    {"need_loaded_by_itself", need_loaded_by_itself},
    {"handle_by_name", handle_by_name},
    {"handle_by_address", handle_by_address},
    {"pinned", pinned},
    {"pinned_with_its_needs", pinned_with_its_needs},
    {"handles_of_nothing", handles_of_nothing},
    {"functions", functions},
    {0},
};
