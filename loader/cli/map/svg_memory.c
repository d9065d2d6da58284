/* svg_memory.c: the column of the view, and the bands that lead to it from the file. */
#include "cli/map/picture.h"

#include <inttypes.h>
#include <math.h>

/* ---- What a block holds ---- */

/* Regions of one protection and backing. */
typedef struct pages_of_kind {
    size_t count;
    uint64_t size;
} pages_of_kind;

typedef struct block_kinds {
    pages_of_kind of[MAP_PROTECTS][MAP_BACKINGS];
    size_t count; /* of kinds that occur */
} block_kinds;

static block_kinds find_kinds(const map_facts *facts, const map_block *block)
{
    block_kinds kinds = {0};
    for (size_t i = block->first; i < block->first + block->count; i++) {
        const ldr_region *pages = &facts->regions[i].pages;
        pages_of_kind *kind = &kinds.of[map_protect_index(pages->protect)][pages->backing];
        kinds.count += kind->count == 0;
        kind->count++;
        kind->size += pages->size;
    }
    return kinds;
}

/* What a block holds of the file: from the lowest to the highest byte, `size` of them in all. */
typedef struct block_content {
    uint64_t start, end, size;
    uint64_t rva, rva_end;
    size_t ranges;
} block_content;

static block_content find_content(const map_facts *facts, const map_block *block)
{
    block_content content = {.start = UINT64_MAX};
    for (size_t i = block->first; i < block->first + block->count; i++) {
        const map_region *region = &facts->regions[i];
        if (region->content == 0)
            continue;
        uint64_t end = region->offset + region->content;
        content.start = region->offset < content.start ? region->offset : content.start;
        content.end = end > content.end ? end : content.end;
        content.rva = content.ranges == 0 ? region->pages.rva : content.rva;
        content.rva_end = region->pages.rva + region->content;
        content.size += region->content;
        content.ranges++;
    }
    return content;
}

static bool is_one_section(const map_facts *facts, const map_block *block)
{
    int32_t first = facts->regions[block->first].pages.pe_section;
    for (size_t i = block->first; i < block->first + block->count; i++) {
        if (facts->regions[i].pages.pe_section != first)
            return false;
    }
    return true;
}

/* ---- Words ---- */

static void write_name(FILE *out, const map_facts *facts, const ldr_region *pages)
{
    pe_section section;
    if (pages->pe_section >= 0 &&
        pe_section_at(facts->image, (uint32_t)pages->pe_section, &section) == PE_OK)
        map_svg_text(out, section.name);
    else if (!pages->committed)
        fputs("reserved", out);
    else
        fputs(map_is_flat(facts->image) ? "file" : "headers", out);
}

static const char *protect_text(const ldr_region *pages)
{
    return pages->committed ? ldr_protect_name(pages->protect) : "MEM_RESERVE";
}

static void write_region_title(FILE *out, const map_facts *facts, const map_region *region)
{
    const ldr_region *pages = &region->pages;
    if (pages->pe_section >= 0)
        fprintf(out, "PE section %" PRId32 ": ", pages->pe_section + 1);
    write_name(out, facts, pages);
    fprintf(out, "\nrva 0x%" PRIx64 ", 0x%" PRIx64 " bytes\n%s, %s", pages->rva, pages->size,
            protect_text(pages), ldr_backing_name(pages->backing));
    if (region->content > 0)
        fprintf(out, "\nfile offset 0x%" PRIx64 ", 0x%" PRIx64 " bytes", region->offset,
                region->content);
}

static void write_kinds(FILE *out, const block_kinds *kinds)
{
    for (size_t i = 0; i < MAP_PROTECTS; i++) {
        for (size_t k = 0; k < MAP_BACKINGS; k++) {
            const pages_of_kind *kind = &kinds->of[i][k];
            const char *protect = ldr_protect_name(map_protect_looks[i].protect);
            if (kind->count > 0)
                fprintf(out, "\n%s, %s: %zu regions, 0x%" PRIx64 " bytes",
                        i == 0 ? "MEM_RESERVE" : protect, ldr_backing_name((ldr_backing)k),
                        kind->count, kind->size);
        }
    }
}

static void write_merged_title(FILE *out, const map_facts *facts, const map_block *block,
                               const block_kinds *kinds)
{
    block_content content = find_content(facts, block);
    fprintf(out, "%zu regions merged", block->count);
    if (is_one_section(facts, block)) {
        fputs(", all of ", out);
        write_name(out, facts, &facts->regions[block->first].pages);
    }
    fprintf(out, "\nrva 0x%" PRIx64 ", 0x%" PRIx64 " bytes", block->start, block->size);
    write_kinds(out, kinds);
    if (content.ranges > 0)
        fprintf(out, "\nfile offset 0x%" PRIx64 " to 0x%" PRIx64 ", 0x%" PRIx64 " bytes in all",
                content.start, content.end, content.size);
}

static void write_title(FILE *out, const map_facts *facts, const map_block *block,
                        const block_kinds *kinds)
{
    fputs("<title>", out);
    if (block->count == 1)
        write_region_title(out, facts, &facts->regions[block->first]);
    else
        write_merged_title(out, facts, block, kinds);
    fputs("</title>\n", out);
}

/* ---- Blocks ---- */

/* One kind beside the other, each as wide as its share of the bytes, and never too thin to see. */
static void write_boxes(FILE *out, const map_block *block, const block_kinds *kinds)
{
    const double width_min = 6;
    double shared = MAP_MEMORY_WIDTH - width_min * (double)kinds->count;
    double x = MAP_MEMORY_X;
    for (size_t i = 0; i < MAP_PROTECTS; i++) {
        for (size_t k = 0; k < MAP_BACKINGS; k++) {
            const pages_of_kind *kind = &kinds->of[i][k];
            double share = (double)kind->size / (double)block->size;
            double width = kind->count > 0 ? width_min + shared * share : 0;
            if (kind->count > 0)
                map_svg_pages(out, x, block->top + 1, width, block->height - 2, i, (ldr_backing)k);
            x += width;
        }
    }
}

/* Name, protection, backing and size stand below each other from block to block. */
enum {
    protect_x = MAP_MEMORY_X + 72,
    backing_x = MAP_MEMORY_X + 228,
    writable_code_x = MAP_MEMORY_X + 284,
};

static void write_region_label(FILE *out, const map_facts *facts, const ldr_region *pages)
{
    write_name(out, facts, pages);
    fprintf(out, "</tspan><tspan x=\"%d\">%s</tspan>", protect_x, protect_text(pages));
    if (pages->committed)
        fprintf(out, "<tspan x=\"%d\">%s</tspan>", backing_x, ldr_backing_name(pages->backing));
    if (map_is_writable_code(map_protect_index(pages->protect)))
        fprintf(out, "<tspan x=\"%d\" font-weight=\"bold\">W+X</tspan>", writable_code_x);
}

static void write_merged_label(FILE *out, const map_facts *facts, const map_block *block)
{
    write_name(out, facts, &facts->regions[block->first].pages);
    fprintf(out, "</tspan><tspan x=\"%d\">", protect_x);
    if (!is_one_section(facts, block)) {
        fputs("to ", out);
        write_name(out, facts, &facts->regions[block->first + block->count - 1].pages);
        fputs(", ", out);
    }
    fprintf(out, "%zu regions</tspan>", block->count);
}

/* Text that the edge between two boxes would cross stands on a lighter ground. */
static void write_ground(FILE *out, const map_block *block, int x, int width)
{
    fprintf(out,
            "<rect x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%d\" fill=\"#fff\" "
            "fill-opacity=\"0.65\"/>\n",
            x, block->top + 3, width, MAP_LINE);
}

static void write_grounds(FILE *out, const map_facts *facts, const map_block *block)
{
    const int size_width = 60;
    int end = is_one_section(facts, block) ? protect_x + 90 : backing_x + 30;
    write_ground(out, block, MAP_MEMORY_X + 4, end - (MAP_MEMORY_X + 4));
    write_ground(out, block, MAP_MEMORY_X + MAP_MEMORY_WIDTH - 4 - size_width, size_width);
}

static void write_label(FILE *out, const map_facts *facts, const map_block *block)
{
    double y = block->top + MAP_LINE;
    fprintf(out, "<text y=\"%.1f\"><tspan x=\"%d\">", y, MAP_MEMORY_X + 8);
    if (block->count == 1)
        write_region_label(out, facts, &facts->regions[block->first].pages);
    else
        write_merged_label(out, facts, block);
    fprintf(out, "</text>\n<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
            MAP_MEMORY_X + MAP_MEMORY_WIDTH - 8, y, map_size(block->size).text);
    map_svg_position(out, MAP_MEMORY_X + MAP_MEMORY_WIDTH + 8, y, "start", block->start);
}

static void write_block(FILE *out, const map_facts *facts, const map_block *block)
{
    block_kinds kinds = find_kinds(facts, block);
    fprintf(out, "<g class=\"%s\">", block->count > 1 ? "regions" : "region");
    write_title(out, facts, block, &kinds);
    write_boxes(out, block, &kinds);
    if (kinds.count > 1)
        write_grounds(out, facts, block);
    write_label(out, facts, block);
    fputs("</g>\n", out);
}

void map_svg_memory(FILE *out, const map_facts *facts, const map_column *memory)
{
    fputs("<g class=\"memory\">\n", out);
    for (size_t i = 0; i < memory->count; i++)
        write_block(out, facts, &memory->blocks[i]);
    map_svg_position(out, MAP_MEMORY_X + MAP_MEMORY_WIDTH + 8, map_column_bottom(memory) + MAP_LINE,
                     "start", ldr_view_size(facts->subject->view));
    fputs("</g>\n", out);
}

/* ---- Bands ---- */

/* The colour of most bytes. */
static const char *main_fill(const block_kinds *kinds)
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
static double opacity_of(const block_content *content)
{
    return 0.1 + 0.5 * (double)content->size / (double)(content->end - content->start);
}

static void write_band(FILE *out, const map_column *file, const map_column *memory,
                       const block_content *content, const char *fill)
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
        block_content content = find_content(facts, &memory->blocks[i]);
        block_kinds kinds = find_kinds(facts, &memory->blocks[i]);
        if (content.ranges > 0)
            write_band(out, file, memory, &content, main_fill(&kinds));
    }
    fputs("</g>\n", out);
}
