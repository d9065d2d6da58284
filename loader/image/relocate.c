#include "image/relocate.h"
#include "image/copy.h"
#include "image/fixup.h"
#include "image/patch.h"
#include "section/diag.h"

#include <string.h>

/* Bytes before the entries of a block. */
#define BLOCK_HEADER 8

#define NO_RVA UINT64_MAX

/* RVAs of pages; `end` is 0 for none. */
typedef struct open_run {
    uint64_t start, end;
} open_run;

/*
 * Pages are opened as the fixups come to them, each run of equal protection once, and stay open
 * until the end. Those of the file are not touched but patched.
 */
typedef struct relocator {
    ldr_view *view;
    uint64_t delta;
    ldr__copy table;                   /* the relocation directory is read here */
    uint64_t budget;                   /* what is left for blocks, entries and pages */
    ldr__page_set *changed;            /* what fixups change, or NULL */
    ldr__patch patch;                  /* file pages that fixups are being applied to */
    open_run *opened;                  /* for each subsection: what was made writable with it */
    open_run current;                  /* where the last fixup was */
    uint8_t *memory;                   /* the bytes of `current`: the view's, or the patch's */
    uint64_t stored_start, stored_end; /* content of the image that holds the last block */
    uint64_t lowest;                   /* page of all blocks */
    uint64_t high20;                   /* of RISC-V, that waits for its LOW12; or NO_RVA */
    pe_diag why; /* rule, offset, value and limit when the relocations are broken */
} relocator;

static ldr_status broken(relocator *r, const char *rule, uint64_t offset, uint64_t value,
                         uint64_t allowed, const char *detail)
{
    r->why = ldr__bad_format(rule, offset, value, allowed, detail);
    return LDR_BAD_RELOCATIONS;
}

/* ---- Opening pages ---- */

/* Pages that are SHARED are opened one by one: no more of them become the view's own. */
static bool is_opened_whole(const ldr__subsection *s)
{
    return s->backing != LDR_BACKING_NONE && s->backing != LDR_BACKING_SHARED;
}

/* Neighbours that one change of protection opens. */
static bool open_together(const ldr__subsection *a, const ldr__subsection *b)
{
    return is_opened_whole(a) && is_opened_whole(b) &&
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

/* Sections may share their bytes, so that a small file has a large directory. */
static ldr_status pay(relocator *r, uint64_t units, uint64_t at)
{
    if (units > r->budget)
        return broken(r, "S2", at, units, r->budget,
                      "relocations are more work than their file is worth");
    r->budget -= units;
    return LDR_OK;
}

/* Makes `current` of the subsection that holds `rva`, or of file pages from `rva` on. */
static ldr_status enter(relocator *r, const ldr__subsection *subsection, uint64_t rva)
{
    r->current = (open_run){subsection->rva, subsection->rva + subsection->size};
    r->memory = r->view->base + subsection->rva;
    if (subsection->backing != LDR_BACKING_FILE)
        return LDR_OK;
    ldr_status status = pay(r, LDR__TAKE_COST, rva);
    if (status == LDR_OK)
        status = ldr__patch_take(&r->patch, subsection, rva);
    r->current = (open_run){r->patch.start, r->patch.end};
    r->memory = r->patch.bytes;
    return status;
}

/* The same for a page that is SHARED, which can be written without being opened. */
static ldr_status enter_shared(relocator *r, uint64_t rva)
{
    uint64_t page = rva & ~(LDR__PAGE - 1);
    ldr_status status = ldr__view_write_begin(r->view, page, LDR__PAGE);
    if (status != LDR_OK)
        return status;
    r->current = (open_run){page, page + LDR__PAGE};
    r->memory = r->view->base + page;
    return LDR_OK;
}

/* Afterwards `rva` is in `current`, and can be written. */
static ldr_status open_at(relocator *r, uint64_t rva)
{
    if (rva >= r->current.start && rva < r->current.end)
        return LDR_OK;
    const ldr__plan *plan = ldr__view_plan(r->view);
    uint32_t at = ldr__plan_find(plan, rva);
    const ldr__subsection *subsection = &plan->subsections[at];
    if (subsection->backing == LDR_BACKING_NONE)
        return broken(r, "D9", rva, rva, subsection->rva, "fixup in a gap of the image");
    if (subsection->backing == LDR_BACKING_SHARED)
        return enter_shared(r, rva);
    if (r->opened[at].end == 0) {
        ldr_status status = open_around(r, at);
        if (status != LDR_OK)
            return status;
    }
    return enter(r, subsection, rva);
}

static uint8_t *byte_at(const relocator *r, uint64_t rva)
{
    return r->memory + (rva - r->current.start);
}

/*
 * After bytes of `current` have been changed. Windows reads the directory where it is, so that a
 * fixup may change entries after its own (rule D6): those of the copy follow.
 */
static void note_change(relocator *r, uint64_t rva, uint64_t size)
{
    if (r->memory == r->patch.bytes)
        ldr__patch_changed(&r->patch, rva, size);
    if (r->changed != NULL)
        ldr__page_set_add(r->changed, rva, size);
    ldr__copy_update(&r->table, rva, byte_at(r, rva), size);
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

static uint64_t entry_rva_of(const pe_reloc_block *block, uint32_t index)
{
    return block->at.value + BLOCK_HEADER + 2 * (uint64_t)index;
}

/* Pages at hand that end inside a fixup are left for those that begin with its page. */
static ldr_status open_fixup(relocator *r, uint64_t rva, uint32_t width)
{
    bool is_cut = rva >= r->current.start && rva < r->current.end && r->current.end - rva < width;
    if (is_cut && r->memory == r->patch.bytes)
        r->current = (open_run){0, 0};
    return open_at(r, rva);
}

/* The bytes of a fixup may cross from one page to another that comes from elsewhere. */
static ldr_status fetch(relocator *r, uint64_t rva, uint8_t *ret_bytes, uint32_t width)
{
    ldr_status status = open_fixup(r, rva, width);
    for (uint32_t i = 0; i < width && status == LDR_OK; i++) {
        status = open_at(r, rva + i);
        if (status == LDR_OK)
            ret_bytes[i] = *byte_at(r, rva + i);
    }
    return status;
}

static ldr_status store(relocator *r, uint64_t rva, const uint8_t *bytes, uint32_t width)
{
    ldr_status status = LDR_OK;
    for (uint32_t i = 0; i < width && status == LDR_OK; i++) {
        status = open_at(r, rva + i);
        if (status == LDR_OK) {
            *byte_at(r, rva + i) = bytes[i];
            note_change(r, rva + i, 1);
        }
    }
    return status;
}

/* HIGHADJ takes the entry after its own. Windows looks at that since 8 (D.3), which makes no
 * difference: deltas are multiples of 64 KiB. */
static ldr_status take_parameter(relocator *r, const pe_reloc_block *block, uint32_t *index,
                                 uint16_t *ret_parameter)
{
    if (*index == block->count)
        return broken(r, "A82", entry_rva_of(block, *index), block->count, block->count + 1u,
                      "HIGHADJ is the last entry of its block");
    *ret_parameter = pe_reloc_entry(block, (*index)++);
    return LDR_OK;
}

/* The high half of an address waits for the low one, which may come in another block. */
static ldr_status apply_pair(relocator *r, pe_reloc_kind kind, uint64_t rva, uint64_t entry_rva)
{
    enum { WIDTH = 4 };
    uint8_t high[WIDTH], low[WIDTH];
    uint64_t high20 = r->high20;
    if (high20 == NO_RVA)
        return broken(r, "D11", entry_rva, kind == PE_RELOC_RISCV_LOW12I ? 7 : 8, 5,
                      "LOW12 without a HIGH20 before it");
    r->high20 = NO_RVA;
    ldr_status status = fetch(r, high20, high, WIDTH);
    if (status == LDR_OK)
        status = fetch(r, rva, low, WIDTH);
    if (status != LDR_OK)
        return status;
    ldr__fixup_apply(kind, low, r->delta, 0, high);
    status = store(r, high20, high, WIDTH);
    return status == LDR_OK ? store(r, rva, low, WIDTH) : status;
}

static ldr_status apply_one(relocator *r, pe_reloc_kind kind, uint64_t rva, uint16_t parameter)
{
    uint8_t bytes[LDR__FIXUP_MAX];
    uint32_t width = ldr__fixup_width(kind);
    ldr_status status = fetch(r, rva, bytes, width);
    if (status != LDR_OK)
        return status;
    ldr__fixup_apply(kind, bytes, r->delta, parameter, NULL);
    return store(r, rva, bytes, width);
}

/* One fixup that the machine has, at a place inside the image. */
static ldr_status apply_fixup(relocator *r, pe_reloc_kind kind, uint64_t rva,
                              const pe_reloc_block *block, uint32_t *index)
{
    uint64_t entry_rva = entry_rva_of(block, *index - 1);
    uint16_t parameter = 0;
    ldr_status status = LDR_OK;
    switch (kind) {
    case PE_RELOC_RISCV_HIGH20:
        r->high20 = rva;
        return LDR_OK;
    case PE_RELOC_RISCV_LOW12I:
    case PE_RELOC_RISCV_LOW12S:
        return apply_pair(r, kind, rva, entry_rva);
    case PE_RELOC_HIGHADJ:
        status = take_parameter(r, block, index, &parameter);
        break;
    default:
        break;
    }
    return status == LDR_OK ? apply_one(r, kind, rva, parameter) : status;
}

bool ldr__relocs_pass_over(const ldr_view *view, unsigned type)
{
    uint16_t machine = view->image.file.machine;
    bool is_x86 = machine == PE_MACHINE_I386 || machine == PE_MACHINE_AMD64;
    return is_x86 && view->section->profile != PE_WIN10 && type > PE_REL_HIGHADJ &&
           type < PE_REL_DIR64 && type != 8;
}

/* One entry with every check; moves `index` on. */
static ldr_status apply_checked(relocator *r, const pe_reloc_block *block, uint32_t *index)
{
    const pe_image *image = &r->view->image;
    uint64_t entry_rva = entry_rva_of(block, *index);
    uint16_t entry = pe_reloc_entry(block, (*index)++);
    unsigned type = entry >> 12;
    pe_reloc_kind kind = pe_reloc_kind_of(image->file.machine, type);
    uint64_t rva = block->page.value + (uint64_t)(entry & 0xFFF);
    uint64_t limit = image->optional.size_of_image;
    if (kind == PE_RELOC_ABSOLUTE || ldr__relocs_pass_over(r->view, type))
        return LDR_OK;
    if (kind == PE_RELOC_UNKNOWN)
        return broken(r, "D8", entry_rva, type, PE_REL_DIR64, "unknown type of relocation");
    if (kind == PE_RELOC_IA64_IMM64)
        rva -= rva % LDR__FIXUP_MAX; /* the slot of the bundle is not needed */
    if (!pe_range_ok(limit, rva, ldr__fixup_width(kind)))
        return broken(r, "D4", entry_rva, rva, limit, "fixup outside the image");
    return apply_fixup(r, kind, rva, block, index);
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
    ldr_status paid = pay(r, LDR__BLOCK_COST + (uint64_t)count, block->at.value);
    if (paid != LDR_OK)
        return paid;
    if (page < r->lowest)
        r->lowest = page;
    while (i < count) {
        if (is_open(r, page, LDR__BLOCK_SPAN)) {
            i = ldr__fixup_apply_plain(byte_at(r, page), block->entries.data, i, count, r->delta);
            note_change(r, page, LDR__BLOCK_SPAN);
        }
        if (i == count)
            break;
        ldr_status status = apply_checked(r, block, &i);
        if (status != LDR_OK)
            return status;
    }
    return LDR_OK;
}

static ldr_status apply_all(relocator *r)
{
    pe_reloc_iter blocks;
    pe_reloc_block block;
    pe_relocs(&r->table.image, &blocks);
    pe_status next;
    while ((next = pe_reloc_next(&blocks, &block)) == PE_OK) {
        ldr_status status = apply_block(r, &block);
        if (status != LDR_OK)
            return status;
    }
    if (next == PE_END)
        return ldr__patch_put(&r->patch);
    r->why = blocks.diag;
    return LDR_BAD_RELOCATIONS;
}

/* ---- The headers afterwards ---- */

static ldr_status compare_header(relocator *r, uint32_t offset, uint32_t size)
{
    const ldr_view *view = r->view;
    uint8_t now[4];
    if (pe_tail(&view->image, (pe_rva){offset}).size < size)
        return LDR_OK;
    ldr_status status = ldr__os_peek(view->base + offset, now, size);
    if (status == LDR_OK && memcmp(now, view->section->headers + offset, size) != 0)
        return broken(r, "A83", offset, r->delta, 0, "a fixup changes the headers");
    return status;
}

/* Windows looks at the headers again since 7 (A83): MZ, e_lfanew and the signature must stand. */
static ldr_status check_headers(relocator *r)
{
    const ldr_view *view = r->view;
    uint32_t signature = (uint32_t)view->image.file.offset.value;
    if (view->section->profile == PE_WINXP || r->lowest >= signature + 4)
        return LDR_OK;
    const uint32_t fields[][2] = {{0, 2}, {0x3C, 4}, {signature, 4}};
    ldr_status status = LDR_OK;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0] && status == LDR_OK; i++)
        status = compare_header(r, fields[i][0], fields[i][1]);
    return status;
}

/* ---- All of it ---- */

static ldr_status take_table(relocator *r)
{
    pe_directory table = pe_directory_at(&r->view->image, PE_DIRECTORY_BASE_RELOCATION);
    uint64_t cost = ldr__copy_cost(r->view, table.rva.value, table.size);
    ldr_status status = pay(r, cost, table.rva.value);
    if (status != LDR_OK)
        return status;
    return ldr__copy_range(r->view, table.rva.value, table.size, &r->table);
}

static ldr_status relocate_opened(relocator *r)
{
    ldr_status status = take_table(r);
    if (status == LDR_OK)
        status = apply_all(r);
    if (status == LDR_OK)
        status = check_headers(r);
    ldr_status closed = close_all(r);
    ldr__copy_release(&r->table);
    ldr__patch_release(&r->patch);
    return status == LDR_OK ? closed : status;
}

/* Whether pages that the plan does not let anybody write to may show something else than the file:
 * because the view was converted, or they were opened with ldr_view_protect. */
static bool may_differ(const ldr_view *view)
{
    return view->is_converted || view->runs != NULL;
}

ldr_status ldr__relocate(ldr_view *view, uint64_t delta, ldr__page_set *changed, pe_diag *ret_why)
{
    relocator r = {.view = view,
                   .delta = delta,
                   .budget = pe_budget_for(view->section->file_size).left,
                   .changed = changed,
                   .patch = {.view = view, .fresh = may_differ(view) ? UINT64_MAX : 0},
                   .lowest = UINT64_MAX,
                   .high20 = NO_RVA};
    r.opened = ldr__os_alloc(ldr__view_plan(view)->count * sizeof *r.opened);
    if (r.opened == NULL)
        return LDR_NO_MEMORY;
    ldr_status status = relocate_opened(&r);
    ldr__os_free(r.opened);
    if (status == LDR_BAD_RELOCATIONS)
        *ret_why = r.why;
    return status;
}
