/* Fixups to the file's own pages do what they do to any others. */
#include "section/fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFERRED UINT64_C(0x180000000)
#define BASE      (FIXTURE_BASE + 0x1000000)
#define PAGE      0x1000

enum { TEXT = 0x1000, TEXT_PAGES = 80, DATA = 0x51000, DATA_PAGES = 3, FIXUP = 8 };

/* Code and data, the last page of each only part of the file: code, data and then zeros. */
static void start(img_builder *b)
{
    img_start(b, IMG_PE32_PLUS);
    b->image_base = PREFERRED;
    b->file_alignment = b->header_size = PAGE;
    uint32_t text_size = TEXT_PAGES * PAGE;
    cr_assert_eq(img_add_section(b, ".text", IMG_RX, NULL, text_size, text_size), (uint32_t)TEXT);
    cr_assert_eq(
        img_add_section(b, ".data", IMG_RW, NULL, DATA_PAGES * PAGE, (DATA_PAGES + 1) * PAGE),
        (uint32_t)DATA);
}

/* The image's bytes as they are in memory, with the pointers at `places` moved. */
static pe_span moved(const img_image *image, const uint32_t *places, size_t count)
{
    pe_image parsed;
    cr_assert_eq(pe_open((pe_span){image->bytes, image->size}, PE_LAYOUT_FILE, &parsed, NULL),
                 PE_OK);
    pe_span expected = img_map(&parsed);
    for (size_t i = 0; i < count; i++) {
        uint64_t value;
        uint8_t *at = (uint8_t *)expected.data + places[i];
        memcpy(&value, at, sizeof value);
        value += BASE - PREFERRED;
        memcpy(at, &value, sizeof value);
    }
    return expected;
}

/* Each page that has a fixup is a copy, no other of the file is. */
static void expect_copies(const ldr_view *view, const uint32_t *places, size_t count)
{
    for (uint32_t page = 0; page < DATA + DATA_PAGES * PAGE; page += PAGE) {
        ldr_region region;
        bool has_fixup = false;
        for (size_t i = 0; i < count; i++)
            has_fixup |=
                places[i] / PAGE == page / PAGE || (places[i] + FIXUP - 1) / PAGE == page / PAGE;
        cr_assert_eq(ldr_view_query(view, page, &region), LDR_OK);
        cr_assert_eq(region.backing, has_fixup ? LDR_BACKING_PRIVATE : LDR_BACKING_FILE,
                     "page 0x%x", page);
    }
}

/* One fixup at each place, a block each, in this order. */
static void expect_moved(const uint32_t *places, size_t count)
{
    img_builder b;
    start(&b);
    uint32_t(*table)[3] = calloc(count, sizeof *table);
    for (size_t i = 0; i < count; i++) {
        uint64_t value = PREFERRED + 0x1000 * i;
        uint32_t entry = PE_REL_DIR64 << 12 | places[i] % PAGE;
        for (uint32_t byte = 0; byte < FIXUP; byte++) /* they may lie in two sections */
            img_put(&b, places[i] + byte, (const uint8_t *)&value + byte, 1);
        memcpy(table[i], (uint32_t[]){places[i] / PAGE * PAGE, 12, entry}, sizeof *table);
    }
    uint32_t size = (uint32_t)(count * sizeof *table);
    uint32_t directory = img_add_section(&b, ".reloc", IMG_RO, table, size, size);
    img_set_directory(&b, PE_DIRECTORY_BASE_RELOCATION, directory, size);
    img_image image = img_finish(&b);
    pe_span expected = moved(&image, places, count);
    ldr_diag diag;
    ldr_view *view = fixture_view(fixture_section(&image, NULL), BASE);
    cr_assert_eq(ldr_view_relocate(view, &diag), LDR_OK);
    fixture_expect_bytes(view, expected);
    fixture_expect_access(view);
    expect_copies(view, places, count);
    ldr_view_unmap(view);
    free((void *)expected.data);
    free(table);
    img_free(&image);
}

Test(patch, fixup_in_the_first_page)
{
    expect_moved((uint32_t[]){TEXT}, 1);
}

Test(patch, fixups_in_every_page)
{
    uint32_t places[TEXT_PAGES];
    for (uint32_t i = 0; i < TEXT_PAGES; i++)
        places[i] = TEXT + i * PAGE + 16 * i;
    expect_moved(places, TEXT_PAGES);
}

Test(patch, fixups_in_every_third_page)
{
    uint32_t places[TEXT_PAGES / 3];
    for (uint32_t i = 0; i < TEXT_PAGES / 3; i++)
        places[i] = TEXT + 3 * i * PAGE + 16 * i;
    expect_moved(places, TEXT_PAGES / 3);
}

Test(patch, fixups_from_the_end_to_the_start)
{
    uint32_t places[TEXT_PAGES];
    for (uint32_t i = 0; i < TEXT_PAGES; i++)
        places[i] = TEXT + (TEXT_PAGES - 1 - i) * PAGE + 16 * i;
    expect_moved(places, TEXT_PAGES);
}

Test(patch, fixups_to_and_fro_between_two_pages)
{
    uint32_t places[64];
    for (uint32_t i = 0; i < 64; i++)
        places[i] = (i % 2 ? TEXT + 40 * PAGE : DATA) + FIXUP * i;
    expect_moved(places, 64);
}

Test(patch, fixups_across_the_ends_of_pages_and_sections)
{
    uint32_t places[TEXT_PAGES + DATA_PAGES - 1];
    for (uint32_t i = 0; i < TEXT_PAGES + DATA_PAGES - 1; i++)
        places[i] = TEXT + (i + 1) * PAGE - 1 - i % 7;
    expect_moved(places, TEXT_PAGES + DATA_PAGES - 1);
}

/* What a program has written into its view is not lost when it relocates after that. */
Test(patch, written_pages_are_moved_as_they_are)
{
    img_builder b;
    start(&b);
    img_put_pointer(&b, DATA + 8, TEXT);
    img_image image = img_finish(&b);
    ldr_view *view = fixture_view(fixture_section(&image, NULL), BASE);
    uint64_t *data = (uint64_t *)((uint8_t *)ldr_view_base(view) + DATA);
    ldr_diag diag;
    data[0] = 42;
    cr_assert_eq(ldr_view_relocate(view, &diag), LDR_OK);
    cr_assert_eq(data[0], 42u);
    cr_assert_eq(data[1], BASE + TEXT);
    ldr_view_unmap(view);
    img_free(&image);
}

/* ---- The file is cut off before the fixups are applied ---- */

static void expect_in_page_error(uint32_t length)
{
    img_builder b;
    ldr_section *section;
    ldr_diag diag;
    start(&b);
    img_put_pointer(&b, TEXT + 4 * PAGE, DATA);
    img_put_pointer(&b, DATA, TEXT);
    img_image image = img_finish(&b);
    char *path = fixture_file(image.bytes, image.size);
    fixture_state before = fixture_state_take();
    cr_assert_eq(ldr_section_from_file(path, NULL, &section, &diag), LDR_OK);
    ldr_view *view = fixture_view(section, BASE);
    cr_assert_eq(truncate(path, length), 0);
    cr_assert_eq(ldr_view_relocate(view, &diag), LDR_IO_ERROR);
    cr_assert_eq(diag.status, LDR_IO_ERROR);
    cr_assert_eq(diag.why.nt_status, PE_NT_IN_PAGE_ERROR);
    fixture_expect_access(view);
    ldr_view_unmap(view);
    fixture_expect_same(&before);
    fixture_remove(path);
    img_free(&image);
}

Test(patch, table_that_is_cut_off_is_an_error)
{
    expect_in_page_error(DATA + DATA_PAGES * PAGE);
}

Test(patch, file_that_is_empty_by_then_is_an_error)
{
    expect_in_page_error(0);
}
