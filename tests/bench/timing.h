/* timing.h: how benchmarks measure. */
#ifndef PELOAD_BENCH_TIMING_H
#define PELOAD_BENCH_TIMING_H

#include <stdlib.h>
#include <time.h>

#ifdef _WIN32
#include <windows.h>

/* Microseconds since some moment. */
static inline double bench_now(void)
{
    LARGE_INTEGER now, each_second;
    QueryPerformanceCounter(&now);
    QueryPerformanceFrequency(&each_second);
    return (double)now.QuadPart * 1e6 / (double)each_second.QuadPart;
}
#else
/* Microseconds since some moment. */
static inline double bench_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}
#endif

static inline int bench_compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the values: the first is the smallest then. */
static inline double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, bench_compare_doubles);
    return values[count / 2];
}

#endif
