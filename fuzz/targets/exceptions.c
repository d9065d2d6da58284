/* Fuzz target of functions and their unwind codes, of each machine, in both layouts. */
#include "fuzz/walk/walk.h"

const uint32_t fuzz_focus = 1u << PE_DIRECTORY_EXCEPTION;

static void walk_part(struct walk *walk)
{
    walk_exceptions(walk);
    walk_arm_exceptions(walk);
    walk_exceptions_as_arm(walk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    walk_input((pe_span){data, size}, walk_part);
    return 0;
}
