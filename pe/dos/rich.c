#include "pe/image/bytes.h"
#include "pe/image/headers.h"
#include "pe/image/layout.h"

enum {
    MARK_RICH = 0x68636952,
    MARK_DANS = 0x536E6144,
    MARK_SIZE = 4,
    ENTRY_SIZE = 8,
    HEAD_SIZE = 16, /* "DanS" and three words that are 0 in the clear */
};

/* A list that another program wrote before the PE signature can be long; linkers write a few dozen
 * entries. The search ends here. */
enum { SEARCH_LIMIT = 0x10000 };

/* The last "Rich" before the PE signature, with a key behind it. */
static bool find_rich(const pe_image *image, uint64_t *ret_offset)
{
    uint64_t end = pe__min(image->file.offset.value, SEARCH_LIMIT) & ~(uint64_t)3;
    for (uint64_t at = end; at >= DOS_SIZE + HEAD_SIZE + 2 * MARK_SIZE; at -= MARK_SIZE) {
        if (pe__u32_at(image->headers, at - 2 * MARK_SIZE) != MARK_RICH)
            continue;
        *ret_offset = at - 2 * MARK_SIZE;
        return true;
    }
    return false;
}

/* The nearest "DanS" before it, in whole entries. */
static bool find_start(const pe_image *image, uint64_t rich, uint32_t key, uint64_t *ret_offset)
{
    for (uint64_t size = HEAD_SIZE; size <= rich - DOS_SIZE; size += MARK_SIZE) {
        if ((pe__u32_at(image->headers, rich - size) ^ key) != MARK_DANS)
            continue;
        *ret_offset = rich - size;
        return true;
    }
    return false;
}

static uint32_t rotate_left(uint32_t value, uint32_t count)
{
    count %= 32;
    return count == 0 ? value : value << count | value >> (32 - count);
}

/* The linker's sum: where the list starts, each byte before it rotated by its offset (e_lfanew,
 * which is not known yet, left out), each tool rotated by its count. */
static uint32_t sum_of(const pe_image *image, const pe_rich *rich)
{
    uint32_t sum = (uint32_t)rich->offset.value;
    for (uint32_t i = 0; i < rich->offset.value; i++) {
        if (i < DOS_LFANEW || i >= DOS_SIZE)
            sum += rotate_left(image->headers.data[i], i);
    }
    for (uint32_t i = 0; i < rich->count; i++) {
        const uint8_t *at = rich->bytes.data + HEAD_SIZE + ENTRY_SIZE * i;
        uint32_t tool = pe__load_u32(at) ^ rich->key, count = pe__load_u32(at + 4) ^ rich->key;
        sum += rotate_left(tool, count);
    }
    return sum;
}

pe_status pe_rich_open(const pe_image *image, pe_rich *ret_rich)
{
    uint64_t mark, start;
    if (!find_rich(image, &mark))
        return PE_NOT_PRESENT;
    pe_rich rich = {.key = pe__u32_at(image->headers, mark + MARK_SIZE)};
    if (!find_start(image, mark, rich.key, &start))
        return PE_NOT_PRESENT;
    rich.offset.value = start;
    rich.bytes = (pe_span){image->headers.data + start, mark - start};
    rich.count = (uint32_t)(rich.bytes.size - HEAD_SIZE) / ENTRY_SIZE;
    rich.checksum = sum_of(image, &rich);
    *ret_rich = rich;
    return PE_OK;
}

pe_status pe_rich_at(const pe_rich *rich, uint32_t index, pe_rich_entry *ret_entry)
{
    if (index >= rich->count)
        return PE_NOT_FOUND;
    uint64_t start = HEAD_SIZE + (uint64_t)ENTRY_SIZE * index;
    const uint8_t *at = rich->bytes.data + start;
    uint32_t tool = pe__load_u32(at) ^ rich->key;
    *ret_entry = (pe_rich_entry){
        .offset = {rich->offset.value + start},
        .product = (uint16_t)(tool >> 16),
        .build = (uint16_t)(tool & 0xFFFF),
        .count = pe__load_u32(at + 4) ^ rich->key,
    };
    return PE_OK;
}

pe_status pe_rich_clear(const pe_rich *rich, uint64_t start, void *ret_bytes, size_t size)
{
    uint8_t *clear = ret_bytes;
    if (!pe_range_ok(rich->bytes.size, start, size))
        return PE_OUT_OF_BOUNDS;
    for (size_t i = 0; i < size; i++) {
        uint64_t at = start + i;
        clear[i] = rich->bytes.data[at] ^ (uint8_t)(rich->key >> 8 * (at % 4));
    }
    return PE_OK;
}
