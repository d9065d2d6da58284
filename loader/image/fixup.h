/* fixup.h: what one base relocation does to the bytes it names (rules D.3 and D8). */
#ifndef PELOAD_FIXUP_H
#define PELOAD_FIXUP_H

#include <peload/pe.h>

/* Widest of all in bytes. */
#define LDR__FIXUP_MAX 16

/* What a type of relocation means on one machine. */
typedef enum ldr__fixup {
    LDR__FIXUP_UNKNOWN, /* the machine has no such type */
    LDR__FIXUP_NOTHING, /* accepted, changes nothing */
    LDR__FIXUP_HIGH,
    LDR__FIXUP_LOW,
    LDR__FIXUP_HIGHLOW,
    LDR__FIXUP_HIGHADJ, /* takes the entry after it, too */
    LDR__FIXUP_DIR64,
    LDR__FIXUP_ARM_MOV32,
    LDR__FIXUP_THUMB_MOV32,
    LDR__FIXUP_MIPS_JMPADDR,
    LDR__FIXUP_MIPS_JMPADDR16,
    LDR__FIXUP_IA64_IMM64,
    LDR__FIXUP_LOONGARCH_MARK_LA,
    LDR__FIXUP_RISCV_HIGH20, /* changes nothing until a LOW12 comes, which changes both */
    LDR__FIXUP_RISCV_LOW12I,
    LDR__FIXUP_RISCV_LOW12S,
} ldr__fixup;

/* `type` is that of an entry: 0 to 15. */
ldr__fixup ldr__fixup_of(uint16_t machine, pe_profile profile, unsigned type);

/* Bytes from the place of a fixup on that it may change or reads. */
uint32_t ldr__fixup_width(ldr__fixup fixup);

/*
 * Adds `delta` to the address at `at`, of which all bytes can be written. `parameter` is the low
 * half that HIGHADJ takes, `high20` the place of the HIGH20 that a LOW12 belongs to; both are
 * otherwise not looked at.
 */
void ldr__fixup_apply(ldr__fixup fixup, uint8_t *at, uint64_t delta, uint16_t parameter,
                      uint8_t *high20);

#endif
