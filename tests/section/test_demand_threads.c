/* Pages that are filled on demand, touched by many threads at once and while views go. */
#include "section/demand.h"
#include "support/faulty_os.h"
#include "support/process.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 0x1000, THREADS = 8 };

/* ---- At once ---- */

typedef struct toucher {
    const demand_case *c;
    pthread_barrier_t *start;
    uint64_t first, step; /* pages */
    uint64_t wrong;
} toucher;

static void *touch_all(void *argument)
{
    toucher *t = argument;
    uint64_t size = ldr_view_size(t->c->view);
    pthread_barrier_wait(t->start);
    for (uint64_t rva = t->first; rva < size; rva += t->step)
        t->wrong += !demand_page_is_right(t->c, rva);
    return NULL;
}

/* Each thread begins at `shift` pages after the one before it and goes `step` pages at a time. */
static void touch_in_threads(uint64_t shift, uint64_t step)
{
    demand_case c = demand_case_make();
    pthread_t threads[THREADS];
    toucher touchers[THREADS];
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, THREADS);
    for (uint64_t i = 0; i < THREADS; i++) {
        touchers[i] = (toucher){&c, &start, i * shift * PAGE, step * PAGE, 0};
        cr_assert_eq(pthread_create(&threads[i], NULL, touch_all, &touchers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        cr_expect_eq(touchers[i].wrong, 0u);
    }
    pthread_barrier_destroy(&start);
    demand_case_release(&c);
}

Test(demand_threads, all_touch_the_same_pages, .timeout = 60)
{
    for (int round = 0; round < 10; round++)
        touch_in_threads(0, 1);
}

Test(demand_threads, each_touches_others, .timeout = 60)
{
    for (int round = 0; round < 10; round++)
        touch_in_threads(1, THREADS);
}

/* Views of one section at several bases, each mapped, read and unmapped by a thread. */
static void *use_views(void *argument)
{
    ldr_section *section = ((void **)argument)[0];
    uint64_t number = (uintptr_t)((void **)argument)[1], wrong = 0;
    for (int round = 0; round < 20; round++) {
        ldr_view *view;
        ldr_diag diag;
        ldr_view_options options = {.size = sizeof options,
                                    .base = DEMAND_BASE + 0x1000000 * number};
        if (ldr_view_map(section, &options, &view, &diag) != LDR_OK ||
            ldr_view_relocate(view, &diag) != LDR_OK)
            return (void *)1;
        uint64_t value;
        memcpy(&value, (uint8_t *)ldr_view_base(view) + DEMAND_DATA + 8, sizeof value);
        wrong += value - options.base > ldr_view_size(view);
        ldr_view_unmap(view);
    }
    return (void *)(uintptr_t)wrong;
}

Test(demand_threads, views_of_one_section_come_and_go, .timeout = 60)
{
    size_t before = process_threads();
    img_image image = demand_image();
    char *path = fixture_file(image.bytes, image.size);
    ldr_section *section = demand_section(path, NULL);
    pthread_t threads[THREADS];
    void *arguments[THREADS][2];
    for (size_t i = 0; i < THREADS; i++) {
        arguments[i][0] = section;
        arguments[i][1] = (void *)i;
        cr_assert_eq(pthread_create(&threads[i], NULL, use_views, arguments[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        cr_expect_null(wrong);
    }
    demand_expect_threads(before);
    ldr_section_close(section);
    fixture_remove(path);
    img_free(&image);
}

/* ---- While a fault is under way ---- */

/* The read of the filler waits until the test lets it go. */
static atomic_bool is_reading, may_read;

static void wait_a_little(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void hold_read(unsigned read, void *bytes, size_t *count)
{
    (void)read;
    (void)bytes;
    (void)count;
    atomic_store(&is_reading, true);
    while (!atomic_load(&may_read))
        wait_a_little();
}

static _Thread_local sigjmp_buf retreat;
static atomic_int signal_seen;

static void leave_by_signal(int number)
{
    atomic_store(&signal_seen, number);
    siglongjmp(retreat, 1);
}

/* Reads a byte that may never come; says by which signal it was stopped, or 0. */
static void *read_byte(void *address)
{
    if (sigsetjmp(retreat, 1) == 0)
        (void)*(volatile uint8_t *)address;
    return NULL;
}

static pthread_t start_reader(const ldr_view *view, uint64_t rva)
{
    pthread_t reader;
    struct sigaction action = {.sa_handler = leave_by_signal};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    cr_assert_eq(pthread_create(&reader, NULL, read_byte, (uint8_t *)ldr_view_base(view) + rva), 0);
    return reader;
}

static void *unmap(void *view)
{
    ldr_view_unmap(view);
    return NULL;
}

/* The view is unmapped by one thread while another waits for a page of it. */
Test(demand_threads, view_goes_while_a_thread_waits_for_its_page, .timeout = 60)
{
    size_t before = process_threads();
    demand_case c = demand_case_make();
    pthread_t unmapper;
    faulty_os_on_read(hold_read);
    pthread_t reader = start_reader(c.view, DEMAND_DATA + DEMAND_QUIET);
    while (!atomic_load(&is_reading))
        wait_a_little();
    cr_assert_eq(pthread_create(&unmapper, NULL, unmap, c.view), 0);
    for (int i = 0; i < 20; i++)
        wait_a_little();
    atomic_store(&may_read, true);
    pthread_join(unmapper, NULL);
    pthread_join(reader, NULL); /* it has got its byte, or a signal: it does not hang */
    cr_expect(signal_seen == 0 || signal_seen == SIGSEGV);
    faulty_os_on_read(NULL);
    c.view = NULL;
    demand_case_release(&c);
    demand_expect_threads(before);
}

/* At random moments, without a hook. */
Test(demand_threads, view_goes_at_any_moment_of_a_fault, .timeout = 120)
{
    size_t before = process_threads();
    img_image image = demand_image();
    char *path = fixture_file(image.bytes, image.size);
    for (long round = 0; round < 300; round++) {
        ldr_view *view = fixture_view(demand_section(path, NULL), DEMAND_BASE);
        fixture_expect_relocated(view);
        pthread_t reader = start_reader(view, DEMAND_DATA + DEMAND_QUIET);
        nanosleep(&(struct timespec){.tv_nsec = round * 1000}, NULL);
        ldr_view_unmap(view);
        pthread_join(reader, NULL);
    }
    demand_expect_threads(before);
    cr_expect(signal_seen == 0 || signal_seen == SIGSEGV);
    fixture_remove(path);
    img_free(&image);
}

/* The section goes with its last view, whichever that is. */
Test(demand_threads, section_goes_while_another_view_of_the_file_is_filled, .timeout = 60)
{
    demand_case c = demand_case_make();
    for (int round = 0; round < 50; round++) {
        ldr_view *other = fixture_view(demand_section(c.path, NULL), DEMAND_BASE + 0x8000000);
        fixture_expect_relocated(other);
        pthread_t reader =
            start_reader(c.view, DEMAND_RDATA + DEMAND_QUIET + (uint64_t)round * 2 * PAGE);
        ldr_view_unmap(other);
        pthread_join(reader, NULL);
    }
    cr_expect_eq(signal_seen, 0);
    demand_case_release(&c);
}
