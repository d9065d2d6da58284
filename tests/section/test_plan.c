/* The plan of an image: which bytes go to which page, as rules B1 to B21 want it. */
#include "section/plan.h"
#include "support/image_builder.h"

#include <criterion/criterion.h>

#define MAX 64

typedef struct planned {
    ldr__subsection subsections[MAX];
    ldr__plan plan;
    pe_image image;
} planned;

static const ldr__plan_rules direct = {.profile = PE_WIN10, .direct = true};
static const ldr__plan_rules copied = {.profile = PE_WIN10};

/* The plan of a built image, which is released. The rules' file size is the image's own. */
static void plan(img_image *built, ldr__plan_rules rules, planned *ret)
{
    cr_assert_eq(pe_open((pe_span){built->bytes, built->size}, PE_LAYOUT_FILE, &ret->image, NULL),
                 PE_OK);
    cr_assert_leq(ldr__plan_capacity(&ret->image), (size_t)MAX);
    ret->plan.subsections = ret->subsections;
    rules.file_size = built->size;
    cr_assert_eq(ldr__plan_image(&ret->image, &rules, &ret->plan, NULL), PE_OK);
    img_free(built);
}

static void expect(const planned *p, const ldr__subsection *expected, size_t count)
{
    cr_assert_eq(p->plan.count, count, "%u subsections", p->plan.count);
    uint64_t end = 0;
    for (size_t i = 0; i < count; i++) {
        const ldr__subsection *is = &p->subsections[i];
        const ldr__subsection *be = &expected[i];
        cr_assert_eq(is->rva, end, "subsection %zu", i);
        cr_assert_eq(is->rva, be->rva, "subsection %zu at 0x%lx", i, (unsigned long)is->rva);
        cr_assert_eq(is->size, be->size, "subsection %zu: size 0x%lx", i, (unsigned long)is->size);
        cr_assert_eq(is->source, be->source, "subsection %zu: source 0x%lx", i,
                     (unsigned long)is->source);
        cr_assert_eq(is->content, be->content, "subsection %zu: content 0x%lx", i,
                     (unsigned long)is->content);
        cr_assert_eq(is->backing, be->backing, "subsection %zu: backing %d", i, is->backing);
        cr_assert_eq(is->protect, be->protect, "subsection %zu: protect 0x%x", i, is->protect);
        cr_assert_eq(is->pe_section, be->pe_section, "subsection %zu", i);
        end += is->size;
    }
    cr_assert_eq(end, p->plan.size);
}

#define EXPECT(p, ...)                                           \
    do {                                                         \
        const ldr__subsection expected[] = {__VA_ARGS__};        \
        expect(p, expected, sizeof expected / sizeof *expected); \
    } while (0)

#define FILE_PAGES LDR_BACKING_FILE
#define SEGMENT    LDR_BACKING_SEGMENT
#define ZERO       LDR_BACKING_ZERO
#define SHARED     LDR_BACKING_SHARED
#define GAP(at, size)                           \
    {                                           \
        at, size, 0, 0, LDR_BACKING_NONE, 0, -1 \
    }

Test(plan, sector_aligned_image_goes_to_the_segment)
{
    planned p;
    img_image image = img_plain(IMG_PE32_PLUS);
    plan(&image, direct, &p);
    EXPECT(&p, {0, 0x1000, 0, 0x200, SEGMENT, LDR_PAGE_READONLY, -1},
           {0x1000, 0x1000, 0x200, 0x200, SEGMENT, LDR_PAGE_EXECUTE_READ, 0},
           {0x2000, 0x1000, 0x400, 0x200, SEGMENT, LDR_PAGE_WRITECOPY, 1});
}

/* An image whose file offsets are RVAs, with zero fill behind the data. */
static img_image page_aligned(void)
{
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.file_alignment = 0x1000;
    b.header_size = 0x1000;
    img_add_section(&b, ".text", IMG_RX, NULL, 0x3000, 0);
    img_add_section(&b, ".data", IMG_RW, NULL, 0x1000, 0x2800);
    return img_finish(&b);
}

Test(plan, page_aligned_image_is_mapped_from_the_file)
{
    planned p;
    img_image image = page_aligned();
    plan(&image, direct, &p);
    EXPECT(&p, {0, 0x1000, 0, 0x1000, FILE_PAGES, LDR_PAGE_READONLY, -1},
           {0x1000, 0x3000, 0x1000, 0x3000, FILE_PAGES, LDR_PAGE_EXECUTE_READ, 0},
           {0x4000, 0x1000, 0x4000, 0x1000, FILE_PAGES, LDR_PAGE_WRITECOPY, 1},
           {0x5000, 0x2000, 0, 0, ZERO, LDR_PAGE_WRITECOPY, 1});
}

Test(plan, snapshot_maps_nothing_from_the_file)
{
    planned p;
    img_image image = page_aligned();
    plan(&image, copied, &p);
    EXPECT(&p, {0, 0x1000, 0, 0x1000, SEGMENT, LDR_PAGE_READONLY, -1},
           {0x1000, 0x3000, 0x1000, 0x3000, SEGMENT, LDR_PAGE_EXECUTE_READ, 0},
           {0x4000, 0x1000, 0x4000, 0x1000, SEGMENT, LDR_PAGE_WRITECOPY, 1},
           {0x5000, 0x2000, 0, 0, ZERO, LDR_PAGE_WRITECOPY, 1});
}

Test(plan, last_partial_page_of_a_direct_section_goes_to_the_segment)
{
    planned p;
    img_image image = page_aligned();
    img_set_section(&image, 1, IMG_SCN_RAW_SIZE, 0xA00);
    img_resize(&image, 0x4A00);
    img_set_section(&image, 0, IMG_SCN_RAW_SIZE, 0x1C01);
    plan(&image, direct, &p);
    EXPECT(&p, {0, 0x1000, 0, 0x1000, FILE_PAGES, LDR_PAGE_READONLY, -1},
           {0x1000, 0x1000, 0x1000, 0x1000, FILE_PAGES, LDR_PAGE_EXECUTE_READ, 0},
           {0x2000, 0x1000, 0x2000, 0xE00, SEGMENT, LDR_PAGE_EXECUTE_READ, 0},
           {0x3000, 0x1000, 0, 0, ZERO, LDR_PAGE_EXECUTE_READ, 0},
           {0x4000, 0x1000, 0x4000, 0xA00, SEGMENT, LDR_PAGE_WRITECOPY, 1},
           {0x5000, 0x2000, 0, 0, ZERO, LDR_PAGE_WRITECOPY, 1});
}

Test(plan, raw_pointer_below_a_sector_shows_the_headers)
{
    planned p;
    img_image image = img_plain(IMG_PE32_PLUS);
    img_set_section(&image, 0, IMG_SCN_RAW, 0x1F0);
    plan(&image, copied, &p);
    cr_assert_eq(p.subsections[1].source, 0u);
    cr_assert_eq(p.subsections[1].content, 0x400u);
}

Test(plan, content_is_limited_to_the_pages_of_the_section)
{
    planned p;
    img_image image = img_plain(IMG_PE32_PLUS);
    img_set_section(&image, 0, IMG_SCN_VIRTUAL_SIZE, 0x10);
    img_set_section(&image, 0, IMG_SCN_RAW_SIZE, 0xFFFF0200);
    img_resize(&image, 0x3000);
    plan(&image, copied, &p);
    cr_assert_eq(p.subsections[1].content, 0x1000u);
}

Test(plan, section_without_raw_data_is_zero_fill)
{
    planned p;
    img_image image = img_plain(IMG_PE32_PLUS);
    img_set_section(&image, 0, IMG_SCN_RAW_SIZE, 0);
    img_set_section(&image, 1, IMG_SCN_RAW, 0);
    plan(&image, copied, &p);
    cr_assert_eq(p.subsections[1].backing, ZERO);
    cr_assert_eq(p.subsections[2].backing, ZERO);
}

Test(plan, pages_beyond_the_end_of_the_file_are_zero_fill)
{
    planned p;
    img_image image = img_plain(IMG_PE32_PLUS);
    img_set_section(&image, 0, IMG_SCN_RAW, 0x10000);
    plan(&image, copied, &p);
    EXPECT(&p, {0, 0x1000, 0, 0x200, SEGMENT, LDR_PAGE_READONLY, -1},
           {0x1000, 0x1000, 0, 0, ZERO, LDR_PAGE_EXECUTE_READ, 0},
           {0x2000, 0x1000, 0x400, 0x200, SEGMENT, LDR_PAGE_WRITECOPY, 1});
}

Test(plan, content_ends_with_the_file)
{
    planned p;
    img_image image = img_plain(IMG_PE32_PLUS);
    img_set_section(&image, 0, IMG_SCN_RAW_SIZE, 0x1000);
    plan(&image, copied, &p);
    cr_assert_eq(p.subsections[1].content, 0x400u);
}

Test(plan, section_alignment_above_a_page_leaves_gaps)
{
    planned p;
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.section_alignment = 0x4000;
    img_add_section(&b, ".text", IMG_RX, NULL, 0x200, 0x1000);
    img_add_section(&b, ".data", IMG_RW, NULL, 0x200, 0x1001);
    img_image image = img_finish(&b);
    plan(&image, copied, &p);
    EXPECT(&p, {0, 0x1000, 0, 0x200, SEGMENT, LDR_PAGE_READONLY, -1},
           {0x1000, 0x3000, 0, 0, ZERO, LDR_PAGE_READONLY, -1},
           {0x4000, 0x1000, 0x200, 0x200, SEGMENT, LDR_PAGE_EXECUTE_READ, 0}, GAP(0x5000, 0x3000),
           {0x8000, 0x1000, 0x400, 0x200, SEGMENT, LDR_PAGE_WRITECOPY, 1},
           {0x9000, 0x1000, 0, 0, ZERO, LDR_PAGE_WRITECOPY, 1}, GAP(0xA000, 0x2000));
}

Test(plan, headers_after_size_of_headers_are_cleared_except_on_xp)
{
    planned p;
    ldr__plan_rules xp = {.profile = PE_WINXP};
    img_image image = img_plain(IMG_PE32);
    plan(&image, xp, &p);
    cr_assert_eq(p.subsections[0].content, 0x600u);
}

Test(plan, headers_reach_to_the_end_of_the_section_table)
{
    planned p;
    img_image image = img_plain(IMG_PE32);
    img_set(&image, IMG_SIZE_OF_HEADERS, 1);
    plan(&image, copied, &p);
    cr_assert_eq(p.subsections[0].content, p.image.section_table.value + 80);
}

Test(plan, flat_image_is_one_run_of_file_bytes_with_all_rights)
{
    planned p;
    img_image image = img_plain(IMG_FLAT_PE32_PLUS);
    img_set(&image, IMG_SIZE_OF_IMAGE, 0x2345);
    plan(&image, copied, &p);
    EXPECT(&p, {0, 0x1000, 0, 0x600, SEGMENT, LDR_PAGE_EXECUTE_WRITECOPY, -1},
           {0x1000, 0x2000, 0, 0, ZERO, LDR_PAGE_EXECUTE_WRITECOPY, -1});
}

Test(plan, flat_image_is_cut_at_size_of_image)
{
    planned p;
    img_image image = img_plain(IMG_FLAT_PE32_PLUS);
    img_set(&image, IMG_SIZE_OF_IMAGE, 0x500);
    plan(&image, direct, &p);
    EXPECT(&p, {0, 0x1000, 0, 0x500, SEGMENT, LDR_PAGE_EXECUTE_WRITECOPY, -1});
}

/* B.3: rights by MEM_EXECUTE, MEM_READ, MEM_WRITE; with SHARED; backing of SHARED. */
Test(plan, protection_of_each_combination_of_section_rights)
{
    static const struct {
        uint32_t rights, protect, shared_protect;
        ldr_backing shared_backing;
    } rows[] = {
        {0, LDR_PAGE_NOACCESS, LDR_PAGE_NOACCESS, SEGMENT},
        {PE_SCN_MEM_READ, LDR_PAGE_READONLY, LDR_PAGE_READONLY, SEGMENT},
        {PE_SCN_MEM_WRITE, LDR_PAGE_WRITECOPY, LDR_PAGE_READWRITE, SHARED},
        {PE_SCN_MEM_READ | PE_SCN_MEM_WRITE, LDR_PAGE_WRITECOPY, LDR_PAGE_READWRITE, SHARED},
        {PE_SCN_MEM_EXECUTE, LDR_PAGE_EXECUTE, LDR_PAGE_EXECUTE, SEGMENT},
        {PE_SCN_MEM_EXECUTE | PE_SCN_MEM_READ, LDR_PAGE_EXECUTE_READ, LDR_PAGE_EXECUTE_READ,
         SEGMENT},
        {PE_SCN_MEM_EXECUTE | PE_SCN_MEM_WRITE, LDR_PAGE_EXECUTE_WRITECOPY,
         LDR_PAGE_EXECUTE_READWRITE, SHARED},
        {PE_SCN_MEM_EXECUTE | PE_SCN_MEM_READ | PE_SCN_MEM_WRITE, LDR_PAGE_EXECUTE_WRITECOPY,
         LDR_PAGE_EXECUTE_READWRITE, SHARED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        planned p;
        img_image image = img_plain(IMG_PE32_PLUS);
        img_set_section(&image, 0, IMG_SCN_CHARACTERISTICS, rows[i].rights);
        img_set_section(&image, 1, IMG_SCN_CHARACTERISTICS, rows[i].rights | PE_SCN_MEM_SHARED);
        plan(&image, copied, &p);
        cr_assert_eq(p.subsections[1].protect, rows[i].protect, "row %zu", i);
        cr_assert_eq(p.subsections[1].backing, SEGMENT, "row %zu", i);
        cr_assert_eq(p.subsections[2].protect, rows[i].shared_protect, "row %zu", i);
        cr_assert_eq(p.subsections[2].backing, rows[i].shared_backing, "row %zu", i);
    }
}

/* B.3: SEC_IMAGE_NO_EXECUTE. What may be executed may be read on x86, and still may. */
Test(plan, no_execute_takes_the_rights_to_execute_and_no_other)
{
    static const uint32_t rights[][2] = {
        {0, LDR_PAGE_NOACCESS},
        {PE_SCN_MEM_READ, LDR_PAGE_READONLY},
        {PE_SCN_MEM_READ | PE_SCN_MEM_WRITE, LDR_PAGE_WRITECOPY},
        {PE_SCN_MEM_EXECUTE, LDR_PAGE_READONLY},
        {PE_SCN_MEM_EXECUTE | PE_SCN_MEM_READ, LDR_PAGE_READONLY},
        {PE_SCN_MEM_EXECUTE | PE_SCN_MEM_WRITE, LDR_PAGE_WRITECOPY},
        {PE_SCN_MEM_EXECUTE | PE_SCN_MEM_WRITE | PE_SCN_MEM_SHARED, LDR_PAGE_READWRITE},
    };
    ldr__plan_rules data_only = copied;
    data_only.no_execute = true;
    for (size_t i = 0; i < sizeof rights / sizeof *rights; i++) {
        planned p;
        img_image image = img_plain(IMG_PE32_PLUS);
        img_set_section(&image, 0, IMG_SCN_CHARACTERISTICS, rights[i][0]);
        plan(&image, data_only, &p);
        cr_assert_eq(p.subsections[1].protect, rights[i][1], "row %zu", i);
    }
}

static void expect_refused(img_image *built, const char *rule, uint64_t offset, uint64_t value,
                           uint64_t allowed)
{
    planned p;
    pe_diag diag;
    p.plan.subsections = p.subsections;
    cr_assert_eq(pe_open((pe_span){built->bytes, built->size}, PE_LAYOUT_FILE, &p.image, NULL),
                 PE_OK);
    cr_assert_eq(ldr__plan_image(&p.image, &copied, &p.plan, &diag), PE_REFUSED);
    cr_assert_str_eq(diag.rule, rule);
    cr_assert_eq(diag.nt_status, PE_NT_INVALID_IMAGE_FORMAT);
    cr_assert_eq(diag.offset, offset);
    cr_assert_eq(diag.value, value);
    cr_assert_eq(diag.allowed, allowed);
    img_free(built);
}

Test(plan, section_table_that_the_file_cuts_is_refused)
{
    img_image image = img_plain(IMG_PE32_PLUS);
    uint64_t last = img_section_at(&image, 1, IMG_SCN_NAME);
    img_resize(&image, last + 20);
    expect_refused(&image, "A32", last, last + 40, last + 20);
}

Test(plan, section_below_the_one_before_it_is_refused)
{
    img_image image = img_plain(IMG_PE32_PLUS);
    img_set_section(&image, 1, IMG_SCN_RVA, 0x1000);
    expect_refused(&image, "A43", img_section_at(&image, 1, IMG_SCN_NAME), 0x1000, 0x2000);
}

Test(plan, section_beyond_size_of_image_is_refused)
{
    img_image image = img_plain(IMG_PE32_PLUS);
    img_set_section(&image, 1, IMG_SCN_VIRTUAL_SIZE, 0xFFFFFFFF);
    expect_refused(&image, "A46", img_section_at(&image, 1, IMG_SCN_NAME), 0x100002000, 0x3000);
}

Test(plan, find_gives_the_subsection_that_holds_an_rva)
{
    planned p;
    img_image image = page_aligned();
    plan(&image, direct, &p);
    static const uint64_t rvas[][2] = {{0, 0},      {0xFFF, 0},  {0x1000, 1}, {0x3FFF, 1},
                                       {0x4000, 2}, {0x5000, 3}, {0x6FFF, 3}};
    for (size_t i = 0; i < sizeof rvas / sizeof *rvas; i++)
        cr_assert_eq(ldr__plan_find(&p.plan, rvas[i][0]), rvas[i][1]);
}
