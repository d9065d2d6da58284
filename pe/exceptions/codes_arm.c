#include "pe/image/bytes.h"

enum { BYTE_BITS = 8, SIZE_MAX_CODE = 4, LR = 14 };

/* The first registers of SVE that are ever saved: z8 to z23, p4 to p15. */
enum { FIRST_Z = 8, FIRST_P = 4 };

/* A row of the lists in exceptions.h. */
typedef struct form {
    uint8_t mask, match, size;
    uint8_t first, step, shift, register_bits;
    uint8_t value_bits, add, scale;
} form;

static const form forms[PE_ARM_OPERATION_COUNT] = {
#define X(name, ...) [PE_ARM64_##name] = {__VA_ARGS__},
    PE_ARM64_CODE_LIST(X)
#undef X
#define X(name, ...) [PE_ARM_##name] = {__VA_ARGS__},
        PE_ARM_CODE_LIST(X)
#undef X
};

const char *pe_arm_operation_name(pe_arm_operation operation)
{
    static const char *const names[PE_ARM_OPERATION_COUNT] = {
#define X(name, ...) [PE_ARM64_##name] = #name,
        PE_ARM64_CODE_LIST(X)
#undef X
#define X(name, ...) [PE_ARM_##name] = #name,
            PE_ARM_CODE_LIST(X)
#undef X
    };
    return (uint32_t)operation < PE_ARM_OPERATION_COUNT ? names[operation] : NULL;
}

void pe_arm_codes(const pe_image *image, const pe_arm_xdata *xdata, uint32_t start,
                  pe_arm_code_iter *ret_iter)
{
    *ret_iter = (pe_arm_code_iter){.image = image, .xdata = *xdata, .next = start, .status = PE_OK};
}

static bool find_operation(bool is_64, uint8_t byte, pe_arm_operation *ret_operation)
{
    int first = is_64 ? 0 : PE_ARM_ALLOC_S;
    int end = is_64 ? PE_ARM_ALLOC_S : PE_ARM_OPERATION_COUNT;
    for (int i = first; i < end; i++) {
        if ((byte & forms[i].mask) != forms[i].match)
            continue;
        *ret_operation = (pe_arm_operation)i;
        return true;
    }
    return false;
}

static uint32_t low_bits(uint32_t value, uint32_t count)
{
    return value & ((UINT32_C(1) << count) - 1);
}

/* Registers `first` to `last`, both included; none if `last` is less. */
static uint32_t range(uint32_t first, uint32_t last)
{
    return last < first ? 0 : UINT32_MAX >> (31 - last) & UINT32_MAX << first;
}

/* The sets of registers of ARM. */
static uint32_t register_set(pe_arm_operation operation, uint32_t bits)
{
    uint32_t lr = UINT32_C(1) << LR;
    switch (operation) {
    case PE_ARM_POP_W:
        return low_bits(bits, 13) | ((bits & 0x2000) != 0 ? lr : 0);
    case PE_ARM_POP_R4_TO:
        return range(4, 4 + low_bits(bits, 2)) | ((bits & 4) != 0 ? lr : 0);
    case PE_ARM_POP_R4_TO_W:
        return range(4, 8 + low_bits(bits, 2)) | ((bits & 4) != 0 ? lr : 0);
    case PE_ARM_POP:
        return low_bits(bits, 8) | ((bits & 0x100) != 0 ? lr : 0);
    case PE_ARM_VPOP_D8_TO:
        return range(8, 8 + low_bits(bits, 3));
    case PE_ARM_VPOP:
        return range(bits >> 4 & 15, bits & 15);
    case PE_ARM_VPOP_D16:
        return range(16 + (bits >> 4 & 15), 16 + (bits & 15));
    default:
        return 0;
    }
}

/* Of the instruction of a code of ARM. */
static uint32_t instruction_size(pe_arm_operation operation)
{
    switch (operation) {
    case PE_ARM_END:
        return 0;
    case PE_ARM_ALLOC_S:
    case PE_ARM_MOV_SP:
    case PE_ARM_POP_R4_TO:
    case PE_ARM_POP:
    case PE_ARM_MICROSOFT:
    case PE_ARM_ALLOC_L:
    case PE_ARM_ALLOC_XL:
    case PE_ARM_NOP:
    case PE_ARM_END_NOP:
        return 2;
    default:
        return operation < PE_ARM_ALLOC_S ? 0 : 4;
    }
}

/* SVE's form: registers of 4 bits, the offset has two more of them. p0 to p3 are reserved. */
static bool decode_scalable(pe_arm_code *code)
{
    uint32_t number = code->bits >> 8 & 15;
    bool is_predicate = (code->bits & 0x1000) != 0;
    code->kind = is_predicate ? 'p' : 'z';
    code->first = is_predicate ? number : number + FIRST_Z;
    code->value = (code->bits >> 13 & 3) << 6 | low_bits(code->bits, 6);
    return !is_predicate || number >= FIRST_P;
}

/* Bit 7 of the second byte is reserved. */
static bool decode_any_register(pe_arm_code *code)
{
    static const char kinds[] = {'x', 'd', 'q'};
    uint32_t offset = low_bits(code->bits, 6), kind = code->bits >> 6 & 3;
    if ((code->bits & 0x8000) != 0)
        return false;
    if (kind == sizeof kinds)
        return decode_scalable(code);
    code->kind = kinds[kind];
    code->is_pair = (code->bits & 0x4000) != 0;
    code->is_writeback = (code->bits & 0x2000) != 0;
    bool is_wide = code->is_pair || code->is_writeback || code->kind == 'q';
    code->value = (offset + (code->is_writeback ? 1 : 0)) * (is_wide ? 16 : 8);
    return true;
}

/* LDR_LR has its high bits reserved, and so have Microsoft's own codes. */
static bool decode(pe_arm_code *code)
{
    const form *form_of = &forms[code->operation];
    code->first = form_of->first +
                  form_of->step * low_bits(code->bits >> form_of->shift, form_of->register_bits);
    code->value = (low_bits(code->bits, form_of->value_bits) + form_of->add) * form_of->scale;
    code->registers = register_set(code->operation, code->bits);
    code->instruction_size = instruction_size(code->operation);
    if (code->operation == PE_ARM64_SAVE_ANY_REG)
        return decode_any_register(code);
    if (code->operation == PE_ARM_LDR_LR || code->operation == PE_ARM_MICROSOFT)
        return (code->bits & 0xF0) == 0;
    return true;
}

/* END_C is none: the codes of the function that a fragment belongs to follow it. */
static bool is_end(pe_arm_operation operation)
{
    return operation == PE_ARM64_END || operation == PE_ARM_END || operation == PE_ARM_END_NOP ||
           operation == PE_ARM_END_NOP_W;
}

/* Reads the bytes of a code whose first byte has been looked at. */
static pe_status read_code(const pe_arm_code_iter *iter, pe_arm_code *code)
{
    uint8_t raw[SIZE_MAX_CODE];
    code->size = forms[code->operation].size;
    if (!pe_range_ok(iter->xdata.code_size, iter->next, code->size))
        return PE_BAD_FORMAT;
    pe_status status = pe_read(iter->image, code->at, raw, code->size);
    for (uint32_t i = 0; status == PE_OK && i < code->size; i++)
        code->bits = code->bits << BYTE_BITS | raw[i];
    if (status == PE_OK && !decode(code))
        return PE_BAD_FORMAT;
    return status;
}

static pe_status next_code(const pe_arm_code_iter *iter, pe_arm_code *code)
{
    uint8_t byte;
    if (iter->is_last)
        return PE_END;
    if (iter->next >= iter->xdata.code_size)
        return PE_BAD_FORMAT;
    if (!pe__element(iter->xdata.codes, iter->next, 1, &code->at))
        return PE_OUT_OF_BOUNDS;
    pe_status status = pe_read(iter->image, code->at, &byte, sizeof byte);
    if (status != PE_OK)
        return status;
    return find_operation(iter->xdata.is_64, byte, &code->operation) ? read_code(iter, code)
                                                                     : PE_BAD_FORMAT;
}

pe_status pe_arm_code_next(pe_arm_code_iter *iter, pe_arm_code *ret_code)
{
    pe_arm_code code = {0};
    if (iter->status == PE_OK)
        iter->status = next_code(iter, &code);
    if (iter->status != PE_OK)
        return iter->status;
    iter->next += code.size;
    iter->is_last = is_end(code.operation) || iter->next == iter->xdata.code_size;
    *ret_code = code;
    return PE_OK;
}
