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
    pe_span file = {data, size};
    pe_image image;
    if (pe_open(file, PE_LAYOUT_FILE, &image, NULL) == PE_OK)
        walk_layouts(&image, pe_accept(file, size, PE_WIN10, NULL) == PE_OK, walk_part);
    return 0;
}
