#include "section/descriptor.h"

#include <string.h>

#define MAGIC UINT64_C(0x314C4553444C4550) /* its last digit: of this layout */

#define BITS 64

struct ldr__descriptor {
    uint64_t magic;
    ldr__facts facts;
    atomic_uint_fast64_t count;      /* of commits */
    atomic_uint_fast64_t first, end; /* pages outside have never been committed */
    atomic_uint_fast64_t committed[];
};

static bool is_reserved(const ldr__facts *facts)
{
    return (facts->attributes & LDR_SEC_RESERVE) != 0 && facts->is_file == 0;
}

static uint64_t bytes_of(const ldr__facts *facts)
{
    uint64_t words = is_reserved(facts) ? facts->size / LDR__PAGE / BITS + 1 : 0;
    uint64_t bytes = sizeof(ldr__descriptor) + words * sizeof(uint_fast64_t);
    return (bytes + LDR__PAGE - 1) & ~(LDR__PAGE - 1);
}

static ldr_status map_descriptor(ldr__handle segment, uint64_t size, ldr__descriptor **ret_mapped)
{
    void *address;
    ldr_status status = ldr__os_reserve(0, size, LDR__PAGE, &address);
    if (status != LDR_OK)
        return status;
    status = ldr__os_map_shared(address, size, segment, 0, LDR__READ | LDR__WRITE);
    if (status != LDR_OK) {
        ldr__os_unmap(address, size);
        return status;
    }
    *ret_mapped = address;
    return LDR_OK;
}

static ldr_status create_segment(const ldr__registry_key *key, uint64_t size,
                                 ldr__handle *ret_segment)
{
    ldr__handle segment;
    if (key != NULL) /* to publish it keeps its size as it is */
        return ldr__os_registry_create(key, size, ret_segment);
    ldr_status status = ldr__os_segment_create(size, &segment);
    if (status == LDR_OK && (status = ldr__os_segment_fix_size(segment)) != LDR_OK)
        ldr__os_close(segment);
    if (status == LDR_OK)
        *ret_segment = segment;
    return status;
}

ldr_status ldr__descriptor_make(ldr_section *section, const ldr__facts *facts,
                                const ldr__registry_key *key)
{
    ldr__handle segment;
    ldr__descriptor *mapped;
    ldr_status status = create_segment(key, bytes_of(facts), &segment);
    if (status != LDR_OK)
        return status;
    status = map_descriptor(segment, bytes_of(facts), &mapped);
    if (status != LDR_OK) {
        ldr__os_close(segment);
        return status;
    }
    mapped->facts = *facts;
    mapped->magic = MAGIC;
    atomic_init(&mapped->first, UINT64_MAX);
    section->descriptor_segment = segment;
    section->descriptor = mapped;
    return LDR_OK;
}

ldr_status ldr__descriptor_read(ldr__handle segment, ldr__facts *ret_facts)
{
    ldr__descriptor copy;
    ldr__file_stamp stamp;
    size_t got = 0;
    ldr_status status = ldr__os_file_stamp(segment, &stamp);
    if (status == LDR_OK)
        status = ldr__os_file_read(segment, 0, &copy, sizeof copy, &got);
    if (status != LDR_OK)
        return status;
    if (got != sizeof copy || copy.magic != MAGIC || bytes_of(&copy.facts) != stamp.size)
        return LDR_IO_ERROR;
    *ret_facts = copy.facts;
    return LDR_OK;
}

ldr_status ldr__descriptor_attach(ldr_section *section, ldr__handle segment,
                                  const ldr__facts *facts)
{
    ldr_status status = map_descriptor(segment, bytes_of(facts), &section->descriptor);
    if (status == LDR_OK)
        section->descriptor_segment = segment;
    return status;
}

/* The facts that the size comes from are in the section: those in the segment may have changed. */
void ldr__descriptor_release(ldr_section *section)
{
    ldr__facts facts = {.size = section->data.size,
                        .attributes = section->data.attributes,
                        .is_file = section->data.is_file};
    if (section->descriptor != NULL)
        ldr__os_unmap(section->descriptor, bytes_of(&facts));
    ldr__os_close(section->descriptor_segment);
}

/* ---- Committed pages ---- */

static void widen(ldr__descriptor *descriptor, uint64_t first, uint64_t end)
{
    uint_fast64_t old = atomic_load(&descriptor->first);
    while (old > first && !atomic_compare_exchange_weak(&descriptor->first, &old, first)) {
    }
    old = atomic_load(&descriptor->end);
    while (old < end && !atomic_compare_exchange_weak(&descriptor->end, &old, end)) {
    }
}

/* The bits of pages from `page` on in its word, up to `end`. */
static uint64_t bits_of(uint64_t page, uint64_t end)
{
    uint64_t left = end - page;
    uint64_t from = UINT64_MAX << (page % BITS);
    return left >= BITS - page % BITS ? from : from & ((UINT64_C(1) << (page % BITS + left)) - 1);
}

void ldr__committed_mark(const ldr_section *section, uint64_t first, uint64_t end)
{
    ldr__descriptor *descriptor = section->descriptor;
    widen(descriptor, first, end);
    for (uint64_t page = first; page < end; page = (page / BITS + 1) * BITS)
        atomic_fetch_or(&descriptor->committed[page / BITS], bits_of(page, end));
    atomic_fetch_add(&descriptor->count, 1);
}

uint64_t ldr__committed_count(const ldr_section *section)
{
    return atomic_load(&section->descriptor->count);
}

/* The first page in [page, end) whose mark is `is_committed`, or `end`. */
static uint64_t seek(const ldr__descriptor *descriptor, uint64_t page, uint64_t end,
                     bool is_committed)
{
    while (page < end) {
        uint64_t word = atomic_load(&descriptor->committed[page / BITS]);
        uint64_t bits = (is_committed ? word : ~word) & bits_of(page, end);
        if (bits != 0)
            return page / BITS * BITS + (uint64_t)__builtin_ctzll(bits);
        page = (page / BITS + 1) * BITS;
    }
    return end;
}

bool ldr__committed_find(const ldr_section *section, bool is_committed, uint64_t *first,
                         uint64_t *end)
{
    const ldr__descriptor *descriptor = section->descriptor;
    uint64_t low = atomic_load(&descriptor->first), high = atomic_load(&descriptor->end);
    uint64_t start = *first, limit = *end;
    if (is_committed && start < low)
        start = low;
    if (is_committed && limit > high)
        limit = high;
    if (start >= limit || (start = seek(descriptor, start, limit, is_committed)) >= limit)
        return false;
    *first = start;
    *end = seek(descriptor, start, limit, !is_committed);
    return true;
}
