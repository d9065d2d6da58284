/*
 * scan.h: what the files of `peload scan` share.
 *
 * Paths come one by one (paths.c), each becomes a line of JSON (line.c), on as many threads as
 * wanted (pool.c); lines are printed in the order of the paths. Nothing grows with the number of
 * files.
 */
#ifndef PELOAD_SCAN_H
#define PELOAD_SCAN_H

#include "cli/inspect/report.h"
#include "cli/system.h"

/* ---- Paths ---- */

typedef struct scan_paths scan_paths;

/*
 * The files of `words`: a folder stands for all regular files in it, in the order of their names,
 * and "-" for the paths on standard input, one a line. NULL when out of memory.
 */
scan_paths *scan_paths_open(char **words, int count);
void scan_paths_close(scan_paths *paths);

/* The next path, for the caller to free; NULL at the end. */
char *scan_paths_next(scan_paths *paths);

/* How many there are; 0 if that cannot be known beforehand (standard input). */
uint64_t scan_paths_count(char **words, int count);

/* ---- Lines ---- */

/* The line of a file, for the caller to free; NULL when out of memory. A file that cannot be read,
 * or that shrinks meanwhile, has a line that says so. */
char *scan_line(const char *path, const inspect_choice *choice, size_t *ret_size);

/* ---- Progress ---- */

typedef struct scan_progress {
    bool is_shown;
    uint64_t total; /* 0: not known */
    uint64_t done;
    double start, last; /* seconds */
} scan_progress;

/* Counts the files if standard error is a terminal. */
void scan_progress_start(scan_progress *progress, char **words, int count);
void scan_progress_step(scan_progress *progress);
void scan_progress_end(scan_progress *progress);

/* ---- Threads ---- */

/* Prints the lines of all paths. False, said on stderr, if memory or standard output failed. */
bool scan_run(scan_paths *paths, const inspect_choice *choice, unsigned threads,
              scan_progress *progress);

#endif
