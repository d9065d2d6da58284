/* files.c: names of modules, and files that are loaded in other ways than as a DLL. */
#include <string.h>

#include "life.h"

static void name_of(HMODULE module, const char *what, DWORD size)
{
    char path[MAX_PATH];
    memset(path, '#', sizeof path);
    SetLastError(0);
    DWORD length = GetModuleFileNameA(module, path, size), error = GetLastError();
    say("%s: %s, error %d, ended: %d", what,
        length == 0      ? "nothing"
        : length < size  ? "all"
        : length == size ? "cut"
                         : "more",
        (int)error, size > 0 && memchr(path, 0, size) != NULL);
}

static void module_file_names(void)
{
    char path[MAX_PATH] = "";
    HMODULE l = load("l");
    GetModuleFileNameA(l, path, sizeof path);
    say("ends with %s", strrchr(path, '\\') ? strrchr(path, '\\') : path);
    name_of(l, "room", MAX_PATH);
    name_of(l, "just enough", (DWORD)strlen(path) + 1);
    name_of(l, "without the NUL", (DWORD)strlen(path));
    name_of(l, "three", 3);
    name_of(l, "one", 1);
    name_of(NULL, "the program", MAX_PATH);
    SetLastError(0);
    DWORD length = GetModuleFileNameA((HMODULE)0x123450000, path, sizeof path);
    say("of nothing: %d, error %d", (int)length, (int)GetLastError());
    unload(l, "l");
}

static void wide_file_names(void)
{
    WCHAR path[MAX_PATH];
    HMODULE l = load("l");
    SetLastError(0);
    say("cut: %d", GetModuleFileNameW(l, path, 4) == 4);
    say("error %d, ended: %d", (int)GetLastError(), path[3] == 0);
    SetLastError(9);
    say("whole: %d", GetModuleFileNameW(l, path, MAX_PATH) > 4);
    say("error %d", (int)GetLastError());
    unload(l, "l");
}

static void without_resolving(void)
{
    HMODULE k = load_with("k1", DONT_RESOLVE_DLL_REFERENCES);
    show("k1 k2 k3");
    say("k1_fn: %d", GetProcAddress(k, "k1_fn") != NULL);
    HMODULE again = load("k1");
    say("the same: %d", k == again);
    show("k1 k2 k3");
    unload(k, "k1");
    unload(k, "k1");
    show("k1 k2 k3");
}

static void data(HMODULE module, const char *name)
{
    if (module == NULL)
        return;
    say("low bits %d", (int)((ULONG_PTR)module & 3));
    show(name);
    TELL("function", GetProcAddress(module, "l_fn") != NULL);
    char path[MAX_PATH];
    TELL("file name", GetModuleFileNameA(module, path, sizeof path) != 0);
    unload(module, name);
    SetLastError(0);
    say("free again: %d", FreeLibrary(module));
}

static void as_datafile(void)
{
    data(load_with("l.dll", LOAD_LIBRARY_AS_DATAFILE), "l");
    load_with("gone.dll", LOAD_LIBRARY_AS_DATAFILE);
    load_with("l.dll", 0x10000);
}

static void as_datafile_exclusive(void)
{
    data(load_with("l.dll", LOAD_LIBRARY_AS_DATAFILE_EXCLUSIVE), "l");
}

static void as_image_resource(void)
{
    data(load_with("l.dll", LOAD_LIBRARY_AS_IMAGE_RESOURCE), "l");
    data(load_with("l.dll", LOAD_LIBRARY_AS_IMAGE_RESOURCE | LOAD_LIBRARY_AS_DATAFILE), "l");
}

static void as_datafile_when_loaded(void)
{
    HMODULE l = load("l");
    HMODULE again = load_with("l.dll", LOAD_LIBRARY_AS_DATAFILE);
    say("the same: %d", l == again);
    show("l");
    unload(again, "l");
    show("l");
    unload(l, "l");
    show("l");
}

static void datafile_then_loaded(void)
{
    HMODULE file = load_with("l.dll", LOAD_LIBRARY_AS_DATAFILE);
    HMODULE l = load("l");
    say("the same: %d", l == file);
    unload(file, "the file");
    show("l");
    unload(l, "l");
}

static void a_program_as_library(void)
{
    HMODULE other = load("other.exe");
    show("other.exe");
    say("entry was not run");
    unload(other, "other.exe");
    show("other.exe");
}

static void names_of_one_file(void)
{
    HMODULE one = load("l"), two = load("L.DLL"), three = load(".\\l.dll"), four = load("l.dll.");
    say("the same: %d %d %d", one == two, one == three, one == four);
    show("l");
}

const scenario file_scenarios[] = {
    {"module_file_names", module_file_names},
    {"wide_file_names", wide_file_names},
    {"without_resolving", without_resolving},
    {"as_datafile", as_datafile},
    {"as_datafile_exclusive", as_datafile_exclusive},
    {"as_image_resource", as_image_resource},
    {"as_datafile_when_loaded", as_datafile_when_loaded},
    {"datafile_then_loaded", datafile_then_loaded},
    {"a_program_as_library", a_program_as_library},
    {"names_of_one_file", names_of_one_file},
    {0},
};
