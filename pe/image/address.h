/*
 * address.h: where an RVA's bytes are, for the sources of pe/ only.
 */
#ifndef PELOAD_PE_ADDRESS_H
#define PELOAD_PE_ADDRESS_H

#include "bytes.h"

#include <peload/pe.h>
#include <string.h>

/*
 * A run of pages with one origin: the headers, one section, or all of a flat image. In RVAs
 * [start, end); its first `stored` bytes are those from `at` of the image's bytes, the rest is
 * zero.
 */
typedef struct pe__region {
    uint64_t start, end;
    uint64_t at, stored;
    bool readable;
} pe__region;

/* Entry `index` (< extents.section_count) of the section table where it lies. */
const uint8_t *pe__section_entry(const pe_image *image, uint32_t index);

/* Fills in image->extents. */
pe_extents pe__find_extents(const pe_image *image);

/* The region that holds `rva`; false in gaps and beyond the image. */
bool pe__region_at(const pe_image *image, uint64_t rva, pe__region *ret_region);

/* The region of a record at `rva`, paid for. PE_OUT_OF_BOUNDS, PE_UNREADABLE or PE_BUDGET_SPENT. */
pe_status pe__readable_region(const pe_image *image, uint64_t rva, pe__region *ret_region);

/* What is stored from `rva` to the end of its region. */
pe_span pe__tail_of(const pe_image *image, const pe__region *region, uint64_t rva);

/*
 * Borrows the `size` bytes at `rva`, which lie in one region: *ret_bytes is shorter where the rest
 * is zero fill. PE_OUT_OF_BOUNDS or PE_UNREADABLE as for pe_read.
 */
pe_status pe__borrow(const pe_image *image, pe_rva rva, uint64_t size, pe_span *ret_bytes);

/*
 * Copies the `size` bytes at `offset` of what lies at `place`: PE_OUT_OF_BOUNDS where they leave
 * its size or 2^32, and otherwise as pe_read.
 */
static inline pe_status pe__read_within(const pe_image *image, pe_directory place, uint64_t offset,
                                        void *ret_bytes, size_t size)
{
    uint64_t at = place.rva.value + offset;
    if (!pe_range_ok(place.size, offset, size) || at > UINT32_MAX)
        return PE_OUT_OF_BOUNDS;
    return pe_read(image, (pe_rva){(uint32_t)at}, ret_bytes, size);
}

/* ---- The budget ---- */

enum { PE__COST_RECORD = 16, PE__COST_BYTE = 1 };

/* Pays `units` if they are there: false, and nothing paid, if not. */
static inline bool pe__afford(pe_budget *budget, uint64_t units)
{
    if (budget == NULL)
        return true;
    if (units > budget->left)
        return false;
    budget->left -= units;
    return true;
}

bool pe__overspend(pe_budget *budget, uint64_t at);

/* Pays `units` for reading at `at`; false once the budget is spent. NULL is without limit. */
static inline bool pe__pay(pe_budget *budget, uint64_t at, uint64_t units)
{
    return pe__afford(budget, units) || pe__overspend(budget, at);
}

/* ---- Windows ---- */

/* The `size` stored bytes (1 or more) at `rva`, if they lie in the window; NULL if not. */
static inline const uint8_t *pe__window_at(const pe_window *window, uint64_t rva, uint64_t size)
{
    uint64_t skip = rva - window->start;
    return pe_range_ok(window->bytes.size, skip, size) ? window->bytes.data + skip : NULL;
}

/*
 * The `size` stored bytes (1 or more) at `rva`, paid for, if the window holds them and the budget
 * suffices; otherwise NULL, and nothing has happened. It calls nothing, so that a function that
 * tries it first and leaves the rest to another runs without a stack frame. Each byte is to be
 * loaded once: the file may be changing.
 */
static inline const uint8_t *pe__take(const pe_image *image, const pe_window *window, uint64_t rva,
                                      uint64_t size)
{
    const uint8_t *at = pe__window_at(window, rva, size);
    return at != NULL && pe__afford(image->budget, PE__COST_RECORD + size * PE__COST_BYTE) ? at
                                                                                           : NULL;
}

/* The two below, where the window does not hold what is asked for: it moves to where that is; or
 * where the budget may not suffice. */
pe_status pe__fetch_outside(const pe_image *image, pe_window *window, uint64_t rva, void *ret_bytes,
                            size_t size);
pe_status pe__string_outside(const pe_image *image, pe_window *window, uint64_t rva,
                             pe_span *ret_string);

/*
 * The `size` bytes at `rva` where they lie, or in `scratch` (of that size) where not all of them
 * are stored. The window moves to where it reads. Statuses as pe_read's; PE_OUT_OF_BOUNDS beyond
 * 2^32. Each byte is to be loaded once: the file may be changing.
 */
static inline pe_status pe__look(const pe_image *image, pe_window *window, uint64_t rva,
                                 uint8_t *scratch, size_t size, const uint8_t **ret_at)
{
    const uint8_t *at = pe__take(image, window, rva, size);
    *ret_at = at != NULL ? at : scratch;
    return at != NULL ? PE_OK : pe__fetch_outside(image, window, rva, scratch, size);
}

/* pe_read through a window. */
static inline pe_status pe__fetch(const pe_image *image, pe_window *window, uint64_t rva,
                                  void *ret_bytes, size_t size)
{
    const uint8_t *at;
    pe_status status = pe__look(image, window, rva, ret_bytes, size, &at);
    if (status == PE_OK && at != ret_bytes)
        memcpy(ret_bytes, at, size);
    return status;
}

static inline pe_status pe__fetch_u16(const pe_image *image, pe_window *window, uint64_t rva,
                                      uint16_t *ret_value)
{
    uint8_t bytes[2];
    const uint8_t *at;
    pe_status status = pe__look(image, window, rva, bytes, sizeof bytes, &at);
    if (status == PE_OK)
        *ret_value = pe__load_u16(at);
    return status;
}

static inline pe_status pe__fetch_u32(const pe_image *image, pe_window *window, uint64_t rva,
                                      uint32_t *ret_value)
{
    uint8_t bytes[4];
    const uint8_t *at;
    pe_status status = pe__look(image, window, rva, bytes, sizeof bytes, &at);
    if (status == PE_OK)
        *ret_value = pe__load_u32(at);
    return status;
}

/* pe_is_64, for what is hot. */
static inline bool pe__is_64(const pe_image *image)
{
    return image->optional.magic == PE_MAGIC_PE32_PLUS;
}

/* pe_read_pointer through a window. */
static inline pe_status pe__fetch_pointer(const pe_image *image, pe_window *window, uint64_t rva,
                                          uint64_t *ret_value)
{
    uint8_t bytes[8];
    const uint8_t *at;
    bool is_64 = pe__is_64(image);
    pe_status status = pe__look(image, window, rva, bytes, is_64 ? 8 : 4, &at);
    if (status == PE_OK)
        *ret_value = is_64 ? pe__load_u64(at) : pe__load_u32(at);
    return status;
}

/* pe__borrow through a window, which stays where it is. */
static inline pe_status pe__lend(const pe_image *image, const pe_window *window, pe_rva rva,
                                 uint64_t size, pe_span *ret_bytes)
{
    const uint8_t *at = size != 0 ? pe__take(image, window, rva.value, size) : NULL;
    if (at == NULL)
        return pe__borrow(image, rva, size, ret_bytes);
    *ret_bytes = (pe_span){at, size};
    return PE_OK;
}

/* pe_string through a window. */
static inline pe_status pe__fetch_string(const pe_image *image, pe_window *window, uint64_t rva,
                                         pe_span *ret_string)
{
    const uint8_t *at = pe__window_at(window, rva, 1);
    if (at == NULL || !pe__afford(image->budget, PE__COST_RECORD))
        return pe__string_outside(image, window, rva, ret_string);
    uint64_t rest = window->bytes.size - (rva - window->start);
    const uint8_t *nul = memchr(at, 0, rest);
    uint64_t size = nul != NULL ? (uint64_t)(nul - at) : 0;
    if (nul == NULL || !pe__afford(image->budget, size * PE__COST_BYTE))
        return pe__string_outside(image, window, rva, ret_string);
    *ret_string = (pe_span){at, size};
    return PE_OK;
}

#endif
