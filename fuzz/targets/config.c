/* Fuzz target of the load configuration and all that it leads to, in both layouts. */
#include "fuzz/walk/walk.h"

const uint32_t fuzz_focus = 1u << PE_DIRECTORY_LOAD_CONFIG;

static void walk_part(struct walk *walk)
{
    walk_load_config(walk);
    walk_config_pointers(walk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    walk_input((pe_span){data, size}, walk_part);
    return 0;
}
