/* svg.c: the document, its heading and its legend. */
#include "cli/map/picture.h"

#include <inttypes.h>

enum { TITLE_CHARACTERS = 110, SWATCH_WIDTH = 30, SWATCH_HEIGHT = 14, LEGEND_LINE = 22 };

static const double bottom_margin = 40;

static void write_summary(FILE *out, const map_facts *facts)
{
    const map_subject *subject = facts->subject;
    fprintf(out, "%s (0x%08" PRIx32 "), base 0x%" PRIx64 ", preferred base 0x%" PRIx64 ", %s",
            pe_nt_status_name(subject->nt_status), subject->nt_status,
            (uint64_t)(uintptr_t)ldr_view_base(subject->view), facts->image->optional.image_base,
            subject->is_relocated ? "relocated" : "not relocated");
}

static void write_head(FILE *out, const map_facts *facts, double height)
{
    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" width=\"%d\" "
            "height=\"%.0f\" viewBox=\"0 0 %d %.0f\" "
            "font-family=\"DejaVu Sans Mono, Consolas, Menlo, monospace\" font-size=\"11\">\n"
            "<title>peload map: ",
            MAP_WIDTH, height, MAP_WIDTH, height);
    map_svg_text(out, facts->subject->path);
    fputs("</title>\n<desc>", out);
    write_summary(out, facts);
    fputs("</desc>\n"
          "<defs><pattern id=\"private\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">"
          "<path d=\"M-1,1L1,-1M0,8L8,0M7,9L9,7\" stroke=\"#000\" stroke-opacity=\"0.3\"/>"
          "</pattern></defs>\n"
          "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
          out);
}

static void write_heading(FILE *out, const map_facts *facts)
{
    uint64_t base = (uintptr_t)ldr_view_base(facts->subject->view);
    uint64_t size = ldr_view_size(facts->subject->view);
    fputs("<g class=\"heading\">\n<text x=\"20\" y=\"28\" font-size=\"15\" font-weight=\"bold\">",
          out);
    map_svg_text_end(out, facts->subject->path, TITLE_CHARACTERS);
    fputs("</text>\n<text x=\"20\" y=\"48\">", out);
    write_summary(out, facts);
    fprintf(out,
            "</text>\n<text x=\"%d\" y=\"80\" font-weight=\"bold\">file, %s</text>\n"
            "<text x=\"%d\" y=\"80\" font-weight=\"bold\">memory, %s at 0x%" PRIx64
            "</text>\n</g>\n",
            MAP_FILE_X, map_size(facts->file_size).text, MAP_MEMORY_X, map_size(size).text, base);
}

/* What occurs, as bits: of looks of protections, of backings. */
typedef struct occurring {
    uint32_t protects, backings;
} occurring;

static occurring find_occurring(const map_facts *facts)
{
    occurring found = {0};
    for (size_t i = 0; i < facts->region_count; i++) {
        found.protects |= 1u << map_protect_index(facts->regions[i].pages.protect);
        found.backings |= 1u << facts->regions[i].pages.backing;
    }
    return found;
}

/* A swatch is followed by its text. */
static void write_swatch(FILE *out, double y, size_t protect, ldr_backing backing)
{
    map_svg_pages(out, MAP_LEGEND_X, y, SWATCH_WIDTH, SWATCH_HEIGHT, protect, backing);
    fprintf(out, "<text x=\"%d\" y=\"%.1f\">", MAP_LEGEND_X + SWATCH_WIDTH + 8, y + 11);
}

static double write_protects(FILE *out, double y, uint32_t protects)
{
    for (size_t i = 0; i < MAP_PROTECTS; i++) {
        if ((protects >> i & 1) == 0 || map_protect_looks[i].protect == 0)
            continue;
        write_swatch(out, y, i, LDR_BACKING_FILE);
        fprintf(out, "%s%s</text>\n", ldr_protect_name(map_protect_looks[i].protect),
                map_is_writable_code(i) ? ": W+X" : "");
        y += LEGEND_LINE;
    }
    return y;
}

static double write_backings(FILE *out, double y, uint32_t backings)
{
    for (size_t i = 0; i < MAP_BACKINGS; i++) {
        if ((backings >> i & 1) == 0)
            continue;
        write_swatch(out, y, 0, (ldr_backing)i);
        fprintf(out, "%s: %s</text>\n", ldr_backing_name((ldr_backing)i),
                map_look_of_backing((ldr_backing)i).meaning);
        y += LEGEND_LINE;
    }
    return y;
}

static double write_note(FILE *out, double y, const char *text)
{
    fprintf(out, "<text x=\"%d\" y=\"%.1f\" fill=\"#444\">%s</text>\n", MAP_LEGEND_X, y, text);
    return y + MAP_LINE;
}

static void write_legend(FILE *out, const map_facts *facts, const map_column *memory)
{
    occurring found = find_occurring(facts);
    double y = memory->blocks[0].top;
    fputs("<g class=\"legend\">\n", out);
    y = write_protects(out, y, found.protects) + LEGEND_LINE / 2.0;
    y = write_backings(out, y, found.backings) + LEGEND_LINE;
    y = write_note(out, y, "Heights grow with the square");
    y = write_note(out, y, "root of sizes.");
    if (memory->count < facts->region_count) {
        y = write_note(out, y + LEGEND_LINE / 2.0, "Of regions that are merged, each");
        write_note(out, y, "kind has its share of the width.");
    }
    fputs("</g>\n", out);
}

void map_svg_write(FILE *out, const map_facts *facts, const map_column *file,
                   const map_column *memory)
{
    /* No legend is longer than a column. */
    write_head(out, facts, map_column_bottom(memory) + bottom_margin);
    write_heading(out, facts);
    map_svg_bands(out, facts, file, memory);
    map_svg_file(out, facts, file);
    map_svg_memory(out, facts, memory);
    write_legend(out, facts, memory);
    fputs("</svg>\n", out);
}
