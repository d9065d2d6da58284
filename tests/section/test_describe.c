/* What stands behind a section, and behind an address of a view. */
#include "section/fixture.h"
#include "support/faulty_os.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { TEXT = 0x1000, DATA = 0x4000, SHARED = 0x6000, SIZE = 0x7000 };

/* Headers, code with a part of a page in the file, data with zero fill, memory that is SHARED. */
static img_image image_of_all_kinds(uint32_t file_alignment)
{
    static uint8_t content[0x2000];
    memset(content, 0xC3, sizeof content);
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.file_alignment = file_alignment;
    if (file_alignment == 0x1000) /* then pages of the file are pages of the image */
        b.header_size = file_alignment;
    img_add_section(&b, ".text", IMG_RX, content, 0x1200, 0x3000);
    img_add_section(&b, ".data", IMG_RW, content, 0x200, 0x1800);
    img_add_section(&b, ".share", IMG_RW | PE_SCN_MEM_SHARED, content, 0x200, 0x200);
    return img_finish(&b);
}

static ldr_section *section_of_all_kinds(uint32_t file_alignment)
{
    img_image image = image_of_all_kinds(file_alignment);
    ldr_section *section = fixture_section(&image, NULL);
    img_free(&image);
    return section;
}

static ldr_subsection subsection(const ldr_section *section, uint32_t index)
{
    ldr_subsection s;
    cr_assert_eq(ldr_section_subsection(section, index, &s), LDR_OK);
    return s;
}

static ldr_location locate(const ldr_view *view, uint64_t rva)
{
    ldr_location at;
    cr_assert_eq(ldr_view_locate(view, rva, &at), LDR_OK);
    return at;
}

static const volatile uint8_t *byte_at(const ldr_view *view, uint64_t rva)
{
    return (const uint8_t *)ldr_view_base(view) + rva;
}

Test(control_area, counts_what_holds_the_section)
{
    ldr_section *section = section_of_all_kinds(0x200);
    ldr_control_area area;
    ldr_view *views[2];
    ldr_diag diag;
    ldr_section_describe(section, &area);
    cr_assert_eq(area.section_count, 1u);
    cr_assert_eq(area.view_count, 0u);
    for (size_t i = 0; i < 2; i++)
        cr_assert_eq(ldr_view_map(section, NULL, &views[i], &diag), LDR_OK);
    ldr_section_close(section);
    ldr_section_describe(section, &area);
    cr_assert_eq(area.section_count, 0u);
    cr_assert_eq(area.view_count, 2u);
    ldr_view_unmap(views[0]);
    ldr_section_describe(section, &area);
    cr_assert_eq(area.view_count, 1u);
    ldr_view_unmap(views[1]);
}

Test(control_area, of_a_file_and_of_memory_say_which)
{
    img_image image = image_of_all_kinds(0x200);
    ldr_section *of_file = fixture_section(&image, NULL),
                *of_memory = fixture_memory_section(&image);
    ldr_control_area area;
    ldr_section_describe(of_file, &area);
    cr_assert_eq(area.attributes, LDR_SEC_IMAGE | LDR_SEC_FILE);
    cr_assert(area.has_file);
    cr_assert_eq(area.file_size, image.size);
    cr_assert_neq(area.file_index, 0u);
    ldr_section_describe(of_memory, &area);
    cr_assert_eq(area.attributes, LDR_SEC_IMAGE);
    cr_assert_not(area.has_file);
    cr_assert_eq(area.segment_size, (uint64_t)SIZE);
    cr_assert_eq(area.page_count, (uint64_t)SIZE / 0x1000);
    cr_assert_eq(area.segment_base, ldr_section_image(of_memory)->optional.image_base);
    ldr_section_close(of_file);
    ldr_section_close(of_memory);
    img_free(&image);
}

Test(control_area, relocated_pages_and_the_base_of_aslr_are_told)
{
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.characteristics |= PE_FILE_DLL;
    b.dll_characteristics = PE_DLL_DYNAMIC_BASE;
    img_add_section(&b, ".text", IMG_RX, NULL, 0x3000, 0);
    img_put_pointer(&b, TEXT + 0x10, TEXT);
    img_put_pointer(&b, TEXT + 0x2010, TEXT);
    img_image image = img_finish(&b);
    ldr_section_options options = {.size = sizeof options, .aslr = LDR_ASLR_FORCE};
    ldr_section *section = fixture_section(&image, &options);
    ldr_view *view;
    ldr_diag diag;
    ldr_control_area area;
    cr_assert_eq(ldr_view_map(section, NULL, &view, &diag), LDR_OK);
    fixture_expect_relocated(view);
    ldr_section_describe(section, &area);
    cr_assert_eq(area.segment_base, (uint64_t)(uintptr_t)ldr_view_base(view));
    cr_assert_eq(area.relocated_pages, 3u); /* ImageBase in the header is the third */
    ldr_view_unmap(view);
    ldr_section_close(section);
    img_free(&image);
}

Test(control_area, subsections_are_the_headers_and_the_pe_sections)
{
    ldr_section *section = section_of_all_kinds(0x200);
    ldr_control_area area;
    ldr_subsection s;
    ldr_section_describe(section, &area);
    cr_assert_eq(area.subsection_count, 4u);
    cr_assert_eq(subsection(section, 0).pe_section, -1);
    cr_assert_eq(subsection(section, 0).page_count, 1u);
    s = subsection(section, 1);
    cr_assert_eq(s.pe_section, 0);
    cr_assert_eq(s.rva, (uint64_t)TEXT);
    cr_assert_eq(s.page_count, 3u);
    cr_assert_eq(s.segment_pages, 2u);
    cr_assert_eq(s.zero_pages, 1u);
    cr_assert_eq(s.protect, (uint32_t)LDR_PAGE_EXECUTE_READ);
    cr_assert_eq(s.file_size, 0x1200u);
    cr_assert_eq(s.sector_count, 9u);
    cr_assert_eq(s.first_sector * 512, s.file_offset);
    s = subsection(section, 3);
    cr_assert_eq(s.shared_pages, 1u);
    cr_assert_eq(s.protect, (uint32_t)LDR_PAGE_READWRITE);
    cr_assert_eq(ldr_section_subsection(section, 4, &s), LDR_INVALID_ARGUMENT);
    cr_assert_eq(s.pe_section, 2, "untouched on failure");
    ldr_section_close(section);
}

Test(control_area, pages_that_no_section_has_are_unused_ones_of_the_subsection_before)
{
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.section_alignment = 0x4000;
    b.file_alignment = b.header_size = 0x1000;
    img_add_section(&b, ".text", IMG_RX, NULL, 0x1000, 0x1000);
    img_add_section(&b, ".data", IMG_RW, NULL, 0x2000, 0x2000);
    img_image image = img_finish(&b);
    ldr_section *section = fixture_section(&image, NULL);
    ldr_subsection s = subsection(section, 1);
    cr_assert_eq(s.page_count, 1u);
    cr_assert_eq(s.file_pages, 1u);
    cr_assert_eq(s.unused_pages, 3u);
    ldr_section_close(section);
    img_free(&image);
}

Test(control_area, use_of_the_file_tells_other_sections_and_the_page_cache)
{
    img_image image = image_of_all_kinds(0x1000);
    char *path = fixture_file(image.bytes, image.size);
    ldr_section *sections[2];
    ldr_file_use use;
    ldr_diag diag;
    cr_assert_eq(ldr_section_from_file(path, NULL, &sections[0], &diag), LDR_OK);
    cr_assert_eq(ldr_section_file_use(sections[0], &use), LDR_OK);
    cr_assert_not(use.has_image || use.has_section);
    cr_assert_eq(ldr_section_from_file(path, NULL, &sections[1], &diag), LDR_OK);
    cr_assert_eq(ldr_section_file_use(sections[0], &use), LDR_OK);
    cr_assert(use.has_image && use.has_section);
    if (use.is_cache_known) /* Linux 6.5 */
        cr_assert(use.cached_pages > 0 && use.cached_pages <= 5);
    faulty_os_fail_at(0, false);
    cr_assert_eq(ldr_section_file_use(sections[0], &use), LDR_OK);
    faulty_os_stop();
    cr_assert_not(use.is_cache_known);
    for (size_t i = 0; i < 2; i++)
        ldr_section_close(sections[i]);
    fixture_remove(path);
    img_free(&image);
}

Test(control_area, a_snapshot_uses_no_file)
{
    img_image image = image_of_all_kinds(0x200);
    ldr_section_options options = {.size = sizeof options, .source = LDR_SOURCE_SNAPSHOT};
    ldr_section *section = fixture_section(&image, &options);
    ldr_file_use use = {.cached_pages = 99};
    cr_assert_eq(ldr_section_file_use(section, &use), LDR_FILE_NOT_FOUND);
    cr_assert_eq(use.cached_pages, 99u);
    ldr_section_close(section);
    img_free(&image);
}

Test(control_area, of_data_has_one_subsection_and_counts_flushes)
{
    static const uint8_t bytes[0x1234] = {1};
    char *path = fixture_file(bytes, sizeof bytes);
    ldr_file_options access = {.size = sizeof access, .access = LDR_FILE_READ | LDR_FILE_WRITE};
    ldr_create_options options = {.size = sizeof options, .protect = LDR_PAGE_READWRITE};
    ldr_section *section;
    ldr_view *view;
    ldr_diag diag;
    ldr_control_area area;
    cr_assert_eq(ldr_file_open(path, &access, &options.file, NULL, &diag), LDR_OK);
    cr_assert_eq(ldr_section_create(&options, &section, NULL, &diag), LDR_OK);
    cr_assert_eq(ldr_view_map(section,
                              &(ldr_view_options){.size = sizeof(ldr_view_options),
                                                  .protect = LDR_PAGE_READWRITE},
                              &view, &diag),
                 LDR_OK);
    cr_assert_eq(ldr_view_flush(view, 0, 0, false, &diag), LDR_OK);
    ldr_section_describe(section, &area);
    cr_assert_eq(area.attributes, LDR_SEC_COMMIT | LDR_SEC_FILE);
    cr_assert_eq(area.protect, (uint32_t)LDR_PAGE_READWRITE);
    cr_assert_eq(area.segment_size, sizeof bytes);
    cr_assert_eq(area.page_count, 2u);
    cr_assert_eq(area.flush_count, 1u);
    cr_assert_eq(area.view_count, 1u);
    cr_assert(area.has_file);
    cr_assert_eq(area.file_size, sizeof bytes);
    cr_assert_eq(area.subsection_count, 1u);
    ldr_subsection all = subsection(section, 0);
    cr_assert_eq(all.file_size, sizeof bytes);
    cr_assert_eq(all.sector_count, 10u);
    cr_assert_eq(all.file_pages, 2u);
    cr_assert_eq(ldr_section_subsection(section, 1, &all), LDR_INVALID_ARGUMENT);
    cr_assert_eq(locate(view, 0x1233).file_offset, 0x1233u);
    cr_assert(locate(view, 0x1233).has_file_offset);
    cr_assert_not(locate(view, 0x1234).has_file_offset);
    ldr_view_unmap(view);
    ldr_section_close(section);
    ldr_file_close(options.file);
    fixture_remove(path);
}

Test(control_area, of_reserved_memory_counts_what_is_committed)
{
    ldr_create_options options = {.size = sizeof options,
                                  .maximum_size = 0x10000,
                                  .protect = LDR_PAGE_READWRITE,
                                  .attributes = LDR_SEC_RESERVE};
    ldr_section *section;
    ldr_view *view;
    ldr_diag diag;
    cr_assert_eq(ldr_section_create(&options, &section, NULL, &diag), LDR_OK);
    cr_assert_eq(ldr_view_map(section, NULL, &view, &diag), LDR_OK);
    cr_assert_eq(subsection(section, 0).unused_pages, 16u);
    cr_assert_eq(ldr_view_commit(view, 0x3000, 0x2000, 0, &diag), LDR_OK);
    ldr_subsection all = subsection(section, 0);
    cr_assert_eq(all.page_count, 2u);
    cr_assert_eq(all.unused_pages, 14u);
    cr_assert_eq(all.shared_pages, 2u);
    ldr_region region;
    cr_assert_eq(ldr_view_query(view, 0x3000, &region), LDR_OK);
    cr_assert_eq(region.backing, LDR_BACKING_SHARED);
    ldr_view_unmap(view);
    ldr_section_close(section);
}

Test(locate, goes_from_an_address_to_subsection_and_file)
{
    ldr_section *section = section_of_all_kinds(0x200);
    ldr_subsection text = subsection(section, 1);
    ldr_view *view = fixture_view(section, 0);
    uint64_t base = (uintptr_t)ldr_view_base(view);
    ldr_location at = locate(view, TEXT + 0x1123);
    cr_assert_eq(at.address, base + TEXT + 0x1123);
    cr_assert_eq(at.subsection, 1u);
    cr_assert_eq(at.pe_section, 0);
    cr_assert_eq(at.backing, LDR_BACKING_SEGMENT);
    cr_assert(at.has_file_offset);
    cr_assert_eq(at.file_offset, text.file_offset + 0x1123);
    cr_assert_not(locate(view, TEXT + 0x1200).has_file_offset);
    cr_assert_eq(locate(view, SHARED).subsection, 3u);
    cr_assert_eq(locate(view, 0x3C).subsection, 0u);
    at = (ldr_location){.rva = 7};
    cr_assert_eq(ldr_view_locate(view, SIZE, &at), LDR_INVALID_ARGUMENT);
    cr_assert_eq(at.rva, 7u);
    ldr_view_unmap(view);
}

Test(locate, indices_of_the_page_tables_make_the_address)
{
    ldr_view *view = fixture_view(section_of_all_kinds(0x200), 0);
    ldr_location at = locate(view, DATA + 0x123);
    uint64_t address = (uint64_t)at.pml4 << 39 | (uint64_t)at.pdpt << 30 | (uint64_t)at.pd << 21 |
                       (uint64_t)at.pt << 12 | at.page_offset;
    cr_assert_eq(address, at.address);
    ldr_view_unmap(view);
}

/* Frames are shown to the privileged alone; what is compared here is none of ours, but the
 * kernel's. */
Test(locate, untouched_pages_of_two_views_are_one_frame_and_a_written_one_is_another)
{
    ldr_section *section = section_of_all_kinds(0x200);
    ldr_view *views[2];
    ldr_diag diag;
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(ldr_view_map(section, NULL, &views[i], &diag), LDR_OK);
        cr_assert_not(locate(views[i], DATA).is_present);
        (void)*byte_at(views[i], DATA);
    }
    ldr_section_close(section);
    ldr_location a = locate(views[0], DATA), b = locate(views[1], DATA);
    cr_assert(a.is_present && b.is_present);
    cr_assert_eq(a.has_frame, b.has_frame);
    cr_assert_eq(a.frame, b.frame);
    *(uint8_t *)byte_at(views[1], DATA) = 1;
    b = locate(views[1], DATA);
    cr_assert_eq(b.backing, LDR_BACKING_PRIVATE);
    cr_assert(!a.has_frame || a.frame != b.frame);
    for (size_t i = 0; i < 2; i++)
        ldr_view_unmap(views[i]);
}

Test(locate, a_system_that_tells_nothing_is_a_status)
{
    ldr_view *view = fixture_view(section_of_all_kinds(0x200), 0);
    ldr_location at = {.rva = 7};
    for (unsigned call = 0; call < 2; call++) {
        faulty_os_fail_at(call, false);
        cr_assert_eq(ldr_view_locate(view, DATA, &at), LDR_OS_ERROR);
        faulty_os_stop();
        cr_assert_eq(at.rva, 7u);
    }
    ldr_view_unmap(view);
}
