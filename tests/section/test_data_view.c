/* Views of data: rules H30 to H42, H.5 and H.7. */
#include "section/data.h"
#include "section/data_fixture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RW   LDR_PAGE_READWRITE
#define RO   LDR_PAGE_READONLY
#define WC   LDR_PAGE_WRITECOPY
#define X    LDR_PAGE_EXECUTE
#define XR   LDR_PAGE_EXECUTE_READ
#define XRW  LDR_PAGE_EXECUTE_READWRITE
#define XWC  LDR_PAGE_EXECUTE_WRITECOPY
#define NONE LDR_PAGE_NOACCESS
#define SIZE 0x22345 /* of the file: two units and a part of a page */

#define ALL (LDR_FILE_READ | LDR_FILE_WRITE | LDR_FILE_EXECUTE)

/* ---- Every bad combination ---- */

typedef struct bad {
    const char *what;
    enum { FILE_RW, FILE_RO, MEMORY, RESERVED } section;
    ldr_view_options view;
    uint32_t nt_status;
} bad;

static const bad bad_arguments[] = {
    {"H30: offset", FILE_RW, {.offset = 0x1000}, PE_NT_MAPPED_ALIGNMENT},
    {"H30: offset beyond the end", FILE_RW, {.offset = 0x801000}, PE_NT_MAPPED_ALIGNMENT},
    {"H30: offset that would wrap", FILE_RW, {.offset = UINT64_MAX}, PE_NT_MAPPED_ALIGNMENT},
    {"H31: base", FILE_RW, {.base = 0x20001000}, PE_NT_MAPPED_ALIGNMENT},
    {"H32: base of the kernel",
     FILE_RW,
     {.base = UINT64_C(0xFFFF800000000000)},
     PE_NT_INVALID_PARAMETER_3},
    {"H32: base at the end",
     FILE_RW,
     {.base = UINT64_C(0x7FFFFFFF0000)},
     PE_NT_INVALID_PARAMETER_3},
    {"H34: offset at the end", FILE_RW, {.offset = 0x30000}, PE_NT_INVALID_VIEW_SIZE},
    {"H34: offset far beyond", FILE_RW, {.offset = UINT64_C(1) << 62}, PE_NT_INVALID_VIEW_SIZE},
    {"H34: length", FILE_RW, {.length = SIZE + 1}, PE_NT_INVALID_VIEW_SIZE},
    {"H34: length of the rest", FILE_RW, {.offset = UNIT, .length = SIZE}, PE_NT_INVALID_VIEW_SIZE},
    {"H34: length -1", FILE_RW, {.length = UINT64_MAX}, PE_NT_INVALID_PARAMETER_3},
    {"H34: length that wraps the offset",
     FILE_RW,
     {.offset = UINT64_MAX & ~(UNIT - 1), .length = 2 * UNIT},
     PE_NT_INVALID_VIEW_SIZE},
    {"H36: READWRITE", FILE_RO, {.protect = RW}, PE_NT_SECTION_PROTECTION},
    {"H36: EXECUTE_READ", FILE_RO, {.protect = XR}, PE_NT_SECTION_PROTECTION},
    {"H39: two bits", FILE_RW, {.protect = RO | RW}, PE_NT_INVALID_PAGE_PROTECTION},
    {"H39: no base", FILE_RW, {.protect = LDR_PAGE_GUARD}, PE_NT_INVALID_PAGE_PROTECTION},
    {"H39: GUARD and NOACCESS",
     FILE_RW,
     {.protect = NONE | LDR_PAGE_GUARD},
     PE_NT_INVALID_PAGE_PROTECTION},
    {"H39: unknown bits", FILE_RW, {.protect = RO | 0x1000}, PE_NT_INVALID_PAGE_PROTECTION},
    {"H40: MEM_RESERVE", FILE_RO, {.allocation_type = LDR_MEM_RESERVE}, PE_NT_SECTION_PROTECTION},
    {"H40: MEM_RESERVE", MEMORY, {.allocation_type = LDR_MEM_RESERVE}, PE_NT_INVALID_PARAMETER_9},
    {"H40: MEM_COMMIT", FILE_RW, {.allocation_type = 0x1000}, PE_NT_INVALID_PARAMETER_9},
    {"H40: MEM_COMMIT", MEMORY, {.allocation_type = 0x1000}, PE_NT_INVALID_PARAMETER_9},
    {"H40: MEM_RESERVE and MEM_COMMIT",
     FILE_RW,
     {.allocation_type = LDR_MEM_RESERVE | 0x1000},
     PE_NT_INVALID_PARAMETER_9},
    {"H41: committed more than the view",
     RESERVED,
     {.length = UNIT, .commit_size = UNIT + 1},
     PE_NT_INVALID_PARAMETER_5},
    {"H41: of a file", FILE_RW, {.commit_size = 1}, PE_NT_INVALID_PARAMETER_5},
    {"H41: of a file, more than the view",
     FILE_RW,
     {.allocation_type = LDR_MEM_RESERVE, .length = UNIT, .commit_size = UNIT + 1},
     PE_NT_INVALID_PARAMETER_5},
    {"H42: 22", MEMORY, {.zero_bits = 22}, PE_NT_INVALID_PARAMETER_4},
    {"H42: 31", MEMORY, {.zero_bits = 31}, PE_NT_INVALID_PARAMETER_4},
    {"H42: 20", MEMORY, {.zero_bits = 20}, PE_NT_NO_MEMORY},
    {"H42: 21", MEMORY, {.zero_bits = 21}, PE_NT_NO_MEMORY},
    {"H42: another base", MEMORY, {.base = 0x20000000, .zero_bits = 4}, PE_NT_INVALID_PARAMETER_4},
    {"H42: another base than the mask",
     MEMORY,
     {.base = UINT64_C(0x200000000), .zero_bits = 0x7FFFFFFF},
     PE_NT_INVALID_PARAMETER_4},
};

Test(data_view, bad_arguments_have_their_status_and_change_nothing)
{
    char *path = data_file(SIZE);
    ldr_section *sections[] = {
        [FILE_RW] = data_section_at(path, RW),
        [FILE_RO] = data_section_at(path, RO),
        [MEMORY] = data_section(NULL, SIZE, RW, LDR_SEC_COMMIT),
        [RESERVED] = data_section(NULL, SIZE, RW, LDR_SEC_RESERVE),
    };
    for (size_t i = 0; i < sizeof bad_arguments / sizeof *bad_arguments; i++) {
        const bad *row = &bad_arguments[i];
        ldr_view_options options = row->view;
        options.size = sizeof options;
        uint32_t nt_status = data_view_refused(sections[row->section], &options);
        cr_expect_eq(nt_status, row->nt_status, "%s: %s", row->what, pe_nt_status_name(nt_status));
    }
    cr_expect_eq(data_size(path), SIZE);
    for (size_t i = 0; i < 4; i++)
        ldr_section_close(sections[i]);
    fixture_remove(path);
}

Test(data_view, rights_come_before_alignment_and_protections_before_both_H33)
{
    ldr_create_options create = {
        .size = sizeof create, .maximum_size = UNIT, .protect = RW, .access = LDR_SECTION_MAP_READ};
    ldr_section *section;
    cr_assert_eq(ldr_section_create(&create, &section, NULL, NULL), LDR_OK);
    ldr_view_options options = {.size = sizeof options, .protect = RW, .offset = 1};
    cr_expect_eq(data_view_refused(section, &options), (uint32_t)PE_NT_ACCESS_DENIED);
    options.protect = RO;
    cr_expect_eq(data_view_refused(section, &options), (uint32_t)PE_NT_MAPPED_ALIGNMENT);
    options.protect = RO | RW;
    cr_expect_eq(data_view_refused(section, &options), (uint32_t)PE_NT_INVALID_PAGE_PROTECTION);
    ldr_section_close(section);
}

/* ---- Where, and how much ---- */

Test(data_view, suggested_base_is_had_or_refused_H32)
{
    ldr_section *section = data_section(NULL, UNIT, RW, 0);
    ldr_view_options options = {.size = sizeof options, .base = FIXTURE_BASE};
    ldr_view *view;
    cr_assert_eq(ldr_view_map(section, &options, &view, NULL), LDR_OK);
    cr_expect_eq((uintptr_t)ldr_view_base(view), FIXTURE_BASE);
    cr_expect_eq(data_view_refused(section, &options), (uint32_t)PE_NT_CONFLICTING_ADDRESSES);
    ldr_view_unmap(view);
    ldr_section_close(section);
}

Test(data_view, offset_and_length_choose_the_part_H34)
{
    char *path = data_file(SIZE);
    ldr_section *section = data_section_at(path, RO);
    ldr_view *rest = data_view(section, UNIT, 0, 0);
    cr_expect_eq(ldr_view_size(rest), 0x13000u);
    cr_expect_eq((uintptr_t)ldr_view_base(rest) % UNIT, 0u);
    cr_expect_eq(*(uint8_t *)ldr_view_base(rest), data_byte(UNIT));
    ldr_view *part = data_view(section, 2 * UNIT, 5, 0);
    cr_expect_eq(ldr_view_size(part), PAGE);
    cr_expect_eq(*(uint8_t *)ldr_view_base(part), data_byte(2 * UNIT));
    cr_expect_eq(ldr_view_section(part), section);
    cr_expect_null(ldr_view_image(part));
    cr_expect_eq(ldr_view_nt_status(part), (uint32_t)PE_NT_SUCCESS);
    ldr_view_unmap(part);
    ldr_view_unmap(rest);
    ldr_section_close(section);
    fixture_remove(path);
}

Test(data_view, last_page_ends_with_zeros_that_the_file_does_not_take_H35)
{
    char *path = data_file(SIZE);
    ldr_section *section = data_section_at(path, RW);
    ldr_view *view = data_view(section, 0, 0, 0);
    uint8_t *bytes = ldr_view_base(view);
    cr_expect_eq(ldr_view_size(view), 0x23000u);
    cr_expect_eq(bytes[SIZE - 1], data_byte(SIZE - 1));
    for (size_t i = SIZE; i < 0x23000; i++)
        cr_assert_eq(bytes[i], 0);
    bytes[SIZE] = 1;
    cr_expect_eq(ldr_view_flush(view, 0, 0, true, NULL), LDR_OK);
    cr_expect_eq(data_size(path), SIZE);
    ldr_view_unmap(view);
    ldr_section_close(section);
    fixture_remove(path);
}

Test(data_view, zero_bits_limit_the_address_H42)
{
    ldr_section *section = data_section(NULL, UNIT, RW, 0);
    static const struct {
        uint64_t bits, limit;
    } cases[] = {{1, UINT64_C(1) << 31},
                 {4, UINT64_C(1) << 28},
                 {0xFFFFFFFF, UINT64_C(1) << 32},
                 {0x7FFFFFFFFFF, UINT64_C(1) << 43}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ldr_view_options options = {.size = sizeof options, .zero_bits = cases[i].bits};
        ldr_view *view;
        cr_assert_eq(ldr_view_map(section, &options, &view, NULL), LDR_OK);
        cr_expect_leq((uintptr_t)ldr_view_base(view) + UNIT, cases[i].limit);
        ldr_view_unmap(view);
    }
    ldr_section_close(section);
}

Test(data_view, reserved_view_may_exceed_the_file_H40)
{
    char *path = data_file(SIZE);
    ldr_section *section = data_section_at(path, RW);
    ldr_view_options options = {
        .size = sizeof options, .length = 0x100000, .allocation_type = LDR_MEM_RESERVE};
    ldr_view *view;
    cr_assert_eq(ldr_view_map(section, &options, &view, NULL), LDR_OK);
    cr_expect_eq(ldr_view_size(view), 0x100000u);
    ldr_region region = data_region(view, 0);
    cr_expect(region.committed);
    cr_expect_eq(region.size, 0x23000u);
    region = data_region(view, 0x23000);
    cr_expect_not(region.committed);
    cr_expect_eq(region.protect, 0u);
    cr_expect_eq(region.size, 0x100000u - 0x23000);
    cr_expect_not(data_can_read((uint8_t *)ldr_view_base(view) + 0x23000));
    ldr_view_unmap(view);
    ldr_section_close(section);
    fixture_remove(path);
}

/* ---- What a view may do ---- */

/* By section, which views it allows: rules H36 and H38. */
static const struct {
    uint32_t section, views;
} allowed[] = {
    {RO, NONE | RO | WC},
    {RW, NONE | RO | WC | RW},
    {WC, NONE | RO | WC},
    {X, NONE | X},
    {XR, NONE | RO | WC | X | XR | XWC},
    {XRW, NONE | RO | WC | RW | X | XR | XRW | XWC},
    {XWC, NONE | RO | WC | X | XR | XWC},
};

static const char *access_of(uint32_t protect)
{
    switch (protect) {
    case NONE:
        return "---";
    case RO:
        return "r--";
    case RW:
    case WC:
        return "rw-";
    case X:
    case XR:
        return "r-x";
    default:
        return "rwx";
    }
}

static void expect_access(const ldr_view *view, uint32_t protect)
{
    char access[5];
    fixture_access(ldr_view_base(view), access);
    cr_expect_eq(memcmp(access, access_of(protect), 3), 0, "0x%x: %s", protect, access);
    ldr_region region = data_region(view, 0);
    cr_expect_eq(region.protect, protect);
    cr_expect_eq(region.allocation_protect, protect);
    cr_expect_eq(region.size, ldr_view_size(view));
    cr_expect_eq(region.type, (uint32_t)LDR_MEM_MAPPED);
    cr_expect_eq(region.pe_section, -1);
    cr_expect_eq(region.private_bytes, 0u);
}

static void expect_view(ldr_section *section, uint32_t protect, bool is_allowed)
{
    ldr_view_options options = {.size = sizeof options, .protect = protect};
    if (!is_allowed) {
        cr_expect_eq(data_view_refused(section, &options), (uint32_t)PE_NT_SECTION_PROTECTION);
        return;
    }
    ldr_view *view = data_view(section, 0, 0, protect);
    expect_access(view, protect);
    ldr_view_unmap(view);
}

static void expect_matrix(ldr_file *file)
{
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        ldr_section *section = data_section(file, file != NULL ? 0 : UNIT, allowed[i].section, 0);
        for (uint32_t protect = NONE; protect <= XWC; protect <<= 1)
            expect_view(section, protect, (allowed[i].views & protect) != 0);
        ldr_section_close(section);
    }
}

Test(data_view, section_allows_views_H38)
{
    char *path = data_file(SIZE);
    ldr_file *file = data_open(path, ALL);
    expect_matrix(file);
    expect_matrix(NULL);
    ldr_file_close(file);
    fixture_remove(path);
}

/* Which rights of a section handle (bits LDR_SECTION_*) each protection takes. */
Test(data_view, handle_allows_views_H36)
{
    static const uint32_t needs[] = {
        [0] = LDR_SECTION_MAP_READ,
        [1] = LDR_SECTION_MAP_READ,
        [2] = LDR_SECTION_MAP_WRITE,
        [3] = LDR_SECTION_MAP_READ,
        [4] = LDR_SECTION_MAP_EXECUTE,
        [5] = LDR_SECTION_MAP_EXECUTE | LDR_SECTION_MAP_READ,
        [6] = LDR_SECTION_MAP_EXECUTE | LDR_SECTION_MAP_WRITE,
        [7] = LDR_SECTION_MAP_EXECUTE | LDR_SECTION_MAP_READ,
    };
    for (uint32_t access = 1; access < 16; access++) {
        ldr_create_options create = {
            .size = sizeof create, .maximum_size = UNIT, .protect = XRW, .access = access};
        ldr_section *section;
        cr_assert_eq(ldr_section_create(&create, &section, NULL, NULL), LDR_OK);
        for (unsigned i = 0; i < 8; i++) {
            ldr_view_options options = {.size = sizeof options, .protect = UINT32_C(1) << i};
            ldr_view *view;
            ldr_diag diag;
            ldr_status status = ldr_view_map(section, &options, &view, &diag);
            bool may = (needs[i] & ~access) == 0;
            cr_expect_eq(status, may ? LDR_OK : LDR_ACCESS_DENIED, "0x%x, 0x%x", access, 1u << i);
            if (status == LDR_OK)
                ldr_view_unmap(view);
        }
        ldr_section_close(section);
    }
}

Test(data_view, access_becomes_protection_H37)
{
    static const struct {
        uint32_t access, protect;
    } cases[] = {
        {0, NONE},        {1, WC},          {2, RW},       {3, RW},        {4, RO},
        {5, RO},          {6, RW},          {8, NONE},     {0x20, X},      {0x21, XWC},
        {0x22, XRW},      {0x24, XR},       {0xF001F, RW}, {0xF003F, XRW}, {0x20000001, WC},
        {0x20000002, RW}, {0x40000004, RO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(ldr_protect_of_access(cases[i].access), cases[i].protect, "0x%x",
                     cases[i].access);
}

Test(data_view, guarded_page_faults_once_and_works_H39)
{
    ldr_section *section = data_section(NULL, UNIT, RW, 0);
    ldr_view *view = data_view(section, 0, 0, RW | LDR_PAGE_GUARD);
    uint8_t *bytes = ldr_view_base(view);
    cr_expect_eq(data_region(view, 0).protect, (uint32_t)(RW | LDR_PAGE_GUARD));
    cr_expect_str_eq(ldr_protect_name(RW | LDR_PAGE_GUARD), "PAGE_READWRITE | PAGE_GUARD");
    cr_expect_not(data_can_read(bytes));
    cr_expect_eq(ldr__view_touch(view, bytes + PAGE + 5, LDR__READ), LDR__TOUCH_GUARD);
    cr_expect_eq(data_region(view, PAGE).protect, (uint32_t)RW);
    cr_expect_eq(data_region(view, PAGE).size, PAGE);
    bytes[PAGE] = 1;
    cr_expect_eq(ldr__view_touch(view, bytes + PAGE, LDR__WRITE), LDR__TOUCH_OPENED);
    cr_expect_eq(ldr__view_touch(view, bytes + PAGE, LDR__EXECUTE), LDR__TOUCH_DENIED);
    cr_expect_eq(ldr__view_touch(view, bytes + UNIT, LDR__READ), LDR__TOUCH_DENIED);
    cr_expect_not(data_can_read(bytes));
    ldr_view_unmap(view);
    ldr_section_close(section);
}

/* ---- Coherence ---- */

static void expect_coherent(ldr_section *first, ldr_section *second)
{
    ldr_view *writer = data_view(first, 0, 0, RW);
    ldr_view *readers[] = {data_view(first, 0, 0, RO), data_view(second, 0, 0, RO),
                           data_view(second, UNIT, 0, RW), data_view(second, 0, 0, WC)};
    uint8_t *written = ldr_view_base(writer);
    written[UNIT + 7] = 0xA5;
    for (size_t i = 0; i < 4; i++) {
        const uint8_t *bytes = ldr_view_base(readers[i]);
        cr_expect_eq(bytes[i == 2 ? 7 : UNIT + 7], 0xA5, "view %zu", i);
        ldr_view_unmap(readers[i]);
    }
    ldr_view_unmap(writer);
}

Test(data_view, views_and_sections_of_a_file_show_the_same_pages_H5)
{
    char *path = data_file(SIZE);
    ldr_section *sections[] = {data_section_at(path, RW), data_section_at(path, RW)};
    expect_coherent(sections[0], sections[1]);
    uint8_t byte = 0;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    cr_expect_eq(pread(fd, &byte, 1, UNIT + 7), 1);
    cr_expect_eq(byte, 0xA5, "ReadFile sees it");
    ldr_view *view = data_view(sections[0], 0, 0, RO);
    cr_expect_eq(pwrite(fd, "z", 1, 3), 1);
    cr_expect_eq(((uint8_t *)ldr_view_base(view))[3], 'z', "WriteFile is seen");
    close(fd);
    ldr_view_unmap(view);
    ldr_section_close(sections[0]);
    ldr_section_close(sections[1]);
    fixture_remove(path);
}

Test(data_view, views_of_memory_show_the_same_pages)
{
    ldr_section *section = data_section(NULL, 2 * UNIT, RW, 0);
    expect_coherent(section, section);
    ldr_section_close(section);
}

static void expect_copied(ldr_section *section, ldr_backing backing)
{
    ldr_view *copy = data_view(section, 0, 0, WC);
    ldr_view *others = data_view(section, 0, 0, RW);
    uint8_t *mine = ldr_view_base(copy), *theirs = ldr_view_base(others);
    uint8_t was = theirs[PAGE];
    cr_expect_eq(data_region(copy, 0).backing, backing);
    mine[PAGE] = (uint8_t)(was + 1);
    cr_expect_eq(theirs[PAGE], was);
    theirs[PAGE] = (uint8_t)(was + 2);
    theirs[2 * PAGE] = 0x77;
    cr_expect_eq(mine[PAGE], (uint8_t)(was + 1), "it no longer follows");
    cr_expect_eq(mine[2 * PAGE], 0x77, "a page that was not written follows");
    ldr_region region = data_region(copy, PAGE);
    cr_expect_eq(region.protect, (uint32_t)RW);
    cr_expect_eq(region.size, PAGE);
    cr_expect_eq(region.private_bytes, PAGE);
    cr_expect_eq(region.backing, LDR_BACKING_PRIVATE);
    cr_expect_eq(data_region(copy, 0).protect, (uint32_t)WC);
    cr_expect_eq(data_region(copy, 0).size, PAGE);
    cr_expect_eq(data_region(copy, 2 * PAGE).protect, (uint32_t)WC);
    cr_expect_eq(data_region(others, PAGE).backing, backing);
    ldr_view_unmap(others);
    ldr_view_unmap(copy);
}

Test(data_view, written_page_of_a_copying_view_is_its_own_H5)
{
    char *path = data_file(SIZE);
    ldr_section *of_file = data_section_at(path, RW);
    ldr_section *of_memory = data_section(NULL, UNIT, RW, 0);
    expect_copied(of_file, LDR_BACKING_FILE);
    expect_copied(of_memory, LDR_BACKING_SHARED);
    ldr_section_close(of_memory);
    ldr_section_close(of_file);
    fixture_remove(path);
}

/* ---- Lifetime ---- */

Test(data_view, view_outlives_its_section_and_its_file)
{
    fixture_state before = fixture_state_take();
    char *path = data_file(SIZE);
    ldr_section *section = data_section_at(path, RW);
    ldr_view *view = data_view(section, 0, 0, 0);
    ldr_section_close(section);
    fixture_remove(path);
    uint8_t *bytes = ldr_view_base(view);
    cr_expect_eq(bytes[SIZE - 1], data_byte(SIZE - 1));
    bytes[0] = 1;
    cr_expect_eq(ldr_view_protect(view, 0, 1, RO, NULL, NULL), LDR_OK);
    cr_expect_eq(ldr_view_flush(view, 0, 0, false, NULL), LDR_OK);
    ldr_view_unmap(view);
    fixture_expect_same(&before);
}

Test(data_view, query_beyond_the_end_is_invalid)
{
    ldr_section *section = data_section(NULL, 1, RW, 0);
    ldr_view *view = data_view(section, 0, 0, 0);
    ldr_region region;
    cr_expect_eq(ldr_view_query(view, PAGE, &region), LDR_INVALID_ARGUMENT);
    cr_expect_eq(data_region(view, PAGE - 1).rva, 0u);
    ldr_view_unmap(view);
    ldr_section_close(section);
}

Test(data_view, what_is_for_images_alone_is_refused)
{
    ldr_section *section = data_section(NULL, 1, RW, 0);
    ldr_view *view = data_view(section, 0, 0, 0);
    ldr_diag diag;
    cr_expect_eq(ldr_view_relocate(view, &diag), LDR_INVALID_ARGUMENT);
    ldr_view_unmap(view);
    ldr_section_close(section);
}

Test(data_view, image_takes_no_part_and_ignores_protections_H45)
{
    img_image image = img_plain(IMG_PE32_PLUS);
    ldr_section *section = fixture_memory_section(&image);
    ldr_view_options options = {.size = sizeof options, .offset = UNIT};
    cr_expect_eq(data_view_refused(section, &options), (uint32_t)PE_NT_INVALID_VIEW_SIZE);
    options = (ldr_view_options){.size = sizeof options, .protect = RO | RW};
    cr_expect_eq(data_view_refused(section, &options), (uint32_t)PE_NT_INVALID_PAGE_PROTECTION);
    ldr_view *view = data_view(section, 0, 0, XRW);
    cr_expect_eq(data_region(view, 0).protect, (uint32_t)RO);
    ldr_view_unmap(view);
    ldr_section_close(section);
    img_free(&image);
}
