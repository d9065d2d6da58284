/* Pages that are filled when they are first touched: which, with what, and for whom. */
#include "section/demand.h"
#include "support/faulty_os.h"
#include "support/process.h"
#include "support/sanitizer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 0x1000

static uint8_t touch(const ldr_view *view, uint64_t rva)
{
    return ((const volatile uint8_t *)ldr_view_base(view))[rva];
}

static ldr_region query(const ldr_view *view, uint64_t rva)
{
    ldr_region region;
    cr_assert_eq(ldr_view_query(view, rva, &region), LDR_OK);
    return region;
}

static void expect_all_right(const demand_case *c)
{
    for (uint64_t rva = 0; rva < ldr_view_size(c->view); rva += PAGE)
        cr_assert(demand_page_is_right(c, rva), "page %lx", (unsigned long)rva);
}

static img_image sized_image(size_t size, uint32_t file_alignment)
{
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.image_base = DEMAND_PREFERRED;
    b.file_alignment = file_alignment;
    b.header_size = file_alignment;
    img_add_section(&b, ".data", IMG_RW, NULL, size, 0);
    return img_finish(&b);
}

/* ---- What is filled ---- */

Test(demand, pages_at_the_preferred_base_are_those_of_the_file)
{
    img_image image = demand_image();
    char *path = fixture_file(image.bytes, image.size);
    ldr_view *view = fixture_view(demand_section(path, NULL), WITH_ASAN ? DEMAND_BASE : 0);
    pe_image parsed;
    cr_assert_eq(pe_open((pe_span){image.bytes, image.size}, PE_LAYOUT_FILE, &parsed, NULL), PE_OK);
    pe_span expected = img_map(&parsed);
    fixture_expect_access(view);
    fixture_expect_bytes(view, expected);
    free((void *)expected.data);
    ldr_view_unmap(view);
    fixture_remove(path);
    img_free(&image);
}

Test(demand, pages_elsewhere_are_relocated)
{
    demand_case c = demand_case_make();
    expect_all_right(&c);
    fixture_expect_access(c.view);
    demand_case_release(&c);
}

/* The headers are at hand from the start. */
Test(demand, touch_fills_the_64_kib_around_it_only)
{
    demand_case c = demand_case_make();
    ldr_view_unmap(c.eager);
    c.eager = NULL;
    cr_expect_eq(demand_segment_bytes(), PAGE);
    touch(c.view, DEMAND_ZERO);
    cr_expect_eq(demand_segment_bytes(), PAGE);
    touch(c.view, DEMAND_TEXT + DEMAND_QUIET);
    cr_expect_eq(demand_segment_bytes(), PAGE + DEMAND_GRANULE - PAGE);
    touch(c.view, 0x80000 + DEMAND_QUIET); /* a fixup lies across its start */
    cr_expect_eq(demand_segment_bytes(), PAGE + 3 * DEMAND_GRANULE - PAGE);
    demand_case_release(&c);
}

Test(demand, granule_without_fixups_across_its_end_is_filled_alone)
{
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.image_base = DEMAND_PREFERRED;
    img_add_section(&b, ".data", IMG_RW, NULL, 0x40000, 0);
    for (uint32_t rva = 0x1000; rva < 0x41000; rva += 0x1000)
        img_put_pointer(&b, rva + 0x10, 0x2000);
    img_image image = img_finish(&b);
    char *path = fixture_file(image.bytes, image.size);
    ldr_view *view = fixture_view(demand_section(path, NULL), DEMAND_BASE);
    fixture_expect_relocated(view);
    for (uint64_t granules = 1; granules <= 3; granules++) {
        touch(view, (4 - granules) * DEMAND_GRANULE + 0x3000);
        cr_expect_eq(demand_segment_bytes(), PAGE + granules * DEMAND_GRANULE);
    }
    ldr_view_unmap(view);
    fixture_remove(path);
    img_free(&image);
}

/* More and more, up to 256 KiB at a time; and nothing of it twice. */
Test(demand, granules_behind_one_another_are_filled_ahead)
{
    img_image image = sized_image(0x200000, 0x200);
    char *path = fixture_file(image.bytes, image.size);
    ldr_view *view = fixture_view(demand_section(path, NULL), DEMAND_BASE);
    uint64_t filled = PAGE;
    static const uint64_t steps[] = {1, 2, 4, 4, 4};
    for (size_t i = 0, at = 1; i < sizeof steps / sizeof steps[0]; at += steps[i++]) {
        touch(view, at * DEMAND_GRANULE);
        filled += steps[i] * DEMAND_GRANULE;
        cr_expect_eq(demand_segment_bytes(), filled);
    }
    ldr_view_unmap(view);
    fixture_remove(path);
    img_free(&image);
}

/* ---- What a query says ---- */

Test(demand, untouched_pages_are_nobodys_own)
{
    demand_case c = demand_case_make();
    uint64_t committed = 0;
    for (uint64_t rva = 0; rva < ldr_view_size(c.view);) {
        ldr_region region = query(c.view, rva);
        cr_expect_eq(region.private_bytes, 0u);
        cr_expect_neq(region.backing, LDR_BACKING_PRIVATE);
        committed += region.backing == LDR_BACKING_RELOCATED ? region.size : 0;
        rva += region.size;
    }
    cr_expect_eq(committed, 0x110000u);
    demand_case_release(&c);
}

Test(demand, filled_pages_are_shared_and_written_ones_are_not)
{
    demand_case c = demand_case_make();
    uint8_t *data = (uint8_t *)ldr_view_base(c.view) + DEMAND_DATA;
    expect_all_right(&c);
    cr_expect_eq(query(c.view, DEMAND_DATA).backing, LDR_BACKING_RELOCATED);
    cr_expect_eq(query(c.view, DEMAND_DATA).private_bytes, 0u);
    data[PAGE + 1] ^= 1;
    cr_expect_eq(query(c.view, DEMAND_DATA + PAGE).backing, LDR_BACKING_PRIVATE);
    cr_expect_eq(query(c.view, DEMAND_DATA + PAGE).private_bytes, PAGE);
    demand_case_release(&c);
}

/* ---- Views after the first ---- */

static unsigned reads;

static void count_read(unsigned number, void *bytes, size_t *count)
{
    (void)number;
    (void)bytes;
    (void)count;
    reads++;
}

static unsigned reads_of(ldr_view *view)
{
    reads = 0;
    faulty_os_on_read(count_read);
    fixture_expect_relocated(view);
    for (uint64_t rva = 0; rva < ldr_view_size(view); rva += PAGE)
        touch(view, rva);
    faulty_os_on_read(NULL);
    return reads;
}

Test(demand, later_view_has_what_the_first_one_filled)
{
    img_image image = demand_image();
    char *path = fixture_file(image.bytes, image.size);
    ldr_section *section = demand_section(path, NULL);
    ldr_view_options options = {.size = sizeof options, .base = DEMAND_BASE};
    for (unsigned i = 0; i < 3; i++) {
        ldr_view *view;
        ldr_diag diag;
        cr_assert_eq(ldr_view_map(section, &options, &view, &diag), LDR_OK);
        unsigned count = reads_of(view);
        cr_expect(i == 0 ? count > 0 : count == 0, "view %u: %u reads", i, count);
        ldr_view_unmap(view);
    }
    ldr_section_close(section);
    fixture_remove(path);
    img_free(&image);
}

/* Each base has pages of its own; what no view shows any more is not kept for ever. */
Test(demand, bases_come_and_go_and_nothing_piles_up)
{
    img_image image = demand_image();
    char *path = fixture_file(image.bytes, image.size);
    ldr_section *section = demand_section(path, NULL);
    uint64_t most = 0;
    for (uint64_t i = 0; i < 20; i++) {
        ldr_view_options options = {.size = sizeof options,
                                    .base = DEMAND_BASE + 0x200000 * (i % 10)};
        ldr_view *view;
        ldr_diag diag;
        cr_assert_eq(ldr_view_map(section, &options, &view, &diag), LDR_OK);
        reads_of(view);
        uint64_t bytes = demand_segment_bytes();
        most = bytes > most ? bytes : most;
        ldr_view_unmap(view);
    }
    cr_expect_lt(most, 0x280000u);
    ldr_section_close(section);
    fixture_remove(path);
    img_free(&image);
}

Test(demand, aslr_base_is_in_the_header_and_its_pages_are_shared)
{
    img_image image = demand_image();
    char *path = fixture_file(image.bytes, image.size);
    ldr_section_options options = {.size = sizeof options, .aslr = LDR_ASLR_ON};
    ldr_section *section = demand_section(path, &options);
    for (unsigned i = 0; i < 2; i++) {
        ldr_view *view;
        ldr_diag diag;
        pe_image again;
        ldr_control_area area;
        cr_assert_eq(ldr_view_map(section, NULL, &view, &diag), LDR_OK);
        reads_of(view);
        pe_span bytes = {ldr_view_base(view), ldr_view_size(view)};
        cr_assert_eq(pe_open(bytes, PE_LAYOUT_MAPPED, &again, NULL), PE_OK);
        cr_expect_eq(again.optional.image_base, (uintptr_t)ldr_view_base(view));
        cr_expect_eq(ldr_view_image(view)->optional.image_base, (uintptr_t)ldr_view_base(view));
        cr_expect_eq(query(view, 0).backing, LDR_BACKING_RELOCATED);
        cr_expect_eq(query(view, DEMAND_TEXT).backing, LDR_BACKING_RELOCATED);
        ldr_section_describe(section, &area);
        cr_expect_gt(area.relocated_pages, 0u);
        ldr_view_unmap(view);
    }
    ldr_section_close(section);
    fixture_remove(path);
    img_free(&image);
}

/* ---- Which sections ---- */

static ldr_fill fill_of(const img_image *image, const ldr_section_options *options)
{
    ldr_section *section = fixture_section(image, options);
    ldr_fill fill = ldr_section_fill(section);
    ldr_section_close(section);
    return fill;
}

Test(demand, section_decides_by_size_unless_it_is_told)
{
    img_image small = sized_image(0x10000, 0x200), large = sized_image(0x400000, 0x200);
    ldr_section_options on_demand = {.size = sizeof on_demand, .fill = LDR_FILL_ON_DEMAND};
    ldr_section_options eager = {.size = sizeof eager, .fill = LDR_FILL_EAGER};
    char *path = fixture_file(large.bytes, large.size);
    ldr_section_close(demand_section(path, NULL)); /* or skip */
    cr_expect_eq(fill_of(&small, NULL), LDR_FILL_EAGER);
    cr_expect_eq(fill_of(&large, NULL), LDR_FILL_ON_DEMAND);
    cr_expect_eq(fill_of(&small, &on_demand), LDR_FILL_ON_DEMAND);
    cr_expect_eq(fill_of(&large, &eager), LDR_FILL_EAGER);
    fixture_remove(path);
    img_free(&small);
    img_free(&large);
}

Test(demand, snapshot_and_buffer_and_file_pages_are_not_filled_on_demand)
{
    img_image large = sized_image(0x400000, 0x200), aligned = sized_image(0x400000, 0x1000);
    ldr_section_options snapshot = {
        .size = sizeof snapshot, .fill = LDR_FILL_ON_DEMAND, .source = LDR_SOURCE_SNAPSHOT};
    cr_expect_eq(fill_of(&large, &snapshot), LDR_FILL_EAGER);
    cr_expect_eq(fill_of(&aligned, NULL), LDR_FILL_EAGER);
    ldr_section *section = fixture_memory_section(&large);
    cr_expect_eq(ldr_section_fill(section), LDR_FILL_EAGER);
    ldr_section_close(section);
    img_free(&large);
    img_free(&aligned);
}

Test(demand, unknown_way_to_fill_is_refused)
{
    img_image image = sized_image(0x1000, 0x200);
    char *path = fixture_file(image.bytes, image.size);
    ldr_section_options options = {.size = sizeof options, .fill = (ldr_fill)3};
    ldr_section *section;
    ldr_diag diag;
    cr_expect_eq(ldr_section_from_file(path, &options, &section, &diag), LDR_INVALID_ARGUMENT);
    fixture_remove(path);
    img_free(&image);
}

/* ---- What the system grants ---- */

static bool anybody_may(void)
{
    char value = '0';
    FILE *file = fopen("/proc/sys/vm/unprivileged_userfaultfd", "re");
    if (file != NULL) {
        value = (char)fgetc(file);
        fclose(file);
    }
    return value == '1' || access("/dev/userfaultfd", R_OK | W_OK) == 0;
}

/* Faults of the user's own accesses alone, which anybody gets, would not do. */
static int use_without_privileges(const char *path)
{
    ldr_section_options options = {.size = sizeof options, .fill = LDR_FILL_ON_DEMAND};
    ldr_section *section;
    ldr_diag diag;
    if (setgid(65534) != 0 || setuid(65534) != 0 || anybody_may())
        return 2;
    if (ldr_section_from_file(path, &options, &section, &diag) != LDR_OS_ERROR ||
        ldr_section_from_file(path, NULL, &section, &diag) != LDR_OK)
        return 1;
    bool is_eager = ldr_section_fill(section) == LDR_FILL_EAGER;
    ldr_section_close(section);
    return is_eager ? 0 : 1;
}

Test(demand, process_without_privileges_takes_the_eager_way)
{
    img_image image = demand_image();
    char *path = fixture_file(image.bytes, image.size);
    cr_assert_eq(chmod(path, 0644), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(use_without_privileges(path));
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    fixture_remove(path);
    img_free(&image);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
        cr_skip_test("everybody is privileged here, or nobody is root");
    cr_expect_eq(status, 0);
}

/* ---- Views that were written to before they are relocated ---- */

static void expect_written_is_kept(ldr_aslr aslr)
{
    img_image image = demand_image();
    char *path = fixture_file(image.bytes, image.size);
    ldr_section_options options = {.size = sizeof options, .aslr = aslr};
    ldr_section *section = demand_section(path, &options);
    ldr_view_options where = {.size = sizeof where, .base = aslr ? 0 : DEMAND_BASE};
    ldr_view *view;
    ldr_diag diag;
    uint64_t pointer;
    cr_assert_eq(ldr_view_map(section, &where, &view, &diag), LDR_OK);
    uint8_t *base = ldr_view_base(view);
    base[DEMAND_DATA + DEMAND_QUIET] = 77;
    fixture_expect_relocated(view);
    cr_expect_eq(base[DEMAND_DATA + DEMAND_QUIET], 77);
    memcpy(&pointer, base + DEMAND_DATA + 8, sizeof pointer);
    cr_expect(pointer - (uintptr_t)base < ldr_view_size(view));
    memcpy(&pointer, base + DEMAND_TEXT + 8, sizeof pointer);
    cr_expect(pointer - (uintptr_t)base < ldr_view_size(view));
    ldr_view_unmap(view);
    ldr_section_close(section);
    fixture_remove(path);
    img_free(&image);
}

Test(demand, what_a_view_has_written_before_it_is_relocated_is_kept)
{
    expect_written_is_kept(LDR_ASLR_OFF);
    expect_written_is_kept(LDR_ASLR_ON);
}

Test(demand, what_was_set_before_a_view_is_relocated_is_kept)
{
    img_image image = demand_image();
    char *path = fixture_file(image.bytes, image.size);
    ldr_view *view = fixture_view(demand_section(path, NULL), DEMAND_BASE);
    ldr_diag diag;
    cr_assert_eq(ldr_view_protect(view, DEMAND_TEXT, 1, LDR_PAGE_READWRITE, NULL, &diag), LDR_OK);
    cr_assert_eq(ldr_view_protect(view, DEMAND_RDATA, 1, LDR_PAGE_NOACCESS, NULL, &diag), LDR_OK);
    fixture_expect_relocated(view);
    ((uint8_t *)ldr_view_base(view))[DEMAND_TEXT + DEMAND_QUIET] = 1;
    ldr_view_unmap(view);
    fixture_remove(path);
    img_free(&image);
}

Test(demand, second_call_to_relocate_changes_nothing)
{
    demand_case c = demand_case_make();
    fixture_expect_relocated(c.view);
    expect_all_right(&c);
    demand_case_release(&c);
}

/* ---- The end ---- */

Test(demand, thread_lives_from_the_first_view_to_the_last)
{
    img_image image = demand_image();
    char *path = fixture_file(image.bytes, image.size);
    ldr_section *section = demand_section(path, NULL);
    ldr_view *views[2];
    ldr_diag diag;
    size_t before = process_threads();
    cr_assert_eq(ldr_view_map(section, NULL, &views[0], &diag), LDR_OK);
    cr_assert_eq(ldr_view_map(section, NULL, &views[1], &diag), LDR_OK);
    demand_expect_threads(before + 1);
    ldr_view_unmap(views[0]);
    touch(views[1], DEMAND_DATA);
    demand_expect_threads(before + 1);
    ldr_view_unmap(views[1]);
    demand_expect_threads(before);
    ldr_section_close(section);
    fixture_remove(path);
    img_free(&image);
}

Test(demand, nothing_is_left_of_sections_and_views)
{
    demand_case c = demand_case_make(); /* the first has handlers installed */
    demand_case_release(&c);
    fixture_state before = fixture_state_take();
    for (unsigned i = 0; i < 3; i++) {
        c = demand_case_make();
        expect_all_right(&c);
        demand_case_release(&c);
    }
    fixture_expect_same(&before);
}
