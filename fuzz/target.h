/*
 * target.h: what a fuzz target and the program that drives it agree on.
 *
 * A target asserts properties: it ends the process when one does not hold.
 */
#ifndef PELOAD_FUZZ_TARGET_H
#define PELOAD_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's entry point. Always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The directories that the target reads, as bits: what mutations should hit. 0: its inputs are no
 * images but scripts, whose every byte counts. */
extern const uint32_t fuzz_focus;

/* Ends the process where `condition` is false. */
#define REQUIRE(condition)    \
    do {                      \
        if (!(condition))     \
            __builtin_trap(); \
    } while (0)

#endif
