/* picture.c: from a view to a picture in a file. */
#include "cli/map/picture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Below the heading. */
static const double columns_top = 92;

static bool fill_file_column(const map_facts *facts, map_column *ret_column)
{
    map_span *spans = calloc(facts->range_count, sizeof *spans);
    if (spans == NULL)
        return false;
    for (size_t i = 0; i < facts->range_count; i++)
        spans[i] = (map_span){.size = facts->ranges[i].size};
    map_column_fill(spans, facts->range_count, ret_column);
    free(spans);
    return true;
}

static bool fill_memory_column(const map_facts *facts, map_column *ret_column)
{
    map_span *spans = calloc(facts->region_count, sizeof *spans);
    if (spans == NULL)
        return false;
    for (size_t i = 0; i < facts->region_count; i++)
        spans[i] = (map_span){.size = facts->regions[i].pages.size,
                              .group = map_owner(&facts->regions[i])};
    map_column_fill(spans, facts->region_count, ret_column);
    free(spans);
    return true;
}

/* The text of the picture, for the caller to free; NULL, with errno, if it cannot be made. */
static char *draw(const map_facts *facts, size_t *ret_size)
{
    map_column file, memory;
    char *text = NULL;
    if (!fill_file_column(facts, &file) || !fill_memory_column(facts, &memory))
        return NULL;
    map_columns_scale(&file, &memory, columns_top);
    FILE *out = open_memstream(&text, ret_size);
    if (out == NULL)
        return NULL;
    map_svg_write(out, facts, &file, &memory);
    bool ok = ferror(out) == 0;
    if (fclose(out) == 0 && ok)
        return text;
    free(text);
    return NULL;
}

static bool write_all(int file, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t done = write(file, text, size);
        if (done < 0 && errno != EINTR)
            return false;
        text += done > 0 ? done : 0;
        size -= done > 0 ? (size_t)done : 0;
    }
    return true;
}

/* A device or a pipe cannot be cut off and stays where it is; so does a link, /dev/stdout above
 * all. */
static void discard(const char *path)
{
    struct stat info;
    if (truncate(path, 0) == 0 && lstat(path, &info) == 0 && S_ISREG(info.st_mode))
        unlink(path);
}

static bool save(const char *path, const char *text, size_t size)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0)
        return false;
    int reason = write_all(file, text, size) ? 0 : errno;
    if (close(file) != 0 && reason == 0)
        reason = errno;
    if (reason != 0)
        discard(path);
    errno = reason;
    return reason == 0;
}

bool map_picture(const map_subject *subject, const char *out)
{
    map_facts facts;
    size_t size = 0;
    bool is_known = map_facts_collect(subject, &facts);
    char *text = is_known ? draw(&facts, &size) : NULL;
    bool ok = text != NULL && save(out, text, size);
    if (!ok)
        fprintf(stderr, "peload: %s: %s\n", is_known ? out : subject->path, strerror(errno));
    map_facts_release(&facts);
    free(text);
    return ok;
}
