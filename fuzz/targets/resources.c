/* Fuzz target of resources and what they hold, in both layouts. */
#include "fuzz/walk/walk.h"

const uint32_t fuzz_focus = 1u << PE_DIRECTORY_RESOURCE;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    walk_input((pe_span){data, size}, walk_resources);
    return 0;
}
