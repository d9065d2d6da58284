#include "pe/image/bytes.h"

/* Binary places of logarithms. Counts are below 2^32, so the sum of count * log2(count) fits. */
enum { PLACES = 20, RESULT_PLACES = 16, VALUES = 256 };

/* log2 of `value` (at least 1) in 2^-PLACES: squaring doubles a logarithm, so that each time the
 * square reaches 2 one more binary place is a 1. */
static uint64_t log2_fixed(uint32_t value)
{
    uint32_t whole = 31;
    while ((value >> whole) == 0)
        whole--;
    uint64_t result = whole;
    uint64_t mantissa = (uint64_t)value << (31 - whole); /* 1 to 2, as 2^31 to 2^32 */
    for (int i = 0; i < PLACES; i++) {
        mantissa = mantissa * mantissa >> 31;
        result <<= 1;
        if (mantissa >> 32 != 0) {
            mantissa >>= 1;
            result |= 1;
        }
    }
    return result;
}

static void count_values(pe_span bytes, uint32_t counts[VALUES])
{
    for (uint64_t i = 0; i < bytes.size; i++)
        counts[bytes.data[i]]++;
}

uint32_t pe_entropy(pe_span bytes)
{
    uint32_t counts[VALUES] = {0};
    uint64_t weighted = 0;
    bytes.size = pe__min(bytes.size, UINT32_MAX);
    if (bytes.size == 0)
        return 0;
    count_values(bytes, counts);
    for (int i = 0; i < VALUES; i++)
        weighted += counts[i] == 0 ? 0 : counts[i] * log2_fixed(counts[i]);
    uint64_t whole = log2_fixed((uint32_t)bytes.size), mean = weighted / bytes.size;
    return whole > mean ? (uint32_t)((whole - mean) >> (PLACES - RESULT_PLACES)) : 0;
}
