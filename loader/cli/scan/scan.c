#include "scan.h"

enum { WORDS_MAX = 1 << 20, THREADS_MAX = 1024 };

static bool thread_count(const char *text, unsigned *ret_count)
{
    uint64_t count;
    if (text == NULL) {
        unsigned cores = cli_core_count();
        *ret_count = cores <= THREADS_MAX ? cores : THREADS_MAX;
        return true;
    }
    if (!cli_number(text, &count) || count < 1 || count > THREADS_MAX) {
        fprintf(stderr, "peload: --jobs: not a number from 1 to %d: %s\n", THREADS_MAX, text);
        return false;
    }
    *ret_count = (unsigned)count;
    return true;
}

int cli_scan(int argc, char **argv)
{
    const char *only = NULL, *jobs = NULL;
    bool with_items = false, with_contents = false;
    const cli_option table[] = {{"--only", CLI_TEXT, &only},
                                {"--items", CLI_FLAG, &with_items},
                                {"--contents", CLI_FLAG, &with_contents},
                                {"--jobs", CLI_TEXT, &jobs}};
    const cli_syntax syntax = {table, sizeof table / sizeof table[0], false, 1, WORDS_MAX};
    inspect_choice choice = {0};
    scan_progress progress;
    unsigned threads;

    int count = cli_parse(&syntax, argc, argv);
    if (count < 0 || !thread_count(jobs, &threads))
        return CLI_USAGE;
    choice.without_items = !with_items;
    choice.without_contents = !with_contents;
    if (!inspect_choose(only, &choice))
        return CLI_USAGE;
    scan_paths *paths = scan_paths_open(argv + 1, count);
    cli_catch_shrinking();
    scan_progress_start(&progress, argv + 1, count);
    bool is_done = paths != NULL && scan_run(paths, &choice, threads, &progress);
    scan_progress_end(&progress);
    scan_paths_close(paths);
    return is_done ? CLI_DONE : CLI_FAILED;
}
