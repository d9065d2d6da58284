/* Views of one section on several threads at once. */
#include "section/data_fixture.h"

#include <criterion/criterion.h>
#include <pthread.h>

enum { THREADS = 4, ROUNDS = 300, PAGES = 256 };

static ldr_section *reserved;

/* Each thread has views of its own, which the others commit for. */
static void *map_and_commit(void *argument)
{
    uint64_t seed = (uintptr_t)argument * 2654435761u + 1;
    for (int i = 0; i < ROUNDS; i++) {
        ldr_view *view = NULL;
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint64_t page = (seed >> 33) % PAGES;
        if (ldr_view_map(reserved, NULL, &view, NULL) != LDR_OK)
            return "map";
        if (ldr_view_commit(view, page * PAGE, PAGE, 0, NULL) != LDR_OK)
            return "commit";
        uint8_t *bytes = (uint8_t *)ldr_view_base(view) + page * PAGE;
        __atomic_fetch_add(bytes, 1, __ATOMIC_RELAXED);
        if (ldr_view_protect(view, page * PAGE, PAGE, LDR_PAGE_READONLY, NULL, NULL) != LDR_OK)
            return "protect";
        ldr_region region;
        if (ldr_view_query(view, page * PAGE, &region) != LDR_OK || !region.committed)
            return "query";
        ldr_view_unmap(view);
    }
    return NULL;
}

Test(data_threads, views_may_be_mapped_and_committed_at_once, .timeout = 60)
{
    pthread_t threads[THREADS];
    reserved = data_section(NULL, PAGES * PAGE, LDR_PAGE_READWRITE, LDR_SEC_RESERVE);
    for (uintptr_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, map_and_commit, (void *)i), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        cr_expect_null(failed, "%s", (const char *)failed);
    }
    /* What was counted in all is what was done in all. */
    ldr_view *view = data_view(reserved, 0, 0, 0);
    unsigned sum = 0;
    for (uint64_t page = 0; page < PAGES; page++) {
        if (data_region(view, page * PAGE).committed)
            sum += ((uint8_t *)ldr_view_base(view))[page * PAGE];
    }
    cr_expect_eq(sum, (unsigned)(THREADS * ROUNDS));
    ldr_view_unmap(view);
    ldr_section_close(reserved);
}
