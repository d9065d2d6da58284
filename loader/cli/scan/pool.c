#include "scan.h"

#include <pthread.h>
#include <stdlib.h>

/* Files between the first that is not printed yet and the last that is worked on. */
enum { WINDOW = 256 };

typedef struct slot {
    char *line;
    size_t size;
    bool is_done;
} slot;

/* All but `paths_lock` and `paths` is under `lock`. */
typedef struct pool {
    const inspect_choice *choice;
    scan_progress *progress;
    pthread_mutex_t paths_lock;
    scan_paths *paths;
    uint64_t taken; /* files; also under paths_lock */
    pthread_mutex_t lock;
    pthread_cond_t has_room;
    uint64_t printed;
    slot slots[WINDOW];
    bool is_printing, has_failed;
} pool;

/* The next path and its number; NULL at the end. */
static char *take_path(pool *shared, uint64_t *ret_number)
{
    pthread_mutex_lock(&shared->paths_lock);
    char *path = scan_paths_next(shared->paths);
    *ret_number = shared->taken;
    shared->taken += path != NULL;
    pthread_mutex_unlock(&shared->paths_lock);
    return path;
}

/* Prints one line without the lock, so that others can go on. */
static void print_slot(pool *shared, slot *ready)
{
    pthread_mutex_unlock(&shared->lock);
    bool is_written =
        ready->line != NULL && fwrite(ready->line, 1, ready->size, stdout) == ready->size;
    free(ready->line);
    pthread_mutex_lock(&shared->lock);
    *ready = (slot){0};
    shared->has_failed |= !is_written;
    shared->printed++;
    scan_progress_step(shared->progress);
    pthread_cond_broadcast(&shared->has_room);
}

/* Prints what is next in order, if no other thread is at it. */
static void print_ready(pool *shared)
{
    if (shared->is_printing)
        return;
    shared->is_printing = true;
    while (shared->slots[shared->printed % WINDOW].is_done)
        print_slot(shared, &shared->slots[shared->printed % WINDOW]);
    shared->is_printing = false;
}

static bool wait_for_room(pool *shared, uint64_t number)
{
    pthread_mutex_lock(&shared->lock);
    while (number >= shared->printed + WINDOW)
        pthread_cond_wait(&shared->has_room, &shared->lock);
    bool has_failed = shared->has_failed;
    pthread_mutex_unlock(&shared->lock);
    return !has_failed;
}

static void put_line(pool *shared, uint64_t number, char *line, size_t size)
{
    pthread_mutex_lock(&shared->lock);
    shared->slots[number % WINDOW] = (slot){line, size, true};
    print_ready(shared);
    pthread_mutex_unlock(&shared->lock);
}

/* After a failure the rest is taken and dropped, so that nobody waits. */
static void *work(void *argument)
{
    pool *shared = argument;
    uint64_t number;
    char *path;
    while ((path = take_path(shared, &number)) != NULL) {
        size_t size = 0;
        bool is_wanted = wait_for_room(shared, number);
        char *line = is_wanted ? scan_line(path, shared->choice, &size) : NULL;
        free(path);
        put_line(shared, number, line, size);
        if (!is_wanted)
            break;
    }
    return NULL;
}

static unsigned start_threads(pool *shared, pthread_t threads[], unsigned count)
{
    unsigned started = 0;
    while (started < count && pthread_create(&threads[started], NULL, work, shared) == 0)
        started++;
    return started;
}

bool scan_run(scan_paths *paths, const inspect_choice *choice, unsigned threads,
              scan_progress *progress)
{
    pool *shared = calloc(1, sizeof *shared);
    pthread_t *others = calloc(threads, sizeof *others);
    bool is_done = shared != NULL && others != NULL;
    if (is_done) {
        shared->choice = choice;
        shared->paths = paths;
        shared->progress = progress;
        pthread_mutex_init(&shared->paths_lock, NULL);
        pthread_mutex_init(&shared->lock, NULL);
        pthread_cond_init(&shared->has_room, NULL);
        /* This thread is one of them. */
        unsigned started = start_threads(shared, others, threads - 1);
        work(shared);
        for (unsigned i = 0; i < started; i++)
            pthread_join(others[i], NULL);
        is_done = !shared->has_failed;
    }
    if (!is_done)
        perror("peload: scan");
    free(others);
    free(shared);
    return is_done;
}
