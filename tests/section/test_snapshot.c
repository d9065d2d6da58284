/* Views that come back to what they held at a snapshot. */
#include "section/demand.h"
#include "section/fixture.h"
#include "section/snapshot.h"
#include "section/view.h"
#include "support/faulty_os.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Pages of every kind: code, constants with a pointer, data with a tail of zeros, zeros, code that
 * is writable, memory that is SHARED. */
enum { TEXT = 0x1000, RDATA = 0x3000, DATA = 0x5000, BSS = 0xA000, WX = 0x14000, SHARED = 0x15000 };
enum { ALL = 0x17000, DATA_END = 0xA000, BSS_END = 0x14000 };

static img_image image_of_every_kind(uint32_t file_alignment)
{
    static uint8_t bytes[0x4000];
    img_builder b;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    img_start(&b, IMG_PE32_PLUS);
    b.file_alignment = file_alignment;
    if (file_alignment == 0x1000)
        b.header_size = 0x1000;
    img_add_section(&b, ".text", IMG_RX, bytes, 0x2000, 0x2000);
    img_add_section(&b, ".rdata", IMG_RO, bytes, 0x2000, 0x2000);
    img_add_section(&b, ".data", IMG_RW, bytes, 0x3000, 0x5000);
    img_add_section(&b, ".bss", IMG_RW, NULL, 0, 0xA000);
    img_add_section(&b, ".wx", IMG_RX | PE_SCN_MEM_WRITE, bytes, 0x1000, 0x1000);
    img_add_section(&b, ".shared", IMG_RW | PE_SCN_MEM_SHARED, bytes, 0x1000, 0x2000);
    return img_finish(&b);
}

static ldr_view *view_of_every_kind(void)
{
    img_image image = image_of_every_kind(0x200);
    ldr_view *view = fixture_view(fixture_section(&image, NULL), 0);
    img_free(&image);
    return view;
}

static uint8_t *at(const ldr_view *view, uint64_t rva)
{
    return (uint8_t *)ldr_view_base(view) + rva;
}

static uint8_t *bytes_of(const ldr_view *view)
{
    uint8_t *copy = malloc(ldr_view_size(view));
    memcpy(copy, ldr_view_base(view), ldr_view_size(view));
    return copy;
}

/* Releases `before`. */
static void expect_bytes(const ldr_view *view, uint8_t *before)
{
    for (uint64_t i = 0; i < ldr_view_size(view); i++)
        cr_assert_eq(*at(view, i), before[i], "0x%lx", (unsigned long)i);
    free(before);
}

static void write_to_all(const ldr_view *view, int value)
{
    for (uint64_t rva = DATA; rva < WX + 0x1000; rva += 0x1000)
        memset(at(view, rva + 0x10), value, 0x20);
}

static void set_protection(ldr_view *view, uint64_t rva, uint32_t protect)
{
    cr_assert_eq(ldr_view_protect(view, rva, 1, protect, NULL, NULL), LDR_OK);
}

Test(snapshot, written_pages_come_back)
{
    ldr_view *view = view_of_every_kind();
    memset(at(view, DATA + 0x1100), 0x11, 0x100); /* as DllMain does */
    *at(view, BSS + 0x1008) = 5;
    uint8_t *before = bytes_of(view);
    cr_assert_eq(ldr__snapshot_take(view), LDR_OK);
    fixture_expect_access(view);
    write_to_all(view, 0x77);
    cr_assert_eq(ldr__snapshot_restore(view), LDR_OK);
    expect_bytes(view, before);
    fixture_expect_access(view);
    ldr_view_unmap(view);
}

Test(snapshot, page_aligned_images_come_back)
{
    img_image image = image_of_every_kind(0x1000);
    ldr_view *view = fixture_view(fixture_section(&image, NULL), 0);
    img_free(&image);
    uint8_t *before = bytes_of(view);
    cr_assert_eq(ldr__snapshot_take(view), LDR_OK);
    write_to_all(view, 0x77);
    cr_assert_eq(ldr__snapshot_restore(view), LDR_OK);
    expect_bytes(view, before);
    ldr_view_unmap(view);
}

/* The same pages, then others, then none, and every second time. */
static void reset_often(void)
{
    ldr_view *view = view_of_every_kind();
    uint8_t *before = bytes_of(view);
    cr_assert_eq(ldr__snapshot_take(view), LDR_OK);
    for (uint64_t i = 0; i < 200; i++) {
        *at(view, DATA + 5) = (uint8_t)i;
        *at(view, DATA + 0x1000 * (i % 5)) ^= 1;
        if (i % 2 == 0)
            memset(at(view, BSS), (int)i, 0x3000);
        if (i % 7 == 0)
            write_to_all(view, (int)i);
        if (i % 31 == 0)
            set_protection(view, BSS, LDR_PAGE_NOACCESS);
        cr_assert_eq(ldr__snapshot_restore(view), LDR_OK);
        cr_assert_eq(memcmp(at(view, 0), before, ALL), 0, "%lu", (unsigned long)i);
    }
    free(before);
    ldr_view_unmap(view);
}

Test(snapshot, each_of_many_resets_comes_back)
{
    reset_often();
}

Test(snapshot, each_comes_back_where_the_system_does_not_note_writes)
{
    faulty_os_without("watch_create");
    reset_often();
}

Test(snapshot, each_comes_back_where_the_system_does_not_tell_of_pages)
{
    faulty_os_without("copies_open");
    reset_often();
}

/* What the kernel writes on behalf of the guest, too. */
Test(snapshot, what_system_calls_write_comes_back)
{
    int ends[2];
    ldr_view *view = view_of_every_kind();
    uint8_t *before = bytes_of(view);
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(ldr__snapshot_take(view), LDR_OK);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(write(ends[1], "written by the kernel", 21), 21);
        cr_assert_eq(read(ends[0], at(view, BSS + 0x2FF8), 21), 21);
        cr_assert_eq(ldr__snapshot_restore(view), LDR_OK);
    }
    close(ends[0]);
    close(ends[1]);
    expect_bytes(view, before);
    ldr_view_unmap(view);
}

Test(snapshot, later_snapshot_takes_the_place_of_an_earlier_one)
{
    ldr_view *view = view_of_every_kind();
    cr_assert_eq(ldr__snapshot_take(view), LDR_OK);
    write_to_all(view, 0x77);
    uint8_t *before = bytes_of(view);
    cr_assert_eq(ldr__snapshot_take(view), LDR_OK);
    write_to_all(view, 0x66);
    cr_assert_eq(ldr__snapshot_restore(view), LDR_OK);
    expect_bytes(view, before);
    ldr_view_unmap(view);
}

Test(snapshot, restore_without_one_is_refused)
{
    ldr_view *view = view_of_every_kind();
    cr_expect_eq(ldr__snapshot_restore(view), LDR_INVALID_ARGUMENT);
    ldr_view_unmap(view);
}

/* ---- Protections ---- */

Test(snapshot, code_that_was_opened_and_closed_again_comes_back)
{
    ldr_view *view = view_of_every_kind();
    uint8_t *before = bytes_of(view);
    cr_assert_eq(ldr__snapshot_take(view), LDR_OK);
    set_protection(view, TEXT, LDR_PAGE_EXECUTE_READWRITE);
    *at(view, TEXT + 3) ^= 0xFF;
    set_protection(view, TEXT, LDR_PAGE_EXECUTE_READ);
    cr_assert_eq(ldr__snapshot_restore(view), LDR_OK);
    expect_bytes(view, before);
    fixture_expect_access(view);
    ldr_view_unmap(view);
}

Test(snapshot, protections_come_back)
{
    ldr_view *view = view_of_every_kind();
    set_protection(view, DATA + 0x1000, LDR_PAGE_READONLY);
    set_protection(view, DATA + 0x2000, LDR_PAGE_READWRITE | LDR_PAGE_GUARD);
    cr_assert_eq(ldr__snapshot_take(view), LDR_OK);
    set_protection(view, TEXT, LDR_PAGE_EXECUTE_READWRITE);
    set_protection(view, DATA, LDR_PAGE_NOACCESS);
    set_protection(view, DATA + 0x1000, LDR_PAGE_READWRITE);
    set_protection(view, DATA + 0x2000, LDR_PAGE_READWRITE);
    *at(view, DATA + 0x1000) ^= 1;
    *at(view, DATA + 0x2000) ^= 1;
    cr_assert_eq(ldr__snapshot_restore(view), LDR_OK);
    static const struct {
        uint32_t rva, protect;
    } expected[] = {{TEXT, LDR_PAGE_EXECUTE_READ},
                    {DATA, LDR_PAGE_WRITECOPY},
                    {DATA + 0x1000, LDR_PAGE_READONLY},
                    {DATA + 0x2000, LDR_PAGE_WRITECOPY | LDR_PAGE_GUARD}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        ldr_region region;
        cr_assert_eq(ldr_view_query(view, expected[i].rva, &region), LDR_OK);
        cr_expect_eq(region.protect, expected[i].protect, "0x%x: 0x%x", expected[i].rva,
                     region.protect);
    }
    fixture_expect_access(view);
    set_protection(view, DATA + 0x2000, LDR_PAGE_READONLY);
    cr_expect_eq(*at(view, DATA + 0x1000), (uint8_t)(0x10));
    ldr_view_unmap(view);
}

/* What was written to pages that nobody can read or write any more. */
Test(snapshot, closed_pages_keep_what_was_written_to_them)
{
    ldr_view *view = view_of_every_kind();
    *at(view, DATA) = 0x5A;
    *at(view, BSS) = 0x5B;
    set_protection(view, DATA, LDR_PAGE_NOACCESS);
    set_protection(view, BSS, LDR_PAGE_READONLY);
    cr_assert_eq(ldr__snapshot_take(view), LDR_OK);
    fixture_expect_access(view);
    set_protection(view, DATA, LDR_PAGE_READWRITE);
    cr_expect_eq(*at(view, DATA), 0x5A);
    *at(view, DATA) = 1;
    cr_assert_eq(ldr__snapshot_restore(view), LDR_OK);
    set_protection(view, DATA, LDR_PAGE_READONLY);
    cr_expect_eq(*at(view, DATA), 0x5A);
    cr_expect_eq(*at(view, BSS), 0x5B);
    ldr_view_unmap(view);
}

Test(snapshot, what_the_loader_writes_afterwards_goes)
{
    ldr_view *view = view_of_every_kind();
    uint8_t *before = bytes_of(view);
    cr_assert_eq(ldr__snapshot_take(view), LDR_OK);
    cr_assert_eq(ldr__view_write_begin(view, RDATA, 8), LDR_OK);
    memset(at(view, RDATA), 0, 8);
    cr_assert_eq(ldr__view_write_end(view, RDATA, 8), LDR_OK);
    cr_assert_eq(ldr__snapshot_restore(view), LDR_OK);
    expect_bytes(view, before);
    ldr_view_unmap(view);
}

Test(snapshot, shared_memory_is_left_alone)
{
    ldr_view *view = view_of_every_kind();
    cr_assert_eq(ldr__snapshot_take(view), LDR_OK);
    *at(view, SHARED) = 0x77;
    cr_assert_eq(ldr__snapshot_restore(view), LDR_OK);
    cr_expect_eq(*at(view, SHARED), 0x77);
    ldr_view *other = fixture_view(ldr_view_section(view), 0);
    cr_expect_eq(*at(other, SHARED), 0x77);
    ldr_view_unmap(view);
}

/* ---- Pages that are filled on demand ---- */

static void write_on_demand(const ldr_view *view)
{
    for (uint64_t i = 0; i < 10; i++)
        memset(at(view, DEMAND_DATA + i * 0x3000), 0x99, 16);
}

Test(snapshot, pages_filled_on_demand_come_back, .timeout = 60)
{
    demand_case c = demand_case_make();
    *at(c.view, DEMAND_ZERO) = 7;
    cr_assert_eq(ldr__snapshot_take(c.view), LDR_OK);
    for (int i = 0; i < 5; i++) {
        write_on_demand(c.view);
        *at(c.view, DEMAND_ZERO) = 8;
        cr_assert_eq(ldr__snapshot_restore(c.view), LDR_OK);
        cr_expect_eq(*at(c.view, DEMAND_ZERO), 7);
    }
    *at(c.view, DEMAND_ZERO) = 0;
    for (uint64_t rva = DEMAND_TEXT; rva < DEMAND_ZERO; rva += 0x1000)
        cr_expect(demand_page_is_right(&c, rva), "0x%lx", (unsigned long)rva);
    demand_case_release(&c);
}

/* Code that nobody has touched yet is opened, written to, and reset. */
Test(snapshot, code_filled_on_demand_comes_back, .timeout = 60)
{
    demand_case c = demand_case_make();
    cr_assert_eq(ldr__snapshot_take(c.view), LDR_OK);
    set_protection(c.view, DEMAND_TEXT, LDR_PAGE_EXECUTE_READWRITE);
    memset(at(c.view, DEMAND_TEXT), 0, 100);
    cr_assert_eq(ldr__snapshot_restore(c.view), LDR_OK);
    cr_expect(demand_page_is_right(&c, DEMAND_TEXT));
    demand_case_release(&c);
}

/* ---- Where it goes wrong ---- */

/* Whether the `call`th call was reached. */
static bool take_with_failure(ldr_view *view, unsigned call)
{
    uint8_t *before = bytes_of(view);
    faulty_os_held held = faulty_os_holds();
    faulty_os_fail_at(call, false);
    ldr_status status = ldr__snapshot_take(view);
    bool reached = faulty_os_stop() > call;
    if (status != LDR_OK) {
        faulty_os_held after = faulty_os_holds();
        cr_assert_eq(after.handles, held.handles, "call %u (%s)", call, faulty_os_failed());
        cr_assert_eq(after.bytes, held.bytes, "call %u (%s)", call, faulty_os_failed());
        cr_assert_eq(ldr__snapshot_restore(view), LDR_INVALID_ARGUMENT);
    }
    fixture_expect_access(view);
    cr_assert_eq(memcmp(at(view, 0), before, ALL), 0);
    write_to_all(view, 0x77); /* still usable */
    if (status == LDR_OK)
        cr_assert_eq(ldr__snapshot_restore(view), LDR_OK);
    free(before);
    return reached;
}

Test(snapshot, each_call_failing_once_leaves_the_view_as_it_was)
{
    bool reached = true;
    unsigned call = 0;
    for (; reached; call++) {
        ldr_view *view = view_of_every_kind();
        *at(view, DATA) = 0x5A;
        reached = take_with_failure(view, call);
        ldr_view_unmap(view);
    }
    cr_expect_gt(call, 10u);
}

static bool restore_with_failure(ldr_view *view, unsigned call, bool and_all_later)
{
    faulty_os_held held = faulty_os_holds();
    faulty_os_fail_at(call, and_all_later);
    ldr_status status = ldr__snapshot_restore(view);
    bool reached = faulty_os_stop() > call;
    cr_expect_eq(faulty_os_holds().handles, held.handles);
    cr_assert(status == LDR_OK || reached);
    if (status != LDR_OK)
        cr_assert_eq(ldr__snapshot_restore(view), LDR_OK);
    return reached;
}

Test(snapshot, reset_that_fails_can_be_tried_again)
{
    ldr_view *view = view_of_every_kind();
    uint8_t *before = bytes_of(view);
    cr_assert_eq(ldr__snapshot_take(view), LDR_OK);
    for (int all_later = 0; all_later < 2; all_later++) {
        bool reached = true;
        for (unsigned call = 0; reached; call++) {
            write_to_all(view, 0x77);
            set_protection(view, TEXT, LDR_PAGE_EXECUTE_READWRITE);
            *at(view, TEXT) ^= 1;
            reached = restore_with_failure(view, call, all_later != 0);
            cr_assert_eq(memcmp(at(view, 0), before, ALL), 0, "call %u", call);
            fixture_expect_access(view);
        }
    }
    free(before);
    ldr_view_unmap(view);
}

Test(snapshot, nothing_is_left)
{
    ldr_view *warm_up = view_of_every_kind();
    cr_assert_eq(ldr__snapshot_take(warm_up), LDR_OK);
    ldr_view_unmap(warm_up);
    fixture_state before = fixture_state_take();
    ldr_view *view = view_of_every_kind();
    cr_assert_eq(ldr__snapshot_take(view), LDR_OK);
    write_to_all(view, 0x77);
    cr_assert_eq(ldr__snapshot_restore(view), LDR_OK);
    cr_assert_eq(ldr__snapshot_take(view), LDR_OK);
    ldr_view_unmap(view);
    fixture_expect_same(&before);
}

/* Each of the two has pages, and asks the system, for itself. */
Test(snapshot, child_and_parent_reset_each_for_itself)
{
    ldr_view *view = view_of_every_kind();
    uint8_t *before = bytes_of(view);
    cr_assert_eq(ldr__snapshot_take(view), LDR_OK);
    write_to_all(view, 0x77);
    pid_t child = fork();
    if (child == 0) {
        bool is_right = ldr__snapshot_restore(view) == LDR_OK;
        is_right = is_right && memcmp(at(view, 0), before, ALL) == 0;
        _exit(is_right ? 0 : 1);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0);
    cr_expect_eq(*at(view, DATA + 0x10), 0x77);
    cr_assert_eq(ldr__snapshot_restore(view), LDR_OK);
    expect_bytes(view, before);
    ldr_view_unmap(view);
}

Test(snapshot, locked_memory_comes_back)
{
    ldr_view *view = view_of_every_kind();
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
        ldr_view_unmap(view);
        cr_skip_test("memory cannot be locked");
    }
    uint8_t *before = bytes_of(view);
    cr_assert_eq(ldr__snapshot_take(view), LDR_OK);
    write_to_all(view, 0x77);
    set_protection(view, TEXT, LDR_PAGE_EXECUTE_READWRITE);
    *at(view, TEXT) ^= 1;
    cr_assert_eq(ldr__snapshot_restore(view), LDR_OK);
    expect_bytes(view, before);
    munlockall();
    ldr_view_unmap(view);
}
