/* svg_bands.c: from the ranges of the file to the addresses that they fill. */
#include "cli/map/picture.h"

#include <inttypes.h>
#include <math.h>

/* The colour of most bytes. */
static const char *main_fill(const map_kinds *kinds)
{
    size_t most = 0;
    uint64_t most_bytes = 0;
    for (size_t i = 0; i < MAP_PROTECTS; i++) {
        uint64_t bytes = 0;
        for (size_t k = 0; k < MAP_BACKINGS; k++)
            bytes += kinds->of[i][k].size;
        most = bytes > most_bytes ? i : most;
        most_bytes = bytes > most_bytes ? bytes : most_bytes;
    }
    return map_protect_looks[most].fill;
}

/* The fainter, the less of what it spans the band stands for. */
static double opacity_of(const map_content *content)
{
    return 0.1 + 0.5 * (double)content->size / (double)(content->end - content->start);
}

static void write_band(FILE *out, const map_column *file, const map_column *memory,
                       const map_content *content, const char *fill)
{
    const int left = MAP_FILE_X + MAP_FILE_WIDTH, right = MAP_MEMORY_X;
    const int middle = (left + right) / 2;
    double from = map_column_y(file, content->start), from_end = map_column_y(file, content->end);
    double to = map_column_y(memory, content->rva), to_end = map_column_y(memory, content->rva_end);
    fprintf(out,
            "<path d=\"M%d,%.1fC%d,%.1f %d,%.1f %d,%.1fL%d,%.1fC%d,%.1f %d,%.1f %d,%.1fZ\" "
            "fill=\"%s\" fill-opacity=\"%.2f\" stroke=\"#555\" stroke-width=\"0.6\">"
            "<title>file offset 0x%" PRIx64 " to 0x%" PRIx64 "\nrva 0x%" PRIx64 " to 0x%" PRIx64
            "</title></path>\n",
            left, from, middle, from, middle, to, right, to, right, to_end, middle, to_end, middle,
            from_end, left, from_end, fill, fmin(opacity_of(content), 0.6), content->start,
            content->end, content->rva, content->rva_end);
}

void map_svg_bands(FILE *out, const map_facts *facts, const map_column *file,
                   const map_column *memory)
{
    fputs("<g class=\"bands\">\n", out);
    for (size_t i = 0; i < memory->count; i++) {
        map_content content = map_block_content(facts, &memory->blocks[i]);
        map_kinds kinds = map_block_kinds(facts, &memory->blocks[i]);
        if (content.ranges > 0)
            write_band(out, file, memory, &content, main_fill(&kinds));
    }
    fputs("</g>\n", out);
}
