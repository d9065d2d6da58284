/* Pages that are filled on demand, and children. */
#include "section/demand.h"
#include "support/faulty_os.h"
#include "support/process.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 0x1000

extern char **environ;

static bool all_pages_are_right(const demand_case *c)
{
    for (uint64_t rva = 0; rva < ldr_view_size(c->view); rva += PAGE) {
        if (!demand_page_is_right(c, rva))
            return false;
    }
    return true;
}

/* The exit status of a child, or the negative number of the signal that ended it. */
static int wait_for(pid_t child)
{
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

Test(demand_fork, child_sees_what_nobody_had_touched, .timeout = 60)
{
    demand_case c = demand_case_make();
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(all_pages_are_right(&c) ? 0 : 1);
    cr_expect_eq(wait_for(child), 0);
    cr_expect(all_pages_are_right(&c));
    demand_case_release(&c);
}

Test(demand_fork, child_and_parent_map_further_views_on_demand, .timeout = 60)
{
    demand_case c = demand_case_make();
    ldr_section *section = demand_section(c.path, NULL);
    fflush(NULL);
    pid_t child = fork();
    c.delta -= (intptr_t)ldr_view_base(c.view) - (intptr_t)(DEMAND_BASE + 0x8000000);
    ldr_view *old = c.view;
    ldr_diag diag;
    ldr_view_options options = {.size = sizeof options, .base = DEMAND_BASE + 0x8000000};
    bool is_good = ldr_view_map(section, &options, &c.view, &diag) == LDR_OK &&
                   ldr_view_relocate(c.view, &diag) == LDR_OK && process_threads() > 1 &&
                   all_pages_are_right(&c);
    ldr_view_unmap(old);
    ldr_section_close(section);
    if (child == 0) {
        ldr_view_unmap(c.view);
        _exit(is_good && process_threads() == 1 ? 0 : 1);
    }
    cr_expect(is_good);
    cr_expect_eq(wait_for(child), 0);
    demand_case_release(&c);
}

/* A child of a child has no thread to ask either. */
Test(demand_fork, grandchild_sees_what_the_child_mapped, .timeout = 60)
{
    img_image image = demand_image();
    char *path = fixture_file(image.bytes, image.size);
    ldr_section_close(demand_section(path, NULL)); /* or skip */
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        demand_case c = demand_case_make();
        pid_t grandchild = fork();
        if (grandchild == 0)
            _exit(all_pages_are_right(&c) ? 0 : 1);
        _exit(wait_for(grandchild) == 0 && all_pages_are_right(&c) ? 0 : 1);
    }
    cr_expect_eq(wait_for(child), 0);
    fixture_remove(path);
    img_free(&image);
}

/* ---- While others touch ---- */

static atomic_bool is_over;
static atomic_uint wrong;

static void *touch_until_over(void *argument)
{
    while (!atomic_load(&is_over)) {
        demand_case c = *(demand_case *)argument;
        ldr_view *view = fixture_view(demand_section(c.path, NULL), DEMAND_BASE + 0x8000000);
        ldr_diag diag;
        if (ldr_view_relocate(view, &diag) != LDR_OK)
            atomic_fetch_add(&wrong, 1);
        c.delta = (intptr_t)ldr_view_base(view) - (intptr_t)ldr_view_base(c.eager);
        c.view = view;
        if (!all_pages_are_right(&c))
            atomic_fetch_add(&wrong, 1);
        ldr_view_unmap(view);
    }
    return NULL;
}

Test(demand_fork, fork_while_another_thread_touches_and_maps, .timeout = 120)
{
    demand_case c = demand_case_make();
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, touch_until_over, &c), 0);
    for (int round = 0; round < 30; round++) {
        fflush(NULL);
        pid_t child = fork();
        if (child == 0)
            _exit(all_pages_are_right(&c) ? 0 : 1);
        cr_expect_eq(wait_for(child), 0);
    }
    atomic_store(&is_over, true);
    pthread_join(thread, NULL);
    cr_expect_eq(atomic_load(&wrong), 0u);
    demand_case_release(&c);
}

/* ---- With locks of others ---- */

static pthread_mutex_t lock_of_others = PTHREAD_MUTEX_INITIALIZER;

static void lock_others(void)
{
    pthread_mutex_lock(&lock_of_others);
}

static void unlock_others(void)
{
    pthread_mutex_unlock(&lock_of_others);
}

static void *touch_with_lock(void *view)
{
    for (uint64_t rva = 0; rva < ldr_view_size(view); rva += PAGE) {
        lock_others();
        (void)*((volatile uint8_t *)ldr_view_base(view) + rva);
        unlock_others();
    }
    return NULL;
}

/* Handlers that were there before the library's come after them: who waits for a page, and has what
 * they wait for, must not wait until the fork is done. */
Test(demand_fork, fork_waits_for_a_lock_of_who_waits_for_a_page, .timeout = 60)
{
    pthread_atfork(lock_others, unlock_others, unlock_others);
    img_image image = demand_image();
    for (int round = 0; round < 100; round++) {
        char *path = fixture_file(image.bytes, image.size);
        ldr_view *view = fixture_view(demand_section(path, NULL), DEMAND_BASE);
        pthread_t thread;
        fflush(NULL);
        cr_assert_eq(pthread_create(&thread, NULL, touch_with_lock, view), 0);
        usleep((useconds_t)round * 10);
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        cr_expect_eq(wait_for(child), 0);
        pthread_join(thread, NULL);
        ldr_view_unmap(view);
        fixture_remove(path);
    }
    img_free(&image);
}

/* ---- Children that are other programs ---- */

/* It shares the memory of its parent until it is another program. */
Test(demand_fork, spawned_program_fills_nothing, .timeout = 60)
{
    demand_case c = demand_case_make();
    uint64_t before = demand_segment_bytes();
    pid_t child;
    char *const arguments[] = {"true", NULL};
    cr_assert_eq(posix_spawn(&child, "/bin/true", NULL, NULL, arguments, environ), 0);
    cr_expect_eq(wait_for(child), 0);
    cr_expect_eq(demand_segment_bytes(), before);
    cr_expect(all_pages_are_right(&c));
    demand_case_release(&c);
}

/* The path of the program comes from a page that has to be filled: by the parent's thread. */
Test(demand_fork, child_of_vfork_has_its_pages_filled, .timeout = 60)
{
    demand_case c = demand_case_make();
    const char *byte = (const char *)ldr_view_base(c.view) + DEMAND_TEXT + DEMAND_QUIET;
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t child = vfork();
    if (child == 0)
        _exit(write(ends[1], byte, 1) == 1 ? 0 : 1);
    char got;
    cr_expect_eq(wait_for(child), 0);
    cr_expect_eq(read(ends[0], &got, 1), 1);
    cr_expect_eq(got, *byte);
    demand_case_release(&c);
}

/* ---- A file that has gone ---- */

/* What cannot be filled before a fork is lost to both, by a signal and never as zeros. */
Test(demand_fork, pages_that_cannot_be_filled_are_lost_to_child_and_parent, .timeout = 60)
{
    demand_case c = demand_case_make();
    cr_assert_eq(truncate(c.path, 0x1000), 0);
    for (int in_parent = 0; in_parent < 2; in_parent++) {
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            signal(SIGBUS, SIG_DFL);
            _exit(*((volatile uint8_t *)ldr_view_base(c.view) + DEMAND_DATA + DEMAND_QUIET));
        }
        cr_expect_eq(wait_for(child), -SIGBUS);
    }
    demand_case_release(&c);
}
