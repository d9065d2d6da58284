/* test_dll.exe: the library as a DLL, which it can load itself. */
#include <peload/loader.h>

#include "check.h"

#include <windows.h>

int check_failures;

static void library_loads_itself_privately(void)
{
    ldr_context *ctx;
    ldr_module *module;
    ldr_diag diag;
    char path[MAX_PATH], text[512];
    REQUIRE(GetModuleFileNameA(GetModuleHandleA("libpeload.dll"), path, MAX_PATH) != 0);
    REQUIRE(ldr_context_create(NULL, &ctx) == LDR_OK);
    ldr_status status = ldr_load(ctx, path, NULL, &module, &diag);
    if (status != LDR_OK)
        printf("%s\n", ldr_diag_text(&diag, text, sizeof text));
    REQUIRE(status == LDR_OK);
    const char *(*status_text)(ldr_status) =
        (const char *(*)(ldr_status))ldr_symbol(module, "ldr_status_text");
    REQUIRE(status_text != NULL && status_text != ldr_status_text);
    CHECK(strcmp(status_text(LDR_BUSY), ldr_status_text(LDR_BUSY)) == 0);
    ldr_unload(module);
    ldr_context_destroy(ctx);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        {"library_loads_itself_privately", library_loads_itself_privately},
    };
    int ran = check_run(tests, 1, argc > 1 ? argv[1] : NULL);
    printf("%d tests, %d failures\n", ran, check_failures);
    return check_failures != 0 || ran == 0;
}
