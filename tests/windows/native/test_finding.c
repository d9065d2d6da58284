/* Where DLLs are found on Windows, and paths. */
#include "native.h"

#include <ctype.h>
#include <stdlib.h>
#include <windows.h>

static ldr_context *context_of(ldr_policy policy)
{
    const ldr_context_options options = {.size = sizeof options, .policy = policy};
    ldr_context *ctx = NULL;
    CHECK(ldr_context_create(&options, &ctx) == LDR_OK);
    return ctx;
}

/* ---- The system's DLLs ---- */

static void check_found(ldr_context *ctx, const char *name, ldr_place place, const char *dll)
{
    ldr_found found = {0};
    ldr_status status = ldr_find(ctx, name, NULL, &found, NULL);
    const char *path = found.module != NULL ? ldr_module_path(found.module) : found.path;
    bool is_right = status == LDR_OK && found.place == place && path != NULL &&
                    strlen(path) > strlen(dll) &&
                    _stricmp(path + strlen(path) - strlen(dll), dll) == 0;
    if (!is_right)
        printf("%s: %s, place %d, %s\n", name, ldr_status_text(status), (int)found.place,
               path != NULL ? path : "nowhere");
    CHECK(is_right);
    ldr_found_release(&found);
}

/* Wine has DLLs also where it has not made files for them. */
static bool is_in_system_folder(const char *name)
{
    char path[MAX_PATH + 32];
    UINT length = GetSystemDirectoryA(path, MAX_PATH);
    snprintf(path + length, sizeof path - length, "\\%s", name);
    return GetFileAttributesA(path) != INVALID_FILE_ATTRIBUTES;
}

static void dlls_of_the_system_are_found_and_not_loaded(void)
{
    ldr_context *ctx = context_of(LDR_POLICY_PLUGIN);
    check_found(ctx, "kernel32.dll", LDR_PLACE_HOST, "/system32/kernel32.dll");
    check_found(ctx, "NTDLL", LDR_PLACE_HOST, "/system32/ntdll.dll");
    check_found(ctx, "api-ms-win-core-file-l1-1-0.dll", LDR_PLACE_HOST, "/system32/kernelbase.dll");
    CHECK(GetModuleHandleA("winhttp.dll") == NULL);
    if (is_in_system_folder("winhttp.dll"))
        check_found(ctx, "winhttp.dll", LDR_PLACE_SYSTEM, "/system32/winhttp.dll");
    CHECK(GetModuleHandleA("winhttp.dll") == NULL);
    ldr_context_destroy(ctx);
}

static void dlls_of_the_system_come_from_files_if_the_policy_says_so(void)
{
    ldr_context *ctx = context_of(LDR_POLICY_FILES);
    ldr_found found = {0};
    CHECK(ldr_find(ctx, "kernel32.dll", NULL, &found, NULL) == LDR_DLL_NOT_FOUND);
    CHECK(ldr_find(ctx, "api-ms-win-core-file-l1-1-0", NULL, &found, NULL) == LDR_DLL_NOT_FOUND);
    ldr_context_destroy(ctx);
}

static void check_is_the_systems(const char *path)
{
    ldr_context *ctx = context_of(LDR_POLICY_PLUGIN);
    ldr_module *module = NULL;
    CHECK(ldr_load(ctx, path, NULL, &module, NULL) == LDR_OK);
    CHECK(module != NULL && ldr_module_base(module) == (void *)GetModuleHandleA("kernel32"));
    module = NULL;
    CHECK(ldr_load_name(ctx, path, NULL, &module, NULL) == LDR_OK);
    CHECK(module != NULL && ldr_module_base(module) == (void *)GetModuleHandleA("kernel32"));
    ldr_context_destroy(ctx);
}

/* Also by the paths that the system does not interpret. */
static void path_into_the_systems_folder_is_the_systems(void)
{
    char folder[MAX_PATH], path[MAX_PATH + 32];
    GetSystemDirectoryA(folder, MAX_PATH);
    snprintf(path, sizeof path, "%s\\kernel32.dll", folder);
    check_is_the_systems(path);
    snprintf(path, sizeof path, "\\\\?\\%s\\kernel32.dll", folder);
    check_is_the_systems(path);
}

/* Images name what they need, and need not mean well. */
static void name_of_no_file_is_not_found(void)
{
    static char long_name[40000];
    const char *names[] = {"a?b.dll", "a*.dll", "a|b.dll", "a<b.dll", "a\"b.dll", "a\tb.dll",
                           "a:b.dll", "a.dll ", ".",       "..",      " ",        long_name};
    ldr_context *ctx = context_of(LDR_POLICY_PLUGIN);
    memset(long_name, 'a', sizeof long_name - 1);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ldr_module *module = NULL;
        ldr_status status = ldr_load_name(ctx, names[i], NULL, &module, NULL);
        if (status != LDR_DLL_NOT_FOUND)
            printf("%.40s: %s\n", names[i], ldr_status_text(status));
        CHECK(status == LDR_DLL_NOT_FOUND);
    }
    ldr_context_destroy(ctx);
}

static int of_host(void)
{
    return 77;
}

static void functions_of_the_embedder_come_before_the_systems(void)
{
    static const ldr_export exports[] = {{.name = "GetTickCount", .address = (void *)of_host}};
    ldr_context *ctx = context_of(LDR_POLICY_PLUGIN);
    HMODULE kernel = GetModuleHandleA("kernel32.dll");
    CHECK(ldr_host_module_add(ctx, "kernel32.dll", exports, 1) == LDR_OK);
    ldr_module *module = ldr_module_find(ctx, "KERNEL32.dll");
    REQUIRE(module != NULL);
    CHECK(ldr_module_base(module) == (void *)kernel);
    CHECK(ldr_symbol(module, "GetTickCount") == (void *)of_host);
    CHECK(ldr_symbol(module, "GetVersion") ==
          (void *)(uintptr_t)GetProcAddress(kernel, "GetVersion"));
    CHECK(ldr_host_module_add(ctx, "host.exe", exports, 1) == LDR_OK);
    module = ldr_module_find(ctx, "host.exe");
    CHECK(module != NULL && ldr_symbol(module, "GetTickCount") == (void *)of_host);
    CHECK(module != NULL && ldr_symbol(module, "GetVersion") == NULL);
    ldr_context_destroy(ctx);
}

/* A program's DLL that is loaded is found, but not in place of what the context has. */
static bool is_bundled(void *user, const char *name, ldr_bundle_file *ret_file)
{
    size_t size = 0;
    (void)user;
    if (_stricmp(name, "counter.dll") != 0)
        return false;
    void *bytes = read_guest(name, &size);
    *ret_file = (ldr_bundle_file){.bytes = bytes, .size = size};
    return bytes != NULL;
}

static void loaded_dlls_of_the_program_come_after_those_of_the_bundle(void)
{
    const ldr_context_options options = {.size = sizeof options, .bundle = is_bundled};
    ldr_context *ctx = NULL, *plain = context_of(LDR_POLICY_PLUGIN);
    ldr_module *module = NULL;
    HMODULE theirs = LoadLibraryA(guest_path("counter.dll"));
    REQUIRE(theirs != NULL && ldr_context_create(&options, &ctx) == LDR_OK);
    CHECK(ldr_load_name(plain, "counter.dll", NULL, &module, NULL) == LDR_OK);
    CHECK(module != NULL && ldr_module_base(module) == (void *)theirs);
    module = NULL;
    CHECK(ldr_load_name(ctx, "counter.dll", NULL, &module, NULL) == LDR_OK);
    CHECK(module != NULL && ldr_module_base(module) != (void *)theirs);
    ldr_context_destroy(ctx);
    ldr_context_destroy(plain);
    FreeLibrary(theirs);
}

/* ---- Paths ---- */

static void check_path(ldr_context *ctx, const char *path, const char *end)
{
    ldr_module *module = NULL;
    ldr_diag diag = {0};
    char text[1024];
    ldr_status status = ldr_load_name(ctx, path, NULL, &module, &diag);
    if (status != LDR_OK)
        printf("%s: %s\n", path, ldr_diag_text(&diag, text, sizeof text));
    REQUIRE(status == LDR_OK);
    const char *found = ldr_module_path(module);
    CHECK(found[1] == ':' && found[2] == '/' && strchr(found, '\\') == NULL);
    CHECK(strlen(found) > strlen(end) && strcmp(found + strlen(found) - strlen(end), end) == 0);
    CHECK(ldr_module_find(ctx, found) == module);
    ldr_unload(module);
    CHECK(ldr_module_find(ctx, found) == NULL);
}

static void paths_of_all_kinds_lead_to_one_file(void)
{
    ldr_context *ctx = context_of(LDR_POLICY_WINDOWS);
    char path[1024], before[1024];
    snprintf(path, sizeof path, "%s", guest_path("counter.dll"));
    check_path(ctx, path, "/guest/counter.dll");
    for (char *c = path; *c != '\0'; c++)
        *c = *c == '\\' ? '/' : *c;
    check_path(ctx, path, "/guest/counter.dll");
    path[strlen(path) - 4] = '\0'; /* the extension is added */
    check_path(ctx, path, "/guest/counter.dll");
    *strrchr(path, '/') = '\0';
    GetCurrentDirectoryA(sizeof before, before);
    CHECK(SetCurrentDirectoryA(path));
    check_path(ctx, ".\\counter.dll", "/guest/counter.dll");
    check_path(ctx, "..\\guest\\counter.dll", "/guest/counter.dll");
    snprintf(path, sizeof path, "%c:counter.dll", toupper((unsigned char)path[0]));
    check_path(ctx, path, "/guest/counter.dll");
    check_path(ctx, "counter", "/guest/counter.dll"); /* of the current folder */
    CHECK(SetCurrentDirectoryA(before));
    ldr_context_destroy(ctx);
}

static void folders_of_path_are_looked_in(void)
{
    char folder[1024], list[2100], before[4096] = "";
    ldr_context *ctx = context_of(LDR_POLICY_WINDOWS);
    snprintf(folder, sizeof folder, "%s", guest_path(""));
    snprintf(list, sizeof list, "C:\\nowhere;;\"%s\";C:\\else", folder);
    GetEnvironmentVariableA("PATH", before, sizeof before);
    CHECK(SetEnvironmentVariableA("PATH", list));
    check_found(ctx, "counter.dll", LDR_PLACE_PATH, "/guest/counter.dll");
    CHECK(SetEnvironmentVariableA("PATH", before));
    ldr_context_destroy(ctx);
}

/* ---- Forwarders ---- */

static void forwarders_lead_into_dlls_of_the_system(void)
{
    if (!has_guest("forwards.dll"))
        return;
    ldr_context *ctx = guest_context();
    ldr_module *module = load_guest_from_memory(ctx, "forwards.dll");
    REQUIRE(module != NULL);
    CHECK(ldr_symbol(module, "ticks") ==
          (void *)(uintptr_t)GetProcAddress(GetModuleHandleA("kernel32"), "GetTickCount"));
    CHECK(ldr_symbol(module, "by_contract") != NULL);
    CHECK(ldr_symbol(module, "nowhere") == NULL);
    ldr_context_destroy(ctx);
}

static void address_in_a_dll_of_the_system_is_told(void)
{
    ldr_context *ctx = guest_context();
    ldr_symbol_place place;
    char text[512];
    ldr_module *module = load_guest(ctx, "counter.dll"); /* which brings kernel32.dll in */
    REQUIRE(module != NULL);
    const void *address =
        (const void *)(uintptr_t)GetProcAddress(GetModuleHandleA("kernel32"), "GetTickCount");
    REQUIRE(ldr_symbol_at(ctx, address, &place) == LDR_OK);
    CHECK(_strnicmp(ldr_symbol_place_text(&place, text, sizeof text), "kernel32.dll+0x", 15) == 0);
    CHECK(ldr_module_at(ctx, address) == NULL);
    CHECK(ldr_symbol_at(ctx, &place, &place) == LDR_EXPORT_NOT_FOUND);
    ldr_context_destroy(ctx);
}

/* ---- Events ---- */

typedef struct seen {
    int loads, unloads, binds, entries, ends, from_kernel32;
} seen;

static void on_event(void *user, const ldr_trace_event *event)
{
    seen *self = user;
    self->loads += event->kind == LDR_TRACE_LOAD;
    self->unloads += event->kind == LDR_TRACE_UNLOAD;
    self->binds += event->kind == LDR_TRACE_BIND;
    self->entries += event->kind == LDR_TRACE_ENTRY;
    self->ends += event->kind == LDR_TRACE_ENTRY_END;
    if (event->kind == LDR_TRACE_BIND && event->provider != NULL)
        self->from_kernel32 += _strnicmp(event->provider, "kernel", 6) == 0;
}

static void events_are_told_of(void)
{
    seen events = {0};
    const ldr_context_options options = {
        .size = sizeof options, .trace = on_event, .trace_user = &events};
    ldr_context *ctx = NULL;
    if (!has_guest("events.dll"))
        return;
    REQUIRE(ldr_context_create(&options, &ctx) == LDR_OK);
    ldr_module *module = load_guest_from_memory(ctx, "events.dll");
    CHECK(module != NULL && events.loads == 1 && events.binds == 1 && events.from_kernel32 == 1);
    CHECK(events.entries == 2 && events.ends == 2);
    ldr_unload(module);
    CHECK(events.unloads == 1 && events.entries == 4 && events.ends == 4);
    ldr_context_destroy(ctx);
}

const check_test tests_of_finding[] = {
    {"dlls_of_the_system_are_found_and_not_loaded", dlls_of_the_system_are_found_and_not_loaded},
    {"dlls_of_the_system_come_from_files_if_the_policy_says_so",
     dlls_of_the_system_come_from_files_if_the_policy_says_so},
    {"name, of_no_file_is_not_found", name_of_no_file_is_not_found},
    {"path_into_the_systems_folder_is_the_systems", path_into_the_systems_folder_is_the_systems},
    {"functions_of_the_embedder_come_before_the_systems",
     functions_of_the_embedder_come_before_the_systems},
    {"loaded_dlls_of_the_program_come_after_those_of_the_bundle",
     loaded_dlls_of_the_program_come_after_those_of_the_bundle},
    {"paths_of_all_kinds_lead_to_one_file", paths_of_all_kinds_lead_to_one_file},
    {"folders_of_path_are_looked_in", folders_of_path_are_looked_in},
    {"forwarders_lead_into_dlls_of_the_system", forwarders_lead_into_dlls_of_the_system},
    {"address_in_a_dll_of_the_system_is_told", address_in_a_dll_of_the_system_is_told},
    {"events_are_told_of", events_are_told_of},
    {NULL, NULL},
};
