/* Copies that the system makes, where the process that touched the pages would get a signal. */
#include "os/os.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE     UINT64_C(4096)
#define PAGES    4
#define ENDED_AT (2 * PAGE + 100) /* where the file is cut; the kernel keeps the page */

/* Four pages of a file, each full of its number, and a buffer for as many. */
typedef struct mapped_file {
    int file;
    uint8_t *view;
    uint8_t buffer[PAGES * PAGE];
} mapped_file;

static mapped_file map_file(void)
{
    char path[] = "/tmp/peload-copy-XXXXXX";
    mapped_file m = {.file = mkstemp(path)};
    void *address;
    for (size_t i = 0; i < sizeof m.buffer; i++)
        m.buffer[i] = (uint8_t)(1 + i / PAGE);
    cr_assert_eq(write(m.file, m.buffer, sizeof m.buffer), (ssize_t)sizeof m.buffer);
    unlink(path);
    cr_assert_eq(ldr__os_reserve(0, sizeof m.buffer, PAGE, &address), LDR_OK);
    cr_assert_eq(ldr__os_map_private(address, sizeof m.buffer, (ldr__handle){m.file}, 0,
                                     LDR__READ | LDR__WRITE),
                 LDR_OK);
    m.view = address;
    return m;
}

static void unmap_file(mapped_file *m)
{
    ldr__os_unmap(m->view, sizeof m->buffer);
    close(m->file);
}

static void expect_copies(void)
{
    mapped_file m = map_file();
    memset(m.buffer, 0, sizeof m.buffer);
    cr_assert_eq(ldr__os_peek(m.view + 10, m.buffer, 3 * PAGE), LDR_OK);
    cr_assert_arr_eq(m.buffer, m.view + 10, 3 * PAGE);
    cr_assert_eq(m.buffer[3 * PAGE], 0);
    memset(m.buffer, 9, sizeof m.buffer);
    cr_assert_eq(ldr__os_poke(m.view + PAGE - 1, m.buffer, PAGE + 2), LDR_OK);
    cr_assert_eq(m.view[PAGE - 2], 1);
    cr_assert_arr_eq(m.view + PAGE - 1, m.buffer, PAGE + 2);
    cr_assert_eq(m.view[2 * PAGE + 1], 3);
    unmap_file(&m);
}

/* Also a page that was written, and so is the process's own, goes with the end of its file. */
static void expect_errors_behind_the_end(void)
{
    mapped_file m = map_file();
    m.view[3 * PAGE] = 8;
    cr_assert_eq(ftruncate(m.file, ENDED_AT), 0);
    cr_assert_eq(ldr__os_peek(m.view, m.buffer, 3 * PAGE), LDR_OK);
    cr_assert_eq(ldr__os_poke(m.view, m.buffer, 3 * PAGE), LDR_OK);
    cr_assert_eq(ldr__os_peek(m.view + 3 * PAGE, m.buffer, PAGE), LDR_IO_ERROR);
    cr_assert_eq(ldr__os_poke(m.view + 3 * PAGE, m.buffer, PAGE), LDR_IO_ERROR);
    cr_assert_eq(ldr__os_peek(m.view + 3 * PAGE - 5, m.buffer, 10), LDR_IO_ERROR);
    cr_assert_eq(ldr__os_poke(m.view + 3 * PAGE - 5, m.buffer, 10), LDR_IO_ERROR);
    unmap_file(&m);
}

/* From now on the calls that copy between processes end with `error`. */
static void forbid_copies(int error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_writev, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof code[0], code};
    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

Test(copy, bytes_come_out_and_go_in)
{
    expect_copies();
}

Test(copy, page_behind_the_end_of_its_file_is_an_error)
{
    expect_errors_behind_the_end();
}

Test(copy, sandbox_that_forbids_the_calls_changes_nothing)
{
    forbid_copies(EPERM);
    expect_copies();
    expect_errors_behind_the_end();
}

Test(copy, system_without_the_calls_changes_nothing)
{
    forbid_copies(ENOSYS);
    expect_copies();
    expect_errors_behind_the_end();
}
