/* relocate.c: base relocations, as ntdll applies them after mapping (rules D of pe/RULES.md). */
#include "section/diag.h"
#include "section/view.h"

#include <string.h>

/* Bytes: the widest fixup, the span of the offsets in a block, what comes before its entries. */
#define FIXUP_MAX    8
#define BLOCK_SPAN   4096
#define BLOCK_HEADER 8

/* The RVAs of pages that were made writable at once; `end` is 0 for none. */
typedef struct open_run {
    uint64_t start, end;
} open_run;

/*
 * Pages are opened as the fixups come to them, each run of equal protection once, and stay open
 * until the end.
 */
typedef struct relocator {
    ldr_view *view;
    uint64_t delta;
    open_run current;                  /* the one that the last fixup was in */
    open_run *opened;                  /* for each subsection: the one that it is in */
    uint64_t stored_start, stored_end; /* content of the image that holds the last block */
    uint64_t lowest;                   /* page of all blocks */
    pe_diag why; /* rule, offset, value and limit when the relocations are broken */
} relocator;

static ldr_status broken(relocator *r, const char *rule, uint64_t offset, uint64_t value,
                         uint64_t allowed, const char *detail)
{
    r->why = (pe_diag){.nt_status = PE_NT_INVALID_IMAGE_FORMAT,
                       .rule = rule,
                       .offset = offset,
                       .value = value,
                       .allowed = allowed,
                       .detail = detail};
    return LDR_BAD_RELOCATIONS;
}

/* ---- Opening pages ---- */

/* Neighbours that one change of protection opens. */
static bool open_together(const ldr__subsection *a, const ldr__subsection *b)
{
    return a->backing != LDR_BACKING_NONE && b->backing != LDR_BACKING_NONE &&
           ldr__protect_access(a->protect) == ldr__protect_access(b->protect);
}

/* Opens the subsection `at` and its neighbours. */
static ldr_status open_around(relocator *r, uint32_t at)
{
    const ldr__plan *plan = ldr__view_plan(r->view);
    const ldr__subsection *subsections = plan->subsections;
    uint32_t first = at, last = at;
    while (first > 0 && open_together(&subsections[first - 1], &subsections[first]))
        first--;
    while (last + 1 < plan->count && open_together(&subsections[last], &subsections[last + 1]))
        last++;
    open_run run = {subsections[first].rva, subsections[last].rva + subsections[last].size};
    ldr_status status = ldr__view_write_begin(r->view, run.start, run.end - run.start);
    for (uint32_t i = first; i <= last && status == LDR_OK; i++)
        r->opened[i] = run;
    return status;
}

static ldr_status open_at(relocator *r, uint64_t rva)
{
    if (rva >= r->current.start && rva < r->current.end)
        return LDR_OK;
    const ldr__plan *plan = ldr__view_plan(r->view);
    uint32_t at = ldr__plan_find(plan, rva);
    const ldr__subsection *subsection = &plan->subsections[at];
    if (subsection->backing == LDR_BACKING_NONE)
        return broken(r, "D9", rva, rva, subsection->rva, "fixup in a gap of the image");
    if (r->opened[at].end == 0) {
        ldr_status status = open_around(r, at);
        if (status != LDR_OK)
            return status;
    }
    r->current = r->opened[at];
    return LDR_OK;
}

static ldr_status close_all(relocator *r)
{
    uint64_t closed = 0; /* everything below is */
    ldr_status result = LDR_OK;
    for (uint32_t i = 0; i < ldr__view_plan(r->view)->count; i++) {
        open_run run = r->opened[i];
        if (run.end <= closed)
            continue;
        ldr_status status = ldr__view_write_end(r->view, run.start, run.end - run.start);
        if (status != LDR_OK)
            result = status;
        closed = run.end;
    }
    return result;
}

/* ---- Applying ---- */

/* The image is little-endian, and so is every machine that its code runs on. */
static inline void add_u16(uint8_t *at, uint64_t delta)
{
    uint16_t value;
    memcpy(&value, at, sizeof value);
    value = (uint16_t)(value + delta);
    memcpy(at, &value, sizeof value);
}

static inline void add_u32(uint8_t *at, uint64_t delta)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    value += (uint32_t)delta;
    memcpy(at, &value, sizeof value);
}

static inline void add_u64(uint8_t *at, uint64_t delta)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    value += delta;
    memcpy(at, &value, sizeof value);
}

/* Bytes that a fixup changes; 0 for a type that x86 images cannot have (D8). */
static uint32_t width_of(unsigned type)
{
    switch (type) {
    case PE_REL_HIGH:
    case PE_REL_LOW:
        return 2;
    case PE_REL_HIGHLOW:
        return 4;
    case PE_REL_DIR64:
        return 8;
    default:
        return 0;
    }
}

static void apply_at(uint8_t *at, unsigned type, uint64_t delta)
{
    switch (type) {
    case PE_REL_HIGH:
        add_u16(at, delta >> 16);
        break;
    case PE_REL_LOW:
        add_u16(at, delta);
        break;
    case PE_REL_HIGHLOW:
        add_u32(at, delta);
        break;
    default:
        add_u64(at, delta);
        break;
    }
}

/* One entry with every check. `entry_rva` is where it stands, for the diagnostic. */
static ldr_status apply_checked(relocator *r, uint64_t page, uint16_t entry, uint64_t entry_rva)
{
    unsigned type = entry >> 12;
    if (type == PE_REL_ABSOLUTE)
        return LDR_OK;
    uint32_t width = width_of(type);
    if (width == 0)
        return broken(r, "D8", entry_rva, type, PE_REL_DIR64, "unknown type of relocation");
    uint64_t rva = page + (entry & 0xFFF);
    uint64_t limit = r->view->image.optional.size_of_image;
    if (!pe_range_ok(limit, rva, width))
        return broken(r, "D4", entry_rva, rva, limit, "fixup outside the image");
    ldr_status status = open_at(r, rva);
    if (status == LDR_OK)
        status = open_at(r, rva + width - 1);
    if (status == LDR_OK)
        apply_at(r->view->base + rva, type, r->delta);
    return status;
}

/*
 * The types that images are made of, where the whole span of a block is open and inside the image.
 * Returns the first entry that needs more than that.
 */
static uint32_t apply_fast(uint8_t *page, const uint8_t *entries, uint32_t first, uint32_t end,
                           uint64_t delta)
{
    for (uint32_t i = first; i < end; i++) {
        uint16_t entry;
        memcpy(&entry, entries + 2 * (size_t)i, sizeof entry);
        uint8_t *at = page + (entry & 0xFFF);
        if (entry >> 12 == PE_REL_DIR64)
            add_u64(at, delta);
        else if (entry >> 12 == PE_REL_HIGHLOW)
            add_u32(at, delta);
        else if (entry >> 12 != PE_REL_ABSOLUTE)
            return i;
    }
    return end;
}

static bool is_open(const relocator *r, uint64_t rva, uint64_t size)
{
    return rva >= r->current.start && pe_range_ok(r->current.end, rva, size) &&
           pe_range_ok(r->view->image.optional.size_of_image, rva, size);
}

/* Finds the end of what is stored in the file around `rva`; behind it is zero fill or a gap. */
static void find_stored(relocator *r, uint64_t rva)
{
    const ldr__plan *plan = ldr__view_plan(r->view);
    uint32_t i = ldr__plan_find(plan, rva);
    const ldr__subsection *s = &plan->subsections[i];
    r->stored_start = s->rva;
    r->stored_end = s->rva + s->content;
    while (s->content == s->size && ++i < plan->count && plan->subsections[i].content > 0) {
        s = &plan->subsections[i];
        r->stored_end = s->rva + s->content;
    }
}

/*
 * Entries in zero fill say ABSOLUTE. Not to read them keeps the work within what the file can pay
 * for: a block of 2 GiB costs its author eight bytes.
 */
static uint32_t stored_entries(relocator *r, const pe_reloc_block *block)
{
    uint64_t start = block->at.value + BLOCK_HEADER;
    if (start < r->stored_start || start >= r->stored_end)
        find_stored(r, start);
    uint64_t stored = start < r->stored_end ? (r->stored_end - start + 1) / 2 : 0;
    return stored < block->count ? (uint32_t)stored : block->count;
}

static ldr_status apply_block(relocator *r, const pe_reloc_block *block)
{
    uint64_t page = block->page.value;
    uint32_t count = block->count > 0 ? stored_entries(r, block) : 0;
    uint32_t i = 0;
    if (page < r->lowest)
        r->lowest = page;
    while (i < count) {
        if (is_open(r, page, BLOCK_SPAN + FIXUP_MAX - 1))
            i = apply_fast(r->view->base + page, block->entries.data, i, count, r->delta);
        if (i == count)
            break;
        uint64_t entry_rva = block->at.value + BLOCK_HEADER + 2 * (uint64_t)i;
        ldr_status status = apply_checked(r, page, pe_reloc_entry(block, i++), entry_rva);
        if (status != LDR_OK)
            return status;
    }
    return LDR_OK;
}

static ldr_status apply_all(relocator *r)
{
    pe_reloc_iter blocks;
    pe_reloc_block block;
    pe_relocs(&r->view->image, &blocks);
    pe_status next;
    while ((next = pe_reloc_next(&blocks, &block)) == PE_OK) {
        ldr_status status = apply_block(r, &block);
        if (status != LDR_OK)
            return status;
    }
    if (next == PE_END)
        return LDR_OK;
    r->why = blocks.diag;
    return LDR_BAD_RELOCATIONS;
}

/* ---- The headers afterwards ---- */

static bool is_as_judged(const ldr_view *view, uint32_t offset, uint32_t size)
{
    uint8_t now[4];
    return pe_read(&view->image, (pe_rva){offset}, now, size) != PE_OK ||
           memcmp(now, view->section->headers + offset, size) == 0;
}

/* Windows looks at the headers again since 7 (A83): MZ, e_lfanew and the signature must stand. */
static ldr_status check_headers(relocator *r)
{
    const ldr_view *view = r->view;
    uint32_t signature = (uint32_t)view->image.file.offset.value;
    if (view->section->profile == PE_WINXP || r->lowest >= signature + 4)
        return LDR_OK;
    const uint32_t fields[][2] = {{0, 2}, {0x3C, 4}, {signature, 4}};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (!is_as_judged(view, fields[i][0], fields[i][1]))
            return broken(r, "A83", fields[i][0], r->delta, 0, "a fixup changes the headers");
    }
    return LDR_OK;
}

/* ---- The stage ---- */

static ldr_status relocate(relocator *r)
{
    r->opened = ldr__os_alloc(ldr__view_plan(r->view)->count * sizeof *r->opened);
    if (r->opened == NULL)
        return LDR_NO_MEMORY;
    ldr_status status = apply_all(r);
    if (status == LDR_OK)
        status = check_headers(r);
    ldr_status closed = close_all(r);
    ldr__os_free(r->opened);
    return status == LDR_OK ? closed : status;
}

/* The header that stays in the view says where the image would like to be, as after ntdll. */
ldr_status ldr_view_relocate(ldr_view *view, ldr_diag *diag)
{
    const char *name = ldr__view_name(view);
    uint64_t delta = (uint64_t)(uintptr_t)view->base - view->image.optional.image_base;
    if (delta == 0 || view->relocated)
        return LDR_OK;
    if (!pe_has_relocs(&view->image)) {
        bool fixed = (view->image.file.characteristics & PE_FILE_RELOCS_STRIPPED) != 0;
        return fixed ? ldr__fail(diag, LDR_NOT_RELOCATABLE, PE_NT_CONFLICTING_ADDRESSES, name)
                     : LDR_OK;
    }
    relocator r = {.view = view, .delta = delta, .lowest = UINT64_MAX};
    ldr_status status = relocate(&r);
    if (status == LDR_BAD_RELOCATIONS)
        return ldr__fail_why(diag, status, &r.why, name);
    if (status != LDR_OK)
        return ldr__fail(diag, status, ldr__nt_status_of(status), name);
    view->relocated = true;
    return LDR_OK;
}
