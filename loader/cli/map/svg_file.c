/* svg_file.c: the column of the file. */
#include "cli/map/picture.h"

#include <inttypes.h>

typedef struct part_look {
    const char *name;
    const char *fill;
} part_look;

static const part_look part_looks[MAP_PART_COUNT] = {
    [MAP_HEADERS] = {"headers", "#e4e4e4"},           [MAP_RAW_DATA] = {"raw data", "#f4f4f4"},
    [MAP_CERTIFICATES] = {"certificates", "#d0d0d0"}, [MAP_GAP] = {"gap", "#fff"},
    [MAP_OVERLAY] = {"overlay", "#d0d0d0"},
};

/* "headers", or the name of the PE section. */
static void write_name(FILE *out, const map_facts *facts, const map_range *range)
{
    pe_section section;
    if (range->part == MAP_RAW_DATA &&
        pe_section_at(facts->image, (uint32_t)range->pe_section, &section) == PE_OK)
        map_svg_text(out, section.name);
    else
        fputs(part_looks[range->part].name, out);
}

static void write_range_title(FILE *out, const map_facts *facts, const map_range *range)
{
    if (range->part == MAP_RAW_DATA)
        fprintf(out, "raw data of PE section %" PRId32 ": ", range->pe_section + 1);
    write_name(out, facts, range);
    fprintf(out, "\nfile offset 0x%" PRIx64 ", 0x%" PRIx64 " bytes", range->offset, range->size);
    if (range->hidden > 0)
        fprintf(out, "\nstarts 0x%" PRIx64 " bytes before, in the range above", range->hidden);
    if (range->others > 0)
        fprintf(out, "\nranges that start inside it: %" PRIu32, range->others);
}

static void write_merged_title(FILE *out, const map_facts *facts, const map_block *block)
{
    size_t counts[MAP_PART_COUNT] = {0};
    for (size_t i = block->first; i < block->first + block->count; i++)
        counts[facts->ranges[i].part]++;
    fprintf(out, "%zu ranges merged\nfile offset 0x%" PRIx64 ", 0x%" PRIx64 " bytes", block->count,
            block->start, block->size);
    for (size_t i = 0; i < MAP_PART_COUNT; i++) {
        if (counts[i] > 0)
            fprintf(out, "\n%s: %zu", part_looks[i].name, counts[i]);
    }
}

static void write_title(FILE *out, const map_facts *facts, const map_block *block)
{
    fputs("<title>", out);
    if (block->count == 1)
        write_range_title(out, facts, &facts->ranges[block->first]);
    else
        write_merged_title(out, facts, block);
    fputs("</title>\n", out);
}

static void write_label(FILE *out, const map_facts *facts, const map_block *block)
{
    double y = block->top + MAP_LINE;
    fprintf(out, "<text x=\"%d\" y=\"%.1f\">", MAP_FILE_X + 8, y);
    write_name(out, facts, &facts->ranges[block->first]);
    if (block->count > 1)
        fprintf(out, ", %zu more", block->count - 1);
    fprintf(out,
            "</text>\n<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n"
            "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\" fill=\"#444\">0x%08" PRIx64 "</text>\n",
            MAP_FILE_X + MAP_FILE_WIDTH - 8, y, map_size(block->size).text, MAP_FILE_X - 8, y,
            block->start);
}

static void write_block(FILE *out, const map_facts *facts, const map_block *block)
{
    bool is_merged = block->count > 1;
    fprintf(out, "<g class=\"%s\">", is_merged ? "ranges" : "range");
    write_title(out, facts, block);
    fprintf(out,
            "<rect x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" fill=\"%s\" "
            "stroke=\"#555\"/>\n",
            MAP_FILE_X, block->top + 1, MAP_FILE_WIDTH, block->height - 2,
            part_looks[is_merged ? MAP_RAW_DATA : facts->ranges[block->first].part].fill);
    write_label(out, facts, block);
    fputs("</g>\n", out);
}

void map_svg_file(FILE *out, const map_facts *facts, const map_column *file)
{
    fputs("<g class=\"file\">\n", out);
    for (size_t i = 0; i < file->count; i++)
        write_block(out, facts, &file->blocks[i]);
    map_svg_position(out, MAP_FILE_X - 8, map_column_bottom(file) + MAP_LINE, "end",
                     facts->file_size);
    fputs("</g>\n", out);
}
