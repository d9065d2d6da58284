/*
 * fuzz_dll: how is a function of a DLL fuzzed, each input from the same state? A libFuzzer target
 * for zlib1.dll's uncompress:
 *
 *   FUZZ_DLL=zlib1.dll fuzz_dll [corpus] [-runs=100000]
 *
 * libFuzzer sees no coverage of code that clang has not built. So each function that the DLL's
 * unwind table knows begins with a breakpoint, which counts the function and goes; the reset after
 * each input brings it back, as it does everything else in the DLL's pages.
 */
#include <peload/loader.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BREAKPOINT = 0xCC, FUNCTIONS_MAX = 1 << 16, OUTPUT_SIZE = 1 << 16 };

typedef int LDR_WINAPI uncompress_function(uint8_t *to, uint32_t *to_size, const uint8_t *from,
                                           uint32_t from_size);

static ldr_module *dll;
static uncompress_function *uncompress;
static uint8_t *code[FUNCTIONS_MAX]; /* ascending, as the table is */
static uint8_t first_bytes[FUNCTIONS_MAX];
static size_t function_count;

/* libFuzzer looks at these as at its own counters. */
__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t counters[FUNCTIONS_MAX];

static size_t find_function(const uint8_t *address)
{
    size_t low = 0, high = function_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (code[middle] < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A vectored exception handler, as of any Windows program: EXCEPTION_POINTERS are the addresses of
 * an EXCEPTION_RECORD and of a CONTEXT. */
static int32_t LDR_WINAPI handle_exception(uint8_t *const pointers[2])
{
    enum { ADDRESS = 0x10, RIP = 0xF8, CONTINUE_SEARCH = 0, CONTINUE_EXECUTION = -1 };
    uint8_t *address;
    memcpy(&address, pointers[0] + ADDRESS, sizeof address);
    size_t i = find_function(address);
    if (i == function_count || code[i] != address || *address != BREAKPOINT)
        return CONTINUE_SEARCH;
    counters[i]++;
    *address = first_bytes[i];
    memcpy(pointers[1] + RIP, &address, sizeof address);
    return CONTINUE_EXECUTION;
}

/* Code that is writable until it is unmapped: what the library refuses to do by itself. */
static int set_breakpoints(ldr_context *ctx)
{
    void *(LDR_WINAPI * add_handler)(uint32_t, const void *) =
        ldr_symbol(ldr_module_find(ctx, "kernel32.dll"), "AddVectoredExceptionHandler");
    ldr_view *view = (ldr_view *)ldr_module_view(dll);
    const pe_image *image = ldr_view_image(view);
    uint8_t *base = ldr_module_base(dll);
    pe_x64_function_iter functions;
    pe_x64_function function;
    pe_x64_functions(image, &functions);
    while (function_count < FUNCTIONS_MAX && pe_x64_function_next(&functions, &function) == PE_OK) {
        uint64_t rva = function.begin.value, size = function.end.value - rva;
        if (ldr_view_protect(view, rva, size, LDR_PAGE_EXECUTE_READWRITE, NULL, NULL) != LDR_OK)
            return 0;
        first_bytes[function_count] = base[rva];
        code[function_count++] = base + rva;
        base[rva] = BREAKPOINT;
    }
    return add_handler != NULL && add_handler(1, (const void *)handle_exception) != NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    ldr_context *ctx;
    ldr_diag diag;
    char text[512];
    const char *path = getenv("FUZZ_DLL");
    (void)argc, (void)argv;
    if (path == NULL || ldr_context_create(NULL, &ctx) != LDR_OK ||
        ldr_load(ctx, path, NULL, &dll, &diag) != LDR_OK) {
        fprintf(stderr, "FUZZ_DLL: %s\n",
                path != NULL ? ldr_diag_text(&diag, text, sizeof text) : "is not set");
        exit(2);
    }
    uncompress = ldr_symbol(dll, "uncompress");
    if (uncompress == NULL || !set_breakpoints(ctx) || ldr_module_snapshot(dll) != LDR_OK)
        exit(2);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t output[OUTPUT_SIZE];
    uint32_t output_size = sizeof output;
    uncompress(output, &output_size, data, (uint32_t)size);
    if (output_size > sizeof output || ldr_module_reset(dll) != LDR_OK)
        abort();
    return 0;
}
