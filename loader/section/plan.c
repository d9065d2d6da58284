#include "section/plan.h"
#include "section/diag.h"

/* Windows reads sections from the file in sectors of this size, whatever FileAlignment says (B10).
 */
#define SECTOR UINT64_C(0x200)

/* Bytes of an entry of the section table. */
#define ENTRY_SIZE 40

typedef struct planner {
    const pe_image *image;
    const ldr__plan_rules *rules;
    ldr__plan *plan;
    uint64_t cursor; /* everything below is planned */
} planner;

/* A run of pages with one protection, before it is known where they can come from. */
typedef struct content_run {
    uint64_t rva, size;
    uint64_t source, content;
    uint32_t protect;
    int32_t pe_section;
    bool shared; /* one memory for all views */
} content_run;

static uint64_t round_down(uint64_t value, uint64_t unit)
{
    return value & ~(unit - 1);
}

static uint64_t round_up(uint64_t value, uint64_t unit)
{
    return round_down(value + unit - 1, unit);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

size_t ldr__plan_capacity(const pe_image *image)
{
    /* Headers: file, segment, zero. Each PE section: the same and the gap before it. The slack. */
    return 4 * (size_t)image->file.section_count + 4;
}

/* ---- Emitting subsections ---- */

static void emit(planner *p, ldr__subsection subsection)
{
    if (subsection.size == 0)
        return;
    p->plan->subsections[p->plan->count++] = subsection;
    p->cursor = subsection.rva + subsection.size;
}

static void emit_gap(planner *p, uint64_t end)
{
    emit(p, (ldr__subsection){.rva = p->cursor,
                              .size = end - p->cursor,
                              .backing = LDR_BACKING_NONE,
                              .pe_section = LDR__NO_PE_SECTION});
}

/* Cuts `length` bytes off the front of `run` and emits them with `backing`. */
static void emit_front(planner *p, content_run *run, uint64_t length, ldr_backing backing)
{
    uint64_t content = smaller(run->content, length);
    emit(p, (ldr__subsection){.rva = run->rva,
                              .size = length,
                              .source = content > 0 ? run->source : 0,
                              .content = content,
                              .backing = backing,
                              .protect = run->protect,
                              .pe_section = run->pe_section});
    run->rva += length;
    run->size -= length;
    run->source += length;
    run->content -= content;
}

/*
 * File pages first, as far as nothing in them has to be cleared; then the page that is part file
 * and part zeros; then zeros. Memory that is shared is one segment throughout.
 */
static void emit_run(planner *p, content_run run)
{
    if (p->rules->no_execute)
        run.protect = ldr__protect_no_execute(run.protect);
    run.content = smaller(run.content,
                          p->rules->file_size > run.source ? p->rules->file_size - run.source : 0);
    if (run.shared) {
        emit_front(p, &run, run.size, LDR_BACKING_SHARED);
        return;
    }
    if (p->rules->direct && run.source % LDR__PAGE == 0)
        emit_front(p, &run, round_down(run.content, LDR__PAGE), LDR_BACKING_FILE);
    emit_front(p, &run, round_up(run.content, LDR__PAGE), LDR_BACKING_SEGMENT);
    emit_front(p, &run, run.size, LDR_BACKING_ZERO);
}

/* ---- The rules ---- */

/* B.3: by MEM_READ, MEM_WRITE and MEM_EXECUTE; writable SHARED pages are not copied. */
static uint32_t protect_of(uint32_t characteristics)
{
    static const uint32_t plain[2][2][2] = {
        /* [execute][write][read] */
        {{LDR_PAGE_NOACCESS, LDR_PAGE_READONLY}, {LDR_PAGE_WRITECOPY, LDR_PAGE_WRITECOPY}},
        {{LDR_PAGE_EXECUTE, LDR_PAGE_EXECUTE_READ},
         {LDR_PAGE_EXECUTE_WRITECOPY, LDR_PAGE_EXECUTE_WRITECOPY}},
    };
    uint32_t protect =
        plain[(characteristics & PE_SCN_MEM_EXECUTE) != 0]
             [(characteristics & PE_SCN_MEM_WRITE) != 0][(characteristics & PE_SCN_MEM_READ) != 0];
    bool shared = (characteristics & PE_SCN_MEM_SHARED) != 0;
    return shared ? ldr__protect_after_write(protect) : protect;
}

/* B10 to B15: sectors of the file, no more of them than the section has pages. */
static content_run run_of_section(const pe_section *section, int32_t index)
{
    uint64_t virtual_size = section->virtual_size != 0 ? section->virtual_size : section->raw_size;
    content_run run = {.rva = section->rva.value,
                       .size = round_up(virtual_size, LDR__PAGE),
                       .protect = protect_of(section->characteristics),
                       .pe_section = index};
    run.shared = (section->characteristics & PE_SCN_MEM_SHARED) != 0 &&
                 (section->characteristics & PE_SCN_MEM_WRITE) != 0;
    if (section->raw.value == 0 || section->raw_size == 0)
        return run;
    run.source = round_down(section->raw.value, SECTOR);
    uint64_t raw_end = round_up(section->raw.value + section->raw_size, SECTOR);
    run.content = smaller(raw_end - run.source, run.size);
    return run;
}

static pe_status refuse(uint64_t offset, const char *rule, uint64_t value, uint64_t allowed,
                        const char *detail, pe_diag *diag)
{
    if (diag != NULL)
        *diag = ldr__bad_format(rule, offset, value, allowed, detail);
    return PE_REFUSED;
}

static pe_status plan_section(planner *p, uint32_t index, pe_diag *diag)
{
    pe_section section;
    uint64_t offset = p->image->section_table.value + ENTRY_SIZE * (uint64_t)index;
    if (pe_section_at(p->image, index, &section) != PE_OK)
        return refuse(offset, "A32", offset + ENTRY_SIZE, p->image->headers.size,
                      "section table does not end inside the file", diag);
    content_run run = run_of_section(&section, (int32_t)index);
    if (run.rva < p->cursor || run.rva % LDR__PAGE != 0)
        return refuse(offset, "A43", run.rva, p->cursor,
                      "section does not follow the one before it", diag);
    if (!pe_range_ok(p->plan->size, run.rva, run.size))
        return refuse(offset, "A46", run.rva + run.size, p->plan->size,
                      "section ends behind SizeOfImage", diag);
    emit_gap(p, run.rva);
    emit_run(p, run);
    return PE_OK;
}

uint64_t ldr__plan_headers(const pe_image *image)
{
    uint64_t table_end =
        image->section_table.value + ENTRY_SIZE * (uint64_t)image->file.section_count;
    return larger(image->optional.size_of_headers, table_end);
}

static void plan_headers(planner *p)
{
    uint64_t alignment = larger(p->image->optional.section_alignment, LDR__PAGE);
    uint64_t size = smaller(round_up(p->image->optional.size_of_headers, alignment), p->plan->size);
    /* B4: what lies in the file behind the headers is visible on XP, cleared since. */
    bool clear = p->rules->profile != PE_WINXP;
    emit_run(p, (content_run){.size = size,
                              .content = clear ? smaller(ldr__plan_headers(p->image), size) : size,
                              .protect = LDR_PAGE_READONLY,
                              .pe_section = LDR__NO_PE_SECTION});
}

/* B7: alignment below a page. The file, byte for byte, with all rights. */
static void plan_flat(planner *p)
{
    emit_run(p, (content_run){.size = p->plan->size,
                              .content = p->image->optional.size_of_image,
                              .protect = LDR_PAGE_EXECUTE_WRITECOPY,
                              .pe_section = LDR__NO_PE_SECTION});
}

pe_status ldr__plan_image(const pe_image *image, const ldr__plan_rules *rules, ldr__plan *ret_plan,
                          pe_diag *diag)
{
    ldr__plan plan = {.subsections = ret_plan->subsections,
                      .size = round_up(image->optional.size_of_image, LDR__PAGE)};
    planner p = {.image = image, .rules = rules, .plan = &plan};
    if (image->optional.section_alignment < LDR__PAGE) {
        plan_flat(&p);
    } else {
        plan_headers(&p);
        for (uint32_t i = 0; i < image->file.section_count; i++) {
            pe_status status = plan_section(&p, i, diag);
            if (status != PE_OK)
                return status;
        }
        emit_gap(&p, plan.size);
    }
    *ret_plan = plan;
    return PE_OK;
}

uint32_t ldr__plan_find(const ldr__plan *plan, uint64_t rva)
{
    uint32_t low = 0;
    uint32_t high = plan->count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (plan->subsections[middle].rva <= rva)
            low = middle;
        else
            high = middle;
    }
    return low;
}

bool ldr__plan_uses(const ldr__plan *plan, ldr_backing backing)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        if (plan->subsections[i].backing == backing)
            return true;
    }
    return false;
}

/* ---- Protections ---- */

int ldr__protect_access(uint32_t protect)
{
    switch (protect) {
    case LDR_PAGE_READONLY:
        return LDR__READ;
    case LDR_PAGE_READWRITE:
    case LDR_PAGE_WRITECOPY:
        return LDR__READ | LDR__WRITE;
    case LDR_PAGE_EXECUTE:
    case LDR_PAGE_EXECUTE_READ:
        return LDR__READ | LDR__EXECUTE;
    case LDR_PAGE_EXECUTE_READWRITE:
    case LDR_PAGE_EXECUTE_WRITECOPY:
        return LDR__READ | LDR__WRITE | LDR__EXECUTE;
    default:
        return LDR__NO_ACCESS;
    }
}

bool ldr__protect_is_writable_code(uint32_t protect)
{
    return protect == LDR_PAGE_EXECUTE_READWRITE || protect == LDR_PAGE_EXECUTE_WRITECOPY;
}

uint32_t ldr__protect_no_execute(uint32_t protect)
{
    switch (protect) {
    case LDR_PAGE_EXECUTE:
    case LDR_PAGE_EXECUTE_READ:
        return LDR_PAGE_READONLY;
    case LDR_PAGE_EXECUTE_READWRITE:
        return LDR_PAGE_READWRITE;
    case LDR_PAGE_EXECUTE_WRITECOPY:
        return LDR_PAGE_WRITECOPY;
    default:
        return protect;
    }
}

uint32_t ldr__protect_after_write(uint32_t protect)
{
    switch (protect) {
    case LDR_PAGE_WRITECOPY:
        return LDR_PAGE_READWRITE;
    case LDR_PAGE_EXECUTE_WRITECOPY:
        return LDR_PAGE_EXECUTE_READWRITE;
    default:
        return protect;
    }
}
