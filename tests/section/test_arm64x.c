/* ARM64X images as the code of their other machine sees them (rule D.4). */
#include "section/fixture.h"
#include "support/faulty_os.h"

#include <criterion/criterion.h>
#include <string.h>

enum {
    TEXT = 0x1000,
    CODE_POINTER = 0x1080,
    CONFIG = 0x2000,
    TABLE = 0x2200,
    TABLE_VA = 192,
    CONFIG_SIZE = 328
};

/* Fields of the headers, which start at 0x80. */
enum { MACHINE = 0x84, ENTRY_POINT = 0xA8 };

/*
 * Blocks of page 0: Machine becomes 0x8664, AddressOfEntryPoint 0x1010; and of page 0x1000: four
 * bytes become 0, a number becomes 12 more.
 */
static const uint32_t good[] = {
    0, 20, 0x86645000 | MACHINE, 0x10109000 | ENTRY_POINT, 0, 0x1000, 16, 0x20088000, 3};

static img_image aligned_with_fixups(uint32_t file_alignment, uint16_t machine,
                                     const uint32_t *words, uint32_t count)
{
    static const uint32_t size = CONFIG_SIZE, code[0x400] = {0x11111111, 0, 100, 0};
    uint32_t header[] = {1, 12 + count * 4, 6, 0, count * 4};
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    b.file_alignment = b.header_size = file_alignment;
    b.machine = machine;
    b.dll_characteristics = PE_DLL_NX_COMPAT | PE_DLL_DYNAMIC_BASE;
    b.characteristics |= PE_FILE_DLL;
    img_add_section(&b, ".text", IMG_RX, code, sizeof code, 0);
    img_add_section(&b, ".rdata", IMG_RO, NULL, 0x400, 0x1000);
    img_put(&b, CONFIG, &size, sizeof size);
    img_put_pointer(&b, CONFIG + TABLE_VA, TABLE);
    img_put(&b, TABLE, header, sizeof header);
    img_put(&b, TABLE + sizeof header, words, count * sizeof *words);
    img_set_directory(&b, PE_DIRECTORY_LOAD_CONFIG, CONFIG, size);
    img_put_pointer(&b, CODE_POINTER, TEXT);
    return img_finish(&b);
}

static img_image with_fixups(uint16_t machine, const uint32_t *words, uint32_t count)
{
    return aligned_with_fixups(0x200, machine, words, count);
}

#define GOOD good, sizeof good / sizeof good[0]

/* A view of the image, which is released, for a process of `machine`. */
static ldr_view *view_for(img_image image, uint16_t machine)
{
    ldr_section_options platform = {.size = sizeof platform, .platform = PE_PLATFORM_ARM64};
    ldr_view_options options = {.size = sizeof options, .base = FIXTURE_BASE, .machine = machine};
    ldr_section *section = fixture_section(&image, &platform);
    ldr_view *view;
    cr_assert_eq(ldr_view_map(section, &options, &view, NULL), LDR_OK);
    ldr_section_close(section);
    img_free(&image);
    return view;
}

static uint32_t value_at(const ldr_view *view, uint32_t rva)
{
    uint32_t value;
    memcpy(&value, (const char *)ldr_view_base(view) + rva, sizeof value);
    return value;
}

static void expect_failure(ldr_view *view, ldr_status expected, const char *rule)
{
    ldr_diag diag = {0};
    cr_expect_eq(ldr_view_relocate(view, &diag), expected);
    cr_expect_eq(diag.status, expected);
    cr_expect_str_eq(diag.why.rule, rule);
    fixture_expect_access(view);
    ldr_view_unmap(view);
}

Test(arm64x, image_is_converted_for_x64_code)
{
    ldr_view *view = view_for(with_fixups(PE_MACHINE_ARM64, GOOD), PE_MACHINE_AMD64);
    cr_expect_eq(ldr_view_image(view)->file.machine, PE_MACHINE_ARM64);
    ldr_diag diag;
    cr_assert_eq(ldr_view_relocate(view, &diag), LDR_OK);
    fixture_expect_access(view);
    cr_expect_eq(ldr_view_image(view)->file.machine, PE_MACHINE_AMD64);
    cr_expect_eq(ldr_view_image(view)->optional.entry_point.value, 0x1010);
    cr_expect_eq(value_at(view, TEXT), 0);
    cr_expect_eq(value_at(view, TEXT + 8), 112);
    /* Base relocations have been applied as well. */
    cr_expect_eq(value_at(view, CONFIG + TABLE_VA), FIXTURE_BASE + TABLE);
    cr_assert_eq(ldr_view_relocate(view, &diag), LDR_OK);
    cr_expect_eq(value_at(view, TEXT + 8), 112, "a second call changes nothing");
    ldr_view_unmap(view);
}

/* Both kinds of fixups on pages that are the file's own until then. */
Test(arm64x, page_of_the_file_is_converted_and_relocated)
{
    img_image image = aligned_with_fixups(0x1000, PE_MACHINE_ARM64, GOOD);
    ldr_view *view = view_for(image, PE_MACHINE_AMD64);
    ldr_region region;
    ldr_diag diag;
    cr_assert_eq(ldr_view_query(view, TEXT, &region), LDR_OK);
    cr_assert_eq(region.backing, LDR_BACKING_FILE);
    cr_assert_eq(ldr_view_relocate(view, &diag), LDR_OK);
    cr_expect_eq(value_at(view, TEXT), 0);
    cr_expect_eq(value_at(view, TEXT + 8), 112);
    cr_expect_eq(value_at(view, CODE_POINTER), FIXTURE_BASE + TEXT);
    ldr_view_unmap(view);
}

Test(arm64x, image_for_its_own_machine_stays_as_it_is)
{
    ldr_view *view = view_for(with_fixups(PE_MACHINE_ARM64, GOOD), PE_MACHINE_ARM64);
    ldr_diag diag;
    cr_assert_eq(ldr_view_relocate(view, &diag), LDR_OK);
    cr_expect_eq(ldr_view_image(view)->file.machine, PE_MACHINE_ARM64);
    cr_expect_eq(value_at(view, TEXT), 0x11111111);
    ldr_view_unmap(view);
}

Test(arm64x, image_without_fixups_has_one_machine)
{
    img_builder b;
    img_start(&b, IMG_PE32_PLUS);
    expect_failure(view_for(img_finish(&b), PE_MACHINE_ARM64), LDR_WRONG_MACHINE, "A18");
}

Test(arm64x, fixups_that_lead_to_another_machine_are_refused)
{
    uint32_t wrong[sizeof good / sizeof good[0]];
    memcpy(wrong, good, sizeof good);
    wrong[2] = 0x01C45000 | MACHINE;
    expect_failure(view_for(with_fixups(PE_MACHINE_ARM64, wrong, 9), PE_MACHINE_AMD64),
                   LDR_WRONG_MACHINE, "A18");
}

Test(arm64x, fixup_outside_the_image_is_refused)
{
    static const uint32_t words[] = {0x10000000, 12, 0x00008010};
    expect_failure(view_for(with_fixups(PE_MACHINE_ARM64, words, 3), PE_MACHINE_AMD64),
                   LDR_BAD_RELOCATIONS, "D4");
}

Test(arm64x, block_that_is_too_long_is_refused)
{
    static const uint32_t words[] = {0x1000, 100, 0x00008010};
    expect_failure(view_for(with_fixups(PE_MACHINE_ARM64, words, 3), PE_MACHINE_AMD64),
                   LDR_BAD_RELOCATIONS, "D12");
}

Test(arm64x, record_of_no_known_type_is_refused)
{
    static const uint32_t words[] = {0x1000, 12, 0x30108010};
    expect_failure(view_for(with_fixups(PE_MACHINE_ARM64, words, 3), PE_MACHINE_AMD64),
                   LDR_BAD_RELOCATIONS, "D12");
}

Test(arm64x, each_call_that_fails_is_a_status)
{
    for (unsigned call = 0;; call++) {
        ldr_diag diag;
        ldr_view *view = view_for(with_fixups(PE_MACHINE_ARM64, GOOD), PE_MACHINE_AMD64);
        faulty_os_fail_at(call, false);
        ldr_status status = ldr_view_relocate(view, &diag);
        bool is_done = faulty_os_stop() <= call;
        ldr_view_unmap(view);
        cr_assert_eq(status == LDR_OK, is_done, "call %u", call);
        if (is_done)
            break;
    }
}
