#include "pe/image/address.h"

#include <string.h>

enum {
    EXPORT_TIME_DATE_STAMP = 4,
    EXPORT_NAME = 12,
    EXPORT_ORDINAL_BASE = 16,
    EXPORT_SLOT_COUNT = 20,
    EXPORT_NAME_COUNT = 24,
    EXPORT_SLOTS = 28,
    EXPORT_NAMES = 32,
    EXPORT_NAME_ORDINALS = 36,
    EXPORT_SIZE = 40,
};

/* The window moves to where the directory is. */
static pe_status read_directory(const pe_image *image, pe_directory directory, pe_window window,
                                pe_exports *ret_exports)
{
    uint8_t raw[EXPORT_SIZE];
    pe_status status = pe__fetch(image, &window, directory.rva.value, raw, sizeof raw);
    if (status != PE_OK)
        return status;
    *ret_exports = (pe_exports){
        .directory = directory,
        .name = {pe__load_u32(raw + EXPORT_NAME)},
        .time_date_stamp = pe__load_u32(raw + EXPORT_TIME_DATE_STAMP),
        .ordinal_base = pe__load_u32(raw + EXPORT_ORDINAL_BASE),
        .slot_count = pe__load_u32(raw + EXPORT_SLOT_COUNT),
        .name_count = pe__load_u32(raw + EXPORT_NAME_COUNT),
        .slots = {pe__load_u32(raw + EXPORT_SLOTS)},
        .names = {pe__load_u32(raw + EXPORT_NAMES)},
        .name_ordinals = {pe__load_u32(raw + EXPORT_NAME_ORDINALS)},
        .window = window,
    };
    return PE_OK;
}

pe_status pe_exports_open(const pe_image *image, pe_exports *ret_exports)
{
    pe_directory directory = pe_directory_at(image, PE_DIRECTORY_EXPORT);
    if (directory.rva.value == 0)
        return PE_NOT_PRESENT;
    return read_directory(image, directory, (pe_window){0}, ret_exports);
}

pe_status pe_exports_reopen(const pe_image *image, const pe_exports *before,
                            pe_exports *ret_exports)
{
    return read_directory(image, before->directory, before->window, ret_exports);
}

static inline pe_status read_u32_element(const pe_image *image, const pe_exports *exports,
                                         pe_rva table, uint32_t index, uint32_t *ret_value)
{
    pe_window window = exports->window;
    return pe__fetch_u32(image, &window, table.value + 4 * (uint64_t)index, ret_value);
}

static inline pe_status read_string(const pe_image *image, const pe_exports *exports, uint32_t rva,
                                    pe_span *ret_string)
{
    pe_window window = exports->window;
    return pe__fetch_string(image, &window, rva, ret_string);
}

/* What a slot holds. */
typedef struct export_slot {
    uint32_t ordinal;
    pe_rva rva;
    bool is_forwarder;
    pe_span forwarder;
} export_slot;

static inline pe_status read_slot(const pe_image *image, const pe_exports *exports, uint32_t index,
                                  export_slot *ret_slot)
{
    uint32_t rva;
    pe_directory directory = exports->directory;
    if (index >= exports->slot_count)
        return PE_NOT_FOUND;
    pe_status status = read_u32_element(image, exports, exports->slots, index, &rva);
    if (status != PE_OK)
        return status;
    if (rva == 0)
        return PE_NOT_FOUND;
    ret_slot->ordinal = index + exports->ordinal_base;
    ret_slot->rva.value = rva;
    ret_slot->is_forwarder =
        rva >= directory.rva.value && rva - directory.rva.value < directory.size;
    ret_slot->forwarder = (pe_span){0};
    return ret_slot->is_forwarder ? read_string(image, exports, rva, &ret_slot->forwarder) : PE_OK;
}

/* The slot that the name at `index` stands for: entries are indices, not ordinals. */
static inline pe_status read_named_slot(const pe_image *image, const pe_exports *exports,
                                        uint32_t index, export_slot *ret_slot)
{
    uint16_t slot_index;
    pe_window window = exports->window;
    uint64_t at = exports->name_ordinals.value + 2 * (uint64_t)index;
    pe_status status = pe__fetch_u16(image, &window, at, &slot_index);
    return status == PE_OK ? read_slot(image, exports, slot_index, ret_slot) : status;
}

/* All but the name. */
static inline void fill_export(const export_slot *slot, pe_export *ret_export)
{
    ret_export->ordinal = slot->ordinal;
    ret_export->rva = slot->rva;
    ret_export->is_forwarder = slot->is_forwarder;
    ret_export->forwarder = slot->forwarder;
}

pe_status pe_export_by_ordinal(const pe_image *image, const pe_exports *exports, uint32_t ordinal,
                               pe_export *ret_export)
{
    if (!pe__pay(image->budget, exports->slots.value, PE__COST_RECORD))
        return PE_BUDGET_SPENT;
    if (ordinal < exports->ordinal_base)
        return PE_NOT_FOUND;
    export_slot slot;
    pe_status status = read_slot(image, exports, ordinal - exports->ordinal_base, &slot);
    if (status != PE_OK)
        return status;
    ret_export->name = (pe_span){0};
    fill_export(&slot, ret_export);
    return PE_OK;
}

/*
 * Compares `name` with the string at the start of `tail` as strcmp does, reading no more of it than
 * it must: strings may be as long as the image, and a search looks at many. `in_zeros`: zeros
 * follow the tail. PE_OUT_OF_BOUNDS when the string does not end.
 */
static pe_status compare_tail(const pe_image *image, pe_span name, pe_rva rva, pe_span tail,
                              bool in_zeros, int *ret_order)
{
    uint64_t common = pe__min(name.size, tail.size);
    if (!pe__pay(image->budget, rva.value, common * PE__COST_BYTE))
        return PE_BUDGET_SPENT;
    int order = common == 0 ? 0 : memcmp(name.data, tail.data, common);
    if (order == 0 && common == tail.size && !in_zeros)
        return PE_OUT_OF_BOUNDS;
    if (order == 0) {
        uint8_t next = common < tail.size ? tail.data[common] : 0;
        order = (common < name.size) - (next != 0);
    }
    *ret_order = order;
    return PE_OK;
}

/* Nearly all names lie beside the directory, which saves finding their section. */
static pe_status compare_at(const pe_image *image, const pe_exports *exports, pe_span name,
                            pe_rva rva, int *ret_order)
{
    pe__region region;
    uint64_t skip = rva.value - exports->window.start;
    if (pe__window_at(&exports->window, rva.value, name.size + 1) != NULL &&
        pe__afford(image->budget, PE__COST_RECORD)) {
        pe_span beside = {exports->window.bytes.data + skip, exports->window.bytes.size - skip};
        return compare_tail(image, name, rva, beside, false, ret_order);
    }
    pe_status status = pe__readable_region(image, rva.value, &region);
    if (status != PE_OK)
        return status;
    return compare_tail(image, name, rva, pe__tail_of(image, &region, rva.value),
                        region.stored != region.end - region.start, ret_order);
}

static pe_status compare_name(const pe_image *image, const pe_exports *exports, pe_span name,
                              uint32_t index, int *ret_order)
{
    pe_rva at;
    pe_status status = read_u32_element(image, exports, exports->names, index, &at.value);
    return status == PE_OK ? compare_at(image, exports, name, at, ret_order) : status;
}

static pe_status search_names(const pe_image *image, const pe_exports *exports, pe_span name,
                              uint32_t *ret_index)
{
    uint32_t low = 0, high = exports->name_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order;
        pe_status status = compare_name(image, exports, name, middle, &order);
        if (status != PE_OK)
            return status;
        if (order == 0) {
            *ret_index = middle;
            return PE_OK;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return PE_NOT_FOUND;
}

/* A hint is only a guess: one that cannot be read is one that is wrong. */
static bool hint_names(const pe_image *image, const pe_exports *exports, pe_span name,
                       uint32_t hint)
{
    int order;
    return hint < exports->name_count &&
           compare_name(image, exports, name, hint, &order) == PE_OK && order == 0;
}

static inline pe_status take_named(const pe_image *image, const pe_exports *exports, pe_span name,
                                   uint32_t index, pe_export *ret_export)
{
    export_slot slot;
    pe_status status = read_named_slot(image, exports, index, &slot);
    if (status != PE_OK)
        return status;
    ret_export->name = name;
    fill_export(&slot, ret_export);
    return PE_OK;
}

pe_status pe_export_by_hint(const pe_image *image, const pe_exports *exports, pe_span name,
                            uint32_t index, pe_export *ret_export)
{
    if (!hint_names(image, exports, name, index))
        return PE_END;
    return take_named(image, exports, name, index, ret_export);
}

pe_status pe_export_by_name(const pe_image *image, const pe_exports *exports, pe_span name,
                            uint32_t hint, pe_export *ret_export)
{
    uint32_t index = hint;
    pe_status status = PE_OK;
    if (!hint_names(image, exports, name, hint))
        status = search_names(image, exports, name, &index);
    return status == PE_OK ? take_named(image, exports, name, index, ret_export) : status;
}

pe_status pe_export_name(const pe_image *image, const pe_exports *exports, uint32_t index,
                         pe_span *ret_name)
{
    uint32_t at;
    if (index >= exports->name_count)
        return PE_NOT_FOUND;
    pe_status status = read_u32_element(image, exports, exports->names, index, &at);
    return status == PE_OK ? read_string(image, exports, at, ret_name) : status;
}

/* The name is the last that can fail, so that it goes straight to its place. */
pe_status pe_export_name_at(const pe_image *image, const pe_exports *exports, uint32_t index,
                            pe_export *ret_export)
{
    export_slot slot;
    uint32_t at;
    if (index >= exports->name_count)
        return PE_NOT_FOUND;
    pe_status status = read_u32_element(image, exports, exports->names, index, &at);
    if (status == PE_OK)
        status = read_named_slot(image, exports, index, &slot);
    if (status == PE_OK)
        status = read_string(image, exports, at, &ret_export->name);
    if (status == PE_OK)
        fill_export(&slot, ret_export);
    return status;
}

static pe_status parse_ordinal(pe_span digits, uint16_t *ret_ordinal)
{
    uint32_t value = 0;
    if (digits.size == 0)
        return PE_BAD_FORMAT;
    for (uint64_t i = 0; i < digits.size; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return PE_BAD_FORMAT;
        value = 10 * value + (uint32_t)(digits.data[i] - '0');
        if (value > UINT16_MAX)
            return PE_BAD_FORMAT;
    }
    *ret_ordinal = (uint16_t)value;
    return PE_OK;
}

pe_status pe_forwarder_parse(pe_span text, pe_forwarder *ret_forwarder)
{
    uint64_t dot = text.size;
    while (dot > 0 && text.data[dot - 1] != '.')
        dot--;
    if (dot < 2 || dot == text.size)
        return PE_BAD_FORMAT;
    pe_forwarder forwarder = {
        .dll = {text.data, dot - 1},
        .name = {text.data + dot, text.size - dot},
        .by_ordinal = text.data[dot] == '#',
    };
    if (forwarder.by_ordinal) {
        pe_span digits = {forwarder.name.data + 1, forwarder.name.size - 1};
        if (parse_ordinal(digits, &forwarder.ordinal) != PE_OK)
            return PE_BAD_FORMAT;
        forwarder.name = (pe_span){0};
    }
    *ret_forwarder = forwarder;
    return PE_OK;
}
