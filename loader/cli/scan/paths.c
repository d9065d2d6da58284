#include "scan.h"

#include <fts.h>
#include <stdlib.h>
#include <string.h>

struct scan_paths {
    char **words;
    int count, next;
    FTS *folder;     /* the word being walked, NULL for none */
    bool is_listing; /* standard input */
};

scan_paths *scan_paths_open(char **words, int count)
{
    scan_paths *paths = calloc(1, sizeof *paths);
    if (paths != NULL)
        *paths = (scan_paths){.words = words, .count = count};
    return paths;
}

void scan_paths_close(scan_paths *paths)
{
    if (paths != NULL && paths->folder != NULL)
        fts_close(paths->folder);
    free(paths);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static FTS *open_folder(char *path)
{
    char *roots[] = {path, NULL};
    return fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_COMFOLLOW, by_name);
}

/* A word that is no folder is a file, whatever it is: its line tells. */
static bool is_file(const FTSENT *entry)
{
    return entry->fts_info == FTS_F || (entry->fts_level == FTS_ROOTLEVEL &&
                                        entry->fts_info != FTS_D && entry->fts_info != FTS_DP);
}

static const FTSENT *next_in_folder(FTS *folder)
{
    FTSENT *entry;
    while ((entry = fts_read(folder)) != NULL) {
        if (is_file(entry))
            return entry;
    }
    return NULL;
}

static char *next_of_folder(scan_paths *paths)
{
    const FTSENT *entry = next_in_folder(paths->folder);
    if (entry != NULL)
        return strdup(entry->fts_path);
    fts_close(paths->folder);
    paths->folder = NULL;
    return NULL;
}

static char *next_of_list(scan_paths *paths)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    while ((size = getline(&line, &capacity, stdin)) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0')
            return line;
    }
    free(line);
    paths->is_listing = false;
    return NULL;
}

static bool open_word(scan_paths *paths)
{
    if (paths->next == paths->count)
        return false;
    char *word = paths->words[paths->next++];
    if (strcmp(word, "-") == 0)
        paths->is_listing = true;
    else
        paths->folder = open_folder(word);
    return true;
}

char *scan_paths_next(scan_paths *paths)
{
    do {
        char *path = paths->folder != NULL ? next_of_folder(paths)
                     : paths->is_listing   ? next_of_list(paths)
                                           : NULL;
        if (path != NULL)
            return path;
    } while (open_word(paths));
    return NULL;
}

uint64_t scan_paths_count(char **words, int count)
{
    uint64_t total = 0;
    for (int i = 0; i < count; i++) {
        FTS *folder = strcmp(words[i], "-") != 0 ? open_folder(words[i]) : NULL;
        if (folder == NULL)
            return 0;
        while (next_in_folder(folder) != NULL)
            total++;
        fts_close(folder);
    }
    return total;
}
