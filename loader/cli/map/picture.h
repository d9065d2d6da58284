/*
 * picture.h: `peload map --svg`, the file beside the memory that it fills.
 *
 * Facts first (facts.c): the regions of the view, each with the bytes of the file that it holds,
 * and the file cut into ranges. Then the layout (layout.c), which knows nothing but sizes: which
 * neighbours share a block, and how high each block is. Then the text (svg*.c, block.c). picture.c
 * does these in order and writes the file.
 */
#ifndef PELOAD_MAP_PICTURE_H
#define PELOAD_MAP_PICTURE_H

#include "cli/cli.h"

/* What the picture is of. */
typedef struct map_subject {
    const char *path;
    const ldr_view *view;
    pe_profile profile; /* under which the view was made */
    bool is_relocated;
    uint32_t nt_status;
} map_subject;

/* Draws `subject` into a file at `out`. False, said on stderr, if that fails; then no file is left
 * there. */
bool map_picture(const map_subject *subject, const char *out);

/* ---- Facts ---- */

/* A region of the view, whose first `content` bytes are those of the file at `offset`. */
typedef struct map_region {
    ldr_region pages;
    uint64_t offset, content;
} map_region;

typedef enum map_part {
    MAP_HEADERS,
    MAP_RAW_DATA,     /* of a PE section, as far as Windows reads it */
    MAP_CERTIFICATES, /* what the certificate directory names */
    MAP_GAP,          /* nothing of these */
    MAP_OVERLAY,      /* the same, behind all raw data */
    MAP_PART_COUNT,
} map_part;

/* A range of the file. The first `hidden` bytes belong to the range before it too, and are left to
 * that; `others` counts the ranges that start inside this one. */
typedef struct map_range {
    uint64_t offset, size, hidden;
    map_part part;
    int32_t pe_section; /* of MAP_RAW_DATA, else -1 */
    uint32_t others;
} map_range;

/* Both arrays are in ascending order and without holes. */
typedef struct map_facts {
    const map_subject *subject;
    const pe_image *image;
    uint64_t file_size;
    map_region *regions;
    size_t region_count;
    map_range *ranges;
    size_t range_count;
} map_facts;

/* False, with errno, if the file or the view does not tell, or memory is short. To be released in
 * every case. */
bool map_facts_collect(const map_subject *subject, map_facts *ret_facts);
void map_facts_release(map_facts *facts);

/* SectionAlignment below a page: the file lies in memory as it is (rule B7). */
bool map_is_flat(const pe_image *image);

/* ---- Layout ---- */

/* What a column is made of. Of neighbours those with the same `group` are merged first. */
typedef struct map_span {
    uint64_t size;
    int32_t group;
} map_span;

/* `count` spans from `first` on, drawn as one. `start` is a position: an offset or an RVA. */
typedef struct map_block {
    size_t first, count;
    uint64_t start, size;
    double top, height;
} map_block;

enum { MAP_BLOCKS_MAX = 120 };

typedef struct map_column {
    map_block blocks[MAP_BLOCKS_MAX];
    size_t count;
} map_column;

/* Spans that follow one another, as at most MAP_BLOCKS_MAX blocks. */
void map_column_fill(const map_span *spans, size_t count, map_column *ret_column);

/*
 * Places the blocks of two columns from `top` on so that both are equally high. A block has room
 * for a line of text and a share of the rest that grows with the square root of its size: 4 KB and
 * 100 MB are both seen, and the larger one is higher.
 */
void map_columns_scale(map_column *left, map_column *right, double top);

/* Where a position is drawn: never above a lower one. */
double map_column_y(const map_column *column, uint64_t position);

/* Where the last block ends. */
double map_column_bottom(const map_column *column);

/* ---- What a block of the column of memory holds ---- */

enum { MAP_PROTECTS = 9, MAP_BACKINGS = 8 /* no fewer than there are */ };

/* Regions of one protection and backing. */
typedef struct map_kind {
    size_t count;
    uint64_t size;
} map_kind;

typedef struct map_kinds {
    map_kind of[MAP_PROTECTS][MAP_BACKINGS]; /* by index of the protection's look */
    size_t count;                            /* of kinds that occur */
} map_kinds;

map_kinds map_block_kinds(const map_facts *facts, const map_block *block);

/* The range of the file that has all `size` bytes which a block holds of it, and maybe others; and
 * the addresses that have them all. `ranges` is 0 if it holds none. */
typedef struct map_content {
    uint64_t start, end, size;
    uint64_t rva, rva_end;
    size_t ranges;
} map_content;

map_content map_block_content(const map_facts *facts, const map_block *block);

/* What a region belongs to: the index of its PE section, or a number of its own for headers and
 * for reserved addresses. */
int32_t map_owner(const map_region *region);

/* True if all its regions have one owner. */
bool map_block_has_one_owner(const map_facts *facts, const map_block *block);

/* ---- SVG ---- */

/* Writes the whole document. */
void map_svg_write(FILE *out, const map_facts *facts, const map_column *file,
                   const map_column *memory);

/* The parts of the document that stand beside each other, each in a file of its name. */
void map_svg_file(FILE *out, const map_facts *facts, const map_column *file);
void map_svg_bands(FILE *out, const map_facts *facts, const map_column *file,
                   const map_column *memory);
void map_svg_memory(FILE *out, const map_facts *facts, const map_column *memory);

/* Where they stand, in pixels from the left. */
enum {
    MAP_FILE_X = 100,
    MAP_FILE_WIDTH = 240,
    MAP_MEMORY_X = 460,
    MAP_MEMORY_WIDTH = 370,
    MAP_LEGEND_X = 944,
    MAP_WIDTH = 1214,
    MAP_LINE = 14, /* from a line of text to the next */
};

/* How a protection and a backing look (svg_looks.c). */
typedef struct map_protect_look {
    uint32_t protect; /* LDR_PAGE_*, 0 for reserved */
    const char *fill;
} map_protect_look;

typedef struct map_backing_look {
    const char *outline; /* attributes */
    const char *meaning;
} map_backing_look;

extern const map_protect_look map_protect_looks[MAP_PROTECTS];
map_backing_look map_look_of_backing(ldr_backing backing);

/* The index of the look of a protection, and whether that lets code be written and run. */
size_t map_protect_index(uint32_t protect);
bool map_is_writable_code(size_t protect_index);

/* The box of pages with these looks; private ones are hatched. */
void map_svg_pages(FILE *out, double x, double y, double width, double height, size_t protect,
                   ldr_backing backing);

/* UTF-8 as XML text; U+FFFD for all that XML or a line of text has no place for. */
void map_svg_text(FILE *out, const char *text);

/* The same, and of a longer text only the end, `limit` characters of it: for paths. */
void map_svg_text_end(FILE *out, const char *text, size_t limit);

/* An offset or an RVA beside its column; `anchor` is "start" or "end". */
void map_svg_position(FILE *out, int x, double y, const char *anchor, uint64_t position);

/* "812 KB", with room for any size. */
typedef struct map_size_text {
    char text[32];
} map_size_text;

map_size_text map_size(uint64_t size);

#endif
