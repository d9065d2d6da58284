/* registry_key.c: BLAKE2s (RFC 7693) with an output of 128 bits. */
#include "os/os.h"

#include <string.h>

#define BLOCK_BYTES 64
#define KEY_BYTES   16

typedef struct hash {
    uint32_t state[8];
    uint64_t count; /* bytes so far */
} hash;

static const uint32_t start_values[8] = {0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                                         0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};

/* RFC 7693, 2.7: which word of the block comes when, in each round. */
static const uint8_t schedule[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static uint32_t rotate(uint32_t value, unsigned bits)
{
    return value >> bits | value << (32 - bits);
}

/* The mixing function G of the RFC, 3.1. */
static void mix(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d, uint32_t x, uint32_t y)
{
    *a += *b + x;
    *d = rotate(*d ^ *a, 16);
    *c += *d;
    *b = rotate(*b ^ *c, 12);
    *a += *b + y;
    *d = rotate(*d ^ *a, 8);
    *c += *d;
    *b = rotate(*b ^ *c, 7);
}

static void mix_round(uint32_t v[16], const uint32_t words[16], const uint8_t *order)
{
    for (unsigned i = 0; i < 4; i++)
        mix(&v[i], &v[i + 4], &v[i + 8], &v[i + 12], words[order[2 * i]], words[order[2 * i + 1]]);
    for (unsigned i = 0; i < 4; i++)
        mix(&v[i], &v[(i + 1) % 4 + 4], &v[(i + 2) % 4 + 8], &v[(i + 3) % 4 + 12],
            words[order[2 * i + 8]], words[order[2 * i + 9]]);
}

/* `block` has BLOCK_BYTES bytes; the machine is little-endian, as the words are. */
static void compress(hash *h, const uint8_t *block, bool is_last)
{
    uint32_t words[16], v[16];
    memcpy(words, block, sizeof words);
    memcpy(v, h->state, sizeof h->state);
    memcpy(v + 8, start_values, sizeof start_values);
    v[12] ^= (uint32_t)h->count;
    v[13] ^= (uint32_t)(h->count >> 32);
    if (is_last)
        v[14] = ~v[14];
    for (unsigned i = 0; i < 10; i++)
        mix_round(v, words, schedule[i]);
    for (unsigned i = 0; i < 8; i++)
        h->state[i] ^= v[i] ^ v[i + 8];
}

void ldr__os_registry_key(const void *bytes, size_t size, ldr__registry_key *ret_key)
{
    const uint8_t *next = bytes;
    uint8_t last[BLOCK_BYTES] = {0};
    hash h;
    memcpy(h.state, start_values, sizeof h.state);
    h.state[0] ^= 0x01010000 ^ KEY_BYTES;
    h.count = 0;
    for (; size > BLOCK_BYTES; size -= BLOCK_BYTES, next += BLOCK_BYTES) {
        h.count += BLOCK_BYTES;
        compress(&h, next, false);
    }
    if (size > 0)
        memcpy(last, next, size);
    h.count += size;
    compress(&h, last, true);
    memcpy(ret_key->words, h.state, sizeof ret_key->words);
}
