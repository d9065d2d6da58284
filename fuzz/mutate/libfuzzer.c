/* Gives libFuzzer the mutator of this folder, beside its own, where inputs are images. */
#include "fuzz/target.h"
#include "mutate.h"

/* Names and signatures are libFuzzer's. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t capacity);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed)
{
    if (seed % 3 == 0 || fuzz_focus == 0)
        return LLVMFuzzerMutate(data, size, capacity);
    return fuzz_mutate(data, size, capacity, seed, fuzz_focus);
}
