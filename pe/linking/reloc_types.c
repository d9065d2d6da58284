#include <peload/pe.h>

typedef enum family {
    FAMILY_NONE,
    FAMILY_MIPS,
    FAMILY_ARM,
    FAMILY_RISCV,
    FAMILY_LOONGARCH32,
    FAMILY_LOONGARCH64
} family;

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
        return FAMILY_LOONGARCH32;
    case PE_MACHINE_LOONGARCH64:
        return FAMILY_LOONGARCH64;
    default:
        return FAMILY_NONE;
    }
}

/* Types 5 to 9, which each family of machines has for itself. */
static pe_reloc_kind own_kind_of(uint16_t machine, uint32_t type)
{
    static const pe_reloc_kind kinds[][5] = {
        [FAMILY_NONE] = {PE_RELOC_UNKNOWN},
        [FAMILY_MIPS] = {[0] = PE_RELOC_MIPS_JMPADDR, [4] = PE_RELOC_MIPS_JMPADDR16},
        [FAMILY_ARM] = {[0] = PE_RELOC_ARM_MOV32, [2] = PE_RELOC_THUMB_MOV32},
        [FAMILY_RISCV] =
            {[0] = PE_RELOC_RISCV_HIGH20, [2] = PE_RELOC_RISCV_LOW12I, [3] = PE_RELOC_RISCV_LOW12S},
        [FAMILY_LOONGARCH32] = {[3] = PE_RELOC_LOONGARCH32_MARK_LA},
        [FAMILY_LOONGARCH64] = {[3] = PE_RELOC_LOONGARCH64_MARK_LA},
    };
    if (machine == PE_MACHINE_IA64 && type == 9)
        return PE_RELOC_IA64_IMM64;
    return kinds[family_of(machine)][type - 5];
}

pe_reloc_kind pe_reloc_kind_of(uint16_t machine, uint32_t type)
{
    static const pe_reloc_kind common[] = {PE_RELOC_ABSOLUTE, PE_RELOC_HIGH, PE_RELOC_LOW,
                                           PE_RELOC_HIGHLOW, PE_RELOC_HIGHADJ};
    if (type < sizeof common / sizeof common[0])
        return common[type];
    if (type < PE_REL_DIR64)
        return own_kind_of(machine, type);
    return type == PE_REL_DIR64 ? PE_RELOC_DIR64 : PE_RELOC_UNKNOWN;
}

const char *pe_reloc_type_name(uint16_t machine, uint32_t type)
{
    static const char *const names[] = {NULL,
#define X(name) #name,
                                        PE_RELOC_KIND_LIST(X)
#undef X
    };
    return names[pe_reloc_kind_of(machine, type)];
}
