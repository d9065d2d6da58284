#include "image/fixup_index.h"
#include "image/copy.h"
#include "image/fixup.h"
#include "image/relocate.h"

#include <string.h>

/* Bytes before the entries of a block. */
#define BLOCK_HEADER 8

/* Pages between two that change which are taken in, so that there are fewer runs: they are filled
 * at the same time. */
#define GAP LDR__GRANULE

typedef struct granule {
    uint32_t number;
    uint32_t first, end; /* offsets in the table: of its first block, and behind its last */
    bool joins;          /* a fixup lies across its end */
} granule;

typedef struct fixup_index {
    uint8_t *table; /* the directory */
    uint64_t size;
    uint16_t machine;
    granule *granules; /* those with fixups, ascending */
    struct ldr__page_run *runs;
    uint32_t granule_count, granule_capacity, run_count, run_capacity;
} fixup_index;

/* An image on its way into the index. */
typedef struct indexer {
    const ldr_view *view;
    const ldr__plan *plan;
    fixup_index *index;
    pe_directory directory;
    const ldr__subsection *current; /* that holds the last block's page */
    uint64_t page;                  /* of the last block */
    uint64_t budget;                /* rule S2 */
    uint32_t joined;                /* granules in a row */
} indexer;

static void release(void *self)
{
    fixup_index *index = self;
    if (index == NULL)
        return;
    ldr__os_free(index->table);
    ldr__os_free(index->granules);
    ldr__os_free(index->runs);
    ldr__os_free(index);
}

/* ---- What is in the index ---- */

/* Room for one more of `count` items in an array; `capacity` is how many it has room for. */
static void *grow(void *items, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    void *larger = ldr__os_resize(items, (*capacity * 2 + 16) * size);
    if (larger != NULL)
        *capacity = *capacity * 2 + 16;
    return larger;
}

/* The first of the granules from `number` on; its index may be the number of them. */
static uint32_t find_granule(const fixup_index *index, uint64_t number)
{
    uint32_t low = 0, high = index->granule_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (index->granules[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static granule *last_granule(fixup_index *index)
{
    return &index->granules[index->granule_count - 1];
}

/* A block at an offset of the table, for a page no lower than those before it. */
static ldr_status add_to_granule(fixup_index *index, uint64_t number, uint32_t at, uint32_t end)
{
    if (index->granule_count == 0 || last_granule(index)->number != number) {
        granule *granules =
            grow(index->granules, index->granule_count, &index->granule_capacity, sizeof *granules);
        if (granules == NULL)
            return LDR_NO_MEMORY;
        index->granules = granules;
        granules[index->granule_count++] = (granule){.number = (uint32_t)number, .first = at};
    }
    last_granule(index)->end = end;
    return LDR_OK;
}

/* The pages [start, end) of a subsection; in ascending order, but for overlaps. */
static ldr_status add_pages(fixup_index *index, const ldr__subsection *s, uint64_t start,
                            uint64_t end)
{
    struct ldr__page_run *last = index->run_count > 0 ? &index->runs[index->run_count - 1] : NULL;
    if (last != NULL && last->start >= s->rva && start <= last->end + GAP) {
        if (end > last->end)
            last->end = end;
        return LDR_OK;
    }
    struct ldr__page_run *runs =
        grow(index->runs, index->run_count, &index->run_capacity, sizeof *runs);
    if (runs == NULL)
        return LDR_NO_MEMORY;
    index->runs = runs;
    runs[index->run_count++] = (struct ldr__page_run){start, end};
    return LDR_OK;
}

/* ---- Entries ---- */

/* Eight entries, which every x86-64 processor looks at together: at a time that only some of the
 * image will ever be touched, this is most of what loading a large one costs. */
typedef uint16_t eight __attribute__((vector_size(16)));

/* For each entry bits if it is not of the types that images are made of, or leaves the page. */
static eight others_of_eight(const uint8_t *entries)
{
    eight e;
    memcpy(&e, entries, sizeof e);
    eight types = e >> 12;
    eight behind = (e & 0xFFF) + (0xFFF - LDR__PLAIN_LAST);
    return (eight)((types != PE_REL_DIR64) & (types != PE_REL_HIGHLOW) &
                   (types != PE_REL_ABSOLUTE)) |
           (behind & 0x1000);
}

/* Whether all are of those types and stay inside the page. */
static bool are_plain(const uint8_t *entries, uint32_t count)
{
    enum { EIGHT = 8 };
    uint8_t few[sizeof(eight)] = {0};
    if (count < EIGHT) {
        memcpy(few, entries, 2 * (size_t)count);
        entries = few;
        count = EIGHT;
    }
    eight others = others_of_eight(entries + 2 * (size_t)(count - EIGHT));
    for (uint32_t i = 0; i + EIGHT < count; i += EIGHT)
        others |= others_of_eight(entries + 2 * (size_t)i);
    uint64_t halves[2];
    memcpy(halves, &others, sizeof halves);
    return (halves[0] | halves[1]) == 0;
}

/* Fixups that need nothing but their own bytes. */
static bool is_independent(pe_reloc_kind kind)
{
    switch (kind) {
    case PE_RELOC_UNKNOWN:
    case PE_RELOC_HIGHADJ:
    case PE_RELOC_IA64_IMM64:
    case PE_RELOC_RISCV_HIGH20:
    case PE_RELOC_RISCV_LOW12I:
    case PE_RELOC_RISCV_LOW12S:
        return false;
    default:
        return true;
    }
}

static pe_reloc_kind kind_of(const ldr_view *view, uint16_t entry)
{
    unsigned type = entry >> 12;
    return ldr__relocs_pass_over(view, type) ? PE_RELOC_ABSOLUTE
                                             : pe_reloc_kind_of(view->image.file.machine, type);
}

static bool holds_table(const indexer *in, uint64_t page)
{
    uint64_t table = in->directory.rva.value;
    return page < table + in->directory.size && page + LDR__PAGE > table;
}

/* A page of a PE section that is stored in the file. */
static bool is_stored(const ldr__subsection *s)
{
    return (s->backing == LDR_BACKING_SEGMENT || s->backing == LDR_BACKING_FILE) &&
           s->pe_section != LDR__NO_PE_SECTION;
}

/* Whether the last granule but one is the one before `number`, and joins it. */
static bool is_joined_to(const fixup_index *index, uint32_t number)
{
    const granule *before = &index->granules[index->granule_count - 1];
    return index->granule_count > 1 && before[-1].joins && before[-1].number + 1 == number;
}

/* A fixup that goes on in the next page: both have to be filled together. */
static ldr_status add_crossing(indexer *in, bool *ret_regular)
{
    uint64_t next = in->page + LDR__PAGE;
    const ldr__subsection *s = &in->plan->subsections[ldr__plan_find(in->plan, next)];
    granule *crossed = last_granule(in->index);
    if (next % LDR__GRANULE == 0 && !crossed->joins) {
        in->joined = is_joined_to(in->index, crossed->number) ? in->joined + 1 : 2;
        crossed->joins = true;
    }
    *ret_regular = is_stored(s) && !holds_table(in, next) && in->joined <= LDR__GRANULES_MAX;
    return *ret_regular ? add_pages(in->index, s, next, next + LDR__PAGE) : LDR_OK;
}

static ldr_status check_entry(indexer *in, uint16_t entry, bool *ret_regular)
{
    pe_reloc_kind kind = kind_of(in->view, entry);
    uint32_t width = ldr__fixup_width(kind);
    uint64_t rva = in->page + (entry & 0xFFF);
    *ret_regular =
        kind == PE_RELOC_ABSOLUTE ||
        (is_independent(kind) && pe_range_ok(in->view->image.optional.size_of_image, rva, width));
    if (*ret_regular && kind != PE_RELOC_ABSOLUTE && rva + width > in->page + LDR__PAGE)
        return add_crossing(in, ret_regular);
    return LDR_OK;
}

static ldr_status check_entries(indexer *in, const pe_reloc_block *block, bool *ret_regular)
{
    *ret_regular = true;
    if (are_plain(block->entries.data, block->count))
        return LDR_OK;
    ldr_status status = LDR_OK;
    for (uint32_t i = 0; i < block->count && status == LDR_OK && *ret_regular; i++)
        status = check_entry(in, pe_reloc_entry(block, i), ret_regular);
    return status;
}

/* ---- Blocks ---- */

static bool changes_nothing(const ldr_view *view, const pe_reloc_block *block)
{
    for (uint32_t i = 0; i < block->count; i++) {
        if (kind_of(view, pe_reloc_entry(block, i)) != PE_RELOC_ABSOLUTE)
            return false;
    }
    return true;
}

static bool pay(indexer *in, uint64_t units)
{
    if (units > in->budget)
        return false;
    in->budget -= units;
    return true;
}

/*
 * A page of a PE section that is stored, no lower than the one before it, all of it in the image.
 * What a fixup there changes is not part of the directory, which is read while it is being applied.
 */
static bool is_regular_page(indexer *in, uint64_t page)
{
    if (page % LDR__PAGE != 0 || page < in->page || holds_table(in, page) ||
        !pe_range_ok(in->view->image.optional.size_of_image, page, LDR__PAGE))
        return false;
    if (in->current == NULL || page < in->current->rva ||
        page >= in->current->rva + in->current->size)
        in->current = &in->plan->subsections[ldr__plan_find(in->plan, page)];
    return is_stored(in->current);
}

static ldr_status add_block(indexer *in, const pe_reloc_block *block, bool *ret_regular)
{
    *ret_regular = pay(in, LDR__BLOCK_COST + (uint64_t)block->count) &&
                   block->entries.size == 2 * (uint64_t)block->count;
    if (!*ret_regular || block->count == 0)
        return LDR_OK;
    if (!is_regular_page(in, block->page.value)) {
        *ret_regular = changes_nothing(in->view, block);
        return LDR_OK;
    }
    *ret_regular = in->current->backing != LDR_BACKING_FILE || pay(in, LDR__TAKE_COST);
    if (!*ret_regular)
        return LDR_OK;
    in->page = block->page.value;
    uint32_t at = block->at.value - in->directory.rva.value;
    ldr_status status = add_to_granule(in->index, in->page / LDR__GRANULE, at,
                                       at + BLOCK_HEADER + 2 * block->count);
    if (status == LDR_OK)
        status = add_pages(in->index, in->current, in->page, in->page + LDR__PAGE);
    return status == LDR_OK ? check_entries(in, block, ret_regular) : status;
}

/* An image is read at base + RVA: this base lies before the table. */
static pe_image image_of_table(const indexer *in)
{
    uint64_t rva = in->directory.rva.value;
    pe_span span = {(const uint8_t *)((uintptr_t)in->index->table - rva), rva + in->index->size};
    return pe_image_mapped(&in->view->image, span);
}

static ldr_status add_blocks(indexer *in, bool *ret_regular)
{
    pe_reloc_iter blocks;
    pe_reloc_block block;
    pe_image image = image_of_table(in);
    ldr_status status = LDR_OK;
    *ret_regular = true;
    pe_relocs(&image, &blocks);
    while (status == LDR_OK && *ret_regular && pe_reloc_next(&blocks, &block) == PE_OK)
        status = add_block(in, &block, ret_regular);
    *ret_regular = *ret_regular && blocks.status == PE_END;
    return status;
}

/* ---- Applying ---- */

static uint32_t load_u32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* The image is a good one: nothing is checked again. `page` is where the block's page is. */
static void apply_block(const fixup_index *index, const uint8_t *block, uint64_t delta,
                        uint8_t *page)
{
    const uint8_t *entries = block + BLOCK_HEADER;
    uint32_t count = (load_u32(block + 4) - BLOCK_HEADER) / 2;
    uint32_t i = 0;
    while ((i = ldr__fixup_apply_plain(page, entries, i, count, delta)) < count) {
        uint16_t entry;
        memcpy(&entry, entries + 2 * (size_t)i++, sizeof entry);
        pe_reloc_kind kind = pe_reloc_kind_of(index->machine, entry >> 12);
        ldr__fixup_apply(kind, page + (entry & 0xFFF), delta, 0, NULL);
    }
}

/* `bytes` are those of the granule. */
static void apply_granule(const fixup_index *index, const granule *g, uint64_t delta,
                          uint8_t *bytes)
{
    uint64_t start = g->number * LDR__GRANULE;
    for (uint32_t at = g->first; at < g->end; at += load_u32(index->table + at + 4)) {
        uint64_t page = load_u32(index->table + at);
        if (page >= start && page < start + LDR__GRANULE)
            apply_block(index, index->table + at, delta, bytes + (page - start));
    }
}

static void apply(const void *self, uint64_t start, uint64_t end, uint64_t delta, uint8_t *bytes)
{
    const fixup_index *index = self;
    for (uint32_t i = find_granule(index, start / LDR__GRANULE); i < index->granule_count; i++) {
        const granule *g = &index->granules[i];
        if (g->number * LDR__GRANULE >= end)
            return;
        apply_granule(index, g, delta, bytes + (g->number * LDR__GRANULE - start));
    }
}

static bool joins(const void *self, uint64_t number)
{
    const fixup_index *index = self;
    uint32_t i = find_granule(index, number);
    return i < index->granule_count && index->granules[i].number == number &&
           index->granules[i].joins;
}

/* ---- The index ---- */

/* All of the directory is stored in the file, at one place. */
static bool find_table(indexer *in, uint64_t *ret_source)
{
    uint64_t rva = in->directory.rva.value;
    if (rva >= in->plan->size || !pay(in, ldr__copy_cost(in->view, rva, in->directory.size)))
        return false;
    const ldr__subsection *s = &in->plan->subsections[ldr__plan_find(in->plan, rva)];
    *ret_source = s->source + (rva - s->rva);
    uint64_t end = s->rva + s->content;
    const ldr__subsection *last = in->plan->subsections + in->plan->count - 1;
    for (; s < last && is_stored(s) && s->content == s->size && is_stored(s + 1) &&
           s->source + s->size == s[1].source;
         s++)
        end = s[1].rva + s[1].content;
    return is_stored(s) && pe_range_ok(end, rva, in->directory.size);
}

static ldr_status take_table(indexer *in, uint64_t offset)
{
    fixup_index *index = in->index;
    ldr__source source = {.file = in->view->section->file, .size = in->view->section->file_size};
    index->size = in->directory.size;
    index->machine = in->view->image.file.machine;
    index->table = ldr__os_resize(NULL, index->size); /* not cleared */
    index->granules = ldr__os_alloc((in->plan->size / LDR__GRANULE + 1) * sizeof *index->granules);
    if (index->table == NULL || index->granules == NULL)
        return LDR_NO_MEMORY;
    return ldr__source_read(&source, offset, index->table, index->size);
}

ldr_status ldr__fixup_index_make(const ldr_view *view, ldr__demand_fixups *ret_fixups)
{
    fixup_index *index = ldr__os_alloc(sizeof *index);
    if (index == NULL)
        return LDR_NO_MEMORY;
    indexer in = {.view = view,
                  .plan = ldr__view_plan(view),
                  .index = index,
                  .directory = pe_directory_at(&view->image, PE_DIRECTORY_BASE_RELOCATION),
                  .budget = pe_budget_for(view->section->file_size).left};
    uint64_t offset;
    bool is_regular = find_table(&in, &offset);
    ldr_status status = is_regular ? take_table(&in, offset) : LDR_OK;
    if (status == LDR_OK && is_regular)
        status = add_blocks(&in, &is_regular);
    if (status != LDR_OK || !is_regular) {
        release(index);
        index = NULL;
    }
    if (status == LDR_OK)
        *ret_fixups = (ldr__demand_fixups){index, apply, joins, release};
    return status;
}

ldr__relocated *ldr__fixup_index_pages(const ldr__demand_fixups *fixups, struct ldr__page_run first)
{
    const fixup_index *index = fixups->self;
    ldr__relocated *pages =
        ldr__os_alloc(sizeof *pages + (index->run_count + 1) * sizeof pages->runs[0]);
    if (pages == NULL)
        return NULL;
    pages->segment = LDR__NO_HANDLE;
    if (first.start < first.end)
        pages->runs[pages->run_count++] = first;
    memcpy(pages->runs + pages->run_count, index->runs, index->run_count * sizeof pages->runs[0]);
    pages->run_count += index->run_count;
    return pages;
}
