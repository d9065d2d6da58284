/* picture.c: from a view to a picture in a file. */
#include "cli/map/picture.h"
#include "cli/system.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

/* False, with errno: the file is not as it should be. */
static bool write_picture(int output, const map_facts *facts, const map_column *file,
                          const map_column *memory)
{
    FILE *out = cli_output_stream(output);
    if (out == NULL)
        return false;
    map_svg_write(out, facts, file, memory);
    int reason = fflush(out) == 0 && ferror(out) == 0 ? 0 : errno;
    if (fclose(out) != 0 && reason == 0)
        reason = errno;
    errno = reason;
    return reason == 0;
}

static bool save(const map_facts *facts, const char *path)
{
    map_column file, memory;
    if (!fill_file_column(facts, &file) || !fill_memory_column(facts, &memory))
        return false;
    map_columns_scale(&file, &memory, columns_top);
    int output = cli_output_open(path);
    if (output < 0)
        return false;
    bool ok = write_picture(output, facts, &file, &memory);
    int reason = errno;
    if (!ok)
        cli_output_discard(path);
    errno = reason;
    return ok;
}

bool map_picture(const map_subject *subject, const char *out)
{
    map_facts facts;
    bool is_known = map_facts_collect(subject, &facts);
    bool ok = is_known && save(&facts, out);
    if (!ok)
        fprintf(stderr, "peload: %s: %s\n", is_known ? out : subject->path, strerror(errno));
    map_facts_release(&facts);
    return ok;
}
