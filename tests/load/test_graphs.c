/* Whole graphs of Wine's own DLLs: found, mapped, relocated and bound, and nothing of them run. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "real.h"

#define WINE "deb/libwine/usr/lib/x86_64-linux-gnu/wine/x86_64-windows/"

static void report(void *user, const ldr_missing_import *import)
{
    int *count = user;
    *count += 1;
    cr_log_warn("%s needs %s!%s", import->importer, import->dll,
                import->function ? import->function : "#");
}

/* Everything comes from Wine's folder, and zlib1.dll, which Debian's user32.dll needs. */
static ldr_context *wine_context(void)
{
    static char system[512], zlib[512];
    const char *folders[] = {zlib};
    snprintf(zlib, sizeof(zlib), "%s", corpus_file(ZLIB_FILE));
    *strrchr(zlib, '/') = '\0';
    snprintf(system, sizeof(system), "%s", corpus_file(WINE "ntdll.dll"));
    *strrchr(system, '/') = '\0';
    const ldr_context_options options = {.size = sizeof(options),
                                         .policy = LDR_POLICY_FILES,
                                         .system_folder = system,
                                         .search_folders = folders,
                                         .search_folder_count = 1};
    ldr_context *ctx;
    cr_assert_eq(ldr_context_create(&options, &ctx), LDR_OK);
    return ctx;
}

/* Loads it, and expects these of the DLLs that come with it. */
static void expect_graph(const char *file, const char *const *names)
{
    int missing = 0;
    const ldr_load_options options = {
        .size = sizeof(options), .no_initialise = true, .on_missing = report, .user = &missing};
    ldr_context *ctx = wine_context();
    ldr_module *module;
    ldr_diag diag;
    char text[512];
    ldr_status status = ldr_load(ctx, corpus_file(file), &options, &module, &diag);
    cr_assert_eq(status, LDR_OK, "%s", ldr_diag_text(&diag, text, sizeof(text)));
    cr_assert_eq(missing, 0);
    for (; *names; names++) {
        char path[512];
        snprintf(path, sizeof(path), "%s%s", corpus_file(WINE), *names);
        const ldr_module *needed = ldr_module_find(ctx, path);
        cr_assert_not_null(needed, "%s", *names);
        cr_assert_not_null(ldr_module_view(needed), "%s", *names);
    }
    ldr_unload(module);
    cr_assert_null(ldr_module_find(ctx, "win32u.dll"));
    ldr_context_destroy(ctx);
}

Test(graphs, shell32_of_wine_is_bound_with_all_that_it_needs)
{
    static const char *const names[] = {"shell32.dll",    "kernel32.dll",
                                        "kernelbase.dll", "ntdll.dll",
                                        "user32.dll",     "gdi32.dll",
                                        "shlwapi.dll",    "shcore.dll",
                                        "ucrtbase.dll",   "advapi32.dll",
                                        "sechost.dll",    "win32u.dll",
                                        "version.dll",    NULL};
    expect_graph(WINE "shell32.dll", names);
}

Test(graphs, mshtml_of_wine_is_bound_with_all_that_it_needs)
{
    static const char *const names[] = {"mshtml.dll",   "urlmon.dll",  "wininet.dll", "ole32.dll",
                                        "oleaut32.dll", "combase.dll", "rpcrt4.dll",  NULL};
    expect_graph(WINE "mshtml.dll", names);
}
