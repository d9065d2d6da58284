/* svg_memory.c: the column of the view. */
#include "cli/map/picture.h"

#include <inttypes.h>

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

static void write_kinds(FILE *out, const map_kinds *kinds)
{
    for (size_t i = 0; i < MAP_PROTECTS; i++) {
        for (size_t k = 0; k < MAP_BACKINGS; k++) {
            const map_kind *kind = &kinds->of[i][k];
            const char *protect = ldr_protect_name(map_protect_looks[i].protect);
            if (kind->count > 0)
                fprintf(out, "\n%s, %s: %zu regions, 0x%" PRIx64 " bytes",
                        i == 0 ? "MEM_RESERVE" : protect, ldr_backing_name((ldr_backing)k),
                        kind->count, kind->size);
        }
    }
}

static void write_merged_title(FILE *out, const map_facts *facts, const map_block *block,
                               const map_kinds *kinds)
{
    map_content content = map_block_content(facts, block);
    fprintf(out, "%zu regions merged", block->count);
    if (map_block_has_one_owner(facts, block)) {
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
                        const map_kinds *kinds)
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
static void write_boxes(FILE *out, const map_block *block, const map_kinds *kinds)
{
    const double width_min = 6;
    double shared = MAP_MEMORY_WIDTH - width_min * (double)kinds->count;
    double x = MAP_MEMORY_X;
    for (size_t i = 0; i < MAP_PROTECTS; i++) {
        for (size_t k = 0; k < MAP_BACKINGS; k++) {
            const map_kind *kind = &kinds->of[i][k];
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
    protect_x = MAP_MEMORY_X + 66,
    backing_x = MAP_MEMORY_X + 218,
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
    if (!map_block_has_one_owner(facts, block)) {
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
    int end = map_block_has_one_owner(facts, block) ? protect_x + 90 : backing_x + 34;
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
    map_kinds kinds = map_block_kinds(facts, block);
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
