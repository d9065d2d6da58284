/* What each type of base relocation does, on each machine. The instructions were encoded by the
 * assemblers of LLVM and binutils, but for LoongArch. */
#include "image/fixup.h"
#include "section/fixture.h"

#include <criterion/criterion.h>
#include <string.h>

enum { WIDEST = LDR__FIXUP_MAX };

typedef struct row {
    const char *what;
    uint16_t machine;
    unsigned type;
    uint64_t delta;
    uint8_t before[WIDEST], after[WIDEST];
} row;

static const row rows[] = {
    {"HIGH", PE_MACHINE_I386, 1, 0x12340000, {0x00, 0x10}, {0x34, 0x22}},
    {"LOW", PE_MACHINE_I386, 2, 0x12345678, {0x00, 0x10}, {0x78, 0x66}},
    {"HIGHLOW wraps at 32 bits",
     PE_MACHINE_AMD64,
     3,
     0x280010000,
     {0x01, 0x02, 0x00, 0x90},
     {0x01, 0x02, 0x01, 0x10}},
    {"DIR64 in any image",
     PE_MACHINE_I386,
     10,
     0x100000001,
     {0xFF, 0xFF, 0xFF, 0xFF, 1},
     {0, 0, 0, 0, 3}},
    /* movw r0, #0x5678; movt r0, #0x1234 */
    {"ARM_MOV32",
     PE_MACHINE_ARMNT,
     5,
     0x1000F000,
     {0x78, 0x06, 0x05, 0xE3, 0x34, 0x02, 0x41, 0xE3},
     {0x78, 0x06, 0x04, 0xE3, 0x35, 0x02, 0x42, 0xE3}},
    /* movw r3, #0xf678; movt r3, #0x1234 */
    {"THUMB_MOV32",
     PE_MACHINE_ARMNT,
     7,
     0x10012000,
     {0x4F, 0xF2, 0x78, 0x63, 0xC1, 0xF2, 0x34, 0x23},
     {0x41, 0xF2, 0x78, 0x63, 0xC2, 0xF2, 0x36, 0x23}},
    /* jal 0x2345678, jal 0x2355678 */
    {"MIPS_JMPADDR",
     PE_MACHINE_R4000,
     5,
     0x10000,
     {0x9E, 0x15, 0x8D, 0x0C},
     {0x9E, 0x55, 0x8D, 0x0C}},
    {"MIPS_JMPADDR16",
     PE_MACHINE_MIPS16,
     9,
     0x10000,
     {0xA4, 0x19, 0x9E, 0x15},
     {0xA4, 0x19, 0x9E, 0x55}},
    {"MIPS_JMPADDR16 in all of its parts",
     PE_MACHINE_MIPSFPU16,
     9,
     0x5CB0000,
     {0xA4, 0x19, 0x9E, 0x15},
     {0xEF, 0x1B, 0x9E, 0xD5}},
    /* movl r15 = 0x123456789abcdef0, 0x123456789bcddef0, 0xf23456789abcdef0 */
    {"IA64_IMM64",
     PE_MACHINE_IA64,
     9,
     0x1110000,
     {0x05, 0, 0, 0, 0x01, 0x80, 0x9A, 0x78, 0x56, 0x34, 0x12, 0xE0, 0x01, 0x97, 0xF7, 0x66},
     {0x05, 0, 0, 0, 0x01, 0xC0, 0x9B, 0x78, 0x56, 0x34, 0x12, 0xE0, 0x01, 0xA7, 0xF5, 0x66}},
    {"IA64_IMM64, its sign",
     PE_MACHINE_IA64,
     9,
     0xE000000000000000,
     {0x05, 0, 0, 0, 0x01, 0x80, 0x9A, 0x78, 0x56, 0x34, 0x12, 0xE0, 0x01, 0x97, 0xF7, 0x66},
     {0x05, 0, 0, 0, 0x01, 0x80, 0x9A, 0x78, 0x56, 0x34, 0x72, 0xE0, 0x01, 0x97, 0xF7, 0x6E}},
};

Test(fixups, addresses_in_data_and_instructions_follow)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const row *r = &rows[i];
        uint8_t bytes[WIDEST];
        memcpy(bytes, r->before, WIDEST);
        pe_reloc_kind kind = pe_reloc_kind_of(r->machine, r->type);
        ldr__fixup_apply(kind, bytes, r->delta, 0, NULL);
        cr_expect_arr_eq(bytes, r->after, WIDEST, "%s", r->what);
        cr_expect(ldr__fixup_width(kind) > 0, "%s", r->what);
    }
}

/* ---- HIGHADJ ---- */

static uint16_t highadj(uint16_t high, uint16_t low, uint64_t delta)
{
    uint8_t bytes[2] = {(uint8_t)high, (uint8_t)(high >> 8)};
    ldr__fixup_apply(PE_RELOC_HIGHADJ, bytes, delta, low, NULL);
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

/* 0x12348000 is 0x1235 and -0x8000. */
Test(fixups, low_half_of_highadj_is_signed)
{
    cr_expect_eq(highadj(0x1234, 0x7000, 0x10000), 0x1235);
    cr_expect_eq(highadj(0x1235, 0x8000, 0x10000), 0x1236);
    cr_expect_eq(highadj(0x1234, 0x7000, 0x11000), 0x1236);
    cr_expect_eq(highadj(0x1235, 0xFFFF, 0x7FFF), 0x1235);
}

/* ---- Pairs of instructions ---- */

/* lui a0, 0x12345; addi a0, a0, 0x678: 0x12345678. With -0x678 and 0x12346 it is 0x12345988. */
static const uint8_t lui[] = {0x37, 0x55, 0x34, 0x12}, lui_1[] = {0x37, 0x65, 0x34, 0x12};
static const uint8_t addi[] = {0x13, 0x05, 0x85, 0x67}, addi_minus[] = {0x13, 0x05, 0x85, 0x98};

/* sw a1, 0x678(a0); sw a1, -0x778(a0) */
static const uint8_t sw[] = {0x23, 0x2C, 0xB5, 0x66}, sw_minus[] = {0x23, 0x24, 0xB5, 0x88};

static void expect_pair(unsigned type, const uint8_t before[2][4], uint64_t delta,
                        const uint8_t after[2][4])
{
    uint8_t high[4], low[4];
    memcpy(high, before[0], 4);
    memcpy(low, before[1], 4);
    ldr__fixup_apply(pe_reloc_kind_of(PE_MACHINE_RISCV64, type), low, delta, 0, high);
    cr_expect_arr_eq(high, after[0], 4, "type %u, delta %lx", type, (long)delta);
    cr_expect_arr_eq(low, after[1], 4, "type %u, delta %lx", type, (long)delta);
}

#define EXPECT_PAIR(type, high, low, delta, high_after, low_after)                         \
    do {                                                                                   \
        uint8_t before[2][4], after[2][4];                                                 \
        memcpy(before[0], high, 4), memcpy(before[1], low, 4);                             \
        memcpy(after[0], high_after, 4), memcpy(after[1], low_after, 4);                   \
        expect_pair(type, (const uint8_t(*)[4])before, delta, (const uint8_t(*)[4])after); \
    } while (0)

Test(fixups, high_and_low_part_of_riscv_change_together)
{
    EXPECT_PAIR(7, lui, addi, 0, lui, addi);
    EXPECT_PAIR(7, lui, addi, 0x310, lui_1, addi_minus);
    EXPECT_PAIR(7, lui_1, addi_minus, (uint64_t)-0x310, lui, addi);
    EXPECT_PAIR(8, lui, sw, 0x210, lui_1, sw_minus);
    EXPECT_PAIR(8, lui_1, sw_minus, (uint64_t)-0x210, lui, sw);
}

static void put_la(uint8_t *at, uint64_t address)
{
    uint32_t words[] = {
        0x14000000u | (uint32_t)(address >> 12 & 0xFFFFF) << 5 | 4,   /* lu12i.w $a0 */
        0x03800000u | (uint32_t)(address & 0xFFF) << 10 | 4 << 5 | 4, /* ori $a0, $a0 */
        0x16000000u | (uint32_t)(address >> 32 & 0xFFFFF) << 5 | 4,   /* lu32i.d $a0 */
        0x03000000u | (uint32_t)(address >> 52) << 10 | 4 << 5 | 4,   /* lu52i.d $a0, $a0 */
    };
    memcpy(at, words, sizeof words);
}

Test(fixups, address_in_four_instructions_of_loongarch_follows)
{
    uint8_t bytes[16], expected[16];
    pe_reloc_kind kind = pe_reloc_kind_of(PE_MACHINE_LOONGARCH64, 8);
    put_la(bytes, UINT64_C(0x123456789ABCDEF0));
    put_la(expected, UINT64_C(0x2345678ABBCDF011));
    ldr__fixup_apply(kind, bytes, UINT64_C(0x2345678ABBCDF011) - UINT64_C(0x123456789ABCDEF0), 0,
                     NULL);
    cr_expect_arr_eq(bytes, expected, sizeof bytes);
    cr_expect_eq(ldr__fixup_width(kind), sizeof bytes);
}

Test(fixups, address_of_32_bits_takes_two_instructions_of_loongarch)
{
    uint8_t bytes[16], expected[16];
    pe_reloc_kind kind = pe_reloc_kind_of(PE_MACHINE_LOONGARCH32, 8);
    put_la(bytes, UINT64_C(0x123456789ABCDEF0));
    put_la(expected, UINT64_C(0x123456788ABDDEF0));
    ldr__fixup_apply(kind, bytes, (uint64_t)-0xFFF0000, 0, NULL);
    cr_expect_arr_eq(bytes, expected, sizeof bytes);
    cr_expect_eq(ldr__fixup_width(kind), 8u);
}

/* ---- Which machine has which ---- */

Test(fixups, types_belong_to_machines)
{
    static const struct {
        uint16_t machine;
        unsigned types; /* a bit for each of 5 to 9 that it has */
    } machines[] = {
        {PE_MACHINE_I386, 0},
        {PE_MACHINE_AMD64, 0},
        {PE_MACHINE_ARM64, 0},
        {PE_MACHINE_ARMNT, 1 << 5 | 1 << 7},
        {PE_MACHINE_THUMB, 1 << 5 | 1 << 7},
        {PE_MACHINE_R4000, 1 << 5 | 1 << 9},
        {PE_MACHINE_IA64, 1 << 9},
        {PE_MACHINE_RISCV32, 1 << 5 | 1 << 7 | 1 << 8},
        {PE_MACHINE_LOONGARCH64, 1 << 8},
        {PE_MACHINE_EBC, 0},
    };
    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++) {
        for (unsigned type = 5; type < 10; type++) {
            pe_reloc_kind kind = pe_reloc_kind_of(machines[i].machine, type);
            cr_expect_eq(kind != PE_RELOC_UNKNOWN, (machines[i].types >> type & 1) != 0,
                         "machine %x, type %u", machines[i].machine, type);
        }
        for (unsigned type = 11; type < 16; type++)
            cr_expect_eq(pe_reloc_kind_of(machines[i].machine, type), PE_RELOC_UNKNOWN);
    }
}

/* ---- In images ---- */

#define DELTA UINT64_C(0x10000)

enum { TEXT = 0x1000, TEXT_SIZE = 0x2000 };

static void start(img_builder *b, img_kind kind, uint16_t machine)
{
    img_start(b, kind);
    b->image_base = FIXTURE_BASE - DELTA;
    b->machine = machine;
    b->dll_characteristics = PE_DLL_NX_COMPAT | PE_DLL_DYNAMIC_BASE;
    img_add_section(b, ".text", IMG_RX, NULL, TEXT_SIZE, 0);
}

static ldr_view *view_of(img_builder *b, pe_profile profile)
{
    ldr_section_options options = {
        .size = sizeof options, .profile = profile, .platform = PE_PLATFORM_ANY};
    img_image image = img_finish(b);
    ldr_view *view = fixture_view(fixture_section(&image, &options), FIXTURE_BASE);
    img_free(&image);
    return view;
}

static void expect_broken(ldr_view *view, const char *rule)
{
    ldr_diag diag = {0};
    cr_assert_eq(ldr_view_relocate(view, &diag), LDR_BAD_RELOCATIONS);
    cr_expect_str_eq(diag.why.rule, rule);
    cr_expect_eq(diag.why.nt_status, PE_NT_INVALID_IMAGE_FORMAT);
    fixture_expect_access(view);
    ldr_view_unmap(view);
}

static const uint8_t *bytes_at(const ldr_view *view, uint32_t rva)
{
    return (const uint8_t *)ldr_view_base(view) + rva;
}

/* The entry after it says 0x234 of type 1: as an entry it would change TEXT + 0x234. */
static ldr_view *view_with_highadj(pe_profile profile)
{
    static const uint8_t high[] = {0x35, 0x12};
    img_builder b;
    start(&b, IMG_PE32_PLUS, PE_MACHINE_AMD64);
    img_put(&b, TEXT + 0x10, high, sizeof high);
    img_add_reloc(&b, TEXT + 0x10, PE_REL_HIGHADJ);
    img_add_reloc(&b, TEXT + 0x234, 0x8);
    img_add_reloc(&b, TEXT + 0x300, PE_REL_HIGHLOW);
    return view_of(&b, profile);
}

Test(fixups, highadj_takes_the_entry_after_it)
{
    ldr_view *view = view_with_highadj(PE_WIN10);
    fixture_expect_relocated(view);
    /* 0x12350000 - 0x8000 + 0x234 + 0x10000, rounded */
    cr_expect_eq(bytes_at(view, TEXT + 0x10)[0], 0x36);
    cr_expect_eq(bytes_at(view, TEXT + 0x234)[0], 0);
    cr_expect_eq(bytes_at(view, TEXT + 0x302)[0], 1);
    ldr_view_unmap(view);
}

Test(fixups, highadj_without_an_entry_after_it_is_refused)
{
    img_builder b;
    start(&b, IMG_PE32_PLUS, PE_MACHINE_AMD64);
    img_add_reloc(&b, TEXT + 8, PE_REL_DIR64);
    img_add_reloc(&b, TEXT + 16, PE_REL_HIGHADJ);
    expect_broken(view_of(&b, PE_WIN10), "A82");
}

/* The low half comes with the next block. */
Test(fixups, pair_may_lie_in_two_blocks)
{
    img_builder b;
    start(&b, IMG_PE32_PLUS, PE_MACHINE_RISCV64);
    img_put(&b, TEXT + 0xFFC, lui, sizeof lui);
    img_put(&b, TEXT + 0x1000, addi, sizeof addi);
    img_add_reloc(&b, TEXT + 0xFFC, 5);
    img_add_reloc(&b, TEXT + 0x1000, 7);
    ldr_view *view = view_of(&b, PE_WIN10);
    fixture_expect_relocated(view);
    static const uint8_t expected[] = {0x37, 0x55, 0x35, 0x12};
    cr_expect_arr_eq(bytes_at(view, TEXT + 0xFFC), expected, sizeof expected);
    cr_expect_arr_eq(bytes_at(view, TEXT + 0x1000), addi, sizeof addi);
    ldr_view_unmap(view);
}

Test(fixups, low_part_without_a_high_one_is_refused)
{
    img_builder b;
    start(&b, IMG_PE32_PLUS, PE_MACHINE_RISCV64);
    img_add_reloc(&b, TEXT, 5);
    img_add_reloc(&b, TEXT + 4, 7);
    img_add_reloc(&b, TEXT + 8, 7);
    expect_broken(view_of(&b, PE_WIN10), "D11");
}

/* A view of an x64 image with a fixup of the type. */
static ldr_view *view_with_type(uint16_t type, pe_profile profile)
{
    img_builder b;
    start(&b, IMG_PE32_PLUS, PE_MACHINE_AMD64);
    img_add_reloc(&b, TEXT + 8, type);
    img_add_reloc(&b, TEXT + 16, PE_REL_DIR64);
    return view_of(&b, profile);
}

Test(fixups, types_of_other_machines_are_passed_over_before_windows_8)
{
    static const uint16_t passed_over[] = {5, 6, 7, 9};
    for (size_t i = 0; i < sizeof passed_over / sizeof *passed_over; i++) {
        ldr_view *view = view_with_type(passed_over[i], i % 2 == 0 ? PE_WIN7 : PE_WINXP);
        fixture_expect_relocated(view);
        cr_expect_eq(bytes_at(view, TEXT + 8)[2], 0);
        cr_expect_eq(bytes_at(view, TEXT + 18)[0], 1);
        ldr_view_unmap(view);
        expect_broken(view_with_type(passed_over[i], PE_WIN10), "D8");
    }
    expect_broken(view_with_type(8, PE_WIN7), "D8");
    expect_broken(view_with_type(11, PE_WINXP), "D8");
}

/* The low bits say which slot of the bundle it is. */
Test(fixups, bundle_of_ia64_is_found_from_its_slot)
{
    const row *bundle = &rows[sizeof rows / sizeof rows[0] - 2];
    img_builder b;
    start(&b, IMG_PE32_PLUS, PE_MACHINE_IA64);
    b.image_base = FIXTURE_BASE - bundle->delta;
    img_put(&b, TEXT + 0x20, bundle->before, WIDEST);
    img_add_reloc(&b, TEXT + 0x21, 9);
    ldr_view *view = view_of(&b, PE_WIN10);
    fixture_expect_relocated(view);
    cr_expect_arr_eq(bytes_at(view, TEXT + 0x20), bundle->after, WIDEST);
    ldr_view_unmap(view);
}

Test(fixups, image_of_another_machine_is_refused_without_its_platform)
{
    img_builder b;
    ldr_section *section;
    ldr_diag diag = {0};
    start(&b, IMG_PE32, PE_MACHINE_ARMNT);
    img_image image = img_finish(&b);
    cr_expect_eq(ldr_section_from_memory("a.dll", image.bytes, image.size, NULL, &section, &diag),
                 LDR_IMAGE_REFUSED);
    cr_expect_str_eq(diag.why.rule, "A18");
    img_free(&image);
}
