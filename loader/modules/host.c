#include "modules/host.h"

#include <stdlib.h>
#include <string.h>

#include "os/os.h"

/* One exported name or number; `sequence` tells which of two equal ones was added last. */
typedef struct host_entry {
    const ldr_export *line;
    const void *address;
    size_t sequence;
} host_entry;

struct ldr__host {
    host_entry *entries; /* sorted by name once `sorted` */
    size_t count;
    bool sorted;
    ldr__lock *lock; /* of all above: exports are looked for without any other */
    void *base;      /* a reserved allocation granule */
};

enum { HOST_RANGE = 0x10000 };

static int compare_entries(const void *a, const void *b)
{
    const host_entry *left = a, *right = b;
    int order = strcmp(left->line->name, right->line->name);
    if (order != 0)
        return order;
    return left->sequence > right->sequence ? -1 : 1;
}

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
    ldr__os_free(host);
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
    host->entries[host->count] = (host_entry){line, address, host->count};
    host->count++;
    return LDR_OK;
}

static ldr_status add_lines(ldr__host *host, const ldr_export *exports, size_t count)
{
    if (count > SIZE_MAX / sizeof(host_entry) - host->count)
        return LDR_NO_MEMORY;
    void *grown = ldr__os_resize(host->entries, (host->count + count) * sizeof(host_entry));
    if (!grown && host->count + count != 0)
        return LDR_NO_MEMORY;
    host->entries = grown;
    host->sorted = false;
    size_t before = host->count;
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

/* As strcmp, for a name that has a length instead of a NUL. */
static int compare_name(const char *entry, pe_span name)
{
    size_t length = strlen(entry);
    size_t common = length < name.size ? length : (size_t)name.size;
    int order = common != 0 ? memcmp(entry, name.data, common) : 0;
    if (order != 0)
        return order;
    return (length > name.size) - (length < name.size);
}

static const void *search_name(ldr__host *host, pe_span name)
{
    size_t low = 0, high = host->count;
    if (!host->sorted && host->count != 0)
        qsort(host->entries, host->count, sizeof(*host->entries), compare_entries);
    host->sorted = true;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_name(host->entries[middle].line->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < host->count && compare_name(host->entries[low].line->name, name) == 0;
    return found ? host->entries[low].address : NULL;
}

const void *ldr__host_by_name(ldr__host *host, pe_span name)
{
    ldr__os_lock(host->lock);
    const void *address = search_name(host, name);
    ldr__os_unlock(host->lock);
    return address;
}

static const void *search_ordinal(const ldr__host *host, uint32_t ordinal)
{
    const host_entry *found = NULL;
    for (size_t i = 0; i < host->count && ordinal != 0; i++) {
        const host_entry *entry = &host->entries[i];
        if (entry->line->ordinal == ordinal && (!found || entry->sequence > found->sequence))
            found = entry;
    }
    return found ? found->address : NULL;
}

const void *ldr__host_by_ordinal(const ldr__host *host, uint32_t ordinal)
{
    ldr__os_lock(host->lock);
    const void *address = search_ordinal(host, ordinal);
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
