#include "scan.h"

#include <stdlib.h>
#include <string.h>

struct scan_paths {
    char **words;
    int count, next;
    cli_folder *folder; /* the word being walked, NULL for none */
    bool is_listing;    /* standard input */
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
    if (paths != NULL)
        cli_folder_close(paths->folder);
    free(paths);
}

static char *next_of_folder(scan_paths *paths)
{
    char *path = cli_folder_next(paths->folder);
    if (path == NULL) {
        cli_folder_close(paths->folder);
        paths->folder = NULL;
    }
    return path;
}

/* A line without its end, for the caller to free; NULL at the end, or when out of memory. */
static char *read_line(FILE *from)
{
    char *line = NULL;
    size_t size = 0, capacity = 0;
    for (int c = getc(from); c != EOF && c != '\n'; c = getc(from)) {
        if (size + 1 >= capacity) {
            capacity = capacity > 0 ? 2 * capacity : 128;
            char *larger = realloc(line, capacity);
            if (larger == NULL) {
                free(line);
                return NULL;
            }
            line = larger;
        }
        line[size++] = (char)c;
        line[size] = '\0';
    }
    return line != NULL || feof(from) ? line : calloc(1, 1);
}

static char *next_of_list(scan_paths *paths)
{
    char *line;
    while ((line = read_line(stdin)) != NULL) {
        if (line[0] != '\0')
            return line;
        free(line);
    }
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
        paths->folder = cli_folder_open(word);
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

/* The files of one word. */
static uint64_t count_files(const char *word)
{
    cli_folder *folder = cli_folder_open(word);
    uint64_t count = 0;
    if (folder == NULL)
        return 0;
    for (char *path; (path = cli_folder_next(folder)) != NULL; count++)
        free(path);
    cli_folder_close(folder);
    return count;
}

uint64_t scan_paths_count(char **words, int count)
{
    uint64_t total = 0;
    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], "-") == 0)
            return 0;
        total += count_files(words[i]);
    }
    return total;
}
