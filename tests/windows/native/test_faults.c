/*
 * What native/ asks of Windows fails, once each: what has begun is undone. The program's own import
 * table leads the calls elsewhere.
 */
#include "native.h"

#include <stdlib.h>
#include <windows.h>

/* ---- The import table ---- */

static const void *at(DWORD rva)
{
    return (const uint8_t *)GetModuleHandleW(NULL) + rva;
}

/* The entry of a function that is imported by name, from whatever DLL; NULL if there is none. */
static uintptr_t *find_entry(const char *function)
{
    const IMAGE_DOS_HEADER *dos = at(0);
    const IMAGE_NT_HEADERS64 *nt = at((DWORD)dos->e_lfanew);
    const IMAGE_DATA_DIRECTORY *directory =
        &nt->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_IMPORT];
    const IMAGE_IMPORT_DESCRIPTOR *dll = at(directory->VirtualAddress);
    for (; dll->Name != 0; dll++) {
        const IMAGE_THUNK_DATA64 *name = at(dll->OriginalFirstThunk);
        for (size_t i = 0; name[i].u1.AddressOfData != 0; i++) {
            const IMAGE_IMPORT_BY_NAME *import = at((DWORD)name[i].u1.AddressOfData);
            if (strcmp(import->Name, function) == 0)
                return (uintptr_t *)at(dll->FirstThunk) + i;
        }
    }
    return NULL;
}

static void set_entry(uintptr_t *entry, uintptr_t address)
{
    DWORD before;
    VirtualProtect(entry, sizeof *entry, PAGE_READWRITE, &before);
    *entry = address;
    VirtualProtect(entry, sizeof *entry, before, &before);
}

static int failures;

static uintptr_t fail_with_null(void)
{
    failures++;
    SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    return 0;
}

static uintptr_t fail_with_handle(void)
{
    failures++;
    SetLastError(ERROR_ACCESS_DENIED);
    return (uintptr_t)INVALID_HANDLE_VALUE;
}

/* ---- What is left ---- */

static unsigned count_carriers(void)
{
    char pattern[MAX_PATH + 32];
    WIN32_FIND_DATAA found;
    unsigned count = 0;
    DWORD length = GetTempPathA(MAX_PATH, pattern);
    snprintf(pattern + length, sizeof pattern - length, "peload-tls-*");
    HANDLE search = FindFirstFileA(pattern, &found);
    if (search == INVALID_HANDLE_VALUE)
        return 0;
    do
        count++;
    while (FindNextFileA(search, &found));
    FindClose(search);
    return count;
}

static ldr_status load(ldr_context *ctx, const char *name, const ldr_load_options *options,
                       ldr_module **ret_module)
{
    size_t size = 0;
    void *bytes = read_guest(name, &size);
    ldr_status status = ldr_load_memory(ctx, name, bytes, size, options, ret_module, NULL);
    free(bytes);
    return status;
}

static void check_failing(const char *guest, const char *function, uintptr_t failing,
                          const ldr_load_options *options)
{
    ldr_context *ctx = guest_context();
    ldr_module *module = NULL;
    uintptr_t *entry = find_entry(function);
    unsigned carriers = count_carriers();
    CHECK(entry != NULL);
    if (entry == NULL)
        return;
    uintptr_t real = *entry;
    failures = 0;
    set_entry(entry, failing);
    ldr_status status = load(ctx, guest, options, &module);
    set_entry(entry, real);
    if (status == LDR_OK || failures == 0)
        printf("%s: %s after %d failures\n", function, ldr_status_text(status), failures);
    CHECK(failures != 0 && status != LDR_OK && module == NULL);
    CHECK(ldr_module_find(ctx, guest) == NULL);
    CHECK(count_carriers() == carriers);
    CHECK(load(ctx, guest, options, &module) == LDR_OK);
    ldr_context_destroy(ctx);
    CHECK(count_carriers() == carriers);
}

static void each_failing_call_undoes_the_load(void)
{
    const ldr_load_options stubs = {.size = sizeof stubs, .missing = LDR_MISSING_STUB};
    if (!has_guest("events.dll"))
        return;
    check_failing("events.dll", "RtlAddFunctionTable", (uintptr_t)fail_with_null, NULL);
    check_failing("events.dll", "GetTempPathW", (uintptr_t)fail_with_null, NULL);
    check_failing("events.dll", "WriteFile", (uintptr_t)fail_with_null, NULL);
    check_failing("events.dll", "LoadLibraryW", (uintptr_t)fail_with_null, NULL);
    check_failing("events.dll", "CreateFileW", (uintptr_t)fail_with_handle, NULL);
    check_failing("missing.dll", "VirtualAlloc", (uintptr_t)fail_with_null, &stubs);
}

static void system_dll_that_does_not_load_is_missing(void)
{
    ldr_context *ctx = guest_context();
    ldr_module *module = NULL;
    uintptr_t *entry = find_entry("LoadLibraryExW"), real = entry != NULL ? *entry : 0;
    REQUIRE(entry != NULL);
    set_entry(entry, (uintptr_t)fail_with_null);
    ldr_status status = ldr_load_name(ctx, "mpr.dll", NULL, &module, NULL);
    set_entry(entry, real);
    CHECK(status != LDR_OK && module == NULL);
    CHECK(ldr_load_name(ctx, "mpr.dll", NULL, &module, NULL) == LDR_OK);
    ldr_context_destroy(ctx);
}

const check_test tests_of_faults[] = {
    {"each_failing_call_undoes_the_load", each_failing_call_undoes_the_load},
    {"system_dll_that_does_not_load_is_missing", system_dll_that_does_not_load_is_missing},
    {NULL, NULL},
};
