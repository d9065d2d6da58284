/* os.h as Linux keeps it: pages that are filled when they are touched, and which are copies. */
#include "os/os.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE UINT64_C(4096)
#define SIZE (16 * PAGE)

/* A segment that is mapped once and filled page by page with the number of the page. */
typedef struct owner {
    ldr__handle segment;
    ldr__pager *pager;
    uint8_t *view;
    unsigned fills, settled;
} owner;

static void fill(void *self, void *address)
{
    owner *o = self;
    uint8_t bytes[PAGE];
    uint64_t at = (uint64_t)((uint8_t *)address - o->view);
    o->fills++;
    memset(bytes, (int)(1 + at / PAGE), sizeof bytes);
    cr_assert_eq(ldr__os_pager_fill(o->pager, o->segment, at, bytes, sizeof bytes), LDR_OK);
}

static void settle(void *self)
{
    owner *o = self;
    for (uint64_t at = 0; at < SIZE; at += PAGE)
        fill(self, o->view + at);
    o->settled++;
}

static void start(owner *o)
{
    void *view;
    *o = (owner){.segment = LDR__NO_HANDLE};
    if (ldr__os_pager_create(&(ldr__pager_owner){o, fill, settle}, &o->pager) != LDR_OK)
        cr_skip_test("the system does not grant userfaultfd");
    cr_assert_eq(ldr__os_segment_create(SIZE, &o->segment), LDR_OK);
    cr_assert_eq(ldr__os_reserve(0, SIZE, PAGE, &view), LDR_OK);
    o->view = view;
    cr_assert_eq(ldr__os_pager_begin(o->pager), LDR_OK);
    cr_assert_eq(ldr__os_map_private(view, SIZE, o->segment, 0, LDR__NO_ACCESS), LDR_OK);
    ldr__os_pager_lock(o->pager);
    cr_assert_eq(ldr__os_pager_watch(o->pager, view, SIZE), LDR_OK);
    ldr__os_pager_unlock(o->pager);
    cr_assert_eq(ldr__os_protect(view, SIZE, LDR__READ | LDR__WRITE), LDR_OK);
}

static void end(owner *o)
{
    ldr__os_unmap(o->view, SIZE);
    ldr__os_pager_wake(o->pager, o->view, SIZE);
    ldr__os_pager_end(o->pager);
    ldr__os_pager_destroy(o->pager);
    ldr__os_close(o->segment);
}

Test(demand, page_is_filled_when_it_is_read_or_written_and_once)
{
    owner o;
    start(&o);
    cr_expect_eq(o.view[3 * PAGE + 5], 4);
    o.view[5 * PAGE] = 77;
    cr_expect_eq(o.view[5 * PAGE], 77);
    cr_expect_eq(o.view[5 * PAGE + 1], 6);
    cr_expect_eq(o.view[3 * PAGE], 4);
    cr_expect_eq(o.fills, 2u);
    end(&o);
}

/* Others may have filled some pages of a range meanwhile. */
Test(demand, page_that_is_there_stays_and_those_around_it_are_filled)
{
    owner o;
    uint8_t bytes[3 * PAGE];
    start(&o);
    cr_expect_eq(o.view[5 * PAGE], 6);
    memset(bytes, 99, sizeof bytes);
    ldr__os_pager_lock(o.pager);
    cr_expect_eq(ldr__os_pager_fill(o.pager, o.segment, 4 * PAGE, bytes, sizeof bytes), LDR_OK);
    ldr__os_pager_unlock(o.pager);
    cr_expect_eq(o.view[5 * PAGE - 1], 99);
    cr_expect_eq(o.view[5 * PAGE], 6);
    cr_expect_eq(o.view[6 * PAGE], 99);
    cr_expect_eq(o.fills, 1u);
    end(&o);
}

Test(demand, pager_without_users_can_be_used_again)
{
    owner o;
    start(&o);
    for (int i = 0; i < 100; i++) {
        ldr__os_pager_end(o.pager);
        cr_assert_eq(ldr__os_pager_begin(o.pager), LDR_OK);
    }
    cr_expect_eq(o.view[PAGE], 2);
    end(&o);
}

Test(demand, fork_settles_and_the_child_can_go_on)
{
    owner o;
    start(&o);
    pid_t child = fork();
    if (child == 0) {
        bool is_right = o.view[7 * PAGE] == 8 && o.settled == 1;
        end(&o);
        _exit(is_right ? 0 : 1);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0);
    cr_expect_eq(o.settled, 1u);
    cr_expect_eq(o.view[7 * PAGE], 8);
    end(&o);
}

Test(demand, pager_of_nobody_is_not_settled)
{
    owner o;
    start(&o);
    ldr__os_pager_end(o.pager);
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    cr_expect_eq(o.settled, 0u);
    cr_assert_eq(ldr__os_pager_begin(o.pager), LDR_OK);
    end(&o);
}

Test(demand, releasing_nothing_is_allowed)
{
    ldr__os_pager_destroy(NULL);
}

/* ---- Copies ---- */

Test(demand, copy_is_found_among_pages_that_are_none)
{
    owner o;
    bool is_any;
    start(&o);
    cr_assert_eq(ldr__os_any_private(o.view, SIZE, &is_any), LDR_OK);
    cr_expect_not(is_any);
    for (uint64_t at = 0; at < SIZE; at += PAGE)
        cr_expect_neq(o.view[at], 0);
    cr_assert_eq(ldr__os_any_private(o.view, SIZE, &is_any), LDR_OK);
    cr_expect_not(is_any);
    o.view[9 * PAGE] = 1;
    cr_assert_eq(ldr__os_any_private(o.view, SIZE, &is_any), LDR_OK);
    cr_expect(is_any);
    cr_assert_eq(ldr__os_any_private(o.view, 9 * PAGE, &is_any), LDR_OK);
    cr_expect_not(is_any);
    cr_assert_eq(ldr__os_any_private(o.view + 9 * PAGE, PAGE, &is_any), LDR_OK);
    cr_expect(is_any);
    end(&o);
}
