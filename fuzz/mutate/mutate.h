/*
 * mutate.h: changes images where it hurts: in headers, section tables, directories and the tables
 * that these lead to.
 */
#ifndef PELOAD_FUZZ_MUTATE_H
#define PELOAD_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Makes one change, decided by `seed`, to the image of `size` bytes, which may grow to `capacity`.
 * `focus`: the directories to prefer, as bits. Returns the new size; 1 or more. Bytes that are no
 * image become one with some luck, as the signatures are put right now and then.
 */
size_t fuzz_mutate(uint8_t *data, size_t size, size_t capacity, uint32_t seed, uint32_t focus);

#endif
