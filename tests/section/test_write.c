/* Opening pages of a view for the stages that write to it. */
#include "section/fixture.h"
#include "section/view.h"

#include <criterion/criterion.h>
#include <string.h>

/* Headers, code, a gap, constants of content and zero fill, data, code that is writable. */
enum { TEXT = 0x4000, RDATA = 0x8000, DATA = 0xC000, WX = 0x10000 };

static ldr_view *view_to_write(void)
{
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.section_alignment = 0x4000;
    img_add_section(&b, ".text", IMG_RX, NULL, 0x2000, 0x2000);
    img_add_section(&b, ".rdata", IMG_RO, NULL, 0x200, 0x4000);
    img_add_section(&b, ".data", IMG_RW, NULL, 0x200, 0x4000);
    img_add_section(&b, ".wx", IMG_RX | PE_SCN_MEM_WRITE, NULL, 0x200, 0x1000);
    img_image image = img_finish(&b);
    ldr_view *view = fixture_view(fixture_section(&image, NULL), 0);
    img_free(&image);
    return view;
}

static void expect_access_at(const ldr_view *view, uint32_t rva, const char *expected)
{
    char access[5];
    fixture_access((const uint8_t *)ldr_view_base(view) + rva, access);
    cr_assert_str_eq(access, expected, "0x%x is %s, not %s", rva, access, expected);
}

Test(write, pages_of_the_range_are_opened_and_closed_again)
{
    ldr_view *view = view_to_write();
    cr_assert_eq(ldr__view_write_begin(view, TEXT + 0x10, 8), LDR_OK);
    expect_access_at(view, TEXT, "rw-p");
    expect_access_at(view, TEXT + 0x1000, "r-xp");
    *((char *)ldr_view_base(view) + TEXT + 0x10) = 1;
    cr_assert_eq(ldr__view_write_end(view, TEXT + 0x10, 8), LDR_OK);
    fixture_expect_access(view);
    ldr_view_unmap(view);
}

Test(write, range_may_cross_pages_subsections_and_sections)
{
    ldr_view *view = view_to_write();
    uint64_t start = RDATA + 0xFFF, size = DATA + 1 - start;
    cr_assert_eq(ldr__view_write_begin(view, start, size), LDR_OK);
    memset((char *)ldr_view_base(view) + start, 0x55, size);
    cr_assert_eq(ldr__view_write_end(view, start, size), LDR_OK);
    fixture_expect_access(view);
    ldr_view_unmap(view);
}

Test(write, code_that_is_writable_anyway_stays_executable)
{
    ldr_view *view = view_to_write();
    cr_assert_eq(ldr__view_write_begin(view, WX, 0x1000), LDR_OK);
    expect_access_at(view, WX, "rwxp");
    cr_assert_eq(ldr__view_write_end(view, WX, 0x1000), LDR_OK);
    fixture_expect_access(view);
    ldr_view_unmap(view);
}

Test(write, range_with_a_gap_is_refused_and_nothing_stays_open)
{
    ldr_view *view = view_to_write();
    cr_assert_eq(ldr__view_write_begin(view, TEXT, 0x3000), LDR_INVALID_ARGUMENT);
    fixture_expect_access(view);
    ldr_view_unmap(view);
}

Test(write, range_outside_the_view_is_refused)
{
    ldr_view *view = view_to_write();
    uint64_t size = ldr_view_size(view);
    cr_assert_eq(ldr__view_write_begin(view, size - 8, 9), LDR_INVALID_ARGUMENT);
    cr_assert_eq(ldr__view_write_begin(view, UINT64_MAX, 1), LDR_INVALID_ARGUMENT);
    cr_assert_eq(ldr__view_write_end(view, 8, UINT64_MAX), LDR_INVALID_ARGUMENT);
    cr_assert_eq(ldr__view_write_begin(view, 0, 0), LDR_OK);
    fixture_expect_access(view);
    ldr_view_unmap(view);
}
