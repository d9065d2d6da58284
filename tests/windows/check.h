/*
 * check.h: for the test programs that run on Windows, or under Wine, where there is no Criterion.
 *
 * A program is lists of tests, run in order, all or the one that is named; it prints what does not
 * hold. It defines check_failures and main, whose exit status is 1 if there was such a thing, or no
 * test.
 */
#ifndef PELOAD_CHECK_H
#define PELOAD_CHECK_H

#include <stdio.h>
#include <string.h>

extern int check_failures;

#define CHECK(condition)                                                          \
    do {                                                                          \
        if (!(condition)) {                                                       \
            printf("%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            check_failures++;                                                     \
        }                                                                         \
    } while (0)

/* The same, for what the rest of the test needs. */
#define REQUIRE(condition)                                                        \
    do {                                                                          \
        if (!(condition)) {                                                       \
            printf("%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            check_failures++;                                                     \
            return;                                                               \
        }                                                                         \
    } while (0)

typedef struct check_test {
    const char *name;
    void (*run)(void);
} check_test;

/* How many tests it has run: all of the list, or the one called `only` unless that is NULL. */
static inline int check_run(const check_test *tests, size_t count, const char *only)
{
    int ran = 0;
    for (size_t i = 0; i < count; i++) {
        if (only != NULL && strcmp(only, tests[i].name) != 0)
            continue;
        int before = check_failures;
        tests[i].run();
        printf("%s %s\n", check_failures == before ? "ok" : "FAILED", tests[i].name);
        fflush(stdout);
        ran++;
    }
    return ran;
}

#endif
