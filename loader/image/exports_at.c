#include <stdlib.h>

#include "image/exports.h"
#include "os/os.h"

enum {
    SLOTS_MAX = 1 << 16, /* importers know 16 bits of an ordinal */
    NAMES_MAX = 1 << 17,
    SCANS_BEFORE_MAP = 4,
};

/* A slot that is in use. */
typedef struct place {
    uint32_t rva, slot;
    uint32_t name; /* place in the name table, plus one; 0: no name */
} place;

struct ldr__export_map {
    uint32_t count;
    place places[]; /* ascending */
};

static uint32_t at_most(uint32_t count, uint32_t limit)
{
    return count < limit ? count : limit;
}

/* ---- Reading ---- */

/* The RVA in a slot; 0 for one that is not in use, forwards, or cannot be read. */
static uint32_t read_slot(const pe_image *image, const pe_exports *table, uint32_t slot)
{
    uint32_t rva;
    uint64_t at = table->slots.value + 4 * (uint64_t)slot;
    if (at > UINT32_MAX || pe_read_u32(image, (pe_rva){(uint32_t)at}, &rva) != PE_OK)
        return 0;
    bool is_forwarder = rva - table->directory.rva.value < table->directory.size;
    return is_forwarder ? 0 : rva;
}

/* The slot that a name stands for; UINT32_MAX if that cannot be read. */
static uint32_t slot_of_name(const pe_image *image, const pe_exports *table, uint32_t name)
{
    uint16_t slot;
    uint64_t at = table->name_ordinals.value + 2 * (uint64_t)name;
    if (at > UINT32_MAX || pe_read_u16(image, (pe_rva){(uint32_t)at}, &slot) != PE_OK)
        return UINT32_MAX;
    return slot;
}

/* Section 0 is the headers, and all of a flat image. */
static uint32_t section_at(const pe_image *image, uint32_t rva)
{
    pe_section section;
    return pe_section_of(image, (pe_rva){rva}, &section) == PE_OK ? section.rva.value : 0;
}

/* ---- Without a map ---- */

/* Of those at the same place one with a name counts, and of these the lowest slot. */
static void choose_named(const pe_image *image, const pe_exports *table, place *at)
{
    uint32_t count = at_most(table->name_count, NAMES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = slot_of_name(image, table, i);
        bool is_better = at->name == 0 || slot < at->slot;
        if (slot < table->slot_count && is_better && read_slot(image, table, slot) == at->rva)
            *at = (place){at->rva, slot, i + 1};
    }
}

static bool scan(const pe_image *image, const pe_exports *table, uint32_t rva, place *ret_place)
{
    place best = {0};
    uint32_t count = at_most(table->slot_count, SLOTS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = read_slot(image, table, i);
        if (at != 0 && at <= rva && at > best.rva)
            best = (place){.rva = at, .slot = i};
    }
    if (best.rva == 0)
        return false;
    choose_named(image, table, &best);
    *ret_place = best;
    return true;
}

/* ---- The map ---- */

/* By place; where that is the same, those with a name first, and then by slot. */
static int compare_places(const void *a, const void *b)
{
    const place *left = a, *right = b;
    if (left->rva != right->rva)
        return left->rva < right->rva ? -1 : 1;
    if ((left->name == 0) != (right->name == 0))
        return left->name == 0 ? 1 : -1;
    return (left->slot > right->slot) - (left->slot < right->slot);
}

/* The first of several names of a slot counts. `places` are by slot still. */
static void add_names(const pe_image *image, const pe_exports *table, place *places, uint32_t count)
{
    for (uint32_t i = at_most(table->name_count, NAMES_MAX); i-- > 0;) {
        uint32_t slot = slot_of_name(image, table, i);
        if (slot < count)
            places[slot].name = i + 1;
    }
}

/* Only the first of those at one place, and none that is not in use. */
static void drop_repeated(ldr__export_map *map, uint32_t slots)
{
    for (uint32_t i = 0; i < slots; i++) {
        uint32_t last = map->count != 0 ? map->places[map->count - 1].rva : 0;
        if (map->places[i].rva != last)
            map->places[map->count++] = map->places[i];
    }
}

static void fill_map(const pe_image *image, const pe_exports *table, uint32_t slots,
                     ldr__export_map *map)
{
    for (uint32_t i = 0; i < slots; i++)
        map->places[i] = (place){.rva = read_slot(image, table, i), .slot = i};
    add_names(image, table, map->places, slots);
    qsort(map->places, slots, sizeof(map->places[0]), compare_places);
    drop_repeated(map, slots);
}

/* NULL: do without. */
static const ldr__export_map *map_of(ldr__exports *exports, const pe_exports *table)
{
    ldr__export_map *known = atomic_load_explicit(&exports->map, memory_order_acquire);
    if (known || atomic_fetch_add(&exports->scans, 1) < SCANS_BEFORE_MAP)
        return known;
    uint32_t slots = at_most(table->slot_count, SLOTS_MAX);
    ldr__export_map *made = ldr__os_alloc(sizeof(*made) + slots * sizeof(made->places[0]));
    if (!made)
        return NULL;
    fill_map(exports->image, table, slots, made);
    if (atomic_compare_exchange_strong(&exports->map, &known, made))
        return made;
    ldr__os_free(made);
    return known;
}

static bool look_up(const ldr__export_map *map, uint32_t rva, place *ret_place)
{
    uint32_t low = 0, high = map->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (map->places[middle].rva <= rva)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return false;
    *ret_place = map->places[low - 1];
    return true;
}

static bool find_mapped(const pe_image *image, const pe_exports *table, const ldr__export_map *map,
                        uint32_t rva, place *ret_place)
{
    place found;
    if (!look_up(map, rva, &found) || read_slot(image, table, found.slot) != found.rva)
        return false;
    if (found.name != 0 && slot_of_name(image, table, found.name - 1) != found.slot)
        found.name = 0;
    *ret_place = found;
    return true;
}

pe_status ldr__export_at(ldr__exports *exports, pe_rva rva, pe_export *ret_export)
{
    pe_exports table;
    place found;
    pe_span name = {0};
    const pe_image *image = exports->image;
    pe_status status = ldr__exports_reread(exports, &table);
    if (status != PE_OK)
        return status;
    const ldr__export_map *map = map_of(exports, &table);
    if (!(map && find_mapped(image, &table, map, rva.value, &found)) &&
        !scan(image, &table, rva.value, &found))
        return PE_NOT_FOUND;
    if (section_at(image, found.rva) != section_at(image, rva.value))
        return PE_NOT_FOUND;
    if (found.name != 0 && pe_export_name(image, &table, found.name - 1, &name) != PE_OK)
        name = (pe_span){0};
    *ret_export =
        (pe_export){.ordinal = table.ordinal_base + found.slot, .rva = {found.rva}, .name = name};
    return PE_OK;
}
