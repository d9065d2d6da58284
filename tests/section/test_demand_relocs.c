/* Relocations of pages that are filled on demand: which, and that they are those of the eager way.
 */
#include "section/demand.h"
#include "support/sanitizer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 0x1000

static void start(img_builder *b)
{
    img_start(b, IMG_PE32_PLUS);
    b->image_base = DEMAND_PREFERRED;
    b->characteristics |= PE_FILE_DLL;
    b->machine = PE_MACHINE_AMD64;
}

/* What relocating makes of the image, by one way: the status, the rule, the bytes and the first
 * region's backing. */
typedef struct outcome {
    ldr_status status;
    char rule[8];
    uint64_t offset, value, allowed;
    uint8_t *bytes;
    ldr_backing backing;
} outcome;

static outcome relocate(const img_image *image, ldr_fill fill, uint64_t base)
{
    ldr_section_options options = {
        .size = sizeof options, .fill = fill, .platform = PE_PLATFORM_ANY};
    char *path = fixture_file(image->bytes, image->size);
    ldr_section *section = NULL;
    ldr_diag diag = {0};
    ldr_region region;
    if (fill == LDR_FILL_ON_DEMAND)
        section = demand_section(path, &options);
    else
        cr_assert_eq(ldr_section_from_file(path, &options, &section, &diag), LDR_OK);
    ldr_view *view = fixture_view(section, base);
    outcome o = {.status = ldr_view_relocate(view, &diag)};
    cr_assert_eq(ldr_view_query(view, PAGE, &region), LDR_OK);
    o.backing = region.backing;
    if (o.status == LDR_OK) {
        o.bytes = malloc(ldr_view_size(view));
        memcpy(o.bytes, ldr_view_base(view), ldr_view_size(view));
    } else if (o.status == LDR_BAD_RELOCATIONS) {
        strncpy(o.rule, diag.why.rule, sizeof o.rule - 1);
        o.offset = diag.why.offset;
        o.value = diag.why.value;
        o.allowed = diag.why.allowed;
    }
    ldr_view_unmap(view);
    fixture_remove(path);
    return o;
}

/* Both ways say the same; `ret_backing` is that of the page behind the headers on demand. The image
 * is released. */
static ldr_status compare(img_image image, size_t size, ldr_backing *ret_backing)
{
    outcome eager = relocate(&image, LDR_FILL_EAGER, DEMAND_BASE);
    outcome other = relocate(&image, LDR_FILL_ON_DEMAND, DEMAND_BASE);
    cr_expect_eq(other.status, eager.status);
    cr_expect_str_eq(other.rule, eager.rule);
    cr_expect_eq(other.offset, eager.offset);
    cr_expect_eq(other.value, eager.value);
    cr_expect_eq(other.allowed, eager.allowed);
    if (eager.status == LDR_OK && other.status == LDR_OK)
        cr_expect_arr_eq(other.bytes, eager.bytes, size);
    *ret_backing = other.backing;
    free(eager.bytes);
    free(other.bytes);
    img_free(&image);
    return eager.status;
}

static void expect_on_demand(img_builder *b, size_t size)
{
    ldr_backing backing;
    cr_expect_eq(compare(img_finish(b), size, &backing), LDR_OK);
    cr_expect_eq(backing, LDR_BACKING_RELOCATED);
}

static void expect_eager(img_builder *b, size_t size)
{
    ldr_backing backing;
    cr_expect_eq(compare(img_finish(b), size, &backing), LDR_OK);
    cr_expect_eq(backing, LDR_BACKING_PRIVATE);
}

/* ---- On demand ---- */

Test(demand_relocs, pointers_in_pages_of_several_sections)
{
    img_builder b;
    start(&b);
    for (int i = 0; i < 3; i++)
        img_add_section(&b, ".a", IMG_RX, NULL, 0x30000, 0);
    for (uint32_t rva = PAGE; rva < 0x91000; rva += 0x7000)
        img_put_pointer(&b, rva + 0x18, rva);
    expect_on_demand(&b, 0x91000);
}

Test(demand_relocs, fixups_across_the_ends_of_pages_and_granules)
{
    img_builder b;
    start(&b);
    img_add_section(&b, ".a", IMG_RW, NULL, 0x30000, 0);
    for (uint32_t rva = 2 * PAGE; rva < 0x31000; rva += PAGE)
        img_put_pointer(&b, rva - 1 - rva / PAGE % 7, rva);
    expect_on_demand(&b, 0x31000);
}

Test(demand_relocs, all_types_that_need_nothing_but_their_bytes)
{
    static const uint16_t types[] = {PE_REL_ABSOLUTE, PE_REL_HIGH, PE_REL_LOW, PE_REL_HIGHLOW,
                                     PE_REL_DIR64};
    img_builder b;
    start(&b);
    img_add_section(&b, ".a", IMG_RW, NULL, 0x30000, 0);
    for (uint32_t rva = PAGE, i = 0; rva < 0x30F00; rva += 0x3F9, i++)
        img_add_reloc(&b, rva, types[i % 5]);
    expect_on_demand(&b, 0x31000);
}

Test(demand_relocs, instructions_of_thumb)
{
    img_builder b;
    img_start(&b, IMG_PE32);
    b.image_base = 0x10000000;
    b.machine = PE_MACHINE_ARMNT;
    b.dll_characteristics = PE_DLL_NX_COMPAT | PE_DLL_DYNAMIC_BASE;
    b.characteristics |= PE_FILE_DLL;
    img_add_section(&b, ".a", IMG_RX, NULL, 0x30000, 0);
    for (uint32_t rva = PAGE; rva < 0x30F00; rva += 0x4FE)
        img_add_reloc(&b, rva, 7);
    expect_on_demand(&b, 0x31000);
}

Test(demand_relocs, fixup_from_one_section_to_the_next)
{
    img_builder b;
    start(&b);
    img_add_section(&b, ".a", IMG_RW, NULL, 0x10000, 0);
    img_add_section(&b, ".b", IMG_RO, NULL, 0x10000, 0);
    img_put_pointer(&b, PAGE, PAGE);
    img_add_reloc(&b, 0x10FFC, PE_REL_DIR64);
    expect_on_demand(&b, 0x21000);
}

/* Where the place in the file allows it, pages are the file's own until they are relocated. */
Test(demand_relocs, pages_of_the_file_among_others)
{
    img_builder b;
    start(&b);
    b.header_size = PAGE;
    b.file_alignment = 0x200;
    img_add_section(&b, ".a", IMG_RX, NULL, 0x10000, 0);
    img_add_section(&b, ".b", IMG_RW, NULL, 0x10200, 0);
    img_add_section(&b, ".c", IMG_RO, NULL, 0x10000, 0);
    for (uint32_t rva = PAGE; rva < 0x32000; rva += PAGE)
        img_put_pointer(&b, rva + (rva < 0x10000 ? 0xFFA : 0x10), rva);
    expect_on_demand(&b, 0x32000);
}

/* Fixups may overlap; the order is that of the table. */
Test(demand_relocs, fixups_that_overlap)
{
    img_builder b;
    start(&b);
    img_add_section(&b, ".a", IMG_RW, NULL, 0x30000, 0);
    for (uint32_t rva = PAGE; rva < 0x30F00; rva += 3)
        img_add_reloc(&b, rva, PE_REL_DIR64);
    expect_on_demand(&b, 0x31000);
}

/* ---- At once, because one knows of another, or does not lie in the segment alone ---- */

Test(demand_relocs, highadj_is_applied_at_once)
{
    img_builder b;
    start(&b);
    img_add_section(&b, ".a", IMG_RW, NULL, 0x30000, 0);
    img_add_reloc(&b, PAGE + 0x10, PE_REL_HIGHADJ);
    img_add_reloc(&b, PAGE + 0x20, PE_REL_ABSOLUTE);
    img_put_pointer(&b, 0x20000, PAGE);
    expect_eager(&b, 0x31000);
}

Test(demand_relocs, fixup_in_zero_fill_is_applied_at_once)
{
    img_builder b;
    start(&b);
    img_add_section(&b, ".a", IMG_RW, NULL, 0x10000, 0x20000);
    img_put_pointer(&b, PAGE, PAGE);
    img_add_reloc(&b, 0x18000, PE_REL_DIR64);
    expect_eager(&b, 0x21000);
}

Test(demand_relocs, fixups_that_join_too_many_granules_are_applied_at_once)
{
    img_builder b;
    start(&b);
    img_add_section(&b, ".a", IMG_RW, NULL, 0x80000, 0);
    img_put_pointer(&b, PAGE, PAGE);
    for (uint32_t rva = 0x10000; rva < 0x80000; rva += 0x10000)
        img_add_reloc(&b, rva - 4, PE_REL_DIR64);
    expect_eager(&b, 0x81000);
}

/* ---- Broken: the verdict comes before anything is touched, and is the same ---- */

static void expect_broken(img_image image)
{
    ldr_backing backing;
    cr_expect_eq(compare(image, 0, &backing), LDR_BAD_RELOCATIONS);
}

/* Where the table is in the file, of an image with one section. */
static uint64_t table_of(const img_image *image)
{
    return img_offset_of(image, 0x31000);
}

static img_image breakable(void)
{
    img_builder b;
    start(&b);
    img_add_section(&b, ".a", IMG_RW, NULL, 0x30000, 0);
    for (uint32_t rva = PAGE; rva < 0x31000; rva += PAGE)
        img_put_pointer(&b, rva + 0x10, rva);
    return img_finish(&b);
}

Test(demand_relocs, entry_of_an_unknown_type_is_refused)
{
    img_image image = breakable();
    img_set_u16(&image, table_of(&image) + 12 * 20 + 8, 0xB010);
    expect_broken(image);
}

Test(demand_relocs, fixup_beyond_the_image_is_refused)
{
    img_image image = breakable();
    img_set_u32(&image, table_of(&image) + 12 * 47, 0x10000000);
    expect_broken(image);
}

Test(demand_relocs, fixup_in_the_headers_is_refused)
{
    img_image image = breakable();
    img_set_u32(&image, table_of(&image), 0);
    img_set_u16(&image, table_of(&image) + 8, 0xA03C);
    expect_broken(image);
}

Test(demand_relocs, block_that_is_too_small_is_refused)
{
    img_image image = breakable();
    img_set_u32(&image, table_of(&image) + 12 * 30 + 4, 4);
    expect_broken(image);
}

Test(demand_relocs, fixup_in_a_gap_is_refused)
{
    img_builder b;
    start(&b);
    b.section_alignment = 0x10000;
    img_add_section(&b, ".a", IMG_RW, NULL, 0x1000, 0);
    img_put_pointer(&b, 0x10000, 0x10000);
    img_add_reloc(&b, 0x14000, PE_REL_DIR64);
    expect_broken(img_finish(&b));
}

/* A table that is more work than the file is worth (rule S2): blocks over blocks of nothing. */
Test(demand_relocs, work_is_bounded_in_the_same_way)
{
    img_builder b;
    start(&b);
    img_add_section(&b, ".a", IMG_RW, NULL, 0x1000, 0);
    img_put_pointer(&b, 0x1000, 0x1000);
    img_image image = img_finish(&b);
    ldr_backing backing;
    img_set_directory_entry(&image, PE_DIRECTORY_BASE_RELOCATION, 0x2000, 0x200);
    compare(image, 0x2000, &backing);
}

/* ---- Blocks as no linker writes them ---- */

Test(demand_relocs, blocks_in_descending_order_are_applied_at_once)
{
    img_image image = breakable();
    img_set_u32(&image, table_of(&image), 0x5000);
    ldr_backing backing;
    cr_expect_eq(compare(image, 0x31000, &backing), LDR_OK);
    cr_expect_neq(backing, LDR_BACKING_RELOCATED);
}

/* Padding at the end names page 0, which is lower than all before it, and changes nothing. */
Test(demand_relocs, block_that_changes_nothing_may_be_anywhere)
{
    img_image image = breakable();
    for (uint64_t at = table_of(&image) + 12 * 20; at < table_of(&image) + 12 * 21; at += 4)
        img_set_u32(&image, at, 0);
    img_set_u32(&image, table_of(&image) + 12 * 20 + 4, 12);
    ldr_backing backing;
    cr_expect_eq(compare(image, 0x31000, &backing), LDR_OK);
    cr_expect_eq(backing, LDR_BACKING_RELOCATED);
}

/* ---- Tables of all kinds ---- */

static uint32_t draw(uint32_t *state, uint32_t limit)
{
    *state = *state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)*state * limit >> 32);
}

/* Blocks of a few entries near one another, most of them good, over pages and sections that are
 * partly the file's own; then some bytes of the table that are anything. */
static img_image any_image(uint32_t *state)
{
    img_builder b;
    start(&b);
    b.header_size = draw(state, 2) != 0 ? PAGE : 0x600;
    img_add_section(&b, ".a", IMG_RX, NULL, 0x14000, 0);
    img_add_section(&b, ".b", IMG_RW, NULL, 0x10200, 0x12000);
    img_add_section(&b, ".c", IMG_RO, NULL, 0x8000, 0);
    uint32_t step = 1 + draw(state, draw(state, 3) == 0 ? 0x40 : 0x4000);
    uint32_t odd = draw(state, 3) == 0 ? 1000 : 0;
    for (uint32_t rva = PAGE; rva < 0x2EFF0; rva += 1 + draw(state, step))
        img_add_reloc(&b, rva,
                      odd != 0 && draw(state, odd) == 0 ? (uint16_t)draw(state, 12) : PE_REL_DIR64);
    img_image image = img_finish(&b);
    uint64_t table = img_offset_of(&image, 0x2F000);
    for (uint32_t i = draw(state, 3) == 0 ? 2 : 0; i > 0; i--)
        img_set_u16(&image, table + 2 * draw(state, (uint32_t)(image.size - table) / 2),
                    (uint16_t)draw(state, draw(state, 2) != 0 ? 0x10000 : 0x40));
    return image;
}

Test(demand_relocs, any_table_has_the_same_outcome_both_ways, .timeout = 300)
{
    uint32_t state = 1, counts[3] = {0}; /* on demand, at once, refused */
    for (int round = 0; round < (WITH_ASAN ? 500 : 1500); round++) {
        ldr_backing backing;
        ldr_status status = compare(any_image(&state), 0x2F000, &backing);
        counts[status != LDR_OK ? 2 : backing != LDR_BACKING_RELOCATED]++;
    }
    fprintf(stderr, "tables: on demand %u, at once %u, refused %u\n", counts[0], counts[1],
            counts[2]);
    for (size_t i = 0; i < 3; i++)
        cr_expect_gt(counts[i], WITH_ASAN ? 15u : 50u);
}
