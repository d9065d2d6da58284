#include "pe/image/bytes.h"

/* One's complement sums may be added up in wider words and folded at the end. */
static uint64_t sum_words(const uint8_t *data, uint64_t size)
{
    uint64_t sum = 0, i = 0;
    for (; size - i >= 4; i += 4)
        sum += pe__load_u32(data + i);
    if (size - i >= 2) {
        sum += pe__load_u16(data + i);
        i += 2;
    }
    return i < size ? sum + data[i] : sum;
}

static uint32_t fold(uint64_t sum)
{
    while (sum > 0xFFFF)
        sum = (sum & 0xFFFF) + (sum >> 16);
    return (uint32_t)sum;
}

/* One's complement subtraction, as imagehlp does it: it adds the field like all other words and
 * takes its two halves off again. */
static uint32_t subtract(uint32_t sum, uint32_t word)
{
    return (sum - word - (sum < word ? 1 : 0)) & 0xFFFF;
}

pe_status pe_checksum(const pe_image *image, uint32_t *ret_checksum)
{
    if (image->layout != PE_LAYOUT_FILE)
        return PE_NOT_PRESENT;
    uint32_t stored = image->optional.checksum;
    uint32_t sum = fold(sum_words(image->bytes.data, image->bytes.size));
    sum = subtract(subtract(sum, stored & 0xFFFF), stored >> 16);
    *ret_checksum = (uint32_t)(sum + image->bytes.size);
    return PE_OK;
}
