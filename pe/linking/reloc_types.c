#include <peload/pe.h>

typedef enum family { FAMILY_NONE, FAMILY_MIPS, FAMILY_ARM, FAMILY_RISCV, FAMILY_LOONGARCH } family;

static family family_of(uint16_t machine)
{
    switch (machine) {
    case PE_MACHINE_R3000:
    case PE_MACHINE_R4000:
    case PE_MACHINE_R10000:
    case PE_MACHINE_WCEMIPSV2:
    case PE_MACHINE_MIPS16:
    case PE_MACHINE_MIPSFPU:
    case PE_MACHINE_MIPSFPU16:
        return FAMILY_MIPS;
    case PE_MACHINE_ARM:
    case PE_MACHINE_THUMB:
    case PE_MACHINE_ARMNT:
        return FAMILY_ARM;
    case PE_MACHINE_RISCV32:
    case PE_MACHINE_RISCV64:
    case PE_MACHINE_RISCV128:
        return FAMILY_RISCV;
    case PE_MACHINE_LOONGARCH32:
    case PE_MACHINE_LOONGARCH64:
        return FAMILY_LOONGARCH;
    default:
        return FAMILY_NONE;
    }
}

/* Types 5 to 9, which each family of machines has for itself. */
static const char *own_type_name(uint16_t machine, uint32_t type)
{
    static const char *const names[][5] = {
        [FAMILY_MIPS] = {"MIPS_JMPADDR", NULL, NULL, NULL, "MIPS_JMPADDR16"},
        [FAMILY_ARM] = {"ARM_MOV32", NULL, "THUMB_MOV32"},
        [FAMILY_RISCV] = {"RISCV_HIGH20", NULL, "RISCV_LOW12I", "RISCV_LOW12S"},
        [FAMILY_LOONGARCH] = {NULL, NULL, NULL, "LOONGARCH_MARK_LA"},
    };
    if (machine == PE_MACHINE_IA64 && type == 9)
        return "IA64_IMM64";
    return names[family_of(machine)][type - 5];
}

const char *pe_reloc_type_name(uint16_t machine, uint32_t type)
{
    static const char *const names[] = {"ABSOLUTE", "HIGH", "LOW", "HIGHLOW", "HIGHADJ"};
    if (type < 5)
        return names[type];
    if (type < 10)
        return own_type_name(machine, type);
    return type == PE_REL_DIR64 ? "DIR64" : NULL;
}
