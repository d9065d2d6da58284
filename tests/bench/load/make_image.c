#include "make_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE           0x1000u
#define SECTOR         0x200u
#define HEADERS        0x400u
#define IMAGE_BASE     UINT64_C(0x7FFD10000000)
#define SECTIONS       4u
#define OPTIONAL_SIZE  0xF0u
#define NT_HEADERS     0x80u
#define OPTIONAL       (NT_HEADERS + 24)
#define SECTION_TABLE  (OPTIONAL + OPTIONAL_SIZE)
#define BLOCK_HEADER   8u
#define SPACING        16u
#define TYPE_DIR64     0xA000u
#define RELOC_CHARS    0x42000040u
#define DIR_BASE_RELOC 5u

typedef struct section {
    const char *name;
    uint32_t size, characteristics;
    uint32_t rva, raw; /* laid out by `lay_out` */
} section;

typedef struct image {
    uint8_t *bytes;
    uint32_t size, image_size;
    section sections[SECTIONS];
} image;

enum { TEXT, RDATA, DATA, RELOC };

static uint32_t round_up(uint32_t value, uint32_t unit)
{
    return (value + unit - 1) & ~(unit - 1);
}

static void put(image *out, uint32_t offset, uint64_t value, unsigned width)
{
    for (unsigned i = 0; i < width; i++)
        out->bytes[offset + i] = (uint8_t)(value >> (8 * i));
}

static void lay_out(image *out)
{
    uint32_t rva = PAGE;
    uint32_t raw = HEADERS;
    for (unsigned i = 0; i < SECTIONS; i++) {
        section *s = &out->sections[i];
        s->rva = rva;
        s->raw = raw;
        rva += round_up(s->size, PAGE);
        raw += round_up(s->size, SECTOR);
    }
    out->size = raw;
    out->image_size = rva;
}

static void put_headers(image *out)
{
    memcpy(out->bytes, "MZ", 2);
    put(out, 0x3C, NT_HEADERS, 4);
    memcpy(out->bytes + NT_HEADERS, "PE", 2);
    put(out, NT_HEADERS + 4, 0x8664, 2);
    put(out, NT_HEADERS + 6, SECTIONS, 2);
    put(out, NT_HEADERS + 20, OPTIONAL_SIZE, 2);
    put(out, NT_HEADERS + 22, 0x2022, 2); /* executable, large addresses, DLL */
    put(out, OPTIONAL, 0x20B, 2);
    put(out, OPTIONAL + 24, IMAGE_BASE, 8);
    put(out, OPTIONAL + 32, PAGE, 4);
    put(out, OPTIONAL + 36, SECTOR, 4);
    put(out, OPTIONAL + 48, 6, 2);
    put(out, OPTIONAL + 56, out->image_size, 4);
    put(out, OPTIONAL + 60, HEADERS, 4);
    put(out, OPTIONAL + 68, 3, 2);
    put(out, OPTIONAL + 108, 16, 4);
    put(out, OPTIONAL + 112 + 8 * DIR_BASE_RELOC, out->sections[RELOC].rva, 4);
    put(out, OPTIONAL + 116 + 8 * DIR_BASE_RELOC, out->sections[RELOC].size, 4);
}

static void put_section_table(image *out)
{
    for (unsigned i = 0; i < SECTIONS; i++) {
        const section *s = &out->sections[i];
        uint32_t at = SECTION_TABLE + 40 * i;
        memcpy(out->bytes + at, s->name, strlen(s->name));
        put(out, at + 8, s->size, 4);
        put(out, at + 12, s->rva, 4);
        put(out, at + 16, round_up(s->size, SECTOR), 4);
        put(out, at + 20, s->raw, 4);
        put(out, at + 36, s->characteristics, 4);
    }
}

/* Something that does not compress to nothing and is not all zeros. */
static void put_content(image *out)
{
    uint32_t state = 1;
    for (uint32_t at = HEADERS; at + 4 <= out->size; at += 4) {
        state = state * 1664525u + 1013904223u;
        put(out, at, state, 4);
    }
}

/* How the relocations are spread: as many on every page of .rdata and .data, the last one less. */
static uint32_t relocations_per_page(const bench_recipe *recipe)
{
    uint32_t pages =
        (round_up(recipe->rdata_size, PAGE) + round_up(recipe->data_size, PAGE)) / PAGE;
    return (recipe->relocations + pages - 1) / pages;
}

static uint32_t reloc_size(const bench_recipe *recipe)
{
    uint32_t per_page = relocations_per_page(recipe);
    uint32_t blocks = (recipe->relocations + per_page - 1) / per_page;
    return blocks * (BLOCK_HEADER + 2 * round_up(per_page, 2));
}

static uint32_t offset_of(const image *out, uint32_t rva)
{
    const section *s = &out->sections[rva < out->sections[DATA].rva ? RDATA : DATA];
    return s->raw + (rva - s->rva);
}

static uint32_t put_block(image *out, uint32_t at, uint32_t page, uint32_t count, uint32_t room)
{
    uint32_t size = BLOCK_HEADER + 2 * round_up(room, 2);
    memset(out->bytes + at, 0, size);
    put(out, at, page, 4);
    put(out, at + 4, size, 4);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t offset = i * SPACING;
        put(out, at + BLOCK_HEADER + 2 * i, TYPE_DIR64 | offset, 2);
        put(out, offset_of(out, page + offset), IMAGE_BASE + page + 8 * (uint64_t)i, 8);
    }
    return at + size;
}

static void put_relocations(image *out, const bench_recipe *recipe)
{
    uint32_t room = relocations_per_page(recipe);
    uint32_t at = out->sections[RELOC].raw;
    uint32_t page = out->sections[RDATA].rva;
    for (uint32_t left = recipe->relocations; left > 0; page += PAGE) {
        uint32_t count = left < room ? left : room;
        at = put_block(out, at, page, count, room);
        left -= count;
    }
}

static bool write_file(const char *path, const image *out)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return false;
    size_t written = fwrite(out->bytes, 1, out->size, file);
    return fclose(file) == 0 && written == out->size;
}

bool bench_make_image(const char *path, const bench_recipe *recipe)
{
    image out = {.sections = {{".text", recipe->text_size, 0x60000020, 0, 0},
                              {".rdata", recipe->rdata_size, 0x40000040, 0, 0},
                              {".data", recipe->data_size, 0xC0000040, 0, 0},
                              {".reloc", reloc_size(recipe), RELOC_CHARS, 0, 0}}};
    lay_out(&out);
    out.bytes = calloc(1, out.size);
    if (out.bytes == NULL)
        return false;
    put_content(&out);
    put_headers(&out);
    put_section_table(&out);
    put_relocations(&out, recipe);
    bool written = write_file(path, &out);
    free(out.bytes);
    return written;
}
