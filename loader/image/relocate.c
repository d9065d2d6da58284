/* relocate.c: base relocations, as ntdll applies them after mapping (rules D of pe/RULES.md). */
#include "image/arm64x.h"
#include "image/fixup.h"
#include "image/shared_pages.h"
#include "section/diag.h"
#include "section/view.h"

#include <string.h>

/* Bytes: the widest fixup of x86, the span of the offsets in a block, what comes before its
 * entries. */
#define FIXUP_MAX    8
#define BLOCK_SPAN   4096
#define BLOCK_HEADER 8

#define NO_RVA UINT64_MAX

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
    uint64_t high20;                   /* of RISC-V, that waits for its LOW12; or NO_RVA */
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

static uint64_t entry_rva_of(const pe_reloc_block *block, uint32_t index)
{
    return block->at.value + BLOCK_HEADER + 2 * (uint64_t)index;
}

/* The image is little-endian, and so is every machine that its code runs on. */
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

/* Both ends of a fixup are open when this has succeeded, and stay so. */
static ldr_status open_fixup(relocator *r, uint64_t rva, uint32_t width, uint64_t entry_rva)
{
    uint64_t limit = r->view->image.optional.size_of_image;
    if (!pe_range_ok(limit, rva, width))
        return broken(r, "D4", entry_rva, rva, limit, "fixup outside the image");
    ldr_status status = open_at(r, rva);
    return status == LDR_OK ? open_at(r, rva + width - 1) : status;
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

/* The high half waits for the low one that follows, in this block or in another. */
static ldr_status pair_halves(relocator *r, ldr__fixup fixup, uint64_t rva, uint64_t entry_rva,
                              uint8_t **ret_high20)
{
    if (fixup == LDR__FIXUP_RISCV_HIGH20) {
        r->high20 = rva;
    } else if (fixup == LDR__FIXUP_RISCV_LOW12I || fixup == LDR__FIXUP_RISCV_LOW12S) {
        if (r->high20 == NO_RVA)
            return broken(r, "D11", entry_rva, fixup, LDR__FIXUP_RISCV_HIGH20,
                          "LOW12 without a HIGH20 before it");
        *ret_high20 = r->view->base + r->high20;
        r->high20 = NO_RVA;
    }
    return LDR_OK;
}

/* One entry with every check; moves `index` on. */
static ldr_status apply_checked(relocator *r, const pe_reloc_block *block, uint32_t *index)
{
    const pe_image *image = &r->view->image;
    uint64_t entry_rva = entry_rva_of(block, *index);
    uint16_t entry = pe_reloc_entry(block, (*index)++), parameter = 0;
    unsigned type = entry >> 12;
    ldr__fixup fixup = ldr__fixup_of(image->file.machine, r->view->section->profile, type);
    uint64_t rva = block->page.value + (uint64_t)(entry & 0xFFF);
    uint8_t *high20 = NULL;
    if (fixup == LDR__FIXUP_NOTHING)
        return LDR_OK;
    if (fixup == LDR__FIXUP_UNKNOWN)
        return broken(r, "D8", entry_rva, type, PE_REL_DIR64, "unknown type of relocation");
    if (fixup == LDR__FIXUP_IA64_IMM64)
        rva -= rva % LDR__FIXUP_MAX; /* the slot of the bundle is not needed */
    ldr_status status = open_fixup(r, rva, ldr__fixup_width(fixup), entry_rva);
    if (status == LDR_OK && fixup == LDR__FIXUP_HIGHADJ)
        status = take_parameter(r, block, index, &parameter);
    if (status == LDR_OK)
        status = pair_halves(r, fixup, rva, entry_rva, &high20);
    if (status == LDR_OK)
        ldr__fixup_apply(fixup, r->view->base + rva, r->delta, parameter, high20);
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

/* ---- All of it ---- */

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

/* ---- As the kernel does it ---- */

/* Bytes from the start of the optional header. */
enum { IMAGE_BASE_64 = 24, IMAGE_BASE_32 = 28 };

/*
 * Rule B8. The field may lie where the first section has replaced the headers: then it is not
 * there.
 */
static ldr_status set_image_base(ldr_view *view)
{
    bool is_64 = pe_is_64(&view->image);
    size_t width = is_64 ? 8 : 4;
    uint64_t base = (uintptr_t)view->base, now = 0;
    uint64_t at = view->image.optional.offset.value + (is_64 ? IMAGE_BASE_64 : IMAGE_BASE_32);
    if (!pe_range_ok(ldr__view_plan(view)->size, at, width) ||
        pe_read(&view->image, (pe_rva){(uint32_t)at}, &now, width) != PE_OK ||
        now != view->image.optional.image_base)
        return LDR_OK;
    ldr_status status = ldr__view_write_begin(view, at, width);
    if (status != LDR_OK)
        return status;
    memcpy(view->base + at, &base, width);
    return ldr__view_write_end(view, at, width);
}

static bool is_at_aslr_base(const ldr_view *view)
{
    return (uintptr_t)view->base == atomic_load(&view->section->aslr_base);
}

/* The first view at a base makes the copy, and shows it like all later ones. */
static ldr_status share_pages(relocator *r)
{
    ldr_view *view = r->view;
    const ldr__relocated *copy = ldr__shared_pages_find(view);
    bool is_untouched = false;
    ldr_status status = ldr__shared_pages_untouched(view, &is_untouched);
    if (status != LDR_OK)
        return status;
    if (copy == NULL || !is_untouched) {
        status = relocate(r);
        if (status == LDR_OK && is_at_aslr_base(view))
            status = set_image_base(view);
        if (status != LDR_OK || !is_untouched)
            return status;
        status = ldr__shared_pages_make(view, &copy);
    }
    return status == LDR_OK ? ldr__shared_pages_show(view, copy) : status;
}

/* ---- The stage ---- */

static ldr_status move(relocator *r)
{
    const pe_image *image = &r->view->image;
    r->delta = (uint64_t)(uintptr_t)r->view->base - image->optional.image_base;
    if (r->delta == 0)
        return LDR_OK;
    if (!pe_has_relocs(image))
        return (image->file.characteristics & PE_FILE_RELOCS_STRIPPED) != 0 ? LDR_NOT_RELOCATABLE
                                                                            : LDR_OK;
    ldr_status status = r->view->section->aslr.applies ? share_pages(r) : relocate(r);
    r->view->relocated = status == LDR_OK;
    return status;
}

static ldr_status convert_and_move(relocator *r)
{
    ldr_view *view = r->view;
    ldr_status status = LDR_OK;
    if (view->machine != 0)
        status = ldr__arm64x_apply(view, view->machine, &r->why);
    if (status != LDR_OK)
        return status;
    view->machine = 0;
    return view->relocated ? LDR_OK : move(r);
}

ldr_status ldr_view_relocate(ldr_view *view, ldr_diag *diag)
{
    const char *name = ldr__view_name(view);
    relocator r = {.view = view, .lowest = UINT64_MAX, .high20 = NO_RVA};
    ldr_status status = convert_and_move(&r);
    if (status == LDR_BAD_RELOCATIONS || status == LDR_WRONG_MACHINE)
        return ldr__fail_why(diag, status, &r.why, name);
    if (status == LDR_NOT_RELOCATABLE)
        return ldr__fail(diag, status, PE_NT_CONFLICTING_ADDRESSES, name);
    if (status != LDR_OK)
        return ldr__fail(diag, status, ldr__nt_status_of(status), name);
    if (view->relocated && is_at_aslr_base(view))
        view->image.optional.image_base = (uintptr_t)view->base;
    return LDR_OK;
}
