#include "section/demand.h"
#include "support/process.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 0x1000, TEXT_SIZE = 0x50000, RDATA_SIZE = 0x60000, DATA_SIZE = 0x60000 };

static uint8_t *noise(size_t size, uint32_t seed)
{
    uint8_t *bytes = malloc(size);
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(seed >> 24);
    }
    return bytes;
}

static void add(img_builder *b, const char *name, uint32_t rights, uint32_t size,
                uint32_t in_memory)
{
    uint8_t *bytes = noise(size, (uint32_t)name[1]);
    img_add_section(b, name, rights, bytes, size, in_memory);
    free(bytes);
}

/* At the start of each page, in its middle, and across its end; of those that end a granule only
 * across each fourth, since more than four of them cannot be filled together. */
static void add_pointers(img_builder *b, uint32_t rva, uint32_t size)
{
    for (uint32_t page = rva; page < rva + size; page += PAGE) {
        uint32_t next = page + PAGE;
        img_put_pointer(b, page + 8, DEMAND_TEXT + page % 0x333);
        img_put_pointer(b, page + 0x800, DEMAND_DATA + page % 0x777);
        if (next < rva + size && (next % DEMAND_GRANULE != 0 || next % (4 * DEMAND_GRANULE) == 0))
            img_put_pointer(b, next - 5, DEMAND_RDATA + page % 0x555);
    }
}

img_image demand_image(void)
{
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.image_base = DEMAND_PREFERRED;
    b.header_size = 0x600;
    b.characteristics |= PE_FILE_DLL | PE_FILE_LARGE_ADDRESS_AWARE;
    b.dll_characteristics = PE_DLL_DYNAMIC_BASE | PE_DLL_HIGH_ENTROPY_VA;
    add(&b, ".text", IMG_RX, TEXT_SIZE, 0);
    add(&b, ".rdata", IMG_RO, RDATA_SIZE, 0);
    add(&b, ".data", IMG_RW, DATA_SIZE, DATA_SIZE + 0x2000);
    add_pointers(&b, DEMAND_TEXT, TEXT_SIZE);
    add_pointers(&b, DEMAND_RDATA, RDATA_SIZE);
    add_pointers(&b, DEMAND_DATA, DATA_SIZE);
    return img_finish(&b);
}

ldr_section *demand_section(const char *path, const ldr_section_options *options)
{
    ldr_section_options all = {.size = sizeof all};
    ldr_section *section = NULL;
    ldr_diag diag;
    char text[512];
    if (options != NULL)
        all = *options;
    all.fill = LDR_FILL_ON_DEMAND;
    ldr_status status = ldr_section_from_file(path, &all, &section, &diag);
    if (status == LDR_OS_ERROR)
        cr_skip_test("the system does not grant userfaultfd");
    cr_assert_eq(status, LDR_OK, "%s", ldr_diag_text(&diag, text, sizeof text));
    cr_assert_eq(ldr_section_fill(section), LDR_FILL_ON_DEMAND);
    return section;
}

/* ---- Cases ---- */

demand_case demand_case_make(void)
{
    return demand_case_make_at(0);
}

demand_case demand_case_make_at(uint64_t distance)
{
    ldr_section_options eager = {.size = sizeof eager, .fill = LDR_FILL_EAGER};
    demand_case c = {.image = demand_image()};
    c.path = fixture_file(c.image.bytes, c.image.size);
    c.eager = fixture_view(fixture_section(&c.image, &eager), DEMAND_BASE + distance);
    fixture_expect_relocated(c.eager);
    c.view = fixture_view(demand_section(c.path, NULL), DEMAND_BASE + distance + 0x1000000);
    fixture_expect_relocated(c.view);
    c.delta = (int64_t)((intptr_t)ldr_view_base(c.view) - (intptr_t)ldr_view_base(c.eager));
    return c;
}

void demand_case_release(demand_case *c)
{
    ldr_view_unmap(c->view);
    ldr_view_unmap(c->eager);
    fixture_remove(c->path);
    img_free(&c->image);
}

/* The bytes of a pointer that lie in the page. */
static void move_pointer(const demand_case *c, uint64_t page, uint64_t rva, uint8_t *bytes)
{
    uint64_t value;
    uint8_t moved[sizeof value];
    memcpy(&value, (const uint8_t *)ldr_view_base(c->eager) + rva, sizeof value);
    value += (uint64_t)c->delta;
    memcpy(moved, &value, sizeof value);
    for (size_t i = 0; i < sizeof moved; i++) {
        if (rva + i >= page && rva + i < page + PAGE)
            bytes[rva + i - page] = moved[i];
    }
}

/* The fixups are asked of the parser, not of the loader. */
static void move_pointers(const demand_case *c, uint64_t page, uint8_t *bytes)
{
    pe_reloc_iter blocks;
    pe_reloc_block block;
    pe_relocs(ldr_view_image(c->eager), &blocks);
    while (pe_reloc_next(&blocks, &block) == PE_OK) {
        if (block.page.value != page && block.page.value + PAGE != page)
            continue;
        for (uint32_t i = 0; i < block.count; i++) {
            uint16_t entry = pe_reloc_entry(&block, i);
            if (entry >> 12 == PE_REL_DIR64)
                move_pointer(c, page, block.page.value + (entry & 0xFFF), bytes);
        }
    }
}

const uint8_t *demand_expected_page(const demand_case *c, uint64_t rva)
{
    static _Thread_local uint8_t bytes[PAGE];
    uint64_t page = rva - rva % PAGE;
    memcpy(bytes, (const uint8_t *)ldr_view_base(c->eager) + page, PAGE);
    move_pointers(c, page, bytes);
    return bytes;
}

bool demand_page_is_right(const demand_case *c, uint64_t rva)
{
    const uint8_t *page = (const uint8_t *)ldr_view_base(c->view) + (rva - rva % PAGE);
    return memcmp(page, demand_expected_page(c, rva), PAGE) == 0;
}

/* ---- The process ---- */

uint64_t demand_segment_bytes(void)
{
    uint64_t bytes = 0;
    DIR *folder = opendir("/proc/self/fd");
    cr_assert_not_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char target[256] = "";
        struct stat info;
        if (readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1) > 0 &&
            strncmp(target, "/memfd:peload", 13) == 0 &&
            fstatat(dirfd(folder), entry->d_name, &info, 0) == 0)
            bytes += (uint64_t)info.st_blocks * 512;
    }
    closedir(folder);
    return bytes;
}

void demand_expect_threads(size_t count)
{
    for (int i = 0; i < 1000 && process_threads() != count; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    cr_expect_eq(process_threads(), count);
}
