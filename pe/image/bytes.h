/*
 * bytes.h: little-endian loads and checked helpers, for the sources of pe/ only.
 *
 * Nothing here checks bounds: callers establish them with pe_range_ok or pe_read first.
 */
#ifndef PELOAD_PE_BYTES_H
#define PELOAD_PE_BYTES_H

#include <peload/pe.h>

#define PE__PAGE   0x1000u
#define PE__SECTOR 0x200u

/* A function for what is rare, kept out of its caller, which then needs no stack frame. */
#define PE__SLOW __attribute__((noinline, cold))

static inline uint16_t pe__load_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static inline uint32_t pe__load_u32(const uint8_t *at)
{
    return pe__load_u16(at) | (uint32_t)pe__load_u16(at + 2) << 16;
}

static inline uint64_t pe__load_u64(const uint8_t *at)
{
    return pe__load_u32(at) | (uint64_t)pe__load_u32(at + 4) << 32;
}

static inline uint64_t pe__min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t pe__max(uint64_t a, uint64_t b)
{
    return a < b ? b : a;
}

/* `value` rounded up to a multiple of `alignment`, a power of two; `value` is below 2^63. */
static inline uint64_t pe__round_up(uint64_t value, uint64_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

/* The RVA of element `index` of a table of `size`-byte elements; false beyond 2^32. */
static inline bool pe__element(pe_rva table, uint64_t index, uint32_t size, pe_rva *ret_rva)
{
    uint64_t at = table.value + index * size;
    if (index > UINT32_MAX || at > UINT32_MAX)
        return false;
    *ret_rva = (pe_rva){(uint32_t)at};
    return true;
}

#endif
