/* bits.h: arrays of a bit for each page or granule. */
#ifndef PELOAD_BITS_H
#define PELOAD_BITS_H

#include <stdbool.h>
#include <stdint.h>

static inline bool ldr__bit_is_set(const uint8_t *bits, uint64_t i)
{
    return (bits[i / 8] >> i % 8 & 1) != 0;
}

static inline void ldr__bit_set(uint8_t *bits, uint64_t i)
{
    bits[i / 8] = (uint8_t)(bits[i / 8] | 1u << i % 8);
}

#endif
