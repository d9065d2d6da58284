#include "image/exports.h"

#include <string.h>

#include "os/os.h"

/*
 * Whoever makes a table chooses what is in it, also names with the same hash, and a million names
 * that are the same megabyte. Beyond these limits there is no index, and the search is bounded by
 * itself: 32 comparisons at the most.
 */
enum {
    NAMES_MIN = 16,      /* fewer are searched as fast */
    NAMES_MAX = 1 << 17, /* twice what slots can be told apart by name */
    NAME_BYTES = 256,    /* mean length */
    PROBES_MAX = 64,
    NAMES_PER_SEARCH = 8, /* so many names are indexed in the time of one search */
};

/* A name's place in the name table, plus one; 0 is a free slot. */
typedef struct index_slot {
    uint32_t hash, place;
} index_slot;

/* `mask` is the number of slots less one. One free slot, where nothing is ever found, stands for
 * the index of a table that gets none. */
struct ldr__export_index {
    uint32_t mask;
    index_slot slots[];
};

/* ---- Hashing ---- */

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ hash >> 32;
}

uint32_t ldr__export_hash(pe_span name)
{
    uint64_t hash = name.size, word;
    const uint8_t *at = name.data;
    uint64_t left = name.size;
    for (; left >= sizeof(word); left -= sizeof(word), at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        hash = mix(hash, word);
    }
    word = 0;
    for (uint64_t i = 0; i < left; i++)
        word |= (uint64_t)at[i] << 8 * i;
    return (uint32_t)mix(hash, word);
}

/* ---- Making the index ---- */

static bool ascends(pe_span before, pe_span name)
{
    uint64_t common = before.size < name.size ? before.size : name.size;
    int order = common != 0 ? memcmp(before.data, name.data, (size_t)common) : 0;
    return order < 0 || (order == 0 && before.size < name.size);
}

static bool put(ldr__export_index *index, uint32_t hash, uint32_t place)
{
    for (uint32_t i = 0; i < PROBES_MAX; i++) {
        index_slot *slot = &index->slots[(hash + i) & index->mask];
        if (slot->place == 0) {
            *slot = (index_slot){hash, place + 1};
            return true;
        }
    }
    return false;
}

/*
 * Only a table in strictly ascending order is found in as the search would: it misses names of
 * others, and which of two equal ones it hits depends on where they are.
 */
static bool fill_index(const pe_image *image, const pe_exports *table, ldr__export_index *index)
{
    pe_span before = {0}, name;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < table->name_count; i++) {
        if (pe_export_name(image, table, i, &name) != PE_OK || (i > 0 && !ascends(before, name)))
            return false;
        bytes += name.size;
        if (bytes > (uint64_t)NAME_BYTES * table->name_count ||
            !put(index, ldr__export_hash(name), i))
            return false;
        before = name;
    }
    return true;
}

static ldr__export_index *empty_index(uint32_t capacity)
{
    ldr__export_index *index = ldr__os_alloc(sizeof(*index) + capacity * sizeof(index->slots[0]));
    if (index)
        index->mask = capacity - 1;
    return index;
}

/* NULL when out of memory: it will be tried again. */
static ldr__export_index *make_index(const pe_image *image, const pe_exports *table)
{
    uint32_t capacity = 16;
    if (table->name_count > NAMES_MAX)
        return empty_index(1);
    while (capacity < 2 * table->name_count)
        capacity *= 2;
    ldr__export_index *index = empty_index(capacity);
    if (!index || fill_index(image, table, index))
        return index;
    ldr__os_free(index);
    return empty_index(1);
}

/* Of several threads that make it at once one is first, and the others take that one's. */
static void publish_index(ldr__exports *exports, const pe_exports *table)
{
    ldr__export_index *none = NULL, *made = make_index(exports->image, table);
    if (!atomic_compare_exchange_strong(&exports->index, &none, made))
        ldr__os_free(made);
}

void ldr__exports_open(const pe_image *image, ldr__exports *ret_exports)
{
    ret_exports->image = image;
    ret_exports->present = pe_exports_open(image, &ret_exports->table) == PE_OK;
}

void ldr__exports_release(ldr__exports *exports)
{
    ldr__os_free(atomic_load(&exports->index));
    ldr__os_free(atomic_load(&exports->map));
    atomic_store(&exports->index, NULL);
    atomic_store(&exports->map, NULL);
}

/* ---- Finding ---- */

pe_status ldr__exports_reread(const ldr__exports *exports, pe_exports *ret_table)
{
    if (!exports->present)
        return PE_NOT_PRESENT;
    return pe_exports_reopen(exports->image, &exports->table, ret_table);
}

/* As ntdll searches. Once it has cost as much as the index would, that is made. */
static pe_status search(ldr__exports *exports, const pe_exports *table, pe_span name,
                        pe_export *ret_export)
{
    uint64_t count =
        1 + (uint64_t)atomic_fetch_add_explicit(&exports->searches, 1, memory_order_relaxed);
    if (table->name_count >= NAMES_MIN && count * NAMES_PER_SEARCH >= table->name_count &&
        !atomic_load_explicit(&exports->index, memory_order_relaxed))
        publish_index(exports, table);
    return pe_export_by_name(exports->image, table, name, UINT32_MAX, ret_export);
}

static pe_status find_indexed(const ldr__exports *exports, const ldr__export_index *index,
                              const pe_exports *table, pe_span name, pe_export *ret_export)
{
    uint32_t hash = ldr__export_hash(name);
    for (uint32_t i = 0; i < PROBES_MAX; i++) {
        const index_slot *slot = &index->slots[(hash + i) & index->mask];
        pe_status status = PE_END;
        if (slot->place == 0)
            return PE_END;
        if (slot->hash == hash)
            status = pe_export_by_hint(exports->image, table, name, slot->place - 1, ret_export);
        if (status != PE_END)
            return status;
    }
    return PE_END;
}

pe_status ldr__export_by_name(ldr__exports *exports, pe_span name, uint32_t hint,
                              pe_export *ret_export)
{
    pe_exports table;
    pe_status status = ldr__exports_reread(exports, &table);
    if (status != PE_OK)
        return status;
    status = pe_export_by_hint(exports->image, &table, name, hint, ret_export);
    const ldr__export_index *index = atomic_load_explicit(&exports->index, memory_order_acquire);
    if (status == PE_END && index)
        status = find_indexed(exports, index, &table, name, ret_export);
    return status == PE_END ? search(exports, &table, name, ret_export) : status;
}

pe_status ldr__export_by_ordinal(ldr__exports *exports, uint32_t ordinal, pe_export *ret_export)
{
    pe_exports table;
    pe_status status = ldr__exports_reread(exports, &table);
    if (status != PE_OK)
        return status;
    return pe_export_by_ordinal(exports->image, &table, ordinal, ret_export);
}
