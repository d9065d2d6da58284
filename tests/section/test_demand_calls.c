/* Pages that are filled on demand, touched by the kernel first. */
#include "section/demand.h"
#include "section/view.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 0x1000

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

TestSuite(demand_calls, .init = start, .fini = end, .timeout = 60);

static void expect_page(uint64_t rva)
{
    cr_expect(demand_page_is_right(&c, rva), "page %lx", (unsigned long)rva);
}

Test(demand_calls, write_from_an_untouched_page)
{
    static uint8_t got[PAGE];
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_expect_eq(write(ends[1], base + DEMAND_RDATA, PAGE), PAGE);
    cr_expect_eq(read(ends[0], got, PAGE), PAGE);
    cr_expect_arr_eq(got, demand_expected_page(&c, DEMAND_RDATA), PAGE);
}

Test(demand_calls, read_into_an_untouched_page)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(write(ends[1], "word", 4), 4);
    cr_expect_eq(read(ends[0], base + DEMAND_DATA + DEMAND_QUIET, 4), 4);
    cr_expect_arr_eq(base + DEMAND_DATA + DEMAND_QUIET, "word", 4);
    memcpy(base + DEMAND_DATA + DEMAND_QUIET, demand_expected_page(&c, DEMAND_DATA) + DEMAND_QUIET,
           4);
    expect_page(DEMAND_DATA);
}

Test(demand_calls, copies_that_the_kernel_makes)
{
    static uint8_t got[0x20000];
    struct iovec here = {got, sizeof got}, there = {base + DEMAND_TEXT, sizeof got};
    cr_expect_eq(process_vm_readv(getpid(), &here, 1, &there, 1, 0), (ssize_t)sizeof got);
    for (uint64_t at = 0; at < sizeof got; at += PAGE)
        cr_expect_arr_eq(got + at, demand_expected_page(&c, DEMAND_TEXT + at), PAGE);
    cr_expect_eq(ldr__os_peek(base + DEMAND_RDATA, got, PAGE), LDR_OK);
    cr_expect_arr_eq(got, demand_expected_page(&c, DEMAND_RDATA), PAGE);
    cr_expect_eq(ldr__os_poke(base + DEMAND_DATA + DEMAND_QUIET, "word", 4), LDR_OK);
    cr_expect_arr_eq(base + DEMAND_DATA + DEMAND_QUIET, "word", 4);
}

Test(demand_calls, another_process_reads_an_untouched_page)
{
    uint8_t got[64];
    struct iovec here = {got, sizeof got}, there = {base + DEMAND_RDATA, sizeof got};
    pid_t parent = getpid();
    pid_t child = vfork();
    if (child == 0)
        _exit(process_vm_readv(parent, &here, 1, &there, 1, 0) == sizeof got ? 0 : 1);
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0);
    cr_expect_arr_eq(got, demand_expected_page(&c, DEMAND_RDATA), sizeof got);
}

Test(demand_calls, protections_change_over_untouched_pages)
{
    cr_assert_eq(mprotect(base + DEMAND_TEXT, 4 * PAGE, PROT_READ | PROT_WRITE), 0);
    base[DEMAND_TEXT + PAGE + DEMAND_QUIET] ^= 0xFF;
    base[DEMAND_TEXT + PAGE + DEMAND_QUIET] ^= 0xFF;
    cr_assert_eq(mprotect(base + DEMAND_TEXT, 4 * PAGE, PROT_READ | PROT_EXEC), 0);
    for (uint64_t at = 0; at < 8 * PAGE; at += PAGE)
        expect_page(DEMAND_TEXT + at);
    fixture_expect_access(c.view);
}

Test(demand_calls, pages_that_are_opened_for_writing_can_be_untouched)
{
    cr_assert_eq(ldr__view_write_begin(c.view, DEMAND_TEXT, 0x20000), LDR_OK);
    base[DEMAND_TEXT + 0x11000 + DEMAND_QUIET] ^= 0xFF;
    base[DEMAND_TEXT + 0x11000 + DEMAND_QUIET] ^= 0xFF;
    cr_assert_eq(ldr__view_write_end(c.view, DEMAND_TEXT, 0x20000), LDR_OK);
    for (uint64_t at = 0; at < 0x20000; at += PAGE)
        expect_page(DEMAND_TEXT + at);
    fixture_expect_access(c.view);
}

Test(demand_calls, page_whose_right_to_read_was_taken_comes_back)
{
    cr_assert_eq(mprotect(base + DEMAND_RDATA, 2 * PAGE, PROT_NONE), 0);
    cr_assert_eq(mprotect(base + DEMAND_RDATA, 2 * PAGE, PROT_READ), 0);
    expect_page(DEMAND_RDATA);
    expect_page(DEMAND_RDATA + PAGE);
}

/* What the kernel is advised of never becomes zeros. */
Test(demand_calls, advice_fills_or_does_nothing)
{
    static const int advices[] = {MADV_WILLNEED, MADV_DONTNEED, MADV_RANDOM,  MADV_SEQUENTIAL,
                                  MADV_COLD,     MADV_PAGEOUT,  MADV_HUGEPAGE};
    for (size_t i = 0; i < sizeof advices / sizeof advices[0]; i++) {
        uint64_t rva = DEMAND_RDATA + 2 * DEMAND_GRANULE * (i % 3) + PAGE * i;
        madvise(base + rva, PAGE, advices[i]);
        expect_page(rva);
        madvise(base + rva, PAGE, advices[i]);
        expect_page(rva);
    }
}

Test(demand_calls, populating_fills)
{
    enum { POPULATE_READ = 22, POPULATE_WRITE = 23 }; /* newer than the C library's headers */
    if (madvise(base + DEMAND_RDATA, 0x30000, POPULATE_READ) != 0)
        cr_skip_test("the kernel cannot populate");
    cr_expect_eq(madvise(base + DEMAND_DATA, 0x10000, POPULATE_WRITE), 0);
    for (uint64_t at = 0; at < 0x30000; at += PAGE)
        expect_page(DEMAND_RDATA + at);
    for (uint64_t at = 0; at < 0x10000; at += PAGE)
        expect_page(DEMAND_DATA + at);
}

/* What a view has not touched yet is told of by no page. */
Test(demand_calls, mincore_finds_only_what_is_filled)
{
    unsigned char there[0x10];
    cr_assert_eq(mincore(base + DEMAND_DATA + 0x20000, sizeof there * PAGE, there), 0);
    for (size_t i = 0; i < sizeof there; i++)
        cr_expect_eq(there[i] & 1, 0);
}

Test(demand_calls, locking_memory_fills)
{
    if (mlock(base + DEMAND_DATA, 0x20000) != 0)
        cr_skip_test("memory cannot be locked");
    for (uint64_t at = 0; at < 0x20000; at += PAGE)
        expect_page(DEMAND_DATA + at);
}

/* The kernel fills what is mapped from then on at once: with zeros, if it is not watched yet. */
Test(demand_calls, views_of_a_process_that_locks_all_its_memory)
{
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
        cr_skip_test("memory cannot be locked");
    demand_case locked = demand_case_make_at(0x4000000);
    for (uint64_t rva = 0; rva < ldr_view_size(locked.view); rva += PAGE)
        cr_assert(demand_page_is_right(&locked, rva), "page %lx", (unsigned long)rva);
    demand_case_release(&locked);
    munlockall();
}
