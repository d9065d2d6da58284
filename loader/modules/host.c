#include "modules/host.h"

#include <string.h>

#include "image/exports.h"
#include "os/os.h"

typedef struct host_entry {
    const ldr_export *line;
    const void *address;
    pe_span name;
} host_entry;

/* Entries by what they are asked for: places in `entries` plus one, 0 for free. Open addressing, at
 * most half full; the entry that was added last stands for all that are called the same. */
typedef struct host_slots {
    uint32_t *by_name, *by_ordinal; /* of one allocation, `size` each */
    size_t size;                    /* a power of two */
} host_slots;

struct ldr__host {
    host_entry *entries; /* in the order in which they were added */
    size_t count;
    host_slots slots;
    ldr__lock *lock; /* of all above: exports are looked for without any other */
    void *base;      /* a reserved allocation granule */
};

enum { HOST_RANGE = 0x10000, SLOTS_MIN = 16, ENTRIES_MAX = 1 << 28 };

ldr_status ldr__host_create(ldr__host **ret_host)
{
    ldr__host *host = ldr__os_alloc(sizeof(*host));
    if (!host)
        return LDR_NO_MEMORY;
    ldr_status status = ldr__os_lock_create(&host->lock);
    if (status == LDR_OK)
        status = ldr__os_reserve(0, HOST_RANGE, HOST_RANGE, &host->base);
    if (status != LDR_OK) {
        ldr__host_destroy(host);
        return status;
    }
    *ret_host = host;
    return LDR_OK;
}

/* Drops all entries but the first `count`. */
static void drop_from(ldr__host *host, size_t count)
{
    while (host->count > count) {
        const host_entry *entry = &host->entries[--host->count];
        if (entry->line->data_size != 0)
            ldr__os_free((void *)(uintptr_t)entry->address);
    }
}

void ldr__host_destroy(ldr__host *host)
{
    if (!host)
        return;
    drop_from(host, 0);
    if (host->base)
        ldr__os_unmap(host->base, HOST_RANGE);
    ldr__os_lock_destroy(host->lock);
    ldr__os_free(host->entries);
    ldr__os_free(host->slots.by_name);
    ldr__os_free(host);
}

/* ---- Adding ---- */

static bool is_same_name(pe_span a, pe_span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, (size_t)a.size) == 0);
}

/* The slot of a name: taken by it, or free. There is one, since half of them are. */
static uint32_t *name_slot(const ldr__host *host, pe_span name)
{
    size_t mask = host->slots.size - 1;
    size_t at = ldr__export_hash(name) & mask;
    while (host->slots.by_name[at] != 0 &&
           !is_same_name(host->entries[host->slots.by_name[at] - 1].name, name))
        at = (at + 1) & mask;
    return &host->slots.by_name[at];
}

static uint32_t *ordinal_slot(const ldr__host *host, uint32_t ordinal)
{
    size_t mask = host->slots.size - 1;
    size_t at = ordinal & mask;
    while (host->slots.by_ordinal[at] != 0 &&
           host->entries[host->slots.by_ordinal[at] - 1].line->ordinal != ordinal)
        at = (at + 1) & mask;
    return &host->slots.by_ordinal[at];
}

static void index_from(ldr__host *host, size_t first)
{
    for (size_t i = first; i < host->count; i++) {
        const host_entry *entry = &host->entries[i];
        *name_slot(host, entry->name) = (uint32_t)(i + 1);
        if (entry->line->ordinal != 0)
            *ordinal_slot(host, entry->line->ordinal) = (uint32_t)(i + 1);
    }
}

/* Room for `count` entries in all; those that are there are put into larger tables. */
static ldr_status reserve(ldr__host *host, size_t count)
{
    size_t size = host->slots.size != 0 ? host->slots.size : SLOTS_MIN;
    host_entry *entries = ldr__os_resize(host->entries, count * sizeof(*entries));
    if (!entries)
        return LDR_NO_MEMORY;
    host->entries = entries;
    while (size / 2 < count)
        size *= 2;
    if (size == host->slots.size)
        return LDR_OK;
    uint32_t *slots = ldr__os_alloc(2 * size * sizeof(*slots));
    if (!slots)
        return LDR_NO_MEMORY;
    ldr__os_free(host->slots.by_name);
    host->slots = (host_slots){slots, slots + size, size};
    index_from(host, 0);
    return LDR_OK;
}

static ldr_status add_line(ldr__host *host, const ldr_export *line)
{
    const void *address = line->address;
    if (line->data_size != 0) {
        void *copy = ldr__os_alloc(line->data_size);
        if (!copy)
            return LDR_NO_MEMORY;
        memcpy(copy, line->address, line->data_size);
        address = copy;
    }
    host->entries[host->count++] =
        (host_entry){line, address, (pe_span){(const uint8_t *)line->name, strlen(line->name)}};
    return LDR_OK;
}

static ldr_status add_lines(ldr__host *host, const ldr_export *exports, size_t count)
{
    size_t before = host->count;
    if (count == 0)
        return LDR_OK;
    if (count > ENTRIES_MAX - before)
        return LDR_NO_MEMORY;
    ldr_status status = reserve(host, before + count);
    for (size_t i = 0; i < count && status == LDR_OK; i++)
        status = add_line(host, &exports[i]);
    if (status == LDR_OK)
        index_from(host, before);
    else
        drop_from(host, before);
    return status;
}

ldr_status ldr__host_add(ldr__host *host, const ldr_export *exports, size_t count)
{
    ldr__os_lock(host->lock);
    ldr_status status = add_lines(host, exports, count);
    ldr__os_unlock(host->lock);
    return status;
}

/* ---- Finding ---- */

static const void *address_in(const ldr__host *host, const uint32_t *slot)
{
    return *slot != 0 ? host->entries[*slot - 1].address : NULL;
}

const void *ldr__host_by_name(const ldr__host *host, pe_span name)
{
    ldr__os_lock(host->lock);
    const void *address = host->count != 0 ? address_in(host, name_slot(host, name)) : NULL;
    ldr__os_unlock(host->lock);
    return address;
}

const void *ldr__host_by_ordinal(const ldr__host *host, uint32_t ordinal)
{
    const void *address = NULL;
    ldr__os_lock(host->lock);
    if (ordinal != 0 && host->count != 0)
        address = address_in(host, ordinal_slot(host, ordinal));
    ldr__os_unlock(host->lock);
    return address;
}

static bool entry_holds(const host_entry *entry, const void *address)
{
    uintptr_t distance = (uintptr_t)address - (uintptr_t)entry->address;
    return distance == 0 || distance < entry->line->data_size;
}

const ldr_export *ldr__host_at(const ldr__host *host, const void *address, const void **ret_start)
{
    const ldr_export *found = NULL;
    ldr__os_lock(host->lock);
    for (size_t i = 0; i < host->count && !found; i++) {
        if (entry_holds(&host->entries[i], address)) {
            found = host->entries[i].line;
            *ret_start = host->entries[i].address;
        }
    }
    ldr__os_unlock(host->lock);
    return found;
}

void *ldr__host_base(const ldr__host *host)
{
    return host->base;
}
