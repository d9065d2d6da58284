/* Bases that cannot be foreseen, and relocated pages that views share. */
#include "section/fixture.h"
#include "support/faulty_os.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PREFERRED UINT64_C(0x180000000)

enum { TEXT = 0x1000, RDATA = 0x2000, DATA = 0x3000, NONE = 0x4000 };

static const uint32_t places[] = {TEXT + 0x10, RDATA + 0x20, DATA + 0x30, NONE + 0x40};

/* Four pages with a pointer each, the last one of which nobody has access to. */
static img_image moving_image(uint16_t dll_characteristics, uint16_t characteristics)
{
    static const char *const names[] = {".text", ".rdata", ".data", ".none"};
    static const uint32_t rights[] = {IMG_RX, IMG_RO, IMG_RW, PE_SCN_CNT_INITIALIZED_DATA};
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.image_base = PREFERRED;
    b.characteristics |= PE_FILE_DLL | PE_FILE_LARGE_ADDRESS_AWARE | characteristics;
    b.dll_characteristics = dll_characteristics;
    for (size_t i = 0; i < 4; i++)
        img_add_section(&b, names[i], rights[i], NULL, 0x1000, 0);
    for (size_t i = 0; i < 4; i++)
        img_put_pointer(&b, places[i], TEXT);
    return img_finish(&b);
}

#define ASKS (PE_DLL_DYNAMIC_BASE | PE_DLL_HIGH_ENTROPY_VA)

static ldr_section *section_at(const char *path, ldr_aslr aslr)
{
    ldr_section_options options = {.size = sizeof options, .aslr = aslr};
    ldr_section *section;
    ldr_diag diag;
    cr_assert_eq(ldr_section_from_file(path, &options, &section, &diag), LDR_OK);
    return section;
}

/* A section of the image, which is released; its file is gone. */
static ldr_section *moving_section(void)
{
    img_image image = moving_image(ASKS, 0);
    ldr_section_options options = {.size = sizeof options, .aslr = LDR_ASLR_ON};
    ldr_section *section = fixture_section(&image, &options);
    img_free(&image);
    return section;
}

static ldr_view *map(ldr_section *section)
{
    ldr_view *view;
    ldr_diag diag;
    cr_assert_eq(ldr_view_map(section, NULL, &view, &diag), LDR_OK);
    return view;
}

static ldr_view *map_relocated(ldr_section *section)
{
    ldr_view *view = map(section);
    fixture_expect_relocated(view);
    return view;
}

static uint64_t base_of(const ldr_view *view)
{
    return (uintptr_t)ldr_view_base(view);
}

/* Where views of the image go first, once there was one: by ASLR, or the preferred base, which is
 * not free in every build. */
static uint64_t base_with(uint16_t dll_characteristics, uint16_t characteristics, ldr_aslr aslr)
{
    img_image image = moving_image(dll_characteristics, characteristics);
    char *path = fixture_file(image.bytes, image.size);
    ldr_view *view = fixture_view(section_at(path, aslr), 0);
    ldr_control_area area;
    ldr_section_describe(ldr_view_section(view), &area);
    ldr_view_unmap(view);
    fixture_remove(path);
    img_free(&image);
    return area.segment_base;
}

/* ---- Which images, and where ---- */

static bool is_random(uint64_t base)
{
    return base >= UINT64_C(0x7FF000000000) && base < UINT64_C(0x7FF800000000) &&
           base % 0x10000 == 0;
}

Test(aslr, images_that_ask_for_it_and_can_be_relocated_are_moved)
{
    cr_expect(is_random(base_with(ASKS, 0, LDR_ASLR_ON)));
    cr_expect(is_random(base_with(ASKS, 0, LDR_ASLR_FORCE)));
    cr_expect_not(is_random(base_with(ASKS, 0, LDR_ASLR_OFF)));
    cr_expect_not(is_random(base_with(0, 0, LDR_ASLR_ON)));
    cr_expect(is_random(base_with(0, 0, LDR_ASLR_FORCE)));
    cr_expect_not(is_random(base_with(ASKS, PE_FILE_RELOCS_STRIPPED, LDR_ASLR_FORCE)));
}

Test(aslr, without_high_entropy_the_range_is_smaller)
{
    uint64_t base = base_with(PE_DLL_DYNAMIC_BASE, 0, LDR_ASLR_ON);
    cr_expect(is_random(base));
    cr_expect_lt(base, UINT64_C(0x7FF040000000));
}

Test(aslr, image_of_32_bits_stays_below_2_gb)
{
    img_builder b;
    img_start(&b, IMG_PE32);
    b.characteristics |= PE_FILE_DLL;
    b.dll_characteristics = ASKS;
    img_add_section(&b, ".data", IMG_RW, NULL, 0x200, 0);
    img_put_pointer(&b, 0x1000, 0x1000);
    img_image image = img_finish(&b);
    ldr_section_options options = {.size = sizeof options, .aslr = LDR_ASLR_ON};
    ldr_view *view = fixture_view(fixture_section(&image, &options), 0);
    cr_expect(base_of(view) >= 0x50000000 && base_of(view) < 0x78000000);
    ldr_view_unmap(view);
    img_free(&image);
}

Test(aslr, program_goes_up_to_16_mb_above_its_base)
{
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.image_base = FIXTURE_BASE;
    b.dll_characteristics = PE_DLL_DYNAMIC_BASE;
    img_add_section(&b, ".data", IMG_RW, NULL, 0x200, 0);
    img_put_pointer(&b, 0x1000, 0x1000);
    img_image image = img_finish(&b);
    ldr_section_options options = {.size = sizeof options, .aslr = LDR_ASLR_ON};
    ldr_view *view = fixture_view(fixture_section(&image, &options), 0);
    uint64_t above = base_of(view) - FIXTURE_BASE;
    cr_expect(above >= 0x10000 && above <= 0xFE0000, "%lx", (unsigned long)above);
    ldr_view_unmap(view);
    img_free(&image);
}

/* Its addresses have 32 bits. */
Test(aslr, program_that_prefers_the_kernels_half_goes_to_the_lowest_addresses)
{
    img_builder b;
    img_start(&b, IMG_PE32);
    b.image_base = 0xFFFF0000;
    b.dll_characteristics = PE_DLL_DYNAMIC_BASE;
    img_add_section(&b, ".data", IMG_RW, NULL, 0x200, 0);
    img_put_pointer(&b, 0x1000, 0x1000);
    img_image image = img_finish(&b);
    ldr_section_options options = {.size = sizeof options, .aslr = LDR_ASLR_ON};
    ldr_view *view = fixture_view(fixture_section(&image, &options), 0);
    cr_expect_lt(base_of(view), 0x1000000u);
    ldr_view_unmap(view);
    img_free(&image);
}

Test(aslr, a_file_keeps_its_base_as_long_as_the_process_lives)
{
    img_image image = moving_image(ASKS, 0);
    char *path = fixture_file(image.bytes, image.size);
    char *other_path = fixture_file(image.bytes, image.size);
    ldr_view *first = fixture_view(section_at(path, LDR_ASLR_ON), 0);
    uint64_t base = base_of(first);
    ldr_view *other = fixture_view(section_at(other_path, LDR_ASLR_ON), 0);
    cr_expect_neq(base_of(other), base);
    ldr_view_unmap(other);
    ldr_view_unmap(first);
    for (size_t i = 0; i < 5; i++) {
        ldr_view *again = fixture_view(section_at(path, LDR_ASLR_ON), 0);
        cr_expect_eq(base_of(again), base);
        ldr_view_unmap(again);
    }
    fixture_remove(path);
    fixture_remove(other_path);
    img_free(&image);
}

Test(aslr, base_is_told_as_windows_tells_it)
{
    ldr_section *section = moving_section();
    ldr_view *first = map(section), *second = map(section);
    cr_expect_eq(ldr_view_nt_status(first), PE_NT_SUCCESS);
    cr_expect_eq(ldr_view_nt_status(second), PE_NT_IMAGE_NOT_AT_BASE);
    ldr_view_unmap(first);
    ldr_view_unmap(second);
    ldr_section_close(section);
}

/* ---- What relocations change is shared ---- */

static ldr_region query(const ldr_view *view, uint64_t rva)
{
    ldr_region region;
    cr_assert_eq(ldr_view_query(view, rva, &region), LDR_OK);
    return region;
}

static uint64_t pointer_at(const ldr_view *view, uint32_t rva)
{
    uint64_t value;
    memcpy(&value, (const char *)ldr_view_base(view) + rva, sizeof value);
    return value;
}

/* All of the view, but what the process has written itself. */
static void expect_no_private_page(const ldr_view *view)
{
    for (uint64_t rva = 0; rva < ldr_view_size(view);) {
        ldr_region region = query(view, rva);
        cr_expect_neq(region.backing, LDR_BACKING_PRIVATE, "page %lx", (unsigned long)rva);
        cr_expect_eq(region.private_bytes, 0u);
        rva += region.size;
    }
}

static void expect_shared_and_right(const ldr_view *view)
{
    expect_no_private_page(view);
    for (size_t i = 0; i < 3; i++) {
        cr_expect_eq(pointer_at(view, places[i]), base_of(view) + TEXT);
        cr_expect_eq(query(view, places[i]).backing, LDR_BACKING_RELOCATED);
    }
    cr_expect_eq(query(view, NONE).backing, LDR_BACKING_RELOCATED);
    cr_expect_eq(query(view, NONE).protect, LDR_PAGE_NOACCESS);
    cr_expect_eq(query(view, DATA).protect, LDR_PAGE_WRITECOPY);
}

/* The inode of what is mapped at an address. */
static unsigned long inode_at(uint64_t address)
{
    char line[512];
    unsigned long start, end, inode = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        if (sscanf(line, "%lx-%lx %*s %*s %*s %lu", &start, &end, &inode) == 3 &&
            address >= start && address < end)
            break;
    }
    fclose(maps);
    return inode;
}

Test(aslr, later_view_shows_the_pages_that_the_first_one_made)
{
    ldr_section *section = moving_section();
    ldr_view *first = map_relocated(section);
    expect_shared_and_right(first);
    uint64_t base = base_of(first);
    unsigned long inode = inode_at(base + DATA);
    ldr_view_unmap(first);
    ldr_view *second = map_relocated(section);
    cr_assert_eq(base_of(second), base);
    expect_shared_and_right(second);
    cr_expect_eq(inode_at(base + DATA), inode);
    ldr_view_unmap(second);
    ldr_section_close(section);
}

/* The child of a process has its bases and its copies. */
Test(aslr, child_shares_the_pages_of_its_parent)
{
    ldr_section *section = moving_section();
    ldr_view *view = map_relocated(section);
    uint64_t base = base_of(view);
    unsigned long inode = inode_at(base + DATA);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        ldr_view_unmap(view);
        view = map(section);
        ldr_diag diag;
        bool is_same = base_of(view) == base && ldr_view_relocate(view, &diag) == LDR_OK &&
                       inode_at(base + DATA) == inode && pointer_at(view, places[2]) == base + TEXT;
        _exit(is_same ? 0 : 1);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0);
    ldr_view_unmap(view);
    ldr_section_close(section);
}

Test(aslr, header_says_the_base_that_the_kernel_chose)
{
    ldr_view *view = fixture_view(moving_section(), 0);
    cr_expect_eq(ldr_view_image(view)->optional.image_base, PREFERRED);
    ldr_diag diag;
    cr_assert_eq(ldr_view_relocate(view, &diag), LDR_OK);
    cr_expect_eq(ldr_view_image(view)->optional.image_base, base_of(view));
    cr_expect_eq(ldr_section_image(ldr_view_section(view))->optional.image_base, PREFERRED);
    pe_image again;
    pe_span bytes = {ldr_view_base(view), ldr_view_size(view)};
    cr_assert_eq(pe_open(bytes, PE_LAYOUT_MAPPED, &again, NULL), PE_OK);
    cr_expect_eq(again.optional.image_base, base_of(view));
    ldr_view_unmap(view);
}

Test(aslr, what_a_view_writes_to_shared_pages_is_its_own)
{
    ldr_section *section = moving_section();
    ldr_view *first = map_relocated(section);
    strcpy((char *)ldr_view_base(first) + DATA + 0x100, "written");
    cr_expect_eq(query(first, DATA).backing, LDR_BACKING_PRIVATE);
    cr_expect_eq(query(first, DATA).protect, LDR_PAGE_READWRITE);
    cr_expect_eq(query(first, DATA).private_bytes, 0x1000u);
    ldr_view_unmap(first);
    ldr_view *second = map_relocated(section);
    expect_shared_and_right(second);
    cr_expect_str_empty((char *)ldr_view_base(second) + DATA + 0x100);
    ldr_view_unmap(second);
    ldr_section_close(section);
}

Test(aslr, pages_of_a_view_that_was_written_to_are_not_shared)
{
    ldr_section *section = moving_section();
    for (size_t i = 0; i < 2; i++) {
        ldr_diag diag;
        ldr_view *view = map(section);
        strcpy((char *)ldr_view_base(view) + DATA + 0x100, "written");
        cr_assert_eq(ldr_view_relocate(view, &diag), LDR_OK);
        cr_expect_eq(query(view, RDATA).backing, LDR_BACKING_PRIVATE);
        cr_expect_eq(pointer_at(view, places[2]), base_of(view) + TEXT);
        ldr_view_unmap(view);
    }
    ldr_view *clean = map_relocated(section);
    expect_shared_and_right(clean);
    cr_expect_str_empty((char *)ldr_view_base(clean) + DATA + 0x100);
    ldr_view_unmap(clean);
    ldr_section_close(section);
}

/* A child that does nothing, so that no page is this process's alone; and its end. */
static pid_t start_child(void)
{
    fflush(NULL);
    pid_t child = fork();
    while (child == 0)
        pause();
    return child;
}

static void end_child(pid_t child)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static struct {
    unsigned at;
    pid_t child;
} fork_hook;

static void fork_at_call(unsigned call)
{
    if (call == fork_hook.at)
        fork_hook.child = start_child();
}

/* Whatever the system tells of pages meanwhile, the copy has all that relocations change. */
Test(aslr, process_may_fork_while_a_view_is_relocated, .timeout = 60)
{
    bool was_reached = true;
    for (unsigned at = 0; was_reached; at++) {
        ldr_section *section = moving_section();
        ldr_view *first = map(section);
        ldr_diag diag;
        fork_hook.at = at;
        fork_hook.child = 0;
        faulty_os_on_call(fork_at_call);
        ldr_status status = ldr_view_relocate(first, &diag);
        faulty_os_on_call(NULL);
        was_reached = fork_hook.child != 0;
        if (was_reached)
            end_child(fork_hook.child);
        cr_assert_eq(status, LDR_OK);
        ldr_view_unmap(first);
        ldr_view *second = map_relocated(section);
        for (size_t i = 0; i < 3; i++)
            cr_assert_eq(pointer_at(second, places[i]), base_of(second) + TEXT, "call %u", at);
        ldr_view_unmap(second);
        ldr_section_close(section);
    }
}

Test(aslr, what_was_written_before_a_fork_is_not_lost)
{
    ldr_section *section = moving_section();
    ldr_view_unmap(map_relocated(section));
    ldr_view *view = map(section);
    char *text = (char *)ldr_view_base(view) + DATA + 0x100;
    strcpy(text, "written");
    pid_t child = start_child();
    cr_expect_eq(query(view, DATA).backing, LDR_BACKING_PRIVATE);
    ldr_diag diag;
    cr_assert_eq(ldr_view_relocate(view, &diag), LDR_OK);
    cr_expect_str_eq(text, "written");
    cr_expect_eq(pointer_at(view, places[2]), base_of(view) + TEXT);
    end_child(child);
    ldr_view_unmap(view);
    ldr_section_close(section);
}

/* Only the base that the kernel chooses has a copy, which costs a descriptor. */
Test(aslr, views_elsewhere_are_relocated_privately)
{
    ldr_section *section = moving_section();
    ldr_view *first = map_relocated(section);
    fixture_state before = fixture_state_take();
    for (size_t i = 0; i < 20; i++) {
        ldr_view *view = map_relocated(section);
        cr_expect_neq(base_of(view), base_of(first));
        cr_expect_eq(query(view, RDATA).backing, LDR_BACKING_PRIVATE);
        cr_expect_eq(ldr_view_image(view)->optional.image_base, PREFERRED);
        ldr_view_unmap(view);
    }
    fixture_expect_same(&before);
    ldr_view_unmap(first);
    ldr_section_close(section);
}

/* ---- Failures ---- */

/* Two views one after the other, so that the second one finds the copy. */
static ldr_status work(const char *path)
{
    ldr_section_options options = {.size = sizeof options, .aslr = LDR_ASLR_ON};
    ldr_section *section;
    ldr_diag diag;
    ldr_status status = ldr_section_from_file(path, &options, &section, &diag);
    if (status != LDR_OK)
        return status;
    for (int i = 0; i < 2 && status == LDR_OK; i++) {
        ldr_view *view;
        status = ldr_view_map(section, NULL, &view, &diag);
        if (status != LDR_OK)
            break;
        status = ldr_view_relocate(view, &diag);
        ldr_view_unmap(view);
    }
    ldr_section_close(section);
    return status;
}

Test(aslr, each_call_fails_once_and_nothing_is_left, .timeout = 60)
{
    img_image image = moving_image(ASKS, 0);
    char *path = fixture_file(image.bytes, image.size);
    cr_assert_eq(work(path), LDR_OK);
    faulty_os_fail_at(UINT32_MAX, false);
    cr_assert_eq(work(path), LDR_OK);
    unsigned calls = faulty_os_stop(), failures = 0;
    cr_assert_gt(calls, 30u);
    for (unsigned call = 0; call < calls; call++) {
        fixture_state before = fixture_state_take();
        faulty_os_fail_at(call, false);
        ldr_status status = work(path);
        faulty_os_stop();
        failures += status != LDR_OK;
        fixture_expect_same(&before);
    }
    /* A base that cannot be had is no failure, nor is a copy: pages are the view's own then. */
    cr_expect_gt(failures, calls / 2);
    fixture_remove(path);
    img_free(&image);
}
