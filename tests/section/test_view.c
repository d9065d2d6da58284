/* Mapping views: where, with which bytes and which access, and that nothing is left. */
#include "section/fixture.h"
#include "section/plan.h"
#include "support/zero_page.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE FIXTURE_BASE

/* What the file says that the image must look like, by the parser alone. */
static pe_span expected_bytes(const img_image *image)
{
    pe_image parsed;
    cr_assert_eq(pe_open((pe_span){image->bytes, image->size}, PE_LAYOUT_FILE, &parsed, NULL),
                 PE_OK);
    return img_map(&parsed);
}

static long resident_pages(void)
{
    long pages = -1;
    FILE *file = fopen("/proc/self/statm", "r");
    cr_assert_not_null(file);
    cr_assert_eq(fscanf(file, "%*d %ld", &pages), 1);
    fclose(file);
    return pages;
}

/* Maps the image from its file, as a snapshot and from memory; bytes and access must be right. */
static void expect_mapped(const img_image *image)
{
    pe_span expected = expected_bytes(image);
    ldr_section_options snapshot = {.size = sizeof snapshot, .source = LDR_SOURCE_SNAPSHOT};
    ldr_section *sections[] = {fixture_section(image, NULL), fixture_section(image, &snapshot),
                               fixture_memory_section(image)};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        ldr_view *view = fixture_view(sections[i], 0);
        fixture_expect_access(view);
        fixture_expect_bytes(view, expected);
        ldr_view_unmap(view);
    }
    free((void *)expected.data);
}

/* Numbers that say where they are. */
static void number(uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256 + 1);
}

/* Sections of odd sizes: with zero fill, without content, smaller in memory than in the file. */
static img_image odd_image(uint32_t section_alignment, uint32_t file_alignment)
{
    static uint8_t content[0x5000];
    number(content, sizeof content);
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.section_alignment = section_alignment;
    b.file_alignment = file_alignment;
    img_add_section(&b, ".text", IMG_RX, content, 0x2345, 0);
    img_add_section(&b, ".rdata", IMG_RO, content + 5, 0x1234, 0x5678);
    img_add_section(&b, ".small", IMG_RO, content + 9, 0x3000, 0x1100);
    img_add_section(&b, ".bss", IMG_RW, NULL, 0, 0x3001);
    img_add_section(&b, ".none", PE_SCN_CNT_INITIALIZED_DATA, content, 0x200, 0x1000);
    img_add_section(&b, ".data", IMG_RW, content + 7, 0x4000, 0x6000);
    img_add_section(&b, ".wx", IMG_RX | PE_SCN_MEM_WRITE, content, 0x400, 0x1000);
    return img_finish(&b);
}

Test(view, sector_aligned_image_shows_its_bytes_with_its_rights)
{
    img_image image = odd_image(0x1000, 0x200);
    expect_mapped(&image);
    img_free(&image);
}

Test(view, page_aligned_image_shows_its_bytes_with_its_rights)
{
    img_image image = odd_image(0x1000, 0x1000);
    expect_mapped(&image);
    img_free(&image);
}

Test(view, image_with_gaps_shows_its_bytes_with_its_rights)
{
    img_image image = odd_image(0x10000, 0x200);
    expect_mapped(&image);
    img_free(&image);
}

Test(view, image_cut_by_the_file_is_filled_with_zeros)
{
    img_image image = odd_image(0x1000, 0x200);
    img_set_section(&image, 6, IMG_SCN_RAW_SIZE, 0x311);
    img_resize(&image, image.size - 0x400 + 0x311);
    expect_mapped(&image);
    img_free(&image);
}

Test(view, flat_image_shows_the_file)
{
    img_image image = img_plain(IMG_FLAT_PE32_PLUS);
    img_set(&image, IMG_SIZE_OF_IMAGE, 0x3333);
    expect_mapped(&image);
    img_free(&image);
}

Test(view, pe32_image_is_mapped_too)
{
    img_image image = img_plain(IMG_PE32);
    expect_mapped(&image);
    img_free(&image);
}

/* SizeOfImage has its largest value; the section table goes on without a byte in the file. */
Test(view, large_image_takes_address_space_and_no_memory)
{
    enum { SECTIONS = 7 };
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    for (int i = 0; i < SECTIONS; i++)
        img_add_section(&b, ".bss", i % 2 == 0 ? IMG_RW : IMG_RX | PE_SCN_MEM_WRITE, NULL, 0,
                        0x11000000 - 0x1000 * (i == 0));
    img_image image = img_finish(&b);
    long before = resident_pages();
    ldr_view *view = fixture_view(fixture_section(&image, NULL), 0);
    cr_expect_eq(ldr_view_size(view), 0x77000000u);
    cr_expect_lt(resident_pages() - before, 0x1000);
    volatile char *last = (char *)ldr_view_base(view) + 0x76FFFFFF;
    *last = 1;
    cr_expect_eq(*last, 1);
    ldr_view_unmap(view);
    img_free(&image);
}

Test(view, image_without_execute_rights_shows_its_bytes)
{
    ldr_section_options options = {.size = sizeof options, .no_execute = true};
    img_image image = odd_image(0x1000, 0x1000);
    ldr_view *view = fixture_view(fixture_section(&image, &options), 0);
    pe_span expected = expected_bytes(&image);
    fixture_expect_bytes(view, expected);
    fixture_expect_access(view);
    ldr_region region;
    for (uint64_t rva = 0; ldr_view_query(view, rva, &region) == LDR_OK; rva += region.size)
        cr_assert_eq(ldr__protect_no_execute(region.protect), region.protect);
    ldr_view_unmap(view);
    free((void *)expected.data);
    img_free(&image);
}

/* ---- Where ---- */

static ldr_section *plain_section(uint64_t preferred)
{
    img_image image = img_plain(IMG_PE32_PLUS);
    img_set(&image, IMG_IMAGE_BASE, preferred);
    ldr_section *section = fixture_section(&image, NULL);
    img_free(&image);
    return section;
}

static void expect_at(ldr_view *view, uint64_t base)
{
    cr_assert_eq((uintptr_t)ldr_view_base(view), base);
    ldr_view_unmap(view);
}

static void expect_elsewhere(ldr_view *view, uint64_t base)
{
    uint64_t is = (uintptr_t)ldr_view_base(view);
    cr_assert_neq(is, base);
    cr_assert_eq(is % 0x10000, 0u);
    ldr_view_unmap(view);
}

Test(base, preferred_base_is_taken_when_it_is_free)
{
    expect_at(fixture_view(plain_section(BASE), 0), BASE);
}

Test(base, busy_preferred_base_sends_the_view_elsewhere)
{
    /* One page of it is enough. */
    cr_assert(fixture_occupy(BASE + 0x2000, 0x1000));
    expect_elsewhere(fixture_view(plain_section(BASE), 0), BASE);
}

Test(base, preferred_base_that_no_view_can_have_sends_it_elsewhere)
{
    expect_elsewhere(fixture_view(plain_section(0), 0), 0);
    expect_elsewhere(fixture_view(plain_section(0xFFFFF80000000000), 0), 0xFFFFF80000000000);
    expect_elsewhere(fixture_view(plain_section(0x7FFFFFFF0000), 0), 0x7FFFFFFF0000);
}

Test(base, base_that_is_asked_for_is_taken)
{
    expect_at(fixture_view(plain_section(BASE + 0x1000000), BASE), BASE);
}

static void expect_refused_base(uint64_t base, ldr_status status, uint32_t nt_status)
{
    ldr_diag diag;
    ldr_view *view = (ldr_view *)0x1234;
    ldr_view_options options = {.size = sizeof options, .base = base};
    ldr_section *section = plain_section(BASE + 0x1000000);
    fixture_state before = fixture_state_take();
    cr_assert_eq(ldr_view_map(section, &options, &view, &diag), status);
    fixture_expect_same(&before);
    cr_assert_eq(view, (ldr_view *)0x1234);
    cr_assert_eq(diag.status, status);
    cr_assert_eq(diag.why.nt_status, nt_status);
    ldr_section_close(section);
}

Test(base, busy_base_that_is_asked_for_is_refused)
{
    cr_assert(fixture_occupy(BASE + 0x2000, 0x1000));
    expect_refused_base(BASE, LDR_ADDRESS_BUSY, PE_NT_CONFLICTING_ADDRESSES);
}

Test(base, base_between_the_units_of_64_kib_is_refused)
{
    expect_refused_base(BASE + 0x1000, LDR_INVALID_ARGUMENT, PE_NT_MAPPED_ALIGNMENT);
    expect_refused_base(0x1000, LDR_INVALID_ARGUMENT, PE_NT_MAPPED_ALIGNMENT);
}

Test(base, base_beyond_user_space_is_refused)
{
    expect_refused_base(0x7FFFFFFF0000, LDR_INVALID_ARGUMENT, PE_NT_INVALID_PARAMETER_3);
    expect_refused_base(0xFFFFFFFFFFFF0000, LDR_INVALID_ARGUMENT, PE_NT_INVALID_PARAMETER_3);
}

Test(base, nothing_that_exists_is_replaced)
{
    ldr_view *first = fixture_view(plain_section(BASE), 0);
    expect_refused_base(BASE, LDR_ADDRESS_BUSY, PE_NT_CONFLICTING_ADDRESSES);
    expect_elsewhere(fixture_view(plain_section(BASE), 0), BASE);
    fixture_expect_access(first);
    ldr_view_unmap(first);
}

/* ---- Sharing ---- */

static ldr_section *data_section(uint32_t characteristics)
{
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    img_add_section(&b, ".data", characteristics, "initial", 8, 0x3000);
    img_image image = img_finish(&b);
    ldr_section *section = fixture_section(&image, NULL);
    img_free(&image);
    return section;
}

static ldr_view *another_view(ldr_section *section)
{
    ldr_diag diag;
    ldr_view *view;
    cr_assert_eq(ldr_view_map(section, NULL, &view, &diag), LDR_OK);
    return view;
}

static char *data_of(ldr_view *view)
{
    return (char *)ldr_view_base(view) + 0x1000;
}

Test(sharing, what_one_view_writes_the_other_does_not_see)
{
    ldr_section *section = data_section(IMG_RW);
    ldr_view *first = another_view(section);
    ldr_view *second = another_view(section);
    strcpy(data_of(first), "written");
    cr_assert_str_eq(data_of(second), "initial");
    ldr_view *third = another_view(section);
    cr_assert_str_eq(data_of(third), "initial");
    ldr_view_unmap(first);
    ldr_view_unmap(second);
    ldr_view_unmap(third);
    ldr_section_close(section);
}

Test(sharing, views_of_a_shared_section_are_one_memory)
{
    ldr_section *section = data_section(IMG_RW | PE_SCN_MEM_SHARED);
    ldr_view *first = another_view(section);
    strcpy(data_of(first), "written");
    strcpy(data_of(first) + 0x2800, "zero fill too");
    ldr_view *second = another_view(section);
    cr_assert_str_eq(data_of(second), "written");
    cr_assert_str_eq(data_of(second) + 0x2800, "zero fill too");
    ldr_region region;
    cr_assert_eq(ldr_view_query(second, 0x1000, &region), LDR_OK);
    cr_assert_eq(region.backing, LDR_BACKING_SHARED);
    cr_assert_eq(region.protect, LDR_PAGE_READWRITE);
    ldr_view_unmap(first);
    ldr_view_unmap(second);
    ldr_section_close(section);
}

Test(sharing, view_outlives_the_section)
{
    fixture_state before = fixture_state_take();
    ldr_view *view = fixture_view(data_section(IMG_RW), 0);
    cr_assert_str_eq(data_of(view), "initial");
    cr_assert_eq(ldr_section_image(ldr_view_section(view))->file.section_count, 1);
    ldr_view_unmap(view);
    fixture_expect_same(&before);
}

Test(sharing, snapshot_does_not_follow_its_file)
{
    static uint8_t content[0x2000];
    number(content, sizeof content);
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.file_alignment = 0x1000;
    img_add_section(&b, ".rdata", IMG_RO, content, sizeof content, 0);
    img_image image = img_finish(&b);
    pe_span expected = expected_bytes(&image);
    char *path = fixture_file(image.bytes, image.size);
    ldr_section_options options = {.size = sizeof options, .source = LDR_SOURCE_SNAPSHOT};
    ldr_diag diag;
    ldr_section *section;
    cr_assert_eq(ldr_section_from_file(path, &options, &section, &diag), LDR_OK);
    FILE *file = fopen(path, "r+b");
    for (size_t i = 0; i < image.size; i++)
        fputc(0xEE, file);
    fclose(file);
    ldr_view *view = fixture_view(section, 0);
    fixture_expect_bytes(view, expected);
    ldr_view_unmap(view);
    fixture_remove(path);
    free((void *)expected.data);
    img_free(&image);
}

/* ---- Queries ---- */

static ldr_region query(const ldr_view *view, uint64_t rva)
{
    ldr_region region;
    cr_assert_eq(ldr_view_query(view, rva, &region), LDR_OK);
    return region;
}

Test(query, written_page_is_private_and_read_write)
{
    ldr_view *view = fixture_view(data_section(IMG_RW), 0);
    ldr_region before = query(view, 0x1000);
    cr_assert_eq(before.protect, LDR_PAGE_WRITECOPY);
    cr_assert_eq(before.backing, LDR_BACKING_SEGMENT);
    cr_assert_eq(before.pe_section, 0);
    data_of(view)[0] = 'I';
    ldr_region after = query(view, 0x1000);
    cr_assert_eq(after.size, 0x1000u);
    cr_assert_eq(after.protect, LDR_PAGE_READWRITE);
    cr_assert_eq(after.backing, LDR_BACKING_PRIVATE);
    ldr_view_unmap(view);
}

Test(query, zero_page_is_private_when_written_but_not_when_read)
{
    ldr_view *view = fixture_view(data_section(IMG_RW), 0);
    volatile char *zeros = data_of(view) + 0x1000;
    if (zero_page_is_shared())
        cr_assert_eq(zeros[0] + zeros[0x1000], 0);
    ldr_region before = query(view, 0x2000);
    cr_assert_eq(before.size, 0x2000u);
    cr_assert_eq(before.backing, LDR_BACKING_ZERO);
    cr_assert_eq(before.protect, LDR_PAGE_WRITECOPY);
    zeros[0x1000] = 1;
    cr_assert_eq(query(view, 0x2000).size, 0x1000u);
    cr_assert_eq(query(view, 0x2000).backing, LDR_BACKING_ZERO);
    cr_assert_eq(query(view, 0x3000).backing, LDR_BACKING_PRIVATE);
    cr_assert_eq(query(view, 0x3FFF).rva, 0x3000u);
    ldr_view_unmap(view);
}

Test(query, regions_end_at_the_first_page_that_differs)
{
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    img_add_section(&b, ".data", IMG_RW, NULL, 0x200, 0x9000);
    img_image image = img_finish(&b);
    ldr_view *view = fixture_view(fixture_memory_section(&image), 0);
    char *zeros = data_of(view) + 0x1000;
    zeros[0x2000] = zeros[0x4000] = zeros[0x5000] = 1;
    static const uint64_t starts[] = {0x2000, 0x4000, 0x5000, 0x6000, 0x8000, 0xA000};
    for (size_t i = 0; i + 1 < sizeof starts / sizeof starts[0]; i++) {
        ldr_region region = query(view, starts[i]);
        cr_assert_eq(region.size, starts[i + 1] - starts[i], "region %zu", i);
        cr_assert_eq(region.backing, i % 2 ? LDR_BACKING_PRIVATE : LDR_BACKING_ZERO);
    }
    ldr_view_unmap(view);
    img_free(&image);
}

Test(query, gap_is_reserved)
{
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.section_alignment = 0x4000;
    img_add_section(&b, ".data", IMG_RW, NULL, 0x200, 0x1000);
    img_image image = img_finish(&b);
    ldr_view *view = fixture_view(fixture_section(&image, NULL), 0);
    ldr_region gap = query(view, 0x5000);
    cr_assert_eq(gap.size, 0x3000u);
    cr_assert_eq(gap.protect, 0u);
    cr_assert_not(gap.committed);
    cr_assert_eq(gap.backing, LDR_BACKING_NONE);
    cr_assert_eq(gap.pe_section, -1);
    char access[5];
    fixture_access((char *)ldr_view_base(view) + 0x5000, access);
    cr_assert_str_eq(access, "---p");
    ldr_view_unmap(view);
    img_free(&image);
}

Test(query, rva_beyond_the_view_is_invalid)
{
    ldr_region region;
    ldr_view *view = fixture_view(data_section(IMG_RW), 0);
    cr_assert_eq(ldr_view_query(view, ldr_view_size(view), &region), LDR_INVALID_ARGUMENT);
    cr_assert_eq(ldr_view_query(view, UINT64_MAX, &region), LDR_INVALID_ARGUMENT);
    ldr_view_unmap(view);
}

Test(query, names_are_those_of_winnt)
{
    cr_assert_str_eq(ldr_protect_name(LDR_PAGE_EXECUTE_WRITECOPY), "PAGE_EXECUTE_WRITECOPY");
    cr_assert_str_eq(ldr_protect_name(0), "0");
    cr_assert_str_eq(ldr_backing_name(LDR_BACKING_SEGMENT), "segment");
    cr_assert_str_eq(ldr_backing_name(LDR_BACKING_NONE), "none");
}

/* ---- Again and again ---- */

Test(cycles, a_thousand_sections_and_views_leave_nothing, .timeout = 120)
{
    img_image image = odd_image(0x1000, 0x1000);
    char *path = fixture_file(image.bytes, image.size);
    fixture_state before = fixture_state_take();
    for (int i = 0; i < 1000; i++) {
        ldr_diag diag;
        ldr_section *section;
        cr_assert_eq(ldr_section_from_file(path, NULL, &section, &diag), LDR_OK);
        ldr_view *first = another_view(section);
        ldr_view *second = another_view(section);
        ldr_section_close(section);
        *((char *)ldr_view_base(first) + ldr_view_size(first) - 1) = 1;
        cr_assert_eq(ldr_view_relocate(second, &diag), LDR_OK);
        ldr_view_unmap(first);
        ldr_view_unmap(second);
    }
    fixture_expect_same(&before);
    fixture_remove(path);
    img_free(&image);
}
