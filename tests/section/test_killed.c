/* Processes that share memory are killed at any moment. */
#include "section/sharers.h"
#include "support/sanitizer.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* The sanitizer's shadow makes fork slow. */
#define ROUNDS  (WITH_ASAN ? 150 : 1000)
#define WORKERS 3

/* Microseconds that the workers of a round are given at the most, all told: a load takes some
 * hundred. */
#define LIFETIME 1500

/* How often workers have loaded the file, in memory that all have. */
static atomic_uint *loads;

/* What workers count in the SHARED section, behind the text that says that it is complete. */
static atomic_uint *count_of(const ldr_view *view)
{
    return (atomic_uint *)(void *)(sharer_text(view) + 16);
}

static bool is_complete(const ldr_view *view)
{
    const char *pointer = (const char *)ldr_view_base(view) + SHARER_POINTER;
    uint64_t value;
    memcpy(&value, pointer, sizeof value);
    return strcmp(sharer_text(view), SHARER_TEXT) == 0 && value == FIXTURE_BASE + SHARER_TEXT_RVA;
}

static ldr_status load(const char *path, ldr_view **ret_view)
{
    ldr_diag diag;
    ldr_section *section;
    ldr_status status = ldr_section_from_file(path, NULL, &section, &diag);
    if (status != LDR_OK)
        return status;
    status = ldr_view_map(section, NULL, ret_view, &diag);
    ldr_section_close(section);
    return status;
}

/* Loads, counts and unloads until it is killed; ends by itself if anything is wrong. */
static void work(const char *path)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        ldr_view *view;
        ldr_status status = load(path, &view);
        if (status != LDR_OK)
            _exit(100 + (int)status);
        if (!is_complete(view))
            _exit(99);
        atomic_fetch_add(count_of(view), 1);
        atomic_fetch_add(loads, 1);
        ldr_view_unmap(view);
    }
}

static void kill_at_random(const pid_t *workers)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        usleep((useconds_t)(rand() % (LIFETIME / WORKERS)));
        kill(workers[i], SIGKILL);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        int status;
        cr_assert_eq(waitpid(workers[i], &status, 0), workers[i]);
        cr_assert(WIFSIGNALED(status), "a worker found something wrong: %d", WEXITSTATUS(status));
    }
}

static void run_round(const char *path)
{
    pid_t workers[WORKERS];
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = fork();
        cr_assert_geq(workers[i], 0);
        if (workers[i] == 0)
            work(path);
    }
    kill_at_random(workers);
}

/* What the next process finds when all are gone. */
static void expect_start(const char *path)
{
    ldr_view *view;
    cr_assert_eq(load(path, &view), LDR_OK);
    cr_assert_eq(view->section->shared_by.sharing, LDR_SHARING_PUBLISHED);
    cr_assert_eq(view->section->segment_by.sharing, LDR_SHARING_PUBLISHED);
    cr_assert(is_complete(view));
    cr_assert_eq(atomic_load(count_of(view)), 0u);
    atomic_store(count_of(view), 1000000);
    ldr_view_unmap(view);
}

/* So that names are those of this test alone; false where the system does not allow it. */
static bool leave_network(void)
{
    return unshare(CLONE_NEWNET) == 0;
}

static void expect_no_name(void)
{
    char line[512];
    FILE *list = fopen("/proc/net/unix", "re");
    while (list != NULL && fgets(line, sizeof line, list) != NULL)
        cr_assert_null(strstr(line, "peload/"), "left: %s", line);
    if (list != NULL)
        fclose(list);
}

Test(killed, nothing_is_left_of_processes_that_share_memory, .timeout = 240)
{
    bool is_alone = leave_network();
    char *path = sharer_file(0x200);
    srand(1);
    loads = mmap(NULL, sizeof *loads, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    expect_start(path);
    fixture_state before = fixture_state_take();
    for (unsigned round = 0; round < ROUNDS; round++) {
        run_round(path);
        expect_start(path);
    }
    fixture_expect_same(&before);
    cr_assert_gt(atomic_load(loads), ROUNDS, "hardly anyone was killed at work");
    if (is_alone)
        expect_no_name();
    fixture_remove(path);
}
