/* Several contexts in one process, with DLLs that come late: each has its own thread-local data. */
#include "made.h"

#include <criterion/criterion.h>
#include <pthread.h>

typedef struct meeting {
    ldr_context *one, *two;
    pthread_barrier_t entered, loaded;
    bool right;
} meeting;

static made_counter *counter_of(ldr_context *ctx, unsigned number)
{
    return (made_counter *)ldr_symbol(ldr_module_find(ctx, made_names[number]), "counter");
}

/* The thread's own copy is as the image has it: it was there before the load. */
static bool is_fresh(ldr_context *ctx, unsigned number, int32_t mark)
{
    int32_t *counter = counter_of(ctx, number)();
    bool fresh = *counter == (int32_t)(1000 * number);
    *counter = mark;
    return fresh;
}

/* In both contexts, the second one inside the first, and the first once more inside that. */
static void *enter_both(void *user)
{
    meeting *with = user;
    ldr_thread_scope outer, inner, again;
    if (ldr_thread_enter(with->one, &outer) != LDR_OK ||
        ldr_thread_enter(with->two, &inner) != LDR_OK)
        return NULL;
    pthread_barrier_wait(&with->entered);
    pthread_barrier_wait(&with->loaded);
    bool right = is_fresh(with->two, 19, 7) && is_fresh(with->two, 18, 8);
    right = ldr_thread_enter(with->one, &again) == LDR_OK && right;
    right = is_fresh(with->one, 18, 5) && is_fresh(with->one, 19, 6) && right;
    ldr_thread_leave(&again);
    right = *counter_of(with->two, 19)() == 7 && *counter_of(with->two, 18)() == 8 && right;
    ldr_thread_leave(&inner);
    right = *counter_of(with->one, 18)() == 5 && *counter_of(with->one, 19)() == 6 && right;
    ldr_thread_leave(&outer);
    with->right = right;
    return NULL;
}

static void load_and_check(ldr_context *ctx)
{
    ldr_thread_scope scope;
    ldr_module *module;
    cr_assert_eq(ldr_thread_enter(ctx, &scope), LDR_OK);
    cr_assert_eq(ldr_load_name(ctx, "m0.dll", NULL, &module, NULL), LDR_OK);
    cr_assert_not_null(ldr_symbol(module, "late"));
    for (unsigned i = 0; i < MADE_DLLS; i++)
        cr_assert_eq(*counter_of(ctx, i)(), (int32_t)(1000 * i + 2));
    ldr_thread_leave(&scope);
}

Test(contexts, late_dlls_have_data_of_their_own_in_a_thread_that_is_in_both, .timeout = 60)
{
    pthread_t thread;
    ldr_module *first;
    made_build();
    meeting with = {.one = made_context(), .two = made_context()};
    pthread_barrier_init(&with.entered, NULL, 2);
    pthread_barrier_init(&with.loaded, NULL, 2);
    cr_assert_eq(pthread_create(&thread, NULL, enter_both, &with), 0);
    pthread_barrier_wait(&with.entered);
    /* m19 first: the same DLLs have other slots there. */
    cr_assert_eq(ldr_load_name(with.two, "m19.dll", NULL, &first, NULL), LDR_OK);
    load_and_check(with.two);
    load_and_check(with.one);
    pthread_barrier_wait(&with.loaded);
    pthread_join(thread, NULL);
    cr_assert(with.right);
    ldr_context_destroy(with.two);
    ldr_context_destroy(with.one);
    made_free();
}
