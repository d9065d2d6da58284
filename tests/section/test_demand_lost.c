/* Pages that are to be filled on demand from a file that is cut off or changed by then. */
#include "section/demand.h"
#include "section/view.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 0x1000

/* What one granule has in common with no other that is touched here. */
#define PLACE (DEMAND_DATA + 0x20000)

static demand_case c;
static uint8_t *base;

static void start(void)
{
    c = demand_case_make();
    base = ldr_view_base(c.view);
}

static void end(void)
{
    demand_case_release(&c);
}

TestSuite(demand_lost, .init = start, .fini = end, .timeout = 60);

static void cut(void)
{
    cr_assert_eq(truncate(c.path, 0x10000), 0);
}

/* ---- Signals ---- */

static sigjmp_buf retreat;
static siginfo_t seen;

static void leave(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    seen = *info;
    siglongjmp(retreat, 1);
}

static bool read_byte(uint64_t rva)
{
    struct sigaction action = {.sa_sigaction = leave, .sa_flags = SA_SIGINFO}, before;
    sigaction(SIGBUS, &action, &before);
    bool is_read = false;
    if (sigsetjmp(retreat, 1) == 0) {
        (void)*(volatile uint8_t *)(base + rva);
        is_read = true;
    }
    sigaction(SIGBUS, &before, NULL);
    return is_read;
}

Test(demand_lost, who_touches_a_page_that_is_gone_gets_the_signal_of_a_file_that_is_cut_off)
{
    cut();
    cr_expect_not(read_byte(PLACE));
    cr_expect_eq(seen.si_signo, SIGBUS);
    cr_expect_eq(seen.si_code, BUS_ADRERR);
    cr_expect_eq(seen.si_addr, base + PLACE);
    cr_expect_not(read_byte(PLACE), "nor is it there the next time");
}

Test(demand_lost, pages_that_are_filled_stay)
{
    cr_expect(read_byte(PLACE));
    cut();
    cr_expect(demand_page_is_right(&c, PLACE + PAGE));
    cr_expect_not(read_byte(DEMAND_RDATA + 0x20000));
}

/* What is filled ahead is no reason to lose what is there. */
Test(demand_lost, page_before_those_that_are_gone_is_filled)
{
    cr_assert_eq(truncate(c.path, (off_t)img_offset_of(&c.image, 0xE0000)), 0);
    cr_expect(demand_page_is_right(&c, 0xC2000));
    cr_expect(demand_page_is_right(&c, 0xD2000));
    cr_expect(demand_page_is_right(&c, 0xDE000));
    cr_expect_not(read_byte(0xE2000));
}

/* Bytes of another file under the headers of this one would be neither. */
Test(demand_lost, file_with_other_headers_is_another_file)
{
    int file = open(c.path, O_WRONLY | O_CLOEXEC);
    cr_assert_eq(pwrite(file, "\xFF", 1, 0x40), 1);
    close(file);
    cr_expect_not(read_byte(DEMAND_TEXT + PAGE));
}

/* ---- System calls ---- */

Test(demand_lost, system_calls_fail)
{
    uint8_t got[16];
    int ends[2];
    cut();
    cr_assert_eq(pipe(ends), 0);
    cr_expect_eq(write(ends[1], base + PLACE, sizeof got), -1);
    cr_expect_eq(errno, EFAULT);
    cr_expect_eq(ldr__os_peek(base + PLACE + 2 * PAGE, got, sizeof got), LDR_IO_ERROR);
    cr_expect_eq(ldr__os_poke(base + PLACE + 4 * PAGE, got, sizeof got), LDR_IO_ERROR);
}

/* ---- The library ---- */

Test(demand_lost, guard_tells_of_a_page_that_is_gone)
{
    cut();
    ldr__os_guard_begin();
    cr_expect_eq(*(volatile uint8_t *)(base + PLACE), 0);
    cr_expect(ldr__os_guard_end());
}

/* Also where it was going to be written to, and is open for that. */
Test(demand_lost, guard_tells_of_a_page_that_is_written)
{
    cut();
    cr_assert_eq(ldr__view_write_begin(c.view, DEMAND_RDATA + 0x20000, 8), LDR_OK);
    ldr__os_guard_begin();
    *(volatile uint8_t *)(base + DEMAND_RDATA + 0x20000) = 1;
    cr_expect(ldr__os_guard_end());
    cr_expect_eq(ldr__view_write_end(c.view, DEMAND_RDATA + 0x20000, 8), LDR_OK);
}

static void expect_relocation_fails(ldr_section *section, const char *path)
{
    ldr_diag diag;
    ldr_view *view = fixture_view(section, DEMAND_BASE + 0x8000000);
    cr_assert_eq(truncate(path, 0x800), 0);
    cr_expect_eq(ldr_view_relocate(view, &diag), LDR_IO_ERROR);
    cr_expect_eq(diag.why.nt_status, PE_NT_IN_PAGE_ERROR);
    ldr_view_unmap(view);
}

Test(demand_lost, relocations_that_are_gone_are_a_status)
{
    expect_relocation_fails(demand_section(c.path, NULL), c.path);
}

/* A view that was written to is filled first: it has to be relocated at once. */
Test(demand_lost, pages_that_are_relocated_at_once_are_a_status)
{
    ldr_diag diag;
    ldr_view *view = fixture_view(demand_section(c.path, NULL), DEMAND_BASE + 0x8000000);
    ((uint8_t *)ldr_view_base(view))[PLACE] = 1;
    cut();
    cr_expect_eq(ldr_view_relocate(view, &diag), LDR_IO_ERROR);
    ldr_view_unmap(view);
}

Test(demand_lost, query_does_not_touch)
{
    cut();
    for (uint64_t rva = 0; rva < ldr_view_size(c.view);) {
        ldr_region region;
        cr_assert_eq(ldr_view_query(c.view, rva, &region), LDR_OK);
        rva += region.size;
    }
}
