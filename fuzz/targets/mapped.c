/* Fuzz target of the parser over bytes that lie as in memory, such as a dump of a process. */
#include "fuzz/walk/walk.h"

const uint32_t fuzz_focus = UINT32_MAX;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pe_image image;
    pe_diag diag = {0};
    struct walk unused = {0};
    uint64_t digest, again;
    if (pe_open((pe_span){data, size}, PE_LAYOUT_MAPPED, &image, &diag) != PE_OK) {
        note_diag(&unused, &diag);
        return 0;
    }
    REQUIRE(digest_of(&image, walk_all, &digest) == digest_of(&image, walk_all, &again));
    REQUIRE(digest == again);
    return 0;
}
