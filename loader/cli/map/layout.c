/* layout.c: which neighbours share a block, and where the blocks stand. Knows sizes only. */
#include "cli/map/picture.h"

#include <math.h>

/* Pixels: what a block has at least, and what all blocks of a column share besides. */
static const double block_min = 20;
static const double shared_height = 760;

/* How spans are merged: those below `size`, at most `count` in a block. */
typedef struct merging {
    uint64_t size;
    size_t count;
    bool same_group;
} merging;

/* How many spans from `at` on make up one block. */
static size_t run_length(const map_span *spans, size_t left, const merging *how)
{
    size_t length = 1;
    if (spans[0].size >= how->size)
        return 1;
    while (length < left && length < how->count && spans[length].size < how->size &&
           (!how->same_group || spans[length].group == spans[0].group))
        length++;
    return length;
}

static size_t count_blocks(const map_span *spans, size_t count, const merging *how)
{
    size_t blocks = 0;
    for (size_t i = 0; i < count; blocks++)
        i += run_length(spans + i, count - i, how);
    return blocks;
}

/* The least merging that is enough, with a size that doubles. */
static bool find_size(const map_span *spans, size_t count, merging *how)
{
    for (int bit = 0; bit < 64; bit++) {
        how->size = UINT64_C(1) << bit;
        if (count_blocks(spans, count, how) <= MAP_BLOCKS_MAX)
            return true;
    }
    return false;
}

/*
 * Small neighbours of one group first. How many a block takes is bounded too, so that thousands of
 * equal ones become many blocks that are alike: by what fills three quarters of the blocks, which
 * the second try can always reach.
 */
static merging choose_merging(const map_span *spans, size_t count)
{
    merging how = {.count = 1};
    if (count <= MAP_BLOCKS_MAX)
        return how;
    how.count = count / (MAP_BLOCKS_MAX * 3 / 4) + 1;
    how.same_group = true;
    if (!find_size(spans, count, &how)) {
        how.same_group = false;
        find_size(spans, count, &how);
    }
    return how;
}

void map_column_fill(const map_span *spans, size_t count, map_column *ret_column)
{
    merging how = choose_merging(spans, count);
    uint64_t start = 0;
    ret_column->count = 0;
    for (size_t i = 0; i < count;) {
        map_block block = {.first = i, .start = start};
        block.count = run_length(spans + i, count - i, &how);
        for (size_t end = i + block.count; i < end; i++)
            block.size += spans[i].size;
        start += block.size;
        ret_column->blocks[ret_column->count++] = block;
    }
}

static void place_blocks(map_column *column, double top, double height)
{
    double shared = height - block_min * (double)column->count;
    double roots = 0;
    for (size_t i = 0; i < column->count; i++)
        roots += sqrt((double)column->blocks[i].size);
    for (size_t i = 0; i < column->count; i++) {
        map_block *block = &column->blocks[i];
        block->top = top;
        block->height = block_min + shared * sqrt((double)block->size) / roots;
        top += block->height;
    }
}

void map_columns_scale(map_column *left, map_column *right, double top)
{
    size_t most = left->count > right->count ? left->count : right->count;
    double height = block_min * (double)most + shared_height;
    place_blocks(left, top, height);
    place_blocks(right, top, height);
}

static const map_block *find_block(const map_column *column, uint64_t position)
{
    size_t low = 0;
    size_t high = column->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (column->blocks[middle].start <= position)
            low = middle;
        else
            high = middle;
    }
    return &column->blocks[low];
}

double map_column_y(const map_column *column, uint64_t position)
{
    const map_block *block = find_block(column, position);
    double share = (double)(position - block->start) / (double)block->size;
    return block->top + block->height * fmin(share, 1);
}

double map_column_bottom(const map_column *column)
{
    const map_block *last = &column->blocks[column->count - 1];
    return last->top + last->height;
}
