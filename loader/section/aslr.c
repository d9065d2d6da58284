#include "section/aslr.h"

#define UNIT UINT64_C(0x10000)

/* Bases are `first` and up to `count` - 1 units above it. */
typedef struct range {
    uint64_t first, count;
} range;

/* One round of SplitMix64: every bit of the input changes half of those of the output. */
static uint64_t mix(uint64_t value)
{
    value += UINT64_C(0x9E3779B97F4A7C15);
    value = (value ^ value >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    value = (value ^ value >> 27) * UINT64_C(0x94D049BB133111EB);
    return value ^ value >> 31;
}

static uint64_t seed_of_buffer(uint64_t key, const pe_image *image, const char *name)
{
    uint64_t seed = mix(key ^ image->file.time_date_stamp);
    seed = mix(seed ^ ((uint64_t)image->optional.checksum << 32 | image->optional.size_of_image));
    for (; *name != '\0'; name++)
        seed = mix(seed ^ (unsigned char)*name);
    return seed;
}

static bool applies(const pe_image *image, ldr_aslr policy)
{
    bool may_move =
        pe_has_relocs(image) && (image->file.characteristics & PE_FILE_RELOCS_STRIPPED) == 0;
    bool asks = (image->optional.dll_characteristics & PE_DLL_DYNAMIC_BASE) != 0;
    return may_move && (policy == LDR_ASLR_FORCE || (policy == LDR_ASLR_ON && asks));
}

ldr__aslr ldr__aslr_of(const pe_image *image, ldr_aslr policy, const ldr__file_id *id,
                       const char *name)
{
    if (!applies(image, policy))
        return (ldr__aslr){0};
    uint64_t key = ldr__os_process_key();
    uint64_t seed =
        id != NULL ? mix(mix(key ^ id->device) ^ id->inode) : seed_of_buffer(key, image, name);
    return (ldr__aslr){true, seed};
}

/* A program goes up to 16 MB above its preferred base, unless it can take any address; from 64 KiB
 * on if it prefers the kernel's half (C9). */
static range range_of_program(const pe_image *image, bool high_entropy)
{
    enum { DELTAS = 254 };
    uint64_t base = image->optional.image_base;
    uint64_t limit = pe_is_64(image) ? UINT64_C(0x7FFFFFFF0000) : UINT64_C(0x7FFF0000);
    if (high_entropy)
        return (range){UINT64_C(0x7FE000000000), UINT64_C(1) << 17};
    if (!pe_range_ok(limit, base, (DELTAS + 1) * UNIT + image->optional.size_of_image))
        base = 0;
    return (range){base + UNIT, DELTAS};
}

static range range_of_dll(const pe_image *image, bool high_entropy)
{
    if (!pe_is_64(image))
        return (range){0x50000000, 0x2800};
    return (range){UINT64_C(0x7FF000000000), UINT64_C(1) << (high_entropy ? 19 : 14)};
}

uint64_t ldr__aslr_base(const pe_image *image, const ldr__aslr *aslr, unsigned attempt)
{
    bool high_entropy = pe_is_64(image) &&
                        (image->optional.dll_characteristics & PE_DLL_HIGH_ENTROPY_VA) != 0 &&
                        (image->file.characteristics & PE_FILE_LARGE_ADDRESS_AWARE) != 0;
    bool is_dll = (image->file.characteristics & PE_FILE_DLL) != 0;
    range among =
        is_dll ? range_of_dll(image, high_entropy) : range_of_program(image, high_entropy);
    return among.first + mix(aslr->seed + attempt) % among.count * UNIT;
}
