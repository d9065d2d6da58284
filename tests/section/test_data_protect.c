/* ldr_view_protect (rules H.6, B.3) and ldr_view_flush (H.4). */
#include "section/data.h"
#include "section/data_fixture.h"
#include "section/view.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define RW   LDR_PAGE_READWRITE
#define RO   LDR_PAGE_READONLY
#define WC   LDR_PAGE_WRITECOPY
#define X    LDR_PAGE_EXECUTE
#define XR   LDR_PAGE_EXECUTE_READ
#define XRW  LDR_PAGE_EXECUTE_READWRITE
#define XWC  LDR_PAGE_EXECUTE_WRITECOPY
#define NONE LDR_PAGE_NOACCESS

static uint32_t refused(ldr_view *view, uint64_t offset, uint64_t size, uint32_t protect)
{
    ldr_diag diag = {0};
    uint32_t old = 0x1234;
    fixture_state before = fixture_state_take();
    ldr_status status = ldr_view_protect(view, offset, size, protect, &old, &diag);
    cr_assert_neq(status, LDR_OK);
    cr_assert_eq(diag.status, status);
    cr_assert_eq(old, 0x1234u);
    fixture_expect_same(&before);
    return diag.why.nt_status;
}

/* The old protection. */
static uint32_t protect(ldr_view *view, uint64_t offset, uint64_t size, uint32_t wanted)
{
    ldr_diag diag = {0};
    uint32_t old = 0;
    char text[512];
    cr_assert_eq(ldr_view_protect(view, offset, size, wanted, &old, &diag), LDR_OK, "%s",
                 ldr_diag_text(&diag, text, sizeof text));
    return old;
}

static void expect_access(const ldr_view *view, uint64_t offset, const char *expected)
{
    char access[5];
    fixture_access((const uint8_t *)ldr_view_base(view) + offset, access);
    cr_expect_eq(memcmp(access, expected, 3), 0, "0x%lx: %s", (unsigned long)offset, access);
}

/* By view, what its pages can become: a view of NOACCESS nothing. */
Test(data_protect, pages_get_no_more_than_the_view_was_mapped_with)
{
    static const struct {
        uint32_t view, pages;
    } cases[] = {
        {NONE, 0},
        {RO, NONE | RO | WC},
        {RW, NONE | RO | WC | RW},
        {WC, NONE | RO | WC | RW},
        {X, NONE | X},
        {XR, NONE | RO | WC | X | XR | XWC},
        {XRW, NONE | RO | WC | RW | X | XR | XRW | XWC},
        {XWC, NONE | RO | WC | RW | X | XR | XRW | XWC},
    };
    ldr_section *section = data_section(NULL, UNIT, XRW, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ldr_view *view = data_view(section, 0, 0, cases[i].view);
        for (uint32_t wanted = NONE; wanted <= XWC; wanted <<= 1) {
            if ((cases[i].pages & wanted) != 0)
                protect(view, PAGE, PAGE, wanted);
            else
                cr_expect_eq(refused(view, PAGE, PAGE, wanted), (uint32_t)PE_NT_SECTION_PROTECTION,
                             "0x%x in a view of 0x%x", wanted, cases[i].view);
        }
        ldr_view_unmap(view);
    }
    ldr_section_close(section);
}

Test(data_protect, bad_arguments_have_their_status_and_change_nothing)
{
    ldr_section *section = data_section(NULL, UNIT, RW, 0);
    ldr_section *reserved = data_section(NULL, UNIT, RW, LDR_SEC_RESERVE);
    ldr_view *view = data_view(section, 0, 0, RW), *empty = data_view(reserved, 0, 0, RW);
    cr_expect_eq(refused(view, 0, 1, 0), (uint32_t)PE_NT_INVALID_PAGE_PROTECTION);
    cr_expect_eq(refused(view, 0, 1, RO | RW), (uint32_t)PE_NT_INVALID_PAGE_PROTECTION);
    cr_expect_eq(refused(view, 0, 0, RO), (uint32_t)PE_NT_CONFLICTING_ADDRESSES);
    cr_expect_eq(refused(view, 0, UNIT + 1, RO), (uint32_t)PE_NT_CONFLICTING_ADDRESSES);
    cr_expect_eq(refused(view, UINT64_MAX, 2, RO), (uint32_t)PE_NT_CONFLICTING_ADDRESSES);
    cr_expect_eq(refused(empty, 0, 1, RO), (uint32_t)PE_NT_NOT_COMMITTED);
    ldr_view_unmap(view);
    ldr_view_unmap(empty);
    ldr_section_close(section);
    ldr_section_close(reserved);
}

Test(data_protect, range_is_made_of_whole_pages_and_the_old_protection_is_the_first_ones)
{
    ldr_section *section = data_section(NULL, UNIT, RW, 0);
    ldr_view *view = data_view(section, 0, 0, RW);
    cr_expect_eq(protect(view, PAGE + 1, PAGE, RO), (uint32_t)RW);
    cr_expect_eq(protect(view, 2 * PAGE, 2 * PAGE, NONE), (uint32_t)RO);
    expect_access(view, 0, "rw-");
    expect_access(view, PAGE, "r--");
    expect_access(view, 2 * PAGE, "---");
    expect_access(view, 3 * PAGE, "---");
    expect_access(view, 4 * PAGE, "rw-");
    ldr_region region = data_region(view, 2 * PAGE);
    cr_expect_eq(region.protect, (uint32_t)NONE);
    cr_expect_eq(region.size, 2 * PAGE);
    cr_expect_eq(region.allocation_protect, (uint32_t)RW);
    protect(view, 0, UNIT, RW);
    cr_expect_eq(data_region(view, 0).size, UNIT, "all pages are alike again");
    ldr_view_unmap(view);
    ldr_section_close(section);
}

Test(data_protect, readonly_view_that_is_made_to_copy_leaves_the_file_alone)
{
    char *path = data_file(UNIT);
    ldr_section *section = data_section_at(path, RW);
    ldr_view *view = data_view(section, 0, 0, RO), *others = data_view(section, 0, 0, RW);
    uint8_t *bytes = ldr_view_base(view), *theirs = ldr_view_base(others);
    protect(view, PAGE, 2 * PAGE, WC);
    theirs[2 * PAGE] = 0x11;
    cr_expect_eq(bytes[2 * PAGE], 0x11);
    bytes[PAGE] = 0x22;
    cr_expect_eq(theirs[PAGE], data_byte(PAGE));
    cr_expect_eq(data_region(view, PAGE).protect, (uint32_t)RW);
    cr_expect_eq(data_region(view, 2 * PAGE).protect, (uint32_t)WC);
    cr_expect_eq(protect(view, PAGE, PAGE, RO), (uint32_t)RW, "it was written to");
    cr_expect_eq(bytes[PAGE], 0x22, "what was written stays");
    ldr_view_unmap(others);
    ldr_view_unmap(view);
    ldr_section_close(section);
    fixture_remove(path);
}

Test(data_protect, readwrite_means_writecopy_where_writing_copies)
{
    char *path = data_file(UNIT);
    ldr_section *section = data_section_at(path, RO);
    ldr_view *view = data_view(section, 0, 0, WC);
    uint8_t *bytes = ldr_view_base(view);
    protect(view, 0, UNIT, RO);
    protect(view, 0, UNIT, RW);
    cr_expect_eq(data_region(view, 0).protect, (uint32_t)WC);
    bytes[0] = 1;
    cr_expect_eq(data_region(view, 0).protect, (uint32_t)RW);
    ldr_view_unmap(view);
    ldr_section_close(section);
    fixture_remove(path);
}

/* ---- Images ---- */

static img_image image_with_sections(void)
{
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    img_add_section(&b, ".text", IMG_RX, NULL, 0x1000, 0x1000);
    img_add_section(&b, ".rdata", IMG_RO, NULL, 0x1000, 0x1000);
    img_add_section(&b, ".bss", IMG_RW, NULL, 0, 0x1000);
    img_add_section(&b, ".shared", IMG_RW | PE_SCN_MEM_SHARED, NULL, 0x1000, 0x1000);
    return img_finish(&b);
}

Test(data_protect, pages_of_an_image_copy_when_they_are_written)
{
    img_image image = image_with_sections();
    ldr_view *view = fixture_view(fixture_memory_section(&image), 0);
    uint8_t *bytes = ldr_view_base(view);
    cr_expect_eq(protect(view, 0x1000, 1, RW), (uint32_t)XR);
    cr_expect_eq(data_region(view, 0x1000).protect, (uint32_t)WC);
    cr_expect_eq(data_region(view, 0x1000).allocation_protect, (uint32_t)XWC);
    bytes[0x1000] = 0xC3;
    cr_expect_eq(protect(view, 0x1000, 1, XRW), (uint32_t)RW);
    cr_expect_eq(data_region(view, 0x1000).protect, (uint32_t)XRW, "the page is its own");
    cr_expect_eq(protect(view, 0x2000, 1, XRW), (uint32_t)RO);
    cr_expect_eq(data_region(view, 0x2000).protect, (uint32_t)XWC);
    cr_expect_eq(protect(view, 0x2000, 1, WC), (uint32_t)XWC);
    cr_expect_eq(protect(view, 0x3000, 1, RO), (uint32_t)WC);
    cr_expect_eq(bytes[0x3000], 0);
    cr_expect_eq(protect(view, 0, 1, NONE), (uint32_t)RO);
    expect_access(view, 0, "---");
    ldr_view_unmap(view);
    img_free(&image);
}

Test(data_protect, shared_pages_of_an_image_do_not_copy_unless_they_are_made_to)
{
    img_image image = image_with_sections();
    ldr_section *section = fixture_memory_section(&image);
    ldr_view *view = data_view(section, 0, 0, 0), *others = data_view(section, 0, 0, 0);
    uint8_t *bytes = ldr_view_base(view), *theirs = ldr_view_base(others);
    protect(view, 0x4000, 1, RO);
    protect(view, 0x4000, 1, RW);
    cr_expect_eq(data_region(view, 0x4000).protect, (uint32_t)RW);
    bytes[0x4000] = 1;
    cr_expect_eq(theirs[0x4000], 1);
    protect(view, 0x4000, 1, WC);
    cr_expect_eq(bytes[0x4000], 1);
    bytes[0x4000] = 2;
    cr_expect_eq(theirs[0x4000], 1);
    cr_expect_eq(data_region(view, 0x4000).backing, LDR_BACKING_PRIVATE);
    ldr_view_unmap(view);
    ldr_view_unmap(others);
    ldr_section_close(section);
    img_free(&image);
}

Test(data_protect, image_without_execute_rights_gets_none)
{
    img_image image = image_with_sections();
    ldr_section_options options = {.size = sizeof options, .no_execute = true};
    ldr_view *view = fixture_view(fixture_section(&image, &options), 0);
    cr_expect_eq(refused(view, 0x1000, 1, XR), (uint32_t)PE_NT_SECTION_PROTECTION);
    protect(view, 0x1000, 1, RW);
    ldr_view_unmap(view);
    img_free(&image);
}

Test(data_protect, page_of_an_image_can_be_guarded)
{
    img_image image = image_with_sections();
    ldr_view *view = fixture_view(fixture_memory_section(&image), 0);
    uint8_t *bytes = ldr_view_base(view);
    cr_expect_eq(ldr__view_touch(view, bytes + 0x2000, LDR__WRITE), LDR__TOUCH_DENIED);
    protect(view, 0x2000, 1, RW | LDR_PAGE_GUARD);
    expect_access(view, 0x2000, "---");
    cr_expect_eq(data_region(view, 0x2000).protect, (uint32_t)(WC | LDR_PAGE_GUARD));
    cr_expect_eq(ldr__view_touch(view, bytes + 0x2000, LDR__WRITE), LDR__TOUCH_GUARD);
    bytes[0x2000] = 1;
    cr_expect_eq(data_region(view, 0x2000).protect, (uint32_t)RW);
    ldr_view_unmap(view);
    img_free(&image);
}

/* The loader makes the page the view's own; what was set for it stays, and the other way round. */
Test(data_protect, shared_page_that_the_loader_writes_to_copies_from_then_on)
{
    img_image image = image_with_sections();
    ldr_section *section = fixture_memory_section(&image);
    for (int protect_first = 0; protect_first < 2; protect_first++) {
        ldr_view *view = data_view(section, 0, 0, 0), *others = data_view(section, 0, 0, 0);
        uint8_t *bytes = ldr_view_base(view), *theirs = ldr_view_base(others);
        if (protect_first != 0)
            protect(view, 0x4000, 1, RO);
        cr_assert_eq(ldr__view_write_begin(view, 0x4000, 1), LDR_OK);
        bytes[0x4000] = 0x61;
        cr_assert_eq(ldr__view_write_end(view, 0x4000, 1), LDR_OK);
        expect_access(view, 0x4000, protect_first != 0 ? "r--" : "rw-");
        protect(view, 0x4000, 1, RW);
        bytes[0x4000] = 0x62;
        cr_expect_eq(theirs[0x4000], 0, "the others do not see it");
        cr_expect_eq(data_region(view, 0x4000).protect, (uint32_t)RW);
        cr_expect_eq(data_region(view, 0x4000).backing, LDR_BACKING_PRIVATE);
        ldr_view_unmap(view);
        ldr_view_unmap(others);
    }
    ldr_section_close(section);
    img_free(&image);
}

Test(data_protect, gap_of_an_image_is_not_committed)
{
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.section_alignment = 0x10000;
    img_add_section(&b, ".text", IMG_RX, NULL, 0x1000, 0x1000);
    img_image image = img_finish(&b);
    ldr_view *view = fixture_view(fixture_memory_section(&image), 0);
    cr_expect_eq(refused(view, 0x11000, 1, RO), (uint32_t)PE_NT_NOT_COMMITTED);
    cr_expect_eq(refused(view, 0x10000, 0x2000, RO), (uint32_t)PE_NT_NOT_COMMITTED);
    ldr_view_unmap(view);
    img_free(&image);
}

Test(data_protect, writing_for_the_loader_keeps_what_was_set)
{
    img_image image = image_with_sections();
    ldr_view *view = fixture_view(fixture_memory_section(&image), 0);
    protect(view, 0x2000, 1, NONE);
    cr_assert_eq(ldr__view_write_begin(view, 0x1000, 0x2000), LDR_OK);
    ((uint8_t *)ldr_view_base(view))[0x2000] = 1;
    cr_assert_eq(ldr__view_write_end(view, 0x1000, 0x2000), LDR_OK);
    expect_access(view, 0x1000, "r-x");
    expect_access(view, 0x2000, "---");
    ldr_view_unmap(view);
    img_free(&image);
}

/* ---- Flush ---- */

static uint32_t flush_refused(ldr_view *view, uint64_t offset, uint64_t size)
{
    ldr_diag diag = {0};
    cr_expect_eq(ldr_view_flush(view, offset, size, false, &diag), LDR_INVALID_ARGUMENT);
    return diag.why.nt_status;
}

Test(data_flush, range_and_rest_of_a_file_view_are_written)
{
    char *path = data_file(2 * UNIT);
    ldr_section *section = data_section_at(path, RW);
    ldr_view *view = data_view(section, UNIT, 0, RW);
    memset(ldr_view_base(view), 0x5A, UNIT);
    cr_expect_eq(ldr_view_flush(view, 1, 1, false, NULL), LDR_OK);
    cr_expect_eq(ldr_view_flush(view, PAGE, 0, false, NULL), LDR_OK);
    cr_expect_eq(ldr_view_flush(view, 0, 0, true, NULL), LDR_OK);
    cr_expect_eq(flush_refused(view, 0, UNIT + 1), (uint32_t)PE_NT_NOT_MAPPED_VIEW);
    cr_expect_eq(flush_refused(view, UNIT, 0), (uint32_t)PE_NT_NOT_MAPPED_VIEW);
    ldr_view_unmap(view);
    ldr_section_close(section);
    fixture_remove(path);
}

Test(data_flush, memory_and_images_have_nothing_to_write)
{
    img_image image = img_plain(IMG_PE32_PLUS);
    ldr_section *memory = data_section(NULL, UNIT, RW, 0);
    ldr_view *views[] = {data_view(memory, 0, 0, 0),
                         fixture_view(fixture_memory_section(&image), 0)};
    for (size_t i = 0; i < 2; i++) {
        cr_expect_eq(flush_refused(views[i], 0, 0), (uint32_t)PE_NT_NOT_MAPPED_DATA);
        ldr_view_unmap(views[i]);
    }
    ldr_section_close(memory);
    img_free(&image);
}
