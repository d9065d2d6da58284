/* svg_looks.c: how pages look: colour for protection, outline and hatching for backing. */
#include "cli/map/picture.h"

/*
 * Black text is legible on all of these (a contrast of 6 and more), and any two are apart for
 * readers without red, green or blue cones (a distance of 20 and more in CIELAB, simulated after
 * Machado, Oliveira and Fernandes 2009). What is writable and executable is red and purple.
 */
const map_protect_look map_protect_looks[MAP_PROTECTS] = {
    {0, "#ffffff"},
    {LDR_PAGE_NOACCESS, "#889084"},
    {LDR_PAGE_READONLY, "#b7caff"},
    {LDR_PAGE_READWRITE, "#f7b21b"},
    {LDR_PAGE_WRITECOPY, "#ffdd76"},
    {LDR_PAGE_EXECUTE, "#4fbf70"},
    {LDR_PAGE_EXECUTE_READ, "#a1ffb4"},
    {LDR_PAGE_EXECUTE_READWRITE, "#f94f30"},
    {LDR_PAGE_EXECUTE_WRITECOPY, "#cb66b3"},
};

map_backing_look map_look_of_backing(ldr_backing backing)
{
    switch (backing) {
    case LDR_BACKING_FILE:
        return (map_backing_look){"stroke=\"#222\"", "the file's own pages"};
    case LDR_BACKING_SEGMENT:
        return (map_backing_look){"stroke=\"#222\" stroke-dasharray=\"7,3\"",
                                  "a copy for all views"};
    case LDR_BACKING_ZERO:
        return (map_backing_look){"stroke=\"#222\" stroke-dasharray=\"1.5,3\"", "zero fill"};
    case LDR_BACKING_SHARED:
        return (map_backing_look){"stroke=\"#0038a8\" stroke-width=\"3\"",
                                  "one memory for all views"};
    case LDR_BACKING_PRIVATE:
        return (map_backing_look){"stroke=\"#222\"", "written or relocated"};
    case LDR_BACKING_RELOCATED:
        return (map_backing_look){"stroke=\"#222\" stroke-dasharray=\"7,3,1.5,3\"",
                                  "a copy for one base"};
    case LDR_BACKING_NONE:
        break;
    }
    return (map_backing_look){"stroke=\"#aaa\" stroke-dasharray=\"1.5,3\"", "address space only"};
}

size_t map_protect_index(uint32_t protect)
{
    size_t index = 0;
    for (size_t i = 0; i < MAP_PROTECTS; i++) {
        if (map_protect_looks[i].protect == protect)
            index = i;
    }
    return index;
}

bool map_is_writable_code(size_t protect)
{
    uint32_t value = map_protect_looks[protect].protect;
    return value == LDR_PAGE_EXECUTE_READWRITE || value == LDR_PAGE_EXECUTE_WRITECOPY;
}

static void write_box(FILE *out, double x, double y, double width, double height, const char *fill)
{
    fprintf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"", x, y,
            width, height, fill);
}

void map_svg_pages(FILE *out, double x, double y, double width, double height, size_t protect,
                   ldr_backing backing)
{
    write_box(out, x, y, width, height, map_protect_looks[protect].fill);
    fprintf(out, " %s/>\n", map_look_of_backing(backing).outline);
    if (backing == LDR_BACKING_PRIVATE) {
        write_box(out, x, y, width, height, "url(#private)");
        fputs("/>\n", out);
    }
}
