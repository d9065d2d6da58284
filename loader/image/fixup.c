#include "image/fixup.h"

#include <string.h>

/* ---- Loads and stores: images are little-endian, whatever their machine ---- */

static uint64_t load(const uint8_t *at, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static void store(uint8_t *at, unsigned size, uint64_t value)
{
    for (unsigned i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static void add(uint8_t *at, unsigned size, uint64_t delta)
{
    store(at, size, load(at, size) + delta);
}

/* The `count` bits of `value` from bit `first` on. */
static uint64_t bits(uint64_t value, unsigned first, unsigned count)
{
    return (value >> first) & ((UINT64_C(1) << count) - 1);
}

/* `value` with its `count` bits from `first` on replaced by the low bits of `field`. */
static uint64_t with_bits(uint64_t value, unsigned first, unsigned count, uint64_t field)
{
    uint64_t mask = ((UINT64_C(1) << count) - 1) << first;
    return (value & ~mask) | ((field << first) & mask);
}

uint32_t ldr__fixup_width(pe_reloc_kind kind)
{
    static const uint8_t widths[] = {
        [PE_RELOC_HIGH] = 2,
        [PE_RELOC_LOW] = 2,
        [PE_RELOC_HIGHLOW] = 4,
        [PE_RELOC_HIGHADJ] = 2,
        [PE_RELOC_DIR64] = 8,
        [PE_RELOC_ARM_MOV32] = 8,
        [PE_RELOC_THUMB_MOV32] = 8,
        [PE_RELOC_MIPS_JMPADDR] = 4,
        [PE_RELOC_MIPS_JMPADDR16] = 4,
        [PE_RELOC_IA64_IMM64] = 16,
        [PE_RELOC_LOONGARCH32_MARK_LA] = 8,
        [PE_RELOC_LOONGARCH64_MARK_LA] = 16,
        [PE_RELOC_RISCV_HIGH20] = 4,
        [PE_RELOC_RISCV_LOW12I] = 4,
        [PE_RELOC_RISCV_LOW12S] = 4,
    };
    return widths[kind];
}

/* ---- Addresses in instructions ---- */

/* The address is a high half here and the signed low half in the entry. */
static void add_highadj(uint8_t *at, uint64_t delta, uint16_t low)
{
    uint64_t sign = (uint64_t)bits(low, 15, 1) << 16;
    uint64_t address = (load(at, 2) << 16) + low - sign + delta;
    store(at, 2, (address + 0x8000) >> 16);
}

/* MOVW and MOVT: four bits from 16 on and twelve from 0 on. */
static uint64_t arm_immediate(uint64_t instruction)
{
    return bits(instruction, 16, 4) << 12 | bits(instruction, 0, 12);
}

static void set_arm_immediate(uint8_t *at, uint64_t value)
{
    uint64_t instruction = with_bits(load(at, 4), 16, 4, value >> 12);
    store(at, 4, with_bits(instruction, 0, 12, value));
}

static void add_arm_mov32(uint8_t *at, uint64_t delta)
{
    uint64_t address = (arm_immediate(load(at, 4)) | arm_immediate(load(at + 4, 4)) << 16) + delta;
    set_arm_immediate(at, address);
    set_arm_immediate(at + 4, address >> 16);
}

/* The same in Thumb: imm4 and i in the first half word, imm3 and imm8 in the second one. */
static uint64_t thumb_immediate(const uint8_t *at)
{
    uint64_t first = load(at, 2), second = load(at + 2, 2);
    return bits(first, 0, 4) << 12 | bits(first, 10, 1) << 11 | bits(second, 12, 3) << 8 |
           bits(second, 0, 8);
}

static void set_thumb_immediate(uint8_t *at, uint64_t value)
{
    uint64_t first = with_bits(load(at, 2), 0, 4, value >> 12);
    uint64_t second = with_bits(load(at + 2, 2), 12, 3, value >> 8);
    store(at, 2, with_bits(first, 10, 1, value >> 11));
    store(at + 2, 2, with_bits(second, 0, 8, value));
}

static void add_thumb_mov32(uint8_t *at, uint64_t delta)
{
    uint64_t address = (thumb_immediate(at) | thumb_immediate(at + 4) << 16) + delta;
    set_thumb_immediate(at, address);
    set_thumb_immediate(at + 4, address >> 16);
}

/* J and JAL name a word by the low 26 bits. */
static void add_mips_jmpaddr(uint8_t *at, uint64_t delta)
{
    uint64_t instruction = load(at, 4);
    uint64_t address = (bits(instruction, 0, 26) << 2) + delta;
    store(at, 4, with_bits(instruction, 0, 26, address >> 2));
}

/* JAL of MIPS16: bits 16 to 20 of the word come before bits 21 to 25, the low half follows. */
static void add_mips_jmpaddr16(uint8_t *at, uint64_t delta)
{
    uint64_t first = load(at, 2), second = load(at + 2, 2);
    uint64_t word = bits(first, 0, 5) << 21 | bits(first, 5, 5) << 16 | second;
    word = ((word << 2) + delta) >> 2;
    first = with_bits(first, 0, 5, word >> 21);
    store(at, 2, with_bits(first, 5, 5, word >> 16));
    store(at + 2, 2, word);
}

/* ---- movl of IA-64 ---- */

/* Where the parts of the immediate lie in a bundle of 128 bits, from its lowest bit up. */
static const struct {
    uint8_t first, count;
} ia64_parts[] = {{100, 7}, {114, 9}, {109, 5}, {108, 1}, {46, 41}, {123, 1}};

enum { IA64_PARTS = sizeof ia64_parts / sizeof ia64_parts[0] };

static bool bundle_bit(const uint8_t *bundle, unsigned at)
{
    return bits(bundle[at / 8], at % 8, 1) != 0;
}

static void set_bundle_bit(uint8_t *bundle, unsigned at, bool value)
{
    bundle[at / 8] = (uint8_t)with_bits(bundle[at / 8], at % 8, 1, value);
}

static uint64_t ia64_immediate(const uint8_t *bundle)
{
    uint64_t value = 0;
    unsigned bit = 0;
    for (unsigned part = 0; part < IA64_PARTS; part++)
        for (unsigned i = 0; i < ia64_parts[part].count; i++)
            value |= (uint64_t)bundle_bit(bundle, ia64_parts[part].first + i) << bit++;
    return value;
}

static void add_ia64_imm64(uint8_t *bundle, uint64_t delta)
{
    uint64_t value = ia64_immediate(bundle) + delta;
    unsigned bit = 0;
    for (unsigned part = 0; part < IA64_PARTS; part++)
        for (unsigned i = 0; i < ia64_parts[part].count; i++)
            set_bundle_bit(bundle, ia64_parts[part].first + i, bits(value, bit++, 1) != 0);
}

/* ---- LoongArch and RISC-V ---- */

/* lu12i.w, ori, and for 64 bits lu32i.d, lu52i.d: the parts of an address, and where each begins in
 * it. */
static void add_loongarch_la(uint8_t *at, unsigned count, uint64_t delta)
{
    static const struct {
        uint8_t first, count, in_address;
    } parts[] = {{5, 20, 12}, {10, 12, 0}, {5, 20, 32}, {10, 12, 52}};
    uint64_t address = delta;
    for (unsigned i = 0; i < count; i++)
        address += bits(load(at + 4 * i, 4), parts[i].first, parts[i].count) << parts[i].in_address;
    for (unsigned i = 0; i < count; i++)
        store(at + 4 * i, 4,
              with_bits(load(at + 4 * i, 4), parts[i].first, parts[i].count,
                        address >> parts[i].in_address));
}

static uint64_t riscv_low12(pe_reloc_kind kind, uint64_t instruction)
{
    if (kind == PE_RELOC_RISCV_LOW12I)
        return bits(instruction, 20, 12);
    return bits(instruction, 25, 7) << 5 | bits(instruction, 7, 5);
}

static uint64_t with_riscv_low12(pe_reloc_kind kind, uint64_t instruction, uint64_t value)
{
    if (kind == PE_RELOC_RISCV_LOW12I)
        return with_bits(instruction, 20, 12, value);
    return with_bits(with_bits(instruction, 7, 5, value), 25, 7, value >> 5);
}

/* The low part is signed, so that the high part is one more where that is negative. */
static void add_riscv_pair(pe_reloc_kind kind, uint8_t *high, uint8_t *low, uint64_t delta)
{
    uint64_t part = riscv_low12(kind, load(low, 4));
    uint64_t address =
        (bits(load(high, 4), 12, 20) << 12) + part - (bits(part, 11, 1) << 12) + delta;
    store(high, 4, with_bits(load(high, 4), 12, 20, (address + 0x800) >> 12));
    store(low, 4, with_riscv_low12(kind, load(low, 4), address));
}

void ldr__fixup_apply(pe_reloc_kind kind, uint8_t *at, uint64_t delta, uint16_t parameter,
                      uint8_t *high20)
{
    switch (kind) {
    case PE_RELOC_UNKNOWN:
    case PE_RELOC_ABSOLUTE:
    case PE_RELOC_RISCV_HIGH20:
        return;
    case PE_RELOC_HIGH:
        add(at, 2, delta >> 16);
        return;
    case PE_RELOC_LOW:
        add(at, 2, delta);
        return;
    case PE_RELOC_HIGHLOW:
        add(at, 4, delta);
        return;
    case PE_RELOC_HIGHADJ:
        add_highadj(at, delta, parameter);
        return;
    case PE_RELOC_DIR64:
        add(at, 8, delta);
        return;
    case PE_RELOC_ARM_MOV32:
        add_arm_mov32(at, delta);
        return;
    case PE_RELOC_THUMB_MOV32:
        add_thumb_mov32(at, delta);
        return;
    case PE_RELOC_MIPS_JMPADDR:
        add_mips_jmpaddr(at, delta);
        return;
    case PE_RELOC_MIPS_JMPADDR16:
        add_mips_jmpaddr16(at, delta);
        return;
    case PE_RELOC_IA64_IMM64:
        add_ia64_imm64(at, delta);
        return;
    case PE_RELOC_LOONGARCH32_MARK_LA:
        add_loongarch_la(at, 2, delta);
        return;
    case PE_RELOC_LOONGARCH64_MARK_LA:
        add_loongarch_la(at, 4, delta);
        return;
    case PE_RELOC_RISCV_LOW12I:
    case PE_RELOC_RISCV_LOW12S:
        add_riscv_pair(kind, high20, at, delta);
        return;
    }
}

/* ---- Most of them ---- */

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

uint32_t ldr__fixup_apply_plain(uint8_t *page, const uint8_t *entries, uint32_t first, uint32_t end,
                                uint64_t delta)
{
    for (uint32_t i = first; i < end; i++) {
        uint16_t entry;
        memcpy(&entry, entries + 2 * (size_t)i, sizeof entry);
        if ((entry & 0xFFF) > LDR__PLAIN_LAST)
            return i;
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
