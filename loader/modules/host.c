#include "modules/host.h"

#include <string.h>

#include "image/exports.h"
#include "modules/environment.h"
#include "os/os.h"

typedef struct host_entry {
    const ldr_export *line;
    const void *address;
    pe_span name;
} host_entry;

/* Entries by what they are asked for: places in `entries` plus one, 0 for free. Open addressing, at
 * most half full; the entry that was added last stands for all that are called the same. */
typedef struct host_index {
    uint32_t *by_name, *by_ordinal; /* of one allocation, `size` each */
    size_t size;                    /* a power of two, or 0 */
    size_t count;                   /* entries that are in it; the others are put in when needed */
} host_index;

struct ldr__host {
    host_entry *entries; /* in the order in which they were added */
    size_t count;
    host_index index;
    ldr__lock *lock; /* of all above: exports are looked for without any other */
    void *base;      /* a reserved allocation granule, or */
    void *system;    /* of the system's loader, with a reference; or NULL */
    size_t size;     /* of that DLL, in bytes */
};

enum { HOST_RANGE = 0x10000, INDEX_MIN = 16, ENTRIES_MAX = 1 << 28 };

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

ldr_status ldr__host_create_on(void *handle, size_t size, ldr__host **ret_host)
{
    ldr__host *host = ldr__os_alloc(sizeof(*host));
    if (!host) {
        ldr__default_environment.system_release(handle);
        return LDR_NO_MEMORY;
    }
    host->system = handle;
    host->size = size;
    ldr_status status = ldr__os_lock_create(&host->lock);
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
    if (host->system)
        ldr__default_environment.system_release(host->system);
    ldr__os_lock_destroy(host->lock);
    ldr__os_free(host->entries);
    ldr__os_free(host->index.by_name);
    ldr__os_free(host);
}

/* ---- Adding ---- */

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
    host_entry *grown = ldr__os_resize(host->entries, (before + count) * sizeof(*grown));
    if (!grown)
        return LDR_NO_MEMORY;
    host->entries = grown;
    ldr_status status = LDR_OK;
    for (size_t i = 0; i < count && status == LDR_OK; i++)
        status = add_line(host, &exports[i]);
    if (status != LDR_OK)
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

/* ---- The index ---- */

/* What an export is asked for by. */
typedef struct host_key {
    pe_span name;
    bool by_ordinal;
    uint32_t ordinal;
} host_key;

static bool is_called(const host_entry *entry, const host_key *key)
{
    if (key->by_ordinal)
        return entry->line->ordinal == key->ordinal;
    return entry->name.size == key->name.size &&
           (key->name.size == 0 ||
            memcmp(entry->name.data, key->name.data, (size_t)key->name.size) == 0);
}

/* The slot of a key: taken by it, or free. There is one, since half of them are. */
static uint32_t *slot_of(const ldr__host *host, const host_key *key)
{
    uint32_t *slots = key->by_ordinal ? host->index.by_ordinal : host->index.by_name;
    size_t mask = host->index.size - 1;
    size_t at = (key->by_ordinal ? key->ordinal : ldr__export_hash(key->name)) & mask;
    while (slots[at] != 0 && !is_called(&host->entries[slots[at] - 1], key))
        at = (at + 1) & mask;
    return &slots[at];
}

/* A larger, empty one, if this one would become more than half full. */
static bool grow_index(ldr__host *host)
{
    size_t size = host->index.size != 0 ? host->index.size : INDEX_MIN;
    while (size / 2 < host->count)
        size *= 2;
    if (size == host->index.size)
        return true;
    uint32_t *slots = ldr__os_alloc(2 * size * sizeof(*slots));
    if (!slots)
        return false;
    ldr__os_free(host->index.by_name);
    host->index = (host_index){slots, slots + size, size, 0};
    return true;
}

static bool complete_index(ldr__host *host)
{
    if (host->index.count == host->count)
        return true;
    if (!grow_index(host))
        return false;
    for (size_t i = host->index.count; i < host->count; i++) {
        const host_entry *entry = &host->entries[i];
        const host_key name = {.name = entry->name};
        const host_key number = {.by_ordinal = true, .ordinal = entry->line->ordinal};
        *slot_of(host, &name) = (uint32_t)(i + 1);
        if (number.ordinal != 0)
            *slot_of(host, &number) = (uint32_t)(i + 1);
    }
    host->index.count = host->count;
    return true;
}

/* ---- Finding ---- */

/* For want of memory for an index. */
static size_t search_all(const ldr__host *host, const host_key *key)
{
    size_t place = host->count;
    while (place > 0 && !is_called(&host->entries[place - 1], key))
        place--;
    return place;
}

static const void *find_in_table(ldr__host *host, const host_key *key)
{
    const void *address = NULL;
    ldr__os_lock(host->lock);
    if (host->count != 0) {
        size_t place = complete_index(host) ? *slot_of(host, key) : search_all(host, key);
        address = place != 0 ? host->entries[place - 1].address : NULL;
    }
    ldr__os_unlock(host->lock);
    return address;
}

/* What the embedder gives comes before what the system has. */
static const void *find(ldr__host *host, const host_key *key)
{
    const void *address = find_in_table(host, key);
    if (!address && host->system)
        address = ldr__default_environment.system_symbol(host->system, key->name, key->ordinal);
    return address;
}

const void *ldr__host_by_name(ldr__host *host, pe_span name)
{
    return find(host, &(host_key){.name = name});
}

const void *ldr__host_by_ordinal(ldr__host *host, uint32_t ordinal)
{
    return ordinal != 0 ? find(host, &(host_key){.by_ordinal = true, .ordinal = ordinal}) : NULL;
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
    return host->system ? host->system : host->base;
}

size_t ldr__host_size(const ldr__host *host)
{
    return host->size;
}
