/* resources.c: what a module's resources are found by, and in which order they are told. */
#include "life.h"

#define RCDATA                 MAKEINTRESOURCEA(10)
#define LANGUAGE(primary, sub) ((WORD)((sub) << 10 | (primary)))

static int code_of(const void *found)
{
    return found ? 0 : (int)GetLastError();
}

/* Its bytes as text, or the error. */
static void tell_found(HMODULE module, const char *what, HRSRC found)
{
    char text[32] = "";
    if (found == NULL) {
        say("%s: error %d", what, code_of(found));
        return;
    }
    DWORD size = SizeofResource(module, found);
    const char *bytes = LockResource(LoadResource(module, found));
    for (DWORD i = 0; bytes && i < size && i < sizeof text - 1; i++)
        text[i] = bytes[i];
    say("%s: %d bytes, %s", what, (int)size, text);
}

static void find(HMODULE module, const char *what, const char *type, const char *name)
{
    SetLastError(0);
    tell_found(module, what, FindResourceA(module, name, type));
}

static void find_in(HMODULE module, WORD language, const char *name)
{
    char what[] = "language 0000";
    for (int i = 0; i < 4; i++)
        what[12 - i] = "0123456789abcdef"[language >> 4 * i & 15];
    SetLastError(0);
    tell_found(module, what, FindResourceExA(module, RCDATA, name, language));
}

static void find_all(HMODULE module)
{
    find(module, "by number", RCDATA, MAKEINTRESOURCEA(7));
    find(module, "by a number's text", "#10", "#7");
    find(module, "by name", RCDATA, "HELLO");
    find(module, "by name in lower case", RCDATA, "hello");
    find(module, "of a type with a name", "MyType", "pieces");
    find(module, "in one language only", RCDATA, MAKEINTRESOURCEA(8));
    find(module, "no such name", RCDATA, MAKEINTRESOURCEA(9));
    find(module, "no such type", MAKEINTRESOURCEA(11), MAKEINTRESOURCEA(7));
    find(module, "a number that is too large", RCDATA, "#70000");
    find(module, "a number with more behind it", RCDATA, "#7x");
    find_in(module, 0, MAKEINTRESOURCEA(7));
    find_in(module, LANGUAGE(0, 1), MAKEINTRESOURCEA(7));
    find_in(module, LANGUAGE(0, 2), MAKEINTRESOURCEA(7));
    find_in(module, LANGUAGE(9, 1), MAKEINTRESOURCEA(7));
    find_in(module, LANGUAGE(9, 2), MAKEINTRESOURCEA(7));
    find_in(module, LANGUAGE(7, 1), MAKEINTRESOURCEA(7));
    find_in(module, LANGUAGE(7, 2), MAKEINTRESOURCEA(7));
    find_in(module, LANGUAGE(12, 1), MAKEINTRESOURCEA(8));
    find_in(module, LANGUAGE(9, 1), MAKEINTRESOURCEA(8));
    find_in(module, LANGUAGE(7, 2), "NEUTRAL");
}

static void find_resources(void)
{
    HMODULE module = load("rc");
    find_all(module);
    SetLastError(0);
    HRSRC wide = FindResourceW(module, L"hello", (const WCHAR *)RCDATA);
    tell_found(module, "wide", wide);
    say("the same: %d", wide == FindResourceA(module, "hello", RCDATA));
    say("free it: %d", FreeResource(LoadResource(module, wide)));
    unload(module, "rc");
}

static void find_resources_of_files(void)
{
    HMODULE module = load_with("rc.dll", LOAD_LIBRARY_AS_DATAFILE);
    find_all(module);
    unload(module, "rc");
    module = load_with("rc.dll", LOAD_LIBRARY_AS_IMAGE_RESOURCE);
    find_all(module);
    unload(module, "rc");
}

static void resources_of_nothing(void)
{
    HMODULE module = load("l");
    find(module, "of one without any", RCDATA, MAKEINTRESOURCEA(7));
    find(NULL, "of the program", RCDATA, MAKEINTRESOURCEA(7));
    TELL("load nothing", LoadResource(module, NULL) != NULL);
    TELL("size of nothing", SizeofResource(module, NULL) != 0);
    TELL("lock nothing", LockResource(NULL) != NULL);
    unload(module, "l");
}

/* ---- Enumerating ---- */

static int left; /* after so many the function says no */

static BOOL CALLBACK see_language(HMODULE module, const char *type, const char *name, WORD language,
                                  LONG_PTR user)
{
    (void)module;
    (void)type;
    (void)name;
    say("    language %x, user %d", language, (int)user);
    return TRUE;
}

static BOOL CALLBACK see_name(HMODULE module, const char *type, char *name, LONG_PTR user)
{
    if (IS_INTRESOURCE(name))
        say("  name %d", (int)(ULONG_PTR)name);
    else
        say("  name %s", name);
    EnumResourceLanguagesA(module, type, name, see_language, user);
    return --left != 0;
}

static BOOL CALLBACK see_type(HMODULE module, char *type, LONG_PTR user)
{
    if (IS_INTRESOURCE(type))
        say("type %d", (int)(ULONG_PTR)type);
    else
        say("type %s", type);
    SetLastError(0);
    BOOL done = EnumResourceNamesA(module, type, see_name, user);
    say("  done: %d, error %d", done, (int)GetLastError());
    return TRUE;
}

static BOOL CALLBACK see_wide(HMODULE module, WCHAR *type, LONG_PTR user)
{
    (void)module;
    (void)user;
    if (!IS_INTRESOURCE(type))
        say("type of %d units", lstrlenW(type));
    return TRUE;
}

static void enumerate_resources(void)
{
    HMODULE module = load("rc");
    TELL("types", EnumResourceTypesA(module, see_type, 5));
    left = 1;
    TELL("one only", EnumResourceTypesA(module, see_type, 6));
    TELL("wide", EnumResourceTypesW(module, see_wide, 6));
    TELL("no such type", EnumResourceNamesA(module, "#99", see_name, 0));
    TELL("no such name", EnumResourceLanguagesA(module, RCDATA, "#99", see_language, 0));
    unload(module, "rc");
    module = load("l");
    TELL("of one without any", EnumResourceTypesA(module, see_type, 5));
}

/* ---- Lengths ---- */

static void lengths_of_nothing(void)
{
    SetLastError(0);
    say("of a text: %d %d", lstrlenA("four"), lstrlenW(L"five!"));
    say("of NULL: %d %d, error %d", lstrlenA(NULL), lstrlenW(NULL), (int)GetLastError());
    int narrow = lstrlenA((const char *)16), error = (int)GetLastError();
    say("of a bad pointer: %d, error %d", narrow, error);
    SetLastError(0);
    int wide = lstrlenW((const WCHAR *)16);
    say("wide: %d, error %d", wide, (int)GetLastError());
}

const scenario resource_scenarios[] = {
    {"find_resources", find_resources},
    {"find_resources_of_files", find_resources_of_files},
    {"resources_of_nothing", resources_of_nothing},
    {"enumerate_resources", enumerate_resources},
    {"lengths_of_nothing", lengths_of_nothing},
    {0},
};
