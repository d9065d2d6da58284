/* Reserved memory that is committed page by page: rules H41, H43. */
#include "section/data.h"
#include "section/data_fixture.h"
#include "support/faulty_os.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RW LDR_PAGE_READWRITE
#define RO LDR_PAGE_READONLY

static ldr_section *reserved_section(uint32_t protect)
{
    return data_section(NULL, 4 * UNIT, protect, LDR_SEC_RESERVE);
}

static void commit(ldr_view *view, uint64_t offset, uint64_t size)
{
    ldr_diag diag = {0};
    char text[512];
    cr_assert_eq(ldr_view_commit(view, offset, size, 0, &diag), LDR_OK, "%s",
                 ldr_diag_text(&diag, text, sizeof text));
}

static uint32_t refused(ldr_view *view, uint64_t offset, uint64_t size, uint32_t protect)
{
    ldr_diag diag = {0};
    fixture_state before = fixture_state_take();
    ldr_status status = ldr_view_commit(view, offset, size, protect, &diag);
    cr_assert_neq(status, LDR_OK);
    cr_assert_eq(diag.status, status);
    fixture_expect_same(&before);
    return diag.why.nt_status;
}

Test(data_commit, untouched_pages_are_reserved_and_without_access)
{
    ldr_section *section = reserved_section(RW);
    ldr_view *view = data_view(section, 0, 0, 0);
    ldr_region region = data_region(view, 0);
    cr_expect_not(region.committed);
    cr_expect_eq(region.protect, 0u);
    cr_expect_eq(region.allocation_protect, (uint32_t)RW);
    cr_expect_eq(region.size, 4 * UNIT);
    cr_expect_eq(region.backing, LDR_BACKING_NONE);
    cr_expect_not(data_can_read(ldr_view_base(view)));
    cr_expect_eq(ldr__view_touch(view, ldr_view_base(view), LDR__READ), LDR__TOUCH_DENIED);
    ldr_view_unmap(view);
    ldr_section_close(section);
}

Test(data_commit, pages_are_committed_for_all_views_at_once)
{
    ldr_section *section = reserved_section(RW);
    ldr_view *writer = data_view(section, 0, 0, 0);
    ldr_view *readers[] = {data_view(section, 0, 0, RO), data_view(section, UNIT, UNIT, RW)};
    commit(writer, UNIT + 5, PAGE);
    uint8_t *bytes = ldr_view_base(writer);
    bytes[UNIT] = 0x42;
    bytes[UNIT + PAGE] = 0x43;
    ldr_view *later = data_view(section, UNIT, 0, 0);
    const uint8_t *seen[] = {(uint8_t *)ldr_view_base(readers[0]) + UNIT, ldr_view_base(readers[1]),
                             ldr_view_base(later)};
    for (size_t i = 0; i < 3; i++) {
        cr_expect_eq(seen[i][0], 0x42, "view %zu", i);
        cr_expect_eq(seen[i][PAGE], 0x43, "view %zu", i);
        cr_expect_not(data_can_read(seen[i] + 2 * PAGE), "view %zu", i);
        cr_expect_not(data_can_read(seen[i] + 15 * PAGE), "view %zu", i);
    }
    cr_expect_eq(data_region(readers[0], UNIT).protect, (uint32_t)RO);
    cr_expect_eq(data_region(readers[0], UNIT).size, 2 * PAGE);
    cr_expect_eq(data_region(readers[0], UNIT).backing, LDR_BACKING_SHARED);
    cr_expect_not(data_can_read(bytes + UNIT - 1));
    ldr_view_unmap(later);
    ldr_view_unmap(readers[0]);
    ldr_view_unmap(readers[1]);
    ldr_view_unmap(writer);
    ldr_section_close(section);
}

Test(data_commit, committing_twice_changes_the_protection_and_nothing_else)
{
    ldr_section *section = reserved_section(RW);
    ldr_view *view = data_view(section, 0, 0, 0), *other = data_view(section, 0, 0, 0);
    commit(view, 0, 2 * PAGE);
    uint8_t *bytes = ldr_view_base(view);
    bytes[0] = 7;
    cr_expect_eq(ldr_view_commit(view, 0, PAGE, RO, NULL), LDR_OK);
    cr_expect_eq(bytes[0], 7);
    cr_expect_eq(data_region(view, 0).protect, (uint32_t)RO);
    cr_expect_eq(data_region(view, PAGE).protect, (uint32_t)RW);
    cr_expect_eq(data_region(other, 0).protect, (uint32_t)RW);
    cr_expect_eq(ldr_view_protect(other, 0, PAGE, LDR_PAGE_NOACCESS, NULL, NULL), LDR_OK);
    commit(view, 0, 4 * PAGE);
    cr_expect_eq(data_region(other, 0).protect, (uint32_t)LDR_PAGE_NOACCESS, "it was committed");
    cr_expect_eq(data_region(other, PAGE).size, 3 * PAGE);
    ldr_view_unmap(other);
    ldr_view_unmap(view);
    ldr_section_close(section);
}

Test(data_commit, bad_arguments_have_their_status_and_change_nothing)
{
    char *path = data_file(UNIT);
    img_image image = img_plain(IMG_PE32_PLUS);
    ldr_section *section = reserved_section(RW), *of_file = data_section_at(path, RW);
    ldr_view *view = data_view(section, 0, 0, 0), *file = data_view(of_file, 0, 0, 0);
    ldr_view *of_image = fixture_view(fixture_memory_section(&image), 0);
    cr_expect_eq(refused(view, 0, 1, RO | RW), (uint32_t)PE_NT_INVALID_PAGE_PROTECTION);
    cr_expect_eq(refused(view, 0, 0, RW), (uint32_t)PE_NT_CONFLICTING_ADDRESSES);
    cr_expect_eq(refused(view, 4 * UNIT, 1, RW), (uint32_t)PE_NT_CONFLICTING_ADDRESSES);
    cr_expect_eq(refused(view, 0, 4 * UNIT + 1, RW), (uint32_t)PE_NT_CONFLICTING_ADDRESSES);
    cr_expect_eq(refused(view, UINT64_MAX, 2, RW), (uint32_t)PE_NT_CONFLICTING_ADDRESSES);
    cr_expect_eq(refused(view, 0, 1, LDR_PAGE_EXECUTE_READ), (uint32_t)PE_NT_SECTION_PROTECTION);
    cr_expect_eq(refused(file, 0, 1, RW), (uint32_t)PE_NT_ALREADY_COMMITTED);
    cr_expect_eq(refused(of_image, 0, 1, RW), (uint32_t)PE_NT_ALREADY_COMMITTED);
    ldr_view_unmap(of_image);
    ldr_view_unmap(file);
    ldr_view_unmap(view);
    ldr_section_close(of_file);
    ldr_section_close(section);
    fixture_remove(path);
    img_free(&image);
}

Test(data_commit, right_that_the_handle_lacks_is_not_committed)
{
    ldr_create_options create = {.size = sizeof create,
                                 .maximum_size = UNIT,
                                 .protect = RW,
                                 .attributes = LDR_SEC_RESERVE,
                                 .access = LDR_SECTION_MAP_READ};
    ldr_section *section;
    cr_assert_eq(ldr_section_create(&create, &section, NULL, NULL), LDR_OK);
    ldr_view *view = data_view(section, 0, 0, RO);
    cr_expect_eq(refused(view, 0, 1, RW), (uint32_t)PE_NT_SECTION_PROTECTION);
    commit(view, 0, 1);
    ldr_view_unmap(view);
    ldr_section_close(section);
}

/* VirtualProtect cannot, committing can: H.6. */
Test(data_commit, noaccess_view_can_be_committed_with_what_the_section_allows)
{
    ldr_section *section = reserved_section(LDR_PAGE_EXECUTE_READWRITE);
    ldr_view *view = data_view(section, 0, 0, LDR_PAGE_NOACCESS);
    commit(view, 0, 1);
    cr_expect_eq(data_region(view, 0).protect, (uint32_t)LDR_PAGE_NOACCESS);
    cr_expect_eq(ldr_view_commit(view, 0, 1, RW, NULL), LDR_OK);
    *(uint8_t *)ldr_view_base(view) = 1;
    cr_expect_eq(ldr_view_commit(view, 0, 1, LDR_PAGE_EXECUTE_READWRITE, NULL), LDR_OK);
    cr_expect_eq(data_region(view, 0).protect, (uint32_t)LDR_PAGE_EXECUTE_READWRITE);
    ldr_view_unmap(view);
    ldr_section_close(section);
}

Test(data_commit, commit_size_is_committed_from_the_start_H41)
{
    ldr_section *section = reserved_section(RW);
    ldr_view_options options = {
        .size = sizeof options, .offset = UNIT, .length = UNIT, .commit_size = PAGE + 1};
    ldr_view *view;
    cr_assert_eq(ldr_view_map(section, &options, &view, NULL), LDR_OK);
    cr_expect(data_region(view, 0).committed);
    cr_expect_eq(data_region(view, 0).size, 2 * PAGE);
    cr_expect_not(data_region(view, 2 * PAGE).committed);
    ldr_view_unmap(view);
    ldr_section_close(section);
}

Test(data_commit, copying_view_sees_commits_and_keeps_its_writes)
{
    ldr_section *section = reserved_section(RW);
    ldr_view *view = data_view(section, 0, 0, 0);
    ldr_view *copy = data_view(section, 0, 0, LDR_PAGE_WRITECOPY);
    commit(view, 0, PAGE);
    uint8_t *mine = ldr_view_base(copy), *theirs = ldr_view_base(view);
    theirs[0] = 1;
    cr_expect_eq(mine[0], 1);
    mine[0] = 2;
    cr_expect_eq(theirs[0], 1);
    cr_expect_eq(data_region(copy, 0).protect, (uint32_t)RW);
    commit(copy, PAGE, PAGE);
    cr_expect_eq(data_region(copy, PAGE).protect, (uint32_t)LDR_PAGE_WRITECOPY);
    theirs[PAGE] = 3;
    cr_expect_eq(mine[PAGE], 3);
    ldr_view_unmap(copy);
    ldr_view_unmap(view);
    ldr_section_close(section);
}

/* Every third page, so that no two runs join; 700 of them cross words of marks. */
Test(data_commit, scattered_pages_are_each_committed_alone, .timeout = 60)
{
    enum { PAGES = 700 };
    ldr_section *section = data_section(NULL, PAGES * PAGE, RW, LDR_SEC_RESERVE);
    ldr_view *view = data_view(section, 0, 0, 0), *other = data_view(section, UNIT, 0, 0);
    for (uint64_t page = 0; page < PAGES; page += 3)
        commit(view, page * PAGE, 1);
    ldr_view *later = data_view(section, 0, 0, 0);
    for (uint64_t page = 0; page < PAGES; page++) {
        bool is_committed = page % 3 == 0;
        cr_assert_eq(data_region(view, page * PAGE).committed, is_committed);
        cr_assert_eq(data_region(later, page * PAGE).committed, is_committed);
        if (page >= 16)
            cr_assert_eq(data_region(other, page * PAGE - UNIT).committed, is_committed);
    }
    ldr_view_unmap(later);
    ldr_view_unmap(other);
    ldr_view_unmap(view);
    ldr_section_close(section);
}

/* ---- Other processes ---- */

static int commit_and_write(void *argument)
{
    ldr_view *view = argument;
    if (ldr_view_commit(view, 2 * PAGE, PAGE, 0, NULL) != LDR_OK)
        return 1;
    ((uint8_t *)ldr_view_base(view))[2 * PAGE] = 0x99;
    return 0;
}

Test(data_commit, page_that_a_child_committed_opens_when_it_is_asked_for)
{
    ldr_section *section = reserved_section(RW);
    ldr_view *view = data_view(section, 0, 0, 0);
    uint8_t *bytes = ldr_view_base(view);
    cr_assert_eq(data_in_child(commit_and_write, view), 0);
    cr_expect_not(data_can_read(bytes + 2 * PAGE));
    cr_expect(data_region(view, 2 * PAGE).committed);
    cr_expect_eq(bytes[2 * PAGE], 0x99);
    ldr_view_unmap(view);
    ldr_section_close(section);
}

static ldr_view *touched;

static void open_page(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    if (ldr__view_touch(touched, info->si_addr, LDR__READ) != LDR__TOUCH_OPENED)
        _exit(2);
}

static int touch(void *argument)
{
    struct sigaction action = {.sa_sigaction = open_page, .sa_flags = SA_SIGINFO};
    touched = argument;
    sigaction(SIGSEGV, &action, NULL);
    return *(volatile uint8_t *)((uint8_t *)ldr_view_base(touched) + 2 * PAGE) == 0x99 ? 0 : 1;
}

static int touch_a_reserved_page(void *argument)
{
    struct sigaction action = {.sa_sigaction = open_page, .sa_flags = SA_SIGINFO};
    touched = argument;
    sigaction(SIGSEGV, &action, NULL);
    return *(volatile uint8_t *)((uint8_t *)ldr_view_base(touched) + 3 * PAGE);
}

Test(data_commit, page_that_another_process_committed_opens_when_it_is_touched)
{
    ldr_section *section = reserved_section(RW);
    ldr_view *view = data_view(section, 0, 0, 0);
    cr_assert_eq(data_in_child(commit_and_write, view), 0);
    cr_expect_eq(data_in_child(touch, view), 0);
    cr_expect_eq(data_in_child(touch_a_reserved_page, view), 2);
    ldr_view_unmap(view);
    ldr_section_close(section);
}

/* ---- Failures ---- */

/* Commits over a page that is committed and through two other views, with call `call` failing. */
static bool commit_once(unsigned call)
{
    ldr_section *section = reserved_section(RW);
    ldr_view *views[] = {data_view(section, 0, 0, 0), data_view(section, 0, 0, RO),
                         data_view(section, 0, 2 * UNIT, LDR_PAGE_WRITECOPY)};
    commit(views[0], 2 * PAGE, PAGE);
    cr_assert_eq(ldr_view_protect(views[1], 2 * PAGE, PAGE, LDR_PAGE_NOACCESS, NULL, NULL), LDR_OK);
    ldr_diag diag = {0};
    faulty_os_fail_at(call, false);
    ldr_status status = ldr_view_commit(views[0], PAGE, 3 * PAGE, 0, &diag);
    bool failed = faulty_os_stop() > call;
    cr_assert_eq(status != LDR_OK, failed);
    cr_assert_eq(diag.status, status);
    for (size_t i = 0; i < 3; i++) {
        const uint8_t *bytes = ldr_view_base(views[i]);
        cr_expect_eq(data_can_read(bytes + PAGE), !failed, "call %u, view %zu", call, i);
        cr_expect_eq(data_can_read(bytes + 3 * PAGE), !failed, "call %u, view %zu", call, i);
        cr_expect_eq(data_can_read(bytes + 2 * PAGE), i != 1);
        cr_expect_eq(data_region(views[i], PAGE).committed, !failed);
        cr_expect(data_region(views[i], 2 * PAGE).committed);
        cr_expect_not(data_region(views[i], 4 * PAGE).committed);
        ldr_view_unmap(views[i]);
    }
    ldr_section_close(section);
    return failed;
}

Test(data_commit, failed_call_leaves_all_views_as_they_were)
{
    fixture_state before = fixture_state_take();
    unsigned calls = 0;
    while (commit_once(calls))
        calls++;
    cr_assert_gt(calls, 3u);
    fixture_expect_same(&before);
}
