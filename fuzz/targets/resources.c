/* Fuzz target of resources and what they hold, in both layouts. */
#include "fuzz/walk/walk.h"

const uint32_t fuzz_focus = 1u << PE_DIRECTORY_RESOURCE;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pe_span file = {data, size};
    pe_image image;
    if (pe_open(file, PE_LAYOUT_FILE, &image, NULL) == PE_OK)
        walk_layouts(&image, pe_accept(file, size, PE_WIN10, NULL) == PE_OK, walk_resources);
    return 0;
}
