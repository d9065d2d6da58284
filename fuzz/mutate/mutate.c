#include "mutate.h"

#include <peload/pe.h>
#include <string.h>

/* What a change works on. `image` is opened anew for each change, if it can be. */
typedef struct mutation {
    uint8_t *data;
    size_t size, capacity;
    uint64_t random; /* state of xorshift64 */
    uint32_t focus;
    pe_image image;
} mutation;

enum { DOS_LFANEW = 60, DOS_SIZE = 64, NT_HEADERS = 24, DIRECTORY_ENTRY = 8, SECTION_ENTRY = 40 };
enum { DIRECTORIES_32 = 96, DIRECTORIES_64 = 112 }; /* offsets in the optional header */

static uint32_t next_random(mutation *m)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (uint32_t)(m->random >> 16);
}

static uint32_t below(mutation *m, uint64_t limit)
{
    return limit == 0 ? 0 : (uint32_t)(next_random(m) % limit);
}

/* ---- Values ---- */

static uint64_t load(const mutation *m, size_t at, size_t width)
{
    uint64_t value = 0;
    for (size_t i = 0; i < width && at + i < m->size; i++)
        value |= (uint64_t)m->data[at + i] << 8 * i;
    return value;
}

static void store(mutation *m, size_t at, uint64_t value, size_t width)
{
    for (size_t i = 0; i < width && at + i < m->size; i++)
        m->data[at + i] = (uint8_t)(value >> 8 * i);
}

/* An RVA that means something: of a section or a directory, or near it. */
static uint32_t some_rva(mutation *m)
{
    pe_section section;
    pe_directory directory = pe_directory_at(&m->image, below(m, PE_DIRECTORY_COUNT));
    uint32_t index = below(m, m->image.file.section_count);
    switch (below(m, 4)) {
    case 0:
        return directory.rva.value;
    case 1:
        return directory.rva.value + below(m, (uint64_t)directory.size + 16);
    case 2:
        return m->image.optional.size_of_image - below(m, 32);
    default:
        return pe_section_at(&m->image, index, &section) == PE_OK
                   ? section.rva.value + below(m, (uint64_t)section.raw_size + 64)
                   : below(m, 0x10000);
    }
}

/* Limits of number formats, of the image, and of what is there already. */
static uint64_t some_value(mutation *m, uint64_t old)
{
    static const uint64_t limits[] = {0,          1,          2,          4,         7,
                                      8,          0x7F,       0xFF,       0x1FF,     0x200,
                                      0x1000,     0x7FFF,     0x8000,     0xFFFF,    0x10000,
                                      0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF};
    switch (below(m, 6)) {
    case 0:
    case 1:
        return limits[below(m, sizeof limits / sizeof limits[0])];
    case 2:
        return old + below(m, 33) - 16;
    case 3:
        return old ^ UINT64_C(1) << below(m, 64);
    case 4:
        return below(m, 2) == 0 ? m->size - below(m, 32) : next_random(m);
    default:
        return some_rva(m) | (below(m, 4) == 0 ? 0x80000000 : 0);
    }
}

static void change_at(mutation *m, size_t at)
{
    static const size_t widths[] = {4, 4, 2, 1, 8};
    size_t width = widths[below(m, sizeof widths / sizeof widths[0])];
    store(m, at, some_value(m, load(m, at, width)), width);
}

/* ---- Places ---- */

static void change_headers(mutation *m)
{
    size_t start = (size_t)m->image.file.offset.value;
    size_t size = NT_HEADERS + m->image.file.optional_header_size;
    change_at(m, start + 2 * (size_t)below(m, size / 2));
}

static void change_section(mutation *m)
{
    size_t entry = (size_t)m->image.section_table.value +
                   SECTION_ENTRY * (size_t)below(m, m->image.file.section_count);
    change_at(m, entry + 4 * (size_t)below(m, SECTION_ENTRY / 4));
}

/* A directory of the focus with a place, or any. */
static uint32_t some_directory(mutation *m)
{
    uint32_t index = below(m, PE_DIRECTORY_COUNT);
    for (uint32_t i = 0; i < PE_DIRECTORY_COUNT; i++) {
        uint32_t candidate = (index + i) % PE_DIRECTORY_COUNT;
        if ((m->focus >> candidate & 1) != 0 &&
            pe_directory_at(&m->image, candidate).rva.value != 0)
            return candidate;
    }
    return index;
}

static size_t directory_entry(const mutation *m, uint32_t index)
{
    size_t fixed = pe_is_64(&m->image) ? DIRECTORIES_64 : DIRECTORIES_32;
    return (size_t)m->image.optional.offset.value + fixed + DIRECTORY_ENTRY * (size_t)index;
}

/* Moves a directory, or gives it the place of another. */
static void change_directory(mutation *m)
{
    size_t entry = directory_entry(m, some_directory(m));
    size_t other = directory_entry(m, below(m, PE_DIRECTORY_COUNT));
    switch (below(m, 3)) {
    case 0:
        store(m, entry, some_rva(m), 4);
        break;
    case 1:
        store(m, entry + 4, some_value(m, load(m, entry + 4, 4)), 4);
        break;
    default:
        store(m, entry, load(m, other, 8), 8);
    }
}

/* Where the table of a directory of the focus starts in the file; false if it does not. */
static bool find_table(mutation *m, size_t *ret_start, uint32_t *ret_size)
{
    uint32_t index = some_directory(m);
    pe_directory directory = pe_directory_at(&m->image, index);
    pe_offset offset = {directory.rva.value};
    if (index != PE_DIRECTORY_CERTIFICATE &&
        pe_rva_to_offset(&m->image, PE_READING_WINDOWS, directory.rva, &offset) != PE_OK)
        return false;
    *ret_start = (size_t)offset.value;
    *ret_size = directory.size;
    return offset.value < m->size;
}

/* In the table, or in what follows: a table leads to more than its size. */
static void change_table(mutation *m)
{
    size_t start;
    uint32_t size;
    if (!find_table(m, &start, &size))
        return;
    uint32_t reach = below(m, 3) == 0 ? size + 256 : size < 64 ? size + 4 : size;
    change_at(m, start + (below(m, reach) & (below(m, 4) == 0 ? ~0u : ~3u)));
}

/* Repeats a piece of a table where another piece was: loops, duplicates, overlaps. */
static void copy_in_table(mutation *m)
{
    size_t start;
    uint32_t size;
    if (!find_table(m, &start, &size) || size < 8)
        return;
    uint32_t length = 4 + below(m, 28);
    size_t from = start + (below(m, size) & ~3u), to = start + (below(m, size) & ~3u);
    if (pe_range_ok(m->size, from, length) && pe_range_ok(m->size, to, length))
        memmove(m->data + to, m->data + from, length);
}

static void change_size(mutation *m)
{
    if (below(m, 2) == 0 && m->size > 1) {
        m->size -= below(m, m->size < 512 ? m->size : 512);
    } else {
        size_t more = below(m, 512);
        more = more < m->capacity - m->size ? more : m->capacity - m->size;
        memset(m->data + m->size, below(m, 256) & 0xFF, more);
        m->size += more;
    }
}

/* What is no image gets the signatures of one. */
static void put_signatures(mutation *m)
{
    if (m->size < DOS_SIZE + NT_HEADERS)
        return;
    store(m, 0, 0x5A4D, 2);
    if (load(m, DOS_LFANEW, 4) > m->size - NT_HEADERS - 2)
        store(m, DOS_LFANEW, DOS_SIZE, 4);
    size_t nt = (size_t)load(m, DOS_LFANEW, 4);
    store(m, nt, 0x4550, 4);
    store(m, nt + NT_HEADERS, below(m, 2) == 0 ? 0x10B : 0x20B, 2);
}

size_t fuzz_mutate(uint8_t *data, size_t size, size_t capacity, uint32_t seed, uint32_t focus)
{
    static void (*const changes[])(mutation *) = {
        change_headers, change_section, change_directory, change_directory,
        change_table,   change_table,   change_table,     copy_in_table};
    mutation m = {.data = data, .size = size, .capacity = capacity, .focus = focus};
    m.random = UINT64_C(0x9E3779B97F4A7C15) * (seed + UINT64_C(1));
    next_random(&m);
    if (below(&m, 16) == 0)
        change_size(&m);
    else if (pe_open((pe_span){data, size}, PE_LAYOUT_FILE, &m.image, NULL) == PE_OK)
        changes[below(&m, sizeof changes / sizeof changes[0])](&m);
    else if (below(&m, 2) == 0)
        put_signatures(&m);
    else
        change_at(&m, below(&m, size));
    return m.size;
}
