/* A page whose file was cut off, inside a guard and outside. */
#include "os/os.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Two pages of a file of which only the first is left. */
static volatile char *cut_pages(void)
{
    char path[] = "/tmp/peload-guard-XXXXXX";
    int file = mkstemp(path);
    cr_assert_geq(file, 0);
    unlink(path);
    cr_assert_eq(ftruncate(file, 0x2000), 0);
    char *pages = mmap(NULL, 0x2000, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    cr_assert_neq(pages, MAP_FAILED);
    pages[0] = pages[0x1000] = 'x';
    cr_assert_eq(ftruncate(file, 0x1000), 0);
    close(file);
    return pages;
}

Test(guard, page_that_is_gone_is_zeros_and_that_is_told)
{
    volatile char *pages = cut_pages();
    ldr__os_guard_begin();
    cr_expect_eq(pages[0], 'x');
    cr_expect_not(ldr__os_guard_end());
    ldr__os_guard_begin();
    ldr__os_guard_begin();
    cr_expect_eq(pages[0x1000], 0);
    pages[0x1001] = 'y';
    cr_expect(ldr__os_guard_end());
    cr_expect(ldr__os_guard_end());
    ldr__os_guard_begin();
    cr_expect_not(ldr__os_guard_end());
    munmap((void *)pages, 0x2000);
}

Test(guard, without_one_it_is_the_signal_that_it_was, .signal = SIGBUS)
{
    volatile char *pages = cut_pages();
    signal(SIGBUS, SIG_DFL);
    ldr__os_guard_begin();
    ldr__os_guard_end();
    pages[0x1000] = 'y';
}

static void handle_as_the_host(int number)
{
    (void)number;
    _exit(0);
}

Test(guard, handler_of_the_host_still_gets_what_is_its_own, .exit_code = 0)
{
    volatile char *pages = cut_pages();
    signal(SIGBUS, handle_as_the_host);
    ldr__os_guard_begin();
    ldr__os_guard_end();
    pages[0x1000] = 'y';
    _exit(1);
}
