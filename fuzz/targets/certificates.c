/* Fuzz target of certificates and of what Authenticode hashes. */
#include "fuzz/walk/walk.h"

const uint32_t fuzz_focus = 1u << PE_DIRECTORY_CERTIFICATE;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pe_image image;
    pe_budget budget = pe_budget_for(size);
    if (pe_open((pe_span){data, size}, PE_LAYOUT_FILE, &image, NULL) != PE_OK)
        return 0;
    image.budget = &budget;
    walk_certificates(&image);
    return 0;
}
