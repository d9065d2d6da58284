/*
 * folders.exe: where does LoadLibrary find a DLL? Copies of two DLLs lie in several folders, and
 * the program tells from which one it gets them: by default, with SetDllDirectory, with each of
 * LoadLibraryEx's flags, for the imports of a DLL, by paths of all kinds, and with one name twice.
 */
#define _WIN32_WINNT 0x0602
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

static char here[MAX_PATH];

/* ---- The DLLs ---- */

static char *read_file(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "rb");
    char *bytes = malloc(1 << 20);
    *ret_size = file && bytes ? fread(bytes, 1, 1 << 20, file) : 0;
    if (file)
        fclose(file);
    return bytes;
}

/* A copy of a DLL beside the program, in which a name of 14 characters has become another. */
static void copy_dll(const char *name, const char *to, const char *new_import)
{
    char path[MAX_PATH];
    size_t size;
    GetModuleFileNameA(NULL, path, sizeof path);
    strcpy(strrchr(path, '\\') + 1, name);
    char *bytes = read_file(path, &size);
    for (size_t i = 0; new_import && i + 14 < size; i++) {
        if (memcmp(bytes + i, "dependency.dll", 14) == 0)
            memcpy(bytes + i, new_import, 14);
    }
    FILE *file = fopen(to, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size)
        printf("cannot write %s\n", to);
    if (file)
        fclose(file);
    free(bytes);
}

static void make_files(void)
{
    static const char *const folders[] = {"a", "b", "c", "path", "a\\sub"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        char to[MAX_PATH];
        CreateDirectoryA(folders[i], NULL);
        snprintf(to, sizeof to, "%s\\probe.dll", folders[i]);
        copy_dll("dependency.dll", to, NULL);
    }
    copy_dll("dependency.dll", "probe.dll", NULL);
    copy_dll("dependency.dll", "a\\needed-one.dll", NULL);
    copy_dll("dependency.dll", "b\\needed-two.dll", NULL);
    copy_dll("dependent.dll", "a\\needing.dll", "needed-one.dll");
    copy_dll("dependent.dll", "a\\distant.dll", "needed-two.dll");
    copy_dll("dependency.dll", "a\\none", NULL);
    copy_dll("dependency.dll", "a\\dots.x", NULL);
    copy_dll("dependency.dll", "a\\\xC3\xA9t\xC3\xA9.dll", NULL);
}

/* ---- What is loaded from where ---- */

/* In lower case: Windows keeps the case that was asked for, another system that of the file. */
static void print_folder(HMODULE module)
{
    char path[MAX_PATH] = "";
    GetModuleFileNameA(module, path, sizeof path);
    size_t length = strlen(here);
    for (char *c = path; *c; c++)
        *c = *c == '/' ? '\\' : *c;
    if (_strnicmp(path, here, length) == 0)
        printf(".%s\n", _strlwr(path + length));
    else
        printf("%s beside the program\n", strrchr(path, '\\') + 1);
}

/* Loads, tells, and unloads. */
static void look(const char *what, const char *name, DWORD flags)
{
    SetLastError(0);
    HMODULE module = LoadLibraryExA(name, NULL, flags);
    DWORD error = GetLastError();
    printf("%s: ", what);
    if (!module)
        printf("error %lu\n", error);
    else
        print_folder(module);
    if (module)
        FreeLibrary(module);
}

static const char *full(const char *name)
{
    static char paths[2][MAX_PATH];
    static int turn;
    turn = !turn;
    snprintf(paths[turn], sizeof paths[turn], "%s\\%s", here, name);
    return paths[turn];
}

static void add_to_path(const char *folder)
{
    static char value[0x8000];
    snprintf(value, sizeof value, "%s;", folder);
    size_t length = strlen(value);
    GetEnvironmentVariableA("PATH", value + length, (DWORD)(sizeof value - length));
    SetEnvironmentVariableA("PATH", value);
}

static void by_default(void)
{
    look("beside the program", "dependency", 0);
    look("current folder", "probe", 0);
    look("nowhere", "nobody", 0);
    look("no such thing in a folder", "a\\nobody", 0);
    look("a folder", "a", 0);
    look("no name", "", 0);
    add_to_path(full("path"));
    look("PATH after the current folder", "probe", 0);
    DeleteFileA("probe.dll");
    look("PATH", "probe", 0);
}

static void with_set_folder(void)
{
    char folder[MAX_PATH];
    copy_dll("dependency.dll", "probe.dll", NULL);
    copy_dll("dependency.dll", "only-here.dll", NULL);
    printf("none set: %lu\n", GetDllDirectoryA(sizeof folder, folder));
    printf("set: %d\n", SetDllDirectoryA(full("b")));
    printf("long enough: %d\n", GetDllDirectoryA(0, NULL) == strlen(full("b")) + 1);
    printf("the same: %d\n", GetDllDirectoryA(sizeof folder, folder) == strlen(full("b")) &&
                                 strcmp(folder, full("b")) == 0);
    look("set folder", "probe", 0);
    look("the program's comes first", "dependency", 0);
    look("no current folder any more", "only-here", 0);
    SetDllDirectoryA("b");
    look("a relative one", "probe", 0);
    SetDllDirectoryA(full("missing"));
    look("one that is not there", "probe", 0);
    printf("two of them: %d", SetDllDirectoryA("a;b"));
    printf(" error %lu\n", GetLastError());
    SetDllDirectoryA(NULL);
    look("taken back", "only-here", 0);
}

static void with_flags(void)
{
    static const struct {
        const char *what;
        DWORD flags;
    } cases[] = {
        {"application", LOAD_LIBRARY_SEARCH_APPLICATION_DIR},
        {"user", LOAD_LIBRARY_SEARCH_USER_DIRS},
        {"system", LOAD_LIBRARY_SEARCH_SYSTEM32},
        {"default", LOAD_LIBRARY_SEARCH_DEFAULT_DIRS},
        {"load folder", LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR},
        {"altered and another", LOAD_WITH_ALTERED_SEARCH_PATH | LOAD_LIBRARY_SEARCH_SYSTEM32},
        {"altered", LOAD_WITH_ALTERED_SEARCH_PATH},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        look(cases[i].what, "dependency.dll", cases[i].flags);
        look(cases[i].what, "probe.dll", cases[i].flags);
        look(cases[i].what, full("a\\probe.dll"), cases[i].flags);
        look(cases[i].what, full("a\\needing.dll"), cases[i].flags);
        look(cases[i].what, full("a\\distant.dll"), cases[i].flags);
    }
    look("both folders", full("a\\needing.dll"),
         LOAD_LIBRARY_SEARCH_DEFAULT_DIRS | LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR);
    look("relative", "a\\probe.dll", LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR);
}

static DLL_DIRECTORY_COOKIE add(const char *what, const char *folder)
{
    WCHAR wide[MAX_PATH];
    MultiByteToWideChar(CP_ACP, 0, folder, -1, wide, MAX_PATH);
    SetLastError(0);
    DLL_DIRECTORY_COOKIE cookie = AddDllDirectory(wide);
    printf("add %s: %s, error %lu\n", what, cookie ? "done" : "refused", GetLastError());
    return cookie;
}

static void with_added_folders(void)
{
    add("a relative one", "a");
    add("one that is not there", full("missing"));
    DLL_DIRECTORY_COOKIE c = add("one", full("c"));
    look("not without the flag", "needed-two", 0);
    look("user folder", "probe", LOAD_LIBRARY_SEARCH_USER_DIRS);
    DLL_DIRECTORY_COOKIE b = add("another", full("b"));
    look("user folders", "probe", LOAD_LIBRARY_SEARCH_USER_DIRS);
    look("imports from a user folder", full("a\\distant.dll"), LOAD_LIBRARY_SEARCH_USER_DIRS);
    look("by default flags", full("a\\distant.dll"), LOAD_LIBRARY_SEARCH_DEFAULT_DIRS);
    printf("remove: %d\n", RemoveDllDirectory(b));
    look("removed", "probe", LOAD_LIBRARY_SEARCH_USER_DIRS);
    SetDllDirectoryA(full("a"));
    look("beside the set folder", "probe", LOAD_LIBRARY_SEARCH_USER_DIRS);
    printf("remove: %d\n", RemoveDllDirectory(c));
    look("the set folder", "probe", LOAD_LIBRARY_SEARCH_USER_DIRS);
    SetDllDirectoryA(NULL);
    look("none", "probe", LOAD_LIBRARY_SEARCH_USER_DIRS);
}

static void by_path(void)
{
    look("full path", full("a\\probe.dll"), 0);
    look("full path without extension", full("a\\probe"), 0);
    look("full path in capitals", full("A\\PROBE.DLL"), 0);
    look("relative path", "a\\probe.dll", 0);
    look("forward slash", "a/probe.dll", 0);
    look("forward slashes", "./a/sub/probe", 0);
    look("up and down", "a\\sub\\..\\probe.dll", 0);
    look("trailing dot", full("a\\none."), 0);
    look("without it", full("a\\none"), 0);
    look("another extension", full("a\\dots.x"), 0);
    look("name in capitals", "PROBE.DLL", 0);
    look("name and dot", "probe.", 0);
    look("drive Z", "Z:\\no\\such\\folder\\probe.dll", 0);
    look("import beside it", full("a\\needing.dll"), 0);
    look("import elsewhere", full("a\\distant.dll"), 0);
}

static void one_name_twice(void)
{
    HMODULE first = LoadLibraryA(full("b\\probe.dll"));
    HMODULE second = LoadLibraryA(full("c\\probe.dll"));
    printf("two modules: %d\n", first != second && first && second);
    look("the name means the first", "probe.dll", 0);
    look("a flag does not matter", "probe.dll", LOAD_LIBRARY_SEARCH_SYSTEM32);
    look("a path means its file", full("c\\probe.dll"), 0);
    printf("by name: %d\n", GetModuleHandleA("probe") == first);
    FreeLibrary(first);
    look("then the other", "probe.dll", 0);
    printf("by name: %d\n", GetModuleHandleA("PROBE.DLL") == second);
    FreeLibrary(second);
    look("then the usual one", "probe.dll", 0);
}

static void with_default_flags(void)
{
    static const DWORD wrong[] = {0, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR,
                                  LOAD_WITH_ALTERED_SEARCH_PATH, 0x10000};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        printf("default flags %#lx: %d", wrong[i], SetDefaultDllDirectories(wrong[i]));
        printf(" error %lu\n", GetLastError());
    }
    printf("user and system: %d\n",
           SetDefaultDllDirectories(LOAD_LIBRARY_SEARCH_USER_DIRS | LOAD_LIBRARY_SEARCH_SYSTEM32));
    look("not the program's", "dependency", 0);
    look("not the current folder", "probe", 0);
    look("unless a flag says so", "dependency", LOAD_LIBRARY_SEARCH_APPLICATION_DIR);
    look("a path", full("a\\probe.dll"), 0);
    look("with its import", full("a\\needing.dll"), 0);
    look("altered", full("a\\needing.dll"), LOAD_WITH_ALTERED_SEARCH_PATH);
    look("altered, a bare name", "probe", LOAD_WITH_ALTERED_SEARCH_PATH);
}

static void search(const char *what, const char *folders, const char *name, const char *extension)
{
    char path[MAX_PATH] = "", *file = NULL;
    SetLastError(0);
    DWORD length = SearchPathA(folders, name, extension, sizeof path, path, &file);
    if (length == 0) {
        printf("SearchPath %s: error %lu\n", what, GetLastError());
        return;
    }
    size_t start = strlen(here);
    printf("SearchPath %s: .%s, file %s\n", what,
           _strnicmp(path, here, start) == 0 ? path + start : "", file ? file : "none");
}

static void search_paths(void)
{
    char folders[2 * MAX_PATH];
    snprintf(folders, sizeof folders, "%s;%s", full("missing"), full("b"));
    search("in a list", folders, "probe.dll", NULL);
    search("with extension", folders, "probe", ".dll");
    search("without extension", folders, "probe", NULL);
    search("that has one", folders, "probe.dll", ".exe");
    search("usual places", NULL, "only-here.dll", NULL);
    search("not there", NULL, "nobody.dll", NULL);
    search("full path", folders, full("a\\probe.dll"), NULL);
    printf("too short: %d\n", SearchPathA(folders, "probe.dll", NULL, 3, folders, NULL) ==
                                  strlen(full("b\\probe.dll")) + 1);
}

int main(void)
{
    GetCurrentDirectoryA(sizeof here, here);
    make_files();
    by_default();
    with_set_folder();
    with_flags();
    with_added_folders();
    by_path();
    one_name_twice();
    search_paths();
    with_default_flags();
    return 0;
}
