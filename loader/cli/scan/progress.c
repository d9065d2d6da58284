#include "scan.h"

#include <inttypes.h>
#include <time.h>

enum { BAR_WIDTH = 30 };

#define INTERVAL 0.1 /* seconds between two pictures */

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void scan_progress_start(scan_progress *progress, char **words, int count)
{
    *progress = (scan_progress){.is_shown = cli_is_terminal(stderr)};
    if (progress->is_shown)
        progress->total = scan_paths_count(words, count);
    progress->start = progress->last = now();
}

static void print_bar(uint64_t done, uint64_t total)
{
    int filled = (int)(BAR_WIDTH * done / total);
    fprintf(stderr, "[%.*s%*s] ", filled, "##############################", BAR_WIDTH - filled, "");
}

static void draw(const scan_progress *progress, double time)
{
    double elapsed = time - progress->start;
    double rate = elapsed > 0 ? (double)progress->done / elapsed : 0;
    fputc('\r', stderr);
    if (progress->total >= progress->done && progress->total > 0) {
        print_bar(progress->done, progress->total);
        fprintf(stderr, "%" PRIu64 " of %" PRIu64 " files, ", progress->done, progress->total);
    } else {
        fprintf(stderr, "%" PRIu64 " files, ", progress->done);
    }
    fprintf(stderr, "%.0f a second", rate);
    if (progress->total > progress->done && rate > 0)
        fprintf(stderr, ", %.0f s to go", (double)(progress->total - progress->done) / rate);
    fputs("\033[K", stderr);
}

void scan_progress_step(scan_progress *progress)
{
    progress->done++;
    if (!progress->is_shown)
        return;
    double time = now();
    if (time - progress->last < INTERVAL)
        return;
    progress->last = time;
    draw(progress, time);
}

void scan_progress_end(scan_progress *progress)
{
    if (!progress->is_shown)
        return;
    draw(progress, now());
    fputc('\n', stderr);
}
