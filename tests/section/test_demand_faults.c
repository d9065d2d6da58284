/* Every call to the operating system fails once while pages are filled on demand. */
#include "section/demand.h"
#include "support/faulty_os.h"
#include "support/process.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 0x1000

/* All that is done with a section but to touch a view: two views, since the second finds what the
 * first one made. */
static ldr_status work(const char *path, ldr_fill fill)
{
    ldr_section_options options = {.size = sizeof options, .fill = fill};
    ldr_section *section = NULL;
    ldr_view *view = NULL;
    ldr_diag diag = {0};
    ldr_view_options where = {.size = sizeof where, .base = DEMAND_BASE + 0x8000000};
    ldr_status status = ldr_section_from_file(path, &options, &section, &diag);
    for (int i = 0; i < 2 && status == LDR_OK; i++) {
        status = ldr_view_map(section, &where, &view, &diag);
        if (status == LDR_OK)
            status = ldr_view_relocate(view, &diag);
        ldr_view_unmap(view);
        view = NULL;
    }
    cr_expect(status == LDR_OK || diag.status == status);
    ldr_section_close(section);
    return status;
}

static bool has_failed(const char *name)
{
    return faulty_os_failed() != NULL && strcmp(faulty_os_failed(), name) == 0;
}

/* What keeps a section from sharing its segment with others: had alone, it is as good. */
static bool can_do_without(void)
{
    return has_failed("copy_find") || has_failed("file_stamp");
}

Test(demand_faults, each_call_fails_once_and_is_a_status, .timeout = 60)
{
    demand_case c = demand_case_make();
    faulty_os_fail_at(UINT32_MAX, false);
    cr_assert_eq(work(c.path, LDR_FILL_ON_DEMAND), LDR_OK);
    unsigned calls = faulty_os_stop();
    size_t threads = process_threads();
    cr_assert_gt(calls, 30u);
    for (unsigned call = 0; call < calls; call++) {
        fixture_state before = fixture_state_take();
        faulty_os_fail_at(call, false);
        ldr_status status = work(c.path, LDR_FILL_ON_DEMAND);
        faulty_os_stop();
        cr_expect(status != LDR_OK || can_do_without(), "call %u: %s", call, faulty_os_failed());
        fixture_expect_same(&before);
    }
    demand_expect_threads(threads);
    cr_expect(faulty_os_has_failed("pager_create") && faulty_os_has_failed("pager_begin") &&
              faulty_os_has_failed("pager_watch") && faulty_os_has_failed("any_private"));
    demand_case_release(&c);
}

/* What only filling on demand needs is no reason to fail, where that was not asked for. */
static void expect_right_or_status(demand_case *c, unsigned call)
{
    ldr_section_options options = {.size = sizeof options};
    ldr_section *section = NULL;
    ldr_diag diag;
    ldr_view_options where = {.size = sizeof where, .base = DEMAND_BASE + 0x8000000};
    ldr_view *view = NULL, *watched = c->view;
    faulty_os_fail_at(call, false);
    ldr_status status = ldr_section_from_file(c->path, &options, &section, &diag);
    if (status == LDR_OK)
        status = ldr_view_map(section, &where, &view, &diag);
    if (status == LDR_OK)
        status = ldr_view_relocate(view, &diag);
    faulty_os_stop();
    if (has_failed("pager_create") || has_failed("pager_begin") || has_failed("pager_watch") ||
        has_failed("any_private"))
        cr_expect_eq(status, LDR_OK, "call %u: %s", call, faulty_os_failed());
    if (status == LDR_OK) {
        c->view = view;
        c->delta = (intptr_t)ldr_view_base(view) - (intptr_t)ldr_view_base(c->eager);
        for (uint64_t rva = 0; rva < ldr_view_size(view); rva += PAGE)
            cr_expect(demand_page_is_right(c, rva), "call %u: %s, page %lx", call,
                      faulty_os_failed(), (unsigned long)rva);
        c->view = watched;
    }
    ldr_view_unmap(view);
    ldr_section_close(section);
}

Test(demand_faults, each_call_fails_once_and_the_eager_way_is_taken, .timeout = 120)
{
    demand_case c = demand_case_make();
    unsigned call = 0;
    expect_right_or_status(&c, UINT32_MAX); /* the stack of its thread stays, for the next one */
    fixture_state before = fixture_state_take();
    do {
        expect_right_or_status(&c, call++);
    } while (faulty_os_failed() != NULL);
    cr_expect_gt(call, 30u);
    cr_expect(faulty_os_has_failed("pager_create") && faulty_os_has_failed("pager_begin") &&
              faulty_os_has_failed("pager_watch"));
    fixture_expect_same(&before);
    demand_case_release(&c);
}

/* A section that could not have a view watched says so. */
Test(demand_faults, section_tells_that_it_is_filled_after_all)
{
    demand_case c = demand_case_make();
    ldr_section *section;
    ldr_view *view;
    ldr_diag diag;
    cr_assert_eq(ldr_section_from_file(c.path, NULL, &section, &diag), LDR_OK);
    cr_assert_eq(ldr_section_fill(section), LDR_FILL_ON_DEMAND);
    for (unsigned call = 0; ldr_section_fill(section) == LDR_FILL_ON_DEMAND; call++) {
        faulty_os_fail_at(call, false);
        ldr_status status = ldr_view_map(section, NULL, &view, &diag);
        faulty_os_stop();
        if (status == LDR_OK)
            ldr_view_unmap(view);
    }
    cr_expect(has_failed("pager_begin") || has_failed("map_private"));
    ldr_section_close(section);
    demand_case_release(&c);
}
