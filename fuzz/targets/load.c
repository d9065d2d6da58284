/*
 * Fuzz target of loading without running: map, relocate, bind to the host modules, take a TLS slot,
 * ask for exports, unload. Whatever the bytes: a refusal is explained, a load is refused for
 * missing imports exactly if some were reported, and nothing of the module is left.
 */
#include "fuzz/target.h"

#include <peload/loader.h>
#include <stdlib.h>

const uint32_t fuzz_focus = 1u << PE_DIRECTORY_IMPORT | 1u << PE_DIRECTORY_EXPORT |
                            1u << PE_DIRECTORY_TLS | 1u << PE_DIRECTORY_BASE_RELOCATION |
                            1u << PE_DIRECTORY_EXCEPTION;

enum { EXPORT_LIMIT = 256, NAME_LIMIT = 256 };

/* One context for all inputs: making one is much slower than loading. */
static ldr_context *context(void)
{
    static ldr_context *ctx;
    if (ctx == NULL)
        REQUIRE(ldr_context_create(NULL, &ctx) == LDR_OK);
    return ctx;
}

static void count_missing(void *user, const ldr_missing_import *import)
{
    uint32_t *count = user;
    REQUIRE(import->importer != NULL && import->dll != NULL);
    ++*count;
}

static void check_refusal(ldr_status status, const ldr_diag *diag, bool stubs, uint32_t missing)
{
    bool for_missing = status == LDR_IMPORTS_MISSING || status == LDR_DLL_NOT_FOUND;
    REQUIRE(diag->status == status);
    REQUIRE(diag->why.nt_status != PE_NT_SUCCESS);
    REQUIRE(!for_missing || (missing != 0 && !stubs));
}

/* Every name and ordinal leads to the host or to this image, or to nothing. */
static void ask_for_exports(ldr_module *module)
{
    const pe_image *image = ldr_view_image(ldr_module_view(module));
    pe_exports exports;
    if (pe_exports_open(image, &exports) != PE_OK)
        return;
    for (uint32_t i = 0; i < EXPORT_LIMIT && i < exports.slot_count; i++)
        ldr_symbol_ordinal(module, exports.ordinal_base + i);
    for (uint32_t i = 0; i < EXPORT_LIMIT && i < exports.name_count; i++) {
        pe_export item;
        char name[NAME_LIMIT] = "";
        if (pe_export_name_at(image, &exports, i, &item) != PE_OK)
            continue;
        for (size_t k = 0; k < item.name.size && k < sizeof name - 1; k++)
            name[k] = (char)item.name.data[k];
        ldr_symbol(module, name);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t missing = 0;
    bool stubs = size % 2 != 0;
    ldr_load_options options = {.size = sizeof options,
                                .missing = stubs ? LDR_MISSING_STUB : LDR_MISSING_REFUSE,
                                .no_initialise = true,
                                .on_missing = count_missing,
                                .user = &missing};
    ldr_diag diag = {0};
    ldr_module *module;
    ldr_status status =
        ldr_load_memory(context(), "input.dll", data, size, &options, &module, &diag);
    if (status == LDR_OK) {
        REQUIRE(missing == 0 || stubs);
        ask_for_exports(module);
        ldr_unload(module);
    } else {
        check_refusal(status, &diag, stubs, missing);
    }
    REQUIRE(ldr_module_find(context(), "input.dll") == NULL);
    return 0;
}
